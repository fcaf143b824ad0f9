//! AWAY and SETNAME: what users say about themselves.

use crate::irc::network::Network;
use crate::irc::network::caps::Caps;
use crate::irc::network::client::ClientId;
use crate::irc::wire::message::Message;
use crate::irc::wire::numeric::RPL_NOWAWAY;
use crate::irc::wire::numeric::RPL_UNAWAY;

/// Longest real name; longer ones are cut.
pub(super) const REAL_NAME_BYTES_MAX: usize = 128;

impl Network {
    pub(super) fn away_command(&mut self, id: ClientId, message: &Message<'_>) {
        let text = message.params.get(0).unwrap_or_default();
        let text = &text[..text.len().min(self.config.limits.away_len)];
        self.directory.client_mut(id).away = (!text.is_empty()).then(|| text.to_vec());
        let (number, sentence) = if text.is_empty() {
            (RPL_UNAWAY, "You are no longer marked as being away")
        } else {
            (RPL_NOWAWAY, "You have been marked as being away")
        };
        self.ports
            .numeric(&self.directory, id, number)
            .trailing(sentence.as_bytes());
        let client = self.directory.client(id);
        let line = self.relay.begin_from(client).command(b"AWAY");
        match &client.away {
            Some(text) => line.trailing(text),
            None => line.end(),
        }
        self.relay_to_peers(id, Caps::AWAY_NOTIFY);
    }

    /// Makes a client's AWAY ready to be relayed; returns whether it is away.
    pub(super) fn compose_away(&mut self, id: ClientId) -> bool {
        let client = self.directory.client(id);
        let Some(text) = &client.away else {
            return false;
        };
        self.relay
            .begin_from(client)
            .command(b"AWAY")
            .trailing(text);
        true
    }

    /// Sends the relay's AWAY to those of `readers` who want such.
    pub(super) fn relay_away(&mut self, readers: &[ClientId]) {
        for &reader in readers {
            if self.ports.has(reader, Caps::AWAY_NOTIFY) {
                self.ports.relay(reader, &mut self.relay);
            }
        }
    }

    /// Tells `to` that `about` is away, if so.
    pub(super) fn send_away(&mut self, to: ClientId, about: ClientId, number: u16) {
        let client = self.directory.client(about);
        if let Some(text) = &client.away {
            self.ports
                .numeric(&self.directory, to, number)
                .param(&client.nick)
                .trailing(text);
        }
    }

    pub(super) fn setname(&mut self, id: ClientId, message: &Message<'_>) {
        let Some(name) = message.params.get(0) else {
            return self.fail_for_params(id, b"SETNAME");
        };
        let name = &name[..name.len().min(REAL_NAME_BYTES_MAX)];
        self.directory.client_mut(id).real_name = name.to_vec();
        self.relay
            .begin_from(self.directory.client(id))
            .command(b"SETNAME")
            .trailing(name);
        self.relay_to_peers(id, Caps::SETNAME);
        if self.ports.has(id, Caps::SETNAME) {
            self.ports.relay(id, &mut self.relay);
        }
    }
}
