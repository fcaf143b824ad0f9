//! Why there was no run: what was wrong, how the process ends, what to do about it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::drive::doctor::probe::ProbeError;
use crate::drive::host::limits::HostLimit;
use crate::drive::run::safety;
use crate::drive::transport::address::TargetError;
use crate::drive::transport::endpoint::EndpointError;
use crate::drive::transport::tls::TlsError;
use crate::place::Misread;
use crate::plan::PlanError;
use crate::scenario::bouncer::BouncerKind;

/// Why there was no run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Something in the scenario can't be judged.
    #[error(transparent)]
    Misread(#[from] Misread),
    /// The profile can't serve the scenario.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The target is not written as one, or has no address.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// TLS can't be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Our own safety rules.
    #[error(transparent)]
    Safety(#[from] safety::Refusal),
    /// The run does not fit this machine.
    #[error(transparent)]
    Host(#[from] HostLimit),
    /// The target is not to be had.
    #[error(transparent)]
    Unreachable(#[from] ProbeError),
    /// A file can't be written or read.
    #[error("{doing} {}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The password's variable is not set.
    #[error(
        "the environment variable `{0}` is not set, though the scenario takes the password from it"
    )]
    NoPassword(String),
    /// A real server keeps the passwords of its accounts.
    #[error("the scenario has accounts without a password")]
    NoAccountPassword,
    /// There are more users than accounts.
    #[error("{found} accounts for {needed} users")]
    TooFewAccounts {
        /// Accounts there are.
        found: usize,
        /// Users there are, those who come and go included.
        needed: u32,
    },
    /// There is no server to which accounts could move.
    #[error("the accounts of the target have nowhere to move in `{0}`")]
    NowhereToMove(String),
    /// Nobody moves accounts that are not ours, that way.
    #[error("nobody moves the accounts of the target in `{0}`")]
    NobodyMoves(String),
    /// A run moves accounts between two ZNCs of its own making, and between others by commands.
    #[error("the run can't move the accounts of these bouncers in `{0}`")]
    MovesElsewhere(String),
    /// A bouncer runs already, and on so many hosts.
    #[error("expected one bouncer as the target, or two where its accounts move, found {0}")]
    Hosts(usize),
    /// A bouncer lets nobody go whose account is there.
    #[error("the old bouncer can't let go of everybody at once in `{0}`")]
    CantDrop(String),
    /// There is no process to watch.
    #[error("can't watch the target's process {pid}")]
    NoProcess {
        /// Which.
        pid: u32,
        /// Why.
        source: io::Error,
    },
    /// There is no roster for a bouncer.
    #[error("the bouncer's users can't be made: {0}")]
    NoRoster(String),
    /// The bouncer's program is not installed.
    #[error("`{}` is not installed", .0.name())]
    NoBouncer(BouncerKind),
    /// The networks behind a bouncer are on this machine, and so has it to be.
    #[error("the bouncer at {0} is not on this machine, and the networks behind it are")]
    BouncerElsewhere(SocketAddr),
    /// The bouncer ended before the run began.
    #[error("the bouncer ended with {0}")]
    BouncerEnded(String),
    /// What makes the bouncer's users and networks did not.
    #[error("`{step}` {words}")]
    BouncerStep {
        /// The tool, and what it was to do.
        step: String,
        /// How it ended, and what it said.
        words: String,
    },
    /// Somebody ended it before the run began.
    #[error("interrupted before the run began: {0}")]
    Interrupted(String),
    /// The bouncer did not bring its users to their networks in time.
    #[error("the bouncer was not ready in time: {0}")]
    BouncerNotReady(String),
    /// The configuration that a bouncer is to be started with leads beyond our networks.
    #[error("{} has the bouncer dial {address}, which is none of the run's networks; it was not started", path.display())]
    ForeignNetwork {
        /// The configuration.
        path: PathBuf,
        /// Where it leads.
        address: String,
    },
    /// The bouncer has a connection beyond our networks.
    #[error("the bouncer dials {0}, which is none of our networks; it was stopped")]
    ForeignAddress(SocketAddr),
    /// A thread or socket of ours.
    #[error("{what}")]
    System {
        /// What was being done.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl From<EndpointError> for RunError {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::Target(error) => error.into(),
            EndpointError::Tls(error) => error.into(),
        }
    }
}

/// What to do about a population that a profile can't fill.
pub const PLAN_HELP: &str =
    "change [population], or start at another hour (starts = \"Tue 20:00\")";
/// Exit code of a usage error, a file in error, or a refusal of ours.
const EXIT_USAGE: u8 = 2;
/// Exit code of a run that says nothing about its target, the generator or its set-up being at fault.
const EXIT_INVALID: u8 = 4;
/// Exit code of what somebody ended.
const EXIT_INTERRUPTED: u8 = 130;
/// Exit code of a target that could not be reached or let nobody in.
const EXIT_UNREACHED: u8 = 5;

impl RunError {
    /// Returns the process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Unreachable(_) | Self::Target(TargetError::Unresolved { .. }) => EXIT_UNREACHED,
            Self::Interrupted(_) => EXIT_INTERRUPTED,
            Self::Host(_)
            | Self::System { .. }
            | Self::BouncerEnded(_)
            | Self::BouncerStep { .. }
            | Self::BouncerNotReady(_) => EXIT_INVALID,
            _ => EXIT_USAGE,
        }
    }

    /// Returns what to do about it, where that is not plain.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Safety(refusal) => Some(refusal.help()),
            Self::Host(limit) => Some(limit.help().to_owned()),
            Self::Unreachable(error) => error.help().map(str::to_owned),
            Self::Tls(TlsError::NoRoots) => {
                Some("name the certificate of the target's authority: --ca FILE".to_owned())
            }
            Self::NoPassword(name) => Some(format!("set it: {name}=… splitstorm run …")),
            Self::NoProcess { .. } => {
                Some("name the server's own process on this machine: --target-pid".to_owned())
            }
            Self::NoAccountPassword => Some("name the variable that holds it: [accounts] password_env = \"…\"".to_owned()),
            Self::TooFewAccounts { .. } => Some("every user logs in to an account of its own: add accounts, or ask for fewer users (--set population.users=…)".to_owned()),
            Self::Plan(_) => Some(PLAN_HELP.to_owned()),
            Self::NowhereToMove(_) => {
                Some("name both servers: --target irc://OLD,irc://NEW".to_owned())
            }
            Self::NobodyMoves(phase) => Some(format!(
                "give [phase.{phase}] a `move_command` that moves `{{user}}` that way, or the migration a `progress_command` that tells how many have moved"
            )),
            Self::MovesElsewhere(phase) => Some(format!(
                "of two ZNCs that it configures itself it can: kind = \"znc\", without `home`, `move_command` and accounts at the networks; for others give [phase.{phase}] a `move_command`, start both and name them: --target irc://OLD,irc://NEW"
            )),
            Self::Hosts(_) => Some(
                "--target irc://127.0.0.1:PORT; with a phase of kind \"migrate\": --target irc://OLD,irc://NEW".to_owned(),
            ),
            Self::CantDrop(_) => Some(
                "leave out `redirect.drops`: its clients are let go of as their accounts move".to_owned(),
            ),
            Self::NoBouncer(kind) => Some(match kind {
                BouncerKind::Znc | BouncerKind::Bip => format!(
                    "install it, such as `apt-get install --no-install-recommends {0}`, or name one that runs: --target irc://127.0.0.1:PORT",
                    kind.name()
                ),
                BouncerKind::Soju => {
                    "install Debian 13's packages soju and soju-utils, or name one that runs: --target irc://127.0.0.1:PORT".to_owned()
                }
            }),
            Self::ForeignNetwork { .. } => Some(
                "have each of its networks dial one of the run's: [bouncer] listen says where they are, in the order of their names".to_owned(),
            ),
            Self::BouncerElsewhere(_) => {
                Some("start it here, with what `splitstorm provision` writes".to_owned())
            }
            Self::BouncerNotReady(_) => Some(
                "a bouncer may dial one network a second: give it longer ([bouncer] ready_within), or let clients come without waiting (starts_cold = true)".to_owned(),
            ),
            Self::File { .. } => {
                Some("is there room, and may this folder be written? (--out DIR)".to_owned())
            }
            _ => None,
        }
    }
}
