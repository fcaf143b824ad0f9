//! The clock of one log: times of day become moments that never run back.

use jiff::civil::Date;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::traffic::capture::Moment;

/// A time of day that falls by more than this begins a new day; less is a clock that was set back.
const MIDNIGHT_FALL_SECS: u32 = 12 * 3_600;

/// The clock of one log: times of day become moments that never run back.
#[derive(Debug)]
pub(crate) struct Clock {
    day: Option<Date>,
    zone: TimeZone,
    last_secs: u32,
    last_us: i64,
}

impl Clock {
    /// Returns the clock of a log that begins on `day`; a log whose lines tell their moments needs none.
    pub(crate) fn new(day: Option<Date>, zone: TimeZone) -> Self {
        Self {
            day,
            zone,
            last_secs: 0,
            last_us: i64::MIN,
        }
    }

    /// Begins a day.
    pub(crate) fn set_day(&mut self, day: Date) {
        self.day = Some(day);
        self.last_secs = 0;
    }

    /// Returns a moment in microseconds since 1970 UTC, and whether it was lifted to the one before.
    pub(crate) fn at_us(&mut self, moment: Moment) -> Option<(i64, bool)> {
        let at_us = match moment {
            Moment::Unix { us } => us,
            Moment::TimeOfDay { secs } => self.civil_us(secs)?,
        };
        let lifted_us = at_us.max(self.last_us);
        self.last_us = lifted_us;
        Some((lifted_us, lifted_us > at_us))
    }

    fn civil_us(&mut self, secs: u32) -> Option<i64> {
        let mut day = self.day?;
        if secs.saturating_add(MIDNIGHT_FALL_SECS) < self.last_secs {
            day = day.tomorrow().ok()?;
            self.day = Some(day);
        }
        self.last_secs = secs;
        let (hours, minutes, seconds) = (secs / 3_600, secs / 60 % 60, secs % 60);
        // A leap second, the second 86,400 of a day, is its last.
        let time = Time::new(
            i8::try_from(hours.min(23)).ok()?,
            i8::try_from(if hours > 23 { 59 } else { minutes }).ok()?,
            i8::try_from(if hours > 23 { 59 } else { seconds }).ok()?,
            0,
        )
        .ok()?;
        let civil = day.to_datetime(time);
        let moments = self.zone.to_ambiguous_timestamp(civil);
        let first_us = moments.compatible().ok()?.as_microsecond();
        if first_us >= self.last_us {
            return Some(first_us);
        }
        // The hour that a clock shows twice in autumn: a time that seems to run back is of the second showing.
        Some(moments.later().ok()?.as_microsecond())
    }
}

/// The coarsest clock that fits all times seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tick {
    index: usize,
}

impl Tick {
    const STEPS_US: [u32; 4] = [60_000_000, 1_000_000, 1_000, 1];

    /// Notes a time.
    pub(crate) fn see(&mut self, at_us: i64) {
        while at_us % i64::from(self.us()) != 0 {
            self.index += 1;
        }
    }

    /// Returns the tick in microseconds.
    pub(crate) fn us(self) -> u32 {
        Self::STEPS_US.get(self.index).copied().unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn clock(zone: &str) -> Clock {
        Clock::new(Some(date(2023, 10, 28)), TimeZone::get(zone).unwrap())
    }

    /// Reads times of day in order and shows them in UTC.
    #[track_caller]
    fn check(zone: &str, times: &[(u32, u32)], want: &[&str]) {
        let mut clock = clock(zone);
        let found: Vec<String> = times
            .iter()
            .map(|(hours, minutes)| Moment::TimeOfDay {
                secs: hours * 3_600 + minutes * 60,
            })
            .map(|moment| clock.at_us(moment).unwrap().0)
            .map(|us| jiff::Timestamp::from_microsecond(us).unwrap().to_string())
            .collect();
        assert_eq!(found, want);
    }

    #[test]
    fn times_of_day_pass_midnight() {
        check(
            "UTC",
            &[(23, 59), (0, 1), (0, 1)],
            &[
                "2023-10-28T23:59:00Z",
                "2023-10-29T00:01:00Z",
                "2023-10-29T00:01:00Z",
            ],
        );
    }

    #[test]
    fn an_hour_that_is_shown_twice_passes_twice() {
        check(
            "Europe/Berlin",
            &[(23, 0), (2, 30), (2, 50), (2, 30), (3, 0)],
            &[
                "2023-10-28T21:00:00Z",
                "2023-10-29T00:30:00Z",
                "2023-10-29T00:50:00Z",
                "2023-10-29T01:30:00Z",
                "2023-10-29T02:00:00Z",
            ],
        );
    }

    #[test]
    fn a_clock_that_is_set_back_stands_still() {
        let mut clock = clock("UTC");
        let at = |clock: &mut Clock, secs| clock.at_us(Moment::TimeOfDay { secs }).unwrap();
        let first = at(&mut clock, 1_000);
        assert!(!first.1);
        assert_eq!(at(&mut clock, 900), (first.0, true));
    }

    #[test]
    fn a_leap_second_is_the_last_of_its_day() {
        let mut clock = clock("UTC");
        let last = clock.at_us(Moment::TimeOfDay { secs: 86_400 }).unwrap();
        assert_eq!(last.0 / 1_000_000 % 86_400, 86_399);
    }

    #[test]
    fn the_tick_is_the_coarsest_that_fits() {
        let mut tick = Tick::default();
        for (at_us, want) in [
            (120_000_000, 60_000_000),
            (61_000_000, 1_000_000),
            (-1_500_000, 1_000),
            (7, 1),
        ] {
            tick.see(at_us);
            assert_eq!(tick.us(), want);
        }
    }
}
