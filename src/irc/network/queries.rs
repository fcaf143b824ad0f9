//! LIST, USERHOST and ISON.

use crate::irc::network::Network;
use crate::irc::network::channels::ChannelIx;
use crate::irc::network::client::ClientId;
use crate::irc::wire::message::Message;
use crate::irc::wire::numeric::RPL_ISON;
use crate::irc::wire::numeric::RPL_LIST;
use crate::irc::wire::numeric::RPL_LISTEND;
use crate::irc::wire::numeric::RPL_LISTSTART;
use crate::irc::wire::numeric::RPL_USERHOST;

/// Most nicks of one USERHOST (RFC 2812, 4.8).
const USERHOST_NICKS_MAX: usize = 5;

/// Most bytes of the answer to ISON, so that it fits in a line.
const ISON_BYTES_MAX: usize = 350;

impl Network {
    pub(super) fn list(&mut self, id: ClientId, message: &Message<'_>) {
        self.ports
            .numeric(&self.directory, id, RPL_LISTSTART)
            .param(b"Channel")
            .trailing(b"Users Name");
        let side = self.directory.side_of(id);
        let wanted: Vec<ChannelIx> = match message.params.get(0).filter(|names| !names.is_empty()) {
            Some(names) => names
                .split(|&byte| byte == b',')
                .filter_map(|name| self.channels.find(side, name))
                .collect(),
            None => self.channels.on_side(side).collect(),
        };
        for ix in wanted {
            if !self.sees(id, ix) {
                continue;
            }
            let channel = self.channels.channel(ix);
            let topic = channel.topic.as_ref().map_or(&b""[..], |topic| &topic.text);
            self.ports
                .numeric(&self.directory, id, RPL_LIST)
                .param(&channel.name)
                .number(channel.members().len() as u64)
                .trailing(topic);
        }
        self.tell(id, RPL_LISTEND, "End of channel list.");
    }

    pub(super) fn userhost(&mut self, id: ClientId, message: &Message<'_>) {
        if message.params.is_empty() {
            return self.fail_for_params(id, b"USERHOST");
        }
        let side = self.directory.side_of(id);
        let mut text = Vec::new();
        for nick in message.params.iter().take(USERHOST_NICKS_MAX) {
            let Some(found) = self.directory.find(side, nick) else {
                continue;
            };
            let client = self.directory.client(found);
            let away: &[u8] = if client.away.is_some() { b"=-" } else { b"=+" };
            if !text.is_empty() {
                text.push(b' ');
            }
            for part in [&client.nick[..], away, &client.user, b"@", &client.host] {
                text.extend_from_slice(part);
            }
        }
        self.ports
            .numeric(&self.directory, id, RPL_USERHOST)
            .trailing(&text);
    }

    pub(super) fn ison(&mut self, id: ClientId, message: &Message<'_>) {
        if message.params.is_empty() {
            return self.fail_for_params(id, b"ISON");
        }
        let side = self.directory.side_of(id);
        let mut text = Vec::new();
        let nicks = message
            .params
            .iter()
            .flat_map(|param| param.split(|&byte| byte == b' '));
        for nick in nicks {
            let Some(found) = self.directory.find(side, nick) else {
                continue;
            };
            let nick = &self.directory.client(found).nick;
            if text.len() + nick.len() >= ISON_BYTES_MAX {
                break;
            }
            if !text.is_empty() {
                text.push(b' ');
            }
            text.extend_from_slice(nick);
        }
        self.ports
            .numeric(&self.directory, id, RPL_ISON)
            .trailing(&text);
    }
}
