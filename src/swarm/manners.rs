//! What the session of each program needs to know.

use crate::irc::session::Manners;
use crate::irc::session::SessionConfig;
use crate::irc::session::Taken;
use crate::irc::session::login::LoginManner;
use crate::plan::Plan;
use crate::scenario::clients::Client;
use crate::scenario::clients::KnownCap;
use crate::scenario::clients::NickWhen;
use crate::scenario::clients::Requests;
use crate::swarm::credentials::Credentials;

/// Returns how sessions are, by program.
pub(super) fn session_configs(plan: &Plan, credentials: &Credentials) -> Vec<SessionConfig> {
    let shares = plan.clients.shares().iter();
    shares
        .map(|share| session_config(plan, &share.client, credentials))
        .collect()
}

fn session_config(plan: &Plan, client: &Client, credentials: &Credentials) -> SessionConfig {
    let connect = &client.connect;
    let capabilities = connect.capabilities.iter();
    SessionConfig {
        capabilities: capabilities.map(|name| name.clone().into_bytes()).collect(),
        password: credentials.password.clone().map(|password| password.0),
        register_timeout: plan.scenario.reconnect.register_timeout,
        ping_every: client.ping.every,
        login: credentials
            .accounts
            .as_ref()
            .map_or_else(LoginManner::default, |accounts| accounts.manner()),
        manners: Manners {
            awaits_caps: connect.requests == Requests::Together,
            nick_waits: connect.nick == NickWhen::AfterCaps,
            probe: connect.probe.clone().map(String::into_bytes),
            first_ping: client.ping.first,
            pong_timeout: client.ping.timeout,
        },
        playback: credentials.playback,
    }
}

/// Returns the session's name for a capability.
pub(super) fn taken(cap: KnownCap) -> Taken {
    match cap {
        KnownCap::AwayNotify => Taken::AwayNotify,
        KnownCap::ChatHistory => Taken::ChatHistory,
        KnownCap::MessageTags => Taken::Tags,
    }
}
