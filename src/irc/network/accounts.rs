//! What users are called by others: accounts they log in to, hosts they are given.

use crate::irc::network::Network;
use crate::irc::network::caps::Caps;
use crate::irc::network::channels::ChannelIx;
use crate::irc::network::channels::Status;
use crate::irc::network::client::ClientId;
use crate::irc::network::join::relay_join;
use crate::irc::wire::numeric::RPL_VISIBLEHOST;
use crate::units::offset::Offset;

/// What those read who know no CHGHOST, before the JOINs of the user with its new host.
const HOST_CHANGED: &[u8] = b"Changing host";

impl Network {
    /// Logs a user in to an account, or out of its own with `None`, as services do: those who share a channel with it and it itself read
    /// ACCOUNT if they take `account-notify`, and its lines carry `account` for those who take `account-tag`.
    pub fn set_account(&mut self, now: Offset, id: ClientId, account: Option<&str>) {
        self.tick(now);
        if self.ports.used(id).is_some() {
            let account = account.map(|account| account.as_bytes().to_vec());
            self.change_account(id, account);
        }
        self.settle();
    }

    pub(super) fn change_account(&mut self, id: ClientId, account: Option<Vec<u8>>) {
        self.directory.client_mut(id).account = account;
        let client = self.directory.client(id);
        if !client.is_registered() {
            return;
        }
        let name = client.account.as_deref().unwrap_or(b"*");
        self.relay.begin_from(client).command(b"ACCOUNT").last(name);
        if self.ports.has(id, Caps::ACCOUNT_NOTIFY) {
            self.ports.relay(id, &mut self.relay);
        }
        self.relay_to_peers(id, Caps::ACCOUNT_NOTIFY);
    }

    /// Gives a user another user name and host, as cloaks and services do. Those who share a channel with it and it itself read CHGHOST
    /// if they take `chghost`; the others read QUIT, and JOIN and MODE with the new ones; it itself 396.
    ///
    /// Returns whether there is such a user. Limits and bans go on by the address from which it came.
    pub fn change_host(&mut self, now: Offset, id: ClientId, user: &str, host: &str) -> bool {
        self.tick(now);
        if !self.is_registered(id) {
            return false;
        }
        let (user, host) = (user.as_bytes(), host.as_bytes());
        self.relay
            .begin_from(self.directory.client(id))
            .command(b"CHGHOST")
            .param(user)
            .last(host);
        self.relay_to_peers(id, Caps::CHGHOST);
        if self.ports.has(id, Caps::CHGHOST) {
            self.ports.relay(id, &mut self.relay);
        } else {
            self.ports
                .numeric(&self.directory, id, RPL_VISIBLEHOST)
                .param(host)
                .trailing(b"is now your displayed host");
        }
        let client = self.directory.client(id);
        self.relay
            .begin_from(client)
            .command(b"QUIT")
            .trailing(HOST_CHANGED);
        self.relay_to_peers_without(id, Caps::CHGHOST);
        let client = self.directory.client_mut(id);
        client.user = user.to_vec();
        client.host = host.to_vec();
        client.rebuild_mask();
        let channels: Vec<ChannelIx> = client
            .memberships
            .iter()
            .map(|membership| membership.channel)
            .collect();
        for ix in channels {
            self.rejoin(id, ix);
        }
        self.settle();
        true
    }

    /// Tells members of a channel who know no CHGHOST that somebody is there, after they read that it is gone.
    fn rejoin(&mut self, id: ClientId, ix: ChannelIx) {
        let mut readers = self.listeners_of(ix);
        readers.retain(|&reader| reader != id && !self.ports.has(reader, Caps::CHGHOST));
        if readers.is_empty() {
            return;
        }
        self.compose_join(id, ix);
        for &reader in &readers {
            relay_join(&mut self.ports, &mut self.relay, &mut self.extended, reader);
        }
        let status = self.channels.status(&self.directory, ix, id);
        if status != Status::NONE {
            let server = self.directory.server_of(id).name.clone();
            let nick = self.directory.client(id).nick.clone();
            let letters: &[u8] = match (
                status.has_any(Status::OPERATOR),
                status.has_any(Status::VOICE),
            ) {
                (true, true) => b"+ov",
                (true, false) => b"+o",
                _ => b"+v",
            };
            let words = [letters, &nick, &nick];
            self.compose_mode(ix, &server, &words[..letters.len()]);
            for &reader in &readers {
                self.ports.relay(reader, &mut self.relay);
            }
        }
        if self.compose_away(id) {
            self.relay_away(&readers);
        }
    }
}
