//! Recorded users: a nick and the connections that bear it, several if a bouncer serves several clients.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;

use crate::traffic::capture::Seen;
use crate::traffic::capture::dialogue::connections::Slot;

/// Events of a user of several connections by which repeats are recognised: what one tells, the others tell soon.
/// A bouncer that is told to send a page of text takes minutes to, a line at a time.
const TOLD_MAX: usize = 256;

/// Such events of all users.
const TOLD_ALL_MAX: usize = 32_768;

/// Connections of a user that are told apart as tellers of an event; nobody attaches as many clients.
const TELLERS_MAX: usize = 64;

/// Longest nick that is expected to come.
const COMING_BYTES_MAX: usize = 64;

/// The recorded users by nick, in lower case.
#[derive(Debug, Default)]
pub(super) struct Users {
    by_nick: HashMap<Box<[u8]>, User>,
    /// Nicks that users are to get, and are not told yet that they have: the new nick to the old.
    coming: HashMap<Box<[u8]>, Box<[u8]>>,
    told_count: usize,
}

#[derive(Debug, Default)]
struct User {
    connections: Vec<Slot>,
    told: VecDeque<Told>,
    coming: Option<Box<[u8]>>,
}

/// An event that one connection of several has told, and who else.
#[derive(Debug)]
struct Told {
    hash: u64,
    by: Vec<Slot>,
}

impl Users {
    /// Returns whether nothing is held.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.by_nick.is_empty() && self.coming.is_empty() && self.told_count == 0
    }

    /// Returns the connections of a nick, none if it is nobody's who is recorded, as far as any connection has told.
    pub(super) fn connections(&self, nick: &[u8]) -> &[Slot] {
        let found = self.by_nick.get(nick).or_else(|| {
            let old = (!self.coming.is_empty()).then(|| self.coming.get(nick))??;
            self.by_nick.get(old)
        });
        found.map_or(&[], |user| user.connections.as_slice())
    }

    /// Returns whether a nick is a recorded user's.
    pub(super) fn is_recorded(&self, nick: &[u8]) -> bool {
        !self.connections(nick).is_empty()
    }

    /// Notes that a connection bears a nick.
    pub(super) fn add(&mut self, nick: &[u8], slot: Slot) {
        if let Some(user) = self.by_nick.get_mut(nick) {
            user.connections.push(slot);
        } else {
            let user = User {
                connections: vec![slot],
                ..User::default()
            };
            self.by_nick.insert(nick.into(), user);
        }
    }

    /// Notes that a connection bears a nick no longer; returns whether it was the last that did.
    pub(super) fn remove(&mut self, nick: &[u8], slot: Slot) -> bool {
        let Some(user) = self.by_nick.get_mut(nick) else {
            return false;
        };
        user.connections.retain(|&known| known != slot);
        for told in &mut user.told {
            told.by.retain(|&known| known != slot);
        }
        if !user.connections.is_empty() {
            return false;
        }
        if let Some(coming) = user.coming.take() {
            self.coming.remove(&coming);
        }
        self.told_count -= user.told.len();
        self.by_nick.remove(nick);
        true
    }

    /// Notes that a recorded user is to get a nick: they asked for it, or a relay tells it before their own connection.
    pub(super) fn expect(&mut self, old: &[u8], new: &[u8]) {
        if old == new || new.len() > COMING_BYTES_MAX {
            return;
        }
        let Some(user) = self.by_nick.get_mut(old) else {
            return;
        };
        if let Some(before) = user.coming.replace(new.into()) {
            self.coming.remove(&before);
        }
        self.coming.insert(new.into(), old.into());
    }

    /// Notes that a user does not get the nick that they were to get.
    pub(super) fn give_up(&mut self, nick: &[u8]) {
        if let Some(coming) = self
            .by_nick
            .get_mut(nick)
            .and_then(|user| user.coming.take())
        {
            self.coming.remove(&coming);
        }
    }

    /// Notes that a connection of this nick tells an event; returns whether it is the first of them that does.
    pub(super) fn is_first(&mut self, nick: &[u8], slot: Slot, event: &Seen<'_>) -> bool {
        let Some(user) = self
            .by_nick
            .get_mut(nick)
            .filter(|user| user.connections.len() > 1)
        else {
            return true;
        };
        let hash = hash(event);
        if user.repeats(hash, slot) {
            return false;
        }
        let is_full = user.told.len() >= TOLD_MAX || self.told_count >= TOLD_ALL_MAX;
        if is_full && user.told.pop_front().is_some() {
            self.told_count -= 1;
        }
        if self.told_count < TOLD_ALL_MAX {
            let by = vec![slot];
            user.told.push_back(Told { hash, by });
            self.told_count += 1;
        }
        true
    }

    /// Notes that a connection of this nick tells an event that is none of now, be it a repeat or not.
    pub(super) fn note_repeat(&mut self, nick: &[u8], slot: Slot, event: &Seen<'_>) {
        if let Some(user) = self.by_nick.get_mut(nick) {
            user.repeats(hash(event), slot);
        }
    }
}

impl User {
    /// Returns whether another connection has told an event that this one has not, and notes that it has.
    fn repeats(&mut self, hash: u64, slot: Slot) -> bool {
        let repeated = self
            .told
            .iter_mut()
            .find(|told| told.hash == hash && !told.by.contains(&slot));
        let Some(told) = repeated else {
            return false;
        };
        if told.by.len() < TELLERS_MAX {
            told.by.push(slot);
        }
        true
    }
}

/// Returns a number that equal events have.
fn hash(event: &Seen<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    let kind = event.kind.as_str();
    (kind, event.nick, event.channel, event.peer, event.text).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::trace::event::EventKind;

    #[test]
    fn what_every_connection_of_a_user_tells_is_first_once() {
        let mut users = Users::default();
        let event = Seen::new(EventKind::Message, b"alder", b"hi");
        users.add(b"alder", Slot(0));
        assert!(users.is_first(b"alder", Slot(0), &event));
        assert!(users.is_first(b"alder", Slot(0), &event));
        users.add(b"alder", Slot(1));
        let told = [0, 0, 1, 1, 1, 0].map(|slot| users.is_first(b"alder", Slot(slot), &event));
        assert_eq!(told, [true, true, false, false, true, false]);
        assert!(!users.remove(b"alder", Slot(0)));
        assert!(users.remove(b"alder", Slot(1)));
        assert!(!users.is_recorded(b"alder"));
    }

    #[test]
    fn a_nick_that_is_coming_is_recorded() {
        let mut users = Users::default();
        users.add(b"alder", Slot(0));
        users.expect(b"alder", b"birch");
        users.expect(b"nobody", b"cedar");
        assert!(users.is_recorded(b"birch"));
        assert!(!users.is_recorded(b"cedar"));
        users.remove(b"alder", Slot(0));
        assert!(!users.is_recorded(b"birch"));
        assert!(users.coming.is_empty());
    }
}
