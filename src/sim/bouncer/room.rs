//! A channel as a seat knows it: whether it is in, with whom, what is kept, and which clients were played that.

use std::collections::BTreeMap;

use crate::sim::bouncer::ConnectionId;
use crate::sim::bouncer::buffer::Buffer;

/// One channel of one seat.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Its name as it was first written.
    pub(super) name: Vec<u8>,
    pub(super) is_in: bool,
    pub(super) buffer: Buffer,
    /// Attached clients that have been played what was kept.
    pub(super) told: Vec<ConnectionId>,
    /// By nick in lower case, as NAMES shows each.
    members: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Room {
    pub(super) fn new(name: &[u8]) -> Self {
        Self {
            name: name.to_vec(),
            ..Self::default()
        }
    }

    /// Notes that the user has come in.
    pub(super) fn enter(&mut self) {
        self.is_in = true;
        self.members.clear();
    }

    /// Notes that the user is out.
    pub(super) fn leave(&mut self) {
        self.is_in = false;
        self.members.clear();
    }

    /// Takes a member as NAMES shows it, with `symbols` before the nick.
    pub(super) fn add(&mut self, shown: &[u8], symbols: &[u8]) {
        let symbol_count = shown.iter().take_while(|byte| symbols.contains(byte));
        let nick = &shown[symbol_count.count()..];
        self.members
            .entry(nick.to_ascii_lowercase())
            .or_insert_with(|| shown.to_vec());
    }

    pub(super) fn remove(&mut self, nick: &[u8]) {
        self.members.remove(&nick.to_ascii_lowercase());
    }

    pub(super) fn rename(&mut self, from: &[u8], to: &[u8]) {
        if let Some(mut shown) = self.members.remove(&from.to_ascii_lowercase()) {
            shown.truncate(shown.len().saturating_sub(from.len()));
            shown.extend_from_slice(to);
            self.members.insert(to.to_ascii_lowercase(), shown);
        }
    }

    /// Returns the members as lists for one 353 each, of at most `bytes_max` bytes unless one nick is longer.
    pub(super) fn names(&self, bytes_max: usize) -> Vec<Vec<u8>> {
        let mut lists = Vec::new();
        let mut list: Vec<u8> = Vec::new();
        for shown in self.members.values() {
            if !list.is_empty() && list.len() + 1 + shown.len() > bytes_max {
                lists.push(std::mem::take(&mut list));
            }
            if !list.is_empty() {
                list.push(b' ');
            }
            list.extend_from_slice(shown);
        }
        lists.push(list);
        lists
    }
}
