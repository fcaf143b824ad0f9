//! The band in which message latency moves, and when it was back in it after an event.

use std::time::Duration;

use crate::measure::around::Around;
use crate::measure::distribution::Distribution;
use crate::measure::interval::Interval;
use crate::units::offset::Offset;

/// How far before an event its band is looked for.
const BEFORE: Duration = Duration::from_secs(30);
/// The band reaches above the largest p99 before the event by this share and this time: a p99 of a second jitters.
const BAND_SLACK_SHARE: u64 = 2;
const BAND_SLACK_MICROS: u64 = 1_000;
/// Intervals in a row that must lie in the band before latency counts as back.
const BACK_COUNT: usize = 3;

/// The p99 of message responses, interval by interval around mass events; those without a message are left out. Sixteen bytes a
/// second, 60 kB an event.
#[derive(Clone, Debug, Default)]
pub struct P99Log {
    kept: Around,
    /// Beginning of the interval, and microseconds.
    rows: Vec<(Offset, u64)>,
}

impl P99Log {
    /// Returns a log that keeps the intervals that begin where `kept` holds.
    pub fn new(kept: Around) -> Self {
        Self {
            kept,
            rows: Vec::new(),
        }
    }

    /// Notes the message responses of the interval that began at `begins`; intervals come in order.
    pub fn push(&mut self, begins: Offset, responses: &Distribution) {
        if self.kept.holds(begins)
            && let Some(micros) = responses.at_quantile(0.99)
        {
            self.rows.push((begins, micros));
        }
    }

    /// Returns the upper edge of the band before `struck`, in microseconds; `None` if nothing was said before it.
    pub fn band_before(&self, struck: Offset) -> Option<u64> {
        let before = self.rows.iter().filter(|(begins, _)| {
            struck - BEFORE <= *begins && *begins + Interval::LENGTH <= struck
        });
        let largest = before.map(|&(_, micros)| micros).max()?;
        Some(largest + largest / BAND_SLACK_SHARE + BAND_SLACK_MICROS)
    }

    /// Returns from when on latency was back in the band that it had before `struck`, no sooner than `from`: from there on some
    /// intervals in a row lie in it. `None` if it was not, or there is no band.
    pub fn back_in_band(&self, struck: Offset, from: Offset) -> Option<Offset> {
        let band = self.band_before(struck)?;
        let after = self
            .rows
            .iter()
            .filter(|(begins, _)| *begins + Interval::LENGTH > from);
        let after: Vec<(Offset, bool)> = after
            .map(|&(begins, micros)| (begins, micros <= band))
            .collect();
        let is_back = |rows: &&[(Offset, bool)]| rows.iter().all(|&(_, is_in)| is_in);
        let back = after.windows(BACK_COUNT).find(is_back)?;
        back.first().map(|&(begins, _)| begins.max(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(millis: &[u64], struck: i64, from: i64, want: Option<i64>) {
        let event = (Offset::from_secs(struck), Offset::from_secs(from));
        let mut log = P99Log::new(Around::events([event]));
        for (second, &millis) in (0..).zip(millis) {
            let mut responses = Distribution::new();
            if millis > 0 {
                responses.record(Duration::from_millis(millis));
            }
            log.push(Offset::from_secs(second), &responses);
        }
        let back = log.back_in_band(Offset::from_secs(struck), Offset::from_secs(from));
        assert_eq!(back, want.map(Offset::from_secs));
    }

    #[test]
    fn latency_is_back_when_it_stays_back() {
        // The band ends at 1.5 × 12 + 1 ms.
        check(&[10, 12, 11, 90, 80, 15, 70, 14, 18, 12, 11], 3, 5, Some(7));
        check(&[10, 12, 11, 13, 12, 15, 12], 3, 4, Some(4));
    }

    #[test]
    fn seconds_without_messages_say_nothing() {
        check(&[10, 0, 10, 90, 0, 15, 0, 14, 10], 3, 4, Some(5));
    }

    #[test]
    fn without_a_band_or_a_return_there_is_none() {
        check(&[0, 0, 0, 90, 10, 10, 10], 3, 4, None);
        check(&[10, 10, 10, 90, 90, 90, 10, 10], 3, 4, None);
    }

    #[test]
    fn nothing_is_kept_far_from_events() {
        let mut responses = Distribution::new();
        responses.record(Duration::from_millis(1));
        let mut log = P99Log::new(Around::events([(
            Offset::from_secs(90_000),
            Offset::from_secs(90_010),
        )]));
        for second in 0..200_000 {
            log.push(Offset::from_secs(second), &responses);
        }
        assert_eq!(log.rows.len(), 120 + 10 + 3_600 + 1);
    }
}
