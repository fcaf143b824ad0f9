//! The alarm: fresh weeks against the weeks that a profile knows, a verdict, and how far to trust it.

use crate::traffic::fidelity::drift;
use crate::traffic::fidelity::drift::FALSE_RATE_MAX;
use crate::traffic::fidelity::drift::FRESH_WEEKS_MIN;
use crate::traffic::fidelity::drift::PAIRS_MIN;
use crate::traffic::fidelity::drift::POWER_MIN;
use crate::traffic::fidelity::drift::Z_MAX;
use crate::traffic::fidelity::span::Span;
use crate::traffic::fidelity::weeks;
use crate::traffic::profile::DAY_SECS;
use crate::traffic::profile::Profile;
use crate::traffic::profile::number;
use crate::traffic::profile::weekly::Statistic;
use crate::traffic::profile::weekly::Trial;
use crate::traffic::profile::weekly::Values;
use crate::traffic::profile::weekly::Weekly;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::TraceMeta;

/// Standard deviations above the mean below which 95 of 100 draws of a normal distribution lie.
const ONE_SIDED_95: f64 = 1.645;

/// What fresh traffic shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    /// The profile's name.
    pub profile: String,
    /// Days from the end of the profile's capture to the end of the fresh traffic, if both are known.
    pub age_days: Option<f64>,
    /// Fresh weeks that were watched.
    pub week_count: usize,
    /// Fresh weeks that were mostly not.
    pub unwatched_count: usize,
    /// Fresh events left out because they are not after the capture's end.
    pub old_event_count: usize,
    /// Whether the fresh log's clock ticks more rarely than the capture's: gaps are not judged then.
    pub is_coarser: bool,
    /// Every statistic.
    pub rows: Vec<DriftRow>,
    /// How the alarm did on the capture's own weeks: what it told there was false.
    pub false_alarms: Option<TrialRow>,
    /// How it did on changed weeks of the capture.
    pub powers: Vec<TrialRow>,
    /// What follows.
    pub verdict: Verdict,
}

/// What follows from fresh weeks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// No statistic has drifted, and some change at least would have been seen.
    NoDrift,
    /// A statistic has drifted.
    Drift,
    /// Nothing can be told.
    CantTell(Doubt),
}

/// Why nothing can be told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Doubt {
    /// The profile knows nothing of its capture's weeks.
    NoWeeks,
    /// There are too few fresh weeks.
    FewWeeks,
    /// No statistic is in both: there is too little traffic.
    Quiet,
    /// The capture's weeks are too few to know how often the alarm is false.
    Untried,
    /// There is an alarm, but it goes off without a change too often.
    Unreliable,
    /// There is no alarm, but none of the changes would have been seen either.
    Blind,
}

/// One statistic.
#[derive(Clone, Debug, PartialEq)]
pub struct DriftRow {
    /// The word for scripts.
    pub key: &'static str,
    /// What it is, with its unit.
    pub name: &'static str,
    /// What is usual, in that unit.
    pub usual: Option<f64>,
    /// Every watched fresh week.
    pub weeks: Vec<WeekRow>,
    /// The first of the two neighbouring weeks that lie off most, counted from zero.
    pub worst: Option<usize>,
    /// Whether the profile knows how much the statistic differs from week to week.
    pub is_known: bool,
    /// Whether it has drifted.
    pub has_drifted: bool,
}

/// One statistic in one fresh week.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WeekRow {
    /// The value, in the statistic's unit.
    pub value: Option<f64>,
    /// How far it lies from what is usual, in scales of what is usual.
    pub z: Option<f64>,
}

/// How the alarm did on pairs of weeks of the capture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrialRow {
    /// The word for scripts.
    pub key: &'static str,
    /// What was done to the weeks.
    pub name: &'static str,
    /// Pairs that were tried.
    pub pair_count: u32,
    /// Pairs at which it went off.
    pub alarm_count: u32,
    /// Their share.
    pub rate: Option<f64>,
}

impl TrialRow {
    fn of(weekly: &Weekly, trial: Trial) -> Self {
        let tried = weekly.tried(trial);
        Self {
            key: trial.as_str(),
            name: trial_name(trial),
            pair_count: tried.pair_count,
            alarm_count: tried.alarm_count,
            rate: tried.rate(),
        }
    }

    /// Returns the most that the rate may well be, or `None` if nothing was tried: 95 of 100 lie below (Wilson).
    pub fn rate_most(&self) -> Option<f64> {
        let (rate, count) = (self.rate?, f64::from(self.pair_count));
        let square = ONE_SIDED_95 * ONE_SIDED_95;
        let middle = rate + square / (2.0 * count);
        let chance = rate * (1.0 - rate) / count + square / (4.0 * count * count);
        Some((middle + ONE_SIDED_95 * libm::sqrt(chance)) / (1.0 + square / count))
    }

    /// Returns whether enough pairs were tried to say anything.
    pub fn is_tried(&self) -> bool {
        self.pair_count >= PAIRS_MIN
    }

    /// Returns whether a change is told more often than not.
    pub fn is_seen(&self) -> bool {
        self.is_tried() && self.rate.is_some_and(|rate| rate >= POWER_MIN)
    }
}

impl Drift {
    /// Returns the statistics that have drifted.
    pub fn drifted(&self) -> impl Iterator<Item = &DriftRow> {
        self.rows.iter().filter(|row| row.has_drifted)
    }

    /// Returns the odds of a false alarm in all of the fresh weeks, 0 to 1, at its measured rate, taking pairs for independent.
    pub fn false_odds(&self) -> Option<f64> {
        let rate = self.false_alarms?.rate?;
        let pairs = number::real(self.week_count.saturating_sub(1));
        Some(1.0 - libm::pow(1.0 - rate, pairs))
    }
}

/// Judges whether the whole weeks of fresh events resemble the last weeks of a profile's capture.
///
/// Events are in order of time; those before the end of the weeks that the profile knows are left out. Where it knows none, its
/// capture ended at `until_us`, microseconds since 1970 UTC.
pub fn judge(
    profile: &Profile,
    until_us: Option<i64>,
    meta: &TraceMeta,
    events: &[Event],
) -> Drift {
    let known_us = profile.weekly().map(|weekly| weekly.end_us);
    let until_us = known_us.or(until_us);
    let old_event_count = until_us.map_or(0, |until_us| {
        events.partition_point(|event| event.at_us < until_us)
    });
    let events = events.get(old_event_count..).unwrap_or_default();
    let mut drift = Drift {
        profile: profile.name().to_owned(),
        age_days: None,
        week_count: 0,
        unwatched_count: 0,
        old_event_count,
        is_coarser: false,
        rows: Vec::new(),
        false_alarms: None,
        powers: Vec::new(),
        verdict: Verdict::CantTell(Doubt::NoWeeks),
    };
    let span = Span::of(events, meta.tick_us);
    if let (Some(span), Some(until_us)) = (&span, until_us) {
        let nanos = span.end_us.saturating_sub(until_us).saturating_mul(1_000);
        drift.age_days = Some(number::secs_of_nanos(nanos) / f64::from(DAY_SECS));
    }
    let Some(weekly) = profile.weekly() else {
        return drift;
    };
    drift.false_alarms = Some(TrialRow::of(weekly, Trial::Unchanged));
    let changes = Trial::ALL
        .into_iter()
        .filter(|&trial| trial != Trial::Unchanged);
    drift.powers = changes.map(|trial| TrialRow::of(weekly, trial)).collect();
    let fresh = span.map_or_else(Vec::new, |mut span| {
        drift.is_coarser = span.tick_us > weekly.tick_us;
        // Stamps are cut to the rarer tick, so that both clocks are one.
        span.tick_us = span.tick_us.max(weekly.tick_us);
        let weeks = drift::observed(&span, events);
        drift.unwatched_count = (span.week_count as usize).saturating_sub(weeks.len());
        weeks
    });
    drift.week_count = fresh.len();
    let judged: Vec<(Values, Values)> = fresh
        .iter()
        .map(|week| {
            let mut differences = drift::differences(&weekly.reference, Some(week));
            for statistic in Statistic::ALL {
                if drift.is_coarser
                    && needs_ticks(statistic)
                    && let Some(value) = differences.get_mut(statistic.place())
                {
                    *value = None;
                }
            }
            (differences, drift::scored(&weekly.nulls, &differences))
        })
        .collect();
    drift.rows = Statistic::ALL
        .into_iter()
        .map(|statistic| row(weekly, statistic, &judged))
        .collect();
    drift.verdict = verdict(&drift);
    drift
}

fn verdict(drift: &Drift) -> Verdict {
    if drift.week_count < FRESH_WEEKS_MIN {
        return Verdict::CantTell(Doubt::FewWeeks);
    }
    if drift.rows.iter().all(|row| row.worst.is_none()) {
        return Verdict::CantTell(Doubt::Quiet);
    }
    let tried = drift.false_alarms.filter(TrialRow::is_tried);
    let Some(false_rate) = tried.and_then(|row| row.rate) else {
        return Verdict::CantTell(Doubt::Untried);
    };
    if drift.drifted().next().is_some() {
        return if false_rate > FALSE_RATE_MAX {
            Verdict::CantTell(Doubt::Unreliable)
        } else {
            Verdict::Drift
        };
    }
    if drift.powers.iter().any(TrialRow::is_seen) {
        Verdict::NoDrift
    } else {
        Verdict::CantTell(Doubt::Blind)
    }
}

/// Returns whether a statistic depends on what lies between the ticks of the capture's clock.
fn needs_ticks(statistic: Statistic) -> bool {
    matches!(
        statistic,
        Statistic::Gaps | Statistic::MedianGap | Statistic::FanoMinute | Statistic::FanoWithinHours
    )
}

fn row(weekly: &Weekly, statistic: Statistic, judged: &[(Values, Values)]) -> DriftRow {
    let null = weekly.nulls.get(statistic.place()).copied().flatten();
    let usual = weeks::usual(&weekly.reference, statistic);
    let z = |values: &Values| drift::of(values, statistic);
    let strengths = judged
        .iter()
        .zip(judged.iter().skip(1))
        .map(|((_, one), (_, next))| {
            let is_scored = z(one).and(z(next)).is_some();
            is_scored.then(|| drift::strength(statistic, one, next))
        });
    let worst = strengths
        .enumerate()
        .filter_map(|(place, strength)| Some((place, strength?)))
        .max_by(|(_, one), (_, other)| one.total_cmp(other));
    DriftRow {
        key: statistic.as_str(),
        name: statistic_name(statistic),
        usual: usual.and_then(|usual| Some(shown(statistic, usual + null?.centre))),
        weeks: judged
            .iter()
            .map(|(differences, scores)| WeekRow {
                value: drift::of(differences, statistic)
                    .zip(usual)
                    .map(|(difference, usual)| shown(statistic, usual + difference)),
                z: z(scores),
            })
            .collect(),
        worst: worst.map(|(place, _)| place),
        is_known: null.is_some(),
        has_drifted: worst.is_some_and(|(_, strength)| strength > Z_MAX),
    }
}

/// Returns a value as people know it: not its logarithm.
fn shown(statistic: Statistic, value: f64) -> f64 {
    match statistic {
        Statistic::Mix | Statistic::Gaps => value,
        Statistic::Length => libm::exp(value) - 1.0,
        _ => libm::exp(value),
    }
}

fn statistic_name(statistic: Statistic) -> &'static str {
    match statistic {
        Statistic::TalkRate => "messages an hour",
        Statistic::ChurnRate => "joins, parts and quits an hour",
        Statistic::TalkPerChurn => "messages per join, part or quit",
        Statistic::Mix => "mix of kinds, distance",
        Statistic::FanoMinute => "burstiness in minutes, Fano",
        Statistic::FanoTenMinutes => "burstiness in 10 minutes, Fano",
        Statistic::MedianGap => "median gap of a channel, s",
        Statistic::Speakers => "speakers a week",
        Statistic::Length => "typical length, bytes",
        Statistic::Gaps => "gaps, distance",
        Statistic::FanoWithinHours => "burstiness within hours, Fano",
    }
}

fn trial_name(trial: Trial) -> &'static str {
    match trial {
        Trial::Unchanged => "no change",
        Trial::MixShifted => "30 % of messages turned churn and renames",
        Trial::Doubled => "twice the traffic",
        Trial::Halved => "half the traffic",
        Trial::Smoothed => "no bursts: hours keep their counts",
        Trial::ChurnDoubled => "twice the joins, parts and quits",
    }
}

#[cfg(test)]
pub(crate) mod examples {
    use super::*;

    /// Returns what weeks of an invented channel show: whether its messages an hour have drifted, and how the alarm did at
    /// twenty pairs without a change and with one.
    pub(crate) fn drift(week_count: usize, has_drifted: bool, alarm_counts: [u32; 2]) -> Drift {
        let z = if has_drifted { 3.0 } else { 0.3 };
        let trial = |trial: Trial, alarm_count: u32| TrialRow {
            key: trial.as_str(),
            name: trial_name(trial),
            pair_count: 20,
            alarm_count,
            rate: Some(f64::from(alarm_count) / 20.0),
        };
        let week = WeekRow {
            value: Some(123.4),
            z: Some(z),
        };
        let [false_count, true_count] = alarm_counts;
        let mut drift = Drift {
            profile: "oak".to_owned(),
            age_days: Some(21.0),
            week_count,
            unwatched_count: 1,
            old_event_count: 5,
            is_coarser: false,
            rows: vec![DriftRow {
                key: Statistic::TalkRate.as_str(),
                name: statistic_name(Statistic::TalkRate),
                usual: Some(60.0),
                weeks: vec![week; week_count],
                worst: (week_count > 1).then_some(0),
                is_known: true,
                has_drifted,
            }],
            false_alarms: Some(trial(Trial::Unchanged, false_count)),
            powers: vec![
                trial(Trial::Doubled, true_count),
                trial(Trial::MixShifted, 1),
            ],
            verdict: Verdict::NoDrift,
        };
        drift.verdict = verdict(&drift);
        drift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(week_count: usize, has_drifted: bool, alarm_counts: [u32; 2], want: Verdict) {
        let found = examples::drift(week_count, has_drifted, alarm_counts);
        assert_eq!(found.verdict, want);
    }

    #[test]
    fn a_verdict_needs_an_alarm_that_can_be_trusted() {
        check(3, false, [1, 10], Verdict::NoDrift);
        check(3, true, [1, 10], Verdict::Drift);
        check(3, true, [4, 0], Verdict::Drift);
        check(3, true, [5, 20], Verdict::CantTell(Doubt::Unreliable));
        check(3, false, [0, 9], Verdict::CantTell(Doubt::Blind));
        check(1, false, [0, 20], Verdict::CantTell(Doubt::FewWeeks));
    }

    #[test]
    fn few_trials_and_no_statistics_are_doubts() {
        let mut drift = examples::drift(3, true, [0, 20]);
        drift.false_alarms.as_mut().unwrap().pair_count = 7;
        assert_eq!(verdict(&drift), Verdict::CantTell(Doubt::Untried));
        drift.rows[0].worst = None;
        assert_eq!(verdict(&drift), Verdict::CantTell(Doubt::Quiet));
    }

    #[test]
    fn rates_say_how_little_they_rest_on() {
        let drift = examples::drift(3, false, [0, 20]);
        let most = drift.false_alarms.unwrap().rate_most().unwrap();
        assert!((most - 0.119).abs() < 0.001, "{most}");
        let odds = examples::drift(3, false, [2, 20]).false_odds().unwrap();
        assert!((odds - 0.19).abs() < 1e-9, "{odds}");
    }
}
