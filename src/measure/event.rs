//! Mass events of a run and how long their victims took to be whole again.

use crate::measure::distribution::Distribution;
use crate::units::id::PhaseId;
use crate::units::offset::Offset;

/// What one shard, or the whole run, knows of a mass event.
#[derive(Clone, Debug)]
pub struct Event {
    /// The phase that made it.
    pub phase: PhaseId,
    /// When it struck.
    pub struck: Offset,
    /// When its cause was gone: the link healed, or the first user was free to return.
    pub cause_gone: Offset,
    /// Users hit.
    pub affected: u64,
    /// Those that were whole again: registered and back in every channel, or seen back by everybody across the link.
    pub recovered: u64,
    /// When the last of them was.
    pub last_recovered: Offset,
    /// Time of each from `cause_gone`.
    pub times: Distribution,
}

impl Event {
    /// Returns an event that has hit nobody yet.
    pub fn new(phase: PhaseId, struck: Offset, cause_gone: Offset) -> Self {
        Self {
            phase,
            struck,
            cause_gone,
            affected: 0,
            recovered: 0,
            last_recovered: Offset::ALWAYS,
            times: Distribution::new(),
        }
    }

    /// Notes that one of those hit was whole again at `now`.
    pub fn handle_recovered(&mut self, now: Offset) {
        self.recovered += 1;
        self.last_recovered = self.last_recovered.max(now);
        self.times.record(now.since(self.cause_gone));
    }

    /// Returns whether everybody hit is whole again.
    pub fn is_over(&self) -> bool {
        self.recovered >= self.affected
    }

    /// Returns the recover time: from the cause's end until the last one was whole again; `None` while it is not over or hit nobody.
    pub fn recover(&self) -> Option<std::time::Duration> {
        (self.is_over() && self.affected > 0).then(|| self.last_recovered.since(self.cause_gone))
    }

    /// Adds another shard's part of the same event.
    pub fn merge(&mut self, other: &Self) {
        self.struck = self.struck.min(other.struck);
        self.cause_gone = self.cause_gone.min(other.cause_gone);
        self.affected += other.affected;
        self.recovered += other.recovered;
        self.last_recovered = self.last_recovered.max(other.last_recovered);
        self.times.merge(&other.times);
    }
}
