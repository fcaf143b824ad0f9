//! The plan: every action of a run with its intended time, a pure function of profile, scenario and seed.
//!
//! Every shard computes the same plan and acts for its own users. What a shard must know of others (who says what, when and
//! how long in its users' channels) it regenerates instead of being told.

pub mod action;
pub mod digest;
pub mod names;
pub mod planner;
pub mod population;
pub mod streams;
pub mod timeline;

use std::sync::Arc;

use crate::plan::names::Names;
use crate::plan::population::Population;
use crate::plan::streams::Streams;
use crate::plan::timeline::Timeline;
use crate::scenario::Scenario;
use crate::traffic::profile::Profile;
use crate::units::id::Seed;

/// Why a plan can't be made of a profile and a scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Nobody of the profile is online at the hour at which the run starts.
    #[error("profile `{profile}` has too few people online at the start for {users} users")]
    Deserted {
        /// The profile.
        profile: String,
        /// The users asked for.
        users: u32,
    },
    /// A user would be in more channels than there are, or a channel would have more members than there are users.
    #[error("{members} members a channel, but only {users} users")]
    Crowded {
        /// Mean members of a channel.
        members: u64,
        /// Users.
        users: u32,
    },
    /// More users or channels than names can tell apart.
    #[error("{count} {what}, but at most {limit}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many.
        count: u64,
        /// How many there may be.
        limit: u64,
    },
}

/// Everything of a run that is settled before it starts. Shared by all shards, immutable.
#[derive(Debug)]
pub struct Plan {
    /// What was asked for.
    pub scenario: Scenario,
    /// The traffic.
    pub profile: Profile,
    /// The seed.
    pub seed: Seed,
    /// The random streams.
    pub streams: Streams,
    /// The names of users and channels.
    pub names: Names,
    /// Who takes part and where.
    pub population: Population,
    /// When phases begin and end, and when each user is online.
    pub timeline: Timeline,
}

impl Plan {
    /// Settles everything of a run that its shards share.
    ///
    /// # Errors
    ///
    /// Returns why the profile can't serve the scenario.
    pub fn new(scenario: Scenario, profile: Profile, seed: Seed) -> Result<Arc<Self>, PlanError> {
        let streams = Streams::new(seed);
        let names = Names::new(&streams);
        let people = population::People::draw(&scenario, &profile, &streams)?;
        let timeline = Timeline::new(&scenario, &profile, &people, &streams);
        let population = Population::new(&scenario, &profile, people, &streams)?;
        Ok(Arc::new(Self {
            scenario,
            profile,
            seed,
            streams,
            names,
            population,
            timeline,
        }))
    }
}
