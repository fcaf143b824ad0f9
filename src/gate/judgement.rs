//! The judgement of one SLO: what was measured, and whether it holds.

use std::time::Duration;

use crate::gate::figure;
use crate::gate::integrity::holes;
use crate::gate::limit::Limit;
use crate::gate::metric::Awaited;
use crate::gate::metric::Counter;
use crate::gate::metric::Quantity;
use crate::gate::metric::Recovery;
use crate::gate::metric::Statistic;
use crate::gate::metric::Timed;
use crate::gate::migration;
use crate::gate::recovery;
use crate::gate::slo::Slo;
use crate::measure::distribution::Distribution;
use crate::measure::interval::Interval;
use crate::measure::ledger::counts::Breach;
use crate::measure::ledger::counts::LedgerCounts;
use crate::measure::operation::Operation;
use crate::measure::outcome::Outcome;
use crate::units::span::micros;

/// An SLO with what was measured for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The SLO.
    pub slo: Slo,
    /// What was measured; `None` without data.
    pub measured: Option<Measured>,
    /// Whether it holds.
    pub holds: bool,
    /// Samples behind it: sends for messages, users hit for events, what was counted for the rest.
    pub samples: u64,
    /// Why it does not hold, as a sentence; empty if it does.
    pub reason: String,
}

/// A measured number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measured {
    /// A time in microseconds.
    Micros(u64),
    /// A number of things.
    Count(u64),
    /// A share of them: how many, of how many.
    Share(u64, u64),
}

impl Measured {
    /// Returns the number in its unit: microseconds, a count, or a share.
    #[expect(
        clippy::cast_precision_loss,
        reason = "scripts compare it with limits of a few digits"
    )]
    pub fn number(self) -> f64 {
        match self {
            Self::Micros(number) | Self::Count(number) => number as f64,
            Self::Share(part, whole) => figure::ratio(part, whole).unwrap_or(0.0),
        }
    }

    /// Returns the unit's name in results.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Micros(_) => "us",
            Self::Count(_) => "count",
            Self::Share(..) => "share",
        }
    }

    /// Returns the number for people.
    pub fn text(self) -> String {
        match self {
            Self::Micros(micros) => figure::duration(micros),
            Self::Count(count) => figure::count(count),
            Self::Share(part, whole) => format!(
                "{} ({} of {})",
                figure::share(figure::ratio(part, whole).unwrap_or(0.0)),
                figure::count(part),
                figure::count(whole)
            ),
        }
    }
}

/// What there is to judge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observed<'a> {
    total: &'a Interval,
    ledger: &'a LedgerCounts,
    /// The whole run, once it is over.
    run: Option<&'a Outcome>,
}

impl<'a> Observed<'a> {
    /// Returns one interval of a run that goes on, with what the ledger has judged so far.
    pub(crate) fn of_interval(interval: &'a Interval, ledger: &'a LedgerCounts) -> Self {
        Self {
            total: interval,
            ledger,
            run: None,
        }
    }
}

/// What there is of a metric.
pub(crate) struct Found {
    pub(crate) measured: Option<Measured>,
    pub(crate) samples: u64,
    /// Why there is no number: no data, or with samples that can't hold whatever the number.
    pub(crate) lack: String,
}

impl Judgement {
    /// Judges an SLO on what a run observed.
    pub fn new(slo: &Slo, outcome: &Outcome) -> Self {
        Self::of(
            slo,
            &Observed {
                total: &outcome.total,
                ledger: &outcome.ledger,
                run: Some(outcome),
            },
        )
    }

    /// Judges an SLO on what was observed.
    pub(crate) fn of(slo: &Slo, observed: &Observed<'_>) -> Self {
        let found = find(slo, observed);
        let (holds, reason) = match found.measured {
            None if found.samples > 0 => (
                false,
                format!("`{}` does not hold: {}", slo.check, found.lack),
            ),
            None => (false, format!("`{}`: no data: {}", slo.check, found.lack)),
            Some(_) if found.samples < slo.min_samples => (
                false,
                format!(
                    "`{}`: too few samples: {}, at least {} are needed",
                    slo.check,
                    figure::count(found.samples),
                    figure::count(slo.min_samples)
                ),
            ),
            Some(measured) if holds(slo, measured) => (true, String::new()),
            Some(measured) => (
                false,
                format!(
                    "`{}` does not hold: measured {}{}",
                    slo.check,
                    measured.text(),
                    over(slo, found.samples)
                ),
            ),
        };
        Self {
            slo: slo.clone(),
            measured: found.measured,
            holds,
            samples: found.samples,
            reason,
        }
    }
}

fn holds(slo: &Slo, measured: Measured) -> bool {
    match (slo.limit, measured) {
        (Limit::Duration(limit), Measured::Micros(micros)) => {
            slo.operator.holds(&Duration::from_micros(micros), &limit)
        }
        (Limit::Count(limit), Measured::Count(count)) => slo.operator.holds(&count, &limit),
        (Limit::Share(limit), Measured::Share(..)) => {
            slo.operator.holds(&measured.number(), &limit)
        }
        // The SLO's form was checked when it was resolved.
        _ => false,
    }
}

fn over(slo: &Slo, samples: u64) -> String {
    let what = match &slo.metric.quantity {
        Quantity::Time(Timed::Response(operation) | Timed::Service(operation), _)
            if is_message(*operation) =>
        {
            "sends"
        }
        Quantity::Time(..) | Quantity::Recover(_, Recovery::Bystanders(_)) => "samples",
        Quantity::Recover(_, Recovery::Whole(_)) => "returns",
        Quantity::Migration(..) => "moves",
        _ => return String::new(),
    };
    let what = if samples == 1 {
        &what[..what.len() - 1]
    } else {
        what
    };
    format!(" over {} {what}", figure::count(samples))
}

fn find(slo: &Slo, all: &Observed<'_>) -> Found {
    let observed = match (&slo.metric.phase, all.run) {
        (Some(name), Some(run)) => match run.phases.iter().find(|phase| phase.name == *name) {
            Some(phase) => &phase.observed,
            None => return lacking(format!("phase `{name}` was not played")),
        },
        (None, _) | (_, None) => all.total,
    };
    match &slo.metric.quantity {
        Quantity::Time(timed, statistic) => time(observed, *timed, *statistic),
        Quantity::Sent => {
            // The ledger knows of the whole run which sends were of the plan; intervals count all alike.
            let (sent, planned) = match (&slo.metric.phase, all.run) {
                (None, Some(run)) => (run.ledger.sent, run.ledger.planned),
                _ => (observed.sent, observed.planned),
            };
            counted(slo.limit, sent, planned, "nothing was planned")
        }
        Quantity::NotSent(reason) => {
            let ledger = all.ledger;
            let count =
                reason.map_or_else(|| holes(ledger), |reason| ledger.not_sent.count(reason));
            counted(slo.limit, count, ledger.planned, "nothing was planned")
        }
        Quantity::Pending(awaited) => {
            let age = match awaited {
                Awaited::Message => observed.pending.message,
                Awaited::Connect => observed.pending.connect,
            };
            Found {
                measured: Some(Measured::Micros(micros(age))),
                samples: 1,
                lack: String::new(),
            }
        }
        Quantity::Forecast(name) => lacking(format!("`{name}` is over")),
        Quantity::Migration(name, moving) => match all.run {
            Some(run) => migration::find(&run.phases, &run.migrations, name, *moving),
            None => lacking(format!("`{name}` is not over")),
        },
        Quantity::Ledger(counter) => of_ledger(slo.limit, *counter, all.ledger),
        Quantity::Recover(name, figure) => match all.run {
            Some(run) => recovery::find(run, slo.limit, name, *figure),
            None => lacking(format!("`{name}` is not over")),
        },
        Quantity::Disconnects(how) => {
            let all = &observed.disconnects;
            let count = how.map_or_else(|| all.total(), |how| all.count(how));
            of_connections(observed, count)
        }
        Quantity::Refused(why) => {
            let all = &observed.refused;
            let count = why.map_or_else(|| all.total(), |why| all.count(why));
            of_connections(observed, count)
        }
    }
}

pub(crate) fn lacking(lack: String) -> Found {
    Found {
        measured: None,
        samples: 0,
        lack,
    }
}

fn time(observed: &Interval, timed: Timed, statistic: Statistic) -> Found {
    let (distribution, samples): (&Distribution, u64) = match timed {
        Timed::Response(operation) => {
            let distribution = &observed.times(operation).response;
            (distribution, sends(observed, operation, distribution))
        }
        Timed::Service(operation) => {
            let distribution = &observed.times(operation).service;
            (distribution, sends(observed, operation, distribution))
        }
        Timed::Lateness => (&observed.lateness, observed.lateness.count()),
        Timed::Blocked => (&observed.blocked, observed.blocked.count()),
    };
    Found {
        measured: statistic.of(distribution).map(Measured::Micros),
        samples,
        lack: "nothing was timed".to_owned(),
    }
}

/// A message to fifty receivers is one sample of what the target did, not fifty.
fn sends(observed: &Interval, operation: Operation, distribution: &Distribution) -> u64 {
    if is_message(operation) {
        distribution.count().min(observed.sent)
    } else {
        distribution.count()
    }
}

fn is_message(operation: Operation) -> bool {
    matches!(operation, Operation::Message | Operation::Private)
}

/// Returns a count, or its share where the limit is one.
pub(crate) fn counted(limit: Limit, count: u64, basis: u64, lack: &str) -> Found {
    let measured = match limit {
        Limit::Share(_) => Measured::Share(count, basis),
        Limit::Count(_) | Limit::Duration(_) => Measured::Count(count),
    };
    Found {
        measured: (basis > 0).then_some(measured),
        samples: basis,
        lack: lack.to_owned(),
    }
}

fn of_ledger(limit: Limit, counter: Counter, ledger: &LedgerCounts) -> Found {
    let (count, basis, samples, lack) = match counter {
        Counter::Breach(breach) => {
            let basis = ledger.basis(breach);
            let (samples, lack) = match breach {
                Breach::PresenceMissed => (basis, "nobody had to be seen coming or going"),
                Breach::EchoLost => (basis, "no echo was agreed"),
                _ => (ledger.sent, "nothing was to be delivered"),
            };
            (ledger.count(breach), basis, samples, lack)
        }
        Counter::Required => (
            ledger.required,
            ledger.sent,
            ledger.sent,
            "nothing was sent",
        ),
        Counter::Delivered => (
            ledger.delivered,
            ledger.required,
            ledger.sent,
            "nothing was to be delivered",
        ),
        Counter::Foreign => (ledger.foreign, ledger.sent, ledger.sent, "nothing was sent"),
        Counter::Unspoken => {
            let turns = ledger.planned + ledger.unspoken;
            (ledger.unspoken, turns, turns, "nothing was planned")
        }
    };
    Found {
        samples,
        ..counted(limit, count, basis, lack)
    }
}

/// Without a single connection, that none ended or was refused says nothing.
fn of_connections(observed: &Interval, count: u64) -> Found {
    let changes = observed.registered + observed.disconnects.total() + observed.refused.total();
    // A phase in which nobody came or went still had somebody connected if a line arrived.
    let samples = changes.max(observed.lines.min(1));
    Found {
        measured: (samples > 0).then_some(Measured::Count(count)),
        samples,
        lack: "nobody was connected".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::verdict::tests_outcome::outcome;
    use crate::measure::event::Event;
    use crate::measure::reason::Disconnect;
    use crate::measure::reason::NotSent;
    use crate::measure::reason::Refused;
    use crate::place::Place;
    use crate::scenario::Condition;
    use crate::units::id::PhaseId;
    use crate::units::offset::Offset;

    #[track_caller]
    fn check_samples(outcome: &Outcome, check: &str, min_samples: u64, want: &str) {
        let slo = Slo::resolve(&Condition {
            check: check.to_owned(),
            min_samples,
            place: Place::file("a.toml"),
        })
        .unwrap();
        let judgement = Judgement::new(&slo, outcome);
        let measured = judgement
            .measured
            .map_or_else(|| "-".to_owned(), Measured::text);
        let got = if judgement.holds {
            format!("✓ {measured}, {} samples", judgement.samples)
        } else {
            format!("✗ {measured}: {}", judgement.reason)
        };
        assert_eq!(got, want);
    }

    #[track_caller]
    fn check(outcome: &Outcome, check: &str, want: &str) {
        check_samples(outcome, check, 1, want);
    }

    #[test]
    fn latencies_are_judged_on_their_distribution() {
        let outcome = outcome();
        check(
            &outcome,
            "message.response.p99 < 250ms",
            "✓ 40.0 ms, 4 samples",
        );
        check(
            &outcome,
            "message.response.max < 10ms",
            "✗ 40.0 ms: `message.response.max < 10ms` does not hold: measured 40.0 ms over 4 sends",
        );
        check(
            &outcome,
            "message.response.min >= 10ms",
            "✓ 10.0 ms, 4 samples",
        );
        check(
            &outcome,
            "message.service.p50 == 9ms",
            "✗ 19.0 ms: `message.service.p50 == 9ms` does not hold: measured 19.0 ms over 4 sends",
        );
        check(
            &outcome,
            "phase.steady.message.response.p50 < 15ms",
            "✓ 10.0 ms, 1 samples",
        );
    }

    #[test]
    fn without_data_or_samples_nothing_holds() {
        let outcome = outcome();
        check(
            &outcome,
            "private.response.p99 < 1s",
            "✗ -: `private.response.p99 < 1s`: no data: nothing was timed",
        );
        check_samples(
            &outcome,
            "message.response.p99 < 1s",
            5,
            "✗ 40.0 ms: `message.response.p99 < 1s`: too few samples: 4, at least 5 are needed",
        );
        let mut unplanned = outcome.clone();
        unplanned.ledger = LedgerCounts::default();
        for (condition, lack) in [
            ("sent >= 99%", "nothing was planned"),
            ("not_sent == 0", "nothing was planned"),
            ("ledger.lost == 0", "nothing was to be delivered"),
            ("ledger.foreign == 0", "nothing was sent"),
            (
                "ledger.presence_missed == 0",
                "nobody had to be seen coming or going",
            ),
        ] {
            check(
                &unplanned,
                condition,
                &format!("✗ -: `{condition}`: no data: {lack}"),
            );
        }
        let mut unconnected = outcome;
        unconnected.total = Interval::new();
        check(
            &unconnected,
            "disconnects == 0",
            "✗ -: `disconnects == 0`: no data: nobody was connected",
        );
    }

    #[test]
    fn deliveries_are_not_samples() {
        let mut outcome = outcome();
        for _ in 0..996 {
            let times = outcome.total.times_mut(Operation::Message);
            times.response.record(Duration::from_millis(10));
        }
        check_samples(
            &outcome,
            "message.response.p50 < 1s",
            100,
            "✗ 10.0 ms: `message.response.p50 < 1s`: too few samples: 4, at least 100 are needed",
        );
    }

    #[test]
    fn counts_and_shares_are_of_what_was_planned_or_required() {
        let mut outcome = outcome();
        outcome.ledger.not_sent.add(NotSent::QueueFull);
        outcome.ledger.not_sent.add(NotSent::Cancelled);
        outcome.ledger.add(Breach::Lost);
        check(&outcome, "sent >= 60%", "✓ 66.7 % (4 of 6), 6 samples");
        check(&outcome, "sent == 4", "✓ 4, 6 samples");
        check(
            &outcome,
            "not_sent <= 1%",
            "✗ 16.7 % (1 of 6): `not_sent <= 1%` does not hold: measured 16.7 % (1 of 6)",
        );
        check(&outcome, "not_sent.cancelled == 1", "✓ 1, 6 samples");
        check(
            &outcome,
            "ledger.lost <= 13%",
            "✓ 12.5 % (1 of 8), 4 samples",
        );
        check(
            &outcome,
            "ledger.lost == 0",
            "✗ 1: `ledger.lost == 0` does not hold: measured 1",
        );
        check(
            &outcome,
            "ledger.delivered >= 87%",
            "✓ 87.5 % (7 of 8), 4 samples",
        );
        check(
            &outcome,
            "phase.steady.sent >= 50%",
            "✓ 50.0 % (1 of 2), 2 samples",
        );
    }

    #[test]
    fn connections_are_counted_by_reason_too() {
        let mut outcome = outcome();
        outcome.total.disconnects.add(Disconnect::Reset);
        outcome.total.refused.add(Refused::Throttle);
        check(
            &outcome,
            "disconnects == 0",
            "✗ 1: `disconnects == 0` does not hold: measured 1",
        );
        check(&outcome, "disconnects.eof == 0", "✓ 0, 6 samples");
        check(&outcome, "refused.throttle <= 1", "✓ 1, 6 samples");
        check(&outcome, "refused < 2", "✓ 1, 6 samples");
    }

    fn struck(affected: u64, recovered_secs: &[i64]) -> Outcome {
        let mut outcome = outcome();
        let mut event = Event::new(PhaseId(1), Offset::from_secs(10), Offset::from_secs(12));
        event.affected = affected;
        for &secs in recovered_secs {
            event.handle_recovered(Offset::from_secs(10), Offset::from_secs(secs));
        }
        outcome.events = vec![event];
        outcome
    }

    #[test]
    fn recovery_is_complete_or_does_not_hold() {
        check(
            &struck(2, &[13, 15]),
            "recover.split < 5s",
            "✓ 3.00 s, 2 samples",
        );
        check(
            &struck(2, &[13, 15]),
            "recover.split < 3s",
            "✗ 3.00 s: `recover.split < 3s` does not hold: measured 3.00 s over 2 returns",
        );
        check(
            &struck(3, &[13, 15]),
            "recover.split < 5s",
            "✗ -: `recover.split < 5s` does not hold: 1 of 3 were not whole again when the run ended, 18.0 s after `split` was over",
        );
        check(
            &struck(0, &[]),
            "recover.split < 5s",
            "✗ -: `recover.split < 5s`: no data: `split` hit nobody",
        );
        check(
            &outcome(),
            "recover.split < 5s",
            "✗ -: `recover.split < 5s`: no data: `split` did not strike",
        );
        let mut untimed = struck(1, &[]);
        untimed.events[0].recovered = 1;
        check(
            &untimed,
            "recover.split < 5s",
            "✗ -: `recover.split < 5s`: no data: no return was timed",
        );
    }
}
