//! Lines for a terminal: wrapped paragraphs, aligned columns, nothing that a terminal would obey.

use std::fmt::Write;

use crate::gate::figure;

/// Columns that text takes at most: two such windows fit on a screen, and logs of pipelines cut no later.
pub(crate) const WIDTH_MAX: usize = 100;

/// Returns a figure in three or four places.
pub(crate) fn number(value: f64) -> String {
    if value.abs() >= 100.0 {
        format!("{value:.0}")
    } else if value.abs() >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}

/// Returns text with its control characters spelt out: a target must not steer the reader's terminal.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\x{:02x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Returns so many of something: `1 seat`, `12 seats`.
pub(crate) fn counted(count: u64, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{} {what}{s}", figure::count(count))
}

/// Returns a name of results, such as `cut_short`, as words.
pub(crate) fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// Returns text of at most `width` characters, the last of them `…` where more was cut off.
pub(crate) fn elided(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept = text.chars().take(width.saturating_sub(1));
    kept.chain(['…']).collect()
}

/// Returns the lines of a paragraph of at most `width` characters; a longer word stands alone.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let needed = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && needed > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// Which side of its column a cell stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// Rows of cells in aligned columns.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    sides: Vec<Side>,
    rows: Vec<Vec<String>>,
}

impl Columns {
    /// Returns a table of that many columns: the first `left_count` at the left, the others at the right.
    pub(crate) fn new(left_count: usize, count: usize) -> Self {
        let side = |index| {
            if index < left_count {
                Side::Left
            } else {
                Side::Right
            }
        };
        Self {
            sides: (0..count).map(side).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub(crate) fn push<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// Returns the lines, two spaces between columns, none at the end.
    pub(crate) fn lines(&self) -> Vec<String> {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.sides.len()).map(width).collect();
        self.rows
            .iter()
            .map(|row| {
                let cells = row.iter().zip(&widths).zip(&self.sides);
                let cells: Vec<String> = cells
                    .map(|((cell, &width), side)| {
                        let gap = " ".repeat(width.saturating_sub(cell.chars().count()));
                        match side {
                            Side::Left => format!("{cell}{gap}"),
                            Side::Right => format!("{gap}{cell}"),
                        }
                    })
                    .collect();
                cells.join("  ").trim_end().to_owned()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(
            printable("a\x1b[2Jb\u{1}é\u{202e}"),
            "a\\x1b[2Jb\\x01é\\x202e"
        );
    }

    #[test]
    fn what_is_cut_off_is_marked() {
        assert_eq!(elided("cedar", 5), "cedar");
        assert_eq!(elided("cedars", 5), "ceda…");
    }

    #[test]
    fn paragraphs_wrap_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("unbreakable a", 4), ["unbreakable", "a"]);
        assert_eq!(wrapped("", 4), [""]);
    }

    #[test]
    fn columns_align_by_characters() {
        let mut columns = Columns::new(1, 2);
        columns.push(["µs".to_owned(), "5".to_owned()]);
        columns.push(["long".to_owned(), "100".to_owned()]);
        assert_eq!(columns.lines(), ["µs      5", "long  100"]);
    }
}
