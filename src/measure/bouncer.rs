//! What a run against a bouncer came to, beside what every run does: its users, its queue of connects, what it played back.

use std::time::Duration;

use crate::measure::continuity::Leak;
use crate::measure::continuity::Playbacks;
use crate::measure::continuity::Readings;
use crate::measure::continuity::healed::Healed;

/// What a run against a bouncer came to.
#[derive(Clone, Debug, Default)]
pub struct BouncerOutcome {
    /// Its kind's name.
    pub kind: &'static str,
    /// Its version, as it says.
    pub version: Option<String>,
    /// Its users.
    pub users: u64,
    /// Its users' places on networks: the sessions that it holds upstream.
    pub seats: u64,
    /// Clients of users who have some.
    pub clients: u64,
    /// From its start until every seat was registered; `None` where not all were.
    pub ready_in: Option<Duration>,
    /// What it played back.
    pub playbacks: Playbacks,
    /// How long lines were missing from what it played back that came when they were read again.
    pub healed: Healed,
    /// How often clients were to read all that was kept for them, and did; `None` where nobody was to.
    pub readings: Option<Readings>,
    /// The first line of one user that came to another.
    pub leak: Option<Leak>,
    /// Clients that should have been attached at the plan's end, and were not; `None` where that is not known.
    pub absent: Option<u64>,
    /// What each network saw of it.
    pub networks: Vec<NetworkSaw>,
}

/// What one network saw of a bouncer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkSaw {
    /// The network's name.
    pub network: String,
    /// Members of it whom no bouncer holds.
    pub members: u64,
    /// Places that the bouncer is to hold on it.
    pub seats: u64,
    /// Those that were registered at the end.
    pub registered: u64,
    /// Connections that were accepted, and then neither read nor answered.
    pub half_open: u64,
    /// Logins to accounts; `None` where users have none.
    pub logins: Option<LoginsSaw>,
    /// Each address from which it came, the busiest first.
    pub sources: Vec<SourceSaw>,
    /// How connections that were lost came back: the bouncer's queue of reconnects, where there was one.
    pub returns: Vec<ReturnSaw>,
}

/// What became of logins to accounts on a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoginsSaw {
    /// Those that succeeded.
    pub succeeded: u64,
    /// Those that were refused.
    pub refused: u64,
    /// How often the service went down with too many that waited.
    pub outages: u64,
}

/// What a network saw of one address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceSaw {
    /// The address.
    pub address: String,
    /// Most connections at once.
    pub connections_max: u64,
    /// Connections made.
    pub connects: u64,
    /// Most of them in one second.
    pub connects_per_sec_max: u64,
    /// Those that were refused.
    pub refused: u64,
    /// Registrations completed.
    pub registered: u64,
    /// How often it was over a flood limit.
    pub floods: u64,
    /// For how long it was banned the first time, if it was.
    pub banned: Option<Duration>,
    /// What kinds of public networks would have held against it.
    pub held: Vec<Held>,
}

/// What a kind of public networks would have held against an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The kind's name.
    pub kind: &'static str,
    /// Whether it would have been banned, and not only refused.
    pub is_banned: bool,
    /// For what, with what is allowed.
    pub why: String,
}

/// How seats came back after all or some of them were lost at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReturnSaw {
    /// When the first was lost, in microseconds of the run.
    pub lost_at_micros: i64,
    /// Seats lost.
    pub lost: u64,
    /// Seats that came back.
    pub returned: u64,
    /// Until the first came back.
    pub first_in: Duration,
    /// Until the last came back.
    pub last_in: Duration,
}
