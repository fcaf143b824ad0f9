//! What a user's session heard, as observations.

use crate::irc::session::event::Change;
use crate::irc::session::event::Event as Heard;
use crate::irc::session::refusal::Refusal;
use crate::irc::wire::message::Source;
use crate::measure::ledger::MessageKey;
use crate::measure::ledger::arrival::Arrival;
use crate::measure::ledger::arrival::ArrivalTarget;
use crate::measure::ledger::arrival::Arrived;
use crate::measure::ledger::presence::Presence;
use crate::measure::operation::Operation;
use crate::measure::reason::Refused;
use crate::swarm::REJOIN_AFTER;
use crate::swarm::Shard;
use crate::swarm::throttle::Took;
use crate::units::id::ChannelId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

impl Shard {
    pub(super) fn hear(&mut self, local: usize, heard: Heard<'_>, now: Offset) {
        if self.bouncer.is_some() {
            return self.hear_attached(local, heard, now);
        }
        let user = self.users[local].id;
        match heard {
            Heard::Registered => self.hear_registered(local, now),
            Heard::Joined { channel } => self.hear_joined(local, channel, now),
            Heard::Parted { channel } => {
                if let Some(channel) = self.channel(channel)
                    && let Some(sent) = self.ledger.handle_left(user, channel, Presence::Part, now)
                {
                    self.record_own(user, Operation::Part, sent, now);
                }
                self.come_again(local, now);
            }
            Heard::Kicked { channel } => {
                if let Some(channel) = self.channel(channel) {
                    self.ledger.handle_left(user, channel, Presence::Kick, now);
                    if self.plan.script().is_some() {
                        self.forget_wanted(local, channel);
                    } else {
                        self.users[local].rejoin = Some((channel, now + REJOIN_AFTER));
                        self.arm(local);
                    }
                }
            }
            Heard::Renamed => {
                let sent = std::mem::replace(&mut self.users[local].rename_sent, Offset::NEVER);
                if sent != Offset::NEVER {
                    self.ledger.handle_renamed(user, sent, now);
                    self.record_own(user, Operation::Nick, sent, now);
                }
                self.tell_peers(local, true);
            }
            Heard::KickDone { channel, victim } => {
                self.hear_change(local, Operation::Kick, now);
                self.hear_other(user, victim, Change::Kick, Some(channel), now);
            }
            Heard::ModeDone { .. } => self.hear_change(local, Operation::Mode, now),
            Heard::TopicDone { .. } => self.hear_change(local, Operation::Topic, now),
            Heard::Other {
                nick,
                change,
                channel,
            } => self.hear_other(user, nick, change, channel, now),
            Heard::Talk {
                from,
                target,
                text,
                is_own,
                replay: None,
            } => self.hear_talk(user, &from, target, text, is_own, now),
            // What a bouncer plays back or says is judged by nobody yet.
            Heard::Nothing
            | Heard::Talk { .. }
            | Heard::ReplayEnded
            | Heard::Bouncer { .. }
            | Heard::Upstream { .. } => {}
            Heard::Pong { sent } => {
                self.record_own(user, Operation::Ping, sent, now);
                self.arm(local);
            }
            Heard::Proved { number } => self.ledger.handle_proved(key_of(number), now),
            Heard::Timed { number } => self.hear_timed(user, number, now),
            Heard::JoinRefused { channel, refusal } => {
                self.interval.refused.add(refused(refusal));
                if let Some(channel) = self.channel(channel) {
                    self.ledger.handle_join_refused(user, channel, now);
                }
            }
            Heard::Refused { refusal, .. } => self.interval.refused.add(refused(refusal)),
            Heard::NoSuchNick { nick } => self.hear_no_such_nick(local, nick),
            Heard::LoggedIn { since } => self.record_step(Operation::Login, since, now),
            Heard::LookedUp { since } => self.record_step(Operation::ConnectLookup, since, now),
            Heard::TimedOut | Heard::LoginFailed => self.close(local),
        }
        self.arm_after(local, &heard);
    }

    /// Joins what a script wants and what waited for a PART's echo.
    fn come_again(&mut self, local: usize, now: Offset) {
        if self.plan.script().is_some() {
            self.join_all(local, now);
        }
    }

    /// Registration and welcome move the session's deadlines; ordinary lines only push them away.
    pub(super) fn arm_after(&mut self, local: usize, heard: &Heard<'_>) {
        if *heard != Heard::Nothing || self.users[local].session.is_registering() {
            self.arm(local);
        }
    }

    fn hear_registered(&mut self, local: usize, now: Offset) {
        self.note_registered(local, now);
        let state = &self.users[local];
        let (user, has_echo) = (state.id, state.session.has_echo());
        let attempt = state.connect_attempt;
        self.ledger.handle_online(user, has_echo, attempt, now);
        self.tell_peers(local, true);
        self.begin_chores(local, now);
    }

    /// Counts a registration.
    pub(super) fn note_registered(&mut self, local: usize, now: Offset) {
        let state = &mut self.users[local];
        state.tries = 0;
        let (intended, attempt) = (state.connect_intended, state.connect_attempt);
        let times = self.interval.times_mut(Operation::ConnectRegistered);
        times.response.record(now.since(intended));
        times.service.record(now.since(attempt));
        self.interval.registered += 1;
        self.interval.welcomes.note(now);
        self.registered_count += 1;
    }

    fn hear_joined(&mut self, local: usize, name: &[u8], now: Offset) {
        let user = self.users[local].id;
        let Some(channel) = self.channel(name) else {
            return;
        };
        let Some(sent) = self.ledger.handle_joined(user, channel, now) else {
            return;
        };
        self.record_own(user, Operation::Join, sent, now);
        self.ask_about(local, channel, now);
        self.users[local].joins_pending = self.users[local].joins_pending.saturating_sub(1);
        self.note_whole(local, now);
    }

    /// Notes that a user whom a mass event hit is whole again, if it is.
    pub(super) fn note_whole(&mut self, local: usize, now: Offset) {
        let state = &mut self.users[local];
        if state.joins_pending == 0
            && state.session.is_online()
            && let Some(hit) = state.hit_by.take()
            && let Some(event) = self.event_mut(hit.phase)
        {
            event.handle_recovered(hit.at, now);
        }
    }

    fn hear_change(&mut self, local: usize, operation: Operation, now: Offset) {
        let sent = std::mem::replace(&mut self.users[local].change_sent, Offset::NEVER);
        if sent != Offset::NEVER {
            self.record_own(self.users[local].id, operation, sent, now);
        }
    }

    fn hear_other(
        &mut self,
        observer: UserId,
        nick: &[u8],
        change: Change,
        channel: Option<&[u8]>,
        now: Offset,
    ) {
        let Some(user) = self.user(nick) else { return };
        let presence = match change {
            Change::Join => Presence::Join,
            Change::Part => Presence::Part,
            Change::Quit => Presence::Quit,
            Change::Nick => Presence::Nick,
            Change::Kick => Presence::Kick,
        };
        let channel = match channel {
            Some(name) => match self.channel(name) {
                Some(channel) => Some(channel),
                None => return,
            },
            None => None,
        };
        self.ledger
            .handle_presence(observer, user, presence, channel, now);
        if presence == Presence::Join {
            self.note_healed(observer, user, now);
        }
    }

    /// Notes when members across a healed link reappear.
    fn note_healed(&mut self, observer: UserId, user: UserId, now: Offset) {
        let sides = &self.plan.population.sides;
        if sides[observer.index()] == sides[user.index()] {
            return;
        }
        for event in &mut self.events {
            let far = self.plan.scenario.phase(event.phase).kind.far_link();
            let is_across = |far| (sides[observer.index()] == far) != (sides[user.index()] == far);
            if far.is_some_and(is_across)
                && now >= event.cause_gone
                && now <= event.cause_gone + self.plan.scenario.settle
            {
                event.last_recovered = event.last_recovered.max(now);
                event.times.record(now.since(event.cause_gone));
            }
        }
    }

    fn hear_talk(
        &mut self,
        receiver: UserId,
        from: &Source<'_>,
        target: &[u8],
        text: &[u8],
        is_own: bool,
        now: Offset,
    ) {
        let target = match self.channel(target) {
            Some(channel) => ArrivalTarget::Channel(channel),
            // A stranger's channel; ours would have read back.
            None if self.isupport.is_channel(target) => return,
            // The echo of a private message bears its addressee as target. The ledger knows echoes in channels alone.
            None if is_own && self.is_echo_to_another(receiver, target) => return,
            None => ArrivalTarget::Receiver,
        };
        let from = if is_own {
            Some(receiver)
        } else {
            self.user(from.nick)
        };
        let arrived = self.ledger.handle_arrival(&Arrival {
            receiver,
            from,
            target,
            text,
            at: now,
        });
        if let Arrived::First {
            is_private,
            is_echo,
            response,
            service,
            first_seen,
            ..
        } = arrived
        {
            let operation = match (is_echo, is_private) {
                (true, _) => Operation::Echo,
                (false, true) => Operation::Private,
                (false, false) => Operation::Message,
            };
            self.interval.delivered += 1;
            self.note_took(Took {
                sender: from.unwrap_or(receiver),
                receiver,
                operation,
                response,
                service,
                first_seen,
                at: now,
            });
        }
    }

    /// Counts what a line took as latency.
    pub(super) fn record_took(&mut self, took: &Took) {
        if took.operation == Operation::Message {
            self.note_bystanders(took);
        }
        let times = self.interval.times_mut(took.operation);
        times.response.record(took.response);
        if let Some(service) = took.service {
            times.service.record(service);
        }
    }

    /// Notes a message between users whom an event under way does not touch.
    fn note_bystanders(&mut self, took: &Took) {
        let users = [took.receiver, took.sender];
        for event in &mut self.events {
            if event.is_open(took.at) && self.plan.victims.spares(event.phase, users) {
                event.bystanders.record(took.response);
            }
        }
    }

    /// Returns whether what bears a user's own nick as source is its echo of what it sent to somebody else.
    fn is_echo_to_another(&self, user: UserId, target: &[u8]) -> bool {
        self.sharding.local(user).is_some_and(|local| {
            let session = &self.users[local].session;
            let mapping = self.isupport.case_mapping;
            session.has_echo() && !mapping.eq(target, session.nick())
        })
    }

    /// A server that knows no such nick owes the message to nobody.
    fn hear_no_such_nick(&mut self, local: usize, nick: &[u8]) {
        self.interval.refused.add(Refused::CannotSend);
        let user = self.user(nick);
        let privates = &mut self.users[local].privates;
        let refused = privates.iter().rposition(|&(_, to)| Some(to) == user);
        if let Some((key, _)) = refused.and_then(|at| privates.remove(at)) {
            self.ledger.handle_refused(key);
        }
    }

    /// Notes that a step of a registration is done.
    pub(super) fn record_step(&mut self, step: Operation, since: Offset, now: Offset) {
        let times = self.interval.times_mut(step);
        times.response.record(now.since(since));
        times.service.record(now.since(since));
    }

    /// Notes that a user saw what it had sent itself.
    pub(super) fn record_own(
        &mut self,
        user: UserId,
        operation: Operation,
        sent: Offset,
        now: Offset,
    ) {
        let took = now.since(sent);
        self.note_took(Took {
            sender: user,
            receiver: user,
            operation,
            response: took,
            service: Some(took),
            first_seen: now,
            at: now,
        });
    }

    fn channel(&self, name: &[u8]) -> Option<ChannelId> {
        self.plan
            .names
            .channel(name)
            .filter(|channel| channel.0 < self.plan.population.channel_count())
    }

    fn user(&self, nick: &[u8]) -> Option<UserId> {
        self.plan
            .names
            .user(nick)
            .filter(|user| user.0 < self.plan.population.user_count())
    }
}

/// Returns the number under which a message's processing is to be proved.
pub(super) fn number_of(key: MessageKey) -> u64 {
    u64::from(key.channel.0) << 32 | u64::from(key.index)
}

/// Returns the message of that number.
fn key_of(number: u64) -> MessageKey {
    let (channel, index) = (
        u32::try_from(number >> 32).unwrap_or(0),
        u32::try_from(number & 0xffff_ffff).unwrap_or(0),
    );
    MessageKey {
        channel: ChannelId(channel),
        index,
    }
}

/// Returns the measure's name for a session's refusal.
pub(super) fn refused(refusal: Refusal) -> Refused {
    match refusal {
        Refusal::Throttle => Refused::Throttle,
        Refusal::CloneLimit => Refused::CloneLimit,
        Refusal::Ban => Refused::Ban,
        Refusal::Flood => Refused::Flood,
        Refusal::SendQ => Refused::SendQ,
        Refusal::RecvQ => Refused::RecvQ,
        Refusal::NickInUse => Refused::NickInUse,
        Refusal::Auth => Refused::Auth,
        Refusal::Elsewhere => Refused::Elsewhere,
        Refusal::ChannelLimit => Refused::ChannelLimit,
        Refusal::CannotSend => Refused::CannotSend,
        Refusal::Other => Refused::Other,
    }
}
