//! A bouncer run in virtual time: clients of the swarm, the model bouncer and the networks behind it, on one clock, and the judge.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::irc::network::CloseReason;
use crate::irc::network::Output as NetworkOutput;
use crate::irc::network::client::ClientId;
use crate::irc::network::config::NetworkConfig;
use crate::irc::network::served::Served;
use crate::irc::session::Closed;
use crate::irc::session::playback::Attachment;
use crate::irc::session::playback::Playback;
use crate::irc::wire::framer::Framer;
use crate::measure::continuity::Continuity;
use crate::measure::continuity::Leak;
use crate::measure::continuity::Playbacks;
use crate::measure::continuity::Readings;
use crate::measure::continuity::healed::Healed;
use crate::measure::continuity::policy::BufferPolicy;
use crate::measure::exemplar::Exemplars;
use crate::measure::interval::Interval;
use crate::measure::ledger::counts::LedgerCounts;
use crate::measure::operation::Operation;
use crate::plan::Plan;
use crate::plan::streams::Purpose;
use crate::plan::streams::StreamId;
use crate::sim::bouncer::BouncerConfig;
use crate::sim::bouncer::ConnectionId;
use crate::sim::bouncer::ModelBouncer;
use crate::sim::bouncer::Output;
use crate::sim::bouncer::SeatConfig;
use crate::sim::bouncer::Style;
use crate::sim::bouncer::lie::Lying;
use crate::swarm::Shard;
use crate::swarm::credentials::Credentials;
use crate::swarm::io::Io;
use crate::units::id::SeatId;
use crate::units::id::ServerId;
use crate::units::id::Sharding;
use crate::units::id::UserId;
use crate::units::offset::Offset;
use crate::upstream::Upstream;

/// Longest delay of a link.
const DELAY_MAX: Duration = Duration::from_millis(40);
/// How long the bouncer may take to come to its networks before clients come.
const READY_WITHIN: Duration = Duration::from_mins(10);
/// The time of day at which virtual time begins: some day at noon.
const EPOCH_UNIX_MICROS: u64 = 1_800_014_400_000_000;
const PASSWORD: &str = "needles";

/// What is to be simulated.
#[derive(Clone, Debug)]
pub struct BouncerSim {
    /// The plan, with its seats.
    pub plan: Arc<Plan>,
    /// What the bouncer keeps.
    pub policy: BufferPolicy,
    /// Whose dialect it speaks.
    pub style: Style,
    /// How it lies, if it does.
    pub lying: Option<Lying>,
}

/// What came of it.
#[derive(Debug)]
pub struct BouncerSimOutcome {
    /// What was counted.
    pub counts: LedgerCounts,
    /// The evidence.
    pub exemplars: Exemplars,
    /// What was played back.
    pub playbacks: Playbacks,
    /// How long lines were missing that came when a backlog was read again.
    pub healed: Healed,
    /// How often clients were to read all that was kept, and did.
    pub readings: Readings,
    /// The first line of one user in another's session.
    pub leak: Option<Leak>,
    /// Lines that were lied about.
    pub lies: u64,
}

/// Something under way.
#[derive(Debug)]
enum Event {
    /// A client's connection stands.
    Connected(UserId, ConnectionId),
    /// Bytes for the bouncer from a client.
    FromClient(ConnectionId, Vec<u8>),
    /// A client's connection has ended, as the bouncer sees it.
    ClientGone(ConnectionId),
    /// A client has closed its side, and reads until the bouncer has closed the other.
    ClientEnds(UserId, ConnectionId),
    /// Bytes for a client.
    ToClient(UserId, ConnectionId, Vec<u8>),
    /// The bouncer has closed a client's connection.
    ClosedByBouncer(UserId, ConnectionId),
    /// A seat's network has taken its connection.
    Dialled(SeatId),
    /// Bytes for a network.
    ToNetwork(SeatId, ClientId, Vec<u8>),
    /// Bytes for the bouncer from a network.
    FromNetwork(SeatId, ClientId, Vec<u8>),
    /// A network has closed a seat's connection.
    ClosedByNetwork(SeatId, ClientId),
}

struct World {
    now: Offset,
    /// The run's beginning.
    zero: Offset,
    shard: Shard,
    bouncer: ModelBouncer,
    networks: Vec<Upstream>,
    network_of: Vec<usize>,
    /// Present connections of clients.
    clients: BTreeMap<UserId, (ConnectionId, Framer)>,
    users: BTreeMap<ConnectionId, UserId>,
    connection_count: u64,
    /// Present connections of seats.
    dialled: BTreeMap<SeatId, ClientId>,
    seats: BTreeMap<(usize, ClientId), SeatId>,
    events: BinaryHeap<Reverse<(Offset, u64)>>,
    /// What the entries of `events` stand for.
    due: BTreeMap<u64, Event>,
    event_count: u64,
    /// Until when each way is busy: bytes come in their order.
    busy: BTreeMap<(u8, u64), Offset>,
    rng: Xoshiro256PlusPlus,
}

/// Plays a run to its end.
///
/// # Panics
///
/// If the plan has no seats, or the bouncer does not bring them to their networks in ten minutes.
pub fn simulate(sim: &BouncerSim) -> BouncerSimOutcome {
    let mut world = World::new(sim);
    world.await_ready();
    world.begin();
    let plan = &sim.plan;
    let mut judge = Continuity::new(plan.client_seats(), sim.policy, plan.scenario.settle);
    let mut interval = Interval::new();
    let mut members = LedgerCounts::default();
    let ends = plan.timeline.ends + plan.scenario.settle + Duration::from_secs(2);
    let mut edge = Offset::ZERO;
    while edge < ends {
        let previous = edge;
        edge += Interval::LENGTH;
        world.play_until(edge);
        world.gather(&mut judge, &mut members, &mut interval);
        judge.judge(previous, &mut interval);
        if edge > plan.timeline.ends {
            world.shard.handle_over();
            for network in &mut world.networks {
                network.cease();
            }
        }
    }
    let report = world.finish(&mut judge, &mut members, &mut interval);
    judge.finish(ends, &mut interval);
    let mut counts = report;
    counts.merge(judge.counts());
    counts.merge(&members);
    BouncerSimOutcome {
        counts,
        exemplars: judge.exemplars().clone(),
        playbacks: judge.playbacks(),
        healed: judge.healed().clone(),
        readings: judge.readings(),
        leak: judge.leak(),
        lies: world.bouncer.lie_count(),
    }
}

impl World {
    fn new(sim: &BouncerSim) -> Self {
        let plan = &sim.plan;
        let rows = plan.seat_rows().iter();
        let rows: Vec<_> = rows.collect();
        let name = |channel| plan.names.channel_text(channel);
        let seats = rows.iter().map(|seat| SeatConfig {
            user: seat.user.clone(),
            network: seat.network,
            network_name: seat.network_name.clone(),
            nick: seat.user.clone(),
            channels: seat.channels.iter().copied().map(name).collect(),
            password: PASSWORD.to_owned(),
        });
        let config = BouncerConfig {
            seats: seats.collect(),
            policy: sim.policy,
            style: sim.style,
            dial_every: Duration::from_secs(1),
            start_unix_micros: EPOCH_UNIX_MICROS,
            lying: sim.lying,
        };
        let playback = match sim.style {
            Style::Znc => Playback::ZNC,
            Style::Bip => Playback::BIP,
        };
        let of_clients = plan.client_seats().iter();
        let hellos = of_clients.filter_map(|seat| {
            let seat = rows.get(seat.index())?;
            Some(playback.login.hello(&Attachment {
                user: seat.user.as_bytes(),
                network: seat.network_name.as_bytes(),
                password: PASSWORD.as_bytes(),
            }))
        });
        let credentials = Credentials {
            hellos: Some(Arc::new(hellos.collect())),
            playback: Some(playback),
            ..Credentials::default()
        };
        let names = plan.network_names().iter();
        let networks = (0u16..).zip(names).map(|(number, name)| {
            let far = (1..=plan.scenario.servers.len()).map(|far| format!("irc{far}.{name}.test"));
            let config = NetworkConfig {
                name: name.clone(),
                servers: std::iter::once(format!("hub.{name}.test"))
                    .chain(far)
                    .collect(),
                ..NetworkConfig::default()
            };
            Upstream::new(plan, number, config, Offset::ZERO, EPOCH_UNIX_MICROS)
        });
        Self {
            now: Offset::ZERO,
            zero: Offset::NEVER,
            networks: networks.collect(),
            network_of: rows.iter().map(|seat| usize::from(seat.network)).collect(),
            shard: Shard::new(plan, Sharding::WHOLE, credentials),
            bouncer: ModelBouncer::new(config, plan.seed, Offset::ZERO),
            clients: BTreeMap::new(),
            users: BTreeMap::new(),
            connection_count: 0,
            dialled: BTreeMap::new(),
            seats: BTreeMap::new(),
            events: BinaryHeap::new(),
            due: BTreeMap::new(),
            event_count: 0,
            busy: BTreeMap::new(),
            rng: plan
                .streams
                .rng(StreamId::of_user(Purpose::Fault, 0, UserId(0))),
        }
    }

    fn await_ready(&mut self) {
        while self
            .networks
            .iter()
            .any(|network| network.readiness().ready < network.readiness().seats)
        {
            assert!(
                self.now < Offset::ZERO + READY_WITHIN,
                "the model bouncer is not ready"
            );
            let next = self.now + Duration::from_millis(100);
            self.advance(next);
        }
    }

    fn begin(&mut self) {
        let lead = Duration::from_secs(1);
        self.zero = self.now + lead;
        for network in &mut self.networks {
            network.begin(self.zero);
        }
        let lead = u64::try_from(self.zero.as_micros()).unwrap_or(0);
        self.shard.set_epoch(EPOCH_UNIX_MICROS + lead);
        // Slabs are unrolled before the run begins.
        self.play_until(Offset::ZERO);
    }

    /// Returns a moment as one of the run.
    fn run_time(&self, at: Offset) -> Offset {
        Offset::from_nanos(at.as_nanos() - self.zero.as_nanos())
    }

    fn world_time(&self, at: Offset) -> Offset {
        Offset::from_nanos(at.as_nanos().saturating_add(self.zero.as_nanos()))
    }

    /// Plays until a moment of the run.
    fn play_until(&mut self, until: Offset) {
        let until = self.world_time(until);
        self.advance(until);
    }

    fn advance(&mut self, until: Offset) {
        loop {
            self.carry();
            let next = self.next_due();
            if next > until {
                self.now = until;
                return;
            }
            self.now = self.now.max(next);
            self.do_due();
        }
    }

    fn next_due(&self) -> Offset {
        let event = self.events.peek().map(|Reverse((at, _))| *at);
        let shard = (self.zero < Offset::NEVER).then(|| self.world_time(self.shard.next_due()));
        let bouncer = self.bouncer.next_timer();
        let networks = self.networks.iter().filter_map(Served::next_timer).min();
        [event, shard, bouncer, networks]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(Offset::NEVER)
    }

    fn do_due(&mut self) {
        let now = self.now;
        while let Some(&Reverse((at, number))) = self.events.peek()
            && at <= now
        {
            self.events.pop();
            if let Some(event) = self.due.remove(&number) {
                self.handle(event);
            }
        }
        if self.zero < Offset::NEVER {
            let run_now = self.run_time(now);
            if self.shard.next_due() <= run_now {
                self.shard.handle_due(run_now);
            }
        }
        if self.bouncer.next_timer().is_some_and(|at| at <= now) {
            self.bouncer.handle_timer(now);
        }
        for network in &mut self.networks {
            if network.next_timer().is_some_and(|at| at <= now) {
                network.handle_timer(now);
            }
        }
    }

    /// Schedules what goes a way of its own, in order.
    fn send(&mut self, way: (u8, u64), event: Event) {
        let nanos = u64::try_from(DELAY_MAX.as_nanos()).unwrap_or(1);
        let delay = Duration::from_nanos(self.rng.next_u64() % nanos);
        let busy = self.busy.entry(way).or_insert(Offset::ALWAYS);
        *busy = (*busy).max(self.now + delay);
        self.event_count += 1;
        self.events.push(Reverse((*busy, self.event_count)));
        self.due.insert(self.event_count, event);
    }

    fn handle(&mut self, event: Event) {
        let (now, run_now) = (self.now, self.run_now());
        match event {
            Event::Connected(user, id) => {
                if self.is_present(user, id) {
                    self.bouncer.handle_client_connected(now, id);
                    self.shard
                        .handle_reached(user, Operation::ConnectTcp, run_now);
                    self.shard.handle_connected(user, run_now);
                }
            }
            Event::FromClient(id, bytes) => self.bouncer.handle_client_bytes(now, id, &bytes),
            Event::ClientGone(id) => self.bouncer.handle_client_closed(now, id),
            Event::ClientEnds(user, id) => {
                // What the bouncer has said by now goes before its end.
                self.carry();
                self.bouncer.handle_client_closed(now, id);
                self.send((1, id.0), Event::ClosedByBouncer(user, id));
            }
            Event::ToClient(user, id, bytes) => self.read(user, id, &bytes),
            Event::ClosedByBouncer(user, id) => {
                self.bouncer.handle_client_closed(now, id);
                if self.is_present(user, id) {
                    self.clients.remove(&user);
                    self.shard.handle_closed(user, Closed::Eof, run_now);
                }
            }
            Event::Dialled(seat) => {
                let network = self.network_of[seat.index()];
                let id = self.networks[network].handle_connect(now, ServerId(0), "127.0.0.1");
                self.dialled.insert(seat, id);
                self.seats.insert((network, id), seat);
                self.bouncer.handle_upstream_connected(now, seat);
            }
            Event::ToNetwork(seat, id, bytes) => {
                if self.dialled.get(&seat) == Some(&id) {
                    let network = self.network_of[seat.index()];
                    self.networks[network].handle_bytes(now, id, &bytes);
                }
            }
            Event::FromNetwork(seat, id, bytes) => {
                if self.dialled.get(&seat) == Some(&id) {
                    self.bouncer.handle_upstream_bytes(now, seat, &bytes);
                }
            }
            Event::ClosedByNetwork(seat, id) => {
                if self.dialled.get(&seat) == Some(&id) {
                    self.dialled.remove(&seat);
                    self.bouncer.handle_upstream_closed(now, seat);
                }
            }
        }
    }

    fn run_now(&self) -> Offset {
        if self.zero < Offset::NEVER {
            self.run_time(self.now)
        } else {
            Offset::ALWAYS
        }
    }

    fn is_present(&self, user: UserId, id: ConnectionId) -> bool {
        self.clients
            .get(&user)
            .is_some_and(|&(present, _)| present == id)
    }

    fn read(&mut self, user: UserId, id: ConnectionId, bytes: &[u8]) {
        let run_now = self.run_now();
        let Some((present, framer)) = self.clients.get_mut(&user) else {
            return;
        };
        if *present != id {
            return;
        }
        let shard = &mut self.shard;
        framer.push(bytes, |line| {
            if let Ok(line) = line {
                shard.handle_line(user, line, run_now);
            }
        });
    }

    /// Carries out what all three ask for until they ask for nothing.
    fn carry(&mut self) {
        loop {
            let mut is_done = true;
            while let Some(io) = self.shard.poll_io() {
                is_done = false;
                self.do_io(io);
            }
            loop {
                let output = self.bouncer.poll();
                if output == Output::Wait {
                    break;
                }
                is_done = false;
                self.do_output(output);
            }
            for network in 0..self.networks.len() {
                loop {
                    let output = self.networks[network].poll();
                    if output == NetworkOutput::Wait {
                        break;
                    }
                    is_done = false;
                    self.do_network_output(network, output);
                }
            }
            if is_done {
                return;
            }
        }
    }

    fn do_io(&mut self, io: Io) {
        let run_now = self.run_now();
        match io {
            Io::Connect { user, .. } => {
                let id = ConnectionId(self.connection_count);
                self.connection_count += 1;
                self.clients.insert(user, (id, Framer::new()));
                self.users.insert(id, user);
                self.send((0, id.0), Event::Connected(user, id));
            }
            Io::Flush { user } => self.flush(user),
            Io::Finish { user } => {
                self.flush(user);
                if let Some(&(id, _)) = self.clients.get(&user) {
                    self.send((0, id.0), Event::ClientEnds(user, id));
                }
            }
            Io::Close { user } | Io::Reset { user } => {
                if let Some((id, _)) = self.clients.remove(&user) {
                    self.send((0, id.0), Event::ClientGone(id));
                    self.shard.handle_closed(user, Closed::Local, run_now);
                }
            }
            Io::Abandon { user } => {
                self.clients.remove(&user);
                self.shard.handle_closed(user, Closed::Local, run_now);
            }
            Io::Upheave { .. } => {}
        }
    }

    fn flush(&mut self, user: UserId) {
        let run_now = self.run_now();
        let bytes = self.shard.outgoing(user).to_vec();
        if let Some(&(id, _)) = self.clients.get(&user)
            && !bytes.is_empty()
        {
            self.shard.handle_accepted(user, bytes.len(), run_now);
            self.send((0, id.0), Event::FromClient(id, bytes));
        }
    }

    fn do_output(&mut self, output: Output) {
        match output {
            Output::Dial(seat) => self.send((2, u64::from(seat.0)), Event::Dialled(seat)),
            Output::ToClient(id) => {
                let mut bytes = Vec::new();
                self.bouncer.take_for_client(id, &mut bytes);
                if let Some(&user) = self.users.get(&id) {
                    self.send((1, id.0), Event::ToClient(user, id, bytes));
                }
            }
            Output::ToUpstream(seat) => {
                let mut bytes = Vec::new();
                self.bouncer.take_for_upstream(seat, &mut bytes);
                if let Some(&id) = self.dialled.get(&seat) {
                    self.send((2, u64::from(seat.0)), Event::ToNetwork(seat, id, bytes));
                }
            }
            Output::CloseClient(id) => {
                if let Some(&user) = self.users.get(&id) {
                    self.send((1, id.0), Event::ClosedByBouncer(user, id));
                }
            }
            Output::Wait => {}
        }
    }

    fn do_network_output(&mut self, network: usize, output: NetworkOutput) {
        let now = self.now;
        match output {
            NetworkOutput::Writable(id) => {
                let bytes = self.networks[network].outgoing(now, id).to_vec();
                self.networks[network].consume(now, id, bytes.len());
                if let Some(&seat) = self.seats.get(&(network, id)) {
                    self.send((3, u64::from(seat.0)), Event::FromNetwork(seat, id, bytes));
                }
            }
            NetworkOutput::Close(id) => {
                self.networks[network].handle_closed(now, id, CloseReason::Asked);
                if let Some(seat) = self.seats.remove(&(network, id)) {
                    self.send((3, u64::from(seat.0)), Event::ClosedByNetwork(seat, id));
                }
            }
            NetworkOutput::Wait => {}
        }
    }

    fn gather(
        &mut self,
        judge: &mut Continuity,
        members: &mut LedgerCounts,
        interval: &mut Interval,
    ) {
        judge.tell(self.shard.take_told());
        for network in &mut self.networks {
            let edge = network.take_edge();
            judge.tell(edge.told);
            members.merge(&edge.counts);
            interval.merge(&edge.interval);
        }
    }

    /// Ends the shard and hands over the rest; returns what it counted.
    fn finish(
        &mut self,
        judge: &mut Continuity,
        members: &mut LedgerCounts,
        interval: &mut Interval,
    ) -> LedgerCounts {
        self.gather(judge, members, interval);
        self.shard.progress(self.run_now()).ledger
    }
}
