//! The channels: their modes, topics and members.

use crate::irc::network::client::ClientId;
use crate::irc::network::client::Membership;
use crate::irc::network::directory::Directory;
use crate::irc::network::history::History;
use crate::irc::network::names::NameTable;
use crate::units::id::ServerId;

/// A channel; dense, used again after the channel is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChannelIx(pub(super) u32);

impl ChannelIx {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A member's standing on a channel: any of operator and voice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status(u8);

impl Status {
    /// Neither.
    pub const NONE: Self = Self(0);
    /// Operator (`@`).
    pub const OPERATOR: Self = Self(1);
    /// Voice (`+`).
    pub const VOICE: Self = Self(2);

    /// Says whether any of `other` is in this status.
    pub fn has_any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns the symbols before a nick: all, or the highest.
    pub(super) fn symbols(self, is_multi: bool) -> &'static [u8] {
        match (self.has_any(Self::OPERATOR), self.has_any(Self::VOICE)) {
            (true, true) if is_multi => b"@+",
            (true, _) => b"@",
            (false, true) => b"+",
            (false, false) => b"",
        }
    }
}

/// One channel on one side.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) name: Vec<u8>,
    pub(super) side: ServerId,
    /// Unix seconds: when sides meet again, the older channel's modes hold.
    pub(super) created: u64,
    pub(super) topic: Option<Topic>,
    pub(super) modes: ChannelModes,
    /// What was said, if that is kept.
    pub(super) history: History,
    /// Those with a connection first: a relayed line visits no others. Bounded by the clients there are.
    members: Vec<Member>,
    listening_count: usize,
}

/// A channel's topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Topic {
    pub(super) text: Vec<u8>,
    pub(super) by: Vec<u8>,
    /// Unix seconds.
    pub(super) at: u64,
}

/// A channel's modes, its members' apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ChannelModes {
    /// Letters of those without a parameter, sorted; a subset of `imnpst`.
    pub(super) flags: Vec<u8>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) limit: Option<u32>,
    /// At most `bans_max`.
    pub(super) bans: Vec<Ban>,
}

/// A ban.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ban {
    pub(super) mask: Vec<u8>,
    pub(super) by: Vec<u8>,
    /// Unix seconds.
    pub(super) at: u64,
}

/// A member's row in its channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) client: ClientId,
    /// The place of this channel among the client's memberships.
    back: u32,
    pub(super) status: Status,
    /// Its turn among those who joined; of the network's own count.
    pub(super) joined: u64,
}

impl ChannelModes {
    pub(super) fn has(&self, letter: u8) -> bool {
        self.flags.contains(&letter)
    }

    /// Sets or unsets a flag; returns whether that changed anything.
    pub(super) fn set_flag(&mut self, letter: u8, is_set: bool) -> bool {
        match (self.flags.binary_search(&letter), is_set) {
            (Err(place), true) => self.flags.insert(place, letter),
            (Ok(place), false) => {
                self.flags.remove(place);
            }
            _ => return false,
        }
        true
    }
}

impl Channel {
    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    /// Returns the members that have a connection.
    pub(super) fn listeners(&self) -> &[Member] {
        &self.members[..self.listening_count]
    }
}

/// All channels of all sides.
#[derive(Debug)]
pub(super) struct Channels {
    slots: Vec<Channel>,
    free: Vec<ChannelIx>,
    /// By the server that stands for a side.
    tables: Vec<NameTable<ChannelIx>>,
}

impl Channels {
    pub(super) fn new(server_count: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            tables: (0..server_count).map(|_| NameTable::default()).collect(),
        }
    }

    pub(super) fn channel(&self, ix: ChannelIx) -> &Channel {
        &self.slots[ix.index()]
    }

    pub(super) fn channel_mut(&mut self, ix: ChannelIx) -> &mut Channel {
        &mut self.slots[ix.index()]
    }

    pub(super) fn find(&self, side: ServerId, name: &[u8]) -> Option<ChannelIx> {
        self.tables[side.index()].find(name)
    }

    pub(super) fn count(&self, side: ServerId) -> usize {
        self.tables[side.index()].len()
    }

    /// Returns the channels of a side, in the order of their slots.
    pub(super) fn on_side(&self, side: ServerId) -> impl Iterator<Item = ChannelIx> + '_ {
        self.slots
            .iter()
            .zip(0..)
            .filter(move |(channel, _)| channel.side == side && !channel.members.is_empty())
            .map(|(_, index)| ChannelIx(index))
    }

    /// Adds an empty channel under a name that is free on its side.
    pub(super) fn add(&mut self, side: ServerId, name: &[u8], created: u64) -> ChannelIx {
        let channel = Channel {
            name: name.to_vec(),
            side,
            created,
            topic: None,
            modes: ChannelModes::default(),
            history: History::default(),
            members: Vec::new(),
            listening_count: 0,
        };
        let ix = if let Some(ix) = self.free.pop() {
            self.slots[ix.index()] = channel;
            ix
        } else {
            let ix = ChannelIx(u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
            assert!(ix.index() == self.slots.len(), "more channels than ids");
            self.slots.push(channel);
            ix
        };
        self.tables[side.index()].insert(name, ix);
        ix
    }

    /// Moves a channel to another side, where its name is free.
    pub(super) fn move_to_side(&mut self, ix: ChannelIx, side: ServerId) {
        let channel = &mut self.slots[ix.index()];
        self.tables[channel.side.index()].remove(&channel.name);
        self.tables[side.index()].insert(&channel.name, ix);
        channel.side = side;
    }

    /// Adds a member; the caller has seen that it is none yet.
    pub(super) fn join(&mut self, directory: &mut Directory, ix: ChannelIx, entry: Entry) {
        let client = directory.client_mut(entry.client);
        let channel = &mut self.slots[ix.index()];
        let member = Member {
            client: entry.client,
            back: u32::try_from(client.memberships.len()).unwrap_or(u32::MAX),
            status: entry.status,
            joined: entry.joined,
        };
        let slot = channel.members.len();
        channel.members.push(member);
        client.memberships.push(Membership {
            channel: ix,
            slot: u32::try_from(slot).unwrap_or(u32::MAX),
        });
        if entry.is_listening {
            self.swap(directory, ix, slot, self.slots[ix.index()].listening_count);
            self.slots[ix.index()].listening_count += 1;
        }
    }

    /// Takes a client off a channel, and the channel away if it was the last; returns the client's status there.
    pub(super) fn leave(
        &mut self,
        directory: &mut Directory,
        ix: ChannelIx,
        client: ClientId,
    ) -> Option<Entry> {
        let (at, mut slot) = Self::place(directory, ix, client)?;
        let entry = Entry {
            client,
            status: self.channel(ix).members[slot].status,
            joined: self.channel(ix).members[slot].joined,
            is_listening: slot < self.channel(ix).listening_count,
        };
        if entry.is_listening {
            let last = self.channel(ix).listening_count - 1;
            self.swap(directory, ix, slot, last);
            self.slots[ix.index()].listening_count = last;
            slot = last;
        }
        let last = self.channel(ix).members.len() - 1;
        self.swap(directory, ix, slot, last);
        self.slots[ix.index()].members.pop();

        let memberships = &mut directory.client_mut(client).memberships;
        memberships.swap_remove(at);
        if let Some(moved) = memberships.get(at) {
            let row = &mut self.slots[moved.channel.index()].members[moved.slot as usize];
            row.back = u32::try_from(at).unwrap_or(u32::MAX);
        }
        if self.channel(ix).members.is_empty() {
            self.remove(ix);
        }
        Some(entry)
    }

    /// Returns a member's row.
    pub(super) fn member(
        &self,
        directory: &Directory,
        ix: ChannelIx,
        client: ClientId,
    ) -> Option<&Member> {
        let (_, slot) = Self::place(directory, ix, client)?;
        self.channel(ix).members.get(slot)
    }

    /// Returns a member's status, none for a stranger.
    pub(super) fn status(&self, directory: &Directory, ix: ChannelIx, client: ClientId) -> Status {
        self.member(directory, ix, client)
            .map_or(Status::NONE, |member| member.status)
    }

    /// Changes a member's status.
    pub(super) fn set_status(
        &mut self,
        directory: &Directory,
        ix: ChannelIx,
        client: ClientId,
        status: Status,
    ) {
        if let Some((_, slot)) = Self::place(directory, ix, client) {
            self.slots[ix.index()].members[slot].status = status;
        }
    }

    /// Finds a channel among a client's memberships, and the client's row on it. A user is on few channels, a channel has many
    /// members: the search is always on the user's side.
    fn place(directory: &Directory, ix: ChannelIx, client: ClientId) -> Option<(usize, usize)> {
        let memberships = &directory.client(client).memberships;
        let at = memberships.iter().position(|m| m.channel == ix)?;
        Some((at, memberships[at].slot as usize))
    }

    fn remove(&mut self, ix: ChannelIx) {
        let channel = &mut self.slots[ix.index()];
        self.tables[channel.side.index()].remove(&channel.name);
        channel.topic = None;
        channel.modes = ChannelModes::default();
        channel.history = History::default();
        self.free.push(ix);
    }

    fn swap(&mut self, directory: &mut Directory, ix: ChannelIx, a: usize, b: usize) {
        let members = &mut self.slots[ix.index()].members;
        members.swap(a, b);
        for slot in [a, b] {
            let Member { client, back, .. } = members[slot];
            directory.client_mut(client).memberships[back as usize].slot =
                u32::try_from(slot).unwrap_or(u32::MAX);
        }
    }
}

/// A client as a member of some channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) client: ClientId,
    pub(super) status: Status,
    /// Its turn among those who joined.
    pub(super) joined: u64,
    /// Whether it has a connection that lines go to.
    pub(super) is_listening: bool,
}
