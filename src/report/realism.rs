//! The text of a fidelity check: a table of scores, what gives the traffic away, and a verdict in words.

use std::fmt::Write as _;

use crate::traffic::fidelity::findings::Findings;
use crate::traffic::fidelity::findings::Giveaway;
use crate::traffic::fidelity::findings::Limit;
use crate::traffic::fidelity::findings::Reason;
use crate::traffic::fidelity::findings::Row;
use crate::traffic::fidelity::findings::Standing;
use crate::traffic::fidelity::score::Generator;
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
    let generator = generator_word(findings.generator);
    let window = span_words(findings.window_secs);
    let _ = writeln!(
        text,
        "profile {} ({generator}) against {} events of {} in {} weeks, {} samples, windows of {window}\n",
        findings.profile,
        findings.event_count,
        channels(findings.channel_count),
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
        let _ = writeln!(text, "note: {}", limit_words(limit));
    }
    let reasons: std::collections::BTreeSet<Reason> = findings
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
            mark_of(reason),
            reason_words(reason)
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

/// Returns the word for a generator.
pub(crate) fn generator_word(generator: Generator) -> &'static str {
    match generator {
        Generator::Model => "model",
        Generator::Resample => "resample",
        Generator::Poisson => "poisson",
    }
}

/// Returns a length of time in words.
pub(crate) fn span_words(secs: u32) -> String {
    if secs.is_multiple_of(3_600) {
        format!("{} h", secs / 3_600)
    } else {
        format!("{} min", secs / 60)
    }
}

fn channels(count: u64) -> String {
    match count {
        1 => "1 channel".to_owned(),
        count => format!("{count} channels"),
    }
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
    let _ = writeln!(line, "  {}", mark(row.standing));
    line
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| NO_NUMBER.to_owned(), |value| format!("{value:.3}"))
}

/// Returns the mark of a standing: `+` met, `++` as aimed at, `MISSED`.
pub(crate) fn mark(standing: Standing) -> &'static str {
    match standing {
        Standing::Aimed => "++",
        Standing::Met => "+",
        Standing::Missed => "MISSED",
        Standing::Shown => "",
        Standing::Unjudged(reason) => mark_of(reason),
    }
}

fn mark_of(reason: Reason) -> &'static str {
    match reason {
        Reason::ShortTrace => "(short)",
        Reason::FewWindows => "(windows)",
        Reason::FewEvents => "(events)",
        Reason::CoarseTick => "(tick)",
        Reason::Undefined => "(none)",
    }
}

/// Returns why a score is not judged, in words.
pub(crate) fn reason_words(reason: Reason) -> &'static str {
    match reason {
        Reason::ShortTrace => "the trace is shorter than three weeks",
        Reason::FewWindows => "fewer than 50 windows with events enough on either side",
        Reason::FewEvents => "fewer than 1,000 events of the kind in the part that is compared",
        Reason::CoarseTick => "the log's clock ticks more rarely",
        Reason::Undefined => "the statistic is not defined for what was found",
    }
}

/// Returns what can't be claimed, in words.
pub(crate) fn limit_words(limit: &Limit) -> String {
    match limit {
        Limit::NoClaim { week_count } => {
            format!("the trace has {week_count} whole weeks; under three nothing is claimed")
        }
        Limit::NoWeeks { week_count } => format!(
            "the trace has {week_count} whole weeks; odd and even weeks are compared from sixteen on"
        ),
        Limit::OtherChannels { live, generated } => format!(
            "the trace has {}, generated traffic {}: scores of the network are not of one kind",
            channels(*live),
            channels(*generated)
        ),
        Limit::FewSeeds { seed_count } => {
            format!("{seed_count} samples tell no spread; take three or more")
        }
    }
}
