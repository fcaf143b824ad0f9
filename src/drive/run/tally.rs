//! What a run has observed so far: intervals merged as they close, and the outcome made of them, at the end or short of it.

use std::time::Duration;

use crate::measure::band::P99Log;
use crate::measure::event::Event;
use crate::measure::exemplar::Exemplars;
use crate::measure::interval::Interval;
use crate::measure::ledger::counts::LedgerCounts;
use crate::measure::loss::LossLog;
use crate::measure::mark::Mark;
use crate::measure::migration::Migrations;
use crate::measure::operation::Operation;
use crate::measure::outcome::Ending;
use crate::measure::outcome::GeneratorHealth;
use crate::measure::outcome::Outcome;
use crate::measure::outcome::PhaseOutcome;
use crate::measure::process::WatchedProcess;
use crate::measure::progress::Progress;
use crate::measure::said::SaidLog;
use crate::measure::sent::LinesSent;
use crate::plan::Plan;
use crate::swarm::report::ShardReport;
use crate::units::id::PhaseId;
use crate::units::offset::Offset;

/// What has been observed.
pub(crate) struct Tally {
    /// From when on intervals count for the whole run.
    counts_from: Offset,
    p99s: P99Log,
    outcome: Outcome,
}

impl Tally {
    /// Returns the tally of a run that has not begun.
    pub(crate) fn new(plan: &Plan, health: GeneratorHealth) -> Self {
        let ids = (0u16..).map(PhaseId);
        let phases = ids.zip(&plan.scenario.phases).map(|(id, phase)| {
            let span = plan.timeline.span(id);
            PhaseOutcome {
                phase: id,
                name: phase.name.clone(),
                kind: phase.kind.name(),
                planned_begins: span.begins,
                planned_ends: span.ends,
                begins: span.begins,
                ends: span.ends,
                observed: Interval::new(),
            }
        });
        Self {
            counts_from: Offset::ZERO + plan.scenario.warm_up,
            p99s: P99Log::new(plan.around_events()),
            outcome: Outcome {
                ending: Ending::CutShort,
                ending_detail: String::new(),
                ended: Offset::ZERO,
                total: Interval::new(),
                lines_sent: LinesSent::default(),
                said: SaidLog::default(),
                phases: phases.collect(),
                events: Vec::new(),
                marks: Vec::new(),
                migrations: Migrations::default(),
                ledger: LedgerCounts::default(),
                exemplars: Exemplars::default(),
                health,
                process: None,
                bouncer: None,
                warnings: Vec::new(),
            },
        }
    }

    /// Returns the phases, as they are played.
    pub(crate) fn phases(&self) -> &[PhaseOutcome] {
        &self.outcome.phases
    }

    /// Puts off what is to begin or end later than `after`: the run was held.
    pub(crate) fn delay(&mut self, after: Offset, by: Duration) {
        for phase in &mut self.outcome.phases {
            for moment in [&mut phase.begins, &mut phase.ends] {
                if *moment > after && *moment < Offset::NEVER {
                    *moment += by;
                }
            }
        }
    }

    /// Notes that a phase that is played on demand begins.
    pub(crate) fn begin(&mut self, phase: PhaseId, now: Offset, lasts: Duration) {
        if let Some(phase) = self.outcome.phases.get_mut(phase.index()) {
            (phase.begins, phase.ends) = (now, now + lasts);
            (phase.planned_begins, phase.planned_ends) = (phase.begins, phase.ends);
        }
    }

    /// Notes that a phase whose end nobody could plan has ended.
    pub(crate) fn end(&mut self, phase: PhaseId, now: Offset) {
        if let Some(phase) = self.outcome.phases.get_mut(phase.index()) {
            phase.ends = phase.ends.min(now);
        }
    }

    /// Returns how the generator fares.
    pub(crate) fn health_mut(&mut self) -> &mut GeneratorHealth {
        &mut self.outcome.health
    }

    /// Returns the target's process, where it is watched.
    pub(crate) fn process_mut(&mut self) -> &mut Option<WatchedProcess> {
        &mut self.outcome.process
    }

    /// Counts CPU time of a generator's thread.
    pub(crate) fn count_cpu(&mut self, cpu: Duration) {
        self.outcome.health.cpu_micros += u64::try_from(cpu.as_micros()).unwrap_or(0);
    }

    /// Enters an interval that has closed, merged over all shards.
    pub(crate) fn enter(&mut self, begins: Offset, interval: &Interval, is_busy: bool) {
        let health = &mut self.outcome.health;
        health.interval_count += 1;
        health.busy_count += u64::from(is_busy);
        let lateness = interval.lateness.at_quantile(0.99);
        let is_late = lateness.is_some_and(|micros| micros > health.lateness_limit_micros);
        health.late_count += u64::from(is_late);
        for phase in &mut self.outcome.phases {
            if phase.begins <= begins && begins < phase.ends {
                phase.observed.merge(interval);
            }
        }
        self.p99s
            .push(begins, &interval.times(Operation::Message).response);
        if begins >= self.counts_from {
            self.outcome.total.merge(interval);
        }
    }

    /// Enters an interval that was still open at the end: it is incomplete, but what there is of it counts.
    pub(crate) fn enter_open(&mut self, interval: &Interval) {
        self.outcome.total.merge(interval);
    }

    /// Returns the outcome as if the run were cut short at `ended`, with what shards told of themselves then. Evidence, what was
    /// said and what an event's window lost are told at a run's end alone.
    pub(crate) fn cut_short(
        &mut self,
        ended: Offset,
        progress: Progress,
        marks: &[Mark],
        migrations: &Migrations,
    ) -> &mut Outcome {
        let events = progress.events.iter().map(|event| {
            let phases = &self.outcome.phases;
            let phase = phases.iter().find(|phase| phase.phase == event.phase);
            let struck = phase.map_or(event.cause_gone, |phase| phase.begins);
            Event {
                affected: event.affected,
                recovered: event.recovered,
                ..Event::new(event.phase, struck, event.cause_gone)
            }
        });
        self.outcome.events = events.collect();
        self.outcome.ended = ended;
        marks.clone_into(&mut self.outcome.marks);
        self.outcome.migrations = migrations.clone();
        self.outcome.ledger = progress.ledger;
        self.outcome.lines_sent = progress.lines_sent;
        &mut self.outcome
    }

    /// Returns the outcome of a run that was `ended`.
    pub(crate) fn ended(
        self,
        ended: Offset,
        (ending, detail): (Ending, String),
        (marks, migrations): (Vec<Mark>, Migrations),
        reports: &[ShardReport],
    ) -> Outcome {
        let mut outcome = Outcome {
            ended,
            ending,
            ending_detail: detail,
            marks,
            migrations,
            lines_sent: LinesSent::default(),
            events: Vec::new(),
            ledger: LedgerCounts::default(),
            warnings: Vec::new(),
            ..self.outcome
        };
        let mut losses = LossLog::default();
        for report in reports {
            outcome.ledger.merge(&report.ledger);
            outcome.exemplars.merge(&report.exemplars);
            outcome.lines_sent.merge(&report.lines_sent);
            outcome.said.merge(&report.said);
            losses.merge(&report.losses);
            for event in &report.events {
                let mut known = outcome.events.iter_mut();
                match known.find(|known| known.phase == event.phase) {
                    Some(known) => known.merge(event),
                    None => outcome.events.push(event.clone()),
                }
            }
        }
        for event in &mut outcome.events {
            event.loss = losses.between(event.struck, event.window_ends());
            event.calm = self.p99s.back_in_band(event.struck, event.cause_gone);
        }
        let registered: u64 = reports.iter().map(|report| report.registered_count).sum();
        if registered == 0 && ending == Ending::Complete {
            outcome.ending = Ending::Unreached;
            "nobody could log in".clone_into(&mut outcome.ending_detail);
        }
        outcome
    }
}
