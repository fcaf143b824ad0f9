//! The command `network`: the simulated network on its own, for any client.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::cli::error;
use crate::cli::error::Error;
use crate::cli::network_limits::LimitArguments;
use crate::cli::saw;
use crate::cli::trust::ServerTlsArguments;
use crate::drive::clock::Clock;
use crate::drive::interrupt::Hangup;
use crate::drive::interrupt::Interrupt;
use crate::drive::listen::Listening;
use crate::drive::run::accounts;
use crate::irc::network::bans::BANS_MAX;
use crate::irc::network::config::NetworkConfig;
use crate::irc::network::family::Family;
use crate::irc::network::rules::RULES;
use crate::irc::network::rules::Rules;
use crate::place::Place;
use crate::units::id::ServerId;

/// How often a person's wish to end is looked for.
const LOOK: Duration = Duration::from_millis(100);

/// The reason of bans by flags.
const BAN_REASON: &str = "Banned from the start";

/// Flags of `network`.
#[derive(Debug, Args)]
pub(crate) struct NetworkArguments {
    /// Address of a server; repeated for more servers, linked to the first.
    #[arg(long, value_name = "ADDR", required = true)]
    listen: Vec<SocketAddr>,
    #[command(flatten)]
    tls: ServerTlsArguments,
    /// Keep the accounts of this CSV (account,password): SASL PLAIN and SCRAM-SHA-256, and `NickServ`.
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
    /// The network's name.
    #[arg(long, value_name = "NAME", default_value = "Splitstorm")]
    name: String,
    /// Whose servers it is like when links break and heal, nicks collide and it stops: QUITs, JOINs, MODEs, batches, texts and
    /// capabilities are those of recordings. SIGTERM stops it as it stops such a server; SIGKILL leaves only ends of connections.
    #[arg(
        long,
        value_name = "NAME",
        default_value = Family::default().name(),
        value_parser = PossibleValuesParser::new(Family::ALL.map(Family::name)),
    )]
    family: String,
    #[command(flatten)]
    limits: LimitArguments,
    /// When it ends, say on stderr what it saw of each address, and which limits of networks of this kind that would have hit.
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(RULES.map(|rules| rules.name)))]
    rules: Option<String>,
    /// Break the link to the second server after so many seconds.
    #[arg(long, value_name = "SECONDS", requires = "heal_after")]
    split_after: Option<u64>,
    /// Kill the second server when its link breaks: its clients read the end of their connections and nothing else.
    #[arg(long, requires = "split_after")]
    split_kills: bool,
    /// Heal it after so many seconds more.
    #[arg(long, value_name = "SECONDS")]
    heal_after: Option<u64>,
}

/// Runs the network until it is interrupted. Prints the address of each server, a line each.
pub(crate) fn run(arguments: &NetworkArguments) -> Result<u8, Error> {
    let interrupt = Interrupt::watch(Hangup::Ends).map_err(|source| Error::System {
        what: "watching for Ctrl-C",
        source,
    })?;
    let family = Family::named(&arguments.family).unwrap_or_default();
    let mut config = NetworkConfig {
        family,
        caps: family.caps(),
        name: arguments.name.clone(),
        servers: (1..=arguments.listen.len())
            .map(|number| format!("irc{number}.splitstorm.test"))
            .collect(),
        limits: arguments.limits.limits(),
        look_ups: arguments.limits.look_ups(),
        motd: vec!["The network that splitstorm carries with it.".to_owned()],
        ..NetworkConfig::default()
    };
    let tls = arguments.tls.read()?;
    if let Some(path) = &arguments.accounts {
        let place = Place::file("--accounts");
        config.services = Some(accounts::services_of(path, &place).map_err(Error::from)?);
    }
    let clock = Clock::start();
    let listening =
        Listening::start(config, arguments.listen.clone(), tls, clock).map_err(|source| {
            Error::System {
                what: "listening",
                source,
            }
        })?;
    for mask in arguments.limits.bans().to_owned() {
        let banned = listening.ask(move |network, now| network.ban(now, &mask, BAN_REASON));
        if banned == Some(None) {
            return Err(Error::Usage {
                what: format!("more than {BANS_MAX} bans"),
                help: "ban prefixes such as 192.0.2.0/24 instead of each address".to_owned(),
            });
        }
    }
    for address in &listening.addresses {
        print_line(&address.to_string())?;
    }
    let seconds = |count: u64| Duration::from_secs(count);
    let split_at = arguments.split_after.map(seconds);
    let heal_at = split_at.map(|at| at + seconds(arguments.heal_after.unwrap_or(0)));
    let (mut is_split, mut is_healed) = (false, false);
    while !interrupt.is_asked() {
        std::thread::sleep(LOOK);
        let now = clock.now().since(crate::units::offset::Offset::ZERO);
        if listening.addresses.len() > 1 && !is_split && split_at.is_some_and(|at| now >= at) {
            is_split = true;
            if arguments.split_kills {
                listening.kill(ServerId(1));
            } else {
                listening.split(ServerId(1));
            }
            error::say("split\n");
        }
        if is_split && !is_healed && heal_at.is_some_and(|at| now >= at) {
            is_healed = true;
            listening.heal(ServerId(1));
            error::say("healed\n");
        }
    }
    if let Some(rules) = arguments.rules.as_deref().and_then(Rules::named)
        && let Some(saw) = listening.ask(|network, _| network.saw().clone())
    {
        error::say(&saw::text(&saw, rules));
    }
    listening.stop().map_err(|source| Error::System {
        what: "running the network",
        source,
    })?;
    Ok(0)
}

fn print_line(line: &str) -> Result<(), Error> {
    use std::io::Write;
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|source| Error::file("write", "stdout", source))
}
