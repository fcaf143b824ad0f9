//! Silences that are too long for the hour: times at which the logger was away.

use std::collections::BTreeMap;

/// Microseconds of an hour.
const HOUR_US: i64 = 3_600_000_000;

/// Shortest silence that can be an outage: channels sleep at night.
const SILENCE_US_MIN: i64 = 6 * HOUR_US;

/// Events that a usual day would have had in a silence, from which on it is an outage.
/// A usual day is the median, so that bursts don't count; twelve expected and none seen is a chance of 6e-6.
const MISSED_MIN: f64 = 12.0;

/// Days of which hours are counted; a capture of centuries is of no use, and stamps can be wild.
const DAYS_MAX: usize = 36_600;

/// The hours of a capture and its long silences, as its events go by.
#[derive(Debug, Default)]
pub struct Silences {
    /// Events of each hour, by the day since 1970.
    days: BTreeMap<i64, [u32; 24]>,
    first_us: Option<i64>,
    last_us: i64,
    long: Vec<(i64, i64)>,
}

impl Silences {
    /// Notes an event at a moment, in microseconds since some midnight; moments do not run back.
    pub fn note(&mut self, at_us: i64) {
        if self.first_us.is_none() {
            self.first_us = Some(at_us);
        } else if at_us - self.last_us >= SILENCE_US_MIN {
            self.long.push((self.last_us, at_us));
        }
        self.last_us = at_us;
        let hour = at_us.div_euclid(HOUR_US);
        let (day, hour) = (hour.div_euclid(24), hour.rem_euclid(24));
        if self.days.len() >= DAYS_MAX && !self.days.contains_key(&day) {
            return;
        }
        let count = self
            .days
            .entry(day)
            .or_default()
            .get_mut(usize::try_from(hour).unwrap_or(0));
        if let Some(count) = count {
            *count = count.saturating_add(1);
        }
    }

    /// Returns the outages: from the last event before to the first event after.
    pub fn outages(&self) -> Vec<(i64, i64)> {
        if self.long.is_empty() {
            return Vec::new();
        }
        let usual = self.usual_day();
        self.long
            .iter()
            .copied()
            .filter(|&(from_us, to_us)| is_missed(&usual, from_us, to_us))
            .collect()
    }

    /// Returns the median events by hour of the day, days without any included.
    fn usual_day(&self) -> [f64; 24] {
        let (Some((&first, _)), Some((&last, _))) =
            (self.days.first_key_value(), self.days.last_key_value())
        else {
            return [0.0; 24];
        };
        let day_count = usize::try_from(last - first + 1).unwrap_or(usize::MAX);
        let silent_count = day_count.saturating_sub(self.days.len());
        let mut usual = [0.0; 24];
        for (hour, usual) in usual.iter_mut().enumerate() {
            let mut by_day: Vec<u32> = self
                .days
                .values()
                .filter_map(|day| day.get(hour).copied())
                .collect();
            by_day.sort_unstable();
            // Silent days stand before all others.
            let middle = (day_count / 2).checked_sub(silent_count);
            let median = middle.and_then(|middle| by_day.get(middle));
            *usual = f64::from(median.copied().unwrap_or(0));
        }
        usual
    }
}

/// Returns whether usual days have had enough events between two moments for the silence to be an outage.
fn is_missed(usual: &[f64; 24], from_us: i64, to_us: i64) -> bool {
    let mut sum = 0.0;
    let mut at_us = from_us;
    while at_us < to_us && sum < MISSED_MIN {
        let hour = at_us.div_euclid(HOUR_US);
        let next_us = ((hour + 1) * HOUR_US).min(to_us);
        let index = usize::try_from(hour.rem_euclid(24)).unwrap_or(0);
        let rate = usual.get(index).copied().unwrap_or(0.0);
        #[expect(clippy::cast_precision_loss, reason = "at most an hour's microseconds")]
        let share = (next_us - at_us) as f64 / HOUR_US as f64;
        sum += rate * share;
        at_us = next_us;
        // Nobody ever says anything: a year of it decides nothing either.
        if at_us - from_us > HOURS_TRIED * HOUR_US && sum <= 0.0 {
            return false;
        }
    }
    sum >= MISSED_MIN
}

/// Hours after which a silence with nothing usual in it is none: each hour of the day has come by.
const HOURS_TRIED: i64 = 48;

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the outages in hours of ten days with `per_hour` events in each hour, but for silences.
    fn found(per_hour: i64, silences: &[(i64, i64)]) -> Vec<(i64, i64)> {
        let step_us = HOUR_US / per_hour;
        let mut heard = Silences::default();
        for at_us in (0..240 * per_hour).map(|number| number * step_us) {
            let hour = at_us / HOUR_US;
            if !silences
                .iter()
                .any(|&(from, to)| (from..to).contains(&hour))
            {
                heard.note(at_us);
            }
        }
        heard.note(240 * HOUR_US - 1);
        let to_hours = |(from, to): (i64, i64)| (from.div_euclid(HOUR_US), to / HOUR_US);
        heard.outages().into_iter().map(to_hours).collect()
    }

    #[test]
    fn a_long_silence_of_a_busy_channel_is_an_outage() {
        assert_eq!(found(4, &[(100, 110)]), [(99, 110)]);
    }

    #[test]
    fn days_without_an_event_are_an_outage() {
        assert_eq!(found(4, &[(48, 120)]), [(47, 120)]);
    }

    #[test]
    fn a_silence_that_is_short_or_usual_is_none() {
        assert_eq!(found(4, &[(100, 105)]), []);
        assert_eq!(found(1, &[(100, 108)]), []);
        let nights: Vec<(i64, i64)> = (0..10).map(|day| (day * 24, day * 24 + 9)).collect();
        assert_eq!(found(4, &nights), []);
    }

    #[test]
    fn wild_stamps_end() {
        let mut heard = Silences::default();
        heard.note(i64::MIN / 4);
        heard.note(i64::MAX / 4);
        assert_eq!(heard.outages(), []);
    }
}
