//! The clock of one log: times of day become moments that never run back.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::traffic::capture::Moment;

/// A time of day that falls by more than this begins a new day; less is a clock that was set back.
const MIDNIGHT_FALL_SECS: u32 = 12 * 3_600;

/// Microseconds of a second.
const MICROS: i64 = 1_000_000;

/// Microseconds of a day without a change of the clocks.
const DAY_US: i64 = 86_400 * MICROS;

/// The clock of one log: times of day become moments that never run back.
#[derive(Debug)]
pub(crate) struct Clock {
    day: Option<Date>,
    zone: TimeZone,
    last_secs: u32,
    last_us: Option<i64>,
    /// The day that was looked up last, and when it began if its clocks did not change.
    known: Option<(Date, Option<i64>)>,
}

/// Why a time of a log is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoMoment {
    /// Nothing has told the day.
    Dayless,
    /// The year is none that clocks know.
    Unknown,
}

impl Clock {
    /// Returns the clock of a log that begins on `day`; a log whose lines tell their moments needs none.
    pub(crate) fn new(day: Option<Date>, zone: TimeZone) -> Self {
        Self {
            day,
            zone,
            last_secs: 0,
            last_us: None,
            known: None,
        }
    }

    /// Begins a day.
    pub(crate) fn set_day(&mut self, day: Date) {
        self.day = Some(day);
        self.last_secs = 0;
    }

    /// Returns a moment in microseconds since 1970 UTC, and whether it was lifted to the one before.
    ///
    /// # Errors
    ///
    /// When the day is not known, or is beyond what clocks know.
    pub(crate) fn at_us(&mut self, moment: Moment) -> Result<(i64, bool), NoMoment> {
        let at_us = match moment {
            Moment::Unix { us } => us,
            Moment::TimeOfDay { secs } => {
                let day = self.day_of(secs)?;
                self.civil_us(day, i64::from(secs) * MICROS)
                    .ok_or(NoMoment::Unknown)?
            }
            Moment::Civil { day, us } => self.civil_us(day, us).ok_or(NoMoment::Unknown)?,
            // It stands behind the line before it.
            Moment::Unstamped => match (self.last_us, self.day) {
                (Some(last_us), _) => last_us,
                (None, Some(day)) => self.civil_us(day, 0).ok_or(NoMoment::Unknown)?,
                (None, None) => return Err(NoMoment::Dayless),
            },
        };
        let lifted_us = self.last_us.map_or(at_us, |last_us| at_us.max(last_us));
        self.last_us = Some(lifted_us);
        Ok((lifted_us, lifted_us > at_us))
    }

    /// Returns the day that a time of day is of: the next one once it has fallen.
    fn day_of(&mut self, secs: u32) -> Result<Date, NoMoment> {
        let mut day = self.day.ok_or(NoMoment::Dayless)?;
        if secs.saturating_add(MIDNIGHT_FALL_SECS) < self.last_secs {
            day = day.tomorrow().map_err(|_| NoMoment::Unknown)?;
            self.day = Some(day);
        }
        self.last_secs = secs;
        Ok(day)
    }

    fn civil_us(&mut self, day: Date, us: i64) -> Option<i64> {
        // A leap second, the second 86,400 of a day, is its last.
        let us = us.min(DAY_US - 1);
        let begin_us = match self.known {
            Some((known, begin_us)) if known == day => begin_us,
            _ => {
                let begin_us = self.plain_begin_us(day);
                self.known = Some((day, begin_us));
                begin_us
            }
        };
        match begin_us {
            Some(begin_us) => begin_us.checked_add(us),
            None => self.changing_us(day, us),
        }
    }

    /// Returns when a day began, in microseconds since 1970 UTC; `None` if its clocks are set forward or back.
    fn plain_begin_us(&self, day: Date) -> Option<i64> {
        let midnight = |day: Date| {
            let moment = day.to_datetime(Time::midnight());
            let moment = self.zone.to_ambiguous_timestamp(moment);
            moment.unambiguous().ok().map(Timestamp::as_microsecond)
        };
        let begin_us = midnight(day)?;
        (midnight(day.tomorrow().ok()?)? - begin_us == DAY_US).then_some(begin_us)
    }

    /// Returns a moment of a day on which the clocks change.
    fn changing_us(&self, day: Date, us: i64) -> Option<i64> {
        let secs = us / MICROS;
        let time = Time::new(
            i8::try_from(secs / 3_600).ok()?,
            i8::try_from(secs / 60 % 60).ok()?,
            i8::try_from(secs % 60).ok()?,
            i32::try_from(us % MICROS * 1_000).ok()?,
        )
        .ok()?;
        let moments = self.zone.to_ambiguous_timestamp(day.to_datetime(time));
        let first_us = moments.compatible().ok()?.as_microsecond();
        if self.last_us.is_none_or(|last_us| first_us >= last_us) {
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
    fn a_line_without_a_time_is_of_the_one_before() {
        let mut clock = clock("UTC");
        let begin = clock.at_us(Moment::Unstamped).unwrap().0;
        assert_eq!(begin % DAY_US, 0);
        let next = clock.at_us(Moment::TimeOfDay { secs: 9 }).unwrap().0;
        assert_eq!(next - begin, 9 * MICROS);
        assert_eq!(clock.at_us(Moment::Unstamped), Ok((next, false)));
        let mut dayless = Clock::new(None, TimeZone::UTC);
        assert_eq!(dayless.at_us(Moment::Unstamped), Err(NoMoment::Dayless));
        let timed = dayless.at_us(Moment::TimeOfDay { secs: 9 });
        assert_eq!(timed, Err(NoMoment::Dayless));
    }

    #[test]
    fn a_line_that_tells_its_day_needs_no_other() {
        let mut clock = Clock::new(None, TimeZone::UTC);
        let moment = Moment::Civil {
            day: date(1970, 1, 2),
            us: 1,
        };
        assert_eq!(clock.at_us(moment), Ok((DAY_US + 1, false)));
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
