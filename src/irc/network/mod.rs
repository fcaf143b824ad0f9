//! A simulated IRC network: servers in a star, users, channels, netsplits, limits; bytes and times in, bytes out.
//!
//! The network knows no socket and no clock. Its owner hands in what happens (`handle_*`), asks with [`Network::poll`] what to do
//! until it says [`Output::Wait`], and takes the bytes that wait for each client from its [`Outbox`]. Equal calls give equal bytes.
//!
//! What is absent: operators, server-to-server lines, and services but the one that keeps accounts. Links exist only as [`Network::split`] and [`Network::heal`].

pub mod bans;
pub mod caps;
pub mod channels;
pub mod client;
pub mod config;
pub mod family;
pub mod outbox;
pub mod rules;
pub mod served;
pub mod services;
pub mod sightings;
pub mod source;

mod accounts;
mod away;
mod directory;
mod dispatch;
mod doors;
mod farewell;
mod heal;
mod history;
mod homes;
mod info;
mod join;
mod labels;
mod leave;
mod liveness;
mod look_ups;
mod mask;
mod merge;
mod messaging;
mod mode;
mod monitor;
mod names;
mod ports;
mod queries;
mod refusals;
mod registration;
mod relay;
mod roster;
mod split;
mod stats;
mod topic;
mod who;
mod whowas;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::irc::network::bans::Bans;
use crate::irc::network::channels::Channels;
use crate::irc::network::channels::Status;
use crate::irc::network::client::ClientId;
use crate::irc::network::client::Stage;
use crate::irc::network::config::NetworkConfig;
use crate::irc::network::directory::Directory;
use crate::irc::network::doors::Doors;
use crate::irc::network::family::Manners;
use crate::irc::network::homes::Homes;
use crate::irc::network::monitor::Monitors;
use crate::irc::network::outbox::Outbox;
use crate::irc::network::ports::PortState;
use crate::irc::network::ports::Ports;
use crate::irc::network::relay::Relay;
use crate::irc::network::services::Services;
use crate::irc::network::sightings::Saw;
use crate::irc::network::source::Source;
use crate::irc::network::whowas::Formers;
use crate::irc::wire::framer::LineTooLong;
use crate::irc::wire::isupport::Isupport;
use crate::units::id::ServerId;
use crate::units::offset::Offset;

/// What the owner of a network is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Bytes wait for a client for whom none waited before.
    Writable(ClientId),
    /// The client's connection is to be closed once its outbox is empty, and then [`Network::handle_closed`] to be called. A peer that
    /// does not read may never empty it: how long to wait is the owner's choice.
    Close(ClientId),
    /// Nothing, until something happens or [`Network::next_timer`] is due.
    Wait,
}

/// How a connection ended; it decides the text of the QUIT that others see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The peer closed it.
    Eof,
    /// The peer reset it.
    Reset,
    /// The kernel gave it up.
    TimedOut,
    /// It was closed because [`Output::Close`] said so.
    Asked,
}

impl CloseReason {
    fn quit_text(self) -> &'static [u8] {
        match self {
            Self::Eof => b"Remote host closed the connection",
            Self::Reset => b"Connection reset by peer",
            Self::TimedOut => b"Connection timed out",
            Self::Asked => b"Connection closed",
        }
    }
}

/// A simulated IRC network.
#[derive(Debug)]
pub struct Network {
    config: NetworkConfig,
    /// What the own 005 says of modes.
    isupport: Isupport,
    /// The tokens of 005.
    tokens: Vec<String>,
    directory: Directory,
    channels: Channels,
    ports: Ports,
    doors: Doors,
    bans: Bans,
    saw: Saw,
    services: Services,
    monitors: Monitors,
    /// How many answers were batched for their labels, and how many histories sent; for their references.
    label_count: u64,
    history_count: u64,
    /// Where accounts live, once it matters.
    homes: Option<Homes>,
    /// One entry per port with a deadline.
    timers: BTreeSet<(Offset, ClientId)>,
    relay: Relay,
    /// JOIN for clients with `extended-join`.
    extended: Relay,
    now: Offset,
    start_unix_micros: u64,
    /// How many batches of splits and heals there were; their reference.
    split_count: u64,
    /// Who reads the batch under way, each once.
    in_batch: Vec<ClientId>,
    user_count_max: u64,
    formers: Formers,
    /// How many turns were given out; the last one's number.
    turn_count: u64,
}

impl Network {
    /// Returns a network without clients, all servers linked. `start_unix_micros` is the time of day at [`Offset::ZERO`].
    ///
    /// # Panics
    ///
    /// If the configuration names no server.
    pub fn new(config: NetworkConfig, now: Offset, start_unix_micros: u64) -> Self {
        assert!(!config.servers.is_empty(), "a network needs a server");
        let mut network = Self {
            isupport: Isupport::default(),
            tokens: info::tokens(&config),
            directory: Directory::new(&config.servers),
            channels: Channels::new(config.servers.len()),
            ports: Ports::new(config.limits.sendq_bytes_max),
            doors: Doors::default(),
            bans: Bans::default(),
            saw: Saw::default(),
            services: Services::default(),
            monitors: Monitors::default(),
            label_count: 0,
            history_count: 0,
            homes: None,
            timers: BTreeSet::new(),
            relay: Relay::default(),
            extended: Relay::default(),
            now,
            start_unix_micros,
            split_count: 0,
            in_batch: Vec::new(),
            user_count_max: 0,
            formers: Formers::default(),
            turn_count: 0,
            config,
        };
        network.tick(now);
        network
    }

    /// Takes a new connection to `server` from `address`, which becomes the client's host as it is. A connection over a limit gets
    /// its refusal as a line and a [`Output::Close`].
    ///
    /// # Panics
    ///
    /// If there is no such server.
    pub fn handle_connect(&mut self, now: Offset, server: ServerId, address: &str) -> ClientId {
        self.tick(now);
        let id = self.directory.add(server, address.as_bytes(), now);
        self.ports.open(id, PortState::Open, now);
        let source = Source::of(address.as_bytes(), self.config.limits.ipv6_source_bits);
        let sighting = self.saw.note_connect(now, &source);
        self.ports.port_mut(id).set_door(source, sighting);
        if self.may_enter(id) {
            self.begin_look_ups(id);
            self.set_deadline(id);
        }
        self.settle();
        id
    }

    /// Takes bytes from a client. Those from a client that is gone or about to be are ignored.
    pub fn handle_bytes(&mut self, now: Offset, id: ClientId, bytes: &[u8]) {
        self.tick(now);
        if self.ports.used(id).is_none() {
            return;
        }
        let port = self.ports.port_mut(id);
        port.heard = now;
        let mut framer = std::mem::take(&mut port.framer);
        framer.push(bytes, |line| match line {
            Ok(line) => self.handle_line(id, line),
            Err(LineTooLong) => self.handle_endless_line(id),
        });
        if self.takes_lines(id) {
            self.ports.port_mut(id).framer = framer;
        }
        self.settle();
    }

    /// Takes the end of a client's connection; its id is free from now on.
    pub fn handle_closed(&mut self, now: Offset, id: ClientId, reason: CloseReason) {
        self.tick(now);
        if self.ports.used(id).is_none() {
            return;
        }
        if self.ports.is_open(id) && reason != CloseReason::Asked {
            self.note(id, |counts| counts.closed_by_peer += 1);
        }
        // Nothing more can be sent to it.
        self.ports.port_mut(id).state = PortState::Closing;
        self.depart(id, reason.quit_text());
        self.services.forget(id);
        self.release(id);
        self.settle();
    }

    /// Acts on what is due at `now`: pings, timeouts, held lines.
    pub fn handle_timer(&mut self, now: Offset) {
        self.tick(now);
        while let Some(&(at, id)) = self.timers.first() {
            if at > now {
                break;
            }
            self.handle_deadline(id);
        }
        self.serve_accounts();
        self.settle();
    }

    /// Returns when [`Self::handle_timer`] is next to be called.
    pub fn next_timer(&self) -> Option<Offset> {
        let deadline = self.timers.first().map(|&(at, _)| at);
        [deadline, self.services.next_due()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Returns what to do next.
    pub fn poll(&mut self) -> Output {
        self.ports.poll()
    }

    /// Returns the last moment that it was told.
    pub fn now(&self) -> Offset {
        self.now
    }

    /// Returns the bytes that wait for a client.
    ///
    /// # Panics
    ///
    /// If the network never gave out such an id.
    pub fn outbox(&mut self, id: ClientId) -> &mut Outbox {
        &mut self.ports.port_mut(id).outbox
    }

    /// Adds a registered user without a connection: it can do all that a user can, by [`Self::handle_bytes`], hears nothing, and is
    /// under no limit of address, pace or time. It leaves with QUIT or [`Self::handle_closed`].
    ///
    /// Returns `None` if the nick is taken or has a form that is not allowed.
    ///
    /// # Panics
    ///
    /// If there is no such server.
    pub fn introduce(
        &mut self,
        now: Offset,
        server: ServerId,
        who: &Synthetic<'_>,
    ) -> Option<ClientId> {
        self.tick(now);
        let nick = who.nick.as_bytes();
        let side = self.directory.side(server);
        if !self.is_nick(nick) || self.directory.holder(side, nick).is_some() {
            return None;
        }
        let id = self.directory.add(server, who.host.as_bytes(), now);
        self.ports.open(id, PortState::Synthetic, now);
        let client = self.directory.client_mut(id);
        client.user = who.user.as_bytes().to_vec();
        client.real_name = who.real_name.as_bytes().to_vec();
        self.directory.set_nick(id, nick, now);
        self.enlist(id);
        Some(id)
    }

    /// Closes a client as an operator would: it reads `reason` in an ERROR, others in its QUIT.
    pub fn disconnect(&mut self, now: Offset, id: ClientId, reason: &str) {
        self.tick(now);
        if self.ports.used(id).is_some() {
            self.drop_client(id, reason.as_bytes());
        }
        self.settle();
    }

    /// Returns a client's nick, empty before it has one, or `None` if there is no such client.
    pub fn nick(&self, id: ClientId) -> Option<&[u8]> {
        self.ports.used(id)?;
        Some(&self.directory.client(id).nick)
    }

    /// Returns a client's user name, without the mark of one that nobody vouches for; `None` if there is no such client.
    pub fn user_name(&self, id: ClientId) -> Option<&[u8]> {
        self.ports.used(id)?;
        let user = &self.directory.client(id).user[..];
        Some(user.strip_prefix(b"~").unwrap_or(user))
    }

    /// Returns how many channels a client is on; none if there is no such client.
    pub fn membership_count(&self, id: ClientId) -> usize {
        match self.ports.used(id) {
            Some(_) => self.directory.client(id).memberships.len(),
            None => 0,
        }
    }

    /// Says whether a client has registered and not left.
    pub fn is_registered(&self, id: ClientId) -> bool {
        self.ports.used(id).is_some() && self.directory.client(id).is_registered()
    }

    /// Returns the user called `nick` as `server` sees the network.
    ///
    /// # Panics
    ///
    /// If there is no such server.
    pub fn find(&self, server: ServerId, nick: &[u8]) -> Option<ClientId> {
        self.directory.find(self.directory.side(server), nick)
    }

    /// Returns the members of a channel as `server` sees the network, in no particular order.
    ///
    /// # Panics
    ///
    /// If there is no such server.
    pub fn members(
        &self,
        server: ServerId,
        channel: &[u8],
    ) -> impl Iterator<Item = (ClientId, Status)> + '_ {
        let side = self.directory.side(server);
        self.channels
            .find(side, channel)
            .into_iter()
            .flat_map(|ix| self.channels.channel(ix).members())
            .map(|member| (member.client, member.status))
    }

    /// Says whether a server is linked to the hub; the hub is.
    ///
    /// # Panics
    ///
    /// If there is no such server.
    pub fn is_linked(&self, server: ServerId) -> bool {
        self.directory.servers[server.index()].is_linked
    }

    /// Returns how many users the servers have, split ones included.
    pub fn user_count(&self) -> u64 {
        self.directory
            .servers
            .iter()
            .map(|server| server.user_count)
            .sum()
    }

    fn manners(&self) -> &'static Manners {
        self.config.family.manners()
    }

    /// Returns the next number of a row in which things happen.
    fn next_turn(&mut self) -> u64 {
        self.turn_count += 1;
        self.turn_count
    }

    /// Makes a client a user of the network.
    fn enlist(&mut self, id: ClientId) {
        let turn = self.next_turn();
        let client = self.directory.client_mut(id);
        client.enlisted = turn;
        client.introduced = turn;
        self.directory.set_stage(id, Stage::Registered);
        self.note_user_count();
        self.tell_online(id);
    }

    fn tick(&mut self, now: Offset) {
        self.now = now;
        self.ports.set_time(self.unix_micros());
    }

    fn unix_micros(&self) -> i64 {
        i64::try_from(self.start_unix_micros)
            .unwrap_or(i64::MAX)
            .saturating_add(self.now.as_micros())
    }

    fn unix_secs(&self) -> u64 {
        u64::try_from(self.unix_micros() / 1_000_000).unwrap_or(0)
    }

    /// Closes whoever could not take what was sent, until nobody is left to close.
    fn settle(&mut self) {
        while let Some(id) = self.ports.next_overflowed() {
            if self.ports.is_open(id) && self.ports.is_overflowed(id) {
                self.note(id, |counts| counts.sendq_exceeded += 1);
                self.drop_client(id, b"SendQ exceeded");
            }
        }
    }
}

/// A user without a connection.
#[derive(Clone, Copy, Debug)]
pub struct Synthetic<'a> {
    /// Its nick.
    pub nick: &'a str,
    /// Its user name.
    pub user: &'a str,
    /// Its host.
    pub host: &'a str,
    /// Its real name.
    pub real_name: &'a str,
}
