//! One user's place on one network: its connection there, its channels and queries, its attached clients.

use std::collections::BTreeMap;

use crate::irc::wire::framer::Framer;
use crate::irc::wire::isupport::Isupport;
use crate::measure::continuity::policy::BufferPolicy;
use crate::sim::bouncer::ConnectionId;
use crate::sim::bouncer::SeatConfig;
use crate::sim::bouncer::buffer::Buffer;
use crate::sim::bouncer::buffer::Talk;
use crate::sim::bouncer::room::Room;
use crate::units::offset::Offset;

/// Most channels and queries that are known, each: what others can make up has an end.
const NAMES_MAX: usize = 1024;

/// How far a seat's connection to its network has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is none, and the seat waits for its turn to be dialled.
    #[default]
    Waiting,
    Dialling,
    /// Connected, and not welcomed yet.
    Registering,
    Online,
}

/// A seat's connection to its network.
#[derive(Debug, Default)]
pub(super) struct Upstream {
    pub(super) stage: Stage,
    pub(super) framer: Framer,
    /// The nick that the network knows, or was asked for.
    pub(super) nick: Vec<u8>,
    /// The user's `nick!user@host`, once the network has told.
    pub(super) mask: Vec<u8>,
    /// The numerics of the welcome, without tags, for whoever attaches.
    pub(super) greeting: Vec<Vec<u8>>,
    pub(super) greeted_unix_micros: i64,
    /// The welcome has not come to its end.
    pub(super) is_greeting: bool,
    pub(super) isupport: Isupport,
}

/// One user's place on one network.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) config: SeatConfig,
    pub(super) upstream: Upstream,
    /// By name in lower case; ZNC knows no other casemapping.
    pub(super) rooms: BTreeMap<Vec<u8>, Room>,
    /// By the other's nick in lower case.
    pub(super) queries: BTreeMap<Vec<u8>, Query>,
    /// Clients, in the order in which they attached.
    pub(super) attached: Vec<ConnectionId>,
    /// Until when it hears no talk: a lie.
    pub(super) deaf_until: Offset,
}

/// Private talk with one other.
#[derive(Debug, Default)]
pub(super) struct Query {
    /// The other's nick.
    pub(super) nick: Vec<u8>,
    pub(super) buffer: Buffer,
}

impl Upstream {
    pub(super) fn dial(&mut self) {
        self.stage = Stage::Dialling;
    }

    pub(super) fn is_own(&self, nick: &[u8]) -> bool {
        self.nick.eq_ignore_ascii_case(nick)
    }
}

impl Seat {
    pub(super) fn new(config: SeatConfig) -> Self {
        let mut seat = Self {
            config,
            upstream: Upstream::default(),
            rooms: BTreeMap::new(),
            queries: BTreeMap::new(),
            attached: Vec::new(),
            deaf_until: Offset::ALWAYS,
        };
        seat.upstream.nick = seat.config.nick.as_bytes().to_vec();
        for channel in seat.config.channels.clone() {
            seat.enter_room(channel.as_bytes());
        }
        seat
    }

    /// Says whether it is in all the channels that it was told to join.
    pub(super) fn is_ready(&self) -> bool {
        self.upstream.stage == Stage::Online
            && self
                .config
                .channels
                .iter()
                .all(|channel| self.room(channel.as_bytes()).is_some_and(|room| room.is_in))
    }

    /// Forgets all that a process forgets when it ends.
    pub(super) fn restart(&mut self, keeps_lines: bool) {
        self.upstream = Upstream {
            nick: self.config.nick.as_bytes().to_vec(),
            ..Upstream::default()
        };
        self.attached.clear();
        self.deaf_until = Offset::ALWAYS;
        for room in self.rooms.values_mut() {
            room.leave();
            room.told.clear();
            if !keeps_lines {
                room.buffer.clear();
            }
        }
        if !keeps_lines {
            self.queries.clear();
        }
    }

    pub(super) fn room(&self, name: &[u8]) -> Option<&Room> {
        self.rooms.get(&name.to_ascii_lowercase())
    }

    pub(super) fn room_mut(&mut self, name: &[u8]) -> Option<&mut Room> {
        self.rooms.get_mut(&name.to_ascii_lowercase())
    }

    /// Returns a channel that may not have been known before; `None` if there are too many.
    pub(super) fn enter_room(&mut self, name: &[u8]) -> Option<&mut Room> {
        let folded = name.to_ascii_lowercase();
        if self.rooms.len() >= NAMES_MAX && !self.rooms.contains_key(&folded) {
            return None;
        }
        Some(self.rooms.entry(folded).or_insert_with(|| Room::new(name)))
    }

    /// Keeps a line in the buffer that it belongs to, if it is of a kind that is kept.
    pub(super) fn keep(&mut self, line: Talk, policy: &BufferPolicy) {
        if line.is_ctcp() || line.is_notice && !policy.keeps_notices {
            return;
        }
        let lines_max = policy.lines_max;
        if self.upstream.isupport.is_channel(&line.target) {
            if let Some(room) = self.room_mut(&line.target) {
                room.buffer.keep(line, lines_max);
            }
            return;
        }
        if !policy.keeps_queries {
            return;
        }
        let nick = if line.is_own {
            line.target.clone()
        } else {
            line.nick().to_vec()
        };
        let folded = nick.to_ascii_lowercase();
        if self.queries.len() >= NAMES_MAX && !self.queries.contains_key(&folded) {
            return;
        }
        let query = self.queries.entry(folded).or_default();
        query.nick = nick;
        query.buffer.keep(line, lines_max);
    }

    /// Forgets others' lines that were read after a moment, and returns them.
    pub(super) fn forget_after(&mut self, unix_micros: i64) -> Vec<Talk> {
        let rooms = self.rooms.values_mut().map(|room| &mut room.buffer);
        let queries = self.queries.values_mut().map(|query| &mut query.buffer);
        rooms
            .chain(queries)
            .flat_map(|buffer| buffer.remove_after(unix_micros))
            .collect()
    }

    /// Returns the user's `nick!user@host`, or what goes for it before the network has told.
    pub(super) fn own_mask(&self, server: &str) -> Vec<u8> {
        if !self.upstream.mask.is_empty() {
            return self.upstream.mask.clone();
        }
        let user = self.config.user.as_bytes();
        [
            &self.upstream.nick,
            &b"!"[..],
            user,
            b"@",
            server.as_bytes(),
        ]
        .concat()
    }
}
