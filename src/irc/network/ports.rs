//! The network's end of each connection: what goes out, what came in unfinished, and whether it lives.

use std::collections::VecDeque;

use crate::irc::network::Output;
use crate::irc::network::caps::Caps;
use crate::irc::network::client::ClientId;
use crate::irc::network::directory::Directory;
use crate::irc::network::outbox::Outbox;
use crate::irc::network::relay::Relay;
use crate::irc::network::sightings::SightingIx;
use crate::irc::network::source::Source;
use crate::irc::wire::compose::Line;
use crate::irc::wire::framer::Framer;
use crate::irc::wire::server_time::TIME_BYTES;
use crate::irc::wire::server_time::format;
use crate::units::offset::Offset;

/// What a port is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PortState {
    /// Nobody there.
    Free,
    /// A connection.
    Open,
    /// A connection that takes no more lines and is to be closed once its outbox is empty.
    Closing,
    /// A client without a connection: its lines go nowhere.
    Synthetic,
}

/// The network's end of one connection.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) state: PortState,
    pub(super) outbox: Outbox,
    pub(super) framer: Framer,
    pub(super) caps: Caps,
    due: Due,
    /// Through which it came, if it has a connection.
    door: Option<Door>,
    /// The last round of a line to several channels that reached this port.
    round: u64,
    /// Was told of the batch under way.
    pub(super) is_in_batch: bool,
    pub(super) heard: Offset,
    pub(super) pinged: Option<Offset>,
    /// When the flood limit has forgotten every line so far.
    pub(super) paid_until: Offset,
    /// Lines held back by the flood limit, at most `recvq_bytes_max`.
    pub(super) held: Vec<u8>,
    /// Its entry in the timers.
    pub(super) deadline: Offset,
}

/// What the caller or the network has yet to do about a port.
#[derive(Clone, Copy, Debug, Default)]
struct Due {
    /// An output `Writable` is under way.
    is_announced: bool,
    /// An output `Close` is under way.
    is_closed: bool,
    /// The outbox is full and the client about to be closed.
    is_overflowed: bool,
}

/// Where a connection came from, and what is counted of it there.
#[derive(Debug)]
struct Door {
    source: Source,
    sighting: SightingIx,
    is_let_in: bool,
    is_user: bool,
}

impl Port {
    fn new(state: PortState, now: Offset) -> Self {
        Self {
            state,
            outbox: Outbox::default(),
            framer: Framer::new(),
            caps: Caps::NONE,
            due: Due::default(),
            door: None,
            round: 0,
            is_in_batch: false,
            heard: now,
            pinged: None,
            paid_until: now,
            held: Vec::new(),
            deadline: Offset::NEVER,
        }
    }
}

impl Port {
    pub(super) fn set_door(&mut self, source: Source, sighting: SightingIx) {
        self.door = Some(Door {
            source,
            sighting,
            is_let_in: false,
            is_user: false,
        });
    }

    pub(super) fn set_let_in(&mut self) {
        if let Some(door) = &mut self.door {
            door.is_let_in = true;
        }
    }

    pub(super) fn set_user(&mut self) {
        if let Some(door) = &mut self.door {
            door.is_user = true;
        }
    }

    /// Returns the source of a connection, and the row of what was seen of it.
    pub(super) fn door(&self) -> Option<(&Source, SightingIx)> {
        self.door.as_ref().map(|door| (&door.source, door.sighting))
    }

    pub(super) fn source(&self) -> Option<&Source> {
        self.door().map(|(source, _)| source)
    }

    pub(super) fn sighting(&self) -> Option<SightingIx> {
        self.door().map(|(_, sighting)| sighting)
    }

    /// Says whether it was let in when it came.
    pub(super) fn is_let_in(&self) -> bool {
        self.door.as_ref().is_some_and(|door| door.is_let_in)
    }

    /// Says whether its source counts it as a user.
    pub(super) fn is_user(&self) -> bool {
        self.door.as_ref().is_some_and(|door| door.is_user)
    }
}

/// All ports, and what they have to tell the caller.
#[derive(Debug)]
pub(super) struct Ports {
    rows: Vec<Port>,
    /// At most two per connection that lived since the last poll: one `Writable`, one `Close`.
    outputs: VecDeque<Output>,
    /// Ports whose outbox is full, each once.
    overflowed: Vec<ClientId>,
    /// Where lines to nobody are written.
    sink: Vec<u8>,
    time: [u8; TIME_BYTES],
    time_millis: i64,
    round: u64,
    sendq_bytes_max: usize,
}

impl Ports {
    pub(super) fn new(sendq_bytes_max: usize) -> Self {
        Self {
            rows: Vec::new(),
            outputs: VecDeque::new(),
            overflowed: Vec::new(),
            sink: Vec::new(),
            time: format(0),
            time_millis: 0,
            round: 0,
            sendq_bytes_max,
        }
    }

    /// Sets the time that lines from now on carry.
    pub(super) fn set_time(&mut self, unix_micros: i64) {
        let millis = unix_micros.div_euclid(1000);
        if millis != self.time_millis {
            self.time_millis = millis;
            self.time = format(unix_micros);
        }
    }

    pub(super) fn open(&mut self, id: ClientId, state: PortState, now: Offset) {
        while self.rows.len() <= id.index() {
            self.rows.push(Port::new(PortState::Free, now));
        }
        self.rows[id.index()] = Port::new(state, now);
    }

    pub(super) fn port(&self, id: ClientId) -> &Port {
        &self.rows[id.index()]
    }

    pub(super) fn port_mut(&mut self, id: ClientId) -> &mut Port {
        &mut self.rows[id.index()]
    }

    /// Returns the port if somebody is there.
    pub(super) fn used(&self, id: ClientId) -> Option<&Port> {
        self.rows
            .get(id.index())
            .filter(|port| port.state != PortState::Free)
    }

    pub(super) fn has(&self, id: ClientId, cap: Caps) -> bool {
        self.rows[id.index()].caps.has(cap)
    }

    pub(super) fn is_open(&self, id: ClientId) -> bool {
        self.rows[id.index()].state == PortState::Open
    }

    /// Begins a line to one client, with the time if it takes times.
    pub(super) fn line(&mut self, to: ClientId) -> Line<'_> {
        let time = self.time;
        let takes_time = self.has(to, Caps::SERVER_TIME);
        let line = Line::new(self.buffer(to));
        if takes_time {
            line.tag(b"time", &time)
        } else {
            line
        }
    }

    /// Begins a numeric to one client.
    pub(super) fn numeric(&mut self, directory: &Directory, to: ClientId, number: u16) -> Line<'_> {
        self.line(to)
            .source(&directory.server_of(to).name)
            .numeric(number)
            .param(directory.client(to).addressee())
    }

    /// Copies a line to one client.
    pub(super) fn relay(&mut self, to: ClientId, relay: &mut Relay) {
        let port = &self.rows[to.index()];
        if port.state != PortState::Open {
            return;
        }
        let (caps, time) = (port.caps, self.time);
        relay.write(caps, &time, self.buffer(to));
    }

    /// Begins a round: [`Self::is_first`] holds once for each port.
    pub(super) fn begin_round(&mut self) {
        self.round += 1;
    }

    /// Says whether this round comes to a port for the first time.
    pub(super) fn is_first(&mut self, id: ClientId) -> bool {
        let port = &mut self.rows[id.index()];
        std::mem::replace(&mut port.round, self.round) != self.round
    }

    /// Ends what is sent to a client: once its outbox is empty the connection is to be closed.
    pub(super) fn close(&mut self, id: ClientId) {
        let port = &mut self.rows[id.index()];
        if port.state != PortState::Open {
            return;
        }
        port.state = PortState::Closing;
        port.held = Vec::new();
        port.framer = Framer::new();
        if port.due.is_overflowed {
            // The peer does not read: what waits would wait for ever.
            port.outbox.clear();
        }
        port.due.is_closed = true;
        self.outputs.push_back(Output::Close(id));
    }

    pub(super) fn release(&mut self, id: ClientId) {
        let now = self.rows[id.index()].heard;
        self.rows[id.index()] = Port::new(PortState::Free, now);
    }

    pub(super) fn next_overflowed(&mut self) -> Option<ClientId> {
        self.overflowed.pop()
    }

    pub(super) fn is_overflowed(&self, id: ClientId) -> bool {
        self.rows[id.index()].due.is_overflowed
    }

    pub(super) fn poll(&mut self) -> Output {
        while let Some(output) = self.outputs.pop_front() {
            let is_true = match output {
                Output::Writable(id) => {
                    let port = &mut self.rows[id.index()];
                    std::mem::take(&mut port.due.is_announced) && !port.outbox.is_empty()
                }
                Output::Close(id) => std::mem::take(&mut self.rows[id.index()].due.is_closed),
                Output::Wait => false,
            };
            // What was said about a client that has left since, or about bytes taken since, is void.
            if is_true {
                return output;
            }
        }
        Output::Wait
    }

    /// Returns where lines to a client go that are written whole.
    pub(super) fn buffer(&mut self, to: ClientId) -> &mut Vec<u8> {
        let port = &mut self.rows[to.index()];
        let has_room = port.outbox.len() < self.sendq_bytes_max;
        if port.state != PortState::Open || !has_room {
            if port.state == PortState::Open && !port.due.is_overflowed {
                port.due.is_overflowed = true;
                self.overflowed.push(to);
            }
            self.sink.clear();
            return &mut self.sink;
        }
        if port.outbox.is_empty() && !port.due.is_announced {
            port.due.is_announced = true;
            self.outputs.push_back(Output::Writable(to));
        }
        port.outbox.buffer()
    }
}
