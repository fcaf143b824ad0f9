//! A bouncer under test: its users, the networks behind it, its process, and whether it reaches nobody else.

mod configuration;
mod hosts;
pub(crate) mod judging;
pub(crate) mod moving;
mod networks;
mod policies;
mod process;
mod soju;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::drive::clock::Clock;
use crate::drive::host::random::random;
use crate::drive::host::watched::Watched;
use crate::drive::interrupt::Interrupt;
use crate::drive::listen::Listening;
use crate::drive::run::Progress;
use crate::drive::run::bouncer::hosts::Host;
use crate::drive::run::bouncer::hosts::Start;
use crate::drive::run::bouncer::moving::Movers;
use crate::drive::run::bouncer::policies::Family;
use crate::drive::run::error::RunError;
use crate::drive::run::preflight;
use crate::drive::transport::address;
use crate::drive::transport::address::TargetUrl;
use crate::drive::transport::endpoint::Endpoint;
use crate::irc::session::playback::Attachment;
use crate::plan::Plan;
use crate::provision;
use crate::provision::Secret;
use crate::provision::Secrets;
use crate::roster::Roster;
use crate::roster::file;
use crate::roster::model::Model;
use crate::roster::name::Network;
use crate::scenario::bouncer::Bouncer as Wanted;
use crate::scenario::bouncer::BouncerKind;
use crate::scenario::bouncer::BouncerUsers;
use crate::scenario::phase::ReadBy;
use crate::swarm::credentials::Hellos;
use crate::units::hex;
use crate::units::id::Seed;
use crate::units::id::ServerId;
use crate::upstream::Readiness;
use crate::upstream::Upstream;

/// Time between looks whether the bouncer has come to its networks.
const READY_LOOK: Duration = Duration::from_millis(100);
/// Time between words about that.
const READY_TOLD: Duration = Duration::from_secs(10);
/// Bytes of a password that is drawn.
const PASSWORD_BYTES: usize = 16;

/// A bouncer under test.
pub(crate) struct Bouncer {
    pub(crate) kind: BouncerKind,
    pub(crate) version: Option<String>,
    pub(crate) family: Family,
    pub(crate) hellos: Arc<Hellos>,
    pub(crate) networks: Vec<Listening<Upstream>>,
    pub(crate) url: String,
    /// Where clients reach it; where accounts move the old host is the first, and the new one the last.
    pub(crate) hosts: Vec<Host>,
    /// The server of the scenario that the new host is.
    new: Option<ServerId>,
    /// What moves accounts from host to host, where the run does.
    pub(crate) movers: Option<Movers>,
    /// From its start until every user was on every network in every channel.
    pub(crate) ready_in: Option<Duration>,
    pub(crate) user_count: u64,
    /// The clock of the networks.
    clock: Clock,
    /// The networks' own addresses: nobody else is to be dialled.
    allowed: BTreeSet<SocketAddr>,
}

/// What else a run says about its bouncer.
pub(crate) struct Options<'a> {
    /// Where one runs already.
    pub(crate) target: Option<&'a str>,
    /// Its process, if it is on this machine and was named.
    pub(crate) target_pid: Option<u32>,
    /// The scenario's folder.
    pub(crate) folder: &'a Path,
    pub(crate) interrupt: &'a Interrupt,
}

/// Returns who the users are.
pub(crate) fn roster(wanted: &Wanted, folder: &Path, seed: Seed) -> Result<Roster, RunError> {
    match &wanted.users {
        BouncerUsers::Roster { path, .. } => {
            let path = folder.join(path);
            let bytes = std::fs::read(&path).map_err(|source| RunError::File {
                doing: "reading",
                path: path.clone(),
                source,
            })?;
            Ok(file::read(&path.to_string_lossy(), &bytes)?)
        }
        BouncerUsers::Model {
            users,
            networks,
            channels,
            channels_per_user,
            attached,
            clients,
        } => {
            let names = (1..=*networks).map(|number| Network::parse(&format!("net{number}")));
            let networks = names.collect::<Result<Vec<_>, _>>();
            let model = Model {
                users: *users,
                networks: networks.map_err(|_| RunError::NoRoster("too many networks".into()))?,
                channels: *channels,
                per_user: *channels_per_user,
                attached_share: *attached,
                clients: *clients,
                seed,
            };
            let roster = model.roster();
            roster.map_err(|error| RunError::NoRoster(error.to_string()))
        }
    }
}

impl Bouncer {
    /// Starts the networks, and the bouncer unless it runs already.
    pub(crate) fn start(
        plan: &Arc<Plan>,
        roster: &Roster,
        options: &Options<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Self, RunError> {
        let Some(wanted) = &plan.scenario.bouncer else {
            return Err(RunError::NoRoster("the scenario has no bouncer".into()));
        };
        let reads_pages = plan.scenario.reads_back().any(|by| by == ReadBy::Pages);
        let family = Family::of(wanted, reads_pages);
        let mut migrations = plan.scenario.migrations();
        let new = migrations.next().map(|(_, migration)| migration.to);
        let clock = Clock::start();
        let (networks, terms) = networks::start(plan, wanted, clock)?;
        let allowed: BTreeSet<SocketAddr> = networks
            .iter()
            .flat_map(|network| network.addresses.iter().copied())
            .collect();
        if plan.driven().is_empty() {
            let nobody = "nobody of its users has a client (attached)";
            return Err(RunError::NoRoster(nobody.to_owned()));
        }
        let home = wanted.home.as_ref().map(|home| options.folder.join(home));
        if let (Some(home), None) = (&home, options.target) {
            configuration::check(wanted.kind, home, &allowed)?;
        }
        let is_made = options.target.is_none() && home.is_none();
        let secrets = secrets(roster, is_made)?;
        let mut version = None;
        let mut movers = None;
        let hosts = if let Some(urls) = options.target {
            let hosts = running(urls, options.target_pid)?;
            preflight::check_moves(&plan.scenario)?;
            if hosts.len() != 1 + usize::from(new.is_some()) {
                return Err(RunError::Hosts(hosts.len()));
            }
            hosts
        } else {
            let program = process::find(wanted.kind).ok_or(RunError::NoBouncer(wanted.kind))?;
            version = process::version(wanted.kind, &program);
            let is_moving = moving::is_of(&plan.scenario, wanted)?;
            progress.note(&format!(
                "starting {} for {} users on {} networks{}",
                version.as_deref().unwrap_or(wanted.kind.name()),
                roster.user_count(),
                networks.len(),
                if is_moving { ", and a second one" } else { "" }
            ));
            let start = Start {
                kind: wanted.kind,
                family,
                program,
                secrets: &secrets,
                upstreams: networks::upstreams(plan, &networks, &terms),
                limits: if wanted.lifts_limits {
                    provision::Limits::Lifted
                } else {
                    provision::Limits::Left
                },
                buffer_lines: wanted.buffer_lines,
                keeps_read: wanted.keeps_read,
                operator: is_moving.then(|| moving::operator(roster)).transpose()?,
                interrupt: options.interrupt,
            };
            let mut hosts = vec![start.host(home, roster)?];
            if is_moving {
                hosts.push(start.host(None, &Roster::default())?);
                movers = Movers::new(&start, roster, &hosts)?;
            }
            hosts
        };
        for host in &hosts {
            host.await_listening(clock, options.interrupt)?;
        }
        Ok(Self {
            kind: wanted.kind,
            version,
            hellos: Arc::new(hellos(plan, roster, &secrets, &family)),
            family,
            allowed,
            networks,
            url: urls(&hosts),
            hosts,
            new,
            movers,
            ready_in: None,
            user_count: roster.user_count() as u64,
            clock,
        })
    }

    /// Returns how each server of the scenario is reached: whatever is not the new host is the old one.
    pub(crate) fn servers(&self) -> Vec<Endpoint> {
        let last = self.new.map_or(0, ServerId::index);
        let host = |server| {
            let host = if server == last {
                self.hosts.last()
            } else {
                self.hosts.first()
            };
            host.map(|host| host.endpoint.clone())
        };
        (0..=last).filter_map(host).collect()
    }

    /// Begins to watch the process of the host that is under test, if it is ours or was named: the one to which accounts move.
    pub(crate) fn watch(&self) -> Option<Watched> {
        self.hosts.last()?.watch()
    }

    /// Waits until every user is on every network in every channel.
    pub(crate) fn await_ready(
        &mut self,
        within: Duration,
        interrupt: &Interrupt,
        progress: &mut dyn Progress,
    ) -> Result<(), RunError> {
        let begun = self.clock.now();
        let mut told = begun;
        loop {
            let now = self.clock.now();
            if let Some(foreign) = self.foreign() {
                self.stop();
                return Err(RunError::ForeignAddress(foreign));
            }
            let readiness = self.readiness();
            if readiness.ready >= readiness.seats {
                self.ready_in = Some(now.since(begun));
                return Ok(());
            }
            if let Some(words) = self.ended() {
                return Err(RunError::BouncerEnded(words));
            }
            let so_far = format!(
                "{} of {} users' connections are registered, {} in all channels",
                readiness.registered, readiness.seats, readiness.ready
            );
            if interrupt.is_asked() {
                return Err(RunError::Interrupted(so_far));
            }
            if now.since(begun) > within {
                return Err(RunError::BouncerNotReady(so_far));
            }
            if now.since(told) > READY_TOLD {
                told = now;
                progress.note(&so_far);
            }
            std::thread::sleep(READY_LOOK);
        }
    }

    /// Returns how far the bouncer has come on all networks together.
    pub(crate) fn readiness(&self) -> Readiness {
        let mut sum = Readiness::default();
        for network in &self.networks {
            let one = network.ask(|upstream, _| upstream.readiness());
            let one = one.unwrap_or_default();
            sum.seats += one.seats;
            sum.registered += one.registered;
            sum.ready += one.ready;
        }
        sum
    }

    /// Lets the run begin: times of the networks are from now on those of `run`.
    pub(crate) fn begin(&self, run: Clock) {
        let zero = run.behind(&self.clock);
        for network in &self.networks {
            network.ask(move |upstream, _| upstream.begin(zero));
        }
    }

    /// Returns the first address beyond our own networks that the bouncer has a connection to.
    pub(crate) fn foreign(&self) -> Option<SocketAddr> {
        self.hosts
            .iter()
            .find_map(|host| host.foreign(&self.allowed))
    }

    /// Takes the bouncer down on all of its hosts, as a crash would. Returns whether it is ours to take down.
    pub(crate) fn take_down(&self) -> bool {
        let hosts = self.hosts.iter();
        hosts.filter(|host| host.take_down()).count() > 0
    }

    /// Starts the bouncer again; returns why it can't be.
    pub(crate) fn bring_up(&self) -> Result<(), String> {
        self.hosts.iter().try_for_each(Host::bring_up)
    }

    /// Returns what a process said if it has ended by itself.
    pub(crate) fn ended(&self) -> Option<String> {
        self.hosts.iter().find_map(Host::ended)
    }

    /// Ends what was started.
    pub(crate) fn stop(&self) {
        for host in &self.hosts {
            host.stop();
        }
    }
}

/// Takes bouncers that run already; the process that was named is that of the last.
fn running(urls: &str, pid: Option<u32>) -> Result<Vec<Host>, RunError> {
    let mut hosts = Vec::new();
    let urls = urls.split(',').map(str::trim);
    let mut urls = urls.filter(|url| !url.is_empty()).peekable();
    while let Some(url) = urls.next() {
        let endpoint = Endpoint::plain(TargetUrl::parse(url)?.resolve()?);
        if !address::is_loopback(&endpoint.address) {
            return Err(RunError::BouncerElsewhere(endpoint.address));
        }
        hosts.push(Host::running(
            endpoint,
            pid.filter(|_| urls.peek().is_none()),
        ));
    }
    Ok(hosts)
}

/// Returns how people name the hosts.
fn urls(hosts: &[Host]) -> String {
    let urls = hosts
        .iter()
        .map(|host| format!("irc://{}", host.endpoint.address));
    urls.collect::<Vec<_>>().join(",")
}

fn system(what: &'static str) -> impl FnOnce(std::io::Error) -> RunError {
    move |source| RunError::System { what, source }
}

/// Returns the users' passwords: those of the environment, or one that is drawn for a bouncer of our own.
fn secrets(roster: &Roster, is_ours: bool) -> Result<Secrets, RunError> {
    let drawn: [u8; PASSWORD_BYTES] = random().map_err(system("drawing a password"))?;
    let mut secrets = Secrets::new();
    for variable in roster.secrets() {
        let value = std::env::var_os(variable.as_str()).map(OsStringExt::into_vec);
        let secret = match value.and_then(Secret::new) {
            Some(secret) => secret,
            None if is_ours => match Secret::new(hex::text(&drawn).into_bytes()) {
                Some(secret) => secret,
                None => continue,
            },
            None => return Err(RunError::NoPassword(variable.to_string())),
        };
        secrets.insert(variable.clone(), secret);
    }
    Ok(secrets)
}

/// Returns what each client says to attach.
fn hellos(plan: &Plan, roster: &Roster, secrets: &Secrets, family: &Family) -> Hellos {
    let seats = plan.client_seats().iter();
    let rows = seats.filter_map(|seat| roster.rows().get(seat.index()));
    rows.map(|row| {
        let secret = secrets.get(&row.secret_env);
        family.playback.login.hello(&Attachment {
            user: row.user.as_str().as_bytes(),
            network: row.network.as_str().as_bytes(),
            password: secret.map_or(&[], Secret::bytes),
        })
    })
    .collect()
}
