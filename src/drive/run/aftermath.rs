//! The target looked at once more when a run is over: is it the one that the run began with, and is it there.

use std::net::SocketAddr;
use std::time::Duration;

use crate::drive::doctor::probe;
use crate::drive::doctor::probe::ProbeError;
use crate::drive::doctor::probe::Probed;
use crate::drive::host::listener::listening_pids;
use crate::drive::run::bouncer::Bouncer;
use crate::drive::run::preflight::Preflight;
use crate::drive::transport::endpoint::Endpoint;
use crate::gate::identity;
use crate::gate::identity::Announced;
use crate::gate::identity::Identity;
use crate::gate::identity::Listener;
use crate::gate::verdict::Reason;
use crate::measure::outcome::Ending;
use crate::measure::sent::LinesSent;
use crate::scenario::Scenario;
use crate::scenario::phase::PhaseKind;

/// How often a target that lets nobody in is asked: a whole population has just left, which fills a short accept queue or a limit per
/// address for a moment.
const TRIES_MAX: u32 = 4;
/// How many logins a target may leave unanswered: it may be telling everybody of everybody's QUIT still. A thousand of them keep ngIRCd
/// busy for over a quarter of a minute.
const SILENCES_MAX: u32 = 4;
/// The wait between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Aftermath {
    /// What speaks against a pass.
    pub(crate) reasons: Vec<Reason>,
    /// Lines that the target was sent for it.
    pub(crate) lines_sent: LinesSent,
}

/// Looks whether a bouncer that was started for the run is still there.
pub(crate) fn of_bouncer(bouncer: &Bouncer, ending: Ending) -> Aftermath {
    let is_judged = matches!(ending, Ending::Complete | Ending::Aborted);
    let ended = bouncer.ended().filter(|_| is_judged);
    Aftermath {
        reasons: ended.iter().map(|words| identity::gone(words)).collect(),
        ..Aftermath::default()
    }
}

/// Looks at the target of a run that has ended. The embedded network is part of this process and needs no look; a run that somebody
/// stopped, or whose target let nobody in, is judged by that.
pub(crate) fn look(preflight: &Preflight, scenario: &Scenario, ending: Ending) -> Aftermath {
    let is_judged = matches!(ending, Ending::Complete | Ending::Aborted);
    if preflight.network.is_some() || !is_judged {
        return Aftermath::default();
    }
    let Some(hub) = preflight.servers.first() else {
        return Aftermath::default();
    };
    let after = match again(preflight, hub) {
        Ok(after) => after,
        // It is there, and refuses one client after so many: that is a limit, and says nothing about what it is.
        Err(ProbeError::Refused { .. }) => return Aftermath::default(),
        Err(error) => {
            return Aftermath {
                reasons: vec![identity::gone(&error.to_string())],
                ..Aftermath::default()
            };
        }
    };
    let addresses: Vec<SocketAddr> = preflight
        .servers
        .iter()
        .map(|server| server.address)
        .collect();
    let pids = listening_pids(&addresses);
    let listeners: Vec<Listener> = addresses
        .iter()
        .zip(preflight.listening.iter().zip(pids))
        .map(|(server, (&before, after))| Listener {
            address: server.to_string(),
            before,
            after,
        })
        .collect();
    let changed = identity::compare(
        &identity_of(&preflight.probed),
        &identity_of(&after),
        &listeners,
        announced(scenario),
    );
    Aftermath {
        reasons: changed.into_iter().collect(),
        lines_sent: after.lines_sent,
    }
}

fn again(preflight: &Preflight, hub: &Endpoint) -> Result<Probed, ProbeError> {
    let (mut tries, mut silences) = (1, 1);
    loop {
        match probe::probe(hub, preflight.source, preflight.password.clone()) {
            Err(ProbeError::Silent { .. }) if silences < SILENCES_MAX => silences += 1,
            Err(ProbeError::Silent { address }) => return Err(ProbeError::Silent { address }),
            Err(_) if tries < TRIES_MAX => {
                tries += 1;
                std::thread::sleep(PAUSE);
            }
            end => return end,
        }
    }
}

fn identity_of(probed: &Probed) -> Identity {
    Identity {
        version: probed.version.clone(),
        tokens: probed.tokens.clone(),
        created: probed.created.clone(),
    }
}

/// Returns what a scenario announces of the target. A phase's commands may be what restarts the target; which of them do, only their author knows.
pub(crate) fn announced(scenario: &Scenario) -> Announced {
    let restarts = scenario.phases.iter().any(|phase| {
        let has_command = phase.commands.begin.is_some() || phase.commands.end.is_some();
        matches!(phase.kind, PhaseKind::Restart { .. }) || has_command
    });
    if restarts {
        Announced::Restart
    } else {
        Announced::Nothing
    }
}
