//! Channels and which recorded connections are in them; the one that is in a channel longest is its observer.

use std::collections::HashMap;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;

use crate::traffic::capture::dialogue::connections::Slot;
use crate::traffic::capture::dialogue::departures::Scene;

/// Memberships of recorded connections that are held: six thousand users of a bouncer in twenty channels each.
const MEMBERSHIPS_MAX: usize = 131_072;

/// Channels with recorded members that are held; large networks have some ten thousand.
const CHANNELS_MAX: usize = 16_384;

/// Longest name of a channel that is held (RFC 1459, 1.3).
const NAME_BYTES_MAX: usize = 200;

/// A channel with recorded members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ChannelId(usize);

/// The channels with recorded members.
#[derive(Debug, Default)]
pub(super) struct Channels {
    ids: HashMap<Arc<[u8]>, ChannelId>,
    list: Vec<Channel>,
    free: Vec<ChannelId>,
    entry_count: u64,
    membership_count: usize,
}

#[derive(Debug)]
struct Channel {
    name: Arc<[u8]>,
    /// Who is in it, with the numbers of their entries, which rise.
    members: Vec<(u64, Slot)>,
}

/// The channels that a connection is in, in order, each with the number of its entry.
#[derive(Debug, Default)]
pub(super) struct Memberships(Vec<(ChannelId, u64)>);

impl Memberships {
    /// Returns what is held for them.
    pub(super) fn held_bytes(&self) -> usize {
        self.0.capacity() * size_of::<(ChannelId, u64)>()
    }

    fn find(&self, id: ChannelId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&id, |&(known, _)| known)
    }
}

impl Channels {
    /// Returns whether nothing is held.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.membership_count == 0
    }

    /// Notes that a connection is in a channel, named in lower case; returns whether it is the channel's observer.
    ///
    /// Past the limits nothing is held and every connection is an observer: an event may then count more than once.
    pub(super) fn is_observer(
        &mut self,
        name: &[u8],
        memberships: &mut Memberships,
        slot: Slot,
    ) -> bool {
        let known = self.ids.get(name).copied();
        if known.is_none_or(|id| memberships.find(id).is_err()) {
            let is_full = self.membership_count >= MEMBERSHIPS_MAX
                || (known.is_none() && self.ids.len() >= CHANNELS_MAX);
            if is_full || name.len() > NAME_BYTES_MAX {
                return known.is_none();
            }
            let id = known.unwrap_or_else(|| self.open(name));
            if let Some(channel) = self.list.get_mut(id.0)
                && let Err(at) = memberships.find(id)
            {
                channel.members.push((self.entry_count, slot));
                memberships.0.insert(at, (id, self.entry_count));
                self.entry_count += 1;
                self.membership_count += 1;
            }
        }
        self.observer(name) == Some(slot)
    }

    /// Returns the observer of a channel.
    pub(super) fn observer(&self, name: &[u8]) -> Option<Slot> {
        let channel = self.list.get(self.ids.get(name)?.0)?;
        channel.members.first().map(|&(_, slot)| slot)
    }

    /// Returns where a connection is that leaves.
    pub(super) fn scene(&self, memberships: &Memberships) -> Scene {
        let channels = memberships.0.iter();
        Scene {
            inside: channels
                .filter_map(|(id, _)| self.list.get(id.0))
                .map(|channel| hash(&channel.name))
                .collect(),
            entry_count: self.entry_count,
        }
    }

    /// Returns the number of a connection's entry into a channel where it is.
    pub(super) fn entry(&self, name: &[u8], memberships: &Memberships) -> Option<u64> {
        let at = memberships.find(*self.ids.get(name)?).ok()?;
        memberships.0.get(at).map(|&(_, entry)| entry)
    }

    /// Returns whether one of these connections is in a channel.
    pub(super) fn holds_any(&self, name: &[u8], mut is_meant: impl FnMut(Slot) -> bool) -> bool {
        let channel = self.ids.get(name).and_then(|id| self.list.get(id.0));
        channel.is_some_and(|channel| channel.members.iter().any(|&(_, slot)| is_meant(slot)))
    }

    /// Returns whether a connection with these memberships is in a channel.
    pub(super) fn is_in(&self, name: &[u8], memberships: &Memberships) -> bool {
        self.entry(name, memberships).is_some()
    }

    /// Notes that a connection left a channel.
    pub(super) fn leave(&mut self, name: &[u8], memberships: &mut Memberships) {
        if let Some(&id) = self.ids.get(name)
            && let Ok(at) = memberships.find(id)
        {
            let (_, entry) = memberships.0.remove(at);
            self.remove(id, entry);
        }
    }

    /// Notes that a connection left all its channels.
    pub(super) fn leave_all(&mut self, memberships: &mut Memberships) {
        while let Some((id, entry)) = memberships.0.pop() {
            self.remove(id, entry);
        }
    }

    fn open(&mut self, name: &[u8]) -> ChannelId {
        let name: Arc<[u8]> = name.into();
        let channel = Channel {
            name: Arc::clone(&name),
            members: Vec::new(),
        };
        let id = self.free.pop().unwrap_or(ChannelId(self.list.len()));
        match self.list.get_mut(id.0) {
            Some(place) => *place = channel,
            None => self.list.push(channel),
        }
        self.ids.insert(name, id);
        id
    }

    fn remove(&mut self, id: ChannelId, entry: u64) {
        let Some(channel) = self.list.get_mut(id.0) else {
            return;
        };
        if let Ok(at) = channel
            .members
            .binary_search_by_key(&entry, |&(known, _)| known)
        {
            channel.members.remove(at);
            self.membership_count -= 1;
        }
        if channel.members.is_empty() {
            self.ids.remove(&channel.name);
            self.free.push(id);
        }
    }
}

/// Returns a number that stands for a name.
pub(super) fn hash(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_in_a_channel_longest_observes_it() {
        let mut channels = Channels::default();
        let (mut first, mut second) = (Memberships::default(), Memberships::default());
        assert!(channels.is_observer(b"#w", &mut first, Slot(0)));
        assert!(!channels.is_observer(b"#w", &mut second, Slot(1)));
        channels.leave(b"#w", &mut first);
        assert!(channels.is_observer(b"#w", &mut second, Slot(1)));
        assert!(!channels.is_observer(b"#w", &mut first, Slot(0)));
        channels.leave_all(&mut second);
        assert_eq!(channels.observer(b"#w"), Some(Slot(0)));
        channels.leave_all(&mut first);
        assert_eq!(channels.observer(b"#w"), None);
        assert_eq!(channels.membership_count, 0);
    }

    #[test]
    fn places_of_empty_channels_are_used_again() {
        let mut channels = Channels::default();
        let mut memberships = Memberships::default();
        for number in 0..100 {
            let name = format!("#{number}");
            assert!(channels.is_observer(name.as_bytes(), &mut memberships, Slot(0)));
            channels.leave(name.as_bytes(), &mut memberships);
        }
        assert_eq!(channels.list.len(), 1);
        assert!(channels.ids.is_empty());
    }
}
