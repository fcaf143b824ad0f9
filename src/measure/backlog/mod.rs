//! Continuity of a bouncer's backlog: what one user missed of one channel, held against what the network wrote to the bouncer.
//!
//! The network numbers the lines that it writes to a user's connection, channel by channel. What the user's clients read, one session after
//! another, has to be those numbers: played back, then live, each once, in order and without a gap, for as much as the bouncer's buffer
//! holds. Nothing is judged by the time that passed: only by what came before and after it on the same connection.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::time::Duration;

use crate::units::offset::Offset;

/// How far a replayed line's time may be from the one at which the network wrote it. Prefixes tell whole seconds, and a bouncer stamps
/// when it reads.
pub const STAMP_SLACK: Duration = Duration::from_secs(1);

/// For how long what was written to a connection may be under way when that is torn off.
const UNDER_WAY_MAX: Duration = Duration::from_secs(2);
/// Lines remembered beside a buffer's worth: they tell a second copy from a line that was never written.
const REMEMBERED_BESIDE: u64 = 64;

/// Most lines written after one that is still awaited; one more and it is missing.
const AWAITED_MAX: u64 = 65_536;

/// What a bouncer keeps, and for how long. Data of each kind of bouncer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferPolicy {
    /// Most lines kept of a channel; the oldest go first.
    pub lines_max: u32,
    /// When what is kept is forgotten.
    pub forgets: Forgets,
    /// Whether it keeps what its own user said, through whatever client.
    pub keeps_own: bool,
    /// Whether it keeps notices.
    pub keeps_notices: bool,
}

/// When a bouncer forgets lines that it has played back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgets {
    /// When its user's first client attaches: it keeps only what no client saw.
    OnAttach,
    /// Never: whoever attaches is told the last lines again, seen or not.
    Never,
}

/// What a line is, as far as bouncers make a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// Another's message.
    Message,
    /// Another's notice.
    Notice,
    /// The user's own message, said through that session: it is owed to its user's other clients.
    Own(SessionId),
}

/// One session of one client at the bouncer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detached {
    /// By QUIT, and read to its end: nothing was under way any more.
    Fenced,
    /// Torn off: what was under way is lost by nobody's fault.
    Dropped,
}

/// A line of the channel as a client read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Its number.
    pub number: u64,
    /// Whether the bouncer played it back.
    pub is_replayed: bool,
    /// When it was said, by what the bouncer says; `None` where it says nothing.
    pub stamp: Option<Offset>,
}

/// What is wrong with a backlog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flaw {
    /// A line was owed and came in no session.
    Missing,
    /// A line came twice where once was due.
    Duplicated,
    /// A line came after one that was written later.
    Misordered,
    /// A replayed line bears another time than its own.
    WrongTime,
    /// A line was under way when a connection was torn off. Allowed, and counted apart.
    LostInDrop,
}

impl Flaw {
    /// Every flaw, in the order of reports.
    pub const ALL: [Self; 5] = [
        Self::Missing,
        Self::Duplicated,
        Self::Misordered,
        Self::WrongTime,
        Self::LostInDrop,
    ];

    /// Returns the name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "backlog_missing",
            Self::Duplicated => "backlog_duplicated",
            Self::Misordered => "backlog_misordered",
            Self::WrongTime => "backlog_wrong_time",
            Self::LostInDrop => "lost_in_drop",
        }
    }
}

/// Counts of flaws.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlawCounts([u64; Flaw::ALL.len()]);

impl FlawCounts {
    fn add(&mut self, flaw: Flaw) {
        self.0[flaw as usize] += 1;
    }

    /// Returns how many there were of `flaw`.
    pub fn count(&self, flaw: Flaw) -> u64 {
        self.0[flaw as usize]
    }

    /// Adds another channel's.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }
}

/// A line as the network wrote it.
#[derive(Clone, Copy, Debug)]
struct Written {
    kind: LineKind,
    at: Offset,
    fate: Fate,
}

/// What became of a line over all sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Nobody has read it yet.
    Unread,
    /// The same, and it was perhaps under way to a session that was torn off.
    UnderWay,
    /// Nobody has to: the buffer had no room for it.
    Overflowed,
    /// It was read, or is counted as missing.
    Done,
}

/// A session that goes on.
#[derive(Clone, Debug)]
struct Attached {
    /// How many lines had been written when it was known to be attached.
    begun: u64,
    /// The first number that it read.
    first: Option<u64>,
    /// The number after the highest that it read.
    next: u64,
    /// Lines played back to it.
    replayed: u32,
    /// Numbers between those that it read. They come late, or never.
    skipped: BTreeSet<u64>,
}

/// The backlog of one user's channel.
#[derive(Clone, Debug)]
pub struct Backlog {
    policy: BufferPolicy,
    /// The number of `written[0]`.
    oldest: u64,
    written: VecDeque<Written>,
    sessions: BTreeMap<SessionId, Attached>,
    /// The number after the highest that any session read.
    read_end: u64,
    /// Until when somebody was attached.
    attached_until: Offset,
    counts: FlawCounts,
}

impl Backlog {
    /// Returns the backlog of a channel to which nothing was written yet.
    pub fn new(policy: BufferPolicy) -> Self {
        Self {
            policy,
            oldest: 0,
            written: VecDeque::new(),
            sessions: BTreeMap::new(),
            read_end: 0,
            attached_until: Offset::ALWAYS,
            counts: FlawCounts::default(),
        }
    }

    /// Returns what was found wrong so far.
    pub fn counts(&self) -> &FlawCounts {
        &self.counts
    }

    /// Returns the number that the next line will have.
    pub fn end(&self) -> u64 {
        self.oldest + self.written.len() as u64
    }

    /// Notes that the network wrote a line to the bouncer, and returns its number.
    pub fn handle_written(&mut self, kind: LineKind, at: Offset) -> u64 {
        let number = self.end();
        // Who said a line knows it.
        let fate = match kind {
            LineKind::Own(_) => Fate::Done,
            LineKind::Message | LineKind::Notice => Fate::Unread,
        };
        self.written.push_back(Written { kind, at, fate });
        if self.sessions.is_empty() {
            self.overflow(number + 1);
        }
        self.forget();
        number
    }

    /// Notes that a client is known to be attached: it has read that it is in the channel. What was written before may have been
    /// played back to it or not; what is written from now on is live.
    pub fn handle_attached(&mut self, session: SessionId) {
        let attached = Attached {
            begun: self.end(),
            first: None,
            next: 0,
            replayed: 0,
            skipped: BTreeSet::new(),
        };
        self.sessions.insert(session, attached);
    }

    /// Notes that a client read a line. Lines of sessions that are not known are nobody's.
    pub fn handle_read(&mut self, session: SessionId, read: Read) {
        let Some(attached) = self.sessions.get_mut(&session) else {
            return;
        };
        let is_again = attached.first.is_some() && read.number < attached.next;
        if is_again && !attached.skipped.remove(&read.number) {
            self.counts.add(Flaw::Duplicated);
            return;
        }
        if is_again {
            self.counts.add(Flaw::Misordered);
        } else {
            if attached.first.is_some() {
                attached.skipped.extend(attached.next..read.number);
            }
            attached.first.get_or_insert(read.number);
            attached.next = read.number + 1;
        }
        attached.replayed += u32::from(read.is_replayed);
        self.note_read(read, is_again);
    }

    fn note_read(&mut self, read: Read, is_misordered: bool) {
        let (read_end, forgets) = (self.read_end, self.policy.forgets);
        let Some(written) = self.written_mut(read.number) else {
            // Long forgotten: only a bouncer that plays it back again can have sent it.
            if forgets == Forgets::OnAttach {
                self.counts.add(Flaw::Duplicated);
            }
            return;
        };
        let (at, is_own) = (written.at, matches!(written.kind, LineKind::Own(_)));
        let fate = std::mem::replace(&mut written.fate, Fate::Done);
        let is_told_again = read.is_replayed && fate == Fate::Done && !is_own;
        let is_second = is_told_again && forgets == Forgets::OnAttach;
        // An earlier session read what was written later, and nothing is told again: that one should have had this as well.
        let is_stale = fate == Fate::Unread && read.number < read_end && !is_misordered;
        let is_stale = is_stale && forgets == Forgets::OnAttach;
        if is_second {
            self.counts.add(Flaw::Duplicated);
        } else if is_stale {
            self.counts.add(Flaw::Misordered);
        }
        let is_wrong = |stamp: Offset| stamp.since(at).max(at.since(stamp)) > STAMP_SLACK;
        if read.is_replayed && read.stamp.is_some_and(is_wrong) {
            self.counts.add(Flaw::WrongTime);
        }
        self.read_end = self.read_end.max(read.number + 1);
    }

    /// Notes the end of a session at `now`.
    pub fn handle_detached(&mut self, session: SessionId, how: Detached, now: Offset) {
        let Some(attached) = self.sessions.remove(&session) else {
            return;
        };
        self.attached_until = self.attached_until.max(now);
        let first = attached.first.unwrap_or(attached.begun);
        if attached.replayed >= self.policy.lines_max {
            self.overflow_before(first);
        } else if self.policy.forgets == Forgets::Never {
            self.miss_replay(session, attached.begun, first);
        }
        let at_attach = if attached.first.is_some() {
            attached.begun..first
        } else {
            0..0
        };
        for number in at_attach.chain(attached.skipped.iter().copied()) {
            self.miss(number, session, attached.begun);
        }
        if how == Detached::Dropped {
            let from = attached.next.max(self.oldest);
            for number in from..self.end() {
                if let Some(written) = self.written_mut(number)
                    && written.fate == Fate::Unread
                    && written.at + UNDER_WAY_MAX > now
                {
                    written.fate = Fate::UnderWay;
                }
            }
        }
        self.forget();
    }

    /// Judges what is left at the end of a run, which somebody attached has outlasted by `settle` or more.
    pub fn finish(&mut self, now: Offset, settle: Duration) {
        let sessions: Vec<SessionId> = self.sessions.keys().copied().collect();
        for session in sessions {
            self.handle_detached(session, Detached::Fenced, now);
        }
        let (until, policy) = (self.attached_until, self.policy);
        for written in &mut self.written {
            let is_owed = policy.keeps(written.kind) && written.at + settle <= until;
            match std::mem::replace(&mut written.fate, Fate::Done) {
                Fate::Unread if is_owed => self.counts.add(Flaw::Missing),
                Fate::UnderWay => self.counts.add(Flaw::LostInDrop),
                _ => {}
            }
        }
    }

    fn written_mut(&mut self, number: u64) -> Option<&mut Written> {
        let place = usize::try_from(number.checked_sub(self.oldest)?).ok()?;
        self.written.get_mut(place)
    }

    /// Excuses the line that the buffer has no room for once those before `end` are in it.
    fn overflow(&mut self, end: u64) {
        if let Some(number) = end.checked_sub(u64::from(self.policy.lines_max) + 1)
            && let Some(written) = self.written_mut(number)
            && written.fate == Fate::Unread
        {
            written.fate = Fate::Overflowed;
        }
    }

    /// Excuses what lies before a playback that was as long as the buffer.
    fn overflow_before(&mut self, first: u64) {
        for number in self.oldest..first {
            if let Some(written) = self.written_mut(number)
                && written.fate == Fate::Unread
            {
                written.fate = Fate::Overflowed;
            }
        }
    }

    /// Counts what a bouncer that never forgets should have played back before the first line that it did.
    fn miss_replay(&mut self, session: SessionId, begun: u64, first: u64) {
        let kept = u64::from(self.policy.lines_max);
        let due = begun.saturating_sub(kept).max(self.oldest);
        for number in due..first.min(begun) {
            self.miss(number, session, begun);
        }
    }

    /// Counts a line that a session should have read and did not, if it was owed to it.
    fn miss(&mut self, number: u64, session: SessionId, begun: u64) {
        let policy = self.policy;
        let Some(written) = self.written_mut(number) else {
            return;
        };
        // What is not kept may have come before anybody was there.
        let is_kept = number >= begun || policy.keeps(written.kind);
        let is_owed = is_kept && written.kind != LineKind::Own(session);
        match std::mem::replace(&mut written.fate, Fate::Done) {
            Fate::UnderWay => self.counts.add(Flaw::LostInDrop),
            Fate::Unread | Fate::Done if is_owed => self.counts.add(Flaw::Missing),
            Fate::Unread | Fate::Done | Fate::Overflowed => {}
        }
    }

    /// Forgets lines of which nothing more can be learnt: a buffer's worth is remembered, and what nobody read.
    fn forget(&mut self) {
        let kept = u64::from(self.policy.lines_max) + REMEMBERED_BESIDE;
        while let Some(front) = self.written.front() {
            let is_old = self.oldest + kept < self.end();
            let is_open = matches!(front.fate, Fate::Unread | Fate::UnderWay);
            let is_awaited = is_open && self.policy.keeps(front.kind);
            if !is_old || is_awaited && self.oldest + AWAITED_MAX >= self.end() {
                return;
            }
            if is_awaited {
                self.counts.add(Flaw::Missing);
            }
            self.written.pop_front();
            self.oldest += 1;
        }
    }
}

impl BufferPolicy {
    fn keeps(self, kind: LineKind) -> bool {
        match kind {
            LineKind::Message => true,
            LineKind::Notice => self.keeps_notices,
            LineKind::Own(_) => self.keeps_own,
        }
    }
}
