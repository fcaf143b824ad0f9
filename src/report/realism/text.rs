//! A fidelity check for a terminal: a table of scores, what gives the traffic away, and a verdict in words.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::report::layout;
use crate::report::layout::WIDTH_MAX;
use crate::report::realism::words;
use crate::traffic::fidelity::findings::Findings;
use crate::traffic::fidelity::findings::Giveaway;
use crate::traffic::fidelity::findings::Reason;
use crate::traffic::fidelity::findings::Row;
use crate::traffic::fidelity::findings::Standing;
use crate::traffic::fidelity::score::Width;

/// Columns of the table, after the score's name: right of each other, this wide.
const COLUMNS: [(&str, usize); 6] = [
    ("live", 6),
    ("whole-fit", 9),
    ("generated", 13),
    ("Poisson", 7),
    ("demanded", 8),
    ("aimed at", 8),
];

/// Width of the names.
const NAME_WIDTH: usize = 29;

/// Width of the names of features.
const FEATURE_WIDTH: usize = 30;

/// What stands where there is no number.
const NO_NUMBER: &str = "–";

/// Returns the text of a check.
pub fn text(findings: &Findings) -> String {
    let mut text = String::new();
    let generator = findings.generator.as_str();
    let window = words::span_words(findings.window_secs);
    let _ = writeln!(
        text,
        "profile {} ({generator}) against {} events of {} in {} weeks; samples: {}; windows of {window}\n",
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
            .take(words::GIVEAWAY_COUNT)
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
            "  {:FEATURE_WIDTH$} {:>5} {:>5}   {:>22}   {:>22}",
            "feature", "share", "KS", "live: 10, 50, 90 %", "generated: 10, 50, 90 %"
        );
        for one in told {
            let _ = writeln!(
                text,
                "  {:FEATURE_WIDTH$} {:>4.0}% {:>5.2}   {}   {}",
                one.feature,
                one.gain * 100.0,
                one.distance,
                words::span_of(one.live),
                words::span_of(one.generated)
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
    for line in layout::wrapped(&verdict(findings), WIDTH_MAX) {
        let _ = writeln!(text, "{line}");
    }
    text
}

/// Returns the verdict of a check in words, one line.
pub fn verdict(findings: &Findings) -> String {
    if !findings.is_judged() {
        return "verdict: nothing can be claimed about this profile's realism".to_owned();
    }
    let missed: Vec<String> = findings.missed().map(|row| row.score.name()).collect();
    if missed.is_empty() {
        return "verdict: every demanded score that can be judged is met".to_owned();
    }
    format!("verdict: missed: {}", missed.join("; "))
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
    let _ = write!(line, "  {}", words::mark(row.standing));
    format!("{}\n", line.trim_end())
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| NO_NUMBER.to_owned(), |value| format!("{value:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::fidelity::findings::examples;

    #[test]
    fn the_table_shows_every_score_and_how_it_stands() {
        insta::assert_snapshot!(text(&examples::findings()), @"
        profile <oak> (model) against 40000 events of 1 channel in 10 weeks; samples: 5; windows of 1 h

        score                           live whole-fit     generated Poisson demanded aimed at
        AUC halves, traffic, windows   0.550     0.560 0.700 ± 0.010   0.990    0.660    0.610  MISSED
        gaps, KS                       0.020         – 0.040 ± 0.010   0.400    0.080    0.050  ++
        ln Fano, all events, 1 s           –         – 0.200 ± 0.010       –        –        –  (tick)
        queue wait p99, ratio          1.100         – 0.500 ± 0.010   0.010        –    1.500

        what gives it away in windows of 1 h:
          feature                        share    KS       live: 10, 50, 90 %   generated: 10, 50, 90 %
          speakers                         25%  0.30     0.00    1.00    3.00     1.00    2.00    4.00

        note: the trace has 10 whole weeks; odd and even weeks are compared from sixteen on
        not judged, (tick): the log's clock ticks more rarely
        verdict: missed: AUC halves, traffic, windows
        ");
    }

    #[test]
    fn the_verdict_is_plain() {
        let mut findings = examples::findings();
        findings.rows.retain(|row| row.standing != Standing::Missed);
        assert!(verdict(&findings).contains("every demanded score that can be judged is met"));
        findings.rows.clear();
        assert!(verdict(&findings).contains("nothing can be claimed"));
    }
}
