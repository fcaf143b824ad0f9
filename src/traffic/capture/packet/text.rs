//! The text of one connection: bytes in order to lines, lines to the dialogue, once it is known to be IRC.

use memchr::memchr;

use crate::traffic::capture::Reading;
use crate::traffic::capture::Seen;
use crate::traffic::capture::dialogue::ConnectionId;
use crate::traffic::capture::dialogue::Dialogues;
use crate::traffic::capture::dialogue::Direction;
use crate::traffic::capture::packet::content;
use crate::traffic::capture::packet::content::Evidence;
use crate::traffic::capture::packet::order::Piece;
use crate::traffic::capture::packet::report::PacketReport;

/// Longest line that is read: tags and message (8191 + 512 bytes).
const LINE_BYTES_MAX: usize = 8_191 + 512;

/// Bytes that one direction may begin with without ending a line, when it is asked whether it is IRC; a first line of
/// IRC is longer only if it has tags.
const FIRST_LINE_BYTES: usize = 600;

/// Lines by which it is told whether a connection is IRC; a client's first three are CAP, NICK, USER.
const EARLY_LINES_MAX: usize = 8;

/// Lines of other protocols that are let pass before, such as a proxy's.
const FOREIGN_LINES_MAX: usize = 2;

/// Buffers for the beginnings of lines that are kept to be used again, and the largest that is.
const SPARES_MAX: usize = 64;
const SPARE_BYTES_MAX: usize = 1_024;

/// What an allocation costs besides its bytes.
const ALLOCATION_BYTES: usize = 16;

/// Lines of a connection in which STARTTLS is looked for: it comes before anybody is registered.
const STARTTLS_LINES: u32 = 64;

/// The numeric that agrees to STARTTLS.
const STARTTLS_AGREED: &[u8] = b" 670 ";

/// A side of a connection: the index of who sends, among its two ends in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The lower end.
    Low,
    /// The higher end.
    High,
}

impl Side {
    /// Returns the other side.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Low => Self::High,
            Self::High => Self::Low,
        }
    }
}

/// A thing for each side.
#[derive(Debug, Default)]
pub(super) struct Both<T> {
    /// Of the lower end.
    pub(super) low: T,
    /// Of the higher end.
    pub(super) high: T,
}

impl<T> Both<T> {
    /// Returns the thing of a side.
    pub(super) fn of(&mut self, side: Side) -> &mut T {
        match side {
            Side::Low => &mut self.low,
            Side::High => &mut self.high,
        }
    }
}

/// What a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Not known yet.
    Open,
    /// IRC, of this client.
    Irc { client: Side, id: ConnectionId },
    /// Nothing of it is read: encrypted, foreign, or nobody has any use for it.
    Unread,
}

/// Where what is read goes.
pub(super) struct Outlet<'a> {
    pub(super) dialogues: Dialogues,
    pub(super) report: PacketReport,
    pub(super) event: &'a mut dyn FnMut(i64, Seen<'_>),
    /// Buffers for the beginnings of lines, to be used again.
    pub(super) spares: Vec<Vec<u8>>,
    pub(super) last_id: u32,
}

/// The text of one connection.
#[derive(Debug)]
pub(super) struct Text {
    kind: Kind,
    halves: Both<Half>,
    /// Lines from before it was known what the connection is.
    early: Vec<EarlyLine>,
    early_bytes: usize,
    foreign_count: usize,
    line_count: u32,
}

/// One direction.
#[derive(Debug, Default)]
struct Half {
    /// The beginning of a line.
    line: Vec<u8>,
    /// Whether what comes before the next line end is dropped.
    is_torn: bool,
    /// Whether a line was ended.
    has_lines: bool,
}

#[derive(Debug)]
struct EarlyLine {
    at_us: i64,
    from: Side,
    line: Box<[u8]>,
}

impl Text {
    /// Returns the text of a connection of which nothing was read.
    pub(super) fn new() -> Self {
        Self {
            kind: Kind::Open,
            halves: Both::default(),
            early: Vec::new(),
            early_bytes: 0,
            foreign_count: 0,
            line_count: 0,
        }
    }

    /// Returns what is held for it: lines under way, by what was allocated for them.
    pub(super) fn held_bytes(&self) -> usize {
        self.halves.low.line.capacity()
            + self.halves.high.line.capacity()
            + self.early.capacity() * size_of::<EarlyLine>()
            + self.early_bytes
    }

    /// Returns whether nothing of it is read any more.
    pub(super) fn is_unread(&self) -> bool {
        self.kind == Kind::Unread
    }

    /// Reads what one side sent.
    pub(super) fn read(
        &mut self,
        from: Side,
        piece: Piece<'_>,
        facts: Facts,
        out: &mut Outlet<'_>,
    ) {
        if self.is_unread() {
            return;
        }
        match piece {
            Piece::Data(at_us, bytes) => self.read_bytes(from, at_us, bytes, facts, out),
            Piece::Gap(at_us, count) => {
                out.report.missing_bytes += count;
                let half = self.halves.of(from);
                half.line = Vec::new();
                if !half.is_torn && matches!(self.kind, Kind::Irc { .. }) {
                    out.report
                        .count_damaged(at_us, "a line without missing bytes");
                }
                half.is_torn = true;
            }
        }
    }

    /// Ends the connection at a time, if it is known when: its user has quit.
    pub(super) fn close(&mut self, at_us: Option<i64>, out: &mut Outlet<'_>) {
        self.drop_lines();
        if let Kind::Irc { id, .. } = self.kind {
            let (report, event) = (&mut out.report, &mut *out.event);
            out.dialogues.close(id, &mut |seen| {
                if let Some(at_us) = at_us {
                    report.count_event(seen.kind);
                    event(at_us, seen);
                }
            });
        }
        self.kind = Kind::Unread;
    }

    fn read_bytes(
        &mut self,
        from: Side,
        at_us: i64,
        bytes: &[u8],
        facts: Facts,
        out: &mut Outlet<'_>,
    ) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let half = self.halves.of(from);
            if half.line.is_empty() && !half.is_torn && content::is_tls(rest) {
                self.become_tls(out);
                return;
            }
            let Some(end) = memchr(b'\n', rest) else {
                self.hold(from, at_us, rest, facts, out);
                return;
            };
            let (line, after) = rest.split_at_checked(end + 1).unwrap_or((rest, b""));
            rest = after;
            if half.is_torn {
                half.is_torn = false;
                half.has_lines = true;
            } else if half.line.is_empty() {
                self.read_line(from, at_us, line, facts, out);
            } else {
                let mut whole = std::mem::take(&mut half.line);
                whole.extend_from_slice(line);
                self.read_line(from, at_us, &whole, facts, out);
                if out.spares.len() < SPARES_MAX && whole.capacity() <= SPARE_BYTES_MAX {
                    whole.clear();
                    out.spares.push(whole);
                }
            }
            if self.is_unread() {
                return;
            }
        }
    }

    /// Holds the beginning of a line until its end comes.
    fn hold(&mut self, from: Side, at_us: i64, bytes: &[u8], facts: Facts, out: &mut Outlet<'_>) {
        let is_open = self.kind == Kind::Open;
        let half = self.halves.of(from);
        if half.is_torn {
            return;
        }
        if half.line.is_empty() {
            half.line = out.spares.pop().unwrap_or_default();
        }
        half.line.extend_from_slice(bytes);
        if half.line.len() > LINE_BYTES_MAX {
            half.line = Vec::new();
            half.is_torn = true;
            if is_open {
                self.become_foreign(out);
            } else {
                out.report.line_count += 1;
                out.report
                    .count_damaged(at_us, "a line of at most 8703 bytes");
            }
        } else if is_open
            && half.line.len() > FIRST_LINE_BYTES
            && (half.has_lines || facts.has_beginning)
            && matches!(
                content::judge(&half.line),
                Evidence::Foreign | Evidence::Link
            )
        {
            self.become_foreign(out);
        }
    }

    /// Reads a line with its end.
    fn read_line(
        &mut self,
        from: Side,
        at_us: i64,
        line: &[u8],
        facts: Facts,
        out: &mut Outlet<'_>,
    ) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let half = self.halves.of(from);
        let is_first = !half.has_lines;
        half.has_lines = true;
        match self.kind {
            Kind::Unread => {}
            Kind::Irc { client, id } => {
                // The first line of a direction that began before the recording may lack its beginning.
                let is_cut = is_first
                    && !facts.has_beginning
                    && matches!(content::judge(line), Evidence::Foreign | Evidence::Weak);
                if !is_cut {
                    self.tell(from == client, id, at_us, line, out);
                }
            }
            Kind::Open => {
                let evidence = content::judge(line);
                let is_cut = is_first && !facts.has_beginning && evidence == Evidence::Foreign;
                if !is_cut {
                    self.weigh(from, at_us, line, evidence, facts, out);
                }
            }
        }
    }

    /// Finds out what the connection is from one more line.
    fn weigh(
        &mut self,
        from: Side,
        at_us: i64,
        line: &[u8],
        evidence: Evidence,
        facts: Facts,
        out: &mut Outlet<'_>,
    ) {
        self.early_bytes += line.len() + ALLOCATION_BYTES;
        self.early.push(EarlyLine {
            at_us,
            from,
            line: line.into(),
        });
        let client = match evidence {
            Evidence::Client => facts.opener.unwrap_or(from),
            Evidence::Server => facts.opener.unwrap_or(from.other()),
            Evidence::Either => facts.opener.unwrap_or(facts.higher_port),
            Evidence::Link => return self.become_foreign(out),
            Evidence::Foreign | Evidence::Weak => {
                self.foreign_count += usize::from(evidence == Evidence::Foreign);
                if self.foreign_count > FOREIGN_LINES_MAX || self.early.len() >= EARLY_LINES_MAX {
                    self.become_foreign(out);
                }
                return;
            }
        };
        out.report.irc_count += 1;
        out.last_id += 1;
        let id = ConnectionId(out.last_id);
        self.kind = Kind::Irc { client, id };
        self.early_bytes = 0;
        for early in std::mem::take(&mut self.early) {
            self.tell(early.from == client, id, early.at_us, &early.line, out);
        }
    }

    /// Hands a line to the dialogues.
    fn tell(
        &mut self,
        is_up: bool,
        id: ConnectionId,
        at_us: i64,
        line: &[u8],
        out: &mut Outlet<'_>,
    ) {
        out.report.line_count += 1;
        self.line_count = self.line_count.saturating_add(1);
        let direction = if is_up {
            Direction::Up
        } else {
            Direction::Down
        };
        let (report, event) = (&mut out.report, &mut *out.event);
        let reading = out.dialogues.read_line(id, direction, line, &mut |seen| {
            report.count_event(seen.kind);
            event(at_us, seen);
        });
        if let Reading::Damaged(expected) = reading {
            out.report.count_damaged(at_us, expected);
        }
        if !is_up
            && self.line_count <= STARTTLS_LINES
            && line.starts_with(b":")
            && memchr(b' ', line).is_some_and(|at| {
                line.get(at..)
                    .unwrap_or_default()
                    .starts_with(STARTTLS_AGREED)
            })
        {
            self.become_tls(out);
        }
    }

    fn become_tls(&mut self, out: &mut Outlet<'_>) {
        out.report.tls_count += 1;
        // Whoever speaks from here on is not heard: their end would tell a QUIT of nobody.
        self.close(None, out);
    }

    fn become_foreign(&mut self, out: &mut Outlet<'_>) {
        out.report.foreign_count += 1;
        self.close(None, out);
    }

    fn drop_lines(&mut self) {
        self.halves.low.line = Vec::new();
        self.halves.high.line = Vec::new();
        self.early = Vec::new();
        self.early_bytes = 0;
    }
}

/// What the packets tell about a connection and the direction that is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// Who opened it, if that was seen.
    pub(super) opener: Option<Side>,
    /// The side with the higher port: a server's is rarely it.
    pub(super) higher_port: Side,
    /// Whether the direction was recorded from its first byte.
    pub(super) has_beginning: bool,
}
