//! What is checked and made ready before anything is loaded.

use std::net::Ipv4Addr;
use std::net::SocketAddr;

use crate::drive::clock::Clock;
use crate::drive::doctor::probe;
use crate::drive::doctor::probe::Probed;
use crate::drive::host::limits;
use crate::drive::listen::Listening;
use crate::drive::run::Progress;
use crate::drive::run::RunError;
use crate::drive::run::RunRequest;
use crate::drive::run::safety;
use crate::drive::transport::address;
use crate::drive::transport::address::TargetUrl;
use crate::irc::network::config::NetworkConfig;
use crate::measure::warning::Warning;
use crate::plan::Plan;
use crate::plan::Source;
use crate::scenario::phase::PhaseKind;
use crate::scenario::phase::SplitBy;
use crate::swarm::Caps;
use crate::units::id::UserId;

/// A target that is ready to be loaded.
pub(crate) struct Preflight {
    pub(crate) url: String,
    pub(crate) servers: Vec<SocketAddr>,
    pub(crate) network: Option<Listening>,
    pub(crate) probed: Probed,
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
            Some(text) => Self::external(request, &TargetUrl::parse(&text)?, password, progress),
        }
    }

    fn embedded(
        request: &RunRequest,
        clock: Clock,
        password: Option<Vec<u8>>,
    ) -> Result<Self, RunError> {
        let is_link = |kind: &PhaseKind| {
            matches!(
                kind,
                PhaseKind::Netsplit {
                    by: SplitBy::Links,
                    ..
                }
            )
        };
        let links = request
            .scenario
            .phases
            .iter()
            .filter(|phase| is_link(&phase.kind))
            .count();
        let config = NetworkConfig {
            name: "Splitstorm".to_owned(),
            servers: (1..=links + 1)
                .map(|number| format!("irc{number}.splitstorm.test"))
                .collect(),
            motd: vec!["The network that splitstorm carries with it.".to_owned()],
            password: password
                .as_ref()
                .map(|password| String::from_utf8_lossy(password).into_owned()),
            ..NetworkConfig::default()
        };
        let addresses = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); config.servers.len()];
        let network =
            Listening::start(config, addresses, clock).map_err(|source| RunError::System {
                what: "starting the embedded network",
                source,
            })?;
        let servers = network.addresses.clone();
        let probed = probe::probe(servers[0], None, password.clone())?;
        Ok(Self {
            url: "embedded".to_owned(),
            is_spread: request.scenario.target.spread_sources,
            servers,
            network: Some(network),
            probed,
            is_loopback: true,
            caps: None,
            password,
            warnings: Vec::new(),
        })
    }

    fn external(
        request: &mut RunRequest,
        url: &TargetUrl,
        password: Option<Vec<u8>>,
        progress: &mut dyn Progress,
    ) -> Result<Self, RunError> {
        let resolved = url.resolve()?;
        safety::check_allowed(url, &resolved, &request.allowed)?;
        let is_loopback = address::is_loopback(&resolved);
        let is_spread = request.scenario.target.spread_sources && is_loopback;
        // The highest source there is: none of the run's users comes from it.
        let source = address::source_of(UserId(u32::MAX), &resolved, is_spread);
        let probed = probe::probe(resolved, source, password.clone())?;
        safety::check_network(&probed)?;
        let mut warnings = split_by_clients(request);
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
            servers: vec![resolved],
            network: None,
            probed,
            is_loopback,
            is_spread,
            caps,
            password,
            warnings,
        })
    }

    /// Checks that the run's connections fit this machine.
    pub(crate) fn check_host(&self, plan: &Plan) -> Result<(), RunError> {
        let connections = u64::from(plan.population.user_count());
        // The embedded network's ends are in this process too.
        let descriptors_each = if self.network.is_some() { 2 } else { 1 };
        match self.servers.first() {
            Some(target) => Ok(limits::check(
                connections,
                descriptors_each,
                target,
                self.is_spread,
            )?),
            None => Ok(()),
        }
    }
}

fn password(request: &RunRequest) -> Result<Option<Vec<u8>>, RunError> {
    let Some(name) = &request.scenario.target.password_env else {
        return Ok(None);
    };
    match std::env::var(name) {
        Ok(password) => Ok(Some(password.into_bytes())),
        Err(_) => Err(RunError::NoPassword(name.clone())),
    }
}

/// Lets the far side's clients play a split whose links are not ours, and says so.
fn split_by_clients(request: &mut RunRequest) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for phase in &mut request.scenario.phases {
        if let PhaseKind::Netsplit { by, .. } = &mut phase.kind
            && *by == SplitBy::Links
        {
            *by = SplitBy::Clients;
            warnings.push(Warning::SplitByClients {
                phase: phase.name.clone(),
            });
        }
    }
    warnings
}
