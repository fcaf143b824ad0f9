//! The scenario: what a run does, what it must hold, what it may not do.

pub mod accounts;
pub mod bouncer;
pub mod clients;
pub mod file;
pub mod migration;
pub mod phase;
mod phases;
mod reader;
mod resolved;
pub(crate) mod value;

use std::time::Duration;

use crate::place::Place;
use crate::scenario::accounts::Accounts;
use crate::scenario::accounts::Services;
use crate::scenario::bouncer::Bouncer;
use crate::scenario::clients::Client;
use crate::scenario::clients::Share;
use crate::scenario::migration::Migration;
use crate::scenario::phase::Phase;
use crate::scenario::phase::PhaseKind;
use crate::scenario::phase::ReadBy;
use crate::units::id::PhaseId;
use crate::units::id::ServerId;

/// A scenario as meant: every default filled in, every reference resolved.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file's stem, which names the run.
    pub name: String,
    /// The profile's name or folder, as written.
    pub profile: String,
    /// Where `profile` was written.
    pub profile_place: Place,
    /// The hour of the profile's week at which the run starts; `None` for the busiest.
    pub starts: Option<WeekSecond>,
    /// How much hotter than the profile every channel talks; 1 for as captured.
    pub heat: f64,
    /// Who takes part.
    pub population: Population,
    /// What clients do by themselves.
    pub client: ClientBehaviour,
    /// How clients return after a connection that was not theirs to end.
    pub reconnect: Reconnect,
    /// What the target needs to be told.
    pub target: TargetNeeds,
    /// The bouncer, where the target is one: the population is that of the networks behind it.
    pub bouncer: Option<Bouncer>,
    /// The accounts of users, if they have any.
    pub accounts: Option<Accounts>,
    /// How the embedded network keeps accounts.
    pub services: Services,
    /// How long after its acceptance an unseen delivery is called lost.
    pub settle: Duration,
    /// How much of the run's beginning conditions leave out: what is measured in it is neither good nor bad news.
    pub warm_up: Duration,
    /// How long the run may take, holds included, before it is aborted.
    pub max_length: Option<Duration>,
    /// The servers behind links that break, by identifier from 1 on; 0 is the hub.
    pub servers: Vec<FarServer>,
    /// The phases in the order of the file.
    pub phases: Vec<Phase>,
    /// The conditions that the run must meet.
    pub slos: Vec<Condition>,
    /// The conditions that end the run when they do not hold for a while.
    pub aborts: Vec<AbortCondition>,
    /// How much of an integrity counter is forgiven.
    pub tolerances: Vec<Tolerance>,
}

/// A second of the week, counted from Monday 00:00 UTC; below 604,800.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeekSecond(pub u32);

/// The size of the population and how it hangs together.
#[derive(Clone, Copy, Debug)]
pub struct Population {
    /// Users online when the run is under way; others come and go as the profile has it.
    pub users: u32,
    /// Channels: superposed copies of the profile's.
    pub channels: u32,
    /// Mean number of those users in a channel.
    pub members_per_channel: f64,
    /// Share of all messages that go to one user instead of a channel; 0..1.
    pub private_share: f64,
}

/// What the scenario says of what clients send without their users' doing; what it does not say is the program's way.
#[derive(Clone, Debug, Default)]
pub struct ClientBehaviour {
    /// Whether `MODE #channel` follows each own JOIN.
    pub mode_on_join: Option<bool>,
    /// Whether `WHO #channel` follows each own JOIN.
    pub who_on_join: Option<bool>,
    /// Capabilities asked for where the target offers them.
    pub capabilities: Option<Vec<String>>,
    /// Time between a client's own PINGs on a connection.
    pub ping_every: Option<Duration>,
    /// Which programs the users have; empty for clients that do what the scenario says and no more.
    pub mix: Vec<Share>,
}

/// Bounds of a returning client's patience.
#[derive(Clone, Copy, Debug)]
pub struct Reconnect {
    /// First delay, where the scenario says it.
    pub first: Option<Duration>,
    /// Longest delay, where the scenario says it.
    pub longest: Option<Duration>,
    /// How long a TCP connect may take.
    pub connect_timeout: Duration,
    /// How long a registration may take.
    pub register_timeout: Duration,
}

/// A server behind a link that breaks in a netsplit.
#[derive(Clone, Debug, PartialEq)]
pub struct FarServer {
    /// Its name in the scenario: that of its first phase, where the file gives it none.
    pub name: String,
    /// Share of the users that sit on it; 0..=1.
    pub fraction: f64,
}

/// What a connection to the target needs beyond its address.
#[derive(Clone, Debug)]
pub struct TargetNeeds {
    /// The environment variable that holds the server password.
    pub password_env: Option<String>,
    /// Whether source addresses are spread over 127.0.0.0/8 for a loopback target.
    pub spread_sources: bool,
    /// Whether users resume their TLS sessions when they connect again.
    pub resumes_tls: bool,
}

/// A condition in words, with its place for errors.
#[derive(Clone, Debug)]
pub struct Condition {
    /// For example `message.response.p99 < 250ms`.
    pub check: String,
    /// Fewest samples with which the condition can hold.
    pub min_samples: u64,
    /// Where it was written.
    pub place: Place,
}

/// A condition that ends the run when it does not hold.
#[derive(Clone, Debug)]
pub struct AbortCondition {
    /// The condition; with fewer samples in an interval than it asks for, the interval says nothing.
    pub condition: Condition,
    /// How long it must not have held.
    pub lasts: Duration,
    /// How long after the run's beginning it is first judged.
    pub delay: Duration,
    /// Whether the run ends without waiting for what is open.
    pub is_hard: bool,
    /// The roll-back that is played before the run ends.
    pub then: Option<PhaseId>,
}

/// A counter that may be other than zero, up to a share of what was required.
#[derive(Clone, Debug)]
pub struct Tolerance {
    /// The counter's name as `result.json` has it.
    pub counter: String,
    /// The share forgiven; 0..=1.
    pub share: f64,
    /// Where it was written.
    pub place: Place,
}

impl Scenario {
    /// Returns when the run starts, as scenario files write it; empty for the profile's busiest hour.
    pub fn starts_text(&self) -> String {
        self.starts.map(value::week_second_text).unwrap_or_default()
    }

    /// Returns how many users the swarm drives at once: a bouncer's clients, or those who are online.
    pub fn driven_count(&self) -> u32 {
        match &self.bouncer {
            Some(bouncer) => bouncer.client_count,
            None => self.population.users,
        }
    }

    /// Returns the programs that the users have, each as this scenario has it; a single one without a mix.
    pub fn clients(&self) -> Vec<Share> {
        if self.client.mix.is_empty() {
            let mut client = Client::plain(&self.client, &self.reconnect);
            // Only batches tell for sure what a bouncer plays back.
            if self.bouncer.is_some() && self.client.capabilities.is_none() {
                client.connect.capabilities.push("batch".to_owned());
            }
            return vec![Share { client, share: 1.0 }];
        }
        let mut shares = self.client.mix.clone();
        for share in &mut shares {
            share.client.obey(&self.client, &self.reconnect);
        }
        shares
    }

    /// Returns the server of that identifier, which is one behind a link that breaks.
    pub fn far_server(&self, id: ServerId) -> Option<&FarServer> {
        self.servers.get(id.index().checked_sub(1)?)
    }

    /// Returns the phases that move accounts.
    pub fn migrations(&self) -> impl Iterator<Item = (&Phase, &Migration)> {
        let phases = self.phases.iter();
        phases.filter_map(|phase| Some((phase, phase.kind.migration()?)))
    }

    /// Returns how clients read back what a bouncer keeps, a way for each phase in which they do.
    pub fn reads_back(&self) -> impl Iterator<Item = ReadBy> {
        self.phases.iter().filter_map(|phase| match phase.kind {
            PhaseKind::ReadBack { by, .. } => Some(by),
            _ => None,
        })
    }

    /// Returns the commands that phases run on this machine, in the order of the file.
    pub fn commands(&self) -> impl Iterator<Item = &str> {
        self.phases.iter().flat_map(|phase| {
            let commands = &phase.commands;
            let moves = phase.kind.moves_command();
            let around = [commands.begin.as_deref(), moves, commands.end.as_deref()];
            around.into_iter().flatten()
        })
    }

    /// Returns the phase of that identifier.
    ///
    /// # Panics
    ///
    /// Panics if `id` is of another scenario.
    pub fn phase(&self, id: PhaseId) -> &Phase {
        &self.phases[id.index()]
    }
}
