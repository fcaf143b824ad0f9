//! The members of one network whom no bouncer holds: they come, go and talk by the plan, without a connection each.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::irc::network::CloseReason;
use crate::irc::network::Network;
use crate::irc::network::Synthetic;
use crate::irc::network::client::ClientId;
use crate::irc::wire::action;
use crate::measure::act::Act;
use crate::measure::continuity::line::LineId;
use crate::measure::continuity::line::Verb;
use crate::measure::continuity::told::Deed;
use crate::measure::continuity::told::Told;
use crate::measure::ledger::MessageKey;
use crate::measure::ledger::PlannedMessage;
use crate::measure::probe::ProbeId;
use crate::measure::probe::Prober;
use crate::measure::reason::NotSent;
use crate::measure::said::Said;
use crate::plan::Plan;
use crate::plan::action::Action;
use crate::plan::action::LeaveHow;
use crate::plan::action::Planned;
use crate::plan::planner::Planner;
use crate::scenario::phase::Cut;
use crate::traffic::profile::talk::TalkKind;
use crate::units::id::ChannelId;
use crate::units::id::Sharding;
use crate::units::id::UserId;
use crate::units::offset::Offset;
use crate::upstream::Edge;

/// How far ahead the plan is unrolled.
const PLAN_AHEAD: Duration = Duration::from_secs(1);
/// How long a member that was kicked waits before it joins again (assumed).
const REJOIN_AFTER: Duration = Duration::from_secs(2);

/// How far from an attach the lines around it are said at most.
const AROUND: Duration = Duration::from_millis(250);
/// Length of each of those in bytes.
const AROUND_BYTES: u16 = 40;
/// The first index of those lines among a channel's: no plan comes so far.
const AROUND_FROM: u32 = 1 << 31;

/// The members of one network whom no bouncer holds.
#[derive(Debug)]
pub(super) struct Members {
    plan: Arc<Plan>,
    number: u16,
    planner: Planner,
    prober: Prober,
    sharding: Sharding,
    /// By local index; who is on none of its channels never comes.
    rows: Vec<Member>,
    slab: Vec<Planned>,
    upcoming: VecDeque<Planned>,
    rejoins: BinaryHeap<Reverse<(Offset, u32, u32)>>,
    /// Lines around attaches, the next one last: when, and in which channel.
    around: Vec<(Offset, ChannelId)>,
    around_count: u32,
    is_over: bool,
    /// Since when the run is held; what is due later waits.
    held_since: Option<Offset>,
    /// By how much the plan was put off so far.
    shift: Duration,
    line: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Member {
    id: Option<ClientId>,
    generation: u8,
}

impl Members {
    pub(super) fn new(plan: &Arc<Plan>, number: u16) -> Self {
        let sharding = Sharding::WHOLE.within(plan.strangers());
        let count = sharding.local_count(plan.population.user_count());
        Self {
            planner: Planner::new(Arc::clone(plan), sharding),
            prober: Prober::new(plan.seed),
            sharding,
            rows: vec![Member::default(); count],
            slab: Vec::new(),
            upcoming: VecDeque::new(),
            rejoins: BinaryHeap::new(),
            around: beside(plan, number),
            around_count: 0,
            is_over: false,
            held_since: None,
            shift: Duration::ZERO,
            line: Vec::new(),
            number,
            plan: Arc::clone(plan),
        }
    }

    /// Returns how many there are at present.
    pub(super) fn count(&self) -> u64 {
        self.rows.iter().filter(|row| row.id.is_some()).count() as u64
    }

    pub(super) fn cease(&mut self) {
        self.is_over = true;
    }

    /// Holds the plan from `at` of the run on.
    pub(super) fn hold(&mut self, at: Offset) {
        self.held_since.get_or_insert(at);
    }

    /// Lets the plan go on at `at`, put off by the time since the hold.
    pub(super) fn resume(&mut self, at: Offset) {
        if let Some(since) = self.held_since.take() {
            self.shift += at.since(since);
        }
    }

    /// Lets those come who are there when the run begins.
    pub(super) fn populate(&mut self, network: &mut Network, now: Offset) {
        self.fill(network, now, Offset::ZERO);
    }

    /// Lets those come again who are there at `run_now`: the network has forgotten everybody.
    pub(super) fn repopulate(&mut self, network: &mut Network, now: Offset, run_now: Offset) {
        for row in &mut self.rows {
            row.id = None;
        }
        self.fill(network, now, run_now.max(Offset::ZERO));
    }

    fn fill(&mut self, network: &mut Network, now: Offset, moment: Offset) {
        let plan = Arc::clone(&self.plan);
        for local in 0..self.rows.len() {
            let user = self.sharding.user(local);
            if plan.timeline.is_present(user, moment, Duration::ZERO) {
                self.arrive(local, network, now);
            }
        }
    }

    /// Returns when there is next something to do, in times of the run.
    pub(super) fn next_due(&self) -> Option<Offset> {
        if self.is_over {
            return None;
        }
        let planned = self.upcoming.front().map(|planned| planned.at);
        let rejoin = self.rejoins.peek().map(|Reverse((at, ..))| *at);
        let unroll = (!self.planner.is_done()).then(|| self.planner.planned_until() - PLAN_AHEAD);
        let around = self.around.last().map(|&(at, _)| at);
        let due = [planned, rejoin, around, unroll].into_iter().flatten();
        let due = due.min()? + self.shift;
        self.held_since
            .is_none_or(|since| due <= since)
            .then_some(due)
    }

    /// Does what is due by `now`, in times of the run; `zero` is its beginning in the network's time.
    pub(super) fn act(
        &mut self,
        network: &mut Network,
        now: Offset,
        zero: Offset,
        edge: &mut Edge,
    ) {
        if self.is_over {
            return;
        }
        // The plan knows of no hold.
        let reach = self.held_since.map_or(now, |since| now.min(since)) - self.shift;
        while !self.planner.is_done() && self.planner.planned_until() - PLAN_AHEAD <= reach {
            let mut slab = std::mem::take(&mut self.slab);
            slab.clear();
            self.planner.next_slab(&mut slab);
            self.upcoming.extend(slab.iter().copied());
            self.slab = slab;
        }
        let network_now = zero + now.since(Offset::ZERO);
        while let Some(&Reverse((at, local, channel))) = self.rejoins.peek()
            && at <= reach
        {
            self.rejoins.pop();
            self.join(local as usize, ChannelId(channel), network, network_now);
        }
        while let Some(&(at, channel)) = self.around.last()
            && at <= reach
        {
            self.around.pop();
            let intended = at + self.shift;
            self.say_around(channel, intended, network, (now, network_now), edge);
        }
        while let Some(mut planned) = self
            .upcoming
            .front()
            .copied()
            .filter(|planned| planned.at <= reach)
        {
            self.upcoming.pop_front();
            planned.delay(self.shift);
            self.do_planned(&planned, network, (now, network_now), edge);
        }
    }

    fn do_planned(
        &mut self,
        planned: &Planned,
        network: &mut Network,
        (now, network_now): (Offset, Offset),
        edge: &mut Edge,
    ) {
        if let Action::Unspoken { channel } = planned.action {
            edge.counts.unspoken += u64::from(self.is_here(channel));
            return;
        }
        let Some(local) = planned
            .action
            .user()
            .and_then(|user| self.sharding.local(user))
        else {
            return;
        };
        let late = now.since(planned.at);
        match planned.action {
            Action::Say { key, message, kind } if self.is_here(key.channel) => {
                let moment = (now, network_now);
                self.say(local, (key, &message, kind), network, moment, edge);
            }
            Action::Arrive { .. } => self.arrive(local, network, network_now),
            Action::Leave { how, .. } => self.leave(local, how, network, network_now),
            Action::Rename { .. } => {
                if let Some(id) = self.rows[local].id {
                    edge.interval.acts.add_planned(Act::Nick);
                    edge.interval.acts.add_sent(Act::Nick, late);
                    self.rows[local].generation =
                        self.rows[local].generation.wrapping_add(1).max(1);
                    let nick = self.nick(local);
                    self.send(network, network_now, id, &[b"NICK ", &nick]);
                }
            }
            Action::Topic { channel, .. } if self.is_here(channel) => {
                if let Some(id) = self.rows[local].id {
                    edge.interval.acts.add_planned(Act::Topic);
                    edge.interval.acts.add_sent(Act::Topic, late);
                    let name = self.channel_name(channel);
                    let words = [&b"TOPIC "[..], &name, b" :as agreed, on time"];
                    self.send(network, network_now, id, &words);
                }
            }
            Action::Kick {
                channel, victim, ..
            } if self.is_here(channel) => {
                // A bouncer's user would be out for good: who comes back by itself can be kicked.
                if let (Some(id), Some(out)) = (self.rows[local].id, self.sharding.local(victim)) {
                    edge.interval.acts.add_planned(Act::Kick);
                    edge.interval.acts.add_sent(Act::Kick, late);
                    let (name, nick) = (self.channel_name(channel), self.nick(out));
                    let words = [&b"KICK "[..], &name, b" ", &nick, b" :enough"];
                    self.send(network, network_now, id, &words);
                    let out = u32::try_from(out).unwrap_or(u32::MAX);
                    self.rejoins
                        .push(Reverse((now + REJOIN_AFTER - self.shift, out, channel.0)));
                }
            }
            _ => {}
        }
    }

    /// Says a line of those around an attach, by whoever of the channel is there.
    fn say_around(
        &mut self,
        channel: ChannelId,
        at: Offset,
        network: &mut Network,
        moment: (Offset, Offset),
        edge: &mut Edge,
    ) {
        let plan = Arc::clone(&self.plan);
        let members = plan.population.members(channel).iter();
        let mut there = members.filter_map(|&member| {
            let local = self.sharding.local(member)?;
            self.rows[local].id.map(|_| (local, member))
        });
        let Some((local, sender)) = there.next() else {
            return;
        };
        let key = MessageKey {
            channel,
            index: AROUND_FROM + self.around_count,
        };
        self.around_count += 1;
        let message = PlannedMessage {
            sender,
            to: None,
            bytes: AROUND_BYTES,
            intended: at,
        };
        self.say(
            local,
            (key, &message, TalkKind::Message),
            network,
            moment,
            edge,
        );
    }

    fn is_here(&self, channel: ChannelId) -> bool {
        let seats = self.plan.seats.as_ref();
        seats.and_then(|seats| seats.network_of(channel)) == Some(self.number)
    }

    fn nick(&self, local: usize) -> Vec<u8> {
        let mut nick = Vec::new();
        let generation = self.rows.get(local).map_or(0, |row| row.generation);
        self.plan
            .names
            .push_nick(self.sharding.user(local), generation, &mut nick);
        nick
    }

    fn channel_name(&self, channel: ChannelId) -> Vec<u8> {
        let mut name = Vec::new();
        self.plan.names.push_channel(channel, &mut name);
        name
    }

    fn arrive(&mut self, local: usize, network: &mut Network, now: Offset) {
        if self.rows[local].id.is_some() {
            return;
        }
        let plan = Arc::clone(&self.plan);
        let user = self.sharding.user(local);
        let channels = plan.population.channels(user);
        let mut here = channels.iter().filter(|&&channel| self.is_here(channel));
        if here.next().is_none() {
            return;
        }
        let nick = plan.names.nick_text(user);
        let who = Synthetic {
            nick: &nick,
            user: &nick,
            host: "members.splitstorm.test",
            real_name: "splitstorm member",
        };
        let side = plan.population.sides[user.index()];
        let Some(id) = network.introduce(now, side, &who) else {
            return;
        };
        self.rows[local] = Member {
            id: Some(id),
            generation: 0,
        };
        for &channel in channels {
            if self.is_here(channel) {
                self.join(local, channel, network, now);
            }
        }
    }

    fn join(&mut self, local: usize, channel: ChannelId, network: &mut Network, now: Offset) {
        if let Some(id) = self.rows.get(local).and_then(|row| row.id) {
            let name = self.channel_name(channel);
            self.send(network, now, id, &[b"JOIN ", &name]);
        }
    }

    fn leave(&mut self, local: usize, how: LeaveHow, network: &mut Network, now: Offset) {
        let Some(id) = self.rows[local].id else {
            return;
        };
        match how {
            // Who leaves all of its channels is nobody's any more, until it comes again.
            LeaveHow::Part | LeaveHow::Quit => {
                self.send(network, now, id, &[b"QUIT :leaving"]);
            }
            LeaveHow::Cut(cut) => {
                let reason = match cut {
                    Cut::Fin => CloseReason::Eof,
                    Cut::Rst => CloseReason::Reset,
                    Cut::Silent => CloseReason::TimedOut,
                };
                network.handle_closed(now, id, reason);
            }
        }
        self.rows[local].id = None;
    }

    fn say(
        &mut self,
        local: usize,
        (key, message, kind): (MessageKey, &PlannedMessage, TalkKind),
        network: &mut Network,
        (now, network_now): (Offset, Offset),
        edge: &mut Edge,
    ) {
        edge.counts.planned += 1;
        edge.interval.planned += 1;
        let Some(id) = self.rows[local].id else {
            edge.counts.not_sent.add(NotSent::Disconnected);
            return;
        };
        let plan = Arc::clone(&self.plan);
        let late = now.since(message.intended);
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        line.extend_from_slice(if kind == TalkKind::Notice {
            b"NOTICE "
        } else {
            b"PRIVMSG "
        });
        match message.to {
            Some(to) => {
                let generation = self.sharding.local(to);
                let generation = generation.map_or(0, |local| self.rows[local].generation);
                plan.names.push_nick(to, generation, &mut line);
            }
            None => plan.names.push_channel(key.channel, &mut line),
        }
        line.extend_from_slice(b" :");
        let is_action = kind == TalkKind::Action;
        if is_action {
            line.extend_from_slice(action::BEFORE);
        }
        let start = line.len();
        let probe = ProbeId {
            sender: message.sender,
            channel: key.channel,
            index: key.index,
        };
        self.prober.compose(probe, late, message.bytes, &mut line);
        let nick = self.nick(local);
        let said = LineId::of(Verb::Message, &nick, &line[start..]);
        if is_action {
            line.extend_from_slice(action::AFTER);
        }
        line.extend_from_slice(b"\r\n");
        edge.told.push(Told {
            at: now,
            deed: Deed::Said(crate::measure::continuity::told::Said {
                line: said,
                key,
                sender: message.sender,
                is_by_client: false,
                bytes: message.bytes,
                intended: message.intended,
                attempt: now,
                accepted: now,
            }),
        });
        network.handle_bytes(network_now, id, &line);
        self.line = line;
        edge.counts.sent += 1;
        edge.interval.sent += 1;
        edge.interval.lateness.record(late);
        // Lines around an attach are no talk of the profile's.
        if message.to.is_none() && key.index < AROUND_FROM {
            edge.said.add(Said {
                channel: key.channel,
                sender: message.sender,
                bytes: message.bytes,
                at: now,
            });
        }
    }

    fn send(&mut self, network: &mut Network, now: Offset, id: ClientId, words: &[&[u8]]) {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        for word in words {
            line.extend_from_slice(word);
        }
        line.extend_from_slice(b"\r\n");
        network.handle_bytes(now, id, &line);
        self.line = line;
    }
}

/// Returns the lines that are said beside the profile's talk, the latest first.
fn beside(plan: &Plan, number: u16) -> Vec<(Offset, ChannelId)> {
    let mut lines = preloaded(plan, number);
    lines.extend(around(plan, number));
    lines.sort_unstable_by(|a, b| b.cmp(a));
    lines
}

/// Returns the lines with which backlogs begin: so many in each channel, by turns.
fn preloaded(plan: &Plan, number: u16) -> Vec<(Offset, ChannelId)> {
    let (Some(bouncer), Some(seats)) = (&plan.scenario.bouncer, &plan.seats) else {
        return Vec::new();
    };
    let channels = (0..seats.channel_count()).map(ChannelId);
    let here: Vec<ChannelId> = channels
        .filter(|&channel| seats.network_of(channel) == Some(number))
        .collect();
    let (lines, over) = (bouncer.preload_lines, bouncer.preload_over);
    let at = |line: u32| Offset::ZERO + over.mul_f64(f64::from(line) / f64::from(lines));
    let turns = (0..lines).flat_map(|line| here.iter().map(move |&channel| (at(line), channel)));
    turns.collect()
}

/// Returns the lines that are said around the planned attaches of clients: in one channel of each client, evenly.
fn around(plan: &Plan, number: u16) -> Vec<(Offset, ChannelId)> {
    let count = plan
        .scenario
        .bouncer
        .as_ref()
        .map_or(0, |bouncer| bouncer.lines_at_attach);
    let Some(seats) = &plan.seats else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    for seat in seats.seats().iter().filter(|seat| seat.network == number) {
        for client in seat.clients.clone().map(UserId) {
            let channels = u32::try_from(seat.channels.len()).unwrap_or(0);
            for (turn, stay) in (0u32..).zip(plan.timeline.stays(client)) {
                let Some(&channel) = seat
                    .channels
                    .get((client.0.wrapping_add(turn) % channels.max(1)) as usize)
                else {
                    continue;
                };
                let first = stay.from.max(Offset::ZERO) - AROUND;
                let line = |place| {
                    let share = (f64::from(place) + 0.5) / f64::from(count);
                    (first + (2 * AROUND).mul_f64(share), channel)
                };
                lines.extend((0..count).map(line).filter(|&(at, _)| at >= Offset::ZERO));
            }
        }
    }
    lines
}
