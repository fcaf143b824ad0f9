//! An examination of a target: a few dozen connections at most, each experiment from an address of its own where there are some, and an end at the
//! first refusal.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use crate::drive::clock::Clock;
use crate::drive::doctor::client::Client;
use crate::drive::doctor::client::Denied;
use crate::drive::doctor::probe::PROBE_TIMEOUT;
use crate::drive::doctor::probe::ProbeError;
use crate::drive::doctor::probe::Probed;
use crate::drive::doctor::talk;
use crate::drive::transport::endpoint::Endpoint;
use crate::fitness::target::certificate;
use crate::fitness::target::family;
use crate::fitness::target::probe::Flood;
use crate::fitness::target::probe::LongLine;
use crate::fitness::target::probe::Probe;
use crate::fitness::target::probe::Reach;
use crate::fitness::target::probe::Registration;
use crate::fitness::target::probe::SCHEMA;
use crate::fitness::target::probe::Tls;
use crate::irc::session::refusal;
use crate::irc::session::refusal::Refusal;
use crate::units::offset::Offset;

/// Most connections of one address that are opened to see whether they may be.
pub const CONNECTIONS_MAX: u64 = 12;
/// Most channels that are joined for the same reason.
pub const CHANNELS_MAX: u64 = 25;

/// The same off loopback, where all that is tried comes from one address: `InspIRCd`'s connectban bans an address for ten minutes and more after
/// ten connections, and with three registrations, two that talk and one after a line that was too long this makes ten at most.
const CONNECTIONS_ELSEWHERE: u64 = 4;
/// Connects one after the other: more than what throttles of shipped configurations let pass.
const CONNECTS: u64 = 8;
/// When no experiment begins any more: with one connect that takes its whole time, an examination ends within a minute.
const BUDGET: Duration = Duration::from_secs(42);
/// How long the connects in a row may take in all.
const CONNECTS_BUDGET: Duration = Duration::from_secs(10);
/// How long a login may take at least, once one has been seen.
const PATIENCE_MIN: Duration = Duration::from_secs(6);
/// Pauses before each registration: they begin at different parts of a second.
const STAGGER: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(370),
    Duration::from_millis(340),
];
/// Pause after an address was said to connect too fast: ircd-hybrid's throttle lasts two seconds.
const THROTTLE_PAUSE: Duration = Duration::from_millis(2_200);

/// How much is worth trying.
#[derive(Clone, Copy, Debug)]
pub struct Appetite {
    /// Connections of one address.
    pub connections: u64,
    /// Channels of one client.
    pub channels: u64,
}

impl Default for Appetite {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS_MAX,
            channels: CHANNELS_MAX,
        }
    }
}

/// With how much care a target is treated.
#[derive(Clone, Copy, Debug)]
pub struct Care {
    /// Pause between two connects, and between two lines where many are not allowed.
    pub spacing: Duration,
    /// Whether many lines may be sent at once.
    pub may_flood: bool,
    /// Whether connects in a row, and many connections, are tried.
    pub is_at_home: bool,
}

/// Examines a target. The first login is shown to `approve`, which returns how to treat it.
///
/// # Errors
///
/// Returns why nobody can log in there, or why `approve` refused.
pub fn examine<E: From<ProbeError>>(
    endpoint: &Endpoint,
    password: Option<&[u8]>,
    appetite: Appetite,
    approve: impl FnOnce(&Probed) -> Result<Care, E>,
) -> Result<Probe, E> {
    let mut examination = Examination {
        endpoint,
        password,
        appetite,
        care: Care {
            spacing: Duration::ZERO,
            may_flood: false,
            is_at_home: false,
        },
        patience: PROBE_TIMEOUT,
        clock: Clock::start(),
    };
    let began = examination.clock.now();
    let first = examination
        .log_in(Experiment::Registration, 'a', PROBE_TIMEOUT)
        .map_err(|denied| denied.error)?;
    examination.care = approve(&first.heard.probed)?;
    let mut probe = told(&first);
    let welcomed = first.heard.welcomed.unwrap_or(began);
    let mut spans = vec![(millis(began), millis(welcomed))];
    first.leave();
    examination.registrations(&mut spans);
    // One that looks names up takes its time with everybody.
    let slowest = spans
        .iter()
        .map(|(began, welcomed)| welcomed.saturating_sub(*began))
        .max();
    let slowest = Duration::from_millis(slowest.unwrap_or_default());
    examination.patience = (2 * slowest).clamp(PATIENCE_MIN, PROBE_TIMEOUT);
    probe.registration = Registration::of(&spans);
    examination.experiments(&mut probe);
    Ok(probe)
}

fn told(client: &Client) -> Probe {
    let heard = &client.heard;
    let tokens: BTreeMap<String, String> = heard
        .probed
        .tokens
        .iter()
        .map(|token| {
            let (name, value) = token.split_once('=').unwrap_or((token, ""));
            (name.to_owned(), value.to_owned())
        })
        .collect();
    let mut probe = Probe {
        schema: SCHEMA,
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        network: heard.probed.network.clone(),
        server: heard.probed.server.clone(),
        version: heard.probed.version.clone(),
        software: heard.software.clone(),
        tls: client.visit().tls().map(|(version, shown)| Tls {
            version,
            expires: shown.as_deref().and_then(certificate::expires),
        }),
        capabilities: heard.capabilities.clone(),
        tokens,
        ..Probe::default()
    };
    family::of(&probe).clone_into(&mut probe.family);
    probe
}

/// What is tried, each from an address of its own on loopback.
#[derive(Clone, Copy, Debug)]
enum Experiment {
    Registration = 1,
    Connections = 2,
    Connects = 3,
    Talk = 4,
    Idle = 5,
}

struct Examination<'a> {
    endpoint: &'a Endpoint,
    password: Option<&'a [u8]>,
    appetite: Appetite,
    care: Care,
    /// How long a login may take.
    patience: Duration,
    clock: Clock,
}

/// What came of the client that talks.
type Talked = (Option<Flood>, Option<Reach>, Option<LongLine>);

impl Examination<'_> {
    /// Returns the address that an experiment comes from; none where the kernel chooses.
    fn source(&self, experiment: Experiment) -> Option<IpAddr> {
        match self.endpoint.address.ip() {
            IpAddr::V4(ip) if ip.is_loopback() => {
                // Another examination soon after must not inherit this one's throttles; a run's users come from 127.1.0.0 onwards.
                let third = 64 + (std::process::id() % 128).to_le_bytes()[0];
                Some(IpAddr::V4(Ipv4Addr::new(
                    127,
                    0,
                    third,
                    10 + experiment as u8,
                )))
            }
            _ => None,
        }
    }

    fn log_in(
        &self,
        experiment: Experiment,
        letter: char,
        patience: Duration,
    ) -> Result<Client, Denied> {
        Client::log_in(
            self.endpoint,
            self.source(experiment),
            self.password.map(<[u8]>::to_vec),
            letter,
            self.clock,
            patience,
        )
    }

    fn is_late(&self) -> bool {
        self.clock.now().since(Offset::ZERO) >= BUDGET
    }

    fn registrations(&self, spans: &mut Vec<(u64, u64)>) {
        for (pause, letter) in STAGGER.into_iter().zip('a'..).skip(1) {
            thread::sleep(pause.max(self.care.spacing));
            if self.clock.now().since(Offset::ZERO) >= PROBE_TIMEOUT {
                return;
            }
            let began = self.clock.now();
            let Ok(client) = self.log_in(Experiment::Registration, letter, PROBE_TIMEOUT) else {
                return;
            };
            let welcomed = client.heard.welcomed.unwrap_or(began);
            spans.push((millis(began), millis(welcomed)));
            client.leave();
        }
    }

    fn experiments(&self, probe: &mut Probe) {
        let talked = if self.care.is_at_home && self.source(Experiment::Idle).is_some() {
            // The one that waits for a throttled client's last answer is in nobody's way.
            thread::scope(|scope| {
                let talked = scope.spawn(|| self.talk());
                probe.connections_per_address = self.connections();
                probe.connects_in_a_row = self.connects();
                talked.join().unwrap_or_default()
            })
        } else {
            let talked = self.talk();
            probe.connections_per_address = self.connections();
            if self.care.is_at_home {
                probe.connects_in_a_row = self.connects();
            }
            talked
        };
        (probe.flood, probe.channels_per_user, probe.long_line) = talked;
    }

    /// Opens connections one by one until one is refused.
    fn connections(&self) -> Option<Reach> {
        let max = if self.care.is_at_home {
            CONNECTIONS_MAX
        } else {
            CONNECTIONS_ELSEWHERE
        };
        let mut spacing = self.care.spacing;
        let mut open = Vec::new();
        let mut refused = None;
        let wanted = self.appetite.connections.min(max);
        for letter in ('f'..).take(usize::try_from(wanted).unwrap_or(0)) {
            thread::sleep(spacing);
            if self.is_late() {
                break;
            }
            let mut outcome = self.log_in(Experiment::Connections, letter, self.patience);
            if let Err(denied) = &outcome
                && refusal::classify(denied.words.as_bytes()) == Refusal::Throttle
                && spacing < THROTTLE_PAUSE
            {
                // That is about how fast, and not about how many: once more, more slowly.
                spacing = THROTTLE_PAUSE;
                thread::sleep(spacing);
                outcome = self.log_in(Experiment::Connections, letter, self.patience);
            }
            match outcome {
                Ok(client) => open.push(client),
                Err(denied) => {
                    refused = denied.refusal();
                    break;
                }
            }
        }
        let allowed = open.len() as u64;
        open.into_iter().for_each(Client::leave);
        (allowed > 0 || refused.is_some()).then_some(Reach { allowed, refused })
    }

    /// Connects and leaves again and again until that is refused.
    fn connects(&self) -> Option<Reach> {
        let began = self.clock.now();
        let mut reach = Reach::default();
        for letter in ('r'..).take(usize::try_from(CONNECTS).unwrap_or(0)) {
            if self.is_late() || self.clock.now().since(began) >= CONNECTS_BUDGET {
                break;
            }
            match self.log_in(Experiment::Connects, letter, self.patience) {
                Ok(client) => {
                    reach.allowed += 1;
                    client.leave();
                }
                Err(denied) => {
                    reach.refused = denied.refusal();
                    break;
                }
            }
        }
        (reach.allowed > 0 || reach.refused.is_some()).then_some(reach)
    }

    fn talk(&self) -> Talked {
        let Ok(mut idle) = self.log_in(Experiment::Idle, 'd', self.patience) else {
            return Talked::default();
        };
        let mut flood = None;
        if self.care.may_flood && !self.is_late() {
            thread::sleep(self.care.spacing);
            if let Ok(mut talker) = self.log_in(Experiment::Talk, 'e', self.patience) {
                flood = Some(talk::flood(&mut talker, &mut idle, self.clock));
            }
        }
        if self.is_late() {
            return (flood, None, None);
        }
        let long_line = talk::long_line(&mut idle, self.clock);
        if matches!(long_line, LongLine::Closed(_)) {
            thread::sleep(self.care.spacing);
            match self.log_in(Experiment::Idle, 'd', self.patience) {
                Ok(client) => idle = client,
                Err(_) => return (flood, None, Some(long_line)),
            }
        }
        let spacing = if self.care.may_flood {
            Duration::ZERO
        } else {
            self.care.spacing
        };
        let wanted = self.appetite.channels.min(CHANNELS_MAX);
        let channels = talk::channels(&mut idle, wanted, spacing, self.clock);
        idle.leave();
        (flood, channels, Some(long_line))
    }
}

fn millis(moment: Offset) -> u64 {
    u64::try_from(moment.since(Offset::ZERO).as_millis()).unwrap_or(u64::MAX)
}
