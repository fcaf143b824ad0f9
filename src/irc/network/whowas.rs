//! WHOWAS: who had a nick before.

use std::collections::VecDeque;

use crate::irc::network::Network;
use crate::irc::network::client::ClientId;
use crate::irc::network::names::CASE_MAPPING;
use crate::irc::wire::message::Message;
use crate::irc::wire::numeric::ERR_NONICKNAMEGIVEN;
use crate::irc::wire::numeric::ERR_WASNOSUCHNICK;
use crate::irc::wire::numeric::RPL_ENDOFWHOWAS;
use crate::irc::wire::numeric::RPL_WHOISSERVER;
use crate::irc::wire::numeric::RPL_WHOWASUSER;
use crate::irc::wire::server_time;
use crate::units::id::ServerId;

/// Most users remembered; the oldest go first.
const REMEMBERED_MAX: usize = 256;

/// Somebody who had a nick.
#[derive(Clone, Debug, Default)]
struct Former {
    nick: Vec<u8>,
    user: Vec<u8>,
    host: Vec<u8>,
    real_name: Vec<u8>,
    server: u16,
    until_unix_micros: i64,
}

/// Those who had nicks of late, the latest last.
#[derive(Debug, Default)]
pub(super) struct Formers {
    rows: VecDeque<Former>,
}

impl Network {
    /// Remembers that a user had the nick that it is about to lose.
    pub(super) fn remember_nick(&mut self, id: ClientId) {
        let rows = &mut self.formers.rows;
        // The oldest one's buffers serve the newest.
        let spare = (rows.len() >= REMEMBERED_MAX).then(|| rows.pop_front());
        let mut former = spare.flatten().unwrap_or_default();
        let client = self.directory.client(id);
        former.nick.clone_from(&client.nick);
        former.user.clone_from(&client.user);
        former.host.clone_from(&client.host);
        former.real_name.clone_from(&client.real_name);
        former.server = client.server.0;
        former.until_unix_micros = self.unix_micros();
        self.formers.rows.push_back(former);
    }

    pub(super) fn whowas(&mut self, id: ClientId, message: &Message<'_>) {
        let Some(nicks) = message.params.get(0).filter(|nicks| !nicks.is_empty()) else {
            return self.fail(id, ERR_NONICKNAMEGIVEN, &[], "No nickname given");
        };
        let count = message.params.get(1).and_then(|count| {
            let count = std::str::from_utf8(count).ok()?.parse().ok();
            count.filter(|&count: &usize| count > 0)
        });
        let targets = nicks.split(|&byte| byte == b',');
        for nick in targets
            .filter(|nick| !nick.is_empty())
            .take(self.config.limits.targets_max)
        {
            let rows = self.formers.rows.iter().rev();
            let known = rows.filter(|former| CASE_MAPPING.eq(&former.nick, nick));
            let mut found = false;
            for former in known.take(count.unwrap_or(REMEMBERED_MAX)) {
                found = true;
                self.ports
                    .numeric(&self.directory, id, RPL_WHOWASUSER)
                    .param(&former.nick)
                    .param(&former.user)
                    .param(&former.host)
                    .param(b"*")
                    .trailing(&former.real_name);
                let server = &self.directory.servers[ServerId(former.server).index()];
                self.ports
                    .numeric(&self.directory, id, RPL_WHOISSERVER)
                    .param(&former.nick)
                    .param(&server.name)
                    .trailing(&server_time::format(former.until_unix_micros));
            }
            if !found {
                self.fail(id, ERR_WASNOSUCHNICK, &[nick], "There was no such nickname");
            }
            self.fail(id, RPL_ENDOFWHOWAS, &[nick], "End of WHOWAS");
        }
    }
}
