//! A channel that lived on both sides of a netsplit becomes one.

use crate::irc::network::Network;
use crate::irc::network::channels::Channel;
use crate::irc::network::channels::ChannelIx;
use crate::irc::network::channels::ChannelModes;
use crate::irc::network::channels::Status;
use crate::irc::network::client::ClientId;
use crate::irc::network::mode::Change;
use crate::irc::network::split::Part;
use crate::irc::wire::compose::push_number;
use crate::irc::wire::modes::Sign;
use crate::units::id::ServerId;

impl Network {
    /// Gives both halves the modes and the topic of the whole, and tells each half's members what changed.
    pub(super) fn merge_channels(&mut self, near: ChannelIx, ix: ChannelIx, far: ServerId) {
        if !self.manners().has_ages {
            return self.merge_without_ages(near, ix, far);
        }
        let (ours, theirs) = (self.channels.channel(near), self.channels.channel(ix));
        let created = ours.created.min(theirs.created);
        let bans_max = self.config.limits.bans_max;
        let modes = match ours.created.cmp(&theirs.created) {
            std::cmp::Ordering::Less => ours.modes.clone(),
            std::cmp::Ordering::Greater => theirs.modes.clone(),
            std::cmp::Ordering::Equal => united(&ours.modes, &theirs.modes, bans_max),
        };
        let set_at = |channel: ChannelIx| {
            let topic = self.channels.channel(channel).topic.as_ref();
            topic.map_or(0, |topic| topic.at)
        };
        let later = if set_at(ix) > set_at(near) { ix } else { near };
        let topic = self.channels.channel(later).topic.clone();
        for (half, part) in [(near, Part::Near), (ix, Part::Far)] {
            let (source, _) = self.link_names(part.other(), far);
            let source = source.to_vec();
            let channel = self.channels.channel(half);
            let mut changes = changes_between(&channel.modes, &modes);
            if channel.created > created {
                changes.extend(self.strip_statuses(half));
            }
            let channel = self.channels.channel_mut(half);
            channel.created = created;
            channel.modes = modes.clone();
            self.announce_modes(half, &source, &changes);
            if self.channels.channel(half).topic != topic {
                self.set_topic(half, topic.clone(), &source);
            }
        }
    }

    /// Each half keeps what it has: a half without modes takes those of the other and reads them, even if there are none to read, if
    /// the other has modes or a topic; a half without a topic takes the other's.
    fn merge_without_ages(&mut self, near: ChannelIx, ix: ChannelIx, far: ServerId) {
        let is_bare = |modes: &ChannelModes| {
            modes.flags.is_empty() && modes.key.is_none() && modes.limit.is_none()
        };
        let (ours, theirs) = (self.channels.channel(near), self.channels.channel(ix));
        let created = ours.created.min(theirs.created);
        let topic = ours.topic.clone().or_else(|| theirs.topic.clone());
        let mut modes = if is_bare(&ours.modes) {
            theirs.modes.clone()
        } else {
            ours.modes.clone()
        };
        modes.bans = united(&ours.modes, &theirs.modes, self.config.limits.bans_max).bans;
        let tells = |half: &Channel| !is_bare(&half.modes) || half.topic.is_some();
        let told = [
            (near, Part::Near, is_bare(&ours.modes) && tells(theirs)),
            (ix, Part::Far, is_bare(&theirs.modes) && tells(ours)),
        ];
        for (half, part, reads_modes) in told {
            let (source, _) = self.link_names(part.other(), far);
            let source = source.to_vec();
            let channel = self.channels.channel_mut(half);
            channel.created = created;
            channel.modes = modes.clone();
            if reads_modes {
                self.tell_modes(half, &source);
            }
            if self.channels.channel(half).topic.is_none() && topic.is_some() {
                self.set_topic(half, topic.clone(), &source);
            }
            self.channels.channel_mut(half).topic.clone_from(&topic);
        }
    }

    fn strip_statuses(&mut self, ix: ChannelIx) -> Vec<Change> {
        let holders: Vec<(ClientId, Status)> = self
            .channels
            .channel(ix)
            .members()
            .iter()
            .filter(|member| member.status != Status::NONE)
            .map(|member| (member.client, member.status))
            .collect();
        let mut changes = Vec::new();
        for (client, status) in holders {
            self.channels
                .set_status(&self.directory, ix, client, Status::NONE);
            for (held, letter) in [(Status::OPERATOR, b'o'), (Status::VOICE, b'v')] {
                if status.has_any(held) {
                    let nick = self.directory.client(client).nick.clone();
                    changes.push(change(Sign::Unset, letter, Some(nick)));
                }
            }
        }
        changes
    }
}

/// Returns what holds of two halves of the same age: every flag and ban, the greater key and limit.
fn united(a: &ChannelModes, b: &ChannelModes, bans_max: usize) -> ChannelModes {
    let mut modes = a.clone();
    for &letter in &b.flags {
        modes.set_flag(letter, true);
    }
    modes.key = a.key.clone().max(b.key.clone());
    modes.limit = a.limit.max(b.limit);
    for ban in &b.bans {
        let is_known = modes.bans.iter().any(|known| known.mask == ban.mask);
        if !is_known && modes.bans.len() < bans_max {
            modes.bans.push(ban.clone());
        }
    }
    modes
}

fn changes_between(old: &ChannelModes, new: &ChannelModes) -> Vec<Change> {
    let mut changes = Vec::new();
    let lost = old.flags.iter().filter(|&&letter| !new.has(letter));
    changes.extend(lost.map(|&letter| change(Sign::Unset, letter, None)));
    if let Some(key) = old.key.as_ref().filter(|_| old.key != new.key) {
        changes.push(change(Sign::Unset, b'k', Some(key.clone())));
    }
    if old.limit.is_some() && new.limit.is_none() {
        changes.push(change(Sign::Unset, b'l', None));
    }
    let has_ban = |modes: &ChannelModes, mask: &[u8]| modes.bans.iter().any(|ban| ban.mask == mask);
    for ban in old.bans.iter().filter(|ban| !has_ban(new, &ban.mask)) {
        changes.push(change(Sign::Unset, b'b', Some(ban.mask.clone())));
    }
    let gained = new.flags.iter().filter(|&&letter| !old.has(letter));
    changes.extend(gained.map(|&letter| change(Sign::Set, letter, None)));
    if let Some(key) = new.key.as_ref().filter(|_| old.key != new.key) {
        changes.push(change(Sign::Set, b'k', Some(key.clone())));
    }
    if let Some(limit) = new.limit.filter(|_| old.limit != new.limit) {
        let mut text = Vec::new();
        push_number(u64::from(limit), &mut text);
        changes.push(change(Sign::Set, b'l', Some(text)));
    }
    for ban in new.bans.iter().filter(|ban| !has_ban(old, &ban.mask)) {
        changes.push(change(Sign::Set, b'b', Some(ban.mask.clone())));
    }
    changes
}

fn change(sign: Sign, letter: u8, param: Option<Vec<u8>>) -> Change {
    Change {
        sign,
        letter,
        param,
    }
}
