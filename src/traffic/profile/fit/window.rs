//! The stretch of a trace that is fitted, and the moments of events within it.

use jiff::Timestamp;
use rand::Rng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::traffic::profile::DAY_SECS;
use crate::traffic::profile::WEEK_SECS;
use crate::traffic::profile::distribution::uniform;
use crate::traffic::profile::fit::FitError;
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Window {
    /// When it starts, in microseconds since 1970 UTC.
    pub(crate) start_us: i64,
    /// Its length in seconds.
    pub(crate) secs: u32,
    /// The step of a rotation in seconds: a week or a day.
    pub(crate) step_secs: u32,
    /// The tick of the log's clock in microseconds.
    tick_us: u32,
}

impl Window {
    /// Returns the window of a trace.
    pub(crate) fn of(meta: &TraceMeta, events: &[Event]) -> Result<Self, FitError> {
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
        Ok(Self {
            start_us: end_us.saturating_sub(i64::from(secs) * 1_000_000),
            secs,
            step_secs,
            tick_us: meta.tick_us,
        })
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

    /// Returns whether a moment lies in the window.
    pub(crate) fn contains(&self, secs: f64) -> bool {
        (0.0..f64::from(self.secs)).contains(&secs)
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
        let found = Window::of(&examples::meta(), &events);
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
        let window = Window::of(&examples::meta(), &events).unwrap();
        // The examples begin on Monday, 1 January 2024.
        assert_eq!(window.moment_text(0.0), "2024-01-03T00:00:00Z");
        assert_eq!(window.starts_at_week_sec(), 2 * DAY_SECS);
    }

    #[test]
    fn events_of_one_tick_keep_their_order_and_stay_inside_it() {
        let rows = [(0.0, "join", "alder", "", ""); 50];
        let mut events = examples::events(&rows);
        events.extend(examples::events(&[(86_399.0, "join", "birch", "", "")]));
        let window = Window::of(&examples::meta(), &events).unwrap();
        let moments = window.moments(&events, &mut Xoshiro256PlusPlus::seed_from_u64(1));
        assert!(moments.is_sorted());
        assert!(moments[..50].iter().all(|secs| (0.0..1.0).contains(secs)));
        assert!(moments[49] - moments[0] > 0.5);
    }
}
