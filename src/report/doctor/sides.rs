//! Values side by side, and why a row of them matters beneath it.

use std::fmt::Write as _;

use crate::report::layout;
use crate::report::layout::Columns;
use crate::report::layout::WIDTH_MAX;
use crate::report::paint::Paint;
use crate::report::paint::Tone;

/// Width of a value: of a digest its beginning.
const VALUE_WIDTH: usize = 24;

/// One thing of which there are two.
pub(super) struct Row {
    /// Its section and its name there.
    pub(super) key: String,
    /// What it is on either side; `None` where it is not there.
    pub(super) sides: [Option<String>; 2],
    /// Why that matters; empty where it does not.
    pub(super) note: String,
}

/// Writes rows under the names of the two sides. A key has `key_width` at most.
pub(super) fn put(
    text: &mut String,
    names: [&str; 2],
    key_width: usize,
    rows: &[Row],
    paint: Paint,
) {
    let mut columns = Columns::new(3, 3);
    let [one, other] = names.map(str::to_owned);
    columns.push([String::new(), one, other]);
    for row in rows {
        let [one, other] = row.sides.each_ref().map(|side| shown(side.as_deref()));
        let key = layout::elided(&layout::printable(&row.key), key_width);
        columns.push([key, one, other]);
    }
    let mut lines = columns.lines().into_iter();
    if let Some(head) = lines.next() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {head}");
    }
    for (line, row) in lines.zip(rows) {
        if row.note.is_empty() {
            let _ = writeln!(text, "  {line}");
            continue;
        }
        let _ = writeln!(text, "  {}", paint.text(Tone::Warn, &line));
        for line in layout::wrapped(&format!("→ {}", row.note), WIDTH_MAX - 4) {
            let _ = writeln!(text, "    {line}");
        }
    }
}

fn shown(value: Option<&str>) -> String {
    let text = match value {
        None => "–",
        Some("") => "yes",
        Some(value) => value,
    };
    layout::elided(&layout::printable(text), VALUE_WIDTH)
}
