//! Drift in what a server counts: how its clients' commands, week by week, differ from those that a profile knows.

use crate::traffic::fidelity::drift;
use crate::traffic::profile::commands::Commands;
use crate::traffic::profile::fit::counted;
use crate::traffic::profile::fit::counters::Counters;

/// Fewest weeks of readings: the rule needs two running.
pub const WEEKS_MIN: usize = 2;

/// By which factor a figure may differ from the profile's. A profile knows no weeks of counters that would tell how much these
/// differ by themselves, so this is assumed. For what programs do by themselves, which changes as people change programs.
pub const HABIT_FACTOR_MAX: f64 = 1.5;

/// The same for what people say and join, in which weeks differ more.
pub const TRAFFIC_FACTOR_MAX: f64 = 2.0;

/// Added to figures before they are compared: what is done at one of twenty JOINs, or once in twenty hours, is next to nothing.
const ADDED: f64 = 0.05;

/// One figure of the profile and of fresh weeks.
#[derive(Clone, Debug, PartialEq)]
pub struct CountedRow {
    /// Its name in the profile.
    pub key: &'static str,
    /// What the profile has, if that was counted.
    pub usual: Option<f64>,
    /// What each week has, if it has enough of it.
    pub weeks: Vec<Option<f64>>,
    /// The factor beyond which it differs.
    pub factor_max: f64,
    /// The first of the two neighbouring weeks that differ most, to the same side.
    pub worst: Option<usize>,
    /// Whether those two differ by more than the factor.
    pub has_drifted: bool,
}

/// What fresh counters show.
#[derive(Clone, Debug, PartialEq)]
pub struct CountedDrift {
    /// The figures.
    pub rows: Vec<CountedRow>,
    /// Weeks of which at least half was watched.
    pub week_count: usize,
}

/// What can be said of a server's counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedVerdict {
    /// No figure differs.
    NoDrift,
    /// Some figure differs.
    Drift,
    /// The profile was fitted without counters.
    NothingKnown,
    /// There are fewer than two weeks of readings.
    FewWeeks,
    /// No figure has enough behind it, in the profile or in two weeks running.
    Quiet,
}

impl CountedDrift {
    /// Returns the verdict.
    pub fn verdict(&self) -> CountedVerdict {
        if self.rows.iter().all(|row| row.usual.is_none()) {
            CountedVerdict::NothingKnown
        } else if self.week_count < WEEKS_MIN {
            CountedVerdict::FewWeeks
        } else if self.drifted().next().is_some() {
            CountedVerdict::Drift
        } else if self.rows.iter().all(|row| row.worst.is_none()) {
            CountedVerdict::Quiet
        } else {
            CountedVerdict::NoDrift
        }
    }

    /// Returns the figures that have drifted.
    pub fn drifted(&self) -> impl Iterator<Item = &CountedRow> {
        self.rows.iter().filter(|row| row.has_drifted)
    }
}

/// Holds the weeks of a server's counters against what a profile knows of the server's clients.
pub fn judge(commands: &Commands, counters: &Counters) -> CountedDrift {
    let weeks: Vec<Commands> = counters
        .weeks()
        .map(|totals| counted::commands(totals).0)
        .collect();
    let rows = commands.parameters().into_iter().enumerate();
    CountedDrift {
        week_count: weeks.len(),
        rows: rows
            .map(|(place, (key, usual))| {
                let fresh = weeks.iter().map(|week| {
                    let figure = week.parameters().get(place).map(|(_, figure)| *figure)?;
                    figure.is_fitted().then(|| figure.value())
                });
                row(
                    key,
                    usual.is_fitted().then(|| usual.value()),
                    fresh.collect(),
                )
            })
            .collect(),
    }
}

fn row(key: &'static str, usual: Option<f64>, weeks: Vec<Option<f64>>) -> CountedRow {
    let is_traffic = matches!(key, "said_per_join" | "joins_per_connection_hour");
    let factor_max = if is_traffic {
        TRAFFIC_FACTOR_MAX
    } else {
        HABIT_FACTOR_MAX
    };
    let apart = |week: Option<f64>| Some(libm::log((week? + ADDED) / (usual? + ADDED)));
    let pairs = weeks.iter().zip(weeks.iter().skip(1)).enumerate();
    let worst = pairs
        .filter_map(|(place, (one, next))| {
            let (one, next) = (apart(*one)?, apart(*next)?);
            Some((place, drift::on_one_side(one, next)))
        })
        .max_by(|(_, one), (_, other)| one.total_cmp(other));
    CountedRow {
        key,
        usual,
        weeks,
        factor_max,
        worst: worst.map(|(place, _)| place),
        has_drifted: worst.is_some_and(|(_, apart)| apart > libm::log(factor_max)),
    }
}

#[cfg(test)]
pub(crate) mod examples {
    use super::*;

    /// Returns what weeks show in which WHO per JOIN is as given, where the profile has a quarter.
    pub(crate) fn counted(weeks: &[Option<f64>]) -> CountedDrift {
        CountedDrift {
            rows: vec![row("who_per_join", Some(0.25), weeks.to_vec())],
            week_count: weeks.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::traffic::profile::fit::counters::COLUMNS;
    use crate::traffic::profile::parameter::Parameter;

    #[track_caller]
    fn check(weeks: &[Option<f64>], want: CountedVerdict) {
        assert_eq!(examples::counted(weeks).verdict(), want);
    }

    #[test]
    fn two_weeks_running_that_differ_to_one_side_are_drift() {
        check(&[Some(0.24), Some(0.3), Some(0.2)], CountedVerdict::NoDrift);
        check(&[Some(0.9), Some(0.8)], CountedVerdict::Drift);
        check(&[Some(0.0), Some(0.0)], CountedVerdict::Drift);
        check(&[Some(0.9), Some(0.25), Some(0.9)], CountedVerdict::NoDrift);
        check(&[Some(0.9), Some(0.0)], CountedVerdict::NoDrift);
    }

    #[test]
    fn too_little_is_no_verdict() {
        check(&[Some(0.9)], CountedVerdict::FewWeeks);
        check(&[None, Some(0.9), None], CountedVerdict::Quiet);
        let mut nothing = examples::counted(&[Some(0.9), Some(0.9)]);
        nothing.rows[0].usual = None;
        nothing.rows[0].has_drifted = false;
        assert_eq!(nothing.verdict(), CountedVerdict::NothingKnown);
    }

    #[test]
    fn weeks_are_those_of_the_readings() {
        let mut text = COLUMNS.join(",");
        // A reading a day: 100 JOINs a day in two weeks, and then an hour's worth of a third.
        for day in 0..=15_u64 {
            let at_us = day * 86_400_000_000;
            let rate = if day == 0 { "" } else { "1.0" };
            let who = day * 25 + day.saturating_sub(7) * 75;
            for (name, count) in [("JOIN", day * 100), ("WHO", who)] {
                let _ = write!(text, "\n{at_us},{name},{count},{rate}");
            }
            let _ = write!(text, "\n{at_us},users_local,20,");
        }
        text.push('\n');
        let counters = Counters::read("x", text.as_bytes()).unwrap();
        let commands = Commands {
            who_per_join: Parameter::Fitted(0.25),
            ..Commands::default()
        };
        let drift = judge(&commands, &counters);
        assert_eq!(drift.week_count, 2);
        let who = &drift.rows[3];
        assert_eq!(
            (who.key, &who.weeks[..]),
            ("who_per_join", &[Some(0.25), Some(1.0)][..])
        );
        // What the profile does not know is shown and not judged.
        let joins = &drift.rows[1];
        assert_eq!((joins.usual, joins.worst), (None, None));
        assert!((joins.weeks[0].unwrap() - 700.0 / (20.0 * 168.0)).abs() < 1e-5);
    }
}
