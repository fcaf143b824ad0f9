//! The bytes that wait on either side of the model, what its owner is to do, and what each client has taken on by CAP.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use crate::irc::wire::compose::Line;
use crate::irc::wire::server_time;
use crate::sim::bouncer::ConnectionId;
use crate::sim::bouncer::Output;
use crate::units::id::SeatId;

/// Most bytes that wait for one client; one that reads no more is closed. A buffer of a thousand lines in each of sixty channels fits.
const WAITING_BYTES_MAX: usize = 32 << 20;

/// A set of capabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Caps(u8);

impl Caps {
    /// Every line says when it was said.
    pub(super) const TIME: Self = Self(1);
    /// What is played back is in a batch.
    pub(super) const BATCH: Self = Self(2);
    /// The client reads its own messages.
    pub(super) const ECHO: Self = Self(4);
    /// The client knows private messages in its own name.
    pub(super) const OWN: Self = Self(8);

    /// The names on the wire, as ZNC lists them.
    const NAMED: [(&str, Self); 6] = [
        ("batch", Self::BATCH),
        ("echo-message", Self::ECHO),
        ("server-time", Self::TIME),
        ("znc.in/batch", Self::BATCH),
        ("znc.in/self-message", Self::OWN),
        ("znc.in/server-time-iso", Self::TIME),
    ];

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns the names of all, parted by spaces.
    pub(super) fn offered() -> String {
        Self::NAMED.map(|(name, _)| name).join(" ")
    }

    /// Returns this set after a request, or `None` if any of it is not on offer.
    pub(super) fn after(self, request: &[u8]) -> Option<Self> {
        let words = request.split(|&byte| byte == b' ');
        words
            .filter(|word| !word.is_empty())
            .try_fold(self, |caps, word| {
                let (name, is_removed) = match word.strip_prefix(b"-") {
                    Some(name) => (name, true),
                    None => (word, false),
                };
                let named = Self::NAMED
                    .iter()
                    .find(|(known, _)| known.as_bytes() == name);
                let (_, cap) = named?;
                Some(Self(if is_removed {
                    caps.0 & !cap.0
                } else {
                    caps.0 | cap.0
                }))
            })
    }
}

/// One client's side.
#[derive(Debug, Default)]
struct Down {
    waiting: Vec<u8>,
    caps: Caps,
    is_closing: bool,
}

/// Both sides.
#[derive(Debug)]
pub(super) struct Ports {
    down: BTreeMap<ConnectionId, Down>,
    up: Vec<Vec<u8>>,
    outputs: VecDeque<Output>,
    /// Where lines for nobody go.
    void: Vec<u8>,
    /// The time of day.
    pub(super) unix_micros: i64,
}

impl Ports {
    pub(super) fn new(seat_count: usize) -> Self {
        Self {
            down: BTreeMap::new(),
            up: (0..seat_count).map(|_| Vec::new()).collect(),
            outputs: VecDeque::new(),
            void: Vec::new(),
            unix_micros: 0,
        }
    }

    pub(super) fn poll(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or(Output::Wait)
    }

    pub(super) fn open(&mut self, id: ConnectionId) {
        self.down.insert(id, Down::default());
    }

    pub(super) fn forget(&mut self, id: ConnectionId) {
        self.down.remove(&id);
    }

    /// Forgets everything that waits, and all clients.
    pub(super) fn clear(&mut self) {
        self.down.clear();
        self.outputs.clear();
        for waiting in &mut self.up {
            waiting.clear();
        }
    }

    pub(super) fn caps(&self, id: ConnectionId) -> Caps {
        self.down.get(&id).map_or(Caps::default(), |down| down.caps)
    }

    pub(super) fn set_caps(&mut self, id: ConnectionId, caps: Caps) {
        if let Some(down) = self.down.get_mut(&id) {
            down.caps = caps;
        }
    }

    pub(super) fn dial(&mut self, seat: SeatId) {
        self.outputs.push_back(Output::Dial(seat));
    }

    /// Has a client closed once it was sent what waits for it; nothing more is.
    pub(super) fn close(&mut self, id: ConnectionId) {
        if let Some(down) = self.down.get_mut(&id)
            && !std::mem::replace(&mut down.is_closing, true)
        {
            self.outputs.push_back(Output::CloseClient(id));
        }
    }

    /// Begins a line for a client, as said now.
    pub(super) fn line(&mut self, id: ConnectionId) -> Line<'_> {
        self.line_said(id, self.unix_micros, None)
    }

    /// Begins a line for a client, as said at that time and of that batch.
    pub(super) fn line_said(
        &mut self,
        id: ConnectionId,
        unix_micros: i64,
        batch: Option<&[u8]>,
    ) -> Line<'_> {
        let Self {
            down,
            outputs,
            void,
            ..
        } = self;
        void.clear();
        let Some(down) = down.get_mut(&id).filter(|down| !down.is_closing) else {
            return Line::new(void);
        };
        if down.waiting.len() > WAITING_BYTES_MAX {
            down.is_closing = true;
            outputs.push_back(Output::CloseClient(id));
            return Line::new(void);
        }
        if down.waiting.is_empty() {
            outputs.push_back(Output::ToClient(id));
        }
        let mut line = Line::new(&mut down.waiting);
        if let Some(batch) = batch {
            line = line.tag(b"batch", batch);
        }
        if down.caps.has(Caps::TIME) {
            line = line.tag(b"time", &server_time::format(unix_micros));
        }
        line
    }

    /// Hands a line of the upstream's, without tags, to a client as said at that time.
    pub(super) fn relay(&mut self, id: ConnectionId, body: &[u8], unix_micros: i64) {
        self.line_said(id, unix_micros, None).rest(body);
    }

    /// Begins a line for the upstream.
    pub(super) fn up(&mut self, seat: SeatId) -> Line<'_> {
        let Self {
            up, outputs, void, ..
        } = self;
        void.clear();
        let Some(waiting) = up.get_mut(seat.index()) else {
            return Line::new(void);
        };
        if waiting.is_empty() {
            outputs.push_back(Output::ToUpstream(seat));
        }
        Line::new(waiting)
    }

    /// Forgets what waits for an upstream.
    pub(super) fn clear_up(&mut self, seat: SeatId) {
        if let Some(waiting) = self.up.get_mut(seat.index()) {
            waiting.clear();
        }
    }

    pub(super) fn take_down(&mut self, id: ConnectionId, out: &mut Vec<u8>) {
        if let Some(down) = self.down.get_mut(&id) {
            out.append(&mut std::mem::take(&mut down.waiting));
        }
    }

    pub(super) fn take_up(&mut self, seat: SeatId, out: &mut Vec<u8>) {
        if let Some(waiting) = self.up.get_mut(seat.index()) {
            out.append(&mut std::mem::take(waiting));
        }
    }
}
