//! The recorded connections that are open: who each is, and where.

use std::collections::HashMap;

use crate::traffic::capture::dialogue::ConnectionId;
use crate::traffic::capture::dialogue::channels::Memberships;
use crate::traffic::capture::dialogue::departures::Teller;
use crate::traffic::capture::playback::Playback;

/// Connections that are open at once; a host has that many ports.
const CONNECTIONS_MAX: usize = 65_536;

/// What a connection costs besides itself and its names: its place, and its user with an entry of one connection.
const USER_BYTES: usize = 384;

/// Copies of a nick that are held besides the connection's own: the user's, and a nick that is coming, twice with the old one.
const NICK_COPIES: usize = 4;

/// The place of an open connection; used again once it is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Slot(pub(super) usize);

/// How far a connection's user is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not registered, or nothing has told its nick yet.
    #[default]
    Nameless,
    /// On the network.
    Registered,
    /// Has quit.
    Gone,
}

/// An open connection.
#[derive(Debug, Default)]
pub(super) struct Connection {
    pub(super) slot: Slot,
    /// The count of departures when it began.
    pub(super) since: u64,
    pub(super) stage: Stage,
    /// Its nick, once registered.
    pub(super) nick: Vec<u8>,
    /// Its nick in lower case.
    pub(super) folded: Vec<u8>,
    /// The nick that it asked for last, before it is registered.
    pub(super) asked: Vec<u8>,
    pub(super) memberships: Memberships,
    pub(super) playback: Playback,
    /// What it was last counted to hold.
    pub(super) counted_bytes: usize,
}

impl Connection {
    /// Returns what is held for it.
    pub(super) fn held_bytes(&self) -> usize {
        size_of::<Self>()
            + USER_BYTES
            + self.nick.len() * NICK_COPIES
            + self.nick.capacity()
            + self.folded.capacity()
            + self.asked.capacity()
            + self.memberships.held_bytes()
            + self.playback.held_bytes()
    }

    /// Returns the connection as departures know it.
    pub(super) fn teller(&self) -> Teller {
        Teller {
            slot: self.slot,
            since: self.since,
        }
    }

    /// Returns whether a nick, in lower case, is its own.
    pub(super) fn is_own(&self, folded: &[u8]) -> bool {
        self.stage != Stage::Nameless && self.folded == folded
    }
}

/// The connections that are open.
#[derive(Debug, Default)]
pub(super) struct Connections {
    slots: HashMap<ConnectionId, Slot>,
    list: Vec<Connection>,
    free: Vec<Slot>,
}

impl Connections {
    /// Returns whether nothing is held.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Returns a connection, which is opened if need be; `None` past the limit.
    pub(super) fn open(&mut self, id: ConnectionId, since: u64) -> Option<&mut Connection> {
        if let Some(&slot) = self.slots.get(&id) {
            return self.list.get_mut(slot.0);
        }
        if self.slots.len() >= CONNECTIONS_MAX {
            return None;
        }
        let slot = self.free.pop().unwrap_or(Slot(self.list.len()));
        let connection = Connection {
            slot,
            since,
            ..Connection::default()
        };
        match self.list.get_mut(slot.0) {
            Some(place) => *place = connection,
            None => self.list.push(connection),
        }
        self.slots.insert(id, slot);
        self.list.get_mut(slot.0)
    }

    /// Returns a connection, if it is open, and forgets it.
    pub(super) fn close(&mut self, id: ConnectionId) -> Option<Connection> {
        let slot = self.slots.remove(&id)?;
        self.free.push(slot);
        self.list.get_mut(slot.0).map(std::mem::take)
    }
}
