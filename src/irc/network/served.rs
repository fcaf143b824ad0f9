//! What a shell on sockets, or in virtual time, asks of a network that it serves.

use crate::irc::network::CloseReason;
use crate::irc::network::Network;
use crate::irc::network::Output;
use crate::irc::network::client::ClientId;
use crate::units::id::ServerId;
use crate::units::offset::Offset;

/// A network that is served: bytes and times in, bytes out.
pub trait Served {
    /// Returns the network itself, to do something to it.
    fn network_mut(&mut self) -> &mut Network;
    /// Takes a new connection to `server` from `address`.
    fn handle_connect(&mut self, now: Offset, server: ServerId, address: &str) -> ClientId;
    /// Takes bytes from a client.
    fn handle_bytes(&mut self, now: Offset, id: ClientId, bytes: &[u8]);
    /// Takes the end of a client's connection.
    fn handle_closed(&mut self, now: Offset, id: ClientId, reason: CloseReason);
    /// Acts on what is due at `now`.
    fn handle_timer(&mut self, now: Offset);
    /// Returns when [`Self::handle_timer`] is next to be called.
    fn next_timer(&self) -> Option<Offset>;
    /// Returns what to do next.
    fn poll(&mut self) -> Output;
    /// Returns the bytes for a client that may leave at `now`.
    fn outgoing(&mut self, now: Offset, id: ClientId) -> &[u8];
    /// Takes the first `count` of those: they are on their way since `now`.
    fn consume(&mut self, now: Offset, id: ClientId, count: usize);
    /// Says goodbye to everybody.
    fn shut_down(&mut self, now: Offset);
    /// Begins anew: of what was, only accounts are remembered.
    fn restart(&mut self, now: Offset);
}

impl Served for Network {
    fn network_mut(&mut self) -> &mut Network {
        self
    }

    fn handle_connect(&mut self, now: Offset, server: ServerId, address: &str) -> ClientId {
        self.handle_connect(now, server, address)
    }

    fn handle_bytes(&mut self, now: Offset, id: ClientId, bytes: &[u8]) {
        self.handle_bytes(now, id, bytes);
    }

    fn handle_closed(&mut self, now: Offset, id: ClientId, reason: CloseReason) {
        self.handle_closed(now, id, reason);
    }

    fn handle_timer(&mut self, now: Offset) {
        self.handle_timer(now);
    }

    fn next_timer(&self) -> Option<Offset> {
        self.next_timer()
    }

    fn poll(&mut self) -> Output {
        self.poll()
    }

    fn outgoing(&mut self, _now: Offset, id: ClientId) -> &[u8] {
        self.outbox(id).as_slice()
    }

    fn consume(&mut self, _now: Offset, id: ClientId, count: usize) {
        self.outbox(id).consume(count);
    }

    fn shut_down(&mut self, now: Offset) {
        self.shut_down(now);
    }

    fn restart(&mut self, now: Offset) {
        let fresh = Self::new(self.config.clone(), now, self.start_unix_micros);
        let mut old = std::mem::replace(self, fresh);
        self.keep_accounts_of(&mut old);
        self.keep_sightings_of(&mut old);
    }
}
