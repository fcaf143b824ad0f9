//! JOINs and PARTs: which channels a user is to be in, and the lines that say so.

use std::sync::Arc;

use crate::irc::wire::compose::Line;
use crate::measure::act::Act;
use crate::swarm::Shard;
use crate::swarm::user::Wanted;
use crate::units::id::ChannelId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// Longest JOIN or PART line built, line ending apart: within 512 for every server, whatever it counts.
const LIST_LINE_BYTES_MAX: usize = 450;
/// Bytes that one more channel takes in a list: a comma and a name.
const CHANNEL_BYTES: usize = 10;
/// Most channels in one JOIN or PART where the server names no limit; some read no more than this.
const LIST_COUNT_MAX: u32 = 20;

impl Shard {
    /// Joins every channel of the user that it is not in, as far as the target allows.
    pub(super) fn join_all(&mut self, local: usize, now: Offset) {
        // A bouncer is in them already, and tells.
        if self.bouncer.is_some() {
            return;
        }
        if self.plan.script().is_some() {
            self.join_wanted(local, now);
            return;
        }
        let user = self.users[local].id;
        let plan = Arc::clone(&self.plan);
        let most = self.channels_max();
        let channels: Vec<ChannelId> = plan
            .population
            .channels(user)
            .iter()
            .copied()
            .filter(|&channel| !self.ledger.is_member(user, channel))
            .take(most)
            .collect();
        self.interval.acts.add_done(Act::Join, channels.len());
        self.join(local, &channels, now);
    }

    fn channels_max(&self) -> usize {
        self.isupport
            .channels_max(b'#')
            .map_or(usize::MAX, |most| most as usize)
    }

    /// Joins the channels in which a script wants a user and has not sent a JOIN on this connection, as far as the target allows.
    fn join_wanted(&mut self, local: usize, now: Offset) {
        let state = &mut self.users[local];
        if !state.session.is_online() {
            return;
        }
        let (user, most) = (state.id, self.channels_max());
        let mut wanted = std::mem::take(&mut self.users[local].wanted);
        let (mut fresh, mut again) = (Vec::new(), Vec::new());
        for wanted in wanted.iter_mut().take(most) {
            let is_member = self.ledger.is_member(user, wanted.channel);
            // A JOIN sent before the PART's echo would begin a membership that the echo then ends.
            if self.ledger.is_leaving(user, wanted.channel) || is_member && !wanted.is_owed {
                continue;
            }
            if std::mem::take(&mut wanted.is_owed) {
                let late = now.since(wanted.intended);
                self.interval.acts.add_sent(Act::Join, late);
            }
            // Somebody whose KICK the target refused is still there: the JOIN of the trace is sent, and changes nothing.
            let list = if is_member { &mut again } else { &mut fresh };
            list.push(wanted.channel);
        }
        self.users[local].wanted = wanted;
        self.write_list(local, b"JOIN", &again, now);
        self.join(local, &fresh, now);
    }

    /// Begins what a script has a user do about a channel: what it was told before about it is over.
    fn begin_turn(&mut self, local: usize, channel: ChannelId, counted: Option<Act>) {
        if let Some(act) = counted {
            self.interval.acts.add_planned(act);
        }
        self.users[local]
            .wanted
            .retain(|wanted| wanted.channel != channel);
    }

    /// Joins a channel as a script has it, now or as soon as its user is online.
    pub(super) fn join_as_told(
        &mut self,
        user: UserId,
        channel: ChannelId,
        is_synthetic: bool,
        intended: Offset,
        now: Offset,
    ) {
        let Some(local) = self.sharding.local(user) else {
            return;
        };
        self.begin_turn(local, channel, (!is_synthetic).then_some(Act::Join));
        let state = &mut self.users[local];
        state.wanted.push(Wanted {
            channel,
            intended,
            is_owed: !is_synthetic,
        });
        self.join_wanted(local, now);
    }

    /// Leaves a channel as a script has it.
    pub(super) fn part_as_told(
        &mut self,
        user: UserId,
        channel: ChannelId,
        is_synthetic: bool,
        intended: Offset,
        now: Offset,
    ) {
        let Some(local) = self.sharding.local(user) else {
            return;
        };
        self.begin_turn(local, channel, (!is_synthetic).then_some(Act::Part));
        let state = &mut self.users[local];
        if !state.session.is_online() || !self.ledger.is_member(user, channel) {
            return;
        }
        if !is_synthetic {
            let late = now.since(intended);
            self.interval.acts.add_sent(Act::Part, late);
        }
        self.ledger.handle_part_sent(user, channel, now);
        self.write_list(local, b"PART", &[channel], now);
        self.flush(local);
    }

    /// Notes that a user is out of a channel by what the server did: a script's user does not rejoin by itself.
    pub(super) fn forget_wanted(&mut self, local: usize, channel: ChannelId) {
        self.users[local]
            .wanted
            .retain(|wanted| wanted.channel != channel || wanted.is_owed);
    }

    pub(super) fn join(&mut self, local: usize, channels: &[ChannelId], now: Offset) {
        if !self.users[local].session.is_online() {
            return;
        }
        if !self.users[local].wants_channels {
            // Who is to be in no channel any more is whole as it is.
            return self.note_whole(local, now);
        }
        let user = self.users[local].id;
        for &channel in channels {
            self.ledger.handle_join_sent(user, channel, now);
        }
        self.users[local].joins_pending += u32::try_from(channels.len()).unwrap_or(u32::MAX);
        self.write_list(local, b"JOIN", channels, now);
        self.note_whole(local, now);
        self.flush(local);
    }

    pub(super) fn part_all(&mut self, local: usize, now: Offset) {
        let user = self.users[local].id;
        let plan = Arc::clone(&self.plan);
        let channels: Vec<ChannelId> = plan
            .population
            .channels(user)
            .iter()
            .copied()
            .filter(|&channel| self.ledger.is_joined(user, channel))
            .collect();
        for &channel in &channels {
            self.ledger.handle_part_sent(user, channel, now);
        }
        self.interval.acts.add_done(Act::Part, channels.len());
        self.write_list(local, b"PART", &channels, now);
        self.flush(local);
    }

    /// Writes a command over a list of channels in as few lines as the target's limits allow.
    fn write_list(&mut self, local: usize, command: &[u8], channels: &[ChannelId], now: Offset) {
        let most = self
            .isupport
            .targets_max(command)
            .unwrap_or(LIST_COUNT_MAX)
            .clamp(1, LIST_COUNT_MAX) as usize;
        let line_bytes = self.isupport.line_len as usize;
        let room =
            LIST_LINE_BYTES_MAX.min(line_bytes.saturating_sub(command.len() + " \r\n".len()));
        let plan = Arc::clone(&self.plan);
        let names = &plan.names;
        let mut list = std::mem::take(&mut self.scratch);
        let mut rest = channels;
        while !rest.is_empty() {
            list.clear();
            let mut count = 0;
            for &channel in rest.iter().take(most) {
                if count > 0 && list.len() + CHANNEL_BYTES > room {
                    break;
                }
                if count > 0 {
                    list.push(b',');
                }
                names.push_channel(channel, &mut list);
                count += 1;
            }
            Line::with_command(self.users[local].outbox.tail(), command)
                .param(&list)
                .end();
            self.spend_line(local, now);
            rest = &rest[count..];
        }
        self.scratch = list;
    }
}
