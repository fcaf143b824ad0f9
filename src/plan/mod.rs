//! The plan: every action of a run with its intended time, a pure function of profile, scenario and seed.
//!
//! Every shard computes the same plan and acts for its own users. What a shard must know of others (who says what, when and
//! how long in its users' channels) it regenerates instead of being told.

mod accounts;
pub mod action;
pub mod clients;
pub mod digest;
pub mod likeness;
mod moves;
pub mod names;
mod outages;
pub mod peak;
pub mod planner;
pub mod population;
pub mod script;
pub mod seats;
pub mod streams;
pub mod timeline;
pub mod victims;

use std::ops::Range;
use std::sync::Arc;

use crate::measure::around::Around;
use crate::plan::clients::Clients;
use crate::plan::names::Names;
use crate::plan::outages::Outages;
use crate::plan::population::Population;
use crate::plan::script::Script;
use crate::plan::seats::Seat;
use crate::plan::seats::Seats;
use crate::plan::streams::Streams;
use crate::plan::timeline::Timeline;
use crate::plan::victims::Victims;
use crate::roster::Roster;
use crate::scenario::Scenario;
use crate::traffic::profile::Profile;
use crate::units::id::PhaseId;
use crate::units::id::SeatId;
use crate::units::id::Seed;
use crate::units::offset::Offset;

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
    /// A mass event's victims are to come back as those of the capture did, and it had none.
    #[error("profile `{profile}` has no mass event whose returns phase `{phase}` could follow")]
    NoOutages {
        /// The profile.
        profile: String,
        /// The phase.
        phase: String,
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

/// Where a plan's actions come from.
#[derive(Debug)]
pub enum Source {
    /// Drawn from a profile.
    Model(Box<Profile>),
    /// Told by a trace.
    Script(Box<Script>),
}

/// Everything of a run that is settled before it starts. Shared by all shards, immutable.
#[derive(Debug)]
pub struct Plan {
    /// What was asked for.
    pub scenario: Scenario,
    /// The traffic.
    pub source: Source,
    /// The seed.
    pub seed: Seed,
    /// The random streams.
    pub streams: Streams,
    /// The names of users and channels.
    pub names: Names,
    /// Which programs the users have.
    pub clients: Clients,
    /// Who takes part and where.
    pub population: Population,
    /// When phases begin and end, and when each user is online.
    pub timeline: Timeline,
    /// Whom mass events are meant to hit.
    pub victims: Victims,
    /// Who sits at the bouncer, where the target is one.
    pub seats: Option<Seats>,
}

impl Plan {
    /// Returns each mass event: the phase that makes it, when it is to strike and when its cause is to be gone.
    pub fn events(&self) -> impl Iterator<Item = (PhaseId, Offset, Offset)> {
        let phases = (0u16..).map(PhaseId).zip(&self.scenario.phases);
        phases.filter_map(|(id, phase)| {
            let struck = self.timeline.span(id).begins;
            let cause_gone = phase.kind.cause_gone(struck)?;
            Some((id, struck, cause_gone))
        })
    }

    /// Returns the time around mass events, of which more is kept.
    pub fn around_events(&self) -> Around {
        let timed = self
            .events()
            .filter(|&(_, struck, _)| struck < Offset::NEVER);
        Around::events(timed.map(|(_, struck, gone)| (struck, gone)))
    }

    /// Settles everything of a run that its shards share.
    ///
    /// # Errors
    ///
    /// Returns why the profile can't serve the scenario.
    pub fn new(scenario: Scenario, profile: Profile, seed: Seed) -> Result<Arc<Self>, PlanError> {
        let streams = Streams::new(seed);
        let names = Names::new(&streams);
        let people = population::People::draw(&scenario, &profile, &streams)?;
        let outages = Outages::of(&profile);
        outages.check(&scenario, &profile)?;
        let timeline = Timeline::new(&scenario, &people, 0, &outages, &streams);
        let population = Population::new(&scenario, &profile, people, &streams)?;
        Ok(Arc::new(Self {
            seats: None,
            clients: Clients::new(scenario.clients()),
            victims: Victims::new(&scenario, &population, &streams),
            scenario,
            source: Source::Model(Box::new(profile)),
            seed,
            streams,
            names,
            population,
            timeline,
        }))
    }

    /// Settles everything of a run against a bouncer: its clients are the roster's, and the population is that of the networks
    /// behind it.
    ///
    /// # Errors
    ///
    /// Returns why the profile can't serve the scenario.
    pub fn of_roster(
        scenario: Scenario,
        profile: Profile,
        seed: Seed,
        roster: &Roster,
    ) -> Result<Arc<Self>, PlanError> {
        Self::of_seats(scenario, profile, seed, Seats::new(roster))
    }

    fn of_seats(
        mut scenario: Scenario,
        profile: Profile,
        seed: Seed,
        seats: Seats,
    ) -> Result<Arc<Self>, PlanError> {
        let streams = Streams::new(seed);
        scenario.population.channels = seats.channel_count();
        if let Some(bouncer) = &mut scenario.bouncer {
            bouncer.client_count = seats.client_count();
        }
        let people = population::People::draw(&scenario, &profile, &streams)?;
        let people = people.behind(seats.client_count(), &scenario);
        let outages = Outages::of(&profile);
        outages.check(&scenario, &profile)?;
        let clients = seats.client_count();
        let timeline = Timeline::new(&scenario, &people, clients, &outages, &streams);
        let population = Population::of_seats(&scenario, &profile, people, &seats, &streams)?;
        Ok(Arc::new(Self {
            clients: Clients::new(scenario.clients()),
            victims: Victims::new(&scenario, &population, &streams),
            scenario,
            source: Source::Model(Box::new(profile)),
            seed,
            names: Names::new(&streams).with_given(seats.given()),
            streams,
            population,
            timeline,
            seats: Some(seats),
        }))
    }

    /// Returns the places of a bouncer's users, by identifier; none where the target is no bouncer.
    pub fn seat_rows(&self) -> &[Seat] {
        self.seats.as_ref().map_or(&[], Seats::seats)
    }

    /// Returns where each client of a bouncer sits.
    pub fn client_seats(&self) -> &[SeatId] {
        self.seats.as_ref().map_or(&[], Seats::of_clients)
    }

    /// Returns the names of the networks behind a bouncer, by number.
    pub fn network_names(&self) -> &[String] {
        self.seats.as_ref().map_or(&[], Seats::networks)
    }

    /// Returns the users whom the swarm drives: a bouncer's clients, or everybody.
    pub fn driven(&self) -> Range<u32> {
        let clients = self.seats.as_ref().map(Seats::client_count);
        0..clients.unwrap_or_else(|| self.population.user_count())
    }

    /// Returns the members of the networks behind a bouncer, whom nobody connects.
    pub fn strangers(&self) -> Range<u32> {
        self.driven().end..self.population.user_count()
    }

    /// Settles everything of a replay that its shards share. Population and phases of `scenario` are the script's: a ramp, then
    /// what the trace tells.
    pub fn of_script(mut scenario: Scenario, script: Script) -> Arc<Self> {
        let seed = script.options().seed;
        let streams = Streams::new(seed);
        let population = Population::of_script(&script);
        population::fit_scenario(&mut scenario, &script, &population);
        Arc::new(Self {
            seats: None,
            clients: Clients::new(scenario.clients()),
            timeline: Timeline::of_script(&scenario, &script),
            victims: Victims::default(),
            scenario,
            seed,
            names: Names::new(&streams),
            streams,
            population,
            source: Source::Script(Box::new(script)),
        })
    }

    /// Returns the script, if the plan is a replay's.
    pub fn script(&self) -> Option<&Script> {
        match &self.source {
            Source::Script(script) => Some(script),
            Source::Model(_) => None,
        }
    }

    /// Returns the profile, unless the plan is a replay's.
    pub fn profile(&self) -> Option<&Profile> {
        match &self.source {
            Source::Model(profile) => Some(profile),
            Source::Script(_) => None,
        }
    }

    /// Returns the name of the profile, or of the trace.
    pub fn source_name(&self) -> &str {
        match &self.source {
            Source::Model(profile) => profile.name(),
            Source::Script(script) => script.name(),
        }
    }
}
