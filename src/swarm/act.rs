//! Planned actions to lines.

use crate::irc::session::Session;
use crate::irc::wire::compose::Line;
use crate::irc::wire::compose::text_bytes_max;
use crate::measure::ledger::MessageKey;
use crate::measure::ledger::PlannedMessage;
use crate::measure::probe::ProbeId;
use crate::measure::reason::NotSent;
use crate::plan::action::Action;
use crate::plan::action::LeaveHow;
use crate::plan::action::Planned;
use crate::swarm::CLOSE_TIMEOUT;
use crate::swarm::Shard;
use crate::swarm::hear;
use crate::swarm::io::Io;
use crate::swarm::outbox::QUEUE_BYTES_MAX;
use crate::swarm::user::Link;
use crate::traffic::profile::talk::TalkKind;
use crate::units::id::ChannelId;
use crate::units::id::PhaseId;
use crate::units::id::ServerId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// Longest JOIN or PART line built, line ending apart: within 512 for every server, whatever it counts.
const LIST_LINE_BYTES_MAX: usize = 450;
/// Bytes that one more channel takes in a list: a comma and a name.
const CHANNEL_BYTES: usize = 10;
/// Most channels in one JOIN or PART where the server names no limit; some read no more than this.
const LIST_COUNT_MAX: u32 = 20;

impl Shard {
    pub(super) fn act(&mut self, planned: &Planned, now: Offset) {
        match planned.action {
            Action::Arrive { user, .. } => self.arrive(user, planned.at, now),
            Action::Leave { user, how, event } => self.leave(user, how, event, now),
            Action::Rename { user } => self.rename(user, now),
            Action::Mode { user, channel } => {
                self.change(user, channel, now, |line| line.param(b"+nt").end(), b"MODE");
            }
            Action::Topic { user, channel } => self.change(
                user,
                channel,
                now,
                |line| line.trailing(b"as agreed, on time"),
                b"TOPIC",
            ),
            Action::Kick {
                user,
                channel,
                victim,
            } => {
                let mut nick = Vec::new();
                self.push_nick(victim, &mut nick);
                self.change(
                    user,
                    channel,
                    now,
                    |line| line.param(&nick).trailing(b"enough"),
                    b"KICK",
                );
            }
            Action::Say { key, message, kind } => self.say(key, &message, kind, now),
            Action::Split { phase } => self.order_split(phase, true),
            Action::Heal { phase } => self.order_split(phase, false),
            Action::Unspoken { .. } => {}
        }
    }

    /// The first shard alone orders splits; every shard is told when they are done.
    fn order_split(&mut self, phase: PhaseId, is_break: bool) {
        if self.sharding.shard().0 != 0 {
            return;
        }
        let far = self.far_server(phase);
        self.io.push_back(if is_break {
            Io::Split { far }
        } else {
            Io::Heal { far }
        });
    }

    /// Returns the server behind the link of a netsplit phase: they are numbered in the phases' order.
    pub(super) fn far_server(&self, phase: PhaseId) -> ServerId {
        use crate::scenario::phase::PhaseKind;
        use crate::scenario::phase::SplitBy;
        let links = self.plan.scenario.phases[..=phase.index()]
            .iter()
            .filter(|phase| {
                matches!(
                    phase.kind,
                    PhaseKind::Netsplit {
                        by: SplitBy::Links,
                        ..
                    }
                )
            });
        ServerId(u16::try_from(links.count()).unwrap_or(u16::MAX))
    }

    fn arrive(&mut self, user: UserId, intended: Offset, now: Offset) {
        let Some(local) = self.sharding.local(user) else {
            return;
        };
        let state = &mut self.users[local];
        state.is_wanted = true;
        state.wants_channels = true;
        state.connect_intended = intended;
        state.tries = 0;
        match state.link {
            Link::Down => self.connect(local, now),
            Link::Up if state.session.is_online() => self.join_all(local, now),
            // Connecting and registering join when they are done; leaving connects again when it has ended.
            Link::Connecting | Link::Up => {}
        }
    }

    fn leave(&mut self, user: UserId, how: LeaveHow, event: Option<PhaseId>, now: Offset) {
        let Some(local) = self.sharding.local(user) else {
            return;
        };
        let is_online = self.users[local].session.is_online();
        self.users[local].wants_channels = false;
        if how == LeaveHow::Part {
            if is_online {
                self.part_all(local, now);
            }
            return;
        }
        self.users[local].is_wanted = false;
        self.users[local].reconnect_at = Offset::NEVER;
        if let Some(phase) = event.filter(|_| is_online) {
            self.users[local].hit_by = Some(phase);
            if let Some(event) = self.event_mut(phase) {
                event.affected += 1;
            }
        }
        if self.users[local].link == Link::Down {
            return;
        }
        if !is_online {
            self.close(local);
            return;
        }
        self.ledger.handle_quit_sent(user, now);
        self.users[local].close_by = now + CLOSE_TIMEOUT;
        if how == LeaveHow::Quit {
            self.users[local].quit_sent = now;
            self.with_session(local, |session, cx| session.quit(b"leaving", cx));
            self.flush(local);
        } else {
            // Our side is closed and the rest read: resetting it could throw away what others are owed.
            self.users[local].session.drop_link();
            self.io.push_back(Io::Finish { user });
        }
        self.arm(local);
    }

    fn rename(&mut self, user: UserId, now: Offset) {
        let Some(local) = self.sharding.local(user) else {
            return;
        };
        if self.users[local].session.is_online() {
            self.users[local].rename_sent = now;
            self.with_session(local, Session::rename);
            self.flush(local);
        }
    }

    fn change(
        &mut self,
        user: UserId,
        channel: ChannelId,
        now: Offset,
        rest: impl FnOnce(Line<'_>),
        command: &[u8],
    ) {
        let Some(local) = self.sharding.local(user) else {
            return;
        };
        if self.users[local].session.is_online() && self.ledger.is_joined(user, channel) {
            let mut name = Vec::new();
            self.plan.names.push_channel(channel, &mut name);
            self.users[local].change_sent = now;
            rest(Line::with_command(self.users[local].outbox.tail(), command).param(&name));
            self.flush(local);
        }
    }

    fn push_nick(&self, user: UserId, out: &mut Vec<u8>) {
        self.plan
            .names
            .push_nick(user, self.peers[user.index()].generation, out);
    }

    fn say(&mut self, key: MessageKey, message: &PlannedMessage, kind: TalkKind, now: Offset) {
        let Some(local) = self.sharding.local(message.sender) else {
            return;
        };
        self.interval.planned += 1;
        if let Err(hole) = self.try_say(local, key, message, kind, now) {
            self.ledger.handle_hole(key, hole);
        }
    }

    fn try_say(
        &mut self,
        local: usize,
        key: MessageKey,
        message: &PlannedMessage,
        kind: TalkKind,
        now: Offset,
    ) -> Result<(), NotSent> {
        let state = &self.users[local];
        if state.session.is_registering() {
            return Err(NotSent::Registering);
        }
        if !state.session.is_online() {
            return Err(NotSent::Disconnected);
        }
        if self
            .caps
            .is_some_and(|caps| now < state.last_said + caps.message_spacing)
        {
            return Err(NotSent::Cancelled);
        }
        let mut target = std::mem::take(&mut self.scratch);
        target.clear();
        let composed = match message.to {
            None if !self.ledger.is_joined(message.sender, key.channel) => Err(NotSent::NotJoined),
            Some(to) if !self.peers[to.index()].is_online => Err(NotSent::PeerAbsent),
            None => {
                self.plan.names.push_channel(key.channel, &mut target);
                Ok(())
            }
            Some(to) => {
                self.push_nick(to, &mut target);
                Ok(())
            }
        };
        let said =
            composed.and_then(|()| self.write_message(local, key, message, kind, &target, now));
        self.scratch = target;
        said
    }

    fn write_message(
        &mut self,
        local: usize,
        key: MessageKey,
        message: &PlannedMessage,
        kind: TalkKind,
        target: &[u8],
        now: Offset,
    ) -> Result<(), NotSent> {
        let state = &mut self.users[local];
        let wrapping = if kind == TalkKind::Action {
            "\x01ACTION \x01".len()
        } else {
            0
        };
        let room = text_bytes_max(
            state.session.source_bytes(),
            target.len(),
            self.isupport.line_len as usize,
        );
        if usize::from(message.bytes) + wrapping > room {
            return Err(NotSent::OverLimit);
        }
        if state.outbox.pending().len() + room > QUEUE_BYTES_MAX {
            return Err(NotSent::QueueFull);
        }
        let out = state.outbox.tail();
        out.extend_from_slice(if kind == TalkKind::Notice {
            b"NOTICE "
        } else {
            b"PRIVMSG "
        });
        out.extend_from_slice(target);
        out.extend_from_slice(if wrapping > 0 {
            b" :\x01ACTION ".as_slice()
        } else {
            b" :"
        });
        let id = ProbeId {
            sender: message.sender,
            channel: key.channel,
            index: key.index,
        };
        self.prober
            .compose(id, now.since(message.intended), message.bytes, out);
        out.extend_from_slice(if wrapping > 0 {
            b"\x01\r\n".as_slice()
        } else {
            b"\r\n"
        });
        state.outbox.end_message(key, now);
        state.last_said = now;
        if let Some(to) = message.to {
            state.last_private = Some((key, to));
        }
        self.interval.lateness.record(now.since(message.intended));
        self.ledger.handle_attempted(key, now);
        // While the network is split nobody may be left to see the message, and only a sighting would tell on which side of
        // the heal the server processed it. The sender's own PING behind it tells as well.
        if self.ledger.is_split() && message.to.is_none() {
            self.with_session(local, |_, cx| Session::prove(hear::number_of(key), cx));
        }
        self.flush(local);
        Ok(())
    }

    /// Joins every channel of the user that it is not in, as far as the target allows.
    pub(super) fn join_all(&mut self, local: usize, now: Offset) {
        let user = self.users[local].id;
        let plan = std::sync::Arc::clone(&self.plan);
        let most = self
            .isupport
            .channels_max(b'#')
            .map_or(usize::MAX, |most| most as usize);
        let channels: Vec<ChannelId> = plan
            .population
            .channels(user)
            .iter()
            .copied()
            .filter(|&channel| !self.ledger.is_member(user, channel))
            .take(most)
            .collect();
        self.join(local, &channels, now);
    }

    pub(super) fn join(&mut self, local: usize, channels: &[ChannelId], now: Offset) {
        if !self.users[local].session.is_online() || !self.users[local].wants_channels {
            return;
        }
        let user = self.users[local].id;
        for &channel in channels {
            self.ledger.handle_join_sent(user, channel, now);
        }
        self.users[local].joins_pending += u32::try_from(channels.len()).unwrap_or(u32::MAX);
        self.write_list(local, b"JOIN", channels);
        self.note_whole(local, now);
        self.flush(local);
    }

    fn part_all(&mut self, local: usize, now: Offset) {
        let user = self.users[local].id;
        let plan = std::sync::Arc::clone(&self.plan);
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
        self.write_list(local, b"PART", &channels);
        self.flush(local);
    }

    /// Writes a command over a list of channels in as few lines as the target's limits allow.
    fn write_list(&mut self, local: usize, command: &[u8], channels: &[ChannelId]) {
        let most = self
            .isupport
            .targets_max(command)
            .unwrap_or(LIST_COUNT_MAX)
            .clamp(1, LIST_COUNT_MAX) as usize;
        let line_bytes = self.isupport.line_len as usize;
        let room =
            LIST_LINE_BYTES_MAX.min(line_bytes.saturating_sub(command.len() + " \r\n".len()));
        let names = self.plan.names;
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
            rest = &rest[count..];
        }
        self.scratch = list;
    }
}
