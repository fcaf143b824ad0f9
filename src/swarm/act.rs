//! Planned actions to lines.

use crate::irc::session::Session;
use crate::irc::wire::compose::Line;
use crate::irc::wire::compose::text_bytes_max;
use crate::measure::act::Act;
use crate::measure::continuity::line::LineId;
use crate::measure::continuity::line::Verb;
use crate::measure::continuity::told::Said;
use crate::measure::ledger::MessageKey;
use crate::measure::ledger::PlannedMessage;
use crate::measure::probe::ProbeId;
use crate::measure::reason::NotSent;
use crate::plan::action::Action;
use crate::plan::action::LeaveHow;
use crate::plan::action::Planned;
use crate::plan::action::Upheaval;
use crate::scenario::phase::Cut;
use crate::scenario::phase::ReadBy;
use crate::swarm::CLOSE_TIMEOUT;
use crate::swarm::Shard;
use crate::swarm::hear;
use crate::swarm::io::Io;
use crate::swarm::outbox::QUEUE_BYTES_MAX;
use crate::swarm::user::Hit;
use crate::swarm::user::Link;
use crate::swarm::user::PRIVATES_KEPT;
use crate::traffic::profile::talk::TalkKind;
use crate::units::id::ChannelId;
use crate::units::id::PhaseId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// A change of a channel that is due.
#[derive(Clone, Copy, Debug)]
struct ChannelChange {
    user: UserId,
    channel: ChannelId,
    act: Act,
    intended: Offset,
}

impl Shard {
    pub(super) fn act(&mut self, planned: &Planned, now: Offset) {
        match planned.action {
            Action::Arrive { user, .. } => self.arrive(user, planned.at, now),
            Action::Leave { user, how, .. } => self.leave(user, how, planned, now),
            Action::Join {
                user,
                channel,
                is_synthetic,
            } => self.join_as_told(user, channel, is_synthetic, planned.at, now),
            Action::Part {
                user,
                channel,
                is_synthetic,
            } => self.part_as_told(user, channel, is_synthetic, planned.at, now),
            Action::Rename { user } => self.rename(user, planned.at, now),
            Action::Mode { user, channel } => {
                let change = ChannelChange {
                    user,
                    channel,
                    act: Act::Mode,
                    intended: planned.at,
                };
                self.change(change, now, |line| line.param(b"+nt").end());
            }
            Action::Topic { user, channel } => {
                let change = ChannelChange {
                    user,
                    channel,
                    act: Act::Topic,
                    intended: planned.at,
                };
                self.change(change, now, |line| line.trailing(b"as agreed, on time"));
            }
            Action::Kick {
                user,
                channel,
                victim,
            } => {
                let mut nick = Vec::new();
                self.push_nick(victim, &mut nick);
                let change = ChannelChange {
                    user,
                    channel,
                    act: Act::Kick,
                    intended: planned.at,
                };
                self.change(change, now, |line| line.param(&nick).trailing(b"enough"));
            }
            Action::Say { key, message, kind } => self.say(key, &message, kind, now),
            Action::Lose { user, cut, event } => self.lose(user, cut, event, now),
            Action::ReadBack {
                user,
                by: ReadBy::Attach,
            } => self.attach_again(user, planned.at, now),
            Action::ReadBack {
                user,
                by: ReadBy::Pages,
            } => self.read_pages(user, now),
            Action::Upheave { phase, upheaval } => self.upheave(phase, upheaval, now),
            Action::Unspoken { .. } => {}
        }
    }

    /// Notes what the target is about to go through.
    pub(super) fn begin_upheaval(&mut self, phase: PhaseId, upheaval: Upheaval, at: Offset) {
        match upheaval {
            Upheaval::Stop | Upheaval::Migrate | Upheaval::RollBack => {
                // What is undone hits nobody any more.
                let undone = self.plan.scenario.phase(phase).kind.undoes();
                if let Some(event) = undone.and_then(|undone| self.event_mut(undone)) {
                    event.cause_gone = event.cause_gone.min(at);
                }
                self.upheaval = Some((phase, Offset::NEVER));
            }
            Upheaval::Start => self.upheaval = Some((phase, at + self.plan.scenario.settle)),
            Upheaval::Cease => self.end_upheaval(phase, at),
            Upheaval::Split | Upheaval::Heal | Upheaval::Redirect => {}
        }
        self.reroute(phase, upheaval, at);
    }

    /// Notes that a phase does no more to accounts: who loses its connection much later lost it to something else.
    pub(super) fn end_upheaval(&mut self, phase: PhaseId, at: Offset) {
        if let Some((of, until)) = &mut self.upheaval
            && *of == phase
        {
            *until = at + self.plan.scenario.settle;
        }
    }

    /// The first shard alone orders what concerns the whole target; every shard is told when it is done.
    fn upheave(&mut self, phase: PhaseId, upheaval: Upheaval, now: Offset) {
        if !self.moves_as_planned(phase, upheaval) {
            return;
        }
        self.begin_upheaval(phase, upheaval, now);
        if self.sharding.shard().0 == 0 {
            self.io.push_back(Io::Upheave { phase, upheaval });
        }
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

    fn leave(&mut self, user: UserId, how: LeaveHow, planned: &Planned, now: Offset) {
        let Some(local) = self.sharding.local(user) else {
            return;
        };
        let Action::Leave {
            event,
            is_synthetic,
            ..
        } = planned.action
        else {
            return;
        };
        let is_online = self.users[local].session.is_online();
        self.users[local].wants_channels = false;
        self.users[local].wanted.clear();
        if how == LeaveHow::Part {
            if is_online {
                self.part_all(local, now);
            }
            return;
        }
        if !is_synthetic {
            self.interval.acts.add_planned(Act::Quit);
        }
        self.users[local].is_wanted = false;
        self.users[local].reconnect_at = Offset::NEVER;
        self.forgive(local);
        if let Some(phase) = event.filter(|_| is_online) {
            self.note_hit(local, phase, now);
        }
        if self.users[local].link == Link::Down {
            return;
        }
        if !is_online {
            self.close(local);
            return;
        }
        if !is_synthetic {
            let late = now.since(planned.at);
            self.interval.acts.add_sent(Act::Quit, late);
        }
        if let LeaveHow::Cut(cut) = how {
            self.cut(local, cut, now);
        } else {
            self.ledger.handle_quit_sent(user, now);
            self.users[local].close_by = now + CLOSE_TIMEOUT;
            self.users[local].quit_sent = now;
            self.with_session(local, |session, cx| session.quit(b"leaving", cx));
            self.flush(local);
            self.arm(local);
        }
    }

    /// Ends a connection without a QUIT.
    fn cut(&mut self, local: usize, cut: Cut, now: Offset) {
        let user = self.users[local].id;
        self.users[local].session.drop_link();
        if let Some(clients) = &mut self.bouncer {
            clients.note_cut(local, cut);
        }
        match cut {
            // What others are owed of the last lines, and the server's answers to them, go with the connection.
            Cut::Rst => self.io.push_back(Io::Reset { user }),
            Cut::Silent => {
                self.ledger.handle_vanished(user, now);
                self.io.push_back(Io::Abandon { user });
            }
            // Our side is closed and the rest read: resetting it could throw away what others are owed.
            Cut::Fin => {
                self.ledger.handle_quit_sent(user, now);
                self.users[local].close_by = now + CLOSE_TIMEOUT;
                self.io.push_back(Io::Finish { user });
                self.arm(local);
            }
        }
    }

    /// Leaves a bouncer that plays everything back to whoever attaches, and comes back as soon as it has let go.
    fn attach_again(&mut self, user: UserId, intended: Offset, now: Offset) {
        let Some(local) = self.sharding.local(user) else {
            return;
        };
        self.begin_reading(local, now);
        let state = &mut self.users[local];
        if !state.session.is_online() {
            return;
        }
        state.connect_intended = intended;
        state.tries = 0;
        state.close_by = now + CLOSE_TIMEOUT;
        state.quit_sent = now;
        self.with_session(local, |session, cx| session.quit(b"reading back", cx));
        self.flush(local);
        self.arm(local);
    }

    /// Ends a connection that its user wants to keep: it comes back as its program does.
    fn lose(&mut self, user: UserId, cut: Cut, event: PhaseId, now: Offset) {
        let Some(local) = self.sharding.local(user) else {
            return;
        };
        if self.users[local].session.is_online() {
            self.note_hit(local, event, now);
            if let Some(hit) = &mut self.users[local].hit_by {
                hit.is_unnoticed = true;
            }
            self.cut(local, cut, now);
        }
    }

    /// Takes a user whom the plan lets leave out of the event that had hit it: it does not come back, and owes no return.
    fn forgive(&mut self, local: usize) {
        if let Some(hit) = self.users[local].hit_by.take()
            && let Some(event) = self.event_mut(hit.phase)
        {
            event.affected = event.affected.saturating_sub(1);
        }
    }

    /// Notes that a mass event has hit a user who was online. Who is hit again before it was whole counts once, and for the later
    /// event.
    pub(super) fn note_hit(&mut self, local: usize, phase: PhaseId, at: Offset) {
        self.forgive(local);
        self.users[local].hit_by = Some(Hit {
            phase,
            at,
            is_unnoticed: false,
        });
        if let Some(event) = self.event_mut(phase) {
            event.affected += 1;
        }
    }

    fn rename(&mut self, user: UserId, intended: Offset, now: Offset) {
        let Some(local) = self.sharding.local(user) else {
            return;
        };
        self.interval.acts.add_planned(Act::Nick);
        if self.users[local].session.is_online() {
            let late = now.since(intended);
            self.interval.acts.add_sent(Act::Nick, late);
            self.users[local].rename_sent = now;
            self.with_session(local, Session::rename);
            self.flush(local);
        }
    }

    fn change(&mut self, change: ChannelChange, now: Offset, rest: impl FnOnce(Line<'_>)) {
        let ChannelChange {
            user, channel, act, ..
        } = change;
        let Some(local) = self.sharding.local(user) else {
            return;
        };
        self.interval.acts.add_planned(act);
        if self.users[local].session.is_online() && self.may_act_in(user, channel) {
            let late = now.since(change.intended);
            self.interval.acts.add_sent(act, late);
            let command: &[u8] = match act {
                Act::Topic => b"TOPIC",
                Act::Kick => b"KICK",
                _ => b"MODE",
            };
            let mut name = Vec::new();
            self.plan.names.push_channel(channel, &mut name);
            self.users[local].change_sent = now;
            rest(Line::with_command(self.users[local].outbox.tail(), command).param(&name));
            self.flush(local);
        }
    }

    /// Returns whether a user may act in a channel. A model waits for the echo of its JOIN; a script does what was done, and
    /// servers process lines in their order.
    fn may_act_in(&self, user: UserId, channel: ChannelId) -> bool {
        if let Some(clients) = &self.bouncer {
            let local = self.sharding.local(user);
            local.is_some_and(|local| clients.is_in(local, channel))
        } else if self.plan.script().is_some() {
            self.ledger.is_member(user, channel)
        } else {
            self.ledger.is_joined(user, channel)
        }
    }

    pub(super) fn push_nick(&self, user: UserId, out: &mut Vec<u8>) {
        self.plan
            .names
            .push_nick(user, self.peers[user.index()].generation, out);
    }

    fn say(&mut self, key: MessageKey, message: &PlannedMessage, kind: TalkKind, now: Offset) {
        let Some(local) = self.sharding.local(message.sender) else {
            return;
        };
        self.interval.planned += 1;
        self.interval.acts.add_planned(act_of(kind));
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
            None if !self.may_act_in(message.sender, key.channel) => Err(NotSent::NotJoined),
            // A client of the same user has the same nick.
            Some(to) if self.is_sibling(message.sender, to) => Err(NotSent::PeerAbsent),
            // Of the networks behind a bouncer only they know who is there.
            Some(to) if self.bouncer.is_none() && !self.peers[to.index()].is_online => {
                Err(NotSent::PeerAbsent)
            }
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

    fn is_sibling(&self, one: UserId, other: UserId) -> bool {
        let seats = self.plan.seats.as_ref();
        let seat = |user| seats.and_then(|seats| seats.of_client(user));
        seat(one).is_some() && seat(one) == seat(other)
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
        let start = out.len();
        self.prober
            .compose(id, now.since(message.intended), message.bytes, out);
        let line = self
            .bouncer
            .is_some()
            .then(|| LineId::of(Verb::Message, state.session.nick(), &out[start..]));
        out.extend_from_slice(if wrapping > 0 {
            b"\x01\r\n".as_slice()
        } else {
            b"\r\n"
        });
        state.outbox.end_message(key, now);
        state.last_said = now;
        if let Some(to) = message.to {
            if state.privates.len() == PRIVATES_KEPT {
                state.privates.pop_front();
            }
            state.privates.push_back((key, to));
        }
        let late = now.since(message.intended);
        self.interval.lateness.record(late);
        self.interval.acts.add_sent(act_of(kind), late);
        if let Some(line) = line {
            let said = Said {
                line,
                key,
                sender: message.sender,
                is_by_client: true,
                bytes: message.bytes,
                intended: message.intended,
                attempt: now,
                accepted: Offset::NEVER,
            };
            self.tell_said(local, said, message.to.map(|_| target), now);
            self.flush(local);
            return Ok(());
        }
        self.ledger.handle_attempted(key, now);
        // While the network is split nobody may be left to see the message, and only a sighting would tell on which side of
        // the heal the server processed it. The sender's own PING behind it tells as well.
        if self.ledger.is_split() && message.to.is_none() {
            self.with_session(local, |_, cx| Session::prove(hear::number_of(key), cx));
        }
        self.flush(local);
        Ok(())
    }
}

fn act_of(kind: TalkKind) -> Act {
    match kind {
        TalkKind::Message => Act::Message,
        TalkKind::Action => Act::Action,
        TalkKind::Notice => Act::Notice,
    }
}
