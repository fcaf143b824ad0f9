//! One network as a bouncer meets it, sans-IO: its members whom no bouncer holds, and a watch on every line to and from the bouncer.
//!
//! The network itself is [`Network`]; what is added is who talks there by the plan, and what was written to whom, byte for byte as the
//! kernel took it. Its own times are those of the network's owner; what it tells is in times of the run, from [`Upstream::begin`] on.

mod links;
mod members;
mod seats;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use crate::irc::network::CloseReason;
use crate::irc::network::Network;
use crate::irc::network::Output;
use crate::irc::network::client::ClientId;
use crate::irc::network::config::NetworkConfig;
use crate::irc::network::served::Served;
use crate::measure::bouncer::ReturnSaw;
use crate::measure::continuity::told::Deed;
use crate::measure::continuity::told::Told;
use crate::measure::interval::Interval;
use crate::measure::ledger::counts::LedgerCounts;
use crate::measure::said::SaidLog;
use crate::plan::Plan;
use crate::units::id::ServerId;
use crate::units::offset::Offset;
use crate::upstream::links::Links;
use crate::upstream::members::Members;
use crate::upstream::seats::Standing;
use crate::upstream::watch::Watch;

/// What one network did and saw since it last told.
#[derive(Debug, Default)]
pub struct Edge {
    /// For the judge.
    pub told: Vec<Told>,
    /// What its members did, and how late.
    pub interval: Interval,
    /// What its members were to say, and said.
    pub counts: LedgerCounts,
    /// What they said in channels.
    pub said: SaidLog,
}

/// How far a bouncer has come with its users on one network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Places that it is to hold there.
    pub seats: u32,
    /// Those that are registered.
    pub registered: u32,
    /// Those that are in all of their channels.
    pub ready: u32,
}

/// One network behind a bouncer.
#[derive(Debug)]
pub struct Upstream {
    network: Network,
    links: Links,
    members: Members,
    watch: Watch,
    standing: Standing,
    /// The run's beginning in the network's time; `NEVER` before it is known.
    zero: Offset,
    start_unix_micros: i64,
    edge: Edge,
}

impl Upstream {
    /// Returns network number `number` of a plan, with the members that are there from the start.
    pub fn new(
        plan: &Arc<Plan>,
        number: u16,
        config: NetworkConfig,
        now: Offset,
        start_unix_micros: u64,
    ) -> Self {
        let bouncer = plan.scenario.bouncer.as_ref();
        let link = bouncer.map(|bouncer| bouncer.network.link);
        let mut upstream = Self {
            network: Network::new(config, now, start_unix_micros),
            links: Links::new(&link.unwrap_or_default(), &plan.streams, number),
            members: Members::new(plan, number),
            watch: Watch::new(plan, number),
            standing: Standing::new(plan, number),
            zero: Offset::NEVER,
            start_unix_micros: i64::try_from(start_unix_micros).unwrap_or(i64::MAX),
            edge: Edge::default(),
        };
        upstream.members.populate(&mut upstream.network, now);
        upstream
    }

    /// Lets the run begin at `zero` of the network's time.
    pub fn begin(&mut self, zero: Offset) {
        self.zero = zero;
        // What was told before is nobody's to judge, but for who has joined.
        self.edge = Edge::default();
    }

    /// Holds what members do from `at` of the run on.
    pub fn hold(&mut self, at: Offset) {
        self.members.hold(at);
    }

    /// Lets members go on at `at`, everything put off by the time since the hold.
    pub fn resume(&mut self, at: Offset) {
        self.members.resume(at);
    }

    /// Has members do no more: the plan is over.
    pub fn cease(&mut self) {
        self.members.cease();
    }

    /// Returns how far the bouncer has come.
    pub fn readiness(&self) -> Readiness {
        self.standing.readiness(&self.network)
    }

    /// Returns how connections that were lost came back.
    pub fn returns(&self) -> Vec<ReturnSaw> {
        self.standing.returns()
    }

    /// Returns the network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Returns how many connections were accepted and left alone.
    pub fn half_open_count(&self) -> u64 {
        self.links.half_open_count()
    }

    /// Returns how many members it has whom no bouncer holds.
    pub fn member_count(&self) -> u64 {
        self.members.count()
    }

    /// Takes what was done and seen since the last call.
    pub fn take_edge(&mut self) -> Edge {
        std::mem::take(&mut self.edge)
    }

    /// Returns a moment of the network's time as one of the run.
    fn run_time(&self, now: Offset) -> Offset {
        if self.zero == Offset::NEVER {
            return Offset::ALWAYS;
        }
        Offset::from_nanos(now.as_nanos().saturating_sub(self.zero.as_nanos()))
    }

    fn is_begun(&self) -> bool {
        self.zero < Offset::NEVER
    }

    /// Lets members do what is due.
    fn act(&mut self, now: Offset) {
        if !self.is_begun() {
            return;
        }
        let (run_now, zero) = (self.run_time(now), self.zero);
        self.members
            .act(&mut self.network, run_now, zero, &mut self.edge);
    }

    /// Notes that a connection has brought something: it may have registered, or changed its nick.
    fn note_seat(&mut self, id: ClientId, now: Offset) {
        let run_now = self.run_time(now);
        if let Some(seat) = self.standing.note(&self.network, id, run_now) {
            self.watch.note(&self.network, id, seat);
        }
    }

    fn lose(&mut self, id: ClientId, now: Offset) {
        let at = self.run_time(now);
        if let Some(seat) = self.watch.forget(id) {
            let deed = Deed::UpstreamLost { seat };
            self.edge.told.push(Told { at, deed });
        }
        self.standing.lose(id, at);
    }
}

impl Served for Upstream {
    fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    fn handle_connect(&mut self, now: Offset, server: ServerId, address: &str) -> ClientId {
        let unknown = self.links.accept();
        unknown.unwrap_or_else(|| self.network.handle_connect(now, server, address))
    }

    fn handle_bytes(&mut self, now: Offset, id: ClientId, bytes: &[u8]) {
        if self.links.is_unknown(id) {
            return;
        }
        self.network.handle_bytes(now, id, bytes);
        self.note_seat(id, now);
        let at = self.run_time(now);
        self.watch.hear(id, bytes, at, &mut self.edge.told);
    }

    fn handle_closed(&mut self, now: Offset, id: ClientId, reason: CloseReason) {
        let is_unknown = self.links.is_unknown(id);
        self.links.forget(id);
        if is_unknown {
            return;
        }
        self.lose(id, now);
        self.network.handle_closed(now, id, reason);
    }

    fn handle_timer(&mut self, now: Offset) {
        self.act(now);
        self.network.handle_timer(now);
        self.links.handle_timer(now);
    }

    fn next_timer(&self) -> Option<Offset> {
        let own = if self.is_begun() {
            self.members.next_due().map(|due| {
                let lead = Duration::from_nanos(u64::try_from(due.as_nanos()).unwrap_or(0));
                self.zero + lead
            })
        } else {
            None
        };
        let due = [self.network.next_timer(), own, self.links.next_timer()];
        due.into_iter().flatten().min()
    }

    fn poll(&mut self) -> Output {
        self.links.poll(&mut self.network)
    }

    fn outgoing(&mut self, now: Offset, id: ClientId) -> &[u8] {
        if self.links.is_unknown(id) {
            return &[];
        }
        let due = self.links.due(now, id);
        let waiting = self.network.outbox(id).as_slice();
        due.and_then(|due| waiting.get(..due)).unwrap_or(waiting)
    }

    fn consume(&mut self, now: Offset, id: ClientId, count: usize) {
        let at = self.run_time(now);
        // What was stamped before the run begins is nobody's to judge.
        let zero_unix_micros = self.start_unix_micros.saturating_add(self.zero.as_micros());
        let stamp =
            |unix_micros: i64| Offset::from_micros(unix_micros.saturating_sub(zero_unix_micros));
        let outbox = self.network.outbox(id);
        let sent = outbox.as_slice();
        let sent = sent.get(..count).unwrap_or(sent);
        self.watch.write(id, sent, at, stamp, &mut self.edge.told);
        outbox.consume(count);
        let is_empty = outbox.is_empty();
        self.links.consume(id, count, is_empty);
    }

    fn shut_down(&mut self, now: Offset) {
        self.network.shut_down(now);
    }

    fn restart(&mut self, now: Offset) {
        let at = self.run_time(now);
        for seat in self.watch.forget_all() {
            let deed = Deed::UpstreamLost { seat };
            self.edge.told.push(Told { at, deed });
        }
        self.standing.lose_all(at);
        self.links.forget_all();
        self.network.restart(now);
        self.members.repopulate(&mut self.network, now, at);
    }
}
