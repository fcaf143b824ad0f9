//! The command `provision`: the configuration of a bouncer, its roster, and a password that nobody chose.

use std::collections::BTreeMap;
use std::fs;
use std::fs::DirBuilder;
use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::ValueEnum;
use rand::SeedableRng as _;
use rand::rngs::ChaCha8Rng;

use crate::cli::error;
use crate::cli::error::Error;
use crate::cli::files;
use crate::cli::roster as roster_file;
use crate::drive::host::random;
use crate::drive::run::error::RunError;
use crate::drive::run::safety;
use crate::drive::transport::address;
use crate::drive::transport::address::TargetUrl;
use crate::provision;
use crate::provision::BUFFER_LINES_MAX;
use crate::provision::Family;
use crate::provision::Limits;
use crate::provision::Secret;
use crate::provision::Secrets;
use crate::provision::Site;
use crate::provision::Upstream;
use crate::roster::Roster;
use crate::roster::file;
use crate::roster::model::Model;
use crate::roster::model::SECRET_ENV;
use crate::roster::name::Network;
use crate::roster::name::SecretEnv;
use crate::units::hex;
use crate::units::id::Seed;

/// Bytes of a password that is drawn; it is written as twice as many digits.
const PASSWORD_BYTES: usize = 16;
/// Permissions of what holds a password or its hash.
const PRIVATE: u32 = 0o600;
/// Permissions of everything else.
const READABLE: u32 = 0o644;
/// The file of the passwords that were drawn.
const SECRETS: &str = "secrets.env";
/// The file of the roster.
const ROSTER: &str = "roster.csv";

/// Flags of `provision`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("who").required(true).args(["users", "roster"]))]
pub(crate) struct ProvisionArguments {
    /// The family of the bouncer.
    #[arg(value_enum, value_name = "FAMILY")]
    family: FamilyWord,
    /// As many users as `roster model` makes by default, on all the networks; their password is drawn and left in DIR/secrets.env.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    users: Option<u32>,
    /// The users of this roster; their passwords come from the environment variables that it names.
    #[arg(long, value_name = "FILE")]
    roster: Option<PathBuf>,
    /// Where a network is, `ircs://` before the host for TLS; may be repeated.
    #[arg(long = "network", value_name = "NAME=HOST:PORT", required = true)]
    networks: Vec<String>,
    /// Where clients reach the bouncer.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:6700")]
    listen: SocketAddr,
    /// What becomes of the bouncer's own limits.
    #[arg(long, value_enum, default_value_t = LimitsWord::Lifted)]
    limits: LimitsWord,
    /// Lines of backlog for each channel.
    #[arg(long, value_name = "LINES", default_value_t = 500, value_parser = clap::value_parser!(u32).range(0..=i64::from(BUFFER_LINES_MAX)))]
    buffer: u32,
    /// Play back to whoever attaches what was read before too, as long as it is kept (ZNC alone).
    #[arg(long)]
    keep_read: bool,
    /// A host off this machine that the bouncer may be told to dial; may be repeated. Public networks are refused all the same.
    #[arg(long, value_name = "HOST")]
    allow_target: Vec<String>,
    /// The number from which the draws of --users follow; passwords and salts never do.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// The bouncer's folder: new, or empty.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

/// A family, as typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum FamilyWord {
    /// ZNC 1.8: configs/znc.conf.
    Znc,
    /// bip 0.9: bip.conf.
    Bip,
    /// soju 0.9: soju.conf, and start.sh, which makes users and networks and starts it.
    Soju,
}

/// What becomes of limits, as typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum LimitsWord {
    /// Lifted as far as settings do: for tests.
    Lifted,
    /// As shipped.
    Left,
}

/// Writes the configuration; prints the command that starts the bouncer.
pub(crate) fn run(arguments: &ProvisionArguments) -> Result<u8, Error> {
    let upstreams = upstreams(arguments)?;
    let output = &arguments.output;
    check_empty(output)?;
    let folder = std::path::absolute(output)
        .map_err(|source| Error::file("write", files::shown(output), source))?;
    let (roster, seed) = roster(arguments, &upstreams)?;
    let (secrets, drawn) = secrets(&roster, seed.is_some())?;
    let site = Site {
        listen: arguments.listen,
        upstreams,
        limits: match arguments.limits {
            LimitsWord::Lifted => Limits::Lifted,
            LimitsWord::Left => Limits::Left,
        },
        buffer_lines: arguments.buffer,
        folder: files::shown(&folder),
        keeps_read: arguments.keep_read,
        operator: None,
    };
    let family = match arguments.family {
        FamilyWord::Znc => Family::Znc,
        FamilyWord::Bip => Family::Bip,
        FamilyWord::Soju => Family::Soju,
    };
    let mut rng = ChaCha8Rng::from_seed(random()?);
    let made = provision::configuration(family, &roster, &site, &secrets, &mut rng)?;

    make_folder(&folder)?;
    for name in &made.folders {
        make_folder(&folder.join(name))?;
    }
    for file in &made.files {
        write(&folder.join(&file.path), PRIVATE, file.text.as_bytes())?;
    }
    let mut table = Vec::new();
    let path = folder.join(ROSTER);
    file::write(&roster, seed, &mut table)
        .map_err(|source| Error::file("write", files::shown(&path), source))?;
    write(&path, READABLE, &table)?;
    if let Some(drawn) = drawn {
        let line = format!("{SECRET_ENV}={drawn}\n");
        write(&folder.join(SECRETS), PRIVATE, line.as_bytes())?;
        error::say(&format!(
            "note: everybody's password is in {}: set -a; . {}; set +a\n",
            files::shown(&folder.join(SECRETS)),
            files::shown(&folder.join(SECRETS)),
        ));
    }
    for note in &made.notes {
        error::say(&format!("note: {note}\n"));
    }
    files::print(|out| writeln!(out, "{}", made.start))?;
    Ok(0)
}

/// Returns where the networks are, once it is plain that they may be dialled.
fn upstreams(arguments: &ProvisionArguments) -> Result<BTreeMap<Network, Upstream>, Error> {
    let mut upstreams = BTreeMap::new();
    for text in &arguments.networks {
        let usage = |what: String| Error::Usage {
            what,
            help: "such as --network one=127.0.0.1:6667, each name once".to_owned(),
        };
        let Some((name, url)) = text.split_once('=') else {
            return Err(usage(format!("expected NAME=HOST:PORT, found `{text}`")));
        };
        let name = Network::parse(name).map_err(|unnamed| Error::Usage {
            what: format!("expected {}, found `{name}`", unnamed.what),
            help: unnamed.help.to_owned(),
        })?;
        let url = TargetUrl::parse(url).map_err(RunError::from)?;
        safety::check_host(&url).map_err(RunError::from)?;
        let resolved = url.resolve().map_err(RunError::from)?;
        safety::check_allowed(&url, &resolved, &arguments.allow_target).map_err(RunError::from)?;
        // A name that leads to this machine now may lead elsewhere when the bouncer asks.
        let host = if address::is_loopback(&resolved) {
            resolved.ip().to_string()
        } else {
            url.host.clone()
        };
        let upstream = Upstream::new(&host, url.port, url.is_secure)
            .ok_or_else(|| usage(format!("no configuration can hold the host `{host}`")))?;
        if upstreams.insert(name.clone(), upstream).is_some() {
            return Err(usage(format!("the network `{name}` is named twice")));
        }
    }
    Ok(upstreams)
}

/// Returns the users, and the seed of those that are made.
fn roster(
    arguments: &ProvisionArguments,
    upstreams: &BTreeMap<Network, Upstream>,
) -> Result<(Roster, Option<Seed>), Error> {
    if let Some(path) = &arguments.roster {
        return Ok((roster_file::read(path)?, None));
    }
    let model = Model {
        users: arguments.users.unwrap_or_default(),
        networks: upstreams.keys().cloned().collect(),
        channels: roster_file::CHANNELS,
        per_user: roster_file::PER_USER,
        attached_share: roster_file::ATTACHED_SHARE,
        clients: roster_file::CLIENTS,
        seed: Seed(arguments.seed),
    };
    Ok((model.roster()?, Some(model.seed)))
}

/// Returns the passwords: one that is drawn for a model's users, those of the environment for others.
fn secrets(roster: &Roster, is_model: bool) -> Result<(Secrets, Option<String>), Error> {
    let mut secrets = Secrets::new();
    if is_model {
        let drawn = hex::text(&random::<PASSWORD_BYTES>()?);
        for variable in roster.secrets() {
            secrets
                .extend(Secret::new(drawn.clone().into()).map(|secret| (variable.clone(), secret)));
        }
        return Ok((secrets, Some(drawn)));
    }
    let mut missing: Vec<&SecretEnv> = Vec::new();
    for variable in roster.secrets() {
        let value = std::env::var_os(variable.as_str()).map(OsStringExt::into_vec);
        match value.and_then(Secret::new) {
            Some(secret) => {
                secrets.insert(variable.clone(), secret);
            }
            None => missing.push(variable),
        }
    }
    match missing.as_slice() {
        [] => Ok((secrets, None)),
        [first, ..] => Err(Error::Usage {
            what: missing_text(&missing),
            help: format!(
                "set each to its user's password at the bouncer, one line, before this: export {first}=…"
            ),
        }),
    }
}

/// Names the variables that are missing, up to a handful.
fn missing_text(missing: &[&SecretEnv]) -> String {
    const SHOWN_MAX: usize = 5;
    let names: Vec<String> = missing
        .iter()
        .take(SHOWN_MAX)
        .map(|variable| format!("`{variable}`"))
        .collect();
    let more = match missing.len().saturating_sub(SHOWN_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "the environment holds no password in {}{more}, which the roster names",
        names.join(", ")
    )
}

/// Returns bytes that nobody can guess.
fn random<const N: usize>() -> Result<[u8; N], Error> {
    random::random().map_err(|source| Error::System {
        what: "drawing a password",
        source,
    })
}

/// Checks that a folder is not there, or empty.
fn check_empty(folder: &Path) -> Result<(), Error> {
    let is_empty = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(source) => return Err(Error::file("write", files::shown(folder), source)),
    };
    if is_empty {
        return Ok(());
    }
    Err(Error::Usage {
        what: format!("`{}` is not empty", files::shown(folder)),
        help: "name a new folder; what a bouncer keeps in its own is never overwritten".to_owned(),
    })
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source| Error::file("write", files::shown(folder), source))
}

/// Writes a file that was not there, with its permissions from the first byte on.
fn write(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), Error> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(bytes));
    written.map_err(|source| Error::file("write", files::shown(path), source))
}
