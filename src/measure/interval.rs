//! One slice of the measurement: every distribution and count of a second, mergeable over shards and time.

use std::time::Duration;

use crate::measure::act::ActCounts;
use crate::measure::distribution::Distribution;
use crate::measure::operation::Operation;
use crate::measure::process::ProcessUse;
use crate::measure::reason::DisconnectCounts;
use crate::measure::reason::RefusedCounts;
use crate::measure::welcome::Welcomes;

/// The times of one operation.
#[derive(Clone, Debug, Default)]
pub struct Times {
    /// From the intended time.
    pub response: Distribution,
    /// From the attempt.
    pub service: Distribution,
}

/// What was observed in one interval.
#[derive(Clone, Debug)]
pub struct Interval {
    times: Vec<Times>,
    /// Attempt − intended of every planned send: ours.
    pub lateness: Distribution,
    /// Accepted − attempt of every planned send: the target's.
    pub blocked: Distribution,
    /// Messages whose last byte the kernel took.
    pub sent: u64,
    /// Messages planned for the interval.
    pub planned: u64,
    /// Messages of the plan seen for the first time.
    pub delivered: u64,
    /// Lines received.
    pub lines: u64,
    /// Bytes received.
    pub bytes: u64,
    /// Reads that brought at least a byte.
    pub reads: u64,
    /// Connections that completed registration.
    pub registered: u64,
    /// When in their second those did.
    pub welcomes: Welcomes,
    /// Refusals.
    pub refused: RefusedCounts,
    /// Ends of connections that were not meant to end.
    pub disconnects: DisconnectCounts,
    /// What users did, by kind.
    pub acts: ActCounts,
    /// What was waited for at its end.
    pub pending: Pending,
    /// What the target's process took, where it is watched; of several intervals the last.
    pub process: Option<ProcessUse>,
}

/// The age of what is waited for, from its intended time; zero for nothing. Merged, it is the largest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// The oldest message that is owed to somebody and has been seen by nobody.
    pub message: Duration,
    /// The longest wait of a user who is to be online and is not registered.
    pub connect: Duration,
}

impl Default for Interval {
    fn default() -> Self {
        Self::new()
    }
}

impl Interval {
    /// How long an interval is.
    pub const LENGTH: Duration = Duration::from_secs(1);

    /// Returns an empty interval.
    pub fn new() -> Self {
        Self {
            times: vec![Times::default(); Operation::ALL.len()],
            lateness: Distribution::new(),
            blocked: Distribution::new(),
            sent: 0,
            planned: 0,
            delivered: 0,
            lines: 0,
            bytes: 0,
            reads: 0,
            registered: 0,
            welcomes: Welcomes::default(),
            refused: RefusedCounts::default(),
            disconnects: DisconnectCounts::default(),
            acts: ActCounts::default(),
            pending: Pending::default(),
            process: None,
        }
    }

    /// Returns the times of `operation`.
    pub fn times(&self, operation: Operation) -> &Times {
        &self.times[operation.index()]
    }

    /// Returns the times of `operation` for recording.
    pub fn times_mut(&mut self, operation: Operation) -> &mut Times {
        &mut self.times[operation.index()]
    }

    /// Adds another part.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.times.iter_mut().zip(&other.times) {
            mine.response.merge(&theirs.response);
            mine.service.merge(&theirs.service);
        }
        self.lateness.merge(&other.lateness);
        self.blocked.merge(&other.blocked);
        self.sent += other.sent;
        self.planned += other.planned;
        self.delivered += other.delivered;
        self.lines += other.lines;
        self.bytes += other.bytes;
        self.reads += other.reads;
        self.registered += other.registered;
        self.welcomes.merge(&other.welcomes);
        self.refused.merge(&other.refused);
        self.disconnects.merge(&other.disconnects);
        self.acts.merge(&other.acts);
        self.process = other.process.or(self.process);
        self.pending.message = self.pending.message.max(other.pending.message);
        self.pending.connect = self.pending.connect.max(other.pending.connect);
    }

    /// Returns how many durations were longer than can be told apart.
    pub fn saturated(&self) -> u64 {
        let times = self
            .times
            .iter()
            .map(|times| times.response.saturated() + times.service.saturated());
        times.sum::<u64>() + self.lateness.saturated() + self.blocked.saturated()
    }
}
