//! What a report needs to know of a run beyond what was observed: what was asked for, of whom, where.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::measure::likeness::Likeness;
use crate::units::id::ChannelId;
use crate::units::id::Seed;
use crate::units::id::UserId;

/// Who is meant by a user of whom nothing is known.
pub(crate) const SOMEBODY: &str = "somebody of the network";

/// What a run was.
#[derive(Clone, Debug, PartialEq)]
pub struct RunFacts {
    /// Version of the tool.
    pub tool_version: String,
    /// What was asked for.
    pub scenario: ScenarioFacts,
    /// The traffic.
    pub profile: ProfileFacts,
    /// How like the profile what was said was; `None` for a replay.
    pub likeness: Option<Likeness>,
    /// What was played of a trace, if the run was a replay; `profile` then names the trace.
    pub replay: Option<ReplayFacts>,
    /// The programs that the users had, where the scenario mixes them.
    pub clients: Vec<ClientFacts>,
    /// The seed.
    pub seed: Seed,
    /// Whom it was driven at.
    pub target: TargetFacts,
    /// Where it was driven from.
    pub host: HostFacts,
    /// When it started, in milliseconds since 1970 UTC.
    pub started_unix_ms: i64,
}

/// The scenario's values that a reader needs beside the numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct ScenarioFacts {
    /// Its name.
    pub name: String,
    /// Users.
    pub users: u32,
    /// Channels.
    pub channels: u32,
    /// Mean members of a channel.
    pub members_per_channel: f64,
    /// Share of the messages that go to one user; 0..1.
    pub private_share: f64,
    /// The profile's hour at which it started, as the scenario writes it; empty for the busiest.
    pub starts: String,
    /// How much hotter than the profile every channel talked.
    pub heat: f64,
    /// How long after its acceptance an unseen delivery is lost.
    pub settle: Duration,
    /// How long its phases last.
    pub lasts: Duration,
}

/// The profile and how far it can be trusted.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileFacts {
    /// Its name.
    pub name: String,
    /// Digest of its files, in hexadecimal digits.
    pub digest: String,
    /// Whether it was fitted from too short a capture.
    pub is_short: bool,
    /// Parameters that no capture could tell.
    pub assumed: Vec<String>,
    /// Fidelity scores by name, where it was scored.
    pub scores: BTreeMap<String, f64>,
}

/// A program that some of the users had.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientFacts {
    /// Its name.
    pub name: String,
    /// The share asked for; 0..=1.
    pub share: f64,
    /// Users who had it.
    pub users: u32,
    /// How it is known what it does: `recorded` or `assumed`.
    pub basis: &'static str,
    /// Version, date and what was seen; or why it is assumed.
    pub source: String,
}

/// The clip of a trace that was played.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayFacts {
    /// When it begins in the trace, in microseconds since 1970 UTC.
    pub from_us: i64,
    /// When it ends there.
    pub to_us: i64,
    /// How much faster than it was it was played.
    pub speed: f64,
    /// How often.
    pub loop_count: u32,
    /// JOINs that no event tells of.
    pub synthetic_joins: u64,
    /// What was in it, by kind.
    pub kinds: Vec<ReplayKindFacts>,
}

/// What a clip has of one kind of event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayKindFacts {
    /// The kind's name.
    pub kind: &'static str,
    /// Events in the clip, each repetition counted.
    pub clip: u64,
    /// Those that can't be played, by reason.
    pub left_out: BTreeMap<&'static str, u64>,
}

/// The target as asked for and as learnt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetFacts {
    /// Its address; a user or password in it is left out of reports.
    pub url: String,
    /// Its own name (001).
    pub server: Option<String>,
    /// Its version (004).
    pub version: Option<String>,
    /// Its network (005).
    pub network: Option<String>,
    /// The family of its software, by what it says.
    pub family: &'static str,
}

/// The generator's host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// Cores that the generator may use.
    pub core_count: u32,
    /// Kernel and its version.
    pub kernel: String,
    /// TCP congestion control, which decides much of a stampede.
    pub congestion_control: Option<String>,
}

/// How users and channels are called at the target.
pub struct Naming<'a> {
    /// Returns a user's nick.
    pub user: &'a dyn Fn(UserId) -> String,
    /// Returns a channel's name.
    pub channel: &'a dyn Fn(ChannelId) -> String,
}

impl Naming<'_> {
    /// Returns a user's nick, or that nobody knows who it is.
    pub(crate) fn person(&self, user: UserId) -> String {
        if user == UserId(u32::MAX) {
            return SOMEBODY.to_owned();
        }
        (self.user)(user)
    }
}
