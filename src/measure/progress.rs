//! How far a run has come, told by each shard at the edge of an interval, for whoever watches over it.

use crate::measure::ledger::counts::LedgerCounts;
use crate::measure::sent::LinesSent;
use crate::units::id::PhaseId;
use crate::units::offset::Offset;

/// The state of one shard, or of the whole run.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Users who are registered.
    pub online: u64,
    /// Users whom the plan wants online.
    pub wanted: u64,
    /// What has been judged so far.
    pub ledger: LedgerCounts,
    /// Lines sent so far.
    pub lines_sent: LinesSent,
    /// Each mass event that has struck.
    pub events: Vec<EventProgress>,
}

/// How far the victims of a mass event have come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventProgress {
    /// The phase that made it.
    pub phase: PhaseId,
    /// When its cause was gone, or will be.
    pub cause_gone: Offset,
    /// Users hit.
    pub affected: u64,
    /// Those that are whole again.
    pub recovered: u64,
}

impl Progress {
    /// Adds another shard's part.
    pub fn merge(&mut self, other: &Self) {
        self.online += other.online;
        self.wanted += other.wanted;
        self.ledger.merge(&other.ledger);
        self.lines_sent.merge(&other.lines_sent);
        for event in &other.events {
            match self.events.iter_mut().find(|own| own.phase == event.phase) {
                Some(own) => {
                    own.affected += event.affected;
                    own.recovered += event.recovered;
                    own.cause_gone = own.cause_gone.min(event.cause_gone);
                }
                None => self.events.push(*event),
            }
        }
    }
}
