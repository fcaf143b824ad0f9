//! The stretch of a trace that is fitted, and the moments of events within it.

use jiff::Timestamp;
use rand::Rng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::traffic::profile::DAY_SECS;
use crate::traffic::profile::WEEK_SECS;
use crate::traffic::profile::distribution::uniform;
use crate::traffic::profile::fit::FitError;
use crate::traffic::profile::fit::Weeks;
use crate::traffic::profile::number;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::TraceMeta;

/// Weeks from which on users rotate by weeks; fewer would repeat the same few.
const WEEKS_MIN: u32 = 4;

/// Longest window: ten years, so that seconds of it fit 32 bits.
const WEEKS_MAX: u32 = 520;

/// What a trace may lack to count as whole weeks and whole days: quiet hours at its ends.
const WEEK_SLACK: f64 = 0.02;
const DAY_SLACK: f64 = 0.05;

/// Monday, 5 January 1970, 00:00 UTC, in seconds since 1970: the start of a week.
const MONDAY_SECS: i64 = 4 * DAY_SECS as i64;

/// The stretch of a trace that is fitted: its last whole weeks, or whole days. Presence is known best at the end,
/// for whoever is there was seen to come.
///
/// Of a part of the weeks, those that count are put end to end to a cycle; moments of the window run on through all.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Window {
    /// When it starts, in microseconds since 1970 UTC.
    pub(crate) start_us: i64,
    /// Its length in seconds, with the steps that do not count.
    pub(crate) secs: u32,
    /// The step of a rotation in seconds: a week or a day.
    pub(crate) step_secs: u32,
    /// What counts: runs of whole steps, apart from each other, in seconds from the window's start.
    runs: Vec<(f64, f64)>,
    /// The tick of the log's clock in microseconds.
    tick_us: u32,
}

impl Window {
    /// Returns the window of a trace, of which a part counts.
    pub(crate) fn of(meta: &TraceMeta, events: &[Event], part: Weeks) -> Result<Self, FitError> {
        let (Some(first), Some(last)) = (events.first(), events.last()) else {
            return Err(FitError::TooShort { hours: 0.0 });
        };
        let end_us = last.at_us.saturating_add(i64::from(meta.tick_us));
        let span_secs = micros_to_secs(end_us.saturating_sub(first.at_us));
        let weeks = number::whole(span_secs / f64::from(WEEK_SECS) + WEEK_SLACK);
        let days = number::whole(span_secs / f64::from(DAY_SECS) + DAY_SLACK);
        if weeks > WEEKS_MAX {
            let years = span_secs / (365.25 * f64::from(DAY_SECS));
            return Err(FitError::TooLong { years });
        }
        if days == 0 {
            let hours = span_secs / 3_600.0;
            return Err(FitError::TooShort { hours });
        }
        let (secs, step_secs) = if weeks >= WEEKS_MIN {
            (weeks * WEEK_SECS, WEEK_SECS)
        } else {
            (days * DAY_SECS, DAY_SECS)
        };
        let runs = runs(part, secs / step_secs, f64::from(step_secs));
        if runs.is_empty() {
            let hours = span_secs / 3_600.0;
            return Err(FitError::TooShort { hours });
        }
        Ok(Self {
            start_us: end_us.saturating_sub(i64::from(secs) * 1_000_000),
            secs,
            step_secs,
            runs,
            tick_us: meta.tick_us,
        })
    }

    /// Returns the length of the cycle in seconds: of all that counts.
    pub(crate) fn cycle_secs(&self) -> u32 {
        number::whole(self.cycle_secs_at(f64::from(self.secs)) + 0.5)
    }

    /// Returns where in the cycle a moment lies; one that does not count lies at the edge before it.
    pub(crate) fn cycle_secs_at(&self, secs: f64) -> f64 {
        let within = |&(from, to): &(f64, f64)| (secs.min(to) - from).max(0.0);
        self.runs.iter().map(within).sum()
    }

    /// Returns the parts of a span that count, each by where in the cycle it begins and ends.
    pub(crate) fn pieces(&self, from: f64, to: f64) -> impl Iterator<Item = (f64, f64)> {
        let overlap = move |&(start, end): &(f64, f64)| (from.max(start), to.min(end));
        self.runs
            .iter()
            .map(overlap)
            .filter(|(start, end)| start < end)
            .map(|(start, end)| {
                let begins = self.cycle_secs_at(start);
                (begins, begins + (end - start))
            })
    }

    /// Returns what counts: runs of whole steps in seconds from the window's start.
    pub(crate) fn runs(&self) -> &[(f64, f64)] {
        &self.runs
    }

    /// Returns the moments of the cycle at which two runs meet that were apart.
    pub(crate) fn seams(&self) -> Vec<f64> {
        let ends = self.runs.iter().map(|&(_, to)| self.cycle_secs_at(to));
        let mut seams: Vec<f64> = ends.collect();
        seams.pop();
        seams
    }

    /// Returns when each event is, in seconds from the window's start: placed at random inside its tick, in order.
    pub(crate) fn moments(&self, events: &[Event], rng: &mut Xoshiro256PlusPlus) -> Vec<f64> {
        let tick_secs = f64::from(self.tick_us) / 1e6;
        let mut moments = Vec::with_capacity(events.len());
        for tick in events.chunk_by(|one, other| one.at_us == other.at_us) {
            let mut places: Vec<f64> = tick.iter().map(|_| uniform(rng.next_u64())).collect();
            places.sort_by(f64::total_cmp);
            for (event, place) in tick.iter().zip(places) {
                let secs = micros_to_secs(event.at_us.saturating_sub(self.start_us));
                moments.push(secs + place * tick_secs);
            }
        }
        moments
    }

    /// Returns whether a moment counts.
    pub(crate) fn contains(&self, secs: f64) -> bool {
        self.runs
            .iter()
            .any(|&(from, to)| (from..to).contains(&secs))
    }

    /// Returns the second of the week at which the window starts, Monday 00:00 UTC being zero.
    pub(crate) fn starts_at_week_sec(&self) -> u32 {
        let secs = self.start_us.div_euclid(1_000_000) - MONDAY_SECS;
        u32::try_from(secs.rem_euclid(i64::from(WEEK_SECS))).unwrap_or(0)
    }

    /// Returns the second of some week at which a moment of the window lies.
    pub(crate) fn week_secs(&self, secs: f64) -> f64 {
        f64::from(self.starts_at_week_sec()) + secs
    }

    /// Returns a moment as RFC 3339 text, UTC.
    pub(crate) fn moment_text(&self, secs: f64) -> String {
        let us = self
            .start_us
            .saturating_add(number::nanos_of_secs(secs) / 1_000);
        Timestamp::from_second(us.div_euclid(1_000_000))
            .map_or_else(|_| String::new(), |moment| moment.to_string())
    }
}

/// Returns the steps of `count` that count, neighbours joined, in seconds.
fn runs(weeks: Weeks, count: u32, step_secs: f64) -> Vec<(f64, f64)> {
    let mut runs: Vec<(f64, f64)> = Vec::new();
    for step in (0..count).filter(|&step| weeks.has(step, count)) {
        let (from, to) = (f64::from(step) * step_secs, f64::from(step + 1) * step_secs);
        match runs.last_mut() {
            Some(last) if step > 0 && weeks.has(step - 1, count) => last.1 = to,
            _ => runs.push((from, to)),
        }
    }
    runs
}

/// Returns microseconds as seconds.
fn micros_to_secs(us: i64) -> f64 {
    number::secs_of_nanos(us) * 1e3
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::traffic::profile::fit::examples;

    #[track_caller]
    fn check(hours: u32, want: &Result<(u32, u32), FitError>) {
        let events = examples::events(&[
            (0.0, "join", "alder", "", ""),
            (f64::from(hours) * 3_600.0 - 1.0, "join", "birch", "", ""),
        ]);
        let found = Window::of(&examples::meta(), &events, Weeks::All);
        let found = found.map(|window| (window.secs / DAY_SECS, window.step_secs / DAY_SECS));
        assert_eq!(&found, want, "{hours} h");
    }

    #[test]
    fn a_window_is_whole_weeks_or_whole_days() {
        check(23 * 24 + 5, &Ok((23, 1)));
        check(28 * 24, &Ok((28, 7)));
        check(28 * 24 - 2, &Ok((28, 7)));
        check(37 * 24, &Ok((35, 7)));
        check(23, &Ok((1, 1)));
        check(20, &Err(FitError::TooShort { hours: 20.0 }));
    }

    #[test]
    fn the_last_weeks_count_and_the_week_begins_on_monday() {
        let events = examples::events(&[
            (0.0, "join", "alder", "", ""),
            (30.0 * 86_400.0 - 1.0, "join", "birch", "", ""),
        ]);
        let window = Window::of(&examples::meta(), &events, Weeks::All).unwrap();
        // The examples begin on Monday, 1 January 2024.
        assert_eq!(window.moment_text(0.0), "2024-01-03T00:00:00Z");
        assert_eq!(window.starts_at_week_sec(), 2 * DAY_SECS);
    }

    #[test]
    fn events_of_one_tick_keep_their_order_and_stay_inside_it() {
        let rows = [(0.0, "join", "alder", "", ""); 50];
        let mut events = examples::events(&rows);
        events.extend(examples::events(&[(86_399.0, "join", "birch", "", "")]));
        let window = Window::of(&examples::meta(), &events, Weeks::All).unwrap();
        let moments = window.moments(&events, &mut Xoshiro256PlusPlus::seed_from_u64(1));
        assert!(moments.is_sorted());
        assert!(moments[..50].iter().all(|secs| (0.0..1.0).contains(secs)));
        assert!(moments[49] - moments[0] > 0.5);
    }
}
