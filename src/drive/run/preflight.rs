//! What is checked and made ready before anything is loaded.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;

use crate::drive::clock::Clock;
use crate::drive::doctor::probe;
use crate::drive::doctor::probe::Probed;
use crate::drive::host::limits;
use crate::drive::host::limits::Demand;
use crate::drive::host::limits::Sources;
use crate::drive::host::listener::listening_pids;
use crate::drive::host::watched::Watched;
use crate::drive::listen::Listening;
use crate::drive::run::Progress;
use crate::drive::run::RunRequest;
use crate::drive::run::accounts;
use crate::drive::run::bouncer::Bouncer;
use crate::drive::run::error::RunError;
use crate::drive::run::safety;
use crate::drive::transport::address;
use crate::drive::transport::address::TargetUrl;
use crate::drive::transport::endpoint::Endpoint;
use crate::fitness::need::target_descriptors;
use crate::irc::network::config::NetworkConfig;
use crate::measure::warning::Warning;
use crate::plan::Plan;
use crate::plan::Source;
use crate::scenario::Scenario;
use crate::scenario::migration::Moves;
use crate::scenario::phase::Begins;
use crate::scenario::phase::PhaseKind;
use crate::scenario::phase::SplitBy;
use crate::swarm::Caps;
use crate::units::id::PhaseId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// Longest label of a host name.
const LABEL_BYTES_MAX: usize = 63;

/// A target that is ready to be loaded.
pub(crate) struct Preflight {
    pub(crate) url: String,
    pub(crate) servers: Vec<Endpoint>,
    pub(crate) network: Option<Listening>,
    pub(crate) probed: Probed,
    /// The source of the probe; none for what the kernel chooses.
    pub(crate) source: Option<IpAddr>,
    /// The process behind each server, where it can be known.
    pub(crate) listening: Vec<Option<u32>>,
    pub(crate) is_loopback: bool,
    pub(crate) is_spread: bool,
    pub(crate) caps: Option<Caps>,
    pub(crate) password: Option<Vec<u8>>,
    pub(crate) warnings: Vec<Warning>,
}

impl Preflight {
    /// Makes the target ready: starts the embedded one, or finds out whether the one asked for may be loaded.
    pub(crate) fn make(
        request: &mut RunRequest,
        clock: Clock,
        progress: &mut dyn Progress,
    ) -> Result<Self, RunError> {
        let password = password(request)?;
        match request.target.clone() {
            None => Self::embedded(request, clock, password),
            Some(text) => {
                let (hub, far) = text.split_once(',').unwrap_or((&text, ""));
                let far = far.split(',').map(str::trim).filter(|url| !url.is_empty());
                let far = far.map(TargetUrl::parse).collect::<Result<Vec<_>, _>>()?;
                let hub = TargetUrl::parse(hub.trim())?;
                Self::external(request, &hub, &far, password, progress)
            }
        }
    }

    /// Takes a bouncer that is ready, between networks and clients of our own.
    pub(crate) fn of_bouncer(bouncer: &Bouncer, is_spread: bool) -> Self {
        Self {
            url: bouncer.url.clone(),
            servers: bouncer.servers(),
            network: None,
            probed: Probed {
                server: bouncer.kind.name().to_owned(),
                version: bouncer.version.clone().unwrap_or_default(),
                ..Probed::default()
            },
            source: None,
            listening: Vec::new(),
            is_loopback: true,
            is_spread,
            caps: None,
            password: None,
            warnings: Vec::new(),
        }
    }

    fn embedded(
        request: &RunRequest,
        clock: Clock,
        password: Option<Vec<u8>>,
    ) -> Result<Self, RunError> {
        let far = request.scenario.servers.iter();
        let names = far.map(|server| format!("{}.splitstorm.test", host_label(&server.name)));
        let config = NetworkConfig {
            name: "Splitstorm".to_owned(),
            servers: std::iter::once("hub.splitstorm.test".to_owned())
                .chain(names)
                .collect(),
            motd: vec!["The network that splitstorm carries with it.".to_owned()],
            password: password
                .as_ref()
                .map(|password| String::from_utf8_lossy(password).into_owned()),
            ..NetworkConfig::default()
        };
        let addresses = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); config.servers.len()];
        let network = Listening::start(config, addresses, None, clock).map_err(|source| {
            RunError::System {
                what: "starting the embedded network",
                source,
            }
        })?;
        let servers: Vec<Endpoint> = network
            .addresses
            .iter()
            .copied()
            .map(Endpoint::plain)
            .collect();
        let probed = probe::probe(&servers[0], None, password.clone())?;
        Ok(Self {
            url: "embedded".to_owned(),
            is_spread: request.scenario.target.spread_sources,
            servers,
            network: Some(network),
            probed,
            source: None,
            listening: Vec::new(),
            is_loopback: true,
            caps: None,
            password,
            warnings: Vec::new(),
        })
    }

    fn external(
        request: &mut RunRequest,
        url: &TargetUrl,
        far: &[TargetUrl],
        password: Option<Vec<u8>>,
        progress: &mut dyn Progress,
    ) -> Result<Self, RunError> {
        let reach = |url: &TargetUrl| -> Result<Endpoint, RunError> {
            let endpoint = Endpoint::resolve(url, &request.trust)?;
            safety::check_allowed(url, &endpoint.address, &request.allowed)?;
            Ok(endpoint)
        };
        let hub = reach(url)?;
        let mut servers = vec![hub.clone()];
        for url in far {
            servers.push(reach(url)?);
        }
        check_migrations(&request.scenario, servers.len())?;
        let addresses: Vec<SocketAddr> = servers.iter().map(|server| server.address).collect();
        let is_loopback = addresses.iter().all(address::is_loopback);
        let is_spread = request.scenario.target.spread_sources && is_loopback;
        // The highest source there is: none of the run's users comes from it.
        let source = address::source_of(UserId(u32::MAX), &hub.address, is_spread);
        let listening = listening_pids(&addresses);
        let probed = probe::probe(&hub, source, password.clone())?;
        safety::check_network(&probed)?;
        let mut warnings = split_by_clients(request, servers.len());
        let mut caps = None;
        if !is_loopback {
            let file_error = |source| RunError::File {
                doing: "keeping the proof key in",
                path: request.state.clone(),
                source,
            };
            let nonce = safety::nonce(&request.state, &url.host).map_err(file_error)?;
            if !safety::is_proved(&probed, &nonce) {
                progress.note(&format!(
                    "control of {} is not proved: put `{}` into its MOTD or 005; until then {} users at most, a connect and a message each per second",
                    url.host,
                    safety::proof_text(&nonce),
                    safety::UNPROVED_USERS_MAX
                ));
                if matches!(request.source, Source::Script(_)) {
                    return Err(safety::Refusal::UnprovedReplay.into());
                }
                safety::cap(&mut request.scenario)?;
                caps = Some(safety::UNPROVED_CAPS);
                warnings.push(Warning::Unproved);
            }
        }
        Ok(Self {
            url: url.to_string(),
            servers,
            network: None,
            probed,
            source,
            listening,
            is_loopback,
            is_spread,
            caps,
            password,
            warnings,
        })
    }

    /// Checks that the run's connections fit this machine.
    pub(crate) fn check_host(&self, plan: &Plan) -> Result<(), RunError> {
        let end = match self.network {
            Some(_) => OtherEnd::Embedded,
            None => OtherEnd::Elsewhere,
        };
        match self.servers.first() {
            Some(target) => {
                let sources = Sources::at(&target.address, self.is_spread);
                Ok(limits::check(demand(plan, end, sources))?)
            }
            None => Ok(()),
        }
    }
}

/// Where the other ends of a run's connections are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherEnd {
    /// In the embedded network: in this process too.
    Embedded,
    /// In the target's process.
    Elsewhere,
}

/// Returns what a plan asks of this machine.
pub fn demand(plan: &Plan, end: OtherEnd, sources: Sources) -> Demand {
    let ends = match end {
        OtherEnd::Embedded => 2,
        OtherEnd::Elsewhere => 1,
    };
    // Behind a bouncer our networks hold a connection for each of its users' places.
    let seats = plan
        .seats
        .as_ref()
        .map_or(0, |seats| seats.seats().len() as u64);
    let driven = u64::from(plan.driven().end);
    Demand::new(driven + seats, ends, sources)
}

/// Returns a warning where the target's process may not have the descriptors for all users.
pub(crate) fn check_target(plan: &Plan, watched: &Watched) -> Option<Warning> {
    let needed = target_descriptors(u64::from(plan.population.user_count()));
    let limit = watched.sample(Offset::ZERO)?.descriptors_limit?;
    (limit < needed).then_some(Warning::TargetDescriptors { limit, needed })
}

/// Checks that a target whose accounts the scenario moves has where to move them, and somebody who does it.
fn check_migrations(scenario: &Scenario, server_count: usize) -> Result<(), RunError> {
    let mut migrations = scenario.migrations();
    if let Some((phase, _)) = migrations.find(|(_, migration)| migration.to.index() >= server_count)
    {
        return Err(RunError::NowhereToMove(phase.name.clone()));
    }
    check_moves(scenario)
}

/// Checks that somebody moves the accounts of a target that is not ours.
pub(crate) fn check_moves(scenario: &Scenario) -> Result<(), RunError> {
    for (phase, migration) in scenario.migrations() {
        if migration.moves.is_none() {
            return Err(RunError::NobodyMoves(phase.name.clone()));
        }
    }
    let ids = (0u16..).map(PhaseId).zip(&scenario.phases);
    for (id, phase) in ids {
        let undone = phase.kind.undoes().map(|undone| scenario.phase(undone));
        let moves = undone.and_then(|undone| undone.kind.migration()?.moves.as_ref());
        let is_ours = matches!(moves, Some(Moves::Command(_)));
        let is_planned = phase.begins != Begins::OnDemand
            || scenario.aborts.iter().any(|rule| rule.then == Some(id));
        if is_ours && is_planned && phase.kind.moves_command().is_none() {
            return Err(RunError::NobodyMoves(phase.name.clone()));
        }
    }
    Ok(())
}

fn password(request: &RunRequest) -> Result<Option<Vec<u8>>, RunError> {
    let Some(name) = &request.scenario.target.password_env else {
        return Ok(None);
    };
    accounts::secret(name).map(Some)
}

/// Lets the far side's clients play a split whose link nobody breaks, and says so.
fn split_by_clients(request: &mut RunRequest, server_count: usize) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for phase in &mut request.scenario.phases {
        let has_commands = phase.commands.begin.is_some() && phase.commands.end.is_some();
        if let PhaseKind::Netsplit { by, far, .. } = &mut phase.kind
            && *by == SplitBy::Links
            && !(has_commands && far.index() < server_count)
        {
            *by = SplitBy::Clients;
            warnings.push(Warning::SplitByClients {
                phase: phase.name.clone(),
            });
        }
    }
    warnings
}

/// Returns a server's name in a scenario as a label of a host name.
fn host_label(name: &str) -> String {
    let label = name.chars().map(|letter| {
        if letter.is_ascii_alphanumeric() {
            letter.to_ascii_lowercase()
        } else {
            '-'
        }
    });
    label.take(LABEL_BYTES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_server_becomes_a_label() {
        assert_eq!(host_label("West coast!"), "west-coast-");
    }
}
