//! Words for what fresh weeks tell, and for why they tell nothing.

use crate::traffic::fidelity::alarm::Doubt;
use crate::traffic::fidelity::alarm::Drift;
use crate::traffic::fidelity::drift::CAPTURE_WEEKS_MIN;
use crate::traffic::fidelity::drift::FRESH_WEEKS_MIN;
use crate::traffic::fidelity::drift::PAIRS_MIN;
use crate::traffic::fidelity::drift::TRIED_WEEKS_MIN;
use crate::traffic::fidelity::outcome::Outcome;

/// Returns the word for an outcome in files.
pub(crate) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NoDrift => "no_drift",
        Outcome::Drift => "drift",
        Outcome::CantTell => "cant_tell",
    }
}

/// Returns the mark behind a row of a table.
pub(crate) fn mark(has_drifted: bool, is_known: bool, is_judged: bool) -> &'static str {
    match (has_drifted, is_known, is_judged) {
        (true, _, _) => "DRIFT",
        (_, false, _) => "(not known)",
        (_, _, false) => "(not judged)",
        _ => "",
    }
}

/// Returns why nothing can be told and what would be needed.
pub(crate) fn doubt(drift: &Drift, doubt: Doubt) -> String {
    match doubt {
        Doubt::NoWeeks => format!(
            "the profile knows nothing of its capture's weeks; fit one to a run of {TRIED_WEEKS_MIN} watched weeks or more \
             (under {CAPTURE_WEEKS_MIN}, or of odd or even weeks, it has no table of them)"
        ),
        Doubt::FewWeeks => format!(
            "whole watched weeks of fresh traffic after the capture's end: found {}, {FRESH_WEEKS_MIN} are needed",
            drift.week_count
        ),
        Doubt::Quiet => "too little traffic, in the capture or now: talk is judged from 150 messages a week on, churn from 50 \
             joins, parts and quits; add channels to the capture"
            .to_owned(),
        Doubt::Untried => format!(
            "the capture has too few weeks to know how often this alarm is false: {} pairs of weeks, {PAIRS_MIN} are needed; \
             fit the profile to {TRIED_WEEKS_MIN} watched weeks or more",
            drift.false_alarms.map_or(0, |row| row.pair_count)
        ),
        Doubt::Unreliable => "weeks differ, but this alarm goes off too often when nothing has changed: the capture itself was \
             moving; fit the profile to a steadier or longer one"
            .to_owned(),
        Doubt::Blind => "no alarm, but none of the changes that were tried would be seen in this capture's traffic; it needs \
             more of it, or steadier weeks"
            .to_owned(),
    }
}
