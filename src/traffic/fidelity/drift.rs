//! Drift: whether weeks of fresh traffic still resemble those of a profile's capture, and how far that can be told.

use crate::traffic::fidelity::changes;
use crate::traffic::fidelity::distances;
use crate::traffic::fidelity::span::Span;
use crate::traffic::fidelity::stream::Recording;
use crate::traffic::fidelity::weeks;
use crate::traffic::fidelity::weeks::Week;
use crate::traffic::profile::number;
use crate::traffic::profile::weekly::Null;
use crate::traffic::profile::weekly::Reference;
use crate::traffic::profile::weekly::Statistic;
use crate::traffic::profile::weekly::Trial;
use crate::traffic::profile::weekly::Tried;
use crate::traffic::profile::weekly::Values;
use crate::traffic::profile::weekly::Weekly;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::TraceMeta;

/// Scales by which a statistic must lie off, twice running with the same sign, to be drift.
pub const Z_MAX: f64 = 2.5;

/// Fewest weeks that a week of the capture is held against; the profile's own reference has eight, or the capture is short.
const REFERENCE_WEEKS_MIN: usize = 4;

/// Fewest weeks from which a null is known: a scale of fewer is off by half.
const NULL_WEEKS_MIN: usize = 8;

/// Fewest watched weeks of a capture for a table of weeks: some before, some for the null.
pub const CAPTURE_WEEKS_MIN: u32 = 12;

/// Fewest pairs of weeks from which on rates of alarms are believed.
pub const PAIRS_MIN: u32 = 8;

/// Watched weeks of a capture from which on there are so many pairs: four before, eight for the null, and the pairs.
pub const TRIED_WEEKS_MIN: u32 = 4 + 8 + PAIRS_MIN + 1;

/// Most false alarms, per pair of weeks, of an alarm that is believed.
pub const FALSE_RATE_MAX: f64 = 0.2;

/// Least share of a change's pairs of weeks at which it must alarm to count as seen.
pub const POWER_MIN: f64 = 0.5;

/// Fewest fresh weeks: the rule needs two running.
pub const FRESH_WEEKS_MIN: usize = 2;

/// Turns a median of absolute differences into a standard deviation, for a normal distribution.
const MAD_TO_DEVIATION: f64 = 1.4826;

/// Turns their 90th percentile into one. Weeks have heavier tails than that: of medians alone eleven of 178 pairs of weeks of
/// five captures were alarms, and one of the larger of both.
const NINETIETH_TO_DEVIATION: f64 = 1.0 / 1.645;

/// Seed of the draws that spread ticks and change weeks: the same trace gives the same table.
const SEED: u64 = 0x5eed_d41f_7000_0001;

/// Digits of nulls in a profile.
const DIGITS: i32 = 6;

/// Returns what a profile is to know of its capture's weeks, or `None` if they are too few.
///
/// `stretches` are what was fitted, in microseconds since 1970 UTC: weeks that are not one run have no weeks before them.
pub fn weekly(meta: &TraceMeta, events: &[Event], stretches: &[(i64, i64)]) -> Option<Weekly> {
    let &[(from_us, to_us)] = stretches else {
        return None;
    };
    let from = events.partition_point(|event| event.at_us < from_us);
    let to = events.partition_point(|event| event.at_us < to_us);
    let events = events.get(from..to)?;
    let span = Span::of(events, meta.tick_us)?;
    let weeks = observed(&span, events);
    if number::whole(number::real(weeks.len())) < CAPTURE_WEEKS_MIN {
        return None;
    }
    let history = History::of(&weeks);
    let tried = Trial::ALL.map(|trial| {
        let changed = changes::changed(trial, events, span.start_us, SEED);
        history.tried(trial, &observed(&span, &changed))
    });
    Some(Weekly {
        end_us: to_us,
        tick_us: meta.tick_us,
        nulls: history.nulls(weeks.len()),
        reference: history.references.last()?.clone(),
        tried,
    })
}

/// Returns the weeks of a span that were watched, in order.
pub(crate) fn observed(span: &Span, events: &[Event]) -> Vec<Week> {
    let recording = Recording::of(span, events, SEED);
    weeks::of(span, &recording).into_iter().flatten().collect()
}

/// The weeks of a capture, each against those before it.
struct History {
    week_count: usize,
    /// The reference of each week from the fifth on, and that of the week after the last.
    references: Vec<Reference>,
    /// How the week after each reference differs from it, and the week after that.
    differences: Vec<[Values; 2]>,
}

impl History {
    fn of(weeks: &[Week]) -> Self {
        let all: Vec<&Week> = weeks.iter().collect();
        let references: Vec<Reference> = (REFERENCE_WEEKS_MIN..=weeks.len())
            .map(|before| weeks::reference(all.get(..before).unwrap_or_default()))
            .collect();
        let differences = (REFERENCE_WEEKS_MIN..weeks.len())
            .zip(&references)
            .map(|(place, reference)| {
                [place, place + 1].map(|place| differences(reference, weeks.get(place)))
            })
            .collect();
        Self {
            week_count: weeks.len(),
            references,
            differences,
        }
    }

    /// Returns the null of each statistic, as the weeks before `until` tell it.
    fn nulls(&self, until: usize) -> [Option<Null>; Statistic::COUNT] {
        Statistic::ALL.map(|statistic| {
            let mut values = Vec::new();
            let mut week_count = 0;
            for (place, pair) in (REFERENCE_WEEKS_MIN..until).zip(&self.differences) {
                for (_, differences) in (place..until).zip(pair) {
                    values.extend(of(differences, statistic));
                }
                let first = pair
                    .first()
                    .and_then(|differences| of(differences, statistic));
                week_count += u32::from(first.is_some());
            }
            null(statistic, values, week_count)
        })
    }

    /// Tries the alarm on pairs of these weeks, each against the capture's own weeks before it.
    ///
    /// Whether it is false is asked by the null that those weeks tell: one that knew the pair would excuse it. Whether it sees a
    /// change is asked by the null that the profile keeps.
    fn tried(&self, trial: Trial, weeks: &[Week]) -> Tried {
        let mut tried = Tried::default();
        let kept = self.nulls(self.week_count);
        for place in REFERENCE_WEEKS_MIN + NULL_WEEKS_MIN..self.week_count.saturating_sub(1) {
            let Some(reference) = self.references.get(place - REFERENCE_WEEKS_MIN) else {
                break;
            };
            let nulls = match trial {
                Trial::Unchanged => self.nulls(place),
                _ => kept,
            };
            let pair = [place, place + 1]
                .map(|place| scored(&nulls, &differences(reference, weeks.get(place))));
            let [one, next] = &pair;
            if one
                .iter()
                .zip(next)
                .all(|(one, next)| one.or(*next).is_none())
            {
                continue;
            }
            tried.pair_count += 1;
            let alarms = |&statistic: &Statistic| strength(statistic, one, next) > Z_MAX;
            tried.alarm_count += u32::from(Statistic::ALL.iter().any(alarms));
        }
        tried
    }
}

/// Returns how a week differs from the weeks before.
pub(crate) fn differences(reference: &Reference, week: Option<&Week>) -> Values {
    Statistic::ALL.map(|statistic| weeks::difference(reference, week?, statistic))
}

/// Returns the null that differences tell: their median, and a robust standard deviation around it.
fn null(statistic: Statistic, mut values: Vec<f64>, week_count: u32) -> Option<Null> {
    if (week_count as usize) < NULL_WEEKS_MIN {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let centre = distances::quantile(&values, 0.5)?;
    let mut apart: Vec<f64> = values.iter().map(|value| (value - centre).abs()).collect();
    apart.sort_by(f64::total_cmp);
    let at = |level: f64| distances::quantile(&apart, level);
    let scale = f64::max(
        MAD_TO_DEVIATION * at(0.5)?,
        NINETIETH_TO_DEVIATION * at(0.9)?,
    );
    Some(Null {
        centre: number::rounded(centre, DIGITS),
        scale: number::rounded(scale.max(scale_min(statistic)), DIGITS),
        week_count,
    })
}

/// Returns the smallest scale of a statistic: differences of 2.5 times it don't matter to any server.
fn scale_min(statistic: Statistic) -> f64 {
    match statistic {
        Statistic::Mix | Statistic::Gaps => 0.01,
        Statistic::Length => 0.02,
        _ => 0.05,
    }
}

pub(crate) fn of(values: &Values, statistic: Statistic) -> Option<f64> {
    values.get(statistic.place()).copied().flatten()
}

/// Returns differences in scales of their nulls.
pub(crate) fn scored(nulls: &[Option<Null>; Statistic::COUNT], differences: &Values) -> Values {
    Statistic::ALL.map(|statistic| {
        let null = nulls.get(statistic.place()).copied().flatten()?;
        Some((of(differences, statistic)? - null.centre) / null.scale)
    })
}

/// Returns how far both of two weeks lie off on the same side, in scales; zero if they don't.
pub(crate) fn strength(statistic: Statistic, one: &Values, next: &Values) -> f64 {
    let (Some(one), Some(next)) = (of(one, statistic), of(next, statistic)) else {
        return 0.0;
    };
    if statistic.is_distance() {
        // Nearer to the weeks before than weeks use to be is not drift.
        one.min(next).max(0.0)
    } else {
        on_one_side(one, next)
    }
}

/// Returns how far both of two values lie off zero on the same side; zero if they don't.
pub(crate) fn on_one_side(one: f64, next: f64) -> f64 {
    one.min(next).max((-one).min(-next)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(statistic: Statistic, value: f64) -> Values {
        let mut values = [None; Statistic::COUNT];
        values[statistic.place()] = Some(value);
        values
    }

    #[track_caller]
    fn check(statistic: Statistic, one: f64, next: f64, want: f64) {
        let found = strength(statistic, &values(statistic, one), &values(statistic, next));
        assert!((found - want).abs() < 1e-9, "{found} {want}");
    }

    #[test]
    fn two_weeks_count_if_both_lie_off_on_one_side() {
        check(Statistic::TalkRate, 3.0, 4.0, 3.0);
        check(Statistic::TalkRate, -3.0, -4.0, 3.0);
        check(Statistic::TalkRate, 3.0, -4.0, 0.0);
        check(Statistic::TalkRate, 9.0, 0.5, 0.5);
        check(Statistic::Gaps, 3.0, 4.0, 3.0);
        // A distance below the usual one is no drift.
        check(Statistic::Gaps, -3.0, -4.0, 0.0);
        let none = [None; Statistic::COUNT];
        assert!(strength(Statistic::Gaps, &none, &values(Statistic::Gaps, 9.0)) <= 0.0);
    }

    #[test]
    fn a_null_is_robust_and_wide_enough_for_its_tails() {
        let of = |values: &[f64]| null(Statistic::TalkRate, values.to_vec(), 10).unwrap();
        let steady = of(&[-0.2, -0.1, 0.0, 0.1, 0.2, -0.2, -0.1, 0.0, 0.1, 0.2]);
        assert!((steady.scale - 0.148_26).abs() < 1e-6, "{steady:?}");
        // One wild week of thirty changes nothing; two of ten do.
        let mut wild = [-0.2, -0.1, 0.0, 0.1, 0.2].repeat(6);
        wild[0] = 50.0;
        assert!(of(&wild).scale < 0.2);
        assert!(of(&[-0.2, 9.0, 0.0, 0.1, 0.2, -9.0, -0.1, 0.0, 0.1, 0.2]).scale > 2.0);
        assert!((of(&[1.0; 10]).scale - 0.05).abs() < 1e-9);
        assert_eq!(null(Statistic::TalkRate, vec![0.1; 14], 7), None);
    }
}
