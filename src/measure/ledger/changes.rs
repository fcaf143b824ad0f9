//! Changes of the shard's own users' memberships, as they are sent and proved, and what fellow members are owed of them.

use std::time::Duration;

use crate::measure::ledger::Ledger;
use crate::measure::ledger::facts::EndFact;
use crate::measure::ledger::membership::Stay;
use crate::measure::ledger::partition::Split;
use crate::measure::ledger::presence::Across;
use crate::measure::ledger::presence::Presence;
use crate::measure::ledger::presence::PresenceFact;
use crate::units::id::ChannelId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// By when every shard knows of a new nick: facts cross once a second.
const NICK_KNOWN_AFTER: Duration = Duration::from_secs(3);

impl Ledger {
    /// Notes that one of this shard's users sent JOIN.
    pub fn handle_join_sent(&mut self, user: UserId, channel: ChannelId, now: Offset) {
        let (Some(local), Some(book)) = (self.config.sharding.local(user), self.book(channel))
        else {
            return;
        };
        let since = self.books[book].first_open;
        if let Some(id) = self.members.begin(local, user, channel, now, since) {
            self.books[book].rows.push(id);
        }
    }

    /// Notes that one of this shard's users read its own JOIN. Returns when the JOIN was sent.
    pub fn handle_joined(
        &mut self,
        user: UserId,
        channel: ChannelId,
        now: Offset,
    ) -> Option<Offset> {
        let local = self.config.sharding.local(user)?;
        let id = self.members.row(local, channel)?;
        let stay = &mut self.members.rows[id as usize].stay;
        if stay.joined != Offset::NEVER {
            return None;
        }
        stay.joined = now;
        let attempt = stay.join_sent;
        self.publish(PresenceFact::of(
            Presence::Join,
            user,
            vec![channel],
            attempt,
            now,
        ));
        Some(attempt)
    }

    /// Notes that a JOIN was refused: there is no membership.
    pub fn handle_join_refused(&mut self, user: UserId, channel: ChannelId, now: Offset) {
        if let Some(local) = self.config.sharding.local(user) {
            self.members.end(local, channel, now);
        }
    }

    /// Notes that one of this shard's users sent PART.
    pub fn handle_part_sent(&mut self, user: UserId, channel: ChannelId, now: Offset) {
        if let Some(local) = self.config.sharding.local(user) {
            self.members.leave_sent(local, Some(channel), now);
        }
    }

    /// Notes that one of this shard's users read its own PART, or its KICK out of the channel. Returns when the PART was sent.
    pub fn handle_left(
        &mut self,
        user: UserId,
        channel: ChannelId,
        presence: Presence,
        now: Offset,
    ) -> Option<Offset> {
        let local = self.config.sharding.local(user)?;
        let id = self.members.row(local, channel)?;
        let was_member = self.members.rows[id as usize].stay.joined != Offset::NEVER;
        self.members.end(local, channel, now);
        let attempt = self.members.rows[id as usize].stay.leave_sent;
        if was_member {
            self.publish(PresenceFact::of(
                presence,
                user,
                vec![channel],
                attempt,
                now,
            ));
        }
        Some(attempt)
    }

    /// Notes that one of this shard's users has registered, and whether its connection echoes its messages.
    pub fn handle_online(&mut self, user: UserId, wants_echo: bool, sent: Offset, now: Offset) {
        let Some(local) = self.config.sharding.local(user) else {
            return;
        };
        let member = &mut self.members.users[local];
        member.online.rotate_right(1);
        member.online[0] = Stay::begun(sent);
        member.online[0].joined = now;
        if std::mem::take(&mut member.has_ghost) {
            // It may have come back under another nick, and others still write to the ghost.
            member.online[0].joined = now + NICK_KNOWN_AFTER;
        }
        member.wants_echo = wants_echo;
    }

    /// Notes that one of this shard's users sent QUIT, or closed its side.
    pub fn handle_quit_sent(&mut self, user: UserId, now: Offset) {
        let Some(local) = self.config.sharding.local(user) else {
            return;
        };
        self.members.leave_sent(local, None, now);
        let stay = &mut self.members.users[local].online[0];
        stay.leave_sent = stay.leave_sent.min(now);
    }

    /// Notes that a connection of one of this shard's users has ended.
    pub fn handle_offline(&mut self, user: UserId, now: Offset) {
        if let Some(fact) = self.end_online(user, now) {
            self.publish(fact);
        }
    }

    /// Notes that one of this shard's users has left its connection standing and reads it no more. When the server finds out, and
    /// tells others, is its own affair: nobody is owed the QUIT.
    pub fn handle_vanished(&mut self, user: UserId, now: Offset) {
        self.end_online(user, now);
        if let Some(local) = self.config.sharding.local(user) {
            self.members.users[local].has_ghost = true;
        }
    }

    /// Ends what a user's connection held, and returns what fellow members see of it if the server knows.
    fn end_online(&mut self, user: UserId, now: Offset) -> Option<PresenceFact> {
        let local = self.config.sharding.local(user)?;
        let stay = self.members.users[local].online[0];
        if stay.left != Offset::NEVER {
            return None;
        }
        self.ends.enter(user, now);
        self.outgoing.ends.push(EndFact { user, at: now });
        let has_asked = stay.leave_sent != Offset::NEVER;
        // Without a QUIT of its own the server may have dropped it at any moment after its last sign of life.
        let attempt = if has_asked {
            stay.leave_sent
        } else {
            self.members.users[local].proved.min(now)
        };
        let until = if has_asked { attempt } else { Offset::NEVER };
        let channels = self.joined_channels(local, attempt, until);
        self.members.end_all(local, now);
        let processed = if has_asked { now } else { Offset::NEVER };
        (!channels.is_empty()).then(|| PresenceFact {
            processed,
            ..PresenceFact::of(Presence::Quit, user, channels, attempt, now)
        })
    }

    /// Notes that one of this shard's users read its own NICK.
    pub fn handle_renamed(&mut self, user: UserId, sent: Offset, now: Offset) {
        let Some(local) = self.config.sharding.local(user) else {
            return;
        };
        let channels = self.joined_channels(local, sent, sent);
        if !channels.is_empty() {
            self.publish(PresenceFact::of(Presence::Nick, user, channels, sent, now));
        }
    }

    /// Enters the state of a split. Every shard is told the same.
    pub fn handle_split(&mut self, split: Split) {
        self.partition.update(split);
    }

    /// Publishes that the split's link is down: everybody has lost everybody across it.
    pub fn handle_split_done(&mut self, split: Split) {
        self.handle_split(split);
        self.publish_across(Presence::Quit, split, split.ordered, split.done);
    }

    /// Publishes that the split's link is up: everybody is back for everybody across it.
    pub fn handle_healed(&mut self, split: Split) {
        self.handle_split(split);
        self.publish_across(Presence::Join, split, split.heal_ordered, split.healed);
    }

    fn publish_across(
        &mut self,
        presence: Presence,
        split: Split,
        attempt: Offset,
        processed: Offset,
    ) {
        for local in 0..self.members.users.len() {
            let user = self.config.sharding.user(local);
            let channels = self.joined_channels(local, attempt, processed);
            // A QUIT is seen once for all shared channels, a JOIN once for each.
            let seen_apart: Vec<Vec<ChannelId>> = match presence {
                Presence::Join => channels.into_iter().map(|channel| vec![channel]).collect(),
                _ if channels.is_empty() => Vec::new(),
                _ => vec![channels],
            };
            for channels in seen_apart {
                let own = PresenceFact::of(presence, user, channels, attempt, processed);
                self.publish(PresenceFact {
                    across: Some(Across {
                        phase: split.phase,
                        far: split.far,
                    }),
                    ..own
                });
            }
        }
    }

    /// Returns the channels that the user had surely joined before `before` and not asked to leave until `until`.
    fn joined_channels(&self, local: usize, before: Offset, until: Offset) -> Vec<ChannelId> {
        let is_member = |stay: Stay| stay.joined < before && stay.leave_sent >= until;
        let rows = self.members.users[local].rows.iter();
        rows.filter(|&&(_, id)| is_member(self.members.rows[id as usize].stay))
            .map(|&(channel, _)| channel)
            .collect()
    }

    fn publish(&mut self, fact: PresenceFact) {
        if self.config.sharding.count() > 1 {
            self.outgoing.presence.push(fact.clone());
        }
        self.presence.enter(fact);
    }
}
