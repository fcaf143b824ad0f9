//! What two snapshots of hosts differ in, as text and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use crate::fitness::difference::Difference;
use crate::fitness::difference::Rank;
use crate::fitness::difference::is_any_below;
use crate::fitness::snapshot::Value;
use crate::report::doctor::sides;
use crate::report::doctor::sides::Row;
use crate::report::document;
use crate::report::paint::Paint;
use crate::report::paint::Tone;

/// Version of the file's shape.
pub const SCHEMA: u32 = 1;

/// Width of a key.
const KEY_WIDTH: usize = 50;

/// Returns the differences for a terminal.
pub fn text(differences: &[Difference], paint: Paint) -> String {
    let mut text = String::new();
    for (rank, title, tone) in [
        (
            Rank::BelowNeed,
            "the new host has less than the scenario needs",
            Tone::Bad,
        ),
        (Rank::Smaller, "the new host has less", Tone::Warn),
        (Rank::Other, "what else differs", Tone::Strong),
    ] {
        let of_rank = differences
            .iter()
            .filter(|difference| difference.rank == rank);
        let of_rank: Vec<Row> = of_rank.map(row).collect();
        if of_rank.is_empty() {
            continue;
        }
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", paint.text(tone, title));
        sides::put(&mut text, ["old", "new"], KEY_WIDTH, &of_rank, paint);
        text.push('\n');
    }
    text.push_str(&summary(differences));
    text
}

fn row(difference: &Difference) -> Row {
    let side = |value: &Option<Value>| value.as_ref().map(Value::text);
    let note = match difference.rank {
        Rank::BelowNeed => difference.need.clone(),
        Rank::Smaller | Rank::Other => String::new(),
    };
    Row {
        key: format!("{} {}", difference.section, difference.key),
        sides: [side(&difference.old), side(&difference.new)],
        note,
    }
}

fn summary(differences: &[Difference]) -> String {
    let count = |rank| {
        let of_rank = differences
            .iter()
            .filter(|difference| difference.rank == rank);
        of_rank.count()
    };
    let (below, smaller, other) = (
        count(Rank::BelowNeed),
        count(Rank::Smaller),
        count(Rank::Other),
    );
    if differences.is_empty() {
        "verdict: no difference\n".to_owned()
    } else if is_any_below(differences) {
        format!("verdict: NOT ENOUGH: {below} below the need, {smaller} smaller, {other} other\n")
    } else {
        format!("verdict: enough as far as is known: {smaller} smaller, {other} other\n")
    }
}

#[derive(Debug, Serialize)]
struct DifferenceFile<'a> {
    schema: u32,
    tool: &'static str,
    /// `enough`, or `below_need`.
    verdict: &'static str,
    differences: Vec<RowFile<'a>>,
}

#[derive(Debug, Serialize)]
struct RowFile<'a> {
    rank: &'static str,
    section: &'a str,
    key: &'a str,
    old: Option<String>,
    new: Option<String>,
    need: &'a str,
}

/// Returns the differences as JSON.
///
/// # Errors
///
/// When a number has no place in JSON; none of a difference has.
pub fn json(differences: &[Difference]) -> Result<String, serde_json::Error> {
    let rows = differences.iter().map(|difference| RowFile {
        rank: difference.rank.name(),
        section: &difference.section,
        key: &difference.key,
        old: difference.old.as_ref().map(Value::text),
        new: difference.new.as_ref().map(Value::text),
        need: &difference.need,
    });
    let file = DifferenceFile {
        schema: SCHEMA,
        tool: env!("CARGO_PKG_VERSION"),
        verdict: if is_any_below(differences) {
            "below_need"
        } else {
            "enough"
        },
        differences: rows.collect(),
    };
    document::text(&file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::layout::WIDTH_MAX;

    fn differences() -> Vec<Difference> {
        let row = |rank, key: &str, old: &str, new: &str| Difference {
            rank,
            section: "limits".to_owned(),
            key: key.to_owned(),
            old: Some(Value::parse(old)),
            new: Some(Value::parse(new)),
            need: "1032 descriptors for 1000 users".to_owned(),
        };
        vec![
            row(Rank::BelowNeed, "max_open_files.soft", "65536", "1024"),
            row(Rank::Other, &"k".repeat(90), &"a".repeat(64), "\x1b[2J"),
        ]
    }

    #[test]
    fn what_is_too_small_stands_first_with_the_need() {
        let text = text(&differences(), Paint::Plain);
        for tell in [
            "the new host has less than the scenario needs\n",
            "  limits max_open_files.soft  65536  1024\n    → 1032 descriptors for 1000 users\n",
            "\\x1b[2J",
            "verdict: NOT ENOUGH: 1 below the need, 0 smaller, 1 other\n",
        ] {
            assert!(text.contains(tell), "{tell} is not in:\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH_MAX));
    }

    #[test]
    fn the_file_has_what_scripts_rely_on() {
        let text = json(&differences()).unwrap();
        let file: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (place, want) in [
            ("/schema", "1"),
            ("/verdict", "\"below_need\""),
            ("/differences/0/rank", "\"below_need\""),
            ("/differences/0/new", "\"1024\""),
        ] {
            let found = file.pointer(place).map(ToString::to_string);
            assert_eq!(found.as_deref(), Some(want), "{place}");
        }
    }
}
