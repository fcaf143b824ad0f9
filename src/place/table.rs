//! Tables of named columns (CSV): which columns there are, and where in the text a cell stands.

use csv::ErrorKind;
use csv::StringRecord;

use crate::place::Misread;
use crate::place::Place;

/// A column that a table may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in the first row.
    pub name: &'static str,
    /// Whether every table must have it.
    pub is_required: bool,
}

/// What stands in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// What anybody may read. Lines that begin with `#` are comments.
    Open,
    /// Passwords: errors show nothing of it, and a `#` may begin one.
    Secret,
}

/// A table in a text.
#[derive(Clone, Debug)]
pub struct Table<'a> {
    path: &'a str,
    text: &'a str,
    columns: &'static [Column],
    content: Content,
    /// Where each of `columns` stands.
    positions: Vec<Option<usize>>,
    records: Vec<StringRecord>,
}

/// A row of a table.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a, 't> {
    table: &'t Table<'a>,
    record: &'t StringRecord,
}

impl<'a> Table<'a> {
    /// Reads a table; `path` names it in errors, which show nothing that stands in it but names of unknown columns.
    ///
    /// # Errors
    ///
    /// Returns which column is unknown, missing or there twice, or which row has another number of cells.
    pub fn read(
        path: &'a str,
        text: &'a str,
        columns: &'static [Column],
        content: Content,
    ) -> Result<Self, Misread> {
        let mut reader = csv::ReaderBuilder::new()
            .comment((content == Content::Open).then_some(b'#'))
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let mut table = Self {
            path,
            text,
            columns,
            content,
            positions: Vec::new(),
            records: Vec::new(),
        };
        let head = reader.headers().map_err(|error| table.broken(&error))?;
        let head = head.clone();
        table.check_head(&head)?;
        let position = |column: &Column| head.iter().position(|name| name == column.name);
        table.positions = columns.iter().map(position).collect();
        for record in reader.into_records() {
            let record = record.map_err(|error| table.broken(&error))?;
            table.records.push(record);
        }
        Ok(table)
    }

    /// Returns its rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'a, '_>> {
        self.records.iter().map(|record| Row {
            table: self,
            record,
        })
    }

    fn check_head(&self, head: &StringRecord) -> Result<(), Misread> {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name).collect();
        let help = format!("the columns are {}", names.join(","));
        for (index, name) in head.iter().enumerate() {
            let what = if !names.contains(&name) {
                match self.content {
                    Content::Open => format!("unknown column `{name}`"),
                    // Where the names of columns are missing, this is the first row.
                    Content::Secret => "unknown column".to_owned(),
                }
            } else if head.iter().take(index).any(|other| other == name) {
                format!("the column `{name}` is there twice")
            } else {
                continue;
            };
            return Err(self.misread(what, head, Some(index)).with_help(help));
        }
        let missing: Vec<&str> = self
            .columns
            .iter()
            .filter(|column| column.is_required && !head.iter().any(|name| name == column.name))
            .map(|column| column.name)
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let what = match missing.as_slice() {
            [one] => format!("the column `{one}` is missing"),
            several => format!("the columns {} are missing", several.join(",")),
        };
        Err(self.misread(what, head, None).with_help(help))
    }

    fn broken(&self, error: &csv::Error) -> Misread {
        match error.kind() {
            ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => {
                let what =
                    format!("expected {expected_len} cells as in the first row, found {len}");
                let at = error.position().map_or(0, csv::Position::byte);
                let place = self.place(at, None);
                Misread::new(what, place).with_help(
                    "a cell that holds a comma stands in quotes; an empty one needs its comma",
                )
            }
            _ => Misread::new(
                "expected a table of comma-separated values",
                Place::file(self.path),
            ),
        }
    }

    fn misread(&self, what: String, record: &StringRecord, cell: Option<usize>) -> Misread {
        let at = record.position().map_or(0, csv::Position::byte);
        Misread::new(what, self.place(at, cell))
    }

    /// Returns where a cell of the record at that byte stands; without a cell, its line.
    fn place(&self, at: u64, cell: Option<usize>) -> Place {
        let start = self.record_start(usize::try_from(at).unwrap_or(usize::MAX));
        let record = self.text.get(start..).unwrap_or_default();
        let skipped = cell.map_or(0, |cell| cell_start(record, cell));
        let mut place = Place::in_text(self.path, self.text, start + skipped);
        if cell.is_none() {
            place.column = 0;
        }
        place
    }

    /// Returns where the record begins that is read from there: comments and blank lines before it are skipped.
    fn record_start(&self, from: usize) -> usize {
        let mut at = from.min(self.text.len());
        while let Some(rest) = self.text.get(at..) {
            let is_comment = self.content == Content::Open && rest.starts_with('#');
            let is_skipped = is_comment || rest.starts_with(['\n', '\r']);
            match rest.find('\n') {
                Some(end) if is_skipped => at += end + 1,
                _ => break,
            }
        }
        at
    }
}

impl<'a> Row<'a, '_> {
    /// Returns the cell of a column; empty where the table has none.
    pub fn cell(&self, name: &str) -> &str {
        self.index(name)
            .and_then(|index| self.record.get(index))
            .unwrap_or_default()
    }

    /// Returns the error that a cell is wrong, at its place; the line is not shown.
    pub fn misread(&self, name: &str, what: impl Into<String>) -> Misread {
        self.table
            .misread(what.into(), self.record, self.index(name))
    }

    /// Returns the text of the table, for errors that may show it.
    pub fn text(&self) -> &'a str {
        self.table.text
    }

    fn index(&self, name: &str) -> Option<usize> {
        let columns = self.table.columns.iter();
        let mut found = columns.zip(&self.table.positions);
        *found.find(|(column, _)| column.name == name)?.1
    }
}

/// Returns where the cell of that number begins in a record: a comma in quotes parts nothing.
fn cell_start(record: &str, cell: usize) -> usize {
    let (mut is_quoted, mut commas) = (false, 0);
    if cell == 0 {
        return 0;
    }
    for (at, c) in record.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => {
                commas += 1;
                if commas == cell {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    record.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[
        Column {
            name: "name",
            is_required: true,
        },
        Column {
            name: "note",
            is_required: false,
        },
    ];

    #[track_caller]
    fn check(text: &str, want: &str) {
        let misread = Table::read("a.csv", text, COLUMNS, Content::Open).unwrap_err();
        assert_eq!(format!("{} {misread}", misread.place), want);
    }

    #[test]
    fn columns_are_known_by_their_names() {
        let text = "# a comment\nnote,name\n\n\"x, y\",oak\n";
        let table = Table::read("a.csv", text, COLUMNS, Content::Open).unwrap();
        let row = table.rows().next().unwrap();
        assert_eq!((row.cell("name"), row.cell("note")), ("oak", "x, y"));
        let misread = row.misread("name", "wrong");
        assert_eq!(misread.place.to_string(), "a.csv:4:8");
        let table = Table::read("a.csv", "name\noak\n", COLUMNS, Content::Secret).unwrap();
        assert_eq!(table.rows().next().unwrap().cell("note"), "");
    }

    #[test]
    fn columns_that_are_wrong_are_named() {
        check("name,nope\n", "a.csv:1:6 unknown column `nope`");
        check("note\n", "a.csv:1 the column `name` is missing");
        check("name,name\n", "a.csv:1:6 the column `name` is there twice");
        check(
            "name,note\n\noak\n",
            "a.csv:3 expected 2 cells as in the first row, found 1",
        );
        check("", "a.csv:1 the column `name` is missing");
    }

    #[test]
    fn what_is_secret_is_not_shown() {
        let misread = Table::read("a.csv", "#needles,oak\n", COLUMNS, Content::Secret).unwrap_err();
        assert_eq!(
            format!("{} {misread}", misread.place),
            "a.csv:1:1 unknown column"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_reads_or_is_refused_without_panic(text in "(name|note|,|\"|\n|#|é| ){0,40}") {
            if let Ok(table) = Table::read("a.csv", &text, COLUMNS, Content::Open) {
                for row in table.rows() {
                    let _ = row.misread("note", row.cell("name"));
                }
            }
        }
    }
}
