//! Abort rules: conditions judged every interval, so that a run that can't end well ends early.

use std::time::Duration;

use crate::gate::figure;
use crate::gate::judgement::Judgement;
use crate::gate::judgement::Observed;
use crate::gate::limit::Limit;
use crate::gate::metric::Moving;
use crate::gate::metric::Quantity;
use crate::gate::metric::Recovery;
use crate::gate::metric::Timed;
use crate::gate::slo::Slo;
use crate::measure::act::Act;
use crate::measure::forecast::Forecast;
use crate::measure::interval::Interval;
use crate::measure::migration::Migrations;
use crate::measure::operation::Operation;
use crate::measure::progress::Progress;
use crate::place::Misread;
use crate::scenario::AbortCondition;
use crate::scenario::phase::Phase;
use crate::units::id::PhaseId;
use crate::units::offset::Offset;
use crate::units::span::micros;

/// A condition that ends the run when it does not hold for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct AbortRule {
    /// The condition.
    pub slo: Slo,
    /// How long it must not have held.
    pub lasts: Duration,
    /// How long after the run's beginning it is first judged.
    pub delay: Duration,
    /// Whether the run ends without waiting for what is open.
    pub is_hard: bool,
    /// The roll-back that is played before the run ends.
    pub then: Option<PhaseId>,
}

impl AbortRule {
    /// Resolves a rule of a scenario.
    ///
    /// # Errors
    ///
    /// Returns what is not known, does not fit, or can't be judged while a run goes on.
    pub fn resolve(rule: &AbortCondition, phases: &[Phase]) -> Result<Self, Misread> {
        let slo = Slo::resolve(&rule.condition)?;
        slo.check_phase(phases)?;
        let is_of_the_end = matches!(
            slo.metric.quantity,
            Quantity::Recover(
                _,
                Recovery::Latency | Recovery::Lost | Recovery::Bystanders(_)
            )
        );
        if is_of_the_end {
            return Err(Misread::new(
                format!("`{}` is known at the run's end alone", slo.check),
                slo.place,
            )
            .with_help("an abort rule takes `recover.<phase>` and its percentiles: how long victims are away"));
        }
        Ok(Self {
            slo,
            lasts: rule.lasts,
            delay: rule.delay,
            is_hard: rule.is_hard,
            then: rule.then,
        })
    }
}

/// What is seen of a run in one interval.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// When the interval began.
    pub begins: Offset,
    /// When it ended.
    pub ends: Offset,
    /// What was observed in it.
    pub interval: &'a Interval,
    /// How far the run has come.
    pub progress: &'a Progress,
    /// The phases that were being played, by name, with their place in the scenario.
    pub phases: &'a [Phase],
    /// Whether each of them was being played.
    pub is_playing: &'a [bool],
    /// Forecasts, by phase.
    pub forecasts: &'a [Option<Forecast>],
    /// Accounts moved between servers.
    pub migrations: &'a Migrations,
}

/// The end that a rule makes of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abort {
    /// When, which rule, the figures, and what was connected.
    pub text: String,
    /// Whether what is open is not waited for.
    pub is_hard: bool,
    /// The roll-back that is played first.
    pub then: Option<PhaseId>,
}

/// Watches over a run by its abort rules.
#[derive(Debug)]
pub struct Monitor<'a> {
    rules: &'a [AbortRule],
    /// Since when each does not hold.
    since: Vec<Option<Offset>>,
}

/// What a rule says of one interval.
enum Finding {
    Holds,
    /// It does not hold, and why.
    Broken(String),
    /// There was nothing to judge.
    Silent,
}

impl<'a> Monitor<'a> {
    /// Returns a monitor before the first interval.
    pub fn new(rules: &'a [AbortRule]) -> Self {
        Self {
            rules,
            since: vec![None; rules.len()],
        }
    }

    /// Judges an interval; returns the end that the first rule makes of the run that has not held for long enough.
    pub fn judge(&mut self, sight: &Sight<'_>) -> Option<Abort> {
        for (rule, since) in self.rules.iter().zip(&mut self.since) {
            if sight.begins < Offset::ZERO + rule.delay {
                continue;
            }
            match find(rule, sight) {
                Finding::Holds => *since = None,
                Finding::Silent => {}
                Finding::Broken(reason) => {
                    let since = *since.get_or_insert(sight.begins);
                    if sight.ends.since(since) >= rule.lasts {
                        return Some(Abort {
                            text: text(sight, since, &reason),
                            is_hard: rule.is_hard,
                            then: rule.then,
                        });
                    }
                }
            }
        }
        None
    }
}

fn text(sight: &Sight<'_>, since: Offset, reason: &str) -> String {
    let moment = |at: Offset| figure::duration(micros(at.since(Offset::ZERO)));
    format!(
        "at {}: {reason}; it had not held since {}; {} of {} users were online",
        moment(sight.ends),
        moment(since),
        figure::count(sight.progress.online),
        figure::count(sight.progress.wanted)
    )
}

fn find(rule: &AbortRule, sight: &Sight<'_>) -> Finding {
    let slo = &rule.slo;
    if let Some(name) = &slo.metric.phase {
        let phases = sight.phases.iter().zip(sight.is_playing);
        let is_playing = phases.filter(|(phase, _)| phase.name == *name);
        if !is_playing.clone().any(|(_, &is_playing)| is_playing) {
            return Finding::Silent;
        }
    }
    match (&slo.metric.quantity, slo.limit) {
        (Quantity::Recover(name, Recovery::Whole(share)), Limit::Duration(limit)) => {
            recovery(rule, sight, name, *share, limit)
        }
        (Quantity::Forecast(name), Limit::Duration(_)) => forecast(rule, sight, name),
        (Quantity::Migration(name, moving), Limit::Duration(limit)) => {
            migration(rule, sight, name, (*moving, limit))
        }
        (Quantity::Time(Timed::Response(operation) | Timed::Service(operation), _), _) => {
            let sends = attempts(sight.interval, *operation);
            if sends < slo.min_samples {
                return Finding::Silent;
            }
            judged(slo, sight)
        }
        (Quantity::Time(..), _) if sight.interval.lateness.count() == 0 => Finding::Silent,
        (Quantity::Sent, _) if sight.interval.planned < slo.min_samples => Finding::Silent,
        _ => judged(slo, sight),
    }
}

/// Judges the interval as a run of its own: no data is a breach.
fn judged(slo: &Slo, sight: &Sight<'_>) -> Finding {
    // What was attempted has been looked at; how much of it completed is the matter itself.
    let slo = Slo {
        min_samples: 0,
        ..slo.clone()
    };
    let observed = Observed::of_interval(sight.interval, &sight.progress.ledger);
    let judgement = Judgement::of(&slo, &observed);
    if judgement.holds {
        Finding::Holds
    } else {
        Finding::Broken(judgement.reason)
    }
}

/// Returns how much of an operation was attempted in an interval, as far as is known.
fn attempts(interval: &Interval, operation: Operation) -> u64 {
    let acts = |act| interval.acts.sent(act);
    let done = interval.times(operation).response.count();
    let tried = match operation {
        Operation::Message
        | Operation::MessageUp
        | Operation::MessageDown
        | Operation::MessageThrough
        | Operation::Private
        | Operation::Echo => interval.planned,
        Operation::ConnectTcp
        | Operation::ConnectTls
        | Operation::ConnectRegistered
        | Operation::Attach => u64::from(!interval.pending.connect.is_zero()),
        Operation::Join => acts(Act::Join),
        Operation::Nick => acts(Act::Nick),
        Operation::Part => acts(Act::Part),
        Operation::Quit => acts(Act::Quit),
        Operation::Kick => acts(Act::Kick),
        Operation::Mode => acts(Act::Mode),
        Operation::Topic => acts(Act::Topic),
        Operation::ConnectLookup
        | Operation::Login
        | Operation::Playback
        | Operation::Ping
        | Operation::Held => 0,
    };
    done.max(tried)
}

fn recovery(
    rule: &AbortRule,
    sight: &Sight<'_>,
    name: &str,
    share: f64,
    limit: Duration,
) -> Finding {
    let phase = sight.phases.iter().position(|phase| phase.name == name);
    let mut events = sight.progress.events.iter();
    let Some(event) = events.find(|event| Some(event.phase.index()) == phase) else {
        return Finding::Silent;
    };
    #[expect(clippy::cast_precision_loss, reason = "a share of users")]
    let is_whole = event.recovered as f64 >= share * event.affected as f64;
    if event.affected == 0 || sight.ends <= event.cause_gone + limit {
        Finding::Silent
    } else if is_whole {
        Finding::Holds
    } else {
        Finding::Broken(format!(
            "`{}` does not hold: {} of {} are whole again, {} after `{name}` was over",
            rule.slo.check,
            figure::count(event.recovered),
            figure::count(event.affected),
            figure::duration(micros(sight.ends.since(event.cause_gone)))
        ))
    }
}

/// Judges how accounts have been moved so far: what has not begun says nothing, and what is under way may still hold.
fn migration(
    rule: &AbortRule,
    sight: &Sight<'_>,
    name: &str,
    (moving, limit): (Moving, Duration),
) -> Finding {
    let ids = (0u16..).map(PhaseId).zip(sight.phases);
    let mut named = ids.filter(|(_, phase)| phase.name == name);
    let migration = named.next().and_then(|(id, _)| sight.migrations.of(id));
    // What is undone is not to be finished any more.
    let Some(migration) = migration.filter(|migration| !migration.is_over) else {
        return Finding::Silent;
    };
    let so_far = match moving {
        Moving::Took => {
            let until = migration.ended.unwrap_or(sight.ends);
            until.since(migration.begun)
        }
        Moving::Unavailable => migration.unavailable,
        Moving::LongestWait => migration.longest_wait,
    };
    if rule.slo.operator.holds(&so_far, &limit) {
        return Finding::Holds;
    }
    Finding::Broken(format!(
        "`{}` does not hold: it was {}, with {} of {} accounts moved",
        rule.slo.check,
        figure::duration(micros(so_far)),
        figure::count(migration.done()),
        figure::count(migration.to_do())
    ))
}

fn forecast(rule: &AbortRule, sight: &Sight<'_>, name: &str) -> Finding {
    let phases = sight.phases.iter().zip(sight.forecasts);
    let mut forecasts = phases.filter(|(phase, _)| phase.name == name);
    let Some((_, Some(forecast))) = forecasts.next() else {
        return Finding::Silent;
    };
    let Limit::Duration(limit) = rule.slo.limit else {
        return Finding::Silent;
    };
    // A run is not ended by what may be scatter: the end of the interval that speaks for it has to be over the limit too.
    let kindest = if rule.slo.operator.is_ceiling() {
        forecast.earliest
    } else {
        forecast.latest
    };
    if rule.slo.operator.holds(&kindest, &limit) {
        return Finding::Holds;
    }
    let shown = |duration| figure::duration(micros(duration));
    Finding::Broken(format!(
        "`{}` does not hold: at this rate `{name}` takes {} ({} to {})",
        rule.slo.check,
        shown(forecast.expected),
        shown(forecast.earliest),
        shown(forecast.latest)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::slo::tests_phases::phases;
    use crate::measure::progress::EventProgress;
    use crate::place::Place;
    use crate::scenario::Condition;
    use crate::units::id::PhaseId;

    fn rule(check: &str, lasts_secs: u64, min_samples: u64) -> Result<AbortRule, Misread> {
        let condition = AbortCondition {
            condition: Condition {
                check: check.to_owned(),
                min_samples,
                place: Place::file("a.toml"),
            },
            lasts: Duration::from_secs(lasts_secs),
            delay: Duration::from_secs(2),
            is_hard: false,
            then: None,
        };
        AbortRule::resolve(&condition, &phases())
    }

    /// An interval in which so many messages were planned and each of these times was seen.
    fn interval(planned: u64, millis: &[u64]) -> Interval {
        let mut interval = Interval::new();
        interval.planned = planned;
        for &millis in millis {
            let times = interval.times_mut(Operation::Message);
            times.response.record(Duration::from_millis(millis));
        }
        interval
    }

    /// Returns in which interval, from zero, the rule ended the run, and what it said.
    fn judge(
        rule: AbortRule,
        intervals: &[Interval],
        progress: &Progress,
    ) -> Option<(i64, String)> {
        let (rules, phases) = ([rule], phases());
        let mut monitor = Monitor::new(&rules);
        (0..).zip(intervals).find_map(|(second, interval)| {
            let abort = monitor.judge(&Sight {
                begins: Offset::from_secs(second),
                ends: Offset::from_secs(second + 1),
                interval,
                progress,
                phases: &phases,
                is_playing: &[true, false],
                forecasts: &[None, None],
                migrations: &Migrations::default(),
            })?;
            Some((second, abort.text))
        })
    }

    #[track_caller]
    fn check(check: &str, lasts_secs: u64, intervals: &[Interval], want: Option<i64>) {
        let rule = rule(check, lasts_secs, 2).unwrap();
        let ended = judge(rule, intervals, &Progress::default());
        assert_eq!(ended.map(|(second, _)| second), want);
    }

    #[test]
    fn a_rule_fires_when_it_has_not_held_for_so_long() {
        let slow = || interval(9, &[900, 950]);
        let quick = || interval(9, &[10, 12]);
        let p99 = "message.response.p99 < 500ms";
        // Nothing is judged in the first two seconds.
        check(p99, 0, &[slow(), slow(), slow(), quick()], Some(2));
        let course = [quick(), quick(), slow(), quick(), slow(), slow(), slow()];
        check(p99, 3, &course, Some(6));
        check(p99, 4, &course, None);
    }

    #[test]
    fn attempts_of_which_nothing_completes_are_a_breach() {
        let p99 = "message.response.p99 < 500ms";
        check(
            p99,
            0,
            &[interval(0, &[]), interval(0, &[]), interval(5, &[])],
            Some(2),
        );
        // One message said in a second need not be seen in that second.
        check(
            p99,
            0,
            &[interval(0, &[]), interval(0, &[]), interval(1, &[])],
            None,
        );
    }

    #[test]
    fn what_is_waited_for_has_an_age() {
        let mut stalled = interval(0, &[]);
        stalled.pending.message = Duration::from_secs(3);
        let calm = || interval(0, &[]);
        check(
            "message.pending_age.max < 2s",
            0,
            &[calm(), calm(), calm(), stalled],
            Some(3),
        );
    }

    #[test]
    fn a_phase_is_judged_while_it_is_played() {
        let slow = [
            interval(9, &[900]),
            interval(9, &[900]),
            interval(9, &[900]),
        ];
        check(
            "phase.steady.message.response.p99 < 500ms",
            0,
            &slow,
            Some(2),
        );
        check("phase.mass.message.response.p99 < 500ms", 0, &slow, None);
    }

    #[test]
    fn victims_that_stay_away_too_long_end_the_run() {
        let calm: Vec<Interval> = (0..12).map(|_| interval(0, &[])).collect();
        let progress = Progress {
            online: 7,
            wanted: 10,
            events: vec![EventProgress {
                phase: PhaseId(1),
                cause_gone: Offset::from_secs(4),
                affected: 10,
                recovered: 7,
            }],
            ..Progress::default()
        };
        let ended = judge(rule("recover.mass < 5s", 0, 1).unwrap(), &calm, &progress);
        assert_eq!(
            ended,
            Some((
                9,
                "at 10.0 s: `recover.mass < 5s` does not hold: 7 of 10 are whole again, 6.00 s after `mass` was over; \
                 it had not held since 9.00 s; 7 of 10 users were online"
                    .to_owned()
            ))
        );
        let ended = judge(
            rule("recover.mass.p50 < 5s", 0, 1).unwrap(),
            &calm,
            &progress,
        );
        assert_eq!(ended, None);
    }

    #[test]
    fn figures_of_the_end_end_no_run() {
        let misread = rule("recover.mass.lost == 0", 0, 1).unwrap_err();
        assert_eq!(
            misread.to_string(),
            "`recover.mass.lost == 0` is known at the run's end alone"
        );
        assert!(rule("forecast.steady < 1min", 0, 1).is_err());
    }
}
