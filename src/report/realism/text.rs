//! A fidelity check for a terminal: a table of scores, what gives the traffic away, and a verdict in words.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::report::realism::words;
use crate::traffic::fidelity::findings::Findings;
use crate::traffic::fidelity::findings::Giveaway;
use crate::traffic::fidelity::findings::Reason;
use crate::traffic::fidelity::findings::Row;
use crate::traffic::fidelity::findings::Standing;
use crate::traffic::fidelity::score::Width;

/// Columns of the table, after the score's name: right of each other, this wide.
const COLUMNS: [(&str, usize); 6] = [
    ("live", 7),
    ("whole-fit", 9),
    ("generated", 14),
    ("Poisson", 8),
    ("demanded", 9),
    ("aimed at", 9),
];

/// Width of the names.
const NAME_WIDTH: usize = 30;

/// What stands where there is no number.
const NO_NUMBER: &str = "–";

/// Returns the text of a check.
pub fn text(findings: &Findings) -> String {
    let mut text = String::new();
    let generator = findings.generator.as_str();
    let window = words::span_words(findings.window_secs);
    let _ = writeln!(
        text,
        "profile {} ({generator}) against {} events of {} in {} weeks, {} samples, windows of {window}\n",
        findings.profile,
        findings.event_count,
        words::channels(findings.channel_count),
        findings.week_count,
        findings.seed_count,
    );
    let _ = write!(text, "{:NAME_WIDTH$}", "score");
    for (name, width) in COLUMNS {
        let _ = write!(text, " {name:>width$}");
    }
    text.push('\n');
    for row in &findings.rows {
        text.push_str(&line(row));
    }
    for width in [Width::Short, Width::Day] {
        let told: Vec<&Giveaway> = findings
            .giveaways
            .iter()
            .filter(|one| one.width == width)
            .collect();
        if told.is_empty() {
            continue;
        }
        let windows = match width {
            Width::Short => format!("windows of {window}"),
            Width::Day => "days".to_owned(),
        };
        let _ = writeln!(text, "\nwhat gives it away in {windows}:");
        let _ = writeln!(
            text,
            "  {:NAME_WIDTH$} {:>6} {:>9} {:>9}",
            "feature", "share", "live", "generated"
        );
        for one in told {
            let _ = writeln!(
                text,
                "  {:NAME_WIDTH$} {:>5.0}% {:>9.3} {:>9.3}",
                one.feature,
                one.gain * 100.0,
                one.live,
                one.generated
            );
        }
    }
    text.push('\n');
    for limit in &findings.limits {
        let _ = writeln!(text, "note: {}", words::limit_words(limit));
    }
    let reasons: BTreeSet<Reason> = findings
        .rows
        .iter()
        .filter_map(|row| match row.standing {
            Standing::Unjudged(reason) => Some(reason),
            _ => None,
        })
        .collect();
    for reason in reasons {
        let _ = writeln!(
            text,
            "not judged, {}: {}",
            words::mark_of(reason),
            words::reason_words(reason)
        );
    }
    text.push_str(&verdict(findings));
    text
}

/// Returns the verdict of a check in words, one line.
pub fn verdict(findings: &Findings) -> String {
    if !findings.is_judged() {
        return "verdict: nothing can be claimed about this profile's realism\n".to_owned();
    }
    let missed: Vec<String> = findings.missed().map(|row| row.score.name()).collect();
    if missed.is_empty() {
        return "verdict: every demanded score that can be judged is met\n".to_owned();
    }
    format!("verdict: missed: {}\n", missed.join("; "))
}

fn line(row: &Row) -> String {
    let mut line = format!("{:NAME_WIDTH$}", row.score.name());
    let generated = row.generated.map_or_else(
        || NO_NUMBER.to_owned(),
        |value| format!("{:.3} ± {:.3}", value.mean, value.spread),
    );
    let cells = [
        number(row.real),
        number(row.whole_fit),
        generated,
        number(row.poisson),
        number(row.demanded),
        number(row.aimed),
    ];
    for ((_, width), cell) in COLUMNS.into_iter().zip(cells) {
        let _ = write!(line, " {cell:>width$}");
    }
    let _ = writeln!(line, "  {}", words::mark(row.standing));
    line
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| NO_NUMBER.to_owned(), |value| format!("{value:.3}"))
}
