//! The networks behind a bouncer: where each listens, what it refuses, and how a bouncer is told to reach it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::drive::clock::Clock;
use crate::drive::listen::Listening;
use crate::drive::run::bouncer::soju;
use crate::drive::run::bouncer::system;
use crate::drive::run::error::RunError;
use crate::drive::transport::certificate::OwnCertificate;
use crate::irc::network::config::ConnectBan;
use crate::irc::network::config::ConnectThrottle;
use crate::irc::network::config::IdentLookUp;
use crate::irc::network::config::Limits;
use crate::irc::network::config::LookUps;
use crate::irc::network::config::NetworkConfig;
use crate::irc::network::services::ServicesConfig;
use crate::irc::network::source::IPV6_SOURCE_BITS;
use crate::plan::Plan;
use crate::provision;
use crate::provision::Certificate;
use crate::provision::Secret;
use crate::roster::name::Network;
use crate::scenario::Scenario;
use crate::scenario::bouncer::Bouncer as Wanted;
use crate::scenario::bouncer::BouncerKind;
use crate::scenario::bouncer::NETWORKS_MAX;
use crate::scenario::bouncer::network;
use crate::scenario::bouncer::network::NetworkBehind;
use crate::scenario::bouncer::network::NetworkLimits;
use crate::scenario::phase::PhaseKind;
use crate::upstream::Upstream;

/// What a bouncer has to know of the networks beside where they are.
#[derive(Debug, Default)]
pub(super) struct Terms {
    /// The certificate that their servers show, if they speak TLS.
    certificate: Option<OwnCertificate>,
    /// The password of every account there, if users have some.
    password: Option<Secret>,
}

impl Terms {
    fn new(plan: &Plan, wanted: &NetworkBehind, hosts: &[IpAddr]) -> Result<Self, RunError> {
        let certificate = wanted
            .is_secure
            .then(|| OwnCertificate::make(hosts))
            .transpose()?;
        // Nobody but networks of ours takes it, and who configures a bouncer by hand has to know it.
        let password = format!("seed-{}", plan.seed.0).into_bytes();
        Ok(Self {
            certificate,
            password: Secret::new(password).filter(|_| wanted.has_accounts),
        })
    }

    /// Returns how network number `number` keeps the accounts of the bouncer's users, named as they are.
    fn services(&self, plan: &Plan, number: u8) -> Option<ServicesConfig> {
        let password = self.password.as_ref()?;
        let seats = plan.seat_rows().iter();
        let here = seats.filter(|seat| seat.network == u16::from(number));
        let accounts = here.map(|seat| {
            let account = seat.user.clone().into_bytes();
            (account, password.bytes().to_vec())
        });
        let services = &plan.scenario.services;
        Some(ServicesConfig {
            passwords: accounts.collect(),
            cost: services.cost,
            delay: services.delay,
            queue_max: services.queue,
            restart: services.restart,
        })
    }
}

/// Starts each network of the plan on loopback addresses of its own.
pub(super) fn start(
    plan: &Arc<Plan>,
    wanted: &Wanted,
    clock: Clock,
) -> Result<(Vec<Listening<Upstream>>, Terms), RunError> {
    let names = plan.network_names();
    if names.len() > NETWORKS_MAX as usize {
        let found = names.len();
        let what = format!("{found} networks, and a run has room for {NETWORKS_MAX}");
        return Err(RunError::NoRoster(what));
    }
    let servers = 1 + far_count(&plan.scenario);
    let rows = (0u8..).zip(names).map(|(number, name)| {
        let addresses = addresses(wanted, number, servers)?;
        Ok((number, name, addresses))
    });
    let rows = rows.collect::<Result<Vec<_>, RunError>>()?;
    let addresses = rows.iter().flat_map(|(_, _, addresses)| addresses);
    let mut hosts: Vec<IpAddr> = addresses.map(SocketAddr::ip).collect();
    hosts.dedup();
    let terms = Terms::new(plan, &wanted.network, &hosts)?;
    let mut networks = Vec::new();
    for (number, name, addresses) in rows {
        let services = terms.services(plan, number);
        let config = network_config(&plan.scenario, name, wanted, services);
        let tls = terms.certificate.as_ref().map(OwnCertificate::server);
        let plan = Arc::clone(plan);
        let unix_micros = clock.epoch_unix_micros();
        let make = move |now| Upstream::new(&plan, number.into(), config, now, unix_micros);
        let network = Listening::serve(make, addresses, tls.transpose()?, clock)
            .map_err(system("starting a network behind the bouncer"))?;
        networks.push(network);
    }
    Ok((networks, terms))
}

/// Returns the address of each of a network's servers: ports from the first one on, or loopback addresses of their own. Of IPv6 there is
/// one such address, and they have ports of their own.
fn addresses(wanted: &Wanted, network: u8, servers: usize) -> Result<Vec<SocketAddr>, RunError> {
    let count = u8::try_from(servers).ok().filter(|&count| count < u8::MAX);
    let address = |server: u8| match (wanted.listen, count) {
        (Some(first), Some(count)) => {
            let beyond = u16::from(network) * u16::from(count) + u16::from(server);
            let port = first.port().checked_add(beyond)?;
            Some(SocketAddr::new(first.ip(), port))
        }
        (None, Some(_)) if wanted.network.is_ipv6 => {
            Some(SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0))
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

/// Returns how many servers each network has behind links: one to which accounts move is another bouncer.
fn far_count(scenario: &Scenario) -> usize {
    let mut kinds = scenario.phases.iter().map(|phase| &phase.kind);
    if kinds.any(|kind| matches!(kind, PhaseKind::Netsplit { .. })) {
        scenario.servers.len()
    } else {
        0
    }
}

fn network_config(
    scenario: &Scenario,
    name: &str,
    bouncer: &Wanted,
    services: Option<ServicesConfig>,
) -> NetworkConfig {
    let wanted = &bouncer.network;
    let far = (1..=far_count(scenario)).map(|number| format!("irc{number}.{name}.test"));
    NetworkConfig {
        name: name.to_owned(),
        servers: std::iter::once(format!("hub.{name}.test"))
            .chain(far)
            .collect(),
        motd: vec!["A network that splitstorm carries with it.".to_owned()],
        limits: limits(&wanted.limits),
        look_ups: look_ups(wanted.look_ups),
        services,
        tokens: (bouncer.kind == BouncerKind::Soju && bouncer.lifts_limits)
            .then(|| soju::SAFE_RATE.to_owned())
            .into_iter()
            .collect(),
        ..NetworkConfig::default()
    }
}

fn limits(wanted: &NetworkLimits) -> Limits {
    let (throttle, ban) = match (wanted.connects, wanted.ban) {
        (Some(connects_max), Some(lasts)) => {
            let ban = ConnectBan {
                connects_max,
                window: wanted.connects_within,
                lasts,
            };
            (None, Some(ban))
        }
        (Some(connects_max), None) => {
            let throttle = ConnectThrottle {
                connects_max,
                window: wanted.connects_within,
            };
            (Some(throttle), None)
        }
        (None, _) => (None, None),
    };
    Limits {
        clients_per_address_max: wanted.sessions_per_address,
        users_per_ident_max: wanted.sessions_per_ident,
        ipv6_source_bits: wanted.ipv6_bits.unwrap_or(IPV6_SOURCE_BITS),
        connect_throttle: throttle,
        connect_ban: ban,
        ..Limits::default()
    }
}

fn look_ups(wanted: network::LookUps) -> LookUps {
    LookUps {
        host: wanted.host,
        ident: wanted.ident.map(|takes| IdentLookUp {
            takes,
            is_answered: wanted.is_ident_answered,
        }),
    }
}

/// Returns where the bouncer is to dial, whom it is to trust there, and what it logs in with.
pub(super) fn upstreams(
    plan: &Plan,
    networks: &[Listening<Upstream>],
    terms: &Terms,
) -> BTreeMap<Network, provision::Upstream> {
    let certificate = terms.certificate.as_ref().map(|own| Certificate {
        pem: own.pem().to_owned(),
        der: own.der().to_vec(),
    });
    let names = plan.network_names().iter();
    let rows = names.zip(networks).filter_map(|(name, network)| {
        let hub = network.addresses.first()?;
        let is_secure = certificate.is_some();
        let mut upstream = provision::Upstream::new(&hub.ip().to_string(), hub.port(), is_secure)?;
        upstream.certificate.clone_from(&certificate);
        upstream.account_password.clone_from(&terms.password);
        Some((Network::parse(name).ok()?, upstream))
    });
    rows.collect()
}
