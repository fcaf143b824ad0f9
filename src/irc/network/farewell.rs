//! The end of a network that stops in good order, as its family of servers does it.

use std::cmp::Reverse;

use crate::irc::network::Network;
use crate::irc::network::client::ClientId;
use crate::irc::network::directory::HUB;
use crate::irc::network::family::Closing;
use crate::irc::network::family::Farewell;
use crate::irc::network::ports::PortState;
use crate::units::id::ServerId;
use crate::units::offset::Offset;

impl Network {
    /// Stops the servers in good order, as for a restart: every client is closed, and reads before what its family of servers says. One
    /// that is killed says nothing: its clients read the end of their connections.
    pub fn shut_down(&mut self, now: Offset) {
        self.tick(now);
        let mut ids: Vec<ClientId> = self.directory.ids().collect();
        ids.retain(|&id| self.ports.is_open(id));
        ids.sort_by_key(|&id| (self.directory.client(id).enlisted, id));
        match self.manners().farewell {
            Farewell::Silent => self.close_all(&ids),
            Farewell::OldestFirst(text) => self.drop_all(&ids, text),
            Farewell::NewestFirst(text) => {
                ids.sort_by_key(|&id| Reverse((self.directory.client(id).enlisted, id)));
                self.drop_all(&ids, text);
            }
            Farewell::Notice(text) => {
                for &id in &ids {
                    self.notice(id, text.as_bytes());
                }
                self.close_all(&ids);
            }
        }
        self.settle();
    }

    /// Kills a server: the link to it breaks as by [`Self::split`], and its clients read the end of their connections and nothing else.
    /// It is up again at once, without clients, apart until [`Self::heal`].
    ///
    /// Returns whether there was a link to break.
    ///
    /// # Panics
    ///
    /// If there is no such server.
    pub fn kill(&mut self, now: Offset, far: ServerId) -> bool {
        self.tick(now);
        if far == HUB || !self.is_linked(far) {
            return false;
        }
        let ids: Vec<ClientId> = self.directory.ids().collect();
        for id in ids {
            if self.directory.client(id).server == far && self.ports.is_open(id) {
                self.ports.port_mut(id).outbox.clear();
                self.ports.close(id);
            }
        }
        self.split(now, far)
    }

    fn drop_all(&mut self, ids: &[ClientId], text: &str) {
        for &id in ids {
            self.drop_client(id, text.as_bytes());
        }
    }

    fn close_all(&mut self, ids: &[ClientId]) {
        for &id in ids {
            self.ports.close(id);
        }
    }

    /// Sends the last line of a connection that the server closes.
    pub(super) fn send_error(&mut self, id: ClientId, reason: &[u8]) {
        debug_assert!(self.ports.port(id).state == PortState::Open);
        let client = self.directory.client(id);
        let user: &[u8] = if client.user.is_empty() {
            b"unknown"
        } else {
            &client.user
        };
        let host = &client.host;
        let text = match self.manners().closing {
            Closing::Bracketed => {
                [b"Closing link: (", user, b"@", host, b") [", reason, b"]"].concat()
            }
            Closing::Parenthesised => [b"Closing Link: ", &host[..], b" (", reason, b")"].concat(),
            Closing::Counted => {
                // The figures are not kept; nobody is known to read them.
                let text = b"Connection statistics: client 0.0 kb, server 0.0 kb.";
                self.notice(id, text);
                reason.to_vec()
            }
        };
        self.ports.line(id).command(b"ERROR").trailing(&text);
    }

    pub(super) fn notice(&mut self, id: ClientId, text: &[u8]) {
        self.ports
            .line(id)
            .source(&self.directory.server_of(id).name)
            .command(b"NOTICE")
            .param(self.directory.client(id).addressee())
            .trailing(text);
    }
}
