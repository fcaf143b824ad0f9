//! Continuity of one stream of lines: what the network wrote to one user's connection, held against what that user's clients read.
//!
//! The network numbers the lines that it writes. What the user's clients read, one session after another, has to be those numbers:
//! played back, then live, each once, in order and without a gap, for as much as the bouncer's buffer holds. Nothing is judged by what
//! came when, only by what came before and after it on the same connection; time decides only when a line is given up.

mod ending;
pub mod keeping;
mod owed;
mod search;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::time::Duration;

use crate::measure::continuity::backlog::keeping::Keeping;
use crate::measure::continuity::line::LineId;
use crate::measure::continuity::policy::BufferPolicy;
use crate::measure::continuity::policy::Forgets;
use crate::measure::continuity::policy::LineKind;
use crate::measure::ledger::counts::Breach;
use crate::units::offset::Offset;

/// How far a replayed line's time may be from the one at which the network wrote it. Prefixes tell whole seconds, and a bouncer stamps
/// when it reads.
pub const STAMP_SLACK: Duration = Duration::from_secs(1);

/// For how long what was written to a connection may be under way when that is torn off.
pub const UNDER_WAY_MAX: Duration = Duration::from_secs(2);
/// For how long a bouncer may take a client for attached that is gone without a word.
const GHOST_MAX: Duration = Duration::from_mins(10);
/// Lines remembered beside a buffer's worth: they tell a second copy from a line that was never written.
const REMEMBERED_BESIDE: u64 = 64;
/// For how long every line is remembered: a busy bouncer plays back long after it has attached a client.
const REMEMBERED_FOR: Duration = Duration::from_mins(1);
/// Most lines written after one that is still awaited; one more and it is missing.
const AWAITED_MAX: u64 = 65_536;

/// One session of one client at the bouncer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detached {
    /// By QUIT, and read to its end: nothing was under way any more.
    Fenced,
    /// Torn off, by whichever side: what was under way is lost by nobody's fault.
    Dropped,
    /// Left standing without a reader: the bouncer may take it for attached until it misses an answer.
    Vanished,
}

/// A line as a client read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// What it says.
    pub line: LineId,
    /// When it was read.
    pub at: Offset,
    /// Whether the bouncer marked it as played back.
    pub is_replayed: bool,
    /// When it was said, by what the bouncer says; `None` where it says nothing.
    pub stamp: Option<Offset>,
}

/// What a line that was read turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognised {
    /// A line that was written at that time, read in its turn or not.
    Written {
        /// When the network wrote it.
        at: Offset,
        /// Whether the session read it for the first time, as it was said.
        is_live: bool,
    },
    /// None of the lines that are remembered.
    Unknown,
    /// The same, and some were forgotten that may still be played back.
    Forgotten,
}

/// What was found about one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The line.
    pub line: LineId,
    /// When the network wrote it.
    pub written: Offset,
    /// What is wrong.
    pub breach: Breach,
    /// Why it counts as that.
    pub why: &'static str,
}

/// A line as the network wrote it.
#[derive(Clone, Copy, Debug)]
struct Written {
    line: LineId,
    kind: LineKind,
    at: Offset,
    /// The earliest time that it may be told with.
    stamped: Offset,
    /// Its turn among all lines that share the bouncer's buffer with it.
    turn: u64,
    fate: Fate,
    /// Whether it may never have reached the bouncer, or have been lost with it.
    is_doubtful: bool,
    /// When it was played back last; `ALWAYS` if it never was.
    replayed: Offset,
}

/// What became of a line over all sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Nobody has read it yet.
    Unread,
    /// The same, and it was perhaps under way to a session that was torn off, or from a network that was.
    UnderWay,
    /// Nobody has to: the buffer had no room for it, or was lost with leave.
    Excused,
    /// It was read, or is counted.
    Done,
}

/// A session that goes on.
#[derive(Clone, Debug)]
struct Attached {
    /// The number of the first line that is surely live for it.
    begun: u64,
    /// The turn of the buffer then.
    begun_turn: u64,
    /// When it was known to be attached.
    at: Offset,
    /// The number after the highest that any session had read by then.
    floor: u64,
    /// The first number that it read.
    first: Option<u64>,
    /// The number after the highest that it read.
    next: u64,
    /// When it first read a live message, for which it gave a receipt.
    receipt_at: Offset,
    /// Lines played back to it.
    replayed: u32,
    /// Numbers between those that it read, with the time at which they are given up. They come late, or never.
    skipped: BTreeMap<u64, Offset>,
    /// Those that were given up.
    given_up: BTreeSet<u64>,
}

/// What was known before a line was read.
#[derive(Clone, Copy)]
struct Before {
    attached_at: Offset,
    floor: u64,
    is_misordered: bool,
}

/// The lines of one stream: a channel, a query, or what others do in no channel.
#[derive(Clone, Debug)]
pub struct Backlog {
    policy: BufferPolicy,
    settle: Duration,
    keeping: Keeping,
    /// What was written from then on may be told again: receipts for it may never have come.
    again_from: Offset,
    /// When a connection was last torn off, of a client or all at once.
    torn_at: Offset,
    /// The number of `written[0]`.
    oldest: u64,
    written: VecDeque<Written>,
    sessions: BTreeMap<SessionId, Attached>,
    /// The number after the highest that any session read.
    read_end: u64,
    /// The first line for which the buffer may still have room.
    roomy_from: u64,
    /// Until when somebody was attached.
    attached_until: Offset,
    /// Until when the bouncer may take a client for attached that is gone.
    ghost_until: Offset,
    /// Lines that were not played back, since the attach at which they should have been: where nothing is forgotten they may come when it
    /// is read again.
    missing: BTreeMap<u64, Offset>,
    /// How long lines were missing that came.
    healed: Vec<Duration>,
    /// Whether lines were forgotten that the buffer may still have.
    has_forgotten: bool,
    /// How many lines were offered to the buffer, as far as is known here.
    turns: u64,
    /// Findings not yet taken.
    findings: Vec<Finding>,
    /// Lines that were owed and read.
    delivered: u64,
    /// Changes of others that were owed and read.
    presence_seen: u64,
}

impl Backlog {
    /// Returns the backlog of a stream to which nothing was written yet. A line is given up `settle` after one behind it was read.
    pub fn new(policy: BufferPolicy, settle: Duration) -> Self {
        Self {
            policy,
            settle,
            keeping: Keeping::at_first(policy.starts),
            again_from: Offset::NEVER,
            torn_at: Offset::ALWAYS,
            oldest: 0,
            written: VecDeque::new(),
            sessions: BTreeMap::new(),
            read_end: 0,
            roomy_from: 0,
            attached_until: Offset::ALWAYS,
            ghost_until: Offset::ALWAYS,
            missing: BTreeMap::new(),
            healed: Vec::new(),
            has_forgotten: false,
            turns: 0,
            findings: Vec::new(),
            delivered: 0,
            presence_seen: 0,
        }
    }

    /// Takes what was found since the last call.
    pub fn take_findings(&mut self) -> std::vec::Drain<'_, Finding> {
        self.findings.drain(..)
    }

    /// Takes how many owed lines were read since the last call: messages, and changes of others.
    pub fn take_delivered(&mut self) -> (u64, u64) {
        (
            std::mem::take(&mut self.delivered),
            std::mem::take(&mut self.presence_seen),
        )
    }

    /// Takes for how long each line was missing that came since the last call when the backlog was read again.
    pub fn take_healed(&mut self) -> std::vec::Drain<'_, Duration> {
        self.healed.drain(..)
    }

    /// Returns whether nothing is awaited but what comes with the next session.
    pub fn is_settled(&self) -> bool {
        let mut sessions = self.sessions.values();
        sessions.all(|attached| {
            attached.skipped.is_empty() && attached.next.max(attached.begun) >= self.end()
        })
    }

    fn end(&self) -> u64 {
        self.oldest + self.written.len() as u64
    }

    /// Notes that the network wrote a line to the bouncer. `turn` is its place among all lines that share its buffer.
    pub fn handle_written(&mut self, line: LineId, kind: LineKind, at: Offset, turn: u64) {
        let number = self.end();
        self.turns = self.turns.max(turn + u64::from(self.policy.keeps(kind)));
        // Who said a line knows it.
        let fate = match kind {
            LineKind::Own(_) => Fate::Done,
            LineKind::Message | LineKind::Notice | LineKind::Presence => Fate::Unread,
        };
        self.written.push_back(Written {
            line,
            kind,
            at,
            stamped: at,
            turn,
            fate,
            is_doubtful: false,
            replayed: Offset::ALWAYS,
        });
        if self.keeping == Keeping::FromNext && self.policy.keeps(kind) {
            self.keeping = Keeping::Begun;
        }
        if self.sessions.is_empty() {
            if self.is_kept(kind) {
                self.overflow(turn + 1);
                let is_for_ghost = at < self.ghost_until;
                if let Some(written) = self.written_mut(number).filter(|_| is_for_ghost) {
                    written.fate = Fate::UnderWay;
                }
            } else if let Some(written) = self.written_mut(number) {
                written.fate = Fate::Excused;
            }
        }
        self.forget(at);
    }

    /// Notes that the line written last bears a time of the network's own, which a bouncer may hand on in place of that of its reading.
    pub fn handle_stamp(&mut self, stamped: Option<Offset>) {
        if let (Some(written), Some(stamped)) = (self.written.back_mut(), stamped) {
            written.stamped = written.at.min(stamped);
        }
    }

    /// Notes that a client is known to be attached: what was written before may have been played back to it or not; what is written
    /// from now on is live. `turn` is how many lines the buffer has been offered.
    pub fn handle_attached(&mut self, session: SessionId, turn: u64, at: Offset) {
        let attached = Attached {
            begun: self.end(),
            begun_turn: turn,
            at,
            floor: self.read_end,
            first: None,
            next: 0,
            receipt_at: Offset::NEVER,
            replayed: 0,
            skipped: BTreeMap::new(),
            given_up: BTreeSet::new(),
        };
        self.sessions.insert(session, attached);
    }

    /// Says whether a session is attached here.
    pub fn is_attached(&self, session: SessionId) -> bool {
        self.sessions.contains_key(&session)
    }

    /// Notes that a client read a line. Lines of sessions that are not known are nobody's.
    pub fn handle_read(&mut self, session: SessionId, read: Read) -> Recognised {
        let Some(number) = self.find(session, read.line) else {
            let is_forgotten = self.has_forgotten && read.is_replayed;
            return if is_forgotten {
                Recognised::Forgotten
            } else {
                Recognised::Unknown
            };
        };
        let (due, policy) = (read.at + self.settle, self.policy);
        let gap = self.gap(session, number);
        let has_receipt = self
            .written(number)
            .is_some_and(|written| policy.keeps(written.kind));
        let Some(attached) = self.sessions.get_mut(&session) else {
            return Recognised::Unknown;
        };
        // A bouncer that marks nothing plays back what was written before its client came.
        let is_replayed = read.is_replayed || !policy.marks_replay && number < attached.begun;
        let is_again = attached.first.is_some() && number < attached.next;
        let is_late = is_again && attached.skipped.remove(&number).is_some();
        if is_again && !is_late {
            self.note_again(number, is_replayed);
            return self.recognised(number, false);
        }
        if !is_again {
            attached
                .skipped
                .extend(gap.into_iter().map(|skipped| (skipped, due)));
            attached.first.get_or_insert(number);
            attached.next = number + 1;
        }
        if has_receipt && !is_replayed {
            attached.receipt_at = attached.receipt_at.min(read.at);
        }
        attached.replayed += u32::from(is_replayed);
        let (attached_at, floor) = (attached.at, attached.floor);
        let is_live = !is_replayed;
        if is_late {
            let breach = if is_replayed {
                Breach::BacklogMisordered
            } else {
                Breach::Reordered
            };
            self.note(number, breach, "read after a line that was written later");
        }
        let before = Before {
            attached_at,
            floor,
            is_misordered: is_late,
        };
        self.note_read(number, read, is_replayed, before);
        self.recognised(number, is_live)
    }

    /// Counts a line that the session had read before.
    fn note_again(&mut self, number: u64, is_replayed: bool) {
        let breach = if is_replayed {
            Breach::BacklogDuplicated
        } else {
            Breach::Duplicated
        };
        self.note(number, breach, "read twice by one session");
    }

    fn recognised(&self, number: u64, is_live: bool) -> Recognised {
        let at = self
            .written(number)
            .map_or(Offset::ALWAYS, |written| written.at);
        Recognised::Written { at, is_live }
    }

    fn note_read(&mut self, number: u64, read: Read, is_replayed: bool, before: Before) {
        let (forgets, again_from) = (self.policy.forgets, self.again_from);
        let Some(written) = self.written_mut(number) else {
            return;
        };
        let (at, stamped, kind) = (written.at, written.stamped, written.kind);
        if is_replayed {
            written.replayed = written.replayed.max(read.at);
        }
        let is_own = matches!(kind, LineKind::Own(_));
        let fate = std::mem::replace(&mut written.fate, Fate::Done);
        let is_told_again = is_replayed && fate == Fate::Done && !is_own;
        // What was under way as the client attached is live, though a client without batches can't tell.
        let is_second = is_told_again
            && forgets == Forgets::OnAttach
            && at < again_from
            && at + UNDER_WAY_MAX < before.attached_at;
        // An earlier session read what was written later, and nothing is told again: that one should have had this as well.
        let is_stale = fate == Fate::Unread && number < before.floor && !before.is_misordered;
        let is_stale = is_stale && forgets == Forgets::OnAttach;
        let missing = if is_replayed {
            self.missing.remove(&number)
        } else {
            None
        };
        if let Some(since) = missing {
            self.note_healed(number, since, read.at);
            self.delivered += 1;
        } else if is_second {
            let why = "played back after a client had read it";
            self.note(number, Breach::BacklogDuplicated, why);
        } else if is_stale {
            let why = "played back after an earlier session had read what was written later";
            self.note(number, Breach::BacklogMisordered, why);
        } else if kind == LineKind::Presence {
            self.presence_seen += 1;
        } else {
            self.delivered += 1;
        }
        let is_wrong = |stamp: Offset| stamp.since(at).max(stamped.since(stamp)) > STAMP_SLACK;
        if is_replayed && read.stamp.is_some_and(is_wrong) {
            let why = "its stamp is over a second from the time at which the network wrote it";
            self.note(number, Breach::BacklogWrongTime, why);
        }
        self.read_end = self.read_end.max(number + 1);
    }

    /// Gives up what was skipped and has not come by `now`.
    pub fn settle(&mut self, now: Offset) {
        let sessions: Vec<SessionId> = self.sessions.keys().copied().collect();
        for session in sessions {
            let Some(attached) = self.sessions.get_mut(&session) else {
                continue;
            };
            if attached.skipped.values().all(|&due| due > now) {
                continue;
            }
            let (begun, at) = (attached.begun, attached.at);
            let skipped = std::mem::take(&mut attached.skipped);
            let (due, open) = skipped.into_iter().partition(|&(_, due)| due <= now);
            let due: BTreeMap<u64, Offset> = due;
            attached.skipped = open;
            attached.given_up.extend(due.keys());
            for number in due.into_keys() {
                self.miss(number, (session, at), begun);
            }
        }
    }

    /// Notes that the network's connection to the bouncer was torn off at `now`: what was under way on it is lost by nobody's fault.
    pub fn handle_upstream_lost(&mut self, now: Offset) {
        for written in self.written.iter_mut().rev() {
            if written.at + UNDER_WAY_MAX <= now {
                return;
            }
            written.is_doubtful |= written.fate != Fate::Done;
            if written.fate == Fate::Unread {
                written.fate = Fate::UnderWay;
            }
        }
    }

    /// Says whether a line that is remembered says `line`.
    pub fn has(&self, line: LineId) -> bool {
        self.written.iter().any(|written| written.line == line)
    }

    /// Notes that whatever nobody has read may have gone to a client who could not read it.
    pub fn doubt(&mut self) {
        for written in &mut self.written {
            if written.fate == Fate::Unread {
                written.fate = Fate::UnderWay;
            }
        }
    }

    /// Excuses the latest line that says `line`: it got lost on its way to the bouncer.
    pub fn excuse(&mut self, line: LineId) {
        let mut written = self.written.iter_mut().rev();
        if let Some(written) = written.find(|written| written.line == line) {
            written.fate = Fate::Excused;
        }
    }

    fn written(&self, number: u64) -> Option<&Written> {
        let place = usize::try_from(number.checked_sub(self.oldest)?).ok()?;
        self.written.get(place)
    }

    fn written_mut(&mut self, number: u64) -> Option<&mut Written> {
        let place = usize::try_from(number.checked_sub(self.oldest)?).ok()?;
        self.written.get_mut(place)
    }
}
