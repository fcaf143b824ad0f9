//! Times at which the logger was away: silences that are too long for the hour.

use crate::traffic::profile::DAY_SECS;
use crate::traffic::profile::HOUR_SECS;
use crate::traffic::profile::fit::window::Window;
use crate::traffic::profile::number;

/// Shortest silence that can be an outage, in seconds: channels sleep at night.
const SILENCE_SECS_MIN: f64 = 6.0 * 3_600.0;

/// Events that a usual day would have had in a silence, from which on it is an outage.
/// A usual day is the median, so that bursts don't count; twelve expected and none seen is a chance of 6e-6.
const MISSED_MIN: f64 = 12.0;

/// The outages of a trace, in order and disjoint: start and end in seconds from the window's start.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outages {
    spans: Vec<(f64, f64)>,
}

impl Outages {
    /// Returns the outages among the moments of all events, which are sorted.
    pub(crate) fn find(window: &Window, moments: &[f64]) -> Self {
        let usual = usual_day(window, moments);
        let spans = moments
            .windows(2)
            .filter_map(|pair| Some((*pair.first()?, *pair.last()?)))
            .filter(|(from, to)| to - from >= SILENCE_SECS_MIN)
            .filter(|&(from, to)| expected(window, &usual, from, to) >= MISSED_MIN)
            .collect();
        Self { spans }
    }

    /// Returns the seconds of outage between two moments.
    pub(crate) fn secs_within(&self, from: f64, to: f64) -> f64 {
        self.spans
            .iter()
            .map(|&(start, end)| (end.min(to) - start.max(from)).max(0.0))
            .fold(0.0, |sum, secs| sum + secs)
    }

    /// Returns when the first outage that starts at or after a moment starts.
    pub(crate) fn next_start(&self, secs: f64) -> Option<f64> {
        self.spans
            .iter()
            .map(|&(start, _)| start)
            .find(|&start| start >= secs)
    }
}

/// Returns the median events by hour of the day.
fn usual_day(window: &Window, moments: &[f64]) -> [f64; 24] {
    let hour_of = |secs: f64| libm::floor(window.week_secs(secs) / f64::from(HOUR_SECS));
    let mut usual = [0.0; 24];
    let (Some(&first), Some(&last)) = (moments.first(), moments.last()) else {
        return usual;
    };
    let first_day = libm::floor(hour_of(first) / 24.0);
    let day_count = number::whole(libm::floor(hour_of(last) / 24.0) - first_day) as usize + 1;
    let mut counts = vec![[0_u32; 24]; day_count];
    for &secs in moments {
        let hour = hour_of(secs) - first_day * 24.0;
        let (day, hour) = (
            number::whole(hour / 24.0) as usize,
            number::whole(hour) as usize % 24,
        );
        if let Some(count) = counts.get_mut(day).and_then(|day| day.get_mut(hour)) {
            *count += 1;
        }
    }
    for (hour, usual) in usual.iter_mut().enumerate() {
        let mut by_day: Vec<u32> = counts
            .iter()
            .filter_map(|day| day.get(hour).copied())
            .collect();
        by_day.sort_unstable();
        *usual = f64::from(by_day.get(by_day.len() / 2).copied().unwrap_or(0));
    }
    usual
}

/// Returns the events that usual days have between two moments.
fn expected(window: &Window, usual: &[f64; 24], from: f64, to: f64) -> f64 {
    let hour_secs = f64::from(HOUR_SECS);
    let mut sum = 0.0;
    let mut at = from;
    // A silence lasts at most as long as the trace; days beyond the first few decide nothing.
    while at < to && sum < MISSED_MIN {
        let week_secs = window.week_secs(at);
        let hour = libm::floor(week_secs / hour_secs);
        let rest = (hour_secs * (hour + 1.0) - week_secs).max(1e-3);
        let of_day = week_secs - f64::from(DAY_SECS) * libm::floor(week_secs / f64::from(DAY_SECS));
        let index = number::index_below(of_day / hour_secs, usual.len());
        let share = rest.min(to - at) / hour_secs;
        sum += usual.get(index).copied().unwrap_or(0.0) * share;
        at += rest;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::profile::fit::examples;

    /// Returns the outages of ten days with `per_hour` events in each hour, but for silences.
    fn found(per_hour: u32, silences: &[(f64, f64)]) -> Vec<(f64, f64)> {
        let is_heard = |hours: &f64| {
            !silences
                .iter()
                .any(|(from, to)| (*from..*to).contains(hours))
        };
        let times: Vec<f64> = (0..240 * per_hour)
            .map(|n| f64::from(n) / f64::from(per_hour))
            .filter(is_heard)
            .map(|hours| hours * 3_600.0)
            .chain([240.0 * 3_600.0 - 1.0])
            .collect();
        let rows: Vec<_> = times
            .iter()
            .map(|&secs| (secs, "join", "alder", "", ""))
            .collect();
        let events = examples::events(&rows);
        let window = Window::of(&examples::meta(), &events).unwrap();
        let moments: Vec<f64> = events
            .iter()
            .map(|event| examples::secs(&window, event))
            .collect();
        let to_hours = |(from, to): (f64, f64)| {
            (
                libm::round(from / 360.0) / 10.0,
                libm::round(to / 360.0) / 10.0,
            )
        };
        Outages::find(&window, &moments)
            .spans
            .into_iter()
            .map(to_hours)
            .collect()
    }

    #[test]
    fn a_long_silence_of_a_busy_channel_is_an_outage() {
        assert_eq!(found(4, &[(100.0, 110.0)]), [(99.8, 110.0)]);
    }

    #[test]
    fn a_silence_that_is_short_or_usual_is_none() {
        assert_eq!(found(4, &[(100.0, 105.0)]), []);
        assert_eq!(found(1, &[(100.0, 108.0)]), []);
        let nights: Vec<(f64, f64)> = (0..10)
            .map(|day| (f64::from(day) * 24.0, f64::from(day) * 24.0 + 9.0))
            .collect();
        assert_eq!(found(4, &nights), []);
    }

    #[test]
    fn seconds_within_are_the_overlap() {
        let outages = Outages {
            spans: vec![(10.0, 20.0), (30.0, 40.0)],
        };
        assert!((outages.secs_within(15.0, 35.0) - 10.0).abs() < 1e-9);
        assert_eq!(outages.next_start(20.0), Some(30.0));
        assert_eq!(outages.next_start(31.0), None);
    }
}
