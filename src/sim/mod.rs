//! Virtual time: shards of the swarm against the simulated network, with faults from seeds, and checkers outside the code.
//!
//! It runs what sockets run: only the shell is another. Rules of determinism: one event at a time in the order of
//! (moment, entry); every draw from a named stream; nothing reads a clock.

pub mod bouncer;
pub mod faults;
mod link;
mod world;

use std::sync::Arc;
use std::time::Duration;

use crate::irc::network::config::Limits;
use crate::measure::event::Event;
use crate::measure::exemplar::Exemplars;
use crate::measure::forecast::Forecast;
use crate::measure::interval::Interval;
use crate::measure::ledger::counts::LedgerCounts;
use crate::measure::migration::Migrations;
use crate::measure::sent::LinesSent;
use crate::plan::Plan;
use crate::sim::faults::FaultPlan;
use crate::sim::faults::Truth;
use crate::sim::world::World;
use crate::units::id::PhaseId;

/// How a virtual run is to be made.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// Number of shards.
    pub shard_count: u16,
    /// What goes wrong.
    pub faults: FaultPlan,
    /// What the network allows.
    pub limits: Limits,
}

/// How far a migration had come at the end of an interval.
#[derive(Clone, Copy, Debug)]
pub struct Moved {
    /// The phase.
    pub phase: PhaseId,
    /// When, from its beginning.
    pub since: Duration,
    /// Accounts moved its way.
    pub done: u64,
    /// When it was to be done by then.
    pub forecast: Option<Forecast>,
}

/// What a virtual run gave.
#[derive(Clone, Debug)]
pub struct SimOutcome {
    /// The ledgers, merged.
    pub ledger: LedgerCounts,
    /// The evidence, merged.
    pub exemplars: Exemplars,
    /// Mass events, merged.
    pub events: Vec<Event>,
    /// All intervals, merged.
    pub total: Interval,
    /// Lines sent, by command.
    pub lines_sent: LinesSent,
    /// How migrations went, one after the other.
    pub migrations: Migrations,
    /// The same, interval by interval.
    pub moved: Vec<Moved>,
    /// What the world itself did wrong.
    pub truth: Truth,
    /// What a checker found wrong with the swarm; empty if all is well.
    pub violations: Vec<String>,
}

/// Plays a plan in virtual time to its end.
pub fn run(plan: &Arc<Plan>, config: &SimConfig) -> SimOutcome {
    let mut world = World::new(plan, config);
    world.play();
    world.finish()
}
