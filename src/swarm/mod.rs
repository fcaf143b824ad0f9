//! One shard of the swarm, sans-IO: planned actions to lines, lines to observations.
//!
//! The shell (sockets or simulation) feeds times, bytes and ends, and carries out what [`Shard::poll_io`] asks for. Nothing
//! here knows a clock or a socket.

mod act;
mod attached;
mod beside;
mod chores;
pub mod credentials;
mod dial;
mod facts;
mod hear;
mod hold;
pub mod io;
mod lists;
mod manners;
mod outbox;
mod pace;
mod pager;
pub mod report;
mod route;
mod throttle;
mod user;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::irc::session::Closed;
use crate::irc::session::Context;
use crate::irc::session::End;
use crate::irc::session::SessionConfig;
use crate::irc::wire::isupport::Isupport;
use crate::irc::wire::message::Message;
use crate::measure::event::Event;
use crate::measure::interval::Interval;
use crate::measure::ledger::Ledger;
use crate::measure::ledger::LedgerConfig;
use crate::measure::ledger::judge::Settling;
use crate::measure::operation::Operation;
use crate::measure::probe::Prober;
use crate::measure::reason::Disconnect;
use crate::measure::reason::NotSent;
use crate::measure::reason::Refused;
use crate::measure::said::SaidLog;
use crate::measure::sent::LinesSent;
use crate::plan::Plan;
use crate::plan::action::Action;
use crate::plan::action::Planned;
use crate::plan::planner::Planner;
use crate::swarm::attached::Clients;
use crate::swarm::credentials::Accounts;
use crate::swarm::credentials::Credentials;
use crate::swarm::credentials::Hellos;
use crate::swarm::hold::Hold;
use crate::swarm::io::Io;
use crate::swarm::io::PeerFact;
use crate::swarm::route::Routes;
use crate::swarm::throttle::Throttles;
use crate::swarm::user::Link;
use crate::swarm::user::Named;
use crate::swarm::user::User;
use crate::units::id::PhaseId;
use crate::units::id::Sharding;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// How far ahead of now the plan is unrolled: a receiver must know of a message before it can arrive.
const PLAN_AHEAD: Duration = Duration::from_secs(2);
/// How long a connection may take to end after QUIT or after our side is closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a kicked client waits before it joins again (assumed).
const REJOIN_AFTER: Duration = Duration::from_secs(2);

/// One shard of the swarm.
#[derive(Debug)]
pub struct Shard {
    plan: Arc<Plan>,
    sharding: Sharding,
    planner: Planner,
    /// Actions unrolled and not yet due.
    upcoming: VecDeque<Planned>,
    slab: Vec<Planned>,
    users: Vec<User>,
    /// What is known of everybody's nick and whether they are online, by user.
    peers: Vec<Peer>,
    timers: BinaryHeap<Reverse<(Offset, u32)>>,
    /// How sessions are, by their users' programs.
    session_configs: Vec<SessionConfig>,
    accounts: Option<Arc<Accounts>>,
    /// What each client says to a bouncer, where the target is one.
    hellos: Option<Arc<Hellos>>,
    isupport: Isupport,
    prober: Prober,
    ledger: Ledger,
    interval: Interval,
    events: Vec<Event>,
    /// What the target is going through: who loses its connection by then lost it to that.
    upheaval: Option<(PhaseId, Offset)>,
    routes: Routes,
    io: VecDeque<Io>,
    outgoing_peers: Vec<PeerFact>,
    throttles: Throttles,
    hold: Hold,
    /// What its users are where the target is a bouncer; then a judge keeps the ledger.
    bouncer: Option<Clients>,
    is_over: bool,
    /// The run is judged; only goodbyes are left.
    is_closed: bool,
    caps: Option<Caps>,
    last_connect: Offset,
    registered_count: u64,
    lines_sent: LinesSent,
    said: SaidLog,
    /// Lines under composition.
    scratch: Vec<u8>,
}

/// What must hold whatever the plan says, towards a target whose control is not proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Most connections at once, those being made included.
    pub connections_max: usize,
    /// Least time between two connects.
    pub connect_spacing: Duration,
    /// Least time between two messages of one connection; what comes sooner is cancelled.
    pub message_spacing: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
struct Peer {
    generation: u8,
    is_online: bool,
}

impl Shard {
    /// Returns a shard before its first moment. `credentials` are what the target asks for.
    pub fn new(plan: &Arc<Plan>, sharding: Sharding, credentials: Credentials) -> Self {
        let sharding = sharding.within(plan.driven());
        let planner = Planner::new(Arc::clone(plan), sharding);
        let user_count = plan.population.user_count();
        let users = (0..sharding.local_count(user_count)).map(|local| sharding.user(local));
        let bouncer = Clients::new(plan, users.clone());
        let prober = Prober::new(plan.seed);
        let config = LedgerConfig {
            sharding,
            user_count,
            channel_count: plan.population.channel_count(),
            sides: Arc::clone(&plan.population.sides),
            settle: plan.scenario.settle,
            prober,
            around: plan.around_events(),
        };
        let judged = match bouncer {
            Some(_) => &[],
            None => planner.channels(),
        };
        let ledger = Ledger::new(config, judged);
        let events = plan.events().map(|(id, struck, cause_gone)| Event {
            is_gradual: plan.scenario.phase(id).kind.is_gradual(),
            ..Event::new(id, struck, cause_gone)
        });
        Self {
            sharding,
            users: users
                .map(|user| User::new(user, plan.clients.of(user, &plan.streams)))
                .collect(),
            bouncer,
            hellos: credentials.hellos.clone(),
            peers: vec![Peer::default(); user_count as usize],
            timers: BinaryHeap::new(),
            session_configs: manners::session_configs(plan, &credentials),
            accounts: credentials.accounts,
            isupport: Isupport::default(),
            prober,
            ledger,
            interval: Interval::new(),
            events: events.collect(),
            upheaval: None,
            routes: Routes::default(),
            io: VecDeque::new(),
            outgoing_peers: Vec::new(),
            throttles: Throttles::new(plan.scenario.servers.len() + 1),
            hold: Hold::default(),
            is_over: false,
            is_closed: false,
            caps: None,
            last_connect: Offset::ALWAYS,
            registered_count: 0,
            lines_sent: LinesSent::default(),
            said: SaidLog::default(),
            scratch: Vec::new(),
            upcoming: VecDeque::new(),
            slab: Vec::new(),
            planner,
            plan: Arc::clone(plan),
        }
    }

    /// Sets what must hold whatever the plan says. Only a shard that drives everybody can keep it.
    ///
    /// # Panics
    ///
    /// Panics if there are caps and other shards.
    pub fn set_caps(&mut self, caps: Option<Caps>) {
        assert!(
            caps.is_none() || self.sharding.count() == 1,
            "caps on one of {} shards",
            self.sharding.count()
        );
        self.caps = caps;
    }

    /// Returns which users the shard drives.
    pub fn sharding(&self) -> Sharding {
        self.sharding
    }

    /// Returns how many users the shard drives.
    pub fn user_count(&self) -> usize {
        self.users.len()
    }

    /// Returns when [`Shard::handle_due`] next has something to do.
    pub fn next_due(&self) -> Offset {
        let action = self
            .upcoming
            .front()
            .map_or(Offset::NEVER, |planned| self.hold.released(planned.at));
        let timer = self
            .timers
            .peek()
            .map_or(Offset::NEVER, |Reverse((at, _))| *at);
        let unroll = if self.planner.is_done() {
            Offset::NEVER
        } else {
            self.hold.released(self.unroll_due())
        };
        let presence = if self.is_closed {
            Offset::NEVER
        } else {
            self.ledger.presence_due()
        };
        let throttles = self.throttles.due();
        action.min(timer).min(unroll).min(presence).min(throttles)
    }

    /// Does what is due at `now`: unrolls the plan, acts, and lets timers fire.
    pub fn handle_due(&mut self, now: Offset) {
        if !self.is_closed {
            self.ledger.settle_some_presence(now);
        }
        while !self.is_over
            && !self.planner.is_done()
            && self.hold.released(self.unroll_due()) <= now
        {
            self.unroll();
        }
        while let Some(planned) = self
            .upcoming
            .front()
            .copied()
            .filter(|planned| self.hold.released(planned.at) <= now)
        {
            self.upcoming.pop_front();
            self.act(&planned, now);
        }
        while let Some(&Reverse((at, local))) = self.timers.peek() {
            if at > now {
                break;
            }
            self.timers.pop();
            self.handle_timer(at, local as usize, now);
        }
        if self.throttles.due() <= now {
            self.handle_throttles(now);
        }
    }

    /// Returns when the next slab of the plan is to be unrolled.
    fn unroll_due(&self) -> Offset {
        self.planner.planned_until() + self.hold.shift() - PLAN_AHEAD
    }

    fn unroll(&mut self) {
        let mut slab = std::mem::take(&mut self.slab);
        slab.clear();
        self.planner.next_slab(&mut slab);
        for planned in &mut slab {
            planned.delay(self.hold.shift());
            if let Action::Say { key, message, .. } = planned.action {
                self.ledger.handle_planned(key, message);
                if !self.sharding.drives(message.sender) {
                    continue;
                }
            }
            self.foresee(planned);
            if matches!(planned.action, Action::Unspoken { .. }) {
                self.ledger.handle_unspoken();
                continue;
            }
            self.upcoming.push_back(*planned);
        }
        self.slab = slab;
    }

    /// Returns the next thing the shell has to do, or `None` for nothing.
    pub fn poll_io(&mut self) -> Option<Io> {
        let io = self.io.pop_front()?;
        if let Io::Flush { user } = io
            && let Some(local) = self.sharding.local(user)
        {
            self.users[local].has_flush_queued = false;
        }
        Some(io)
    }

    /// Returns the bytes that wait to be written to a user's connection.
    pub fn outgoing(&self, user: UserId) -> &[u8] {
        self.sharding
            .local(user)
            .map_or(&[], |local| self.users[local].outbox.pending())
    }

    /// Notes that the kernel took the first `bytes` of a user's outgoing bytes.
    pub fn handle_accepted(&mut self, user: UserId, bytes: usize, now: Offset) {
        let Some(local) = self.sharding.local(user) else {
            return;
        };
        let state = &mut self.users[local];
        let lines = state.outbox.consume(bytes, &mut self.lines_sent);
        state.pace.spend(lines, now);
        while let Some((key, attempt)) = self.users[local].outbox.pop_accepted() {
            if let Some(said) = self.ledger.handle_accepted(key, now) {
                self.said.add(said);
            }
            self.interval.blocked.record(now.since(attempt));
            self.interval.sent += 1;
        }
    }

    /// Notes that a step towards a user's connection is done: TCP, or TLS upon it.
    pub fn handle_reached(&mut self, user: UserId, step: Operation, now: Offset) {
        let Some(local) = self.sharding.local(user) else {
            return;
        };
        let state = &self.users[local];
        let times = self.interval.times_mut(step);
        times.response.record(now.since(state.connect_intended));
        times.service.record(now.since(state.connect_attempt));
    }

    /// Notes that a user's connection stands, and can carry lines.
    pub fn handle_connected(&mut self, user: UserId, now: Offset) {
        let Some(local) = self.sharding.local(user) else {
            return;
        };
        self.users[local].link = Link::Up;
        self.with_session(local, |session, cx| session.handle_connected(now, cx));
        self.flush(local);
        self.arm(local);
    }

    /// Notes that a user's connection could not be made.
    pub fn handle_connect_failed(&mut self, user: UserId, closed: Closed, now: Offset) {
        let Some(local) = self.sharding.local(user) else {
            return;
        };
        let state = &mut self.users[local];
        state.link = Link::Down;
        // An attempt that the plan gave up again failed nobody.
        if state.is_wanted {
            self.interval.disconnects.add(match closed {
                Closed::Local if state.has_connect_timed_out() => Disconnect::Timeout,
                Closed::Local => Disconnect::Local,
                Closed::Eof => Disconnect::Eof,
                Closed::Reset => Disconnect::ResetBeforeFirstByte,
                Closed::Insecure => Disconnect::Tls,
            });
        }
        self.come_back_later(local, now);
    }

    /// Handles one line from a user's connection; the shell's framer has cut it.
    pub fn handle_line(&mut self, user: UserId, line: &[u8], now: Offset) {
        let Some(local) = self.sharding.local(user) else {
            return;
        };
        if self.is_closed {
            return;
        }
        self.interval.lines += 1;
        // What is no IRC line says nothing; that something came keeps the connection alive.
        let Ok(message) = Message::parse(line) else {
            return;
        };
        let heard = self.with_session(local, |session, cx| session.handle_line(now, &message, cx));
        self.hear(local, heard, now);
        self.flush(local);
    }

    /// Notes that a user's connection sent a line longer than any may be; it will be closed.
    pub fn handle_line_too_long(&mut self, user: UserId) {
        let Some(local) = self.sharding.local(user) else {
            return;
        };
        self.users[local].session.handle_line_too_long();
        self.close(local);
    }

    /// Notes a read of `bytes` bytes.
    pub fn handle_read(&mut self, bytes: usize) {
        self.interval.reads += 1;
        self.interval.bytes += bytes as u64;
    }

    /// Handles the end of a user's connection, whoever ended it. Called once for each that stood.
    pub fn handle_closed(&mut self, user: UserId, closed: Closed, now: Offset) {
        let Some(local) = self.sharding.local(user) else {
            return;
        };
        if self.is_closed {
            self.users[local].session.handle_closed(closed);
            self.users[local].link = Link::Down;
            return;
        }
        let was_online = self.users[local].session.is_online();
        let end = self.users[local].session.handle_closed(closed);
        if self.bouncer.is_some() {
            self.tell_detached(local, closed, end, now);
        } else {
            self.ledger.handle_offline(user, now);
            self.tell_peers(local, false);
        }
        let state = &mut self.users[local];
        state.link = Link::Down;
        state.chores.clear();
        state.privates.clear();
        state.close_by = Offset::NEVER;
        state.joins_pending = 0;
        state.rejoin = None;
        state.has_flush_queued = false;
        let quit_sent = std::mem::replace(&mut state.quit_sent, Offset::NEVER);
        while let Some(key) = state.outbox.pop_unaccepted() {
            self.ledger.handle_hole(key, NotSent::Disconnected);
        }
        self.users[local].outbox.clear();
        if end == End::Asked {
            if quit_sent != Offset::NEVER {
                let times = self.interval.times_mut(Operation::Quit);
                times.response.record(now.since(quit_sent));
                times.service.record(now.since(quit_sent));
            }
            let hit = self.users[local].hit_by.as_mut();
            if hit.is_some_and(|hit| std::mem::take(&mut hit.is_unnoticed)) {
                self.lose_link(local, now);
                self.come_back_later(local, now);
                return;
            }
            // Wanted again already: the return was planned for sooner than the old connection took to end.
            if self.users[local].is_wanted && !self.is_over {
                self.connect(local, now);
            }
            return;
        }
        // A registration that the plan gave up again was ended by nobody else.
        if end != End::Local || self.users[local].is_wanted {
            self.note_end(end);
        }
        if was_online {
            self.lose_link(local, now);
            if let Some((phase, until)) = self.upheaval
                && now <= until
            {
                self.note_hit(local, phase, now);
            }
        }
        self.come_back_later(local, now);
    }

    /// Notes that a user who was online no longer is. A return that is not planned is due from here, however many tries it takes.
    fn lose_link(&mut self, local: usize, now: Offset) {
        let state = &mut self.users[local];
        state.tries = 0;
        state.connect_intended = now;
    }

    fn note_end(&mut self, end: End) {
        self.interval.disconnects.add(match end {
            End::Asked | End::Local => Disconnect::Local,
            End::Eof => Disconnect::Eof,
            End::Reset => Disconnect::Reset,
            End::ResetBeforeFirstByte => Disconnect::ResetBeforeFirstByte,
            End::ErrorLine(refusal) => {
                self.interval.refused.add(hear::refused(refusal));
                Disconnect::ErrorLine
            }
            End::PingTimeout => Disconnect::PingTimeout,
            End::RegisterTimeout => Disconnect::Timeout,
            End::LoginRefused => {
                self.interval.refused.add(Refused::Auth);
                Disconnect::LoginRefused
            }
            End::LoginTimeout => Disconnect::LoginTimeout,
            End::LineTooLong => Disconnect::LineTooLong,
            End::Insecure => Disconnect::Tls,
        });
    }

    /// Calls the user's session with what it needs, its lines going to the outbox.
    fn with_session<T>(
        &mut self,
        local: usize,
        call: impl FnOnce(&mut crate::irc::session::Session, &mut Context<'_>) -> T,
    ) -> T {
        let User {
            id,
            client,
            session,
            outbox,
            ..
        } = &mut self.users[local];
        let identity = Named {
            names: &self.plan.names,
            user: *id,
            accounts: self.accounts.as_deref(),
            hello: self
                .hellos
                .as_ref()
                .and_then(|hellos| hellos.get(id.index())),
        };
        let mut cx = Context {
            identity: &identity,
            config: &self.session_configs[usize::from(client.0)],
            isupport: &mut self.isupport,
            out: outbox.tail(),
        };
        call(session, &mut cx)
    }

    /// Judges what can be judged.
    pub fn settle(&mut self, now: Offset, settling: Settling) {
        self.ledger.settle(now, settling);
    }

    /// Closes the interval and returns it.
    pub fn take_interval(&mut self, now: Offset) -> Interval {
        self.interval.pending = self.pending(now);
        std::mem::take(&mut self.interval)
    }

    /// Returns whether everything planned is done and judged.
    pub fn is_settled(&self) -> bool {
        self.upcoming.is_empty()
            && (self.is_over || self.planner.is_done())
            && self.ledger.open_count() == 0
            && (self.sharding.count() == 1 || self.ledger.has_told_all())
    }

    /// Returns the users whom the plan wants online since before `since` and who are not, or not in all their channels.
    pub fn not_whole(&self, since: Offset) -> Vec<UserId> {
        let is_in = |state: &User, channel| self.ledger.is_joined(state.id, channel);
        let is_whole = |state: &User| {
            if let Some(clients) = &self.bouncer {
                let local = self.sharding.local(state.id);
                local.is_some_and(|local| clients.has_all(local))
            } else if self.plan.script().is_some() {
                let mut due = state.wanted.iter().filter(|wanted| wanted.intended < since);
                due.all(|wanted| is_in(state, wanted.channel))
            } else {
                let mut channels = self.plan.population.channels(state.id).iter();
                channels.all(|&channel| is_in(state, channel))
            }
        };
        let is_missing = |state: &&User| {
            state.is_wanted
                && state.wants_channels
                && state.connect_intended < since
                && !(state.session.is_online() && is_whole(state))
        };
        self.users
            .iter()
            .filter(is_missing)
            .map(|state| state.id)
            .collect()
    }

    fn event_mut(&mut self, phase: PhaseId) -> Option<&mut Event> {
        self.events.iter_mut().find(|event| event.phase == phase)
    }
}
