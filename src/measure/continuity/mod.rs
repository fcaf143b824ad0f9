//! Continuity of a bouncer run: every line that our networks wrote to a user's connection, against every line that its clients read.
//!
//! Both ends are ours, and one clock stamps both, so nothing has to be inferred: what is owed is what was written. The two sides tell
//! what they did as [`Told`], and the judge takes it in the order of time. One user's place on one network is a *seat*.

pub mod backlog;
pub mod healed;
pub mod line;
pub mod policy;
pub mod seat;
pub mod told;

use std::collections::HashMap;
use std::collections::VecDeque;
use std::time::Duration;

use crate::measure::continuity::backlog::SessionId;
use crate::measure::continuity::healed::Healed;
use crate::measure::continuity::line::LineId;
use crate::measure::continuity::policy::BufferPolicy;
use crate::measure::continuity::seat::Context;
use crate::measure::continuity::seat::Seat;
use crate::measure::continuity::seat::Stranger;
use crate::measure::continuity::told::Deed;
use crate::measure::continuity::told::Said;
use crate::measure::continuity::told::Told;
use crate::measure::exemplar::Exemplar;
use crate::measure::exemplar::Exemplars;
use crate::measure::interval::Interval;
use crate::measure::ledger::MessageKey;
use crate::measure::ledger::counts::Breach;
use crate::measure::ledger::counts::LedgerCounts;
use crate::units::id::ChannelId;
use crate::units::id::SeatId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// Lines remembered, to know one that turns up at somebody else's: those of five minutes at 3,000 a second, 100 MB.
const REMEMBERED_MAX: usize = 1_000_000;

/// A line of one user in another's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leak {
    /// Whose session it came in.
    pub receiver: UserId,
    /// The channel that it bore, if it bore one of ours.
    pub channel: Option<ChannelId>,
    /// When it was read.
    pub at: Offset,
}

/// How often clients were to read all that was kept for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    /// Readings that were to be made.
    pub due: u64,
    /// Those that were.
    pub made: u64,
}

/// What playbacks came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Playbacks {
    /// Sessions to which something was played back.
    pub sessions: u64,
    /// Lines played back.
    pub lines: u64,
    /// From the welcome to the last line of each, summed up.
    pub lasted: Duration,
}

/// The judge of a bouncer run.
#[derive(Debug)]
pub struct Continuity {
    seats: Vec<Seat>,
    /// What clients' sessions are at present.
    sessions: HashMap<UserId, SessionId>,
    session_count: u64,
    /// What is told and lies ahead of what was judged.
    pending: Vec<Told>,
    said: HashMap<LineId, Said>,
    said_order: VecDeque<LineId>,
    counts: LedgerCounts,
    exemplars: Exemplars,
    playbacks: Playbacks,
    healed: Healed,
    readings: Readings,
    leak: Option<Leak>,
}

impl Continuity {
    /// Returns the judge of clients that sit on `seats`, by client; all bouncers of a run keep lines alike.
    pub fn new(seats: &[SeatId], policy: BufferPolicy, settle: Duration) -> Self {
        let count = seats.iter().map(|seat| seat.index() + 1).max().unwrap_or(0);
        let mut rows: Vec<Seat> = (0..count).map(|_| Seat::new(policy, settle)).collect();
        for (client, seat) in (0u32..).map(UserId).zip(seats) {
            if let Some(row) = rows.get_mut(seat.index()) {
                row.add_client(client);
            }
        }
        Self {
            seats: rows,
            sessions: HashMap::new(),
            session_count: 0,
            pending: Vec::new(),
            said: HashMap::new(),
            said_order: VecDeque::new(),
            counts: LedgerCounts::default(),
            exemplars: Exemplars::default(),
            playbacks: Playbacks::default(),
            healed: Healed::default(),
            readings: Readings::default(),
            leak: None,
        }
    }

    /// Returns the counts so far: deliveries, and what is wrong with them.
    pub fn counts(&self) -> &LedgerCounts {
        &self.counts
    }

    /// Returns the evidence kept so far.
    pub fn exemplars(&self) -> &Exemplars {
        &self.exemplars
    }

    /// Returns what playbacks came to so far.
    pub fn playbacks(&self) -> Playbacks {
        self.playbacks
    }

    /// Returns how long lines were missing that came when a backlog was read again.
    pub fn healed(&self) -> &Healed {
        &self.healed
    }

    /// Returns how often clients were to read all that was kept for them, and did.
    pub fn readings(&self) -> Readings {
        self.readings
    }

    /// Returns whether a client has a session, as far as was judged.
    pub fn is_attached(&self, client: UserId) -> bool {
        self.sessions.contains_key(&client)
    }

    /// Returns the first line of one user that was read in another's session.
    pub fn leak(&self) -> Option<Leak> {
        self.leak
    }

    /// Takes what one side did, in any order.
    pub fn tell(&mut self, told: impl IntoIterator<Item = Told>) {
        self.pending.extend(told);
    }

    /// Judges what was told up to `until`; both sides have told everything up to then. Times go to `interval`.
    pub fn judge(&mut self, until: Offset, interval: &mut Interval) {
        // Of one moment, what the network did comes before what a client saw of it.
        self.pending.sort_by_key(|told| (told.at, told.deed.rank()));
        let count = self.pending.partition_point(|told| told.at <= until);
        let due: Vec<Told> = self.pending.drain(..count).collect();
        for told in due {
            self.handle(&told, interval);
        }
        for seat in 0..self.seats.len() {
            let row = &mut self.seats[seat];
            row.settle(until);
            row.count_playbacks(until, &mut self.playbacks, interval);
            self.collect(SeatId(u32::try_from(seat).unwrap_or(u32::MAX)), until);
        }
        self.forget();
    }

    /// Returns whether nothing is awaited any more but what comes with clients' next sessions.
    pub fn is_settled(&self) -> bool {
        self.pending.is_empty() && self.seats.iter().all(Seat::is_settled)
    }

    /// Judges the rest at the end of a run.
    pub fn finish(&mut self, now: Offset, interval: &mut Interval) {
        self.judge(Offset::NEVER, interval);
        for seat in 0..self.seats.len() {
            self.seats[seat].finish(now);
            self.collect(SeatId(u32::try_from(seat).unwrap_or(u32::MAX)), now);
        }
    }

    fn handle(&mut self, told: &Told, interval: &mut Interval) {
        let at = told.at;
        match told.deed {
            Deed::Said(said) => {
                self.said.insert(said.line, said);
                self.said_order.push_back(said.line);
            }
            Deed::ReadingDue => self.readings.due += 1,
            Deed::ReadingMade => self.readings.made += 1,
            Deed::BouncerDown => {
                for seat in &mut self.seats {
                    seat.handle_bouncer_down(at);
                }
            }
            Deed::Attached { client, seat } => {
                let session = SessionId(self.session_count);
                self.session_count += 1;
                self.sessions.insert(client, session);
                if let Some(row) = self.seats.get_mut(seat.index()) {
                    row.handle_attached(session, at);
                }
            }
            Deed::Detached { client, seat, how } => {
                let session = self.sessions.remove(&client);
                if let (Some(row), Some(session)) = (self.seats.get_mut(seat.index()), session) {
                    row.count_playbacks(Offset::NEVER, &mut self.playbacks, interval);
                    row.handle_detached(client, session, how, at);
                }
                self.collect(seat, at);
            }
            Deed::Written { seat, .. }
            | Deed::Received { seat, .. }
            | Deed::UpstreamLost { seat }
            | Deed::Doubt { seat }
            | Deed::Spoke { seat, .. }
            | Deed::Joined { seat, .. }
            | Deed::Refused { seat, .. }
            | Deed::PagesBegun { seat, .. }
            | Deed::Paged { seat, .. }
            | Deed::PagesEnded { seat, .. }
            | Deed::Read { seat, .. } => {
                let Some(row) = self.seats.get_mut(seat.index()) else {
                    return;
                };
                let mut context = Context {
                    sessions: &self.sessions,
                    said: &self.said,
                    interval,
                    at,
                };
                let stranger = row.handle(&told.deed, &mut context);
                if let Some(read) = stranger {
                    self.note_stranger(seat, &read, at);
                }
            }
        }
    }

    /// Names a line that was not written to the seat in whose session it came.
    fn note_stranger(&mut self, seat: SeatId, read: &Stranger, at: Offset) {
        let &Stranger {
            client: receiver,
            channel,
            line,
            is_telling,
        } = read;
        let said = self.said.get(&line).copied();
        let is_own_seats = self
            .seats
            .get(seat.index())
            .is_some_and(|row| row.has(line));
        let (breach, why) = match said {
            _ if is_own_seats => (
                Breach::Misdelivered,
                "the network wrote it to this user, and under another target",
            ),
            Some(_) if is_telling => (
                Breach::Leaked,
                "the network wrote it to other users of the bouncer, and never to this one",
            ),
            Some(_) => (
                Breach::Misdelivered,
                "the network never wrote it to this user; it says too little to tell whose it is",
            ),
            None => (
                Breach::Corrupted,
                "the network wrote no such line to anybody, as far as is remembered",
            ),
        };
        if breach == Breach::Leaked && self.leak.is_none() {
            self.leak = Some(Leak {
                receiver,
                channel,
                at,
            });
        }
        self.counts.add(breach);
        let blank = blank(line);
        let said = said.unwrap_or(blank);
        self.exemplars.offer(breach, at, || Exemplar {
            first_seen: at,
            ..exemplar(&said, receiver, why)
        });
    }

    /// Takes what a seat has found, and counts it.
    fn collect(&mut self, seat: SeatId, at: Offset) {
        let Self {
            seats,
            said,
            counts,
            exemplars,
            healed,
            ..
        } = self;
        let Some(row) = seats.get_mut(seat.index()) else {
            return;
        };
        row.take_healed(healed);
        let receiver = row.first_client();
        let (delivered, presence) = row.collect(|finding| {
            let breach = finding.breach;
            counts.add(breach);
            match breach {
                Breach::Lost | Breach::BacklogMissing => counts.required += 1,
                Breach::PresenceMissed => counts.presence_required += 1,
                _ => {}
            }
            exemplars.offer(breach, at, || {
                let said = said.get(&finding.line).copied();
                let said = said.unwrap_or(Said {
                    accepted: finding.written,
                    ..blank(finding.line)
                });
                exemplar(&said, receiver, finding.why)
            });
        });
        counts.required += delivered;
        counts.delivered += delivered;
        counts.presence_required += presence;
        counts.presence_seen += presence;
    }

    fn forget(&mut self) {
        while self.said_order.len() > REMEMBERED_MAX {
            if let Some(line) = self.said_order.pop_front() {
                self.said.remove(&line);
            }
        }
    }
}

/// Returns a line of which nothing is known but that it is one.
fn blank(line: LineId) -> Said {
    Said {
        line,
        key: MessageKey {
            channel: ChannelId(u32::MAX),
            index: u32::MAX,
        },
        sender: UserId(u32::MAX),
        is_by_client: false,
        bytes: 0,
        intended: Offset::NEVER,
        attempt: Offset::NEVER,
        accepted: Offset::NEVER,
    }
}

fn exemplar(said: &Said, receiver: UserId, why: &str) -> Exemplar {
    Exemplar {
        key: said.key,
        sender: said.sender,
        to: None,
        receiver,
        bytes: said.bytes,
        intended: said.intended,
        attempt: said.attempt,
        accepted: said.accepted,
        first_seen: Offset::NEVER,
        why: why.to_owned(),
        text: Vec::new(),
        wire: Vec::new(),
    }
}
