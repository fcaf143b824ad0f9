//! The outcome of a run: everything observed, merged, for the gate to judge and the reports to show.

use crate::measure::bouncer::BouncerOutcome;
use crate::measure::event::Event;
use crate::measure::exemplar::Exemplars;
use crate::measure::interval::Interval;
use crate::measure::ledger::counts::LedgerCounts;
use crate::measure::mark::Mark;
use crate::measure::migration::Migrations;
use crate::measure::process::WatchedProcess;
use crate::measure::said::SaidLog;
use crate::measure::sent::LinesSent;
use crate::measure::warning::Warning;
use crate::units::id::PhaseId;
use crate::units::offset::Offset;

/// A phase as it was played.
#[derive(Clone, Debug)]
pub struct PhaseOutcome {
    /// Which.
    pub phase: PhaseId,
    /// Its name in the scenario.
    pub name: String,
    /// Its kind's name.
    pub kind: &'static str,
    /// When it was to begin by the plan.
    pub planned_begins: Offset,
    /// When it was to end by the plan.
    pub planned_ends: Offset,
    /// When it began.
    pub begins: Offset,
    /// When it ended.
    pub ends: Offset,
    /// What was observed in the intervals that began within it.
    pub observed: Interval,
}

/// How the generator itself fared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GeneratorHealth {
    /// Intervals closed.
    pub interval_count: u64,
    /// Intervals whose p99 lateness was over the limit.
    pub late_count: u64,
    /// Intervals in which a shard's thread was over its share of a core.
    pub busy_count: u64,
    /// The lateness limit in microseconds.
    pub lateness_limit_micros: u64,
    /// CPU time of the generator's threads over the run, in microseconds.
    pub cpu_micros: u64,
    /// SYNs sent again by this machine during the run.
    pub syn_retransmits: u64,
    /// Connections for which a listen queue of this machine had no room during the run.
    pub listen_overflows: u64,
    /// Shards.
    pub shard_count: u16,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The plan was played to its end.
    Complete,
    /// A person or a signal stopped it.
    Interrupted,
    /// An abort rule stopped it; the detail says which and when.
    Aborted,
    /// The target could not be reached, or refused everybody before anyone had registered.
    Unreached,
    /// Our own safety rules stopped it.
    Refused,
    /// Its process came to an end before it did: this is what had been observed by then.
    CutShort,
}

/// Everything a run observed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// In words, where `ending` needs them.
    pub ending_detail: String,
    /// When the last interval closed.
    pub ended: Offset,
    /// The whole run.
    pub total: Interval,
    /// Lines sent: those of all users from the first connect to the last goodbye, and those of the login before the run.
    pub lines_sent: LinesSent,
    /// What was said in channels.
    pub said: SaidLog,
    /// Each phase.
    pub phases: Vec<PhaseOutcome>,
    /// Each mass event.
    pub events: Vec<Event>,
    /// Accounts moved between servers.
    pub migrations: Migrations,
    /// What a person did meanwhile.
    pub marks: Vec<Mark>,
    /// The ledger.
    pub ledger: LedgerCounts,
    /// Evidence.
    pub exemplars: Exemplars,
    /// The generator.
    pub health: GeneratorHealth,
    /// The target's process, where it was watched.
    pub process: Option<WatchedProcess>,
    /// What a reader must know.
    pub warnings: Vec<Warning>,
    /// What else there is of a run against a bouncer.
    pub bouncer: Option<BouncerOutcome>,
}
