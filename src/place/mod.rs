//! A spot in a file, what was expected there and what to do: the error of every reader.

use std::fmt;

use thiserror::Error;

pub mod table;

/// A spot in a named input. Lines and columns count from one; zero means that the spot is the whole line or file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The input's name as the user gave it.
    pub path: String,
    /// The line, from one; zero for the whole input.
    pub line: u64,
    /// The column in characters, from one; zero for the whole line.
    pub column: u64,
}

impl Place {
    /// Returns the place that is a whole input.
    pub fn file(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            line: 0,
            column: 0,
        }
    }

    /// Returns the place of a whole line, counted from one.
    pub fn line(path: impl Into<String>, line: u64) -> Self {
        Self {
            path: path.into(),
            line,
            column: 0,
        }
    }

    /// Returns the place of the byte `offset` of `text`, the content of `path`.
    pub fn in_text(path: impl Into<String>, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = 1 + before.bytes().filter(|&byte| byte == b'\n').count() as u64;
        let column = 1 + before
            .rsplit('\n')
            .next()
            .map_or(0, |tail| tail.chars().count()) as u64;
        Self {
            path: path.into(),
            line,
            column,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.line > 0 && self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        Ok(())
    }
}

/// What a reader found wrong, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what}")]
#[non_exhaustive]
pub struct Misread {
    /// What was expected and what was found: lower case, no full stop.
    pub what: String,
    /// Where.
    pub place: Place,
    /// What to do; empty if that is plain.
    pub help: String,
    /// The source line at the place, for display; empty if there is none to show.
    pub excerpt: String,
}

impl Misread {
    /// Returns the error that `what` is wrong at `place`.
    pub fn new(what: impl Into<String>, place: Place) -> Self {
        Self {
            what: what.into(),
            place,
            help: String::new(),
            excerpt: String::new(),
        }
    }

    /// Returns the error with advice added.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// Returns the error with the source line at its place added.
    #[must_use]
    pub fn with_excerpt(mut self, text: &str) -> Self {
        let index = usize::try_from(self.place.line.saturating_sub(1)).unwrap_or(usize::MAX);
        text.lines()
            .nth(index)
            .unwrap_or_default()
            .clone_into(&mut self.excerpt);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_offset_becomes_line_and_column() {
        let place = Place::in_text("a.toml", "x = 1\nrate = '12x'\n", 13);
        assert_eq!(place.to_string(), "a.toml:2:8");
    }

    #[test]
    fn columns_count_characters_not_bytes() {
        assert_eq!(Place::in_text("a", "é = 1", 3).column, 3);
    }

    #[test]
    fn a_place_shows_only_what_is_known() {
        assert_eq!(Place::file("a").to_string(), "a");
        assert_eq!(Place::line("a", 3).to_string(), "a:3");
    }
}
