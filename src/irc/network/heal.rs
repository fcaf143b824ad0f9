//! The end of a netsplit: nicks that collide, JOINs of each side for the other, modes.

use std::cmp::Reverse;

use crate::irc::network::Network;
use crate::irc::network::channels::ChannelIx;
use crate::irc::network::channels::Member;
use crate::irc::network::channels::Status;
use crate::irc::network::client::ClientId;
use crate::irc::network::directory::HUB;
use crate::irc::network::family::Collision;
use crate::irc::network::family::Order;
use crate::irc::network::family::Statuses;
use crate::irc::network::join::relay_join;
use crate::irc::network::mode::Change;
use crate::irc::network::split::Part;
use crate::irc::wire::modes::Sign;
use crate::irc::wire::numeric::ERR_NICKCOLLISION;
use crate::units::id::ServerId;
use crate::units::offset::Offset;

/// The letters of what a member can be.
const LETTERS: [(Status, u8); 2] = [(Status::OPERATOR, b'o'), (Status::VOICE, b'v')];

impl Network {
    /// Makes the link between `far` and the hub again.
    ///
    /// Of two users with one nick, who took it later is renamed to an id such as `001000008` (a digit first, so no user can hold it); both if
    /// they took it at the same moment; a client that has not yet registered is closed. A channel on both sides becomes one: the older
    /// one's modes hold and the younger one's operators and voices are lost; if both are as old, they are united. The later topic
    /// holds. Then each side reads the JOINs of the other, and MODE for its operators and voices from the server at the other end.
    /// [`Family`](crate::irc::network::family::Family) tells which servers do otherwise.
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
        if self.manners().order != Order::Tables {
            pairs.sort_by_key(|&(_, ix)| Reverse(self.first_joined(ix)));
        }
        match self.manners().statuses {
            Statuses::AfterAll => self.announce_at_once(&pairs, far),
            Statuses::AfterJoins(count) => self.announce_by_channel(&pairs, far, count),
        }
        for (near, ix) in pairs {
            let other = std::mem::take(&mut self.channels.channel_mut(ix).history);
            let lines_max = self.config.limits.history_lines_max.unwrap_or(0) as usize;
            self.channels
                .channel_mut(near)
                .history
                .merge(other, lines_max);
            while let Some(&Member { client, .. }) = self.channels.channel(ix).members().last() {
                if let Some(entry) = self.channels.leave(&mut self.directory, ix, client) {
                    self.channels.join(&mut self.directory, near, entry);
                }
            }
        }
        self.introduce_anew(far);
        self.directory.move_nicks(far, far, HUB);
        self.directory.servers[far.index()].is_linked = true;
        self.tell_of_link(far, true);
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
            let have_both_to_go = self.manners().collision == Collision::BothClosed;
            if mine >= theirs || have_both_to_go {
                self.yield_nick(id);
            }
            if theirs >= mine || have_both_to_go {
                self.yield_nick(other);
            }
        }
    }

    fn yield_nick(&mut self, id: ClientId) {
        let text = self.manners().collision_text.as_bytes();
        let client = self.directory.client(id);
        let digits_of_ids = match self.manners().collision {
            Collision::Renamed(digits) if client.is_registered() => digits,
            Collision::LaterClosed => {
                let nick = client.nick.clone();
                self.fail(id, ERR_NICKCOLLISION, &[&nick], "Nickname collision KILL");
                return self.drop_client(id, text);
            }
            Collision::Renamed(_) | Collision::BothClosed => return self.drop_client(id, text),
        };
        let mut nick = format!("{:03}", client.server.0).into_bytes();
        let mut rest = id.index();
        let mut digits = [b'0'; 6];
        for digit in digits.iter_mut().rev() {
            *digit = digits_of_ids[rest % digits_of_ids.len()];
            rest /= digits_of_ids.len();
        }
        nick.extend(digits);
        self.rename(id, &nick);
    }

    /// Merges all channels, then tells of all JOINs, in a batch for those who take batches, then of all operators and voices.
    fn announce_at_once(&mut self, pairs: &[(ChannelIx, ChannelIx)], far: ServerId) {
        for &(near, ix) in pairs {
            self.merge_channels(near, ix, far);
        }
        let halves = |&(near, ix)| [(ix, near, Part::Far), (near, ix, Part::Near)];
        self.begin_batches();
        for (from, to, part) in pairs.iter().flat_map(halves) {
            let members = self.members_in_order(from);
            self.announce_arrivals((from, to), &members, (part, far));
        }
        self.end_batches();
        for (from, to, part) in pairs.iter().flat_map(halves) {
            let holders = |status| {
                let members = self.channels.channel(from).members().iter();
                members.filter(move |member| member.status.has_any(status))
            };
            let mut changes = Vec::new();
            for (status, letter) in LETTERS {
                changes.extend(holders(status).map(|member| self.given(member.client, letter)));
            }
            self.announce_given(to, &changes, (part, far));
        }
    }

    /// Merges one channel after the other, and tells of its JOINs, and after each `count` of them of the operators and voices among
    /// these.
    fn announce_by_channel(
        &mut self,
        pairs: &[(ChannelIx, ChannelIx)],
        far: ServerId,
        count: usize,
    ) {
        for &(near, ix) in pairs {
            self.merge_channels(near, ix, far);
            for (from, to, part) in [(ix, near, Part::Far), (near, ix, Part::Near)] {
                let members = self.members_in_order(from);
                for some in members.chunks(count.max(1)) {
                    self.announce_arrivals((from, to), some, (part, far));
                    let mut changes = Vec::new();
                    for member in some {
                        let held = LETTERS
                            .iter()
                            .filter(|(status, _)| member.status.has_any(*status));
                        changes.extend(held.map(|&(_, letter)| self.given(member.client, letter)));
                    }
                    self.announce_given(to, &changes, (part, far));
                }
            }
        }
    }

    /// Returns a channel's members in the order in which the other side is told of them.
    fn members_in_order(&self, ix: ChannelIx) -> Vec<Member> {
        let mut members = self.channels.channel(ix).members().to_vec();
        match self.manners().order {
            Order::Tables => {}
            Order::OldestFirst => members.sort_by_key(|member| member.joined),
            Order::NewestFirst => members.sort_by_key(|member| Reverse(member.joined)),
        }
        members
    }

    /// Returns when the oldest member of a channel joined: which of two channels is the newer, better than by the second.
    fn first_joined(&self, ix: ChannelIx) -> u64 {
        let members = self.channels.channel(ix).members().iter();
        members.map(|member| member.joined).min().unwrap_or(0)
    }

    /// Tells the members of a channel on one side of some of those on the other.
    fn announce_arrivals(
        &mut self,
        (from, to): (ChannelIx, ChannelIx),
        members: &[Member],
        (part, far): (Part, ServerId),
    ) {
        let readers: Vec<ClientId> = self.listeners_of(to);
        if readers.is_empty() {
            return;
        }
        for &Member { client, .. } in members {
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

    fn given(&self, client: ClientId, letter: u8) -> Change {
        Change {
            sign: Sign::Set,
            letter,
            param: Some(self.directory.client(client).nick.clone()),
        }
    }

    fn announce_given(&mut self, to: ChannelIx, changes: &[Change], (part, far): (Part, ServerId)) {
        let (source, _) = self.link_names(part, far);
        let source = source.to_vec();
        self.announce_modes(to, &source, changes);
    }

    /// Notes in which order each side was told of the users of the other: the newest first, where it matters.
    fn introduce_anew(&mut self, far: ServerId) {
        if self.manners().order != Order::NewestFirst {
            return;
        }
        let mut ids: Vec<ClientId> = self
            .directory
            .ids()
            .filter(|&id| {
                let client = self.directory.client(id);
                let is_near = self.directory.side(client.server) == HUB;
                client.is_registered() && (is_near || client.server == far)
            })
            .collect();
        ids.sort_by_key(|&id| Reverse(self.directory.client(id).enlisted));
        for id in ids {
            self.directory.client_mut(id).introduced = self.next_turn();
        }
    }

    pub(super) fn listeners_of(&self, ix: ChannelIx) -> Vec<ClientId> {
        let listeners = self.channels.channel(ix).listeners();
        listeners.iter().map(|member| member.client).collect()
    }
}
