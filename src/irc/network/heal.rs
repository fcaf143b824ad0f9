//! The end of a netsplit: nicks that collide, JOINs of each side for the other, modes.

use crate::irc::network::Network;
use crate::irc::network::channels::ChannelIx;
use crate::irc::network::channels::Member;
use crate::irc::network::channels::Status;
use crate::irc::network::client::ClientId;
use crate::irc::network::directory::HUB;
use crate::irc::network::join::relay_join;
use crate::irc::network::mode::Change;
use crate::irc::network::split::Part;
use crate::irc::wire::modes::Sign;
use crate::units::id::ServerId;
use crate::units::offset::Offset;

/// Digits of the nicks given at a collision.
const BASE_36: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

impl Network {
    /// Makes the link between `far` and the hub again.
    ///
    /// Of two users with one nick, who took it later is renamed to an id such as `001000008` (a digit first, so no user can hold it); both if
    /// they took it at the same moment; a client that has not yet registered is closed. A channel on both sides becomes one: the older
    /// one's modes hold and the younger one's operators and voices are lost; if both are as old, they are united. The later topic
    /// holds. Then each side reads the JOINs of the other, and MODE for its operators and voices from the server at the other end.
    ///
    /// Returns whether the link was broken.
    ///
    /// # Panics
    ///
    /// If there is no such server.
    pub fn heal(&mut self, now: Offset, far: ServerId) -> bool {
        self.tick(now);
        if self.is_linked(far) {
            return false;
        }
        self.resolve_nicks(far);
        // A client closed for what it could not take must leave while the sides are still apart.
        self.settle();
        let joining: Vec<ChannelIx> = self.channels.on_side(far).collect();
        let mut pairs = Vec::new();
        for ix in joining {
            let name = &self.channels.channel(ix).name;
            match self.channels.find(HUB, name) {
                Some(near) => pairs.push((near, ix)),
                None => self.channels.move_to_side(ix, HUB),
            }
        }
        for &(near, ix) in &pairs {
            self.merge_channels(near, ix, far);
        }
        self.begin_batches();
        for &(near, ix) in &pairs {
            self.announce_arrivals((ix, near), Part::Far, far);
            self.announce_arrivals((near, ix), Part::Near, far);
        }
        self.end_batches();
        for &(near, ix) in &pairs {
            self.announce_statuses((ix, near), Part::Far, far);
            self.announce_statuses((near, ix), Part::Near, far);
        }
        for (near, ix) in pairs {
            while let Some(&Member { client, .. }) = self.channels.channel(ix).members().last() {
                if let Some(entry) = self.channels.leave(&mut self.directory, ix, client) {
                    self.channels.join(&mut self.directory, near, entry);
                }
            }
        }
        self.directory.move_nicks(far, far, HUB);
        self.directory.servers[far.index()].is_linked = true;
        self.settle();
        true
    }

    fn resolve_nicks(&mut self, far: ServerId) {
        for id in self.directory.ids() {
            let client = self.directory.client(id);
            if client.server != far || self.directory.holder(far, &client.nick) != Some(id) {
                continue;
            }
            let Some(other) = self.directory.holder(HUB, &client.nick) else {
                continue;
            };
            let (mine, theirs) = (client.nick_since, self.directory.client(other).nick_since);
            if mine >= theirs {
                self.yield_nick(id);
            }
            if theirs >= mine {
                self.yield_nick(other);
            }
        }
    }

    fn yield_nick(&mut self, id: ClientId) {
        let client = self.directory.client(id);
        if !client.is_registered() {
            return self.drop_client(id, b"Nickname collision");
        }
        let mut nick = format!("{:03}", client.server.0).into_bytes();
        let mut rest = id.index();
        let mut digits = [b'0'; 6];
        for digit in digits.iter_mut().rev() {
            *digit = BASE_36[rest % BASE_36.len()];
            rest /= BASE_36.len();
        }
        nick.extend(digits);
        self.rename(id, &nick);
    }

    /// Tells the members of a channel on one side of those on the other.
    fn announce_arrivals(&mut self, (from, to): (ChannelIx, ChannelIx), part: Part, far: ServerId) {
        let readers: Vec<ClientId> = self.listeners_of(to);
        if readers.is_empty() {
            return;
        }
        for place in 0..self.channels.channel(from).members().len() {
            let client = self.channels.channel(from).members()[place].client;
            self.compose_join(client, from);
            for &reader in &readers {
                debug_assert!(self.part_of(reader, far) == part.other());
                self.open_batch(reader, b"netjoin", far);
                relay_join(&mut self.ports, &mut self.relay, &mut self.extended, reader);
            }
            if self.compose_away(client) {
                self.relay_away(&readers);
            }
        }
    }

    fn announce_statuses(&mut self, (from, to): (ChannelIx, ChannelIx), part: Part, far: ServerId) {
        let mut changes = Vec::new();
        for (status, letter) in [(Status::OPERATOR, b'o'), (Status::VOICE, b'v')] {
            let holders = self.channels.channel(from).members().iter();
            changes.extend(
                holders
                    .filter(|member| member.status.has_any(status))
                    .map(|member| Change {
                        sign: Sign::Set,
                        letter,
                        param: Some(self.directory.client(member.client).nick.clone()),
                    }),
            );
        }
        let (source, _) = self.link_names(part, far);
        let source = source.to_vec();
        self.announce_modes(to, &source, &changes);
    }

    pub(super) fn listeners_of(&self, ix: ChannelIx) -> Vec<ClientId> {
        let listeners = self.channels.channel(ix).listeners();
        listeners.iter().map(|member| member.client).collect()
    }
}
