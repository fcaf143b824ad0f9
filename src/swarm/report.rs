//! The end of a shard's run: what it cancels, and what it hands over.

use std::time::Duration;

use crate::irc::session::Session;
use crate::measure::continuity::told::Told;
use crate::measure::event::Event;
use crate::measure::exemplar::Exemplars;
use crate::measure::interval::Pending;
use crate::measure::ledger::counts::LedgerCounts;
use crate::measure::ledger::judge::Settling;
use crate::measure::ledger::partition::Split;
use crate::measure::loss::LossLog;
use crate::measure::progress::EventProgress;
use crate::measure::progress::Progress;
use crate::measure::reason::NotSent;
use crate::measure::said::SaidLog;
use crate::measure::sent::LinesSent;
use crate::plan::action::Action;
use crate::swarm::Shard;
use crate::swarm::user::User;
use crate::units::id::PhaseId;
use crate::units::offset::Offset;

/// What one shard hands over at its end.
#[derive(Clone, Debug, Default)]
pub struct ShardReport {
    /// Its ledger's counts.
    pub ledger: LedgerCounts,
    /// Its evidence.
    pub exemplars: Exemplars,
    /// Its part of each mass event.
    pub events: Vec<Event>,
    /// Registrations completed.
    pub registered_count: u64,
    /// Lines sent, goodbyes included.
    pub lines_sent: LinesSent,
    /// What was said in channels.
    pub said: SaidLog,
    /// When deliveries were required and lost.
    pub losses: LossLog,
    /// What clients of a bouncer told last.
    pub told: Vec<Told>,
}

/// How far a split has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitStage {
    /// The link is down.
    Down,
    /// The link is up again.
    Healed,
}

impl Shard {
    /// Notes how far a split has come. Every shard is told the same.
    pub fn handle_split(&mut self, split: Split, stage: SplitStage) {
        match stage {
            SplitStage::Down => self.ledger.handle_split_done(split),
            SplitStage::Healed => {
                if let Some(event) = self.event_mut(split.phase) {
                    event.struck = split.ordered;
                    event.cause_gone = split.heal_ordered;
                }
                self.ledger.handle_healed(split);
            }
        }
    }

    /// Notes that a split or heal was ordered and is under way.
    pub fn handle_split_ordered(&mut self, split: Split) {
        self.ledger.handle_split(split);
    }

    /// Returns what is waited for. Once the plan is over nobody has to come back any more.
    pub(super) fn pending(&self, now: Offset) -> Pending {
        let waiting = self
            .users
            .iter()
            .filter(|state| state.is_wanted && !self.is_over && !state.session.is_online());
        let since = waiting.map(|state| state.connect_intended).min();
        Pending {
            message: self.ledger.oldest_pending(now),
            connect: since.map_or(Duration::ZERO, |since| now.since(since)),
        }
    }

    /// Returns how far the run has come.
    pub fn progress(&self, now: Offset) -> Progress {
        let count = |is: &dyn Fn(&&User) -> bool| self.users.iter().filter(is).count() as u64;
        let struck = self.events.iter().filter(|event| event.struck <= now);
        Progress {
            online: count(&|state| state.session.is_online()),
            wanted: count(&|state| state.is_wanted),
            ledger: self.ledger.counts().clone(),
            lines_sent: self.lines_sent.clone(),
            events: struck
                .map(|event| EventProgress {
                    phase: event.phase,
                    cause_gone: event.cause_gone,
                    affected: event.affected,
                    recovered: event.recovered,
                })
                .collect(),
        }
    }

    /// Notes when the target was up again after a restart phase took it down, or the queue of a migration done. Every shard is told
    /// the same.
    pub fn handle_up(&mut self, phase: PhaseId, at: Offset) {
        if let Some(event) = self.event_mut(phase) {
            event.cause_gone = at;
        }
        if self.plan.scenario.phase(phase).kind.is_gradual() {
            self.end_upheaval(phase, at);
        }
    }

    /// Stops acting. What was planned and not done is cancelled; nobody comes back any more.
    pub fn handle_over(&mut self) {
        self.is_over = true;
        while let Some(planned) = self.upcoming.pop_front() {
            if let Action::Say { key, .. } = planned.action {
                self.ledger.handle_hole(key, NotSent::Cancelled);
            }
        }
        for state in &mut self.users {
            state.reconnect_at = Offset::NEVER;
        }
    }

    /// Judges the rest and says goodbye for everybody who is online; what they still hear does not count any more.
    pub fn leave_all(&mut self, now: Offset) {
        self.ledger.settle(now, Settling::Now);
        self.close_throttles();
        self.is_closed = true;
        for local in 0..self.users.len() {
            if self.users[local].session.is_online() {
                self.with_session(local, |session: &mut Session, cx| {
                    session.quit(b"run complete", cx);
                });
                self.flush(local);
            }
        }
    }

    /// Judges the rest and hands over. A split's recovery is told by its members' JOINs.
    pub fn finish(mut self, now: Offset) -> ShardReport {
        if !self.is_closed {
            self.ledger.settle(now, Settling::Now);
        }
        for index in 0..self.events.len() {
            let phase = self.events[index].phase;
            let is_judged = self.bouncer.is_none();
            if is_judged && self.plan.scenario.phase(phase).kind.far_link().is_some() {
                let seen = self.ledger.heal_seen(phase);
                self.events[index].affected = seen.required;
                self.events[index].recovered = seen.seen;
            }
        }
        let told = self.take_told();
        ShardReport {
            told,
            ledger: self.ledger.counts().clone(),
            exemplars: self.ledger.exemplars().clone(),
            losses: self.ledger.losses().clone(),
            events: self.events,
            registered_count: self.registered_count,
            lines_sent: self.lines_sent,
            said: self.said,
        }
    }
}
