//! The engine of one shard: between its state machine and its sockets, nothing but carrying.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use crate::drive::clock::Clock;
use crate::drive::host::counters;
use crate::drive::shard::connection;
use crate::drive::shard::connection::Connection;
use crate::drive::shard::message::FromShard;
use crate::drive::shard::message::ToShard;
use crate::drive::shard::tls::Handshakes;
use crate::drive::timer::Timer;
use crate::drive::transport::address;
use crate::drive::transport::read::ReadBuffer;
use crate::irc::session::Closed;
use crate::measure::interval::Interval;
use crate::measure::ledger::judge::Settling;
use crate::measure::progress::Progress;
use crate::swarm::Shard;
use crate::swarm::io::Io;
use crate::swarm::report::ShardReport;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// Time between looks at what is still open, once the plan is over.
const DRAIN_LOOK: Duration = Duration::from_millis(100);
/// How long goodbyes may take.
const GOODBYE: Duration = Duration::from_millis(300);

pub(crate) struct Engine {
    shard: Option<Shard>,
    pub(crate) clock: Clock,
    pub(crate) handshakes: Handshakes,
    is_spread: bool,
    to_run: SyncSender<FromShard>,
    pub(crate) connections: Vec<Option<Connection>>,
    /// Connections that were left standing: nobody reads or closes them while the run lasts.
    pub(crate) abandoned: Vec<Connection>,
    /// Shared by all connections; absent only while a read's lines are handed over.
    pub(crate) buffer: Option<ReadBuffer>,
    /// Text of a read under TLS, for all connections.
    pub(crate) text: Vec<u8>,
    next_edge: Offset,
    interval: u64,
    is_over: bool,
    next_look: Offset,
    cpu_at_edge: Duration,
}

impl Engine {
    pub(crate) fn new(
        shard: Shard,
        clock: Clock,
        handshakes: Handshakes,
        is_spread: bool,
        to_run: SyncSender<FromShard>,
    ) -> Self {
        Self {
            connections: (0..shard.user_count()).map(|_| None).collect(),
            abandoned: Vec::new(),
            shard: Some(shard),
            clock,
            handshakes,
            is_spread,
            to_run,
            buffer: Some(ReadBuffer::new()),
            text: Vec::new(),
            next_edge: Offset::ZERO + Interval::LENGTH,
            interval: 0,
            is_over: false,
            next_look: Offset::NEVER,
            cpu_at_edge: counters::thread_cpu(),
        }
    }

    /// Calls the state machine; `None` once it has reported.
    pub(crate) fn with_shard<T>(
        &mut self,
        call: impl FnOnce(&mut Shard, Offset) -> T,
    ) -> Option<T> {
        let now = self.clock.now();
        self.shard.as_mut().map(|shard| call(shard, now))
    }

    pub(crate) fn slot(&self, user: UserId) -> usize {
        self.shard
            .as_ref()
            .and_then(|shard| shard.sharding().local(user))
            .unwrap_or(0)
    }

    pub(crate) fn source(&self, user: UserId, server: &SocketAddr) -> Option<std::net::IpAddr> {
        address::source_of(user, server, self.is_spread)
    }

    pub(crate) fn take_report(&mut self) -> Option<ShardReport> {
        let now = self.clock.now();
        self.shard.take().map(|shard| shard.finish(now))
    }

    pub(crate) fn handle_message(&mut self, message: ToShard) {
        match message {
            ToShard::Facts(facts) => {
                self.with_shard(|shard, _| shard.handle_facts(&facts));
            }
            ToShard::SplitOrdered(split) => {
                self.with_shard(|shard, _| shard.handle_split_ordered(split));
            }
            ToShard::Split(split, stage) => {
                self.with_shard(|shard, _| shard.handle_split(split, stage));
            }
            ToShard::Up { phase, at } => {
                self.with_shard(|shard, _| shard.handle_up(phase, at));
            }
            ToShard::Demanded {
                phase,
                upheaval,
                at,
            } => {
                self.with_shard(|shard, _| shard.handle_demanded(phase, upheaval, at));
            }
            ToShard::Hold(at) => {
                self.with_shard(|shard, _| shard.handle_hold(at));
            }
            ToShard::Resume(at) => {
                self.with_shard(|shard, _| shard.handle_resume(at));
            }
            ToShard::Over => {
                self.is_over = true;
                self.next_look = self.clock.now();
                self.with_shard(|shard, _| shard.handle_over());
            }
            // Both are the business of the loop that hands messages over.
            ToShard::Begin(_) | ToShard::Finish => {}
        }
    }

    fn edges(&mut self, now: Offset) {
        while self.next_edge <= now {
            self.next_edge += Interval::LENGTH;
            let number = self.interval;
            self.interval += 1;
            let settling = if self.is_over {
                Settling::WhenSeen
            } else {
                Settling::WhenDue
            };
            let interval = self.with_shard(|shard, now| {
                shard.settle(now, settling);
                (shard.take_interval(now), shard.progress(now))
            });
            self.tell_edge(interval.map(|interval| (number, Box::new(interval))));
        }
        if self.next_look <= now {
            self.next_look = now + DRAIN_LOOK;
            self.with_shard(|shard, now| shard.settle(now, Settling::WhenSeen));
            self.tell_edge(None);
        }
    }

    /// Returns the thread's CPU time since the last edge was told.
    pub(crate) fn cpu_since_edge(&self) -> Duration {
        counters::thread_cpu().saturating_sub(self.cpu_at_edge)
    }

    fn tell_edge(&mut self, interval: Option<(u64, Box<(Interval, Progress)>)>) {
        let cpu = self.cpu_since_edge();
        let Some(shard) = &mut self.shard else { return };
        let edge = FromShard::Edge {
            shard: shard.sharding().shard(),
            interval,
            cpu,
            facts: Arc::new(shard.take_facts()),
            told: shard.take_told(),
            is_settled: shard.is_settled(),
        };
        self.cpu_at_edge += cpu;
        self.tell(edge);
    }

    fn tell(&self, message: FromShard) {
        // The run reads until every shard has reported; after that nothing is owed to it.
        let _ = self.to_run.send(message);
    }
}

/// Does what is due and carries out what the state machine asks for. Returns how long it may be left alone.
pub(crate) fn turn(engine: &Rc<RefCell<Engine>>) -> Duration {
    let mut this = engine.borrow_mut();
    let now = this.clock.now();
    this.edges(now);
    this.with_shard(|shard, now| {
        if shard.next_due() <= now {
            shard.handle_due(now);
        }
    });
    drop(this);
    carry(engine);
    let this = engine.borrow();
    let due = this.shard.as_ref().map_or(Offset::NEVER, Shard::next_due);
    due.min(this.next_edge)
        .min(this.next_look)
        .since(this.clock.now())
}

/// Carries out what the state machine asks for until it asks for nothing.
pub(crate) fn carry(engine: &Rc<RefCell<Engine>>) {
    loop {
        let Some(io) = engine
            .borrow_mut()
            .with_shard(|shard, _| shard.poll_io())
            .flatten()
        else {
            return;
        };
        match io {
            Io::Connect { user, server } => connection::open(engine, user, server.index()),
            Io::Flush { user } => connection::flush(engine, user),
            Io::Finish { user } => connection::finish(engine, user),
            Io::Close { user } => connection::close(engine, user, Closed::Local),
            Io::Reset { user } => connection::reset(engine, user),
            Io::Abandon { user } => connection::abandon(engine, user),
            Io::Upheave { phase, upheaval } => {
                engine.borrow().tell(FromShard::Upheave { phase, upheaval });
            }
        }
    }
}

/// Says QUIT for everybody and gives the kernel a moment to carry it.
pub(crate) async fn say_goodbye(engine: &Rc<RefCell<Engine>>, timer: &Timer) {
    engine
        .borrow_mut()
        .with_shard(crate::swarm::Shard::leave_all);
    carry(engine);
    if timer.set(GOODBYE).is_ok() {
        timer.expired().await;
    }
}
