//! Netsplits: a link breaks, and each side reads the QUITs of the other.

use std::cmp::Reverse;

use crate::irc::network::Network;
use crate::irc::network::caps::Caps;
use crate::irc::network::channels::ChannelIx;
use crate::irc::network::client::ClientId;
use crate::irc::network::directory::HUB;
use crate::irc::network::family::Order;
use crate::units::id::ServerId;
use crate::units::offset::Offset;

/// Which part of a network a client is on when a link breaks or is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// With the hub.
    Near,
    /// On the server at the other end.
    Far,
}

impl Part {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Near => Self::Far,
            Self::Far => Self::Near,
        }
    }
}

/// The members of a channel that have a connection, by part.
#[derive(Debug, Default)]
struct Listeners {
    near: Vec<ClientId>,
    far: Vec<ClientId>,
}

impl Network {
    /// Breaks the link between `far` and the hub. Each side reads a QUIT for every user of the other with whom it shared a channel, its
    /// own server first in the text; then both live on, each with its own nicks and channels, until [`Self::heal`].
    ///
    /// Returns whether there was a link to break: the hub has none to itself.
    ///
    /// # Panics
    ///
    /// If there is no such server.
    pub fn split(&mut self, now: Offset, far: ServerId) -> bool {
        self.tick(now);
        if far == HUB || !self.is_linked(far) {
            return false;
        }
        self.announce_split(far);
        self.tell_of_link(far, false);
        self.directory.move_nicks(far, HUB, far);
        // From here on the members of `far` see their own side.
        self.directory.servers[far.index()].is_linked = false;
        let shared: Vec<ChannelIx> = self.channels.on_side(HUB).collect();
        for ix in shared {
            self.split_channel(ix, far);
        }
        self.settle();
        true
    }

    pub(super) fn part_of(&self, id: ClientId, far: ServerId) -> Part {
        if self.directory.client(id).server == far {
            Part::Far
        } else {
            Part::Near
        }
    }

    /// Returns the names of a link's ends as a part reads them: its own end first (RFC 2812, 3.1.7).
    pub(super) fn link_names(&self, part: Part, far: ServerId) -> (&[u8], &[u8]) {
        let name = |server: ServerId| &self.directory.servers[server.index()].name[..];
        match part {
            Part::Near => (name(HUB), name(far)),
            Part::Far => (name(far), name(HUB)),
        }
    }

    fn announce_split(&mut self, far: ServerId) {
        // Sorted by part once per channel, so that each QUIT visits only those who read it.
        let mut listeners: Vec<Listeners> = Vec::new();
        for ix in self.channels.on_side(HUB) {
            listeners.resize_with(listeners.len().max(ix.index() + 1), Listeners::default);
            for member in self.channels.channel(ix).listeners() {
                match self.part_of(member.client, far) {
                    Part::Near => listeners[ix.index()].near.push(member.client),
                    Part::Far => listeners[ix.index()].far.push(member.client),
                }
            }
        }
        let text = |part| {
            let (own, other) = self.link_names(part, far);
            [own, b" ", other].concat()
        };
        let (near_text, far_text) = (text(Part::Near), text(Part::Far));
        self.begin_batches();
        for id in self.in_order_of_quits() {
            let client = self.directory.client(id);
            if !client.is_registered() || self.directory.side(client.server) != HUB {
                continue;
            }
            let part = self.part_of(id, far);
            // Those on the other side read it.
            let text = if part == Part::Far {
                &near_text
            } else {
                &far_text
            };
            self.relay
                .begin_from(self.directory.client(id))
                .command(b"QUIT")
                .trailing(text);
            self.ports.begin_round();
            for place in 0..self.directory.client(id).memberships.len() {
                let ix = self.directory.client(id).memberships[place].channel;
                let readers = match part {
                    Part::Near => &listeners[ix.index()].far,
                    Part::Far => &listeners[ix.index()].near,
                };
                for &reader in readers {
                    if self.ports.is_first(reader) {
                        self.open_batch(reader, b"netsplit", far);
                        self.ports.relay(reader, &mut self.relay);
                    }
                }
            }
        }
        self.end_batches();
    }

    /// Returns the ids in the order in which a server tells that their users are lost.
    fn in_order_of_quits(&self) -> Vec<ClientId> {
        let mut ids: Vec<ClientId> = self.directory.ids().collect();
        if self.manners().order == Order::NewestFirst {
            ids.sort_by_key(|&id| Reverse(self.directory.client(id).introduced));
        }
        ids
    }

    fn split_channel(&mut self, ix: ChannelIx, far: ServerId) {
        let members = self.channels.channel(ix).members();
        let leaving: Vec<ClientId> = members
            .iter()
            .map(|member| member.client)
            .filter(|&client| self.part_of(client, far) == Part::Far)
            .collect();
        if leaving.is_empty() {
            return;
        }
        if leaving.len() == members.len() {
            self.channels.move_to_side(ix, far);
            return;
        }
        let channel = self.channels.channel(ix);
        let (name, created) = (channel.name.clone(), channel.created);
        let (topic, modes) = (channel.topic.clone(), channel.modes.clone());
        let history = channel.history.clone();
        let copy = self.channels.add(far, &name, created);
        let channel = self.channels.channel_mut(copy);
        channel.topic = topic;
        channel.modes = modes;
        channel.history = history;
        for client in leaving {
            if let Some(entry) = self.channels.leave(&mut self.directory, ix, client) {
                self.channels.join(&mut self.directory, copy, entry);
            }
        }
    }

    /// Puts the lines from now on into a batch for those who take batches; each reader's begins with [`Self::open_batch`].
    pub(super) fn begin_batches(&mut self) {
        if !self.manners().has_link_batches {
            return;
        }
        self.split_count += 1;
        let reference = format!("link{}", self.split_count);
        self.relay.set_batch(reference.as_bytes());
        self.extended.set_batch(reference.as_bytes());
    }

    /// Begins the batch for a reader if it takes batches and has none yet.
    pub(super) fn open_batch(&mut self, reader: ClientId, kind: &[u8], far: ServerId) {
        let takes_batch = self.manners().has_link_batches && self.ports.has(reader, Caps::BATCH);
        if !takes_batch || self.ports.port(reader).is_in_batch {
            return;
        }
        self.ports.port_mut(reader).is_in_batch = true;
        self.in_batch.push(reader);
        let part = self.part_of(reader, far);
        let (own, other) = self.link_names(part, far);
        let (own, other) = (own.to_vec(), other.to_vec());
        self.ports
            .line(reader)
            .source(&self.directory.server_of(reader).name)
            .command(b"BATCH")
            .param(format!("+link{}", self.split_count).as_bytes())
            .param(kind)
            .param(&own)
            .last(&other);
    }

    pub(super) fn end_batches(&mut self) {
        self.relay.set_batch(b"");
        self.extended.set_batch(b"");
        for reader in std::mem::take(&mut self.in_batch) {
            self.ports.port_mut(reader).is_in_batch = false;
            self.ports
                .line(reader)
                .source(&self.directory.server_of(reader).name)
                .command(b"BATCH")
                .last(format!("-link{}", self.split_count).as_bytes());
        }
    }
}
