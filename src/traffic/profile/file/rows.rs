//! Rows of a profile's table, each of which knows its place for complaints.

use crate::place::Misread;
use crate::place::Place;
use crate::traffic::profile::file::Folder;

/// The rows of one table, in order.
pub(crate) struct Rows<'a> {
    path: String,
    text: &'a str,
    lines: std::iter::Enumerate<std::str::Lines<'a>>,
    columns: Vec<String>,
}

/// One row of a table.
pub(crate) struct Row<'a> {
    path: &'a str,
    text: &'a str,
    line: u64,
    fields: Vec<&'a str>,
    columns: &'a [String],
}

impl<'a> Rows<'a> {
    /// Returns the rows of the table `name`, whose first line is `header`.
    pub(crate) fn open(folder: &Folder<'a>, name: &str, header: &str) -> Result<Self, Misread> {
        let path = folder.path_of(name);
        let text = folder.text(name)?;
        let mut lines = text.lines().enumerate();
        let found = lines.next().map_or("", |(_, line)| line);
        if found != header {
            let what = format!("expected the columns `{header}`, found `{found}`");
            return Err(Misread::new(what, Place::line(path, 1)));
        }
        Ok(Self {
            path,
            text,
            lines,
            columns: header.split(',').map(str::to_owned).collect(),
        })
    }

    /// Returns the next row, or `None` at the end. Empty lines and lines that begin with `#` are skipped.
    pub(crate) fn advance(&mut self) -> Result<Option<Row<'_>>, Misread> {
        for (index, line) in self.lines.by_ref() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let row = Row {
                path: &self.path,
                text: self.text,
                line: index as u64 + 1,
                fields: line.split(',').collect(),
                columns: &self.columns,
            };
            if row.fields.len() != row.columns.len() {
                let (want, found) = (row.columns.len(), row.fields.len());
                return Err(row.misread(format!("expected {want} columns, found {found}")));
            }
            return Ok(Some(row));
        }
        Ok(None)
    }

    /// Returns the next row; its absence is an error that says what the table holds.
    pub(crate) fn demand(&mut self, what: &str) -> Result<Row<'_>, Misread> {
        let place = Place::file(self.path.as_str());
        self.advance()?
            .ok_or_else(|| Misread::new(format!("expected {what}, found fewer rows"), place))
    }

    /// Checks that no row is left.
    pub(crate) fn end(&mut self) -> Result<(), Misread> {
        match self.advance()? {
            Some(row) => {
                Err(row.misread("expected the end of the table, found another row".to_owned()))
            }
            None => Ok(()),
        }
    }
}

impl<'a> Row<'a> {
    /// Returns the error that `what` is wrong in this row.
    pub(crate) fn misread(&self, what: String) -> Misread {
        Misread::new(what, Place::line(self.path, self.line)).with_excerpt(self.text)
    }

    /// Returns the text of a column; empty if the row has no such column.
    pub(crate) fn field(&self, column: usize) -> &'a str {
        self.fields.get(column).copied().unwrap_or_default()
    }

    /// Checks that a column holds `word`.
    pub(crate) fn expect_word(&self, column: usize, word: &str) -> Result<(), Misread> {
        let found = self.field(column);
        if found == word {
            return Ok(());
        }
        Err(self.misread(format!(
            "expected {} {word}, found `{found}`",
            self.name(column)
        )))
    }

    /// Returns the number in a column, which lies from `least` to `most`.
    pub(crate) fn real(&self, column: usize, least: f64, most: f64) -> Result<f64, Misread> {
        let found = self.field(column);
        match found.parse::<f64>() {
            Ok(value) if (least..=most).contains(&value) => Ok(value),
            _ => Err(self.misread(format!(
                "expected {} from {least} to {most}, found `{found}`",
                self.name(column)
            ))),
        }
    }

    /// Returns the whole number in a column.
    pub(crate) fn count(&self, column: usize) -> Result<u32, Misread> {
        let found = self.field(column);
        found.parse().map_err(|_| {
            self.misread(format!(
                "expected a whole {}, found `{found}`",
                self.name(column)
            ))
        })
    }

    /// Returns the user number in a column, which is below `user_count`.
    pub(crate) fn user(&self, column: usize, user_count: usize) -> Result<u32, Misread> {
        let user = self.count(column)?;
        if (user as usize) < user_count {
            return Ok(user);
        }
        Err(self
            .misread(format!("expected a user below {user_count}, found {user}"))
            .with_help("users.csv lists the users"))
    }

    /// Returns the number of a channel or a talk in a column, which is below `count`.
    pub(crate) fn number(&self, column: usize, count: usize) -> Result<u32, Misread> {
        let number = self.count(column)?;
        if (number as usize) < count {
            return Ok(number);
        }
        let name = self.name(column);
        Err(self.misread(format!("expected a {name} below {count}, found {number}")))
    }

    /// Returns the truth of a column that holds 0 or 1.
    pub(crate) fn flag(&self, column: usize) -> Result<bool, Misread> {
        match self.field(column) {
            "0" => Ok(false),
            "1" => Ok(true),
            found => Err(self.misread(format!(
                "expected {} 0 or 1, found `{found}`",
                self.name(column)
            ))),
        }
    }

    /// Returns the name of a column.
    fn name(&self, column: usize) -> &str {
        self.columns.get(column).map_or("", String::as_str)
    }
}
