//! NAMES: who is on a channel.

use crate::irc::network::Network;
use crate::irc::network::caps::Caps;
use crate::irc::network::channels::ChannelIx;
use crate::irc::network::client::ClientId;
use crate::irc::network::relay::RELAYED_BYTES_MAX;
use crate::irc::wire::message::Message;
use crate::irc::wire::numeric::RPL_ENDOFNAMES;
use crate::irc::wire::numeric::RPL_NAMREPLY;

impl Network {
    pub(super) fn names_command(&mut self, id: ClientId, message: &Message<'_>) {
        let Some(names) = message.params.get(0) else {
            // Without a channel RFC 2812 would list the network; servers in use answer with the end alone.
            return self.end_of_names(id, b"*");
        };
        for name in names
            .split(|&byte| byte == b',')
            .take(self.config.limits.targets_max)
        {
            match self.visible_channel(id, name) {
                Some(ix) => self.send_names(id, ix),
                None => self.end_of_names(id, name),
            }
        }
    }

    pub(super) fn send_names(&mut self, id: ClientId, ix: ChannelIx) {
        let channel = self.channels.channel(ix);
        let asker = self.directory.client(id);
        let is_member = self.channels.member(&self.directory, ix, id).is_some();
        let is_multi = self.ports.has(id, Caps::MULTI_PREFIX);
        let is_full = self.ports.has(id, Caps::USERHOST_IN_NAMES);
        let symbol: &[u8] = match (channel.modes.has(b's'), channel.modes.has(b'p')) {
            (true, _) => b"@",
            (_, true) => b"*",
            _ => b"=",
        };
        let server_len = self.directory.server_of(id).name.len();
        let frame_len =
            ": 353  =  :\r\n".len() + server_len + asker.nick.len() + channel.name.len();
        let room = RELAYED_BYTES_MAX.saturating_sub(frame_len);
        let mut text = Vec::with_capacity(RELAYED_BYTES_MAX);
        for member in channel.members() {
            let client = self.directory.client(member.client);
            if client.modes.is_invisible && !is_member {
                continue;
            }
            let symbols = member.status.symbols(is_multi);
            let name = if is_full { &client.mask } else { &client.nick };
            if !text.is_empty() && text.len() + 1 + symbols.len() + name.len() > room {
                self.ports
                    .numeric(&self.directory, id, RPL_NAMREPLY)
                    .param(symbol)
                    .param(&channel.name)
                    .trailing(&text);
                text.clear();
            }
            if !text.is_empty() {
                text.push(b' ');
            }
            text.extend_from_slice(symbols);
            text.extend_from_slice(name);
        }
        if !text.is_empty() {
            self.ports
                .numeric(&self.directory, id, RPL_NAMREPLY)
                .param(symbol)
                .param(&channel.name)
                .trailing(&text);
        }
        let name = channel.name.clone();
        self.end_of_names(id, &name);
    }

    fn end_of_names(&mut self, id: ClientId, name: &[u8]) {
        self.fail(id, RPL_ENDOFNAMES, &[name], "End of /NAMES list.");
    }
}
