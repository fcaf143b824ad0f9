//! Drift for a terminal: a table of statistics, a verdict, and how far to trust it.

use std::fmt::Write as _;

use crate::report::drift::words;
use crate::report::layout;
use crate::report::layout::WIDTH_MAX;
use crate::traffic::fidelity::alarm::Drift;
use crate::traffic::fidelity::alarm::DriftRow;
use crate::traffic::fidelity::alarm::TrialRow;
use crate::traffic::fidelity::alarm::Verdict;
use crate::traffic::fidelity::alarm::WeekRow;

/// Width of the names of statistics.
const NAME_WIDTH: usize = 31;

/// Width of the names of changes.
const CHANGE_WIDTH: usize = 42;

/// What stands where there is no number.
const NO_NUMBER: &str = "–";

/// Returns the text of a check for drift.
pub fn text(drift: &Drift) -> String {
    let mut text = String::new();
    let age = drift.age_days.map_or_else(String::new, |days| {
        format!("; its capture ended {days:.0} days before the end of the fresh traffic")
    });
    let _ = writeln!(
        text,
        "profile {}{age}; fresh weeks: {}\n",
        layout::printable(&drift.profile),
        drift.week_count
    );
    if !drift.rows.is_empty() {
        let _ = writeln!(
            text,
            "{:NAME_WIDTH$} {:>8} {:>7} {:>8} {:>8} {:>6} {:>6}",
            "statistic", "usual", "weeks", "fresh", "", "z", ""
        );
    }
    for row in &drift.rows {
        text.push_str(&line(row));
    }
    if !drift.rows.is_empty() {
        text.push('\n');
    }
    for note in notes(drift) {
        put(&mut text, &format!("note: {note}"));
    }
    put(&mut text, &verdict(drift));
    trust(&mut text, drift);
    text
}

/// Returns the verdict in words, one line.
pub fn verdict(drift: &Drift) -> String {
    match drift.verdict {
        Verdict::NoDrift => format!("verdict: no drift in {} weeks", drift.week_count),
        Verdict::Drift => {
            let names: Vec<&str> = drift.drifted().map(|row| row.name).collect();
            format!("verdict: DRIFT: {}", names.join("; "))
        }
        Verdict::CantTell(doubt) => {
            format!("verdict: can't tell: {}", words::doubt(drift, doubt))
        }
    }
}

fn notes(drift: &Drift) -> Vec<String> {
    let mut notes = Vec::new();
    if drift.old_event_count > 0 {
        notes.push(format!(
            "{} events are left out, from before the capture's end",
            drift.old_event_count
        ));
    }
    if drift.unwatched_count > 0 {
        notes.push(format!(
            "weeks left out because the logger was mostly away: {}",
            drift.unwatched_count
        ));
    }
    let is_by_chance = drift.false_odds().is_some_and(|odds| odds > 0.5);
    if is_by_chance && drift.verdict == Verdict::Drift {
        notes.push(
            "in so many weeks a false alarm is likelier than none: judge fewer of them, such as the last eight"
                .to_owned(),
        );
    }
    if drift.is_coarser {
        notes.push(
            "the fresh log's clock ticks more rarely than the capture's: gaps and minutes are not judged"
                .to_owned(),
        );
    }
    notes
}

/// Adds what the alarm is worth: how often it was false, and what it saw.
fn trust(text: &mut String, drift: &Drift) {
    let Some(false_alarms) = drift.false_alarms else {
        return;
    };
    text.push_str("\nhow far to trust it, by the capture's own weeks (each pair against the weeks before it):\n");
    let odds = drift.false_odds().filter(|_| drift.week_count > 2);
    let odds = odds.map_or_else(String::new, |odds| {
        format!("; {:.0} % in {} weeks", odds * 100.0, drift.week_count)
    });
    let most = false_alarms
        .rate_most()
        .map_or_else(String::new, |most| format!(", below {most:.2} at 95 %"));
    let _ = writeln!(
        text,
        "  {:CHANGE_WIDTH$} {}{most}{odds}",
        "false alarms, a pair of weeks",
        rate(&false_alarms)
    );
    for row in &drift.powers {
        let unseen = if row.is_seen() {
            ""
        } else if !row.is_tried() {
            "  too few pairs to say"
        } else {
            "  would mostly go UNSEEN"
        };
        let _ = writeln!(text, "  {:CHANGE_WIDTH$} {}{unseen}", row.name, rate(row));
    }
}

fn rate(row: &TrialRow) -> String {
    match row.rate {
        Some(rate) => format!("{rate:.2} ({} of {})", row.alarm_count, row.pair_count),
        None => "–".to_owned(),
    }
}

fn line(row: &DriftRow) -> String {
    let pair = row.worst.unwrap_or(row.weeks.len().saturating_sub(2));
    let week = |place: usize| row.weeks.get(place).copied().unwrap_or_default();
    let (one, next) = (week(pair), week(pair + 1));
    let weeks = if row.weeks.len() < 2 {
        NO_NUMBER.to_owned()
    } else {
        format!("{}, {}", pair + 1, pair + 2)
    };
    let z = |week: WeekRow| {
        week.z
            .map_or_else(|| NO_NUMBER.to_owned(), |z| format!("{z:+.1}"))
    };
    let mark = words::mark(row.has_drifted, row.is_known, row.worst.is_some());
    let line = format!(
        "{:NAME_WIDTH$} {:>8} {weeks:>7} {:>8} {:>8} {:>6} {:>6}  {mark}",
        row.name,
        figure(row.usual),
        figure(one.value),
        figure(next.value),
        z(one),
        z(next)
    );
    format!("{}\n", line.trim_end())
}

/// Returns a figure, or what stands for none.
pub(crate) fn figure(value: Option<f64>) -> String {
    value.map_or_else(|| NO_NUMBER.to_owned(), layout::number)
}

/// Adds a paragraph in lines that fit a terminal.
pub(crate) fn put(text: &mut String, paragraph: &str) {
    for line in layout::wrapped(paragraph, WIDTH_MAX) {
        let _ = writeln!(text, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::fidelity::alarm::examples;

    #[track_caller]
    fn check(drift: &Drift, tells: &[&str]) {
        let text = text(drift);
        for tell in tells {
            assert!(text.contains(tell), "{tell} is not in:\n{text}");
        }
    }

    #[test]
    fn the_verdict_stands_beside_what_it_is_worth() {
        check(
            &examples::drift(4, true, [2, 18]),
            &[
                "profile oak; its capture ended 21 days before the end of the fresh traffic; fresh weeks: 4\n",
                "messages an hour                    60.0    1, 2      123      123   +3.0   +3.0  DRIFT\n",
                "note: 5 events are left out, from before the capture's end\n",
                "verdict: DRIFT: messages an hour\n",
                "0.10 (2 of 20), below 0.26 at 95 %; 27 % in 4 weeks\n",
                "0.90 (18 of 20)\n",
                "0.05 (1 of 20)  would mostly go UNSEEN\n",
            ],
        );
    }

    #[test]
    fn lines_fit_a_terminal() {
        let text = text(&examples::drift(12, true, [2, 18]));
        assert!(
            text.contains("a false alarm is likelier than none"),
            "{text}"
        );
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= WIDTH_MAX, "{widest}\n{text}");
    }

    #[test]
    fn doubts_say_what_is_needed() {
        check(
            &examples::drift(1, false, [2, 18]),
            &[
                "verdict: can't tell: whole watched weeks of fresh traffic after the capture's end: found 1, 2",
            ],
        );
        check(&examples::drift(3, true, [9, 18]), &["goes off too often"]);
        check(&examples::drift(3, false, [0, 1]), &["none of the changes"]);
    }
}
