//! What a server's counters show of drift, for a terminal and for a file.

use std::fmt::Write as _;

use serde::Serialize;

use crate::report::drift::text::figure;
use crate::report::drift::text::put;
use crate::report::drift::words;
use crate::traffic::fidelity::counted::CountedDrift;
use crate::traffic::fidelity::counted::CountedRow;
use crate::traffic::fidelity::counted::CountedVerdict;
use crate::traffic::fidelity::counted::HABIT_FACTOR_MAX;
use crate::traffic::fidelity::counted::TRAFFIC_FACTOR_MAX;
use crate::traffic::fidelity::counted::WEEKS_MIN;
use crate::traffic::fidelity::outcome::Outcome;

/// Width of the names of figures.
const NAME_WIDTH: usize = 31;

/// What counters show, in a file.
#[derive(Debug, Serialize)]
pub(crate) struct CountedFile {
    /// `no_drift`, `drift` or `cant_tell`.
    verdict: &'static str,
    /// Why nothing can be told, in words.
    reason: Option<String>,
    /// Weeks of which at least half was watched.
    weeks: usize,
    figures: Vec<FigureFile>,
}

#[derive(Debug, Serialize)]
struct FigureFile {
    key: &'static str,
    usual: Option<f64>,
    /// The value of each week.
    fresh: Vec<Option<f64>>,
    /// The factor beyond which two weeks running are drift; assumed.
    factor_max: f64,
    drifted: bool,
}

/// Returns what stands in a file.
pub(crate) fn file(counted: &CountedDrift) -> CountedFile {
    CountedFile {
        verdict: words::outcome(Outcome::from(counted.verdict())),
        reason: doubt(counted),
        weeks: counted.week_count,
        figures: counted
            .rows
            .iter()
            .map(|row| FigureFile {
                key: row.key,
                usual: row.usual,
                fresh: row.weeks.clone(),
                factor_max: row.factor_max,
                drifted: row.has_drifted,
            })
            .collect(),
    }
}

/// Returns the text about a server's counters.
pub fn text(counted: &CountedDrift) -> String {
    let mut text = format!("counters: weeks {}\n\n", counted.week_count);
    let _ = writeln!(
        text,
        "{:NAME_WIDTH$} {:>8} {:>7} {:>8}",
        "figure", "usual", "weeks", "fresh"
    );
    for row in &counted.rows {
        let line = line(row);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text.push('\n');
    put(
        &mut text,
        &format!(
            "note: the profile knows no weeks of counters. Drift is taken to be two weeks running that differ by more than a \
             factor of {HABIT_FACTOR_MAX}, or {TRAFFIC_FACTOR_MAX} in what is said and joined (assumed)"
        ),
    );
    put(&mut text, &verdict(counted));
    text
}

fn verdict(counted: &CountedDrift) -> String {
    if let Some(doubt) = doubt(counted) {
        return format!("verdict of the counters: can't tell: {doubt}");
    }
    let names: Vec<&str> = counted.drifted().map(|row| row.key).collect();
    if names.is_empty() {
        format!(
            "verdict of the counters: no drift in {} weeks",
            counted.week_count
        )
    } else {
        format!("verdict of the counters: DRIFT: {}", names.join("; "))
    }
}

/// Returns why nothing can be told and what would be needed.
fn doubt(counted: &CountedDrift) -> Option<String> {
    match counted.verdict() {
        CountedVerdict::NoDrift | CountedVerdict::Drift => None,
        CountedVerdict::NothingKnown => Some(
            "the profile knows nothing that a server counted; fit it with --counters".to_owned(),
        ),
        CountedVerdict::FewWeeks => Some(format!(
            "weeks of readings: found {}, {WEEKS_MIN} are needed",
            counted.week_count
        )),
        CountedVerdict::Quiet => Some(
            "no figure has enough behind it in two weeks running: a hundred JOINs a week are needed, or ten hours of connections"
                .to_owned(),
        ),
    }
}

fn line(row: &CountedRow) -> String {
    let pair = row.worst.unwrap_or(row.weeks.len().saturating_sub(2));
    let week = |place: usize| figure(row.weeks.get(place).copied().flatten());
    let weeks = if row.weeks.len() < WEEKS_MIN {
        figure(None)
    } else {
        format!("{}, {}", pair + 1, pair + 2)
    };
    let mark = words::mark(row.has_drifted, row.usual.is_some(), row.worst.is_some());
    format!(
        "{:NAME_WIDTH$} {:>8} {weeks:>7} {:>8} {:>8}  {mark}",
        row.key,
        figure(row.usual),
        week(pair),
        week(pair + 1)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::layout::WIDTH_MAX;
    use crate::traffic::fidelity::counted::examples::counted;

    #[track_caller]
    fn check(weeks: &[Option<f64>], tells: &[&str]) {
        let text = text(&counted(weeks));
        for tell in tells {
            assert!(text.contains(tell), "{tell} is not in:\n{text}");
        }
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= WIDTH_MAX, "{widest}\n{text}");
    }

    #[test]
    fn figures_stand_beside_the_profiles() {
        check(
            &[Some(0.3), Some(0.75), Some(0.8)],
            &[
                "who_per_join                       0.250    2, 3    0.750    0.800  DRIFT\n",
                "(assumed)",
                "verdict of the counters: DRIFT: who_per_join\n",
            ],
        );
        check(
            &[Some(0.25), Some(0.3)],
            &["verdict of the counters: no drift in 2 weeks\n"],
        );
    }

    #[test]
    fn doubts_say_what_is_needed() {
        check(
            &[Some(0.25)],
            &["can't tell: weeks of readings: found 1, 2 are needed\n"],
        );
    }
}
