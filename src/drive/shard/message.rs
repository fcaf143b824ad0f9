//! What shards and the run tell each other.

use std::sync::Arc;
use std::time::Duration;

use crate::drive::clock::Clock;
use crate::measure::continuity::told::Told;
use crate::measure::interval::Interval;
use crate::measure::ledger::partition::Split;
use crate::measure::progress::Progress;
use crate::plan::action::Upheaval;
use crate::swarm::io::ShardFacts;
use crate::swarm::report::ShardReport;
use crate::swarm::report::SplitStage;
use crate::units::id::PhaseId;
use crate::units::id::ShardId;
use crate::units::offset::Offset;

/// From the run to a shard.
#[derive(Clone, Debug)]
pub enum ToShard {
    /// Everybody is ready: the run begins at the clock's epoch. Comes first, and once.
    Begin(Clock),
    /// What another shard told.
    Facts(Arc<ShardFacts>),
    /// A split was ordered.
    SplitOrdered(Split),
    /// A split or a heal is done.
    Split(Split, SplitStage),
    /// The target is up again after a restart phase, or the queue of a migration done.
    Up {
        /// The phase.
        phase: PhaseId,
        /// Since when.
        at: Offset,
    },
    /// A phase that is played on demand begins.
    Demanded {
        /// The phase.
        phase: PhaseId,
        /// What it does.
        upheaval: Upheaval,
        /// Since when.
        at: Offset,
    },
    /// What is planned later than this waits.
    Hold(Offset),
    /// It goes on from here.
    Resume(Offset),
    /// The plan is over: no more actions, judge what is open.
    Over,
    /// Say goodbye and report.
    Finish,
}

/// From a shard to the run.
#[derive(Debug)]
pub enum FromShard {
    /// The shard is made and waits for the beginning. Comes first.
    Ready,
    /// An edge: an interval is closed, and what others must know is told.
    Edge {
        /// Which shard.
        shard: ShardId,
        /// Number of the interval, and how far the shard had come at its end; edges of the drain have none.
        interval: Option<(u64, Box<(Interval, Progress)>)>,
        /// CPU time of the thread since the last edge.
        cpu: Duration,
        /// For the other shards.
        facts: Arc<ShardFacts>,
        /// What clients of a bouncer did and read, for its judge.
        told: Vec<Told>,
        /// Whether everything planned is done and judged.
        is_settled: bool,
    },
    /// A phase does something to the whole target.
    Upheave {
        /// The phase.
        phase: PhaseId,
        /// What.
        upheaval: Upheaval,
    },
    /// The end.
    Report {
        /// What it observed.
        report: Box<ShardReport>,
        /// CPU time of the thread since the last edge.
        cpu: Duration,
    },
    /// The shard can't go on.
    Broken {
        /// Which shard.
        shard: ShardId,
        /// Why.
        reason: String,
    },
}
