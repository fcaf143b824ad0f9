//! A model bouncer: users' seats on networks, their clients, what is kept for them, and lies; bytes and times in, bytes out.
//!
//! It is there to prove whoever judges bouncers: the honest one is found faultless, each lie is found. It knows no socket and no clock:
//! its owner hands in what happens (`handle_*`), asks with [`ModelBouncer::poll`] what to do until that says [`Output::Wait`], and takes
//! the bytes that wait. Equal calls and seeds give equal bytes. It shares no code with what clients' sessions know of bouncers.
//!
//! What is absent: passwords as hashes, detached channels, modules, capabilities towards the network, PINGs of its own on either side,
//! members' ranks that change after NAMES, topics on an attach.

pub mod lie;

mod attach;
mod buffer;
mod client;
mod ports;
mod room;
mod seat;
mod style;
mod upstream;
pub mod world;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::time::Duration;

use crate::measure::continuity::policy::BufferPolicy;
use crate::plan::streams::Purpose;
use crate::plan::streams::StreamId;
use crate::plan::streams::Streams;
use crate::sim::bouncer::client::Client;
use crate::sim::bouncer::lie::Liar;
use crate::sim::bouncer::lie::Lying;
use crate::sim::bouncer::lie::Told;
use crate::sim::bouncer::ports::Ports;
use crate::sim::bouncer::seat::Seat;
use crate::units::id::SeatId;
use crate::units::id::Seed;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// A client's connection, as its owner numbers them; no two of a bouncer's life are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Whose dialect it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// ZNC 1.8.2.
    Znc,
    /// bip 0.9.3, with `backlog_always` where the policy never forgets. It knows no capabilities.
    Bip,
}

/// One user's place on one network.
#[derive(Clone, Debug)]
pub struct SeatConfig {
    /// The user's name, which is its ident too. Seats of one name are of one user.
    pub user: String,
    /// The number of the network. Channels of one network may be shared.
    pub network: u16,
    /// The network's name.
    pub network_name: String,
    /// The nick to ask for.
    pub nick: String,
    /// The channels to join.
    pub channels: Vec<String>,
    /// The user's password at the bouncer.
    pub password: String,
}

/// The bouncer to model.
#[derive(Clone, Debug)]
pub struct BouncerConfig {
    /// Its seats, by [`SeatId`].
    pub seats: Vec<SeatConfig>,
    /// What it keeps.
    pub policy: BufferPolicy,
    /// How it talks.
    pub style: Style,
    /// The time between two dials; ZNC's is a second at best.
    pub dial_every: Duration,
    /// The time of day at [`Offset::ZERO`], in microseconds since 1970 UTC. Clocks before texts are in UTC.
    pub start_unix_micros: u64,
    /// How it lies, if it does.
    pub lying: Option<Lying>,
}

/// What the owner of a bouncer is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The seat's network is to be dialled: [`ModelBouncer::handle_upstream_connected`] if that does, else
    /// [`ModelBouncer::handle_upstream_closed`].
    Dial(SeatId),
    /// Bytes wait for a client for whom none waited before.
    ToClient(ConnectionId),
    /// Bytes wait for a seat's network for which none waited before.
    ToUpstream(SeatId),
    /// The client's connection is to be closed once it has what waits for it, and then [`ModelBouncer::handle_client_closed`] to be called.
    CloseClient(ConnectionId),
    /// Nothing, until something happens or [`ModelBouncer::next_timer`] is due.
    Wait,
}

/// A model bouncer.
#[derive(Debug)]
pub struct ModelBouncer {
    policy: BufferPolicy,
    style: Style,
    dial_every: Duration,
    start_unix_micros: u64,
    /// By what PASS has to say.
    logins: BTreeMap<Vec<u8>, SeatId>,
    seats: Vec<Seat>,
    clients: BTreeMap<ConnectionId, Client>,
    /// Seats that wait to be dialled, each once.
    dials: VecDeque<SeatId>,
    /// When the next of them may be.
    next_dial: Offset,
    ports: Ports,
    liar: Liar,
    /// A leak is due, and nobody was there to whom it could be told.
    owes_leak: bool,
    now: Offset,
}

impl ModelBouncer {
    /// Returns a bouncer that was started at `now`: all its seats are to be dialled, in their order. Lies are drawn from `seed`.
    pub fn new(config: BouncerConfig, seed: Seed, now: Offset) -> Self {
        let BouncerConfig {
            seats,
            policy,
            style,
            dial_every,
            start_unix_micros,
            lying,
        } = config;
        let stream = StreamId::of_user(Purpose::Bouncer, 0, UserId(0));
        let logins = (0u32..).map(SeatId).zip(&seats);
        let logins = logins.map(|(id, seat)| (style.password_line(seat), id));
        let mut bouncer = Self {
            policy,
            style,
            dial_every,
            start_unix_micros,
            logins: logins.collect(),
            clients: BTreeMap::new(),
            dials: VecDeque::new(),
            next_dial: now,
            ports: Ports::new(seats.len()),
            seats: seats.into_iter().map(Seat::new).collect(),
            liar: Liar::new(lying, Streams::new(seed).rng(stream)),
            owes_leak: false,
            now,
        };
        bouncer.tick(now);
        bouncer.queue_all();
        bouncer
    }

    /// Takes a client's new connection.
    pub fn handle_client_connected(&mut self, now: Offset, id: ConnectionId) {
        self.tick(now);
        self.ports.open(id);
        self.clients.insert(id, Client::default());
    }

    /// Takes bytes from a client. Those of one that is gone or about to be are ignored.
    pub fn handle_client_bytes(&mut self, now: Offset, id: ConnectionId, bytes: &[u8]) {
        self.tick(now);
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let mut framer = std::mem::take(&mut client.framer);
        framer.push(bytes, |line| {
            // What is too long says nothing.
            if let Ok(line) = line {
                self.handle_client_line(id, line);
            }
        });
        if let Some(client) = self.clients.get_mut(&id) {
            client.framer = framer;
        }
    }

    /// Takes the end of a client's connection.
    pub fn handle_client_closed(&mut self, now: Offset, id: ConnectionId) {
        self.tick(now);
        self.detach(id);
        self.clients.remove(&id);
        self.ports.forget(id);
    }

    /// Takes the connection to a seat's network that [`Output::Dial`] asked for.
    pub fn handle_upstream_connected(&mut self, now: Offset, seat: SeatId) {
        self.tick(now);
        self.register(seat);
    }

    /// Takes bytes from a seat's network.
    pub fn handle_upstream_bytes(&mut self, now: Offset, seat: SeatId, bytes: &[u8]) {
        self.tick(now);
        let Some(row) = self.seats.get_mut(seat.index()) else {
            return;
        };
        let mut framer = std::mem::take(&mut row.upstream.framer);
        framer.push(bytes, |line| {
            if let Ok(line) = line {
                self.handle_upstream_line(seat, line);
            }
        });
        if let Some(row) = self.seats.get_mut(seat.index()) {
            row.upstream.framer = framer;
        }
    }

    /// Takes the end of the connection to a seat's network, or that there was none to be had. It is dialled again in its turn.
    pub fn handle_upstream_closed(&mut self, now: Offset, seat: SeatId) {
        self.tick(now);
        if self.lose_upstream(seat) {
            self.dials.push_back(seat);
        }
    }

    /// Acts on what is due at `now`: dials.
    pub fn handle_timer(&mut self, now: Offset) {
        self.tick(now);
        while self.next_dial <= now
            && let Some(seat) = self.dials.pop_front()
        {
            self.next_dial = now + self.dial_every;
            if let Some(row) = self.seats.get_mut(seat.index()) {
                row.upstream.dial();
                self.ports.dial(seat);
            }
        }
    }

    /// Returns when [`Self::handle_timer`] is next to be called.
    pub fn next_timer(&self) -> Option<Offset> {
        (!self.dials.is_empty()).then_some(self.next_dial)
    }

    /// Ends it and starts it again. Its owner has closed all connections, and needs not tell of that; identifiers of clients are not to
    /// come again. What is kept is lost unless the policy says that it survives.
    pub fn restart(&mut self, now: Offset) {
        self.tick(now);
        self.clients.clear();
        self.ports.clear();
        for row in &mut self.seats {
            row.restart(self.policy.survives_restart);
        }
        self.next_dial = now;
        self.queue_all();
    }

    /// Returns what to do next.
    pub fn poll(&mut self) -> Output {
        self.ports.poll()
    }

    /// Moves the bytes that wait for a client to the end of `out`.
    pub fn take_for_client(&mut self, id: ConnectionId, out: &mut Vec<u8>) {
        self.ports.take_down(id, out);
    }

    /// Moves the bytes that wait for a seat's network to the end of `out`.
    pub fn take_for_upstream(&mut self, seat: SeatId, out: &mut Vec<u8>) {
        self.ports.take_up(seat, out);
    }

    /// Says whether a seat is in all the channels that it was told to join.
    pub fn is_ready(&self, seat: SeatId) -> bool {
        self.seats
            .get(seat.index())
            .is_some_and(seat::Seat::is_ready)
    }

    /// Returns how many clients of a seat are attached.
    pub fn attached_count(&self, seat: SeatId) -> usize {
        self.seats
            .get(seat.index())
            .map_or(0, |row| row.attached.len())
    }

    /// Returns the lies told so far, 65,536 at most.
    pub fn told(&self) -> &[Told] {
        self.liar.told()
    }

    /// Returns how many lines were lied about so far.
    pub fn lie_count(&self) -> u64 {
        self.liar.count()
    }

    fn tick(&mut self, now: Offset) {
        self.now = now;
        let start = i64::try_from(self.start_unix_micros).unwrap_or(i64::MAX);
        self.ports.unix_micros = start.saturating_add(now.as_micros());
    }

    fn queue_all(&mut self) {
        let ids = (0u32..).map(SeatId).zip(&self.seats);
        self.dials = ids.map(|(id, _)| id).collect();
    }
}
