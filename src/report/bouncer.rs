//! A bouncer under test, in `result.json`: its users, what it cost, what it played back, and what each network saw of it.

mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::gate::figure;
use crate::measure::bouncer;
use crate::measure::bouncer::BouncerOutcome;
use crate::measure::bouncer::NetworkSaw;
use crate::measure::bouncer::ReturnSaw;
use crate::measure::bouncer::SourceSaw;
use crate::measure::continuity::Leak as Leaked;
use crate::measure::continuity::Playbacks as Played;
use crate::measure::continuity::Readings as Read;
use crate::measure::outcome::Outcome;
use crate::report::facts::Naming;
use crate::units::offset::Offset;
use crate::units::span::micros;

/// Kinds of public networks that are judged for, the strictest first.
pub(crate) const KINDS: [&str; 3] = ["strict", "usual", "lenient"];

/// A bouncer under test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bouncer {
    /// Its kind: `znc`, `bip` or another.
    pub kind: String,
    /// Its version, as it says; null where it was not asked.
    pub version: Option<String>,
    /// Its users.
    pub users: u64,
    /// Its users' places on networks: the sessions that it is to hold upstream.
    pub seats: u64,
    /// Clients of the users who have some.
    pub clients: u64,
    /// Clients by seat: the share of users who are attached, where nobody has two clients.
    pub clients_per_seat: Option<f64>,
    /// From its start until every seat was registered; null where not all were, or it ran before.
    pub ready_in_us: Option<u64>,
    /// Seats that were registered at the end.
    pub registered: u64,
    /// Seats that were not.
    pub locked_out: u64,
    /// Clients that should have been attached at the plan's end, and were not; null where that is not known.
    #[serde(default)]
    pub absent: Option<u64>,
    /// What it played back.
    pub playbacks: Playbacks,
    /// How often clients were to read all that was kept for them, and did; null where nobody was to.
    #[serde(default)]
    pub readings: Option<Readings>,
    /// Lines that were missing from a playback and came when it was read again, by how long that was: gaps of a cache.
    #[serde(default)]
    pub healed: Vec<Healed>,
    /// The first line of one user that came to another; null without any.
    pub leak: Option<Leak>,
    /// Its most memory by user; null where its process was not watched.
    pub rss_bytes_per_user: Option<u64>,
    /// CPU time by thousand lines that its clients read; null where its process was not watched, or nothing was read.
    pub cpu_micros_per_1000_lines: Option<u64>,
    /// What public networks would have done, by kind (`strict`, `usual`, `lenient`): `let_in`, `refuse` or `ban`.
    pub would_refuse: BTreeMap<String, String>,
    /// What each network saw of it.
    pub networks: Vec<Network>,
}

/// What a bouncer played back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Playbacks {
    /// Sessions to which something was played back.
    pub sessions: u64,
    /// Lines played back.
    pub lines: u64,
    /// From the welcome to the last line of each session, summed up.
    pub lasted_us: u64,
    /// Lines by second of that; null where they came with the welcome.
    pub lines_per_sec: Option<f64>,
}

/// How often clients were to read all that was kept for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readings {
    /// Readings that were to be made.
    pub due: u64,
    /// Those that were.
    pub made: u64,
}

/// Lines that were missing from a playback for as long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Healed {
    /// For how long, in whole seconds: from the attach at which they should have come until they did.
    pub after_us: u64,
    /// Lines.
    pub lines: u64,
}

/// A line of one user in another's session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leak {
    /// Whose session it came in.
    pub receiver: String,
    /// The channel that it bore; null if it bore none of ours.
    pub channel: Option<String>,
    /// When it was read.
    pub at_us: i64,
}

/// What one network saw of a bouncer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// Its name.
    pub network: String,
    /// Members of it whom no bouncer holds.
    pub members: u64,
    /// Places that the bouncer is to hold on it.
    pub seats: u64,
    /// Those that were registered at the end.
    pub registered: u64,
    /// Those that were not.
    pub locked_out: u64,
    /// The last loss of which not all came back; null where none is locked out, or they never were in.
    pub locked_out_since_us: Option<i64>,
    /// From then until the run's end.
    pub locked_out_for_us: Option<u64>,
    /// Connections that were accepted, and then neither read nor answered.
    #[serde(default)]
    pub half_open: u64,
    /// Logins to accounts; null where users have none.
    #[serde(default)]
    pub logins: Option<Logins>,
    /// Each address from which it came, the busiest first.
    pub sources: Vec<Source>,
    /// How connections that were lost came back, by event.
    pub returns: Vec<Return>,
}

/// What became of logins to accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logins {
    /// Those that succeeded.
    pub succeeded: u64,
    /// Those that were refused.
    pub refused: u64,
    /// How often the service went down with too many that waited.
    pub outages: u64,
}

/// What a network saw of one address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
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
    /// For how long it was banned the first time; null if it was not.
    pub banned_us: Option<u64>,
    /// What kinds of public networks would have held against it.
    pub held: Vec<Held>,
}

/// What a kind of public networks would have held against an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The kind: `strict`, `usual` or `lenient`.
    pub kind: String,
    /// Whether it would have been banned, and not only refused.
    pub is_banned: bool,
    /// For what, with what is allowed.
    pub why: String,
}

/// How seats came back after some were lost at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Return {
    /// When the first was lost.
    pub lost_at_us: i64,
    /// Seats lost.
    pub lost: u64,
    /// Seats that came back.
    pub returned: u64,
    /// Seats that never did.
    pub never: u64,
    /// Until the first came back; null if none did.
    pub first_in_us: Option<u64>,
    /// Until the last of those came back.
    pub last_in_us: Option<u64>,
    /// Returns by second from the first to the last: the pace of the bouncer's queue. Null for fewer than two.
    pub returns_per_sec: Option<f64>,
}

impl Bouncer {
    /// Returns what a run against a bouncer came to; `None` of any other run.
    pub(crate) fn of(outcome: &Outcome, naming: &Naming<'_>) -> Option<Self> {
        let bouncer = outcome.bouncer.as_ref()?;
        let networks: Vec<Network> = bouncer
            .networks
            .iter()
            .map(|saw| Network::of(saw, outcome.ended))
            .collect();
        let process = outcome.process.as_ref();
        let cpu = process.and_then(|process| {
            let micros = micros(process.cpu).saturating_mul(1_000);
            micros.checked_div(outcome.total.lines)
        });
        let BouncerOutcome {
            users,
            seats,
            clients,
            ..
        } = *bouncer;
        Some(Self {
            kind: bouncer.kind.to_owned(),
            version: bouncer.version.clone(),
            users,
            seats,
            clients,
            clients_per_seat: figure::ratio(clients, seats),
            ready_in_us: bouncer.ready_in.map(micros),
            registered: networks.iter().map(|network| network.registered).sum(),
            locked_out: networks.iter().map(|network| network.locked_out).sum(),
            absent: bouncer.absent,
            playbacks: Playbacks::of(&bouncer.playbacks),
            readings: bouncer.readings.map(Readings::of),
            healed: bouncer.healed.rows().map(Healed::of).collect(),
            leak: bouncer.leak.map(|leak| Leak::of(&leak, naming)),
            rss_bytes_per_user: process
                .and_then(|process| process.peak_rss_bytes.checked_div(users)),
            cpu_micros_per_1000_lines: cpu,
            would_refuse: would_refuse(&networks),
            networks,
        })
    }
}

impl Playbacks {
    fn of(played: &Played) -> Self {
        let lasted_us = micros(played.lasted);
        Self {
            sessions: played.sessions,
            lines: played.lines,
            lasted_us,
            lines_per_sec: per_sec(played.lines, lasted_us),
        }
    }
}

impl Readings {
    fn of(readings: Read) -> Self {
        Self {
            due: readings.due,
            made: readings.made,
        }
    }
}

impl Healed {
    fn of((after, lines): (Duration, u64)) -> Self {
        Self {
            after_us: micros(after),
            lines,
        }
    }
}

impl Leak {
    fn of(leak: &Leaked, naming: &Naming<'_>) -> Self {
        Self {
            receiver: naming.person(leak.receiver),
            channel: leak.channel.map(|channel| (naming.channel)(channel)),
            at_us: leak.at.as_micros(),
        }
    }
}

impl Network {
    fn of(saw: &NetworkSaw, ended: Offset) -> Self {
        let locked_out = saw.seats.saturating_sub(saw.registered);
        let losses = saw.returns.iter().rev();
        let mut losses = losses.filter(|event| event.returned < event.lost);
        let since = losses.next().filter(|_| locked_out > 0);
        let since = since.map(|event| Offset::from_micros(event.lost_at_micros));
        Self {
            network: saw.network.clone(),
            members: saw.members,
            seats: saw.seats,
            registered: saw.registered,
            locked_out,
            locked_out_since_us: since.map(Offset::as_micros),
            locked_out_for_us: since.map(|since| micros(ended.since(since))),
            half_open: saw.half_open,
            logins: saw.logins.map(|logins| Logins {
                succeeded: logins.succeeded,
                refused: logins.refused,
                outages: logins.outages,
            }),
            sources: saw.sources.iter().map(Source::of).collect(),
            returns: saw.returns.iter().map(Return::of).collect(),
        }
    }

    /// Returns the most connects of one address within a second.
    pub(crate) fn connects_per_sec_max(&self) -> u64 {
        let most = self
            .sources
            .iter()
            .map(|source| source.connects_per_sec_max);
        most.max().unwrap_or(0)
    }

    /// Returns the sum of a figure of all addresses.
    pub(crate) fn sum(&self, of: impl Fn(&Source) -> u64) -> u64 {
        self.sources.iter().map(of).sum()
    }
}

impl Source {
    fn of(saw: &SourceSaw) -> Self {
        Self {
            address: saw.address.clone(),
            connections_max: saw.connections_max,
            connects: saw.connects,
            connects_per_sec_max: saw.connects_per_sec_max,
            refused: saw.refused,
            registered: saw.registered,
            floods: saw.floods,
            banned_us: saw.banned.map(micros),
            held: saw.held.iter().map(Held::of).collect(),
        }
    }

    /// Returns what networks of a kind would have held against it: whether they would have banned it for that, and for what.
    fn held(&self, kind: &str) -> impl Iterator<Item = (bool, &str)> {
        let held = self.held.iter().filter(move |held| held.kind == kind);
        held.map(|held| (held.is_banned, held.why.as_str()))
    }

    /// Returns what networks of a kind would have done with it.
    fn fate(&self, kind: &str) -> Fate {
        let fates = self.held(kind).map(|(is_banned, _)| {
            if is_banned {
                Fate::Banned
            } else {
                Fate::Refused
            }
        });
        fates.max().unwrap_or(Fate::LetIn)
    }
}

impl Held {
    fn of(held: &bouncer::Held) -> Self {
        Self {
            kind: held.kind.to_owned(),
            is_banned: held.is_banned,
            why: held.why.clone(),
        }
    }
}

impl Return {
    fn of(saw: &ReturnSaw) -> Self {
        let is_back = saw.returned > 0;
        let span = micros(saw.last_in.saturating_sub(saw.first_in));
        Self {
            lost_at_us: saw.lost_at_micros,
            lost: saw.lost,
            returned: saw.returned,
            never: saw.lost.saturating_sub(saw.returned),
            first_in_us: is_back.then(|| micros(saw.first_in)),
            last_in_us: is_back.then(|| micros(saw.last_in)),
            // So many returns have one gap fewer between them.
            returns_per_sec: per_sec(saw.returned.saturating_sub(1), span)
                .filter(|_| saw.returned > 1),
        }
    }
}

/// What a network would have done with an address, the mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    LetIn,
    Refused,
    Banned,
}

impl Fate {
    /// Returns the name in results.
    fn name(self) -> &'static str {
        match self {
            Self::LetIn => "let_in",
            Self::Refused => "refuse",
            Self::Banned => "ban",
        }
    }
}

/// Returns the worst that networks of each kind would have done with an address of the bouncer.
fn would_refuse(networks: &[Network]) -> BTreeMap<String, String> {
    let fates = KINDS.map(|kind| {
        let sources = networks.iter().flat_map(|network| &network.sources);
        let worst = sources.map(|source| source.fate(kind)).max();
        let worst = worst.unwrap_or(Fate::LetIn);
        (kind.to_owned(), worst.name().to_owned())
    });
    fates.into_iter().collect()
}

/// Returns how many a second; `None` within no time.
fn per_sec(count: u64, micros: u64) -> Option<f64> {
    figure::ratio(count, micros).map(|per_micro| per_micro * 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::catalogue::bounced;

    use std::time::Duration;

    #[test]
    fn a_queue_has_a_pace_between_its_first_and_its_last() {
        let saw = ReturnSaw {
            lost_at_micros: 12_000_000,
            lost: 12,
            returned: 11,
            first_in: Duration::from_secs(1),
            last_in: Duration::from_secs(21),
        };
        let back = Return::of(&saw);
        assert_eq!((back.never, back.returns_per_sec), (1, Some(0.5)));
        let one = Return::of(&ReturnSaw { returned: 1, ..saw });
        assert_eq!((one.never, one.returns_per_sec), (11, None));
        let none = Return::of(&ReturnSaw { returned: 0, ..saw });
        assert_eq!((none.first_in_us, none.last_in_us), (None, None));
    }

    #[test]
    fn who_is_locked_out_is_so_since_the_last_loss_that_was_not_made_good() {
        let loss = |secs: i64, returned| ReturnSaw {
            lost_at_micros: secs * 1_000_000,
            lost: 5,
            returned,
            ..ReturnSaw::default()
        };
        let mut saw = NetworkSaw {
            seats: 5,
            registered: 4,
            returns: vec![loss(10, 3), loss(50, 4), loss(90, 5)],
            ..NetworkSaw::default()
        };
        let ended = Offset::from_secs(100);
        let network = Network::of(&saw, ended);
        assert_eq!(network.locked_out_since_us, Some(50_000_000));
        assert_eq!(network.locked_out_for_us, Some(50_000_000));
        saw.registered = 5;
        assert_eq!(Network::of(&saw, ended).locked_out_since_us, None);
        saw.registered = 3;
        saw.returns.clear();
        let never_in = Network::of(&saw, ended);
        assert_eq!((never_in.locked_out, never_in.locked_out_for_us), (2, None));
    }

    #[test]
    fn the_worst_fate_of_an_address_is_the_bouncers() {
        let bouncer = bounced().bouncer.unwrap();
        let fates: Vec<&str> = KINDS
            .iter()
            .map(|kind| &*bouncer.would_refuse[*kind])
            .collect();
        assert_eq!(fates, ["ban", "ban", "let_in"]);
    }
}
