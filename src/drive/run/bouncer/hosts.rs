//! The hosts of a bouncer: where clients reach it, and its process there. Where accounts move there are two of them, the old one first.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::path::PathBuf;
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
use crate::drive::run::bouncer::READY_LOOK;
use crate::drive::run::bouncer::configuration;
use crate::drive::run::bouncer::policies::Family;
use crate::drive::run::bouncer::process;
use crate::drive::run::bouncer::process::BouncerProcess;
use crate::drive::run::bouncer::soju::Making;
use crate::drive::run::bouncer::system;
use crate::drive::run::error::RunError;
use crate::drive::transport::endpoint::Endpoint;
use crate::provision;
use crate::provision::Limits;
use crate::provision::Secrets;
use crate::provision::Site;
use crate::provision::Upstream;
use crate::provision::moving::Operator;
use crate::roster::Roster;
use crate::roster::name::Network;
use crate::scenario::bouncer::BouncerKind;

/// How long a bouncer that was just started may take until it listens.
const LISTENS_WITHIN: Duration = Duration::from_secs(30);
/// The folder of a configuration that is made, within a temporary one.
const MADE: &str = "home";

/// What hosts are started with.
pub(super) struct Start<'a> {
    pub(super) kind: BouncerKind,
    pub(super) family: Family,
    pub(super) program: PathBuf,
    pub(super) secrets: &'a Secrets,
    pub(super) upstreams: BTreeMap<Network, Upstream>,
    pub(super) limits: Limits,
    pub(super) buffer_lines: u32,
    pub(super) keeps_read: bool,
    /// Who may move accounts, where they move.
    pub(super) operator: Option<Operator>,
    pub(super) interrupt: &'a Interrupt,
}

impl Start<'_> {
    /// Starts a host with somebody's configuration, or with one that is made for the users of a roster.
    pub(super) fn host(&self, given: Option<PathBuf>, roster: &Roster) -> Result<Host, RunError> {
        let listens = given
            .as_ref()
            .and_then(|home| configuration::listens(self.kind, home));
        let address = listens.map_or_else(free_address, Ok)?;
        let (folder, made) = if let Some(folder) = given {
            (folder, None)
        } else {
            let made = self.install(address, roster)?;
            (made.path().join(MADE), Some(made))
        };
        let ours = || {
            let started = BouncerProcess::start(self.kind, &self.program, &folder);
            started.map_err(system("starting the bouncer"))
        };
        let ours = if self.kind == BouncerKind::Soju && made.is_some() {
            let making = Making {
                folder: &folder,
                interrupt: self.interrupt,
            };
            making.users(roster, self.secrets)?;
            let networks = provision::soju::networks(roster, &self.site(address))
                .map_err(|error| RunError::NoRoster(error.to_string()))?;
            let mut ours = ours()?;
            making.networks(&mut ours, &networks)?;
            ours
        } else {
            ours()?
        };
        let process = Process {
            ours: Some(ours),
            pid: None,
            _made: made,
        };
        Ok(Host {
            endpoint: Endpoint::plain(address),
            process: Mutex::new(process),
        })
    }

    /// Returns what a bouncer at `listen` is to be.
    pub(super) fn site(&self, listen: SocketAddr) -> Site {
        Site {
            listen,
            upstreams: self.upstreams.clone(),
            limits: self.limits,
            buffer_lines: self.buffer_lines,
            keeps_read: self.keeps_read,
            folder: String::new(),
            operator: self.operator.clone(),
        }
    }

    /// Writes a configuration for the run.
    fn install(&self, listen: SocketAddr, roster: &Roster) -> Result<TempDir, RunError> {
        let home = tempfile::tempdir().map_err(system("making a folder for the bouncer"))?;
        let folder = home.path().join(MADE);
        let mut site = self.site(listen);
        site.folder = folder.to_string_lossy().into_owned();
        let salts = random().map_err(system("drawing salts"))?;
        let mut rng = ChaCha8Rng::from_seed(salts);
        let family = self.family.provision;
        let made = provision::configuration(family, roster, &site, self.secrets, &mut rng)
            .map_err(|error| RunError::NoRoster(error.to_string()))?;
        process::install(&made, home.path(), &folder)
            .map_err(system("writing the bouncer's configuration"))?;
        Ok(home)
    }
}

/// Returns an address of this machine at which nobody listens.
fn free_address() -> Result<SocketAddr, RunError> {
    let find = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr();
    find().map_err(system("finding a port for the bouncer"))
}

/// A host of a bouncer.
pub(crate) struct Host {
    pub(crate) endpoint: Endpoint,
    process: Mutex<Process>,
}

/// The bouncer's process, if it is ours.
#[derive(Default)]
struct Process {
    /// Dropped first: it ends before its folder goes.
    ours: Option<BouncerProcess>,
    /// Another's, which is watched.
    pid: Option<u32>,
    /// The folder that was made for it, and goes with it.
    _made: Option<TempDir>,
}

impl Host {
    /// Takes a bouncer that runs already; `pid` is its process, if it is to be watched.
    pub(super) fn running(endpoint: Endpoint, pid: Option<u32>) -> Self {
        let process = Process {
            pid,
            ..Process::default()
        };
        Self {
            endpoint,
            process: Mutex::new(process),
        }
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        // A thread that panicked with it has left it as it was.
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to watch the process, if it is ours or was named.
    pub(super) fn watch(&self) -> Option<Watched> {
        Watched::open(self.pid()?).ok()
    }

    fn pid(&self) -> Option<u32> {
        let process = self.process();
        let ours = process.ours.as_ref().map(BouncerProcess::pid);
        ours.or(process.pid)
    }

    pub(super) fn await_listening(
        &self,
        clock: Clock,
        interrupt: &Interrupt,
    ) -> Result<(), RunError> {
        let begun = clock.now();
        loop {
            if std::net::TcpStream::connect(self.endpoint.address).is_ok() {
                return Ok(());
            }
            if let Some(words) = self.ended() {
                return Err(RunError::BouncerEnded(words));
            }
            let so_far = format!("nobody listens at {}", self.endpoint.address);
            if interrupt.is_asked() {
                return Err(RunError::Interrupted(so_far));
            }
            if clock.now().since(begun) > LISTENS_WITHIN {
                return Err(RunError::BouncerNotReady(so_far));
            }
            std::thread::sleep(READY_LOOK);
        }
    }

    /// Returns the first address beyond those allowed that the process has a connection to.
    pub(super) fn foreign(&self, allowed: &BTreeSet<SocketAddr>) -> Option<SocketAddr> {
        process::foreign(self.pid()?, self.endpoint.address, allowed)
    }

    /// Kills the process, as a crash would. Returns whether it is ours to kill.
    pub(super) fn take_down(&self) -> bool {
        let mut process = self.process();
        process.ours.as_mut().map(BouncerProcess::kill).is_some()
    }

    /// Starts the process again; returns why it can't be.
    pub(super) fn bring_up(&self) -> Result<(), String> {
        match &mut self.process().ours {
            Some(ours) => ours
                .start_again()
                .map_err(|error| format!("the bouncer can't be started again: {error}")),
            None => Ok(()),
        }
    }

    /// Returns what the process said if it has ended by itself.
    pub(super) fn ended(&self) -> Option<String> {
        self.process().ours.as_mut()?.ended()
    }

    /// Ends the process, if it is ours.
    pub(super) fn stop(&self) {
        if let Some(mut ours) = self.process().ours.take() {
            ours.stop();
        }
    }
}
