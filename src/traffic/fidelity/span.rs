//! The span of a trace that is compared: its whole weeks, the parts they make, and the logger's outages.

use crate::traffic::profile::WEEK_HOURS;
use crate::traffic::profile::WEEK_SECS;
use crate::traffic::profile::fit::Weeks;
use crate::traffic::profile::number;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::silence::Silences;

/// What a trace may lack to count as whole weeks: quiet hours at its ends, as the fit has it.
const WEEK_SLACK: f64 = 0.02;

/// Monday, 5 January 1970, 00:00 UTC, in hours since 1970: the start of a week.
const MONDAY_HOURS: i64 = 4 * 24;

/// The span of a trace: seconds count from its start.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Span {
    /// When the first event is, in microseconds since 1970 UTC: up to a week before the span's start.
    pub(crate) first_us: i64,
    /// When the span starts.
    pub(crate) start_us: i64,
    /// When it ends.
    pub(crate) end_us: i64,
    /// Its whole weeks; a span without any counts as one, which is not whole.
    pub(crate) week_count: u32,
    /// The tick of the log's clock in microseconds.
    pub(crate) tick_us: u32,
    /// The logger's outages: start and end in seconds, in order and disjoint.
    outages: Vec<(f64, f64)>,
}

impl Span {
    /// Returns the span of events, which are in order of time, or `None` without any.
    pub(crate) fn of(events: &[Event], tick_us: u32) -> Option<Self> {
        let (first, last) = (events.first()?, events.last()?);
        let end_us = last.at_us.saturating_add(i64::from(tick_us));
        let span_secs = secs_between(first.at_us, end_us);
        let week_count = number::whole(span_secs / f64::from(WEEK_SECS) + WEEK_SLACK);
        let start_us = if week_count == 0 {
            first.at_us
        } else {
            end_us.saturating_sub(i64::from(week_count) * i64::from(WEEK_SECS) * 1_000_000)
        };
        let mut silences = Silences::default();
        for event in events {
            silences.note(event.at_us);
        }
        let outages = silences
            .outages()
            .into_iter()
            .map(|(from, to)| (secs_between(start_us, from), secs_between(start_us, to)))
            .collect();
        Some(Self {
            first_us: first.at_us,
            start_us,
            end_us,
            week_count,
            tick_us,
            outages,
        })
    }

    /// Returns whether a moment lies in a part.
    pub(crate) fn holds(&self, part: Weeks, secs: f64) -> bool {
        if secs < 0.0 {
            return false;
        }
        let week = number::whole(secs / f64::from(WEEK_SECS));
        week < self.week_count.max(1) && part.has(week, self.week_count)
    }

    /// Returns which of a part's weeks, counted from zero, holds a moment of the part.
    pub(crate) fn ordinal_week(&self, part: Weeks, secs: f64) -> u32 {
        let week = number::whole(secs / f64::from(WEEK_SECS));
        match part {
            Weeks::All | Weeks::First => week,
            Weeks::Odd | Weeks::Even => week / 2,
            Weeks::Last => week.saturating_sub(self.week_count.div_ceil(2)),
        }
    }

    /// Returns for how many seconds of a part the logger was there.
    pub(crate) fn watched_secs(&self, part: Weeks) -> f64 {
        if self.week_count == 0 {
            let all_secs = secs_between(self.start_us, self.end_us);
            return (all_secs - self.away_secs(0.0, all_secs)).max(0.0);
        }
        let week_secs = f64::from(WEEK_SECS);
        (0..self.week_count)
            .filter(|&week| part.has(week, self.week_count))
            .map(|week| {
                let from = f64::from(week) * week_secs;
                week_secs - self.away_secs(from, from + week_secs)
            })
            .sum()
    }

    /// Returns the seconds of outage between two moments.
    pub(crate) fn away_secs(&self, from: f64, to: f64) -> f64 {
        let after = self.outages.partition_point(|&(_, end)| end <= from);
        self.outages
            .iter()
            .skip(after)
            .take_while(|&&(start, _)| start < to)
            .map(|&(start, end)| (end.min(to) - start.max(from)).max(0.0))
            .sum()
    }

    /// Returns whether the logger was away at a moment; the events at both ends of an outage were logged.
    pub(crate) fn is_away(&self, secs: f64) -> bool {
        let after = self.outages.partition_point(|&(_, end)| end <= secs);
        self.outages.get(after).is_some_and(|&(start, _)| {
            // The last event before an outage is spread inside its tick, and still was logged.
            secs > start + f64::from(self.tick_us) / 1e6
        })
    }

    /// Returns the hour of the week in which the span starts, Monday 00:00 UTC being zero.
    pub(crate) fn week_hour(&self) -> usize {
        let hours = self.start_us.div_euclid(3_600_000_000) - MONDAY_HOURS;
        usize::try_from(hours.rem_euclid(i64::from(WEEK_HOURS))).unwrap_or(0)
    }

    /// Returns a moment in seconds.
    pub(crate) fn secs(&self, at_us: i64) -> f64 {
        secs_between(self.start_us, at_us)
    }

    /// Returns the tick in seconds.
    pub(crate) fn tick_secs(&self) -> f64 {
        f64::from(self.tick_us) / 1e6
    }
}

/// Returns the seconds from one moment to another.
fn secs_between(from_us: i64, to_us: i64) -> f64 {
    number::secs_of_nanos(to_us.saturating_sub(from_us)) * 1e3
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::traffic::trace::event::EventKind;

    /// Returns an event of an invented channel at a moment, from words as `join alder`.
    pub(crate) fn event(secs: f64, words: &str) -> Event {
        let mut words = words.split(' ');
        let mut next = || words.next().unwrap_or_default();
        Event {
            at_us: number::nanos_of_secs(secs) / 1_000,
            kind: EventKind::from_word(next()).unwrap(),
            user: next().into(),
            channel: next().into(),
            peer: next().into(),
            network: "wood".into(),
            bytes: 20,
            detail: "".into(),
            text: "".into(),
        }
    }

    /// Returns the span of events every hour of that many days, but for those of `away`.
    fn span(days: u32, away: std::ops::Range<u32>) -> Span {
        let events: Vec<Event> = (0..days * 24)
            .filter(|hour| !away.contains(hour))
            .map(|hour| event(f64::from(hour) * 3_600.0, "message alder #forest"))
            .collect();
        Span::of(&events, 1_000_000).unwrap()
    }

    #[test]
    fn a_span_is_the_last_whole_weeks() {
        let span = span(30, 0..0);
        assert_eq!(span.week_count, 4);
        let hours_before = (span.start_us - span.first_us) / 3_600_000_000;
        assert_eq!(hours_before, 47);
    }

    #[test]
    fn parts_share_the_weeks() {
        let span = span(35, 0..0);
        let week = f64::from(WEEK_SECS);
        let weeks = |part| {
            let starts = (0..6_u32).map(|number| f64::from(number) * week + 1.0);
            let held = starts.filter(|&secs| span.holds(part, secs));
            held.map(|secs| span.ordinal_week(part, secs))
                .collect::<Vec<_>>()
        };
        assert_eq!(weeks(Weeks::All), [0, 1, 2, 3, 4]);
        assert_eq!(weeks(Weeks::Odd), [0, 1, 2]);
        assert_eq!(weeks(Weeks::Even), [0, 1]);
        assert_eq!(weeks(Weeks::First), [0, 1, 2]);
        assert_eq!(weeks(Weeks::Last), [0, 1]);
        assert!(span.holds(Weeks::Odd, 0.0) && span.holds(Weeks::Even, week + 1.0));
        assert!(!span.holds(Weeks::All, -1.0) && !span.holds(Weeks::All, 5.0 * week));
    }

    #[test]
    fn outages_are_not_watched() {
        let span = span(28, 100..160);
        let away = f64::from(WEEK_SECS) * 4.0 - span.watched_secs(Weeks::All);
        assert!((away - 61.0 * 3_600.0).abs() < 1.0, "{away}");
        let at = span.secs(130 * 3_600_000_000);
        assert!(span.is_away(at) && !span.is_away(at + 40.0 * 3_600.0));
        assert!(!span.is_away(span.secs(99 * 3_600_000_000) + 0.5));
    }
}
