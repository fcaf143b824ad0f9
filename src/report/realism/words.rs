//! Words for what a check finds.

use crate::traffic::fidelity::findings::Limit;
use crate::traffic::fidelity::findings::Reason;
use crate::traffic::fidelity::findings::Span;
use crate::traffic::fidelity::findings::Standing;

/// Features that people are told for each width of windows; a file has all.
pub(crate) const GIVEAWAY_COUNT: usize = 8;

/// Returns where values lie, as three columns.
pub(crate) fn span_of(span: Span) -> String {
    format!(
        "{:>6.2}  {:>6.2}  {:>6.2}",
        span.low, span.median, span.high
    )
}

/// Returns a length of time in words.
pub(crate) fn span_words(secs: u32) -> String {
    if secs.is_multiple_of(3_600) {
        format!("{} h", secs / 3_600)
    } else {
        format!("{} min", secs / 60)
    }
}

/// Returns how many channels, in words.
pub(crate) fn channels(count: u64) -> String {
    match count {
        1 => "1 channel".to_owned(),
        count => format!("{count} channels"),
    }
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

/// Returns the mark of a reason.
pub(crate) fn mark_of(reason: Reason) -> &'static str {
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
            format!("too few samples for a spread ({seed_count}); take three or more")
        }
    }
}
