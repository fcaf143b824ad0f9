//! Weeks of a recording: what each measures, the weeks before it, and how far it is from them.

use std::collections::BTreeSet;

use crate::traffic::fidelity::distances;
use crate::traffic::fidelity::distances::Dispersion;
use crate::traffic::fidelity::score::Stream;
use crate::traffic::fidelity::span::Span;
use crate::traffic::fidelity::stream::Beat;
use crate::traffic::fidelity::stream::Recording;
use crate::traffic::fidelity::stream::Row;
use crate::traffic::profile::HOUR_SECS;
use crate::traffic::profile::WEEK_SECS;
use crate::traffic::profile::number;
use crate::traffic::profile::weekly::GAP_STEPS;
use crate::traffic::profile::weekly::KIND_COUNT;
use crate::traffic::profile::weekly::REFERENCE_WEEKS;
use crate::traffic::profile::weekly::Reference;
use crate::traffic::profile::weekly::Statistic;
use crate::traffic::profile::weekly::Values;
use crate::traffic::trace::event::EventKind;

/// Share of a week that must have been watched: of one mostly unwatched, some hours would stand for all.
const WATCHED_SHARE_MIN: f64 = 0.5;

/// Messages of a week from which on statistics of talk mean anything.
const TALK_MIN: f64 = 150.0;

/// Joins, parts and quits of a week from which on their rate means anything: its chance alone is 14 %.
const CHURN_MIN: f64 = 50.0;

/// Added to counts of which a logarithm is taken: a week of silence is far below others, and not infinitely.
const COUNT_ADDED: f64 = 0.5;

/// Shortest gap of which a logarithm is taken, in seconds: a tenth of the usual tick of a second.
const GAP_SECS_MIN: f64 = 0.1;

/// Digits of values in a profile: far more than weeks tell.
const DIGITS: i32 = 6;

/// What a week measures.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Week {
    /// Distances have no value.
    pub(crate) values: Values,
    /// Events by kind; `other` ones are not counted, for they are the logger's own doing.
    pub(crate) mix: [f64; KIND_COUNT],
    /// Seconds between messages of a channel, sorted.
    pub(crate) gaps_secs: Vec<f64>,
}

/// Returns the weeks of a span, in order; `None` for one that was mostly unwatched.
pub(crate) fn of(span: &Span, recording: &Recording) -> Vec<Option<Week>> {
    (0..span.week_count)
        .map(|number| {
            let week = Bounds::of(span, number);
            (week.watched_secs >= WATCHED_SHARE_MIN * f64::from(WEEK_SECS))
                .then(|| week.measured(span, recording))
        })
        .collect()
}

/// One week of a span.
struct Bounds {
    from: f64,
    to: f64,
    watched_secs: f64,
}

impl Bounds {
    fn of(span: &Span, number: u32) -> Self {
        let from = f64::from(number) * f64::from(WEEK_SECS);
        let to = from + f64::from(WEEK_SECS);
        Self {
            from,
            to,
            watched_secs: f64::from(WEEK_SECS) - span.away_secs(from, to),
        }
    }

    /// Returns those of things in order of time that lie in the week.
    fn within<'a, T>(&self, all: &'a [T], secs: impl Fn(&T) -> f64) -> &'a [T] {
        let from = all.partition_point(|one| secs(one) < self.from);
        let to = all.partition_point(|one| secs(one) < self.to);
        all.get(from..to).unwrap_or_default()
    }

    fn measured(&self, span: &Span, recording: &Recording) -> Week {
        let mut week = Week::default();
        let mut churn_count = 0.0;
        for beats in &recording.networks {
            for beat in self.within(beats, |beat: &Beat| beat.secs) {
                if beat.kind == EventKind::Other {
                    continue;
                }
                churn_count += f64::from(u8::from(Stream::Churn.has(beat.kind)));
                if let Some(count) = week.mix.get_mut(beat.kind as usize) {
                    *count += 1.0;
                }
            }
        }
        let talk: Vec<Vec<&Row>> = recording
            .channels
            .iter()
            .map(|rows| {
                let rows = self.within(rows, |row: &Row| row.secs).iter();
                rows.filter(|row| Stream::Talk.has(row.kind)).collect()
            })
            .collect();
        let talk_count = number::real(talk.iter().map(Vec::len).sum());
        let ln_rate = |count: f64| {
            libm::log((count + COUNT_ADDED) * f64::from(HOUR_SECS) / self.watched_secs)
        };
        let mut set = |statistic: Statistic, value: Option<f64>| {
            if let Some(place) = week.values.get_mut(statistic.place()) {
                *place = value
                    .filter(|value| value.is_finite())
                    .map(|value| number::rounded(value, DIGITS));
            }
        };
        set(Statistic::TalkRate, Some(ln_rate(talk_count)));
        set(Statistic::ChurnRate, Some(ln_rate(churn_count)));
        let ratio = ln_rate(talk_count) - ln_rate(churn_count);
        set(Statistic::TalkPerChurn, Some(ratio));
        if talk_count < TALK_MIN {
            return week;
        }
        set(Statistic::FanoMinute, self.ln_fano(&talk, 60.0));
        set(Statistic::FanoTenMinutes, self.ln_fano(&talk, 600.0));
        set(Statistic::FanoWithinHours, ln_fano_within_hours(&talk));
        let speakers: BTreeSet<u32> = talk.iter().flatten().map(|row| row.user).collect();
        let speaker_count = number::real(speakers.len());
        set(Statistic::Speakers, Some(libm::log(speaker_count)));
        let lengths = talk.iter().flatten();
        let lengths = lengths.map(|row| libm::log(f64::from(row.bytes) + 1.0));
        set(Statistic::Length, Some(lengths.sum::<f64>() / talk_count));
        let mut gaps_secs = gaps_secs(span, &talk);
        gaps_secs.sort_by(f64::total_cmp);
        let median = distances::quantile(&gaps_secs, 0.5);
        let ln_gap = median.map(|secs| libm::log(secs.max(GAP_SECS_MIN)));
        set(Statistic::MedianGap, ln_gap);
        week.gaps_secs = gaps_secs;
        week
    }

    fn ln_fano(&self, talk: &[Vec<&Row>], bin_secs: f64) -> Option<f64> {
        let mut dispersion = Dispersion::default();
        for rows in talk {
            let moments = rows.iter().map(|row| row.secs);
            dispersion.add(moments, bin_secs, self.watched_secs);
        }
        dispersion.fano().map(libm::log)
    }
}

/// Returns the logarithm of variance over mean of counts a minute, both taken within hours: what day and night do is not in it.
fn ln_fano_within_hours(talk: &[Vec<&Row>]) -> Option<f64> {
    let hour_secs = f64::from(HOUR_SECS);
    let mut dispersion = Dispersion::default();
    for rows in talk {
        let hour = |row: &Row| number::whole(row.secs / hour_secs);
        for rows in rows.chunk_by(|one, next| hour(one) == hour(next)) {
            dispersion.add(rows.iter().map(|row| row.secs), 60.0, hour_secs);
        }
    }
    dispersion.fano().map(libm::log)
}

/// Returns the seconds between messages of a channel; outages are no gaps.
fn gaps_secs(span: &Span, talk: &[Vec<&Row>]) -> Vec<f64> {
    let mut gaps = Vec::new();
    for rows in talk {
        for (one, next) in rows.iter().zip(rows.iter().skip(1)) {
            if span.away_secs(one.secs, next.secs) <= 0.0 {
                gaps.push(next.secs - one.secs);
            }
        }
    }
    gaps
}

/// Returns what later weeks are held against: the last of these weeks.
pub(crate) fn reference(weeks: &[&Week]) -> Reference {
    let skipped = weeks.len().saturating_sub(REFERENCE_WEEKS);
    let weeks = weeks.get(skipped..).unwrap_or_default();
    let mut mix = [0.0; KIND_COUNT];
    let mut gaps_secs = Vec::new();
    for week in weeks {
        for (sum, count) in mix.iter_mut().zip(week.mix) {
            *sum += count;
        }
        gaps_secs.extend_from_slice(&week.gaps_secs);
    }
    gaps_secs.sort_by(f64::total_cmp);
    let levels = (0..=GAP_STEPS).map(|step| number::real(step) / number::real(GAP_STEPS));
    Reference {
        weeks: weeks.iter().map(|week| week.values).collect(),
        mix,
        gaps_secs: levels
            .filter_map(|level| distances::quantile(&gaps_secs, level))
            .map(|secs| number::rounded(secs, DIGITS))
            .collect(),
    }
}

/// Returns what is usual for a statistic, or `None` where it is not to be judged: for want of traffic, or of weeks that have it.
pub(crate) fn usual(reference: &Reference, statistic: Statistic) -> Option<f64> {
    let median_of = |statistic: Statistic| {
        let values = reference.weeks.iter();
        let values = values.filter_map(|values| values.get(statistic.place()).copied().flatten());
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        // What most of the weeks have not is not usual.
        (values.len() * 2 > reference.weeks.len())
            .then(|| distances::quantile(&values, 0.5))
            .flatten()
    };
    let has = |statistic: Statistic, least: f64| {
        let week_hours = f64::from(WEEK_SECS / HOUR_SECS);
        median_of(statistic).is_some_and(|ln_rate| libm::exp(ln_rate) * week_hours >= least)
    };
    let (talks, churns) = (
        has(Statistic::TalkRate, TALK_MIN),
        has(Statistic::ChurnRate, CHURN_MIN),
    );
    let is_judged = match statistic {
        Statistic::ChurnRate => churns,
        Statistic::TalkPerChurn => talks && churns,
        Statistic::Mix => talks || churns,
        _ => talks,
    };
    if !is_judged {
        return None;
    }
    if statistic.is_distance() {
        return Some(0.0);
    }
    median_of(statistic)
}

/// Returns by how much a week differs from the weeks before in a statistic, if both have it.
pub(crate) fn difference(reference: &Reference, week: &Week, statistic: Statistic) -> Option<f64> {
    let usual = usual(reference, statistic)?;
    match statistic {
        // Its root grows as the change does; the divergence itself as its square.
        Statistic::Mix => distances::jensen_shannon(&week.mix, &reference.mix).map(libm::sqrt),
        Statistic::Gaps => distances::kolmogorov_smirnov(&week.gaps_secs, &reference.gaps_secs),
        _ => Some(week.values.get(statistic.place()).copied().flatten()? - usual),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::fidelity::span::tests::event;
    use crate::traffic::trace::event::Event;

    /// Returns two weeks with a message every quarter of an hour, two people in turn, but for those days.
    fn weeks(away_days: std::ops::Range<u32>) -> Vec<Option<Week>> {
        let events: Vec<Event> = (0..14 * 96_u32)
            .filter(|quarter| !away_days.contains(&(quarter / 96)))
            .map(|quarter| {
                let user = ["alder", "birch"][quarter as usize % 2];
                let words = format!("message {user} #oak");
                event(f64::from(quarter) * 900.0, &words)
            })
            .collect();
        let span = Span::of(&events, 1_000_000).unwrap();
        of(&span, &Recording::of(&span, &events, 1))
    }

    fn week() -> Week {
        weeks(0..0).remove(0).unwrap()
    }

    #[track_caller]
    fn check(found: Option<f64>, want: Option<f64>) {
        match (found, want) {
            (Some(found), Some(want)) => assert!((found - want).abs() < 0.02, "{found} {want}"),
            _ => assert_eq!(found, want),
        }
    }

    #[test]
    fn a_week_is_measured() {
        let week = week();
        let value = |statistic: Statistic| week.values[statistic.place()];
        check(value(Statistic::TalkRate), Some(4.0_f64.ln()));
        check(value(Statistic::ChurnRate), Some((0.5_f64 / 168.0).ln()));
        check(value(Statistic::MedianGap), Some(900.0_f64.ln()));
        check(value(Statistic::Speakers), Some(2.0_f64.ln()));
        check(value(Statistic::Length), Some(21.0_f64.ln()));
        // Of fifteen minutes one holds a message.
        check(value(Statistic::FanoMinute), Some((14.0_f64 / 15.0).ln()));
        check(
            value(Statistic::FanoWithinHours),
            Some((14.0_f64 / 15.0).ln()),
        );
        check(value(Statistic::Mix), None);
        check(week.mix.first().copied(), Some(week.mix.iter().sum()));
    }

    #[test]
    fn a_week_mostly_unwatched_is_none() {
        let is_week =
            |weeks: Vec<Option<Week>>| -> Vec<bool> { weeks.iter().map(Option::is_some).collect() };
        assert_eq!(is_week(weeks(7..12)), [true, false]);
        assert_eq!(is_week(weeks(8..10)), [true, true]);
        // What was watched of it has the usual rate.
        let part = weeks(8..10).remove(1).unwrap();
        check(part.values[0], Some(4.0_f64.ln()));
    }

    #[test]
    fn a_week_is_held_against_those_before() {
        let week = week();
        let reference = reference(&[&week; 10]);
        assert_eq!(reference.weeks.len(), REFERENCE_WEEKS);
        let differs = |week: &Week, statistic| difference(&reference, week, statistic);
        for statistic in [Statistic::TalkRate, Statistic::Mix, Statistic::Gaps] {
            check(differs(&week, statistic), Some(0.0));
        }
        // Nobody came or went: there is nothing to judge.
        check(differs(&week, Statistic::ChurnRate), None);
        check(differs(&week, Statistic::TalkPerChurn), None);
        let mut silent = Week::default();
        silent.values[Statistic::TalkRate.place()] = Some(-6.0);
        check(
            differs(&silent, Statistic::TalkRate),
            Some(-6.0 - 4.0_f64.ln()),
        );
        check(differs(&silent, Statistic::MedianGap), None);
        let mut joins = week.clone();
        joins.mix.rotate_right(3);
        check(differs(&joins, Statistic::Mix), Some(1.0));
    }

    #[test]
    fn talk_of_a_quiet_capture_is_not_judged() {
        let mut week = week();
        week.values[Statistic::TalkRate.place()] = Some((149.0_f64 / 168.0).ln());
        let reference = reference(&[&week; 8]);
        check(usual(&reference, Statistic::Speakers), None);
        check(usual(&reference, Statistic::Mix), None);
    }
}
