//! A bouncer under test: its users, the networks behind it, its process, and whether it reaches nobody else.

mod configuration;
pub(crate) mod judging;
mod networks;
mod policies;
mod process;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use tempfile::TempDir;

use crate::drive::clock::Clock;
use crate::drive::host::random::random;
use crate::drive::host::watched::Watched;
use crate::drive::interrupt::Interrupt;
use crate::drive::listen::Listening;
use crate::drive::run::Progress;
use crate::drive::run::bouncer::policies::Family;
use crate::drive::run::bouncer::process::BouncerProcess;
use crate::drive::run::error::RunError;
use crate::drive::transport::address;
use crate::drive::transport::address::TargetUrl;
use crate::drive::transport::endpoint::Endpoint;
use crate::irc::session::playback::Attachment;
use crate::plan::Plan;
use crate::provision;
use crate::provision::Secret;
use crate::provision::Secrets;
use crate::provision::Site;
use crate::roster::Roster;
use crate::roster::file;
use crate::roster::model::Model;
use crate::roster::name::Network;
use crate::scenario::bouncer::Bouncer as Wanted;
use crate::scenario::bouncer::BouncerKind;
use crate::scenario::bouncer::BouncerUsers;
use crate::swarm::credentials::Hellos;
use crate::units::hex;
use crate::units::id::Seed;
use crate::upstream::Readiness;
use crate::upstream::Upstream;

/// Time between looks whether the bouncer has come to its networks.
const READY_LOOK: Duration = Duration::from_millis(100);
/// Time between words about that.
const READY_TOLD: Duration = Duration::from_secs(10);
/// How long a bouncer that was just started may take until it listens.
const LISTENS_WITHIN: Duration = Duration::from_secs(30);
/// The folder of a configuration that is made, within a temporary one.
const MADE: &str = "home";
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
    pub(crate) endpoint: Endpoint,
    /// From its start until every user was on every network in every channel.
    pub(crate) ready_in: Option<Duration>,
    pub(crate) user_count: u64,
    /// The clock of the networks.
    clock: Clock,
    /// The networks' own addresses: nobody else is to be dialled.
    allowed: BTreeSet<SocketAddr>,
    process: Mutex<Process>,
}

/// The bouncer's process, if it is ours.
struct Process {
    /// Dropped first: it ends before its folder goes.
    ours: Option<BouncerProcess>,
    /// Another's, which is watched.
    pid: Option<u32>,
    /// Gone with it, if it was made for the run.
    home: Option<Home>,
}

/// Where a bouncer's configuration is.
enum Home {
    /// Written for the run, and gone with it.
    Made(TempDir),
    /// Somebody's.
    Given(PathBuf),
}

impl Home {
    fn folder(&self) -> PathBuf {
        match self {
            Self::Made(folder) => folder.path().join(MADE),
            Self::Given(folder) => folder.clone(),
        }
    }
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
        let family = Family::of(wanted.kind, wanted.buffer_lines);
        let clock = Clock::start();
        let (networks, terms) = networks::start(plan, wanted, clock)?;
        let (endpoint, url) = if let Some(text) = options.target {
            let url = TargetUrl::parse(text)?;
            (Endpoint::plain(url.resolve()?), url.to_string())
        } else {
            let given = wanted
                .home
                .as_ref()
                .and_then(|home| configuration::listens(wanted.kind, &options.folder.join(home)));
            let address = given.map_or_else(free_address, Ok)?;
            (Endpoint::plain(address), format!("irc://{address}"))
        };
        if !address::is_loopback(&endpoint.address) {
            return Err(RunError::BouncerElsewhere(endpoint.address));
        }
        let allowed: BTreeSet<SocketAddr> = networks
            .iter()
            .flat_map(|network| network.addresses.iter().copied())
            .collect();
        if let Some(home) = &wanted.home {
            configuration::check(wanted.kind, &options.folder.join(home), &allowed)?;
        }
        if plan.driven().is_empty() {
            let nobody = "nobody of its users has a client (attached)";
            return Err(RunError::NoRoster(nobody.to_owned()));
        }
        let is_made = options.target.is_none() && wanted.home.is_none();
        let secrets = secrets(roster, is_made)?;
        let home = match (&wanted.home, options.target) {
            (Some(home), _) => Some(Home::Given(options.folder.join(home))),
            (None, Some(_)) => None,
            (None, None) => {
                let site = Site {
                    listen: endpoint.address,
                    upstreams: networks::upstreams(plan, &networks, &terms),
                    limits: if wanted.lifts_limits {
                        provision::Limits::Lifted
                    } else {
                        provision::Limits::Left
                    },
                    buffer_lines: wanted.buffer_lines,
                    folder: String::new(),
                };
                Some(Home::Made(install(&family, roster, site, &secrets)?))
            }
        };
        let mut process = Process {
            ours: None,
            pid: options.target_pid,
            home: None,
        };
        let mut version = None;
        if let Some(home) = home {
            let program = process::find(wanted.kind).ok_or(RunError::NoBouncer(wanted.kind))?;
            version = process::version(wanted.kind, &program);
            progress.note(&format!(
                "starting {} for {} users on {} networks",
                version.as_deref().unwrap_or(wanted.kind.name()),
                roster.user_count(),
                networks.len()
            ));
            let started = BouncerProcess::start(wanted.kind, &program, &home.folder())
                .map_err(system("starting the bouncer"))?;
            process.ours = Some(started);
            process.home = Some(home);
        }
        let bouncer = Self {
            kind: wanted.kind,
            version,
            hellos: Arc::new(hellos(plan, roster, &secrets, &family)),
            family,
            allowed,
            networks,
            url,
            endpoint,
            ready_in: None,
            user_count: roster.user_count() as u64,
            clock,
            process: Mutex::new(process),
        };
        bouncer.await_listening(options.interrupt)?;
        Ok(bouncer)
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        // A thread that panicked with it has left it as it was.
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to watch the process, if it is ours or was named.
    pub(crate) fn watch(&self) -> Option<Watched> {
        Watched::open(self.pid()?).ok()
    }

    fn pid(&self) -> Option<u32> {
        let process = self.process();
        process
            .ours
            .as_ref()
            .map(BouncerProcess::pid)
            .or(process.pid)
    }

    fn await_listening(&self, interrupt: &Interrupt) -> Result<(), RunError> {
        let begun = self.clock.now();
        loop {
            if std::net::TcpStream::connect(self.endpoint.address).is_ok() {
                return Ok(());
            }
            if let Some(words) = self.process().ours.as_mut().and_then(BouncerProcess::ended) {
                return Err(RunError::BouncerEnded(words));
            }
            let so_far = format!("nobody listens at {}", self.endpoint.address);
            if interrupt.is_asked() {
                return Err(RunError::Interrupted(so_far));
            }
            if self.clock.now().since(begun) > LISTENS_WITHIN {
                return Err(RunError::BouncerNotReady(so_far));
            }
            std::thread::sleep(READY_LOOK);
        }
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
            if let Some(words) = self.process().ours.as_mut().and_then(BouncerProcess::ended) {
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

    /// Returns the first address beyond our own networks that the bouncer's process has a connection to.
    pub(crate) fn foreign(&self) -> Option<SocketAddr> {
        process::foreign(self.pid()?, self.endpoint.address, &self.allowed)
    }

    /// Takes the bouncer down, as a crash would. Returns whether it is ours to take down.
    pub(crate) fn take_down(&self) -> bool {
        let mut process = self.process();
        process.ours.as_mut().map(BouncerProcess::kill).is_some()
    }

    /// Starts the bouncer again; returns why it can't be.
    pub(crate) fn bring_up(&self) -> Result<(), String> {
        let mut process = self.process();
        match &mut process.ours {
            Some(ours) => ours
                .start_again()
                .map_err(|error| format!("the bouncer can't be started again: {error}")),
            None => Ok(()),
        }
    }

    /// Returns what the process said if it has ended by itself.
    pub(crate) fn ended(&self) -> Option<String> {
        self.process().ours.as_mut()?.ended()
    }

    /// Ends the process, if it is ours.
    pub(crate) fn stop(&self) {
        if let Some(mut ours) = self.process().ours.take() {
            ours.stop();
        }
    }
}

/// Writes a configuration for the run.
fn install(
    family: &Family,
    roster: &Roster,
    mut site: Site,
    secrets: &Secrets,
) -> Result<TempDir, RunError> {
    let home = tempfile::tempdir().map_err(system("making a folder for the bouncer"))?;
    let folder = home.path().join(MADE);
    site.folder = folder.to_string_lossy().into_owned();
    let salts = random().map_err(system("drawing salts"))?;
    let mut rng = ChaCha8Rng::from_seed(salts);
    let made = provision::configuration(family.provision, roster, &site, secrets, &mut rng)
        .map_err(|error| RunError::NoRoster(error.to_string()))?;
    process::install(&made, home.path(), &folder)
        .map_err(system("writing the bouncer's configuration"))?;
    Ok(home)
}

fn system(what: &'static str) -> impl FnOnce(std::io::Error) -> RunError {
    move |source| RunError::System { what, source }
}

/// Returns an address of this machine at which nobody listens.
fn free_address() -> Result<SocketAddr, RunError> {
    let find = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr();
    find().map_err(system("finding a port for the bouncer"))
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
