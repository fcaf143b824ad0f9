//! The networks behind a bouncer: where each listens, what it refuses, and how a bouncer is told to reach it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::drive::clock::Clock;
use crate::drive::listen::Listening;
use crate::drive::run::bouncer::system;
use crate::drive::run::error::RunError;
use crate::irc::network::config::ConnectBan;
use crate::irc::network::config::ConnectThrottle;
use crate::irc::network::config::Limits;
use crate::irc::network::config::NetworkConfig;
use crate::plan::Plan;
use crate::provision;
use crate::roster::name::Network;
use crate::scenario::Scenario;
use crate::scenario::bouncer::Bouncer as Wanted;
use crate::scenario::bouncer::NETWORKS_MAX;
use crate::scenario::bouncer::NetworkLimits;
use crate::upstream::Upstream;

/// Starts each network of the plan on loopback addresses of its own.
pub(super) fn start(
    plan: &Arc<Plan>,
    wanted: &Wanted,
    clock: Clock,
) -> Result<Vec<Listening<Upstream>>, RunError> {
    let names = plan.network_names();
    if names.len() > NETWORKS_MAX as usize {
        let found = names.len();
        let what = format!("{found} networks, and a run has room for {NETWORKS_MAX}");
        return Err(RunError::NoRoster(what));
    }
    let mut networks = Vec::new();
    for (number, name) in (0u8..).zip(names) {
        let config = network_config(&plan.scenario, name, &wanted.network);
        let addresses = addresses(wanted.listen, number, config.servers.len())?;
        let plan = Arc::clone(plan);
        let unix_micros = clock.epoch_unix_micros();
        let make = move |now| Upstream::new(&plan, number.into(), config, now, unix_micros);
        let network = Listening::serve(make, addresses, None, clock)
            .map_err(system("starting a network behind the bouncer"))?;
        networks.push(network);
    }
    Ok(networks)
}

/// Returns the address of each of a network's servers: ports from the first one on, or loopback addresses of their own.
fn addresses(
    listen: Option<SocketAddr>,
    network: u8,
    servers: usize,
) -> Result<Vec<SocketAddr>, RunError> {
    let count = u8::try_from(servers).ok().filter(|&count| count < u8::MAX);
    let address = |server: u8| match (listen, count) {
        (Some(first), Some(count)) => {
            let beyond = u16::from(network) * u16::from(count) + u16::from(server);
            let port = first.port().checked_add(beyond)?;
            Some(SocketAddr::new(first.ip(), port))
        }
        (None, Some(_)) => {
            let ip = Ipv4Addr::new(127, 10, network + 1, server + 1);
            Some(SocketAddr::new(IpAddr::V4(ip), 0))
        }
        (_, None) => None,
    };
    let addresses = (0..count.unwrap_or(1)).map(address);
    let room =
        "there are not so many addresses for servers: let `listen` begin lower, or split fewer";
    addresses
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| RunError::NoRoster(room.to_owned()))
}

fn network_config(scenario: &Scenario, name: &str, limits: &NetworkLimits) -> NetworkConfig {
    let far = (1..=scenario.servers.len()).map(|number| format!("irc{number}.{name}.test"));
    let connects = limits.connects.map(|connects| {
        (
            ConnectThrottle {
                connects_max: connects,
                window: limits.connects_within,
            },
            limits.ban.map(|lasts| ConnectBan {
                connects_max: connects,
                window: limits.connects_within,
                lasts,
            }),
        )
    });
    let (throttle, ban) = match connects {
        Some((_, Some(ban))) => (None, Some(ban)),
        Some((throttle, None)) => (Some(throttle), None),
        None => (None, None),
    };
    NetworkConfig {
        name: name.to_owned(),
        servers: std::iter::once(format!("hub.{name}.test"))
            .chain(far)
            .collect(),
        motd: vec!["A network that splitstorm carries with it.".to_owned()],
        limits: Limits {
            clients_per_address_max: limits.sessions_per_address,
            connect_throttle: throttle,
            connect_ban: ban,
            ..Limits::default()
        },
        ..NetworkConfig::default()
    }
}

/// Returns where the bouncer is to dial.
pub(super) fn upstreams(
    plan: &Plan,
    networks: &[Listening<Upstream>],
) -> BTreeMap<Network, provision::Upstream> {
    let names = plan.network_names().iter();
    let rows = names.zip(networks).filter_map(|(name, network)| {
        let hub = network.addresses.first()?;
        let upstream = provision::Upstream::new(&hub.ip().to_string(), hub.port(), false)?;
        Some((Network::parse(name).ok()?, upstream))
    });
    rows.collect()
}
