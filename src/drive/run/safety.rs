//! What may be loaded: loopback freely, anything else only when told so and proved, a public network never.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use sha2::Digest;
use sha2::Sha256;

use crate::drive::doctor::probe::Probed;
use crate::drive::transport::address;
use crate::drive::transport::address::TargetUrl;
use crate::scenario::Scenario;
use crate::scenario::phase::Pace;
use crate::scenario::phase::PhaseKind;
use crate::swarm::Caps;
use crate::units::hex;
use crate::units::rate::Rate;

/// Connections to a target whose control is not proved.
pub const UNPROVED_USERS_MAX: u32 = 10;
/// Connects per second to it.
const UNPROVED_CONNECTS_PER_SEC: f64 = 1.0;
/// What holds for it whatever the plan says: the population alone would let latecomers of a profile in beside it.
pub const UNPROVED_CAPS: Caps = Caps {
    connections_max: UNPROVED_USERS_MAX as usize,
    connect_spacing: Duration::from_secs(1),
    message_spacing: Duration::from_secs(1),
};
/// Longest run against it.
const UNPROVED_DURATION_MAX: Duration = Duration::from_mins(10);
/// What precedes the nonce in a MOTD or 005.
const PROOF_WORD: &str = "splitstorm-proof=";

/// Public networks: their users are not ours to disturb, and no tunnel makes them so. Lower case, letters and digits only.
const PUBLIC_NETWORKS: &[&str] = &[
    "2600net",
    "abjects",
    "afternet",
    "austnet",
    "chatnet",
    "chatspike",
    "dalnet",
    "darkmyst",
    "efnet",
    "entropynet",
    "espernet",
    "euirc",
    "europnet",
    "freenode",
    "gamesurge",
    "geekshed",
    "gimpnet",
    "gnome",
    "globalgamers",
    "hackint",
    "icqchat",
    "indymedia",
    "ircbr",
    "irccloud",
    "irccom",
    "irchighway",
    "irchispano",
    "irchelp",
    "ircnet",
    "ircstorm",
    "ircworld",
    "kreynet",
    "libera",
    "liberachat",
    "mibbit",
    "mozilla",
    "netfuze",
    "oftc",
    "onlinegamesnet",
    "p2pnetwork",
    "pirateirc",
    "pirc",
    "ptnet",
    "quakenet",
    "rezosup",
    "rizon",
    "scenep2p",
    "slashnet",
    "snoonet",
    "sorcerynet",
    "stormbit",
    "swiftirc",
    "tildechat",
    "twitch",
    "undernet",
    "webchat",
    "whatnet",
    "xertion",
    "zandronum",
];

/// Why a run is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The target is not on this machine and was not allowed.
    #[error("`{host}` is not on this machine, and nobody said that it may be loaded")]
    NotAllowed {
        /// The host.
        host: String,
    },
    /// The target belongs to a public network.
    #[error("the target says that it belongs to `{network}`, a public network")]
    PublicNetwork {
        /// The network.
        network: String,
    },
    /// The target's name is in the domain of a public network.
    #[error("`{host}` is a name of a public network's")]
    PublicHost {
        /// The host.
        host: String,
    },
    /// The scenario has commands of its own, and nobody said that they may be run.
    #[error("the scenario runs commands on this machine: {0}")]
    Commands(String),
    /// A trace can't be cut to the caps that hold for an unproved target.
    #[error("a trace is not replayed against a target whose control is not proved")]
    UnprovedReplay,
    /// A phase would break the caps that hold for an unproved target.
    #[error("phase `{phase}` is not run against a target whose control is not proved")]
    Unproved {
        /// The phase.
        phase: String,
    },
}

impl Refusal {
    /// Returns what to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::NotAllowed { host } => format!("if it is yours to load, say so: --allow-target {host}"),
            Self::PublicNetwork { .. } | Self::PublicHost { .. } => "point the run at a server of your own; a tunnel to a public network is one too".to_owned(),
            Self::Commands(_) => "if they are yours to run, say so: --allow-commands".to_owned(),
            Self::UnprovedReplay => "prove control of the target first: its nonce is told above".to_owned(),
            Self::Unproved { .. } => "prove control of the target first (its nonce is told above), or leave the phase out".to_owned(),
        }
    }
}

/// Checks, before anything is sent, that a target may be connected to at all.
///
/// # Errors
///
/// Returns the refusal.
pub fn check_allowed(
    url: &TargetUrl,
    resolved: &SocketAddr,
    allowed: &[String],
) -> Result<(), Refusal> {
    if address::is_loopback(resolved) || allowed.contains(&url.host) {
        return Ok(());
    }
    Err(Refusal::NotAllowed {
        host: url.host.clone(),
    })
}

/// Checks that the scenario's own commands, if it has any, may be run.
///
/// # Errors
///
/// Returns the refusal, which shows them.
pub fn check_commands(scenario: &Scenario, may_run: bool) -> Result<(), Refusal> {
    let commands: Vec<String> = scenario
        .commands()
        .map(|command| format!("`{command}`"))
        .collect();
    if may_run || commands.is_empty() {
        Ok(())
    } else {
        Err(Refusal::Commands(commands.join(", ")))
    }
}

/// Checks what the target says of its network.
///
/// # Errors
///
/// Returns the refusal if it is a public one.
pub fn check_network(probed: &Probed) -> Result<(), Refusal> {
    let Some(network) = &probed.network else {
        return Ok(());
    };
    if is_public(network) {
        return Err(Refusal::PublicNetwork {
            network: network.clone(),
        });
    }
    Ok(())
}

/// Checks, for those who only write down where others are to connect to, that a host's name is in no public network's domain.
///
/// # Errors
///
/// Returns the refusal if it is.
pub fn check_host(url: &TargetUrl) -> Result<(), Refusal> {
    let mut labels = url.host.trim_end_matches('.').rsplit('.');
    let (top, domain) = (labels.next(), labels.next());
    let (Some(top), Some(domain)) = (top, domain) else {
        return Ok(());
    };
    if is_public(domain) || is_public(&format!("{domain}{top}")) {
        return Err(Refusal::PublicHost {
            host: url.host.clone(),
        });
    }
    Ok(())
}

fn is_public(network: &str) -> bool {
    let plain: String = network
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    PUBLIC_NETWORKS.contains(&plain.as_str())
}

/// Returns the nonce that proves control of `host`: it depends on a key that stays on this machine, so that nobody else's
/// proof serves, and not on the run, so that it has to be set up once.
///
/// # Errors
///
/// Returns why the key can't be read or made in `folder`.
pub fn nonce(folder: &Path, host: &str) -> io::Result<String> {
    let path = folder.join("proof.key");
    let key = match std::fs::read(&path) {
        Ok(key) => key,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            std::fs::create_dir_all(folder)?;
            // The standard library's keys are drawn from the system's randomness.
            let key: Vec<u8> = (0..4u8)
                .flat_map(|part| RandomState::new().hash_one(part).to_le_bytes())
                .collect();
            std::fs::write(&path, &key)?;
            key
        }
        Err(error) => return Err(error),
    };
    let digest = Sha256::new()
        .chain_update(&key)
        .chain_update(host.as_bytes())
        .finalize();
    Ok(hex::text(&digest[..16]))
}

/// Returns whether the target's 005 or MOTD holds the nonce.
pub fn is_proved(probed: &Probed, nonce: &str) -> bool {
    probed.greeting.contains(&proof_text(nonce))
}

/// Returns what the operator is asked to put into its MOTD or 005.
pub fn proof_text(nonce: &str) -> String {
    format!("{PROOF_WORD}{nonce}")
}

/// Puts the caps for an unproved target over a scenario, whatever it says.
///
/// # Errors
///
/// Returns the refusal if a phase can't be played within them.
pub fn cap(scenario: &mut Scenario) -> Result<(), Refusal> {
    let refuse = |phase: &str| {
        Err(Refusal::Unproved {
            phase: phase.to_owned(),
        })
    };
    let population = &mut scenario.population;
    population.users = population.users.min(UNPROVED_USERS_MAX);
    population.members_per_channel = population
        .members_per_channel
        .min(f64::from(population.users));
    population.channels = population.channels.min(UNPROVED_USERS_MAX);
    // Programs ask many things by themselves; here users' messages alone are counted out.
    scenario.client.mix.clear();
    scenario.client.mode_on_join = Some(false);
    scenario.client.who_on_join = Some(false);
    // Ten users that all come back once in so long make no more than one connect a second.
    let slowest = Duration::from_secs(u64::from(UNPROVED_USERS_MAX) * 2);
    let reconnect = &mut scenario.reconnect;
    let first = reconnect.first.unwrap_or_default().max(slowest);
    reconnect.first = Some(first);
    if let Some(longest) = &mut reconnect.longest {
        *longest = first.max(*longest);
    }
    let mut steady_count = 0;
    for (index, phase) in scenario.phases.iter_mut().enumerate() {
        match &mut phase.kind {
            PhaseKind::Ramp {
                pace: Pace::Rate(rate),
            } if index == 0 => {
                let capped = rate.as_per_second().min(UNPROVED_CONNECTS_PER_SEC);
                *rate = Rate::per_second(capped).unwrap_or(*rate);
            }
            PhaseKind::Steady { duration } if index > 0 && steady_count == 0 => {
                steady_count += 1;
                *duration = (*duration).min(UNPROVED_DURATION_MAX / 2);
            }
            PhaseKind::Quit { rate } if index > 0 => {
                let capped = rate.as_per_second().max(UNPROVED_CONNECTS_PER_SEC);
                *rate = Rate::per_second(capped).unwrap_or(*rate);
            }
            // Without a ramp everybody connects at once; a second steady phase could outlast the cap; the others storm.
            _ => return refuse(&phase.name),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::scenario::file;

    fn probed(network: &str, greeting: &str) -> Probed {
        Probed {
            network: Some(network.to_owned()),
            greeting: greeting.to_owned(),
            ..Probed::default()
        }
    }

    #[test]
    fn loopback_is_free_and_all_else_must_be_named() {
        let url = |text: &str| TargetUrl::parse(text).unwrap();
        let check = |text: &str, resolved: &str, allowed: &[&str]| {
            let allowed: Vec<String> = allowed.iter().map(|host| (*host).to_owned()).collect();
            check_allowed(&url(text), &resolved.parse().unwrap(), &allowed).is_ok()
        };
        assert!(check("localhost:6667", "127.0.0.1:6667", &[]));
        assert!(!check("irc.example.test", "192.0.2.1:6667", &[]));
        assert!(check(
            "irc.example.test",
            "192.0.2.1:6667",
            &["irc.example.test"]
        ));
        // A name that only looks like loopback.
        assert!(!check("localhost", "192.0.2.1:6667", &[]));
    }

    #[test]
    fn public_networks_are_known_however_they_spell_themselves() {
        for name in [
            "Libera.Chat",
            "OFTC",
            "EFnet",
            "IRCnet",
            "QuakeNet",
            "UnderNet",
            "tilde.chat",
            "hackint",
        ] {
            assert!(check_network(&probed(name, "")).is_err(), "{name}");
        }
        for name in ["InspTest", "Splitstorm", "liberation"] {
            assert!(check_network(&probed(name, "")).is_ok(), "{name}");
        }
    }

    #[test]
    fn hosts_of_public_networks_are_known_by_their_domains() {
        let check = |host: &str| check_host(&TargetUrl::parse(host).unwrap());
        for host in [
            "irc.libera.chat",
            "irc.oftc.net:6697",
            "IRC.EFnet.org.",
            "tilde.chat",
        ] {
            assert!(check(host).is_err(), "{host}");
        }
        for host in [
            "127.0.0.1:6667",
            "[::1]:6667",
            "localhost",
            "irc.example.test",
            "oftc",
        ] {
            assert!(check(host).is_ok(), "{host}");
        }
    }

    #[test]
    fn a_nonce_stays_for_a_host_and_differs_between_hosts_and_keys() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = nonce(one.path(), "a").unwrap();
        assert_eq!(first, nonce(one.path(), "a").unwrap());
        assert_ne!(first, nonce(one.path(), "b").unwrap());
        assert_ne!(first, nonce(two.path(), "a").unwrap());
        assert!(is_proved(
            &probed("x", &format!("hello\n{}", proof_text(&first))),
            &first
        ));
        assert!(!is_proved(&probed("x", "splitstorm-proof=0"), &first));
    }

    #[test]
    fn caps_hold_whatever_the_scenario_says() {
        let text = "profile = \"p\"\n[population]\nusers = 5000\nchannels = 5000\n[phase.ramp]\nkind = \"ramp\"\nrate = \"900/s\"\n[phase.steady]\nkind = \"steady\"\nduration = \"9h\"\n";
        let mut scenario = file::read("a.toml", text, &BTreeMap::new()).unwrap();
        cap(&mut scenario).unwrap();
        assert_eq!(
            (scenario.population.users, scenario.population.channels),
            (10, 10)
        );
        assert_eq!(
            scenario.phases[0].kind,
            PhaseKind::Ramp {
                pace: Pace::Rate(Rate::per_second(1.0).unwrap())
            }
        );
        assert_eq!(
            scenario.phases[1].kind,
            PhaseKind::Steady {
                duration: Duration::from_mins(5)
            }
        );
        let stormy = format!("{text}[phase.mass]\nkind = \"mass_disconnect\"\n");
        assert!(cap(&mut file::read("a.toml", &stormy, &BTreeMap::new()).unwrap()).is_err());
    }
}
