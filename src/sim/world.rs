//! The virtual world: one queue of events between shards and network, and the checkers that watch from outside.

mod checks;
mod ends;
mod migration;
mod upheaval;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BinaryHeap;
use std::collections::HashMap;
use std::sync::Arc;

use crate::irc::fault::lie::Liar;
use crate::irc::network::Network;
use crate::irc::network::Output;
use crate::irc::network::client::ClientId;
use crate::irc::network::config::NetworkConfig;
use crate::irc::session::Closed;
use crate::measure::event::Event;
use crate::measure::exemplar::Exemplars;
use crate::measure::interval::Interval;
use crate::measure::ledger::MessageKey;
use crate::measure::ledger::counts::LedgerCounts;
use crate::measure::ledger::judge::Settling;
use crate::measure::ledger::partition::Split;
use crate::measure::operation::Operation;
use crate::measure::progress::Progress;
use crate::measure::sent::LinesSent;
use crate::migration::operator::Operator;
use crate::plan::Plan;
use crate::plan::action::Action;
use crate::plan::digest;
use crate::plan::planner::Planner;
use crate::plan::streams::Purpose;
use crate::plan::streams::StreamId;
use crate::plan::streams::Streams;
use crate::sim::Moved;
use crate::sim::SimConfig;
use crate::sim::SimOutcome;
use crate::sim::faults::FaultPlan;
use crate::sim::faults::Truth;
use crate::sim::link::Link;
use crate::swarm::Shard;
use crate::swarm::credentials::Credentials;
use crate::swarm::io::Io;
use crate::units::id::ServerId;
use crate::units::id::ShardId;
use crate::units::id::Sharding;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// Steps after which a virtual run counts as stuck.
const STEPS_MAX: u64 = 50_000_000;
/// Texts of lies kept to be found in the evidence.
const TOLD_MAX: usize = 10_000;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Connected {
        user: UserId,
        epoch: u32,
        server: ServerId,
    },
    Refused {
        user: UserId,
        epoch: u32,
    },
    ToNetwork {
        user: UserId,
        epoch: u32,
        bytes: Vec<u8>,
    },
    ToUser {
        user: UserId,
        epoch: u32,
        bytes: Vec<u8>,
    },
    NetworkEnd {
        user: UserId,
        epoch: u32,
        is_reset: bool,
    },
    UserEnd {
        user: UserId,
        epoch: u32,
    },
    Fault {
        user: UserId,
    },
}

pub(crate) struct World {
    plan: Arc<Plan>,
    shards: Vec<Shard>,
    network: Network,
    /// A restart phase has taken the network down.
    is_down: bool,
    links: Vec<Link>,
    user_of: HashMap<ClientId, (UserId, u32)>,
    queue: BinaryHeap<Reverse<(Offset, u64, What)>>,
    entry: u64,
    now: Offset,
    next_edge: Offset,
    splits: Vec<Split>,
    operator: Operator,
    moved: Vec<Moved>,
    faults: FaultPlan,
    fault_streams: Streams,
    intended: BTreeMap<MessageKey, Offset>,
    total: Interval,
    truth: Truth,
    violations: Vec<String>,
}

impl World {
    pub(crate) fn new(plan: &Arc<Plan>, config: &SimConfig) -> Self {
        let count = config.shard_count.max(1);
        let shards: Vec<Shard> = (0..count)
            .filter_map(|shard| Sharding::new(ShardId(shard), count))
            .map(|sharding| Shard::new(plan, sharding, Credentials::default()))
            .collect();
        let server_count = plan.scenario.servers.len() + 1;
        let network = NetworkConfig {
            servers: (1..=server_count)
                .map(|number| format!("irc{number}.test"))
                .collect(),
            limits: config.limits.clone(),
            ..NetworkConfig::default()
        };
        let fault_streams = Streams::new(config.faults.seed);
        let faults = config.faults.clone();
        let links = (0..plan.population.user_count()).map(UserId).map(|user| {
            let rng = fault_streams.rng(StreamId::of_user(Purpose::Fault, 2, user));
            let liar = faults.lie.map(|(lie, one_in)| Liar::new(lie, one_in));
            Link::new(
                rng,
                faults.delay,
                faults.link_fault(&fault_streams, user),
                liar,
            )
        });
        let mut intended = BTreeMap::new();
        digest::for_each(
            &mut [Planner::new(Arc::clone(plan), Sharding::WHOLE)],
            |planned| {
                if let Action::Say { key, .. } = planned.action {
                    intended.insert(key, planned.at);
                }
            },
        );
        let mut world = Self {
            links: links.collect(),
            shards,
            network: Network::new(network, Offset::ZERO, 0),
            is_down: false,
            user_of: HashMap::new(),
            queue: BinaryHeap::new(),
            entry: 0,
            now: Offset::ZERO,
            next_edge: Offset::ZERO + Interval::LENGTH,
            splits: Vec::new(),
            operator: Operator::new(Arc::clone(plan), true),
            moved: Vec::new(),
            faults,
            fault_streams,
            intended,
            total: Interval::new(),
            truth: Truth::default(),
            violations: Vec::new(),
            plan: Arc::clone(plan),
        };
        for user in (0..plan.population.user_count()).map(UserId) {
            if let Some(fault) = world.links[user.index()].fault {
                world.push(fault.at(), What::Fault { user });
            }
        }
        world
    }

    fn push(&mut self, at: Offset, what: What) {
        self.entry += 1;
        self.queue.push(Reverse((at, self.entry, what)));
    }

    fn shard(&mut self, user: UserId) -> &mut Shard {
        let count = self.shards.len();
        &mut self.shards[user.index() % count]
    }

    /// Plays to the plan's end and until all is judged.
    pub(crate) fn play(&mut self) {
        let ends = self.plan.timeline.ends;
        let settled_by = ends + self.plan.scenario.settle * 2 + Interval::LENGTH * 3;
        let mut is_over = false;
        for step in 0.. {
            if step >= STEPS_MAX {
                self.violations.push(format!("stuck at {}", self.now));
                return;
            }
            let due = self
                .shards
                .iter()
                .map(Shard::next_due)
                .min()
                .unwrap_or(Offset::NEVER);
            let queued = self
                .queue
                .peek()
                .map_or(Offset::NEVER, |Reverse((at, _, _))| *at);
            let network = self.network.next_timer().unwrap_or(Offset::NEVER);
            let moves = self.operator.next_due();
            let next = due.min(queued).min(network).min(moves).min(self.next_edge);
            if !is_over && next >= ends {
                is_over = true;
                self.now = ends;
                self.check_everybody_is_back();
                self.operator.cease();
                self.shards.iter_mut().for_each(Shard::handle_over);
                continue;
            }
            if next >= settled_by || (is_over && self.shards.iter().all(Shard::is_settled)) {
                return;
            }
            self.now = self.now.max(next);
            self.step(is_over);
        }
    }

    fn step(&mut self, is_over: bool) {
        let now = self.now;
        if self.next_edge <= now {
            self.edge(is_over);
        }
        while let Some(Reverse((at, _, _))) = self.queue.peek() {
            if *at > now {
                break;
            }
            if let Some(Reverse((_, _, what))) = self.queue.pop() {
                self.happen(what);
            }
        }
        if self.network.next_timer().is_some_and(|at| at <= now) {
            self.network.handle_timer(now);
        }
        self.move_accounts();
        for shard in &mut self.shards {
            if shard.next_due() <= now {
                shard.handle_due(now);
            }
        }
        self.carry();
    }

    /// Closes an interval: shards tell each other what they must know, then judge.
    fn edge(&mut self, is_over: bool) {
        self.next_edge += Interval::LENGTH;
        let facts: Vec<_> = self.shards.iter_mut().map(Shard::take_facts).collect();
        for (to, shard) in self.shards.iter_mut().enumerate() {
            for (from, facts) in facts.iter().enumerate() {
                if from != to {
                    shard.handle_facts(facts);
                }
            }
        }
        let settling = if is_over {
            Settling::WhenSeen
        } else {
            Settling::WhenDue
        };
        let (mut interval, mut progress) = (Interval::new(), Progress::default());
        for shard in &mut self.shards {
            shard.settle(self.now, settling);
            interval.merge(&shard.take_interval(self.now));
            progress.merge(&shard.progress(self.now));
        }
        self.total.merge(&interval);
        self.operator.enter(self.now, &interval, &progress);
        let last = self.operator.log().all().last();
        self.moved.extend(last.map(|migration| Moved {
            phase: migration.phase,
            since: self.now.since(migration.begun),
            done: migration.done(),
            forecast: migration.forecast,
        }));
    }

    /// Carries out what shards and network ask for until neither asks.
    fn carry(&mut self) {
        loop {
            let mut is_idle = true;
            for shard in 0..self.shards.len() {
                while let Some(io) = self.shards[shard].poll_io() {
                    is_idle = false;
                    self.carry_io(io);
                }
            }
            loop {
                match self.network.poll() {
                    Output::Wait => break,
                    Output::Writable(client) => self.carry_down(client),
                    Output::Close(client) => self.close_client(client),
                }
                is_idle = false;
            }
            if is_idle {
                return;
            }
        }
    }

    fn carry_io(&mut self, io: Io) {
        let now = self.now;
        match io {
            Io::Connect { user, server } => {
                let is_refused =
                    self.is_down || self.faults.refuses(&self.fault_streams, user, now);
                self.links[user.index()].reopen();
                let epoch = self.links[user.index()].epoch;
                let at = self.links[user.index()].up(now);
                let what = if is_refused {
                    What::Refused { user, epoch }
                } else {
                    What::Connected {
                        user,
                        epoch,
                        server,
                    }
                };
                self.push(at, what);
            }
            Io::Flush { user } => self.carry_up(user),
            Io::Finish { user } => {
                self.carry_up(user);
                let link = &mut self.links[user.index()];
                if link.is_up {
                    link.is_half_closed = true;
                    let (at, epoch) = (link.up(now), link.epoch);
                    self.push(
                        at,
                        What::NetworkEnd {
                            user,
                            epoch,
                            is_reset: false,
                        },
                    );
                }
            }
            Io::Close { user } | Io::Reset { user } => self.close_user(user, Closed::Local),
            Io::Abandon { user } => {
                self.links[user.index()].is_up = false;
                self.shard(user).handle_closed(user, Closed::Local, now);
            }
            Io::Upheave { phase, upheaval } => self.upheave(phase, upheaval),
        }
    }

    fn carry_up(&mut self, user: UserId) {
        let now = self.now;
        let bytes = self.shard(user).outgoing(user).to_vec();
        self.shard(user).handle_accepted(user, bytes.len(), now);
        self.check_nothing_is_early(&bytes);
        let link = &mut self.links[user.index()];
        if link.is_up && !bytes.is_empty() {
            let (at, epoch) = (link.up(now), link.epoch);
            self.push(at, What::ToNetwork { user, epoch, bytes });
        }
    }

    /// Takes what waits for a client, lies about it if it is to, and sends it on its way.
    fn carry_down(&mut self, client: ClientId) {
        let now = self.now;
        let mut waiting = Vec::new();
        self.network.outbox(client).take_into(&mut waiting);
        let Some(&(user, epoch)) = self.user_of.get(&client) else {
            return;
        };
        // Of an earlier connection nothing more can arrive.
        if !self.is_current(user, epoch) {
            return;
        }
        let link = &mut self.links[user.index()];
        let mut bytes = Vec::with_capacity(waiting.len());
        match &mut link.liar {
            None => bytes = waiting,
            Some(liar) => {
                for line in waiting
                    .split(|&byte| byte == b'\n')
                    .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
                {
                    if line.is_empty() {
                        continue;
                    }
                    let told = liar.relay(line, |line| {
                        bytes.extend_from_slice(line);
                        bytes.extend_from_slice(b"\r\n");
                    });
                    if let Some(told) = told {
                        self.truth.lies[told.lie as usize] += 1;
                        if self.truth.told.len() < TOLD_MAX {
                            self.truth.told.push((user, told.line));
                        }
                    }
                }
            }
        }
        if !link.is_deaf && !bytes.is_empty() {
            let (at, epoch) = (link.down(now), link.epoch);
            self.push(at, What::ToUser { user, epoch, bytes });
        }
    }

    fn happen(&mut self, what: What) {
        let now = self.now;
        match what {
            What::Connected {
                user,
                epoch,
                server,
            } if self.is_current(user, epoch) && !self.is_down => {
                let client = self.network.handle_connect(now, server, "127.0.0.1");
                self.user_of.insert(client, (user, epoch));
                let link = &mut self.links[user.index()];
                link.is_up = true;
                let shard = self.shard(user);
                shard.handle_reached(user, Operation::ConnectTcp, now);
                shard.handle_connected(user, now);
            }
            What::Refused { user, epoch } if self.is_current(user, epoch) => {
                self.truth.refused += 1;
                self.shard(user)
                    .handle_connect_failed(user, Closed::Reset, now);
            }
            What::ToNetwork { user, epoch, bytes }
                if self.links[user.index()].reset_epoch != Some(epoch) =>
            {
                if let Some(client) = self.client_of(user, epoch) {
                    self.network.handle_bytes(now, client, &bytes);
                }
            }
            What::ToUser { user, epoch, bytes }
                if self.is_current(user, epoch) && self.links[user.index()].is_up =>
            {
                self.deliver(user, &bytes);
            }
            What::NetworkEnd {
                user,
                epoch,
                is_reset,
            } => self.network_end(user, epoch, is_reset),
            What::UserEnd { user, epoch }
                if self.is_current(user, epoch) && self.links[user.index()].is_up =>
            {
                self.links[user.index()].is_up = false;
                self.shard(user).handle_closed(user, Closed::Eof, now);
            }
            What::Fault { user } => self.strike(user),
            _ => {}
        }
    }

    fn is_current(&self, user: UserId, epoch: u32) -> bool {
        self.links[user.index()].epoch == epoch
    }

    fn deliver(&mut self, user: UserId, bytes: &[u8]) {
        let now = self.now;
        let mut framer = std::mem::take(&mut self.links[user.index()].framer);
        let shard = self.shard(user);
        shard.handle_read(bytes.len());
        framer.push(bytes, |line| match line {
            Ok(line) => shard.handle_line(user, line, now),
            Err(_) => shard.handle_line_too_long(user),
        });
        self.links[user.index()].framer = framer;
    }

    /// Returns the network's client of a user's connection, the present or an earlier one.
    fn client_of(&self, user: UserId, epoch: u32) -> Option<ClientId> {
        self.user_of
            .iter()
            .find(|(_, of)| **of == (user, epoch))
            .map(|(&client, _)| client)
    }

    pub(crate) fn finish(mut self) -> SimOutcome {
        let mut ledger = LedgerCounts::default();
        let mut exemplars = Exemplars::default();
        let mut events: Vec<Event> = Vec::new();
        let mut lines_sent = LinesSent::default();
        for shard in std::mem::take(&mut self.shards) {
            let report = shard.finish(self.now);
            ledger.merge(&report.ledger);
            exemplars.merge(&report.exemplars);
            lines_sent.merge(&report.lines_sent);
            for event in report.events {
                match events.iter_mut().find(|known| known.phase == event.phase) {
                    Some(known) => known.merge(&event),
                    None => events.push(event),
                }
            }
        }
        self.check_sums(&ledger);
        SimOutcome {
            ledger,
            exemplars,
            events,
            total: self.total,
            lines_sent,
            migrations: self.operator.into_log(),
            moved: self.moved,
            truth: self.truth,
            violations: self.violations,
        }
    }
}
