//! The commands `roster …`, and the reading of rosters for other commands.

use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;

use crate::cli::error::Error;
use crate::cli::files;
use crate::roster::Roster;
use crate::roster::file;
use crate::roster::model::Model;
use crate::roster::model::ModelError;
use crate::roster::name::Network;
use crate::units::id::Seed;

/// Most bytes of a roster that are read: ten times a row's usual hundred, for as many rows as there may be.
const ROSTER_BYTES_MAX: u64 = 1 << 30;

/// Channels of a network in a model, unless it is said.
pub(crate) const CHANNELS: u32 = 200;
/// Channels of a user in a model, unless it is said.
pub(crate) const PER_USER: u32 = 5;
/// The share of a model's users with a client there, unless it is said.
pub(crate) const ATTACHED_SHARE: f64 = 0.4;
/// Clients of a user in a model, unless it is said.
pub(crate) const CLIENTS: u32 = 1;

/// What a model assumes, told at the end of the help.
const ASSUMED: &str = "\
Nothing in a model is measured; it stands in for an export of your own. Assumed are:
  channels   of each network, popular as Zipf has it: the second has half the weight of the first, the tenth a tenth. Every
             user draws as many as --per-user by these weights, so that popular ones are shared by many. For a bouncer more
             users mean more of them in the same channels.
  sign-ups   in the order of the users, over ten years from 2012-01-01.
  attached   each user by itself, with the share --attached, on each network.
The seed settles all of it: the same seed, the same bytes. Users keep their channels when --users grows.

roster.csv has the columns user,secret_env,signed_up,network,egress,channels,attached,clients,history_bytes: a row for each user
and network. secret_env names the environment variable with the user's password at the bouncer (a model's users share
BOUNCER_SECRET), signed_up is a date such as 2012-03-04 or empty, egress the address from which the bouncer dials for the user or
empty, channels are parted by spaces, attached is yes or no, clients how many at once, history_bytes the stored backlog.";

/// What to do with rosters.
#[derive(Debug, Subcommand)]
pub(crate) enum RosterCommand {
    /// Make a roster of nobody, from a seed.
    #[command(after_long_help = ASSUMED)]
    Model(ModelArguments),
}

/// Flags of `roster model`.
#[derive(Debug, Args)]
pub(crate) struct ModelArguments {
    /// How many users.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    users: u32,
    /// How many networks; every user is on each. They are named net1, net2 and so on.
    #[arg(long, value_name = "M", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    networks: u32,
    /// How many channels a network has, 10000 at most.
    #[arg(long, value_name = "C", default_value_t = CHANNELS)]
    channels: u32,
    /// In how many of them a user is.
    #[arg(long, value_name = "K", default_value_t = PER_USER)]
    per_user: u32,
    /// The share of users with a client there, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = ATTACHED_SHARE)]
    attached: f64,
    /// How many clients a user has at once.
    #[arg(long, value_name = "N", default_value_t = CLIENTS)]
    clients: u32,
    /// The number from which every draw follows.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// The file; `-` for stdout.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Runs a command on rosters.
pub(crate) fn run(command: &RosterCommand) -> Result<u8, Error> {
    let RosterCommand::Model(arguments) = command;
    let networks = (1..=arguments.networks)
        .map(|number| Network::parse(&format!("net{number}")))
        .collect::<Result<_, _>>()
        .map_err(ModelError::from)?;
    let model = Model {
        users: arguments.users,
        networks,
        channels: arguments.channels,
        per_user: arguments.per_user,
        attached_share: arguments.attached,
        clients: arguments.clients,
        seed: Seed(arguments.seed),
    };
    let roster = model.roster()?;
    files::write(&arguments.output, |out| {
        file::write(&roster, Some(model.seed), out)
    })?;
    Ok(0)
}

/// Reads a roster.
pub(crate) fn read(path: &Path) -> Result<Roster, Error> {
    let mut bytes = Vec::new();
    files::open(path)?
        .take(ROSTER_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(|source| Error::file("read", files::shown(path), source))?;
    Ok(file::read(&files::shown(path), &bytes)?)
}
