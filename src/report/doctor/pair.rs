//! What two targets differ in, as text and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use crate::fitness::need::TargetNeed;
use crate::fitness::target::pair::Difference;
use crate::fitness::target::probe::Probe;
use crate::report::doctor::sides;
use crate::report::doctor::sides::Row;
use crate::report::document;
use crate::report::layout;
use crate::report::paint::Paint;

/// Version of the file's shape.
pub const SCHEMA: u32 = 1;

/// Width of a key.
const KEY_WIDTH: usize = 36;

/// Returns the differences for a terminal.
pub fn text(
    probes: [&Probe; 2],
    differences: &[Difference],
    need: Option<&TargetNeed>,
    paint: Paint,
) -> String {
    let mut text = String::new();
    for (name, probe) in ["against", "target"].into_iter().zip(probes) {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{name:8} {}: {} ({})",
            layout::printable(&probe.target),
            layout::printable(&probe.server),
            layout::printable(&probe.version)
        );
    }
    text.push('\n');
    if !differences.is_empty() {
        let rows: Vec<Row> = differences.iter().map(row).collect();
        sides::put(&mut text, ["against", "target"], KEY_WIDTH, &rows, paint);
        text.push('\n');
    }
    let mattering = differences.iter().filter(|row| !row.matters.is_empty());
    let _ = match (differences.len(), need) {
        (0, _) => writeln!(text, "verdict: no difference"),
        (count, None) => writeln!(text, "verdict: DIFFERENT in {count}"),
        (count, Some(need)) => writeln!(
            text,
            "verdict: DIFFERENT in {count}, {} of them matter for {}",
            mattering.count(),
            layout::printable(&need.scenario)
        ),
    };
    text
}

fn row(difference: &Difference) -> Row {
    Row {
        key: format!("{} {}", difference.section, difference.key),
        sides: [difference.one.clone(), difference.other.clone()],
        note: difference.matters.clone(),
    }
}

#[derive(Debug, Serialize)]
struct PairFile<'a> {
    schema: u32,
    tool: &'static str,
    /// `same`, or `different`.
    verdict: &'static str,
    against: &'a Probe,
    target: &'a Probe,
    differences: Vec<RowFile<'a>>,
}

#[derive(Debug, Serialize)]
struct RowFile<'a> {
    section: &'a str,
    key: &'a str,
    against: Option<&'a str>,
    target: Option<&'a str>,
    matters: &'a str,
}

/// Returns the differences as JSON.
///
/// # Errors
///
/// When a number has no place in JSON; none of a difference has.
pub fn json(probes: [&Probe; 2], differences: &[Difference]) -> Result<String, serde_json::Error> {
    let [against, target] = probes;
    let rows = differences.iter().map(|row| RowFile {
        section: row.section,
        key: &row.key,
        against: row.one.as_deref(),
        target: row.other.as_deref(),
        matters: &row.matters,
    });
    let file = PairFile {
        schema: SCHEMA,
        tool: env!("CARGO_PKG_VERSION"),
        verdict: if differences.is_empty() {
            "same"
        } else {
            "different"
        },
        against,
        target,
        differences: rows.collect(),
    };
    document::text(&file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::layout::WIDTH_MAX;

    #[test]
    fn what_differs_stands_side_by_side_with_why_it_matters() {
        let row = |section, key: &str, one: Option<&str>, matters: &str| Difference {
            section,
            key: key.to_owned(),
            one: one.map(str::to_owned),
            other: Some("9".to_owned()),
            matters: matters.to_owned(),
        };
        let differences = [
            row(
                "005",
                "NICKLEN",
                Some("30"),
                "the scenario would break: longer nicks",
            ),
            row("capability", &"k".repeat(80), None, ""),
        ];
        let probe = Probe::default();
        let need = TargetNeed {
            scenario: "orchard".to_owned(),
            ..TargetNeed::default()
        };
        let text = text([&probe, &probe], &differences, Some(&need), Paint::Plain);
        for tell in [
            "    → the scenario would break: longer nicks\n",
            "verdict: DIFFERENT in 2, 1 of them matter for orchard\n",
        ] {
            assert!(text.contains(tell), "{tell} is not in:\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH_MAX));
        let file: serde_json::Value =
            serde_json::from_str(&json([&probe, &probe], &differences).unwrap()).unwrap();
        assert_eq!(file["verdict"], "different");
        assert_eq!(file["differences"][0]["against"], "30");
        assert_eq!(file["differences"][1]["against"], serde_json::Value::Null);
    }
}
