//! What the network saw of each source: connects, sessions, refusals, floods, bans; and when it first saw so many.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::hash::BuildHasherDefault;
use std::time::Duration;

use siphasher::sip::SipHasher13;

use crate::irc::network::Network;
use crate::irc::network::client::ClientId;
use crate::irc::network::refusals::Refusal;
use crate::irc::network::source::Source;
use crate::units::offset::Offset;

/// Sources with a row of their own, the first that came; bouncers have a handful of addresses. The others share a row.
pub const SOURCES_MAX: usize = 1_024;

/// Numbers of sessions or connects for which it is remembered when they were first reached: more than any public network allows. With
/// four lists of them a source takes 32 KiB at most.
pub const NUMBERS_MAX: usize = 1_024;

/// Connects of a source remembered for a minute; of more in a minute the oldest are forgotten, so that no count is higher.
pub const CONNECTS_MAX: usize = 1 << 14;

/// A length of time within which connects are counted, wherever it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Within {
    /// One second.
    Second,
    /// Ten seconds.
    TenSeconds,
    /// A minute.
    Minute,
}

impl Within {
    /// All of them, the shortest first.
    pub const ALL: [Self; 3] = [Self::Second, Self::TenSeconds, Self::Minute];

    /// Returns how long it is.
    pub fn length(self) -> Duration {
        match self {
            Self::Second => Duration::from_secs(1),
            Self::TenSeconds => Duration::from_secs(10),
            Self::Minute => Duration::from_mins(1),
        }
    }
}

/// Counts of what happened to connections of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that were let in and have not ended.
    pub connections: u64,
    /// Connects, refused ones too.
    pub connects: u64,
    /// Registrations that were completed.
    pub registrations: u64,
    /// Registrations that took too long.
    pub registrations_timed_out: u64,
    /// Connects refused for coming too fast.
    pub refused_throttle: u64,
    /// Connects or registrations refused for too many of the address.
    pub refused_clone_limit: u64,
    /// Registrations refused for too many of the user name.
    pub refused_ident_limit: u64,
    /// Connects or registrations refused by a ban.
    pub refused_ban: u64,
    /// Clients closed by a ban.
    pub closed_by_ban: u64,
    /// Lines held back for coming too fast.
    pub lines_held: u64,
    /// Clients closed for lines that came too fast, or for more of them than is held.
    pub closed_by_flood: u64,
    /// Clients closed for reading too slowly.
    pub sendq_exceeded: u64,
    /// Connections that their own end closed or reset, or that the kernel gave up.
    pub closed_by_peer: u64,
}

/// The first ban of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstBan {
    /// When one of its clients first met it.
    pub at: Offset,
    /// For how long it was made; `None` until it is lifted.
    pub lasts: Option<Duration>,
}

/// What was seen of one source.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// The source.
    pub source: Source,
    /// How often what happened.
    pub counts: Counts,
    /// When it was first banned, if it was.
    pub first_ban: Option<FirstBan>,
    sessions: Peak,
    /// Connects of the last minute.
    recent: VecDeque<Offset>,
    /// By [`Within::ALL`].
    windows: [Window; 3],
}

/// The most that there was of something, and when each number was first reached.
#[derive(Clone, Debug, Default)]
struct Peak {
    most: u32,
    /// By number, from one; the first [`NUMBERS_MAX`].
    reached: Vec<Offset>,
}

#[derive(Clone, Debug, Default)]
struct Window {
    peak: Peak,
    /// How many of the recent connects lie before it.
    before: usize,
}

impl Peak {
    /// Takes a number; it grows by one at a time.
    fn note(&mut self, now: Offset, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if count > self.most {
            self.most = count;
            if self.reached.len() < NUMBERS_MAX {
                self.reached.push(now);
            }
        }
    }

    fn over(&self, limit: u32) -> Option<Offset> {
        self.reached.get(usize::try_from(limit).ok()?).copied()
    }
}

impl Sighting {
    fn new(source: Source) -> Self {
        Self {
            source,
            counts: Counts::default(),
            first_ban: None,
            sessions: Peak::default(),
            recent: VecDeque::new(),
            windows: Default::default(),
        }
    }

    /// Returns the most connections at once, of those that were let in.
    pub fn connections_max(&self) -> u32 {
        self.sessions.most
    }

    /// Returns the most connects within so long, refused ones too; [`CONNECTS_MAX`] stands for more.
    pub fn connects_max(&self, within: Within) -> u32 {
        self.windows[within as usize].peak.most
    }

    /// Returns when there first were more connections at once than `limit`, if there were and `limit` is below [`NUMBERS_MAX`].
    pub fn connections_over(&self, limit: u32) -> Option<Offset> {
        self.sessions.over(limit)
    }

    /// Returns when there first were more connects within so long than `limit`, if there were and `limit` is below [`NUMBERS_MAX`].
    pub fn connects_over(&self, limit: u32, within: Within) -> Option<Offset> {
        self.windows[within as usize].peak.over(limit)
    }

    fn note_connect(&mut self, now: Offset) {
        if self.recent.len() >= CONNECTS_MAX {
            self.recent.pop_front();
            for window in &mut self.windows {
                window.before = window.before.saturating_sub(1);
            }
        }
        self.recent.push_back(now);
        for (window, within) in self.windows.iter_mut().zip(Within::ALL) {
            let is_before = |&at: &Offset| now.since(at) >= within.length();
            while self.recent.get(window.before).is_some_and(is_before) {
                window.before += 1;
            }
            let count = self.recent.len() - window.before;
            window.peak.note(now, count);
        }
        // What lies before the longest lies before all.
        let past = self.windows[Within::Minute as usize].before;
        self.recent.drain(..past);
        for window in &mut self.windows {
            window.before -= past;
        }
    }
}

/// What the network saw of all sources.
#[derive(Clone, Debug, Default)]
pub struct Saw {
    rows: Vec<Sighting>,
    places: HashMap<Source, SightingIx, BuildHasherDefault<SipHasher13>>,
    rest: Counts,
}

/// The row of a source; the shared one where there is no such row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SightingIx(u32);

impl SightingIx {
    const REST: Self = Self(u32::MAX);
}

impl Saw {
    /// Returns what was seen of each source, the first that came first.
    pub fn sources(&self) -> &[Sighting] {
        &self.rows
    }

    /// Returns the rows, the one with the most connects first.
    pub fn busiest(&self) -> Vec<&Sighting> {
        let mut rows: Vec<&Sighting> = self.sources().iter().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.counts.connects));
        rows
    }

    /// Returns what was seen of all sources that came after the first [`SOURCES_MAX`].
    pub fn rest(&self) -> &Counts {
        &self.rest
    }

    /// Returns the counts of all sources together.
    pub fn total(&self) -> Counts {
        let rows = self.rows.iter().map(|row| row.counts);
        rows.fold(self.rest, Counts::with)
    }

    fn place_of(&mut self, source: &Source) -> SightingIx {
        if let Some(&ix) = self.places.get(source) {
            return ix;
        }
        if self.rows.len() >= SOURCES_MAX {
            return SightingIx::REST;
        }
        let ix = SightingIx(u32::try_from(self.rows.len()).unwrap_or(u32::MAX));
        self.rows.push(Sighting::new(source.clone()));
        self.places.insert(source.clone(), ix);
        ix
    }

    fn row_mut(&mut self, ix: SightingIx) -> Option<&mut Sighting> {
        self.rows.get_mut(usize::try_from(ix.0).ok()?)
    }

    pub(super) fn counts_mut(&mut self, ix: SightingIx) -> &mut Counts {
        match self.rows.get_mut(ix.0 as usize) {
            Some(row) => &mut row.counts,
            None => &mut self.rest,
        }
    }

    /// Counts a connect.
    pub(super) fn note_connect(&mut self, now: Offset, source: &Source) -> SightingIx {
        let ix = self.place_of(source);
        self.counts_mut(ix).connects += 1;
        if let Some(row) = self.row_mut(ix) {
            row.note_connect(now);
        }
        ix
    }

    /// Counts a connection that was let in.
    pub(super) fn note_entry(&mut self, now: Offset, ix: SightingIx) {
        self.counts_mut(ix).connections += 1;
        if let Some(row) = self.row_mut(ix) {
            let count = usize::try_from(row.counts.connections).unwrap_or(usize::MAX);
            row.sessions.note(now, count);
        }
    }

    pub(super) fn note_refusal(&mut self, ix: SightingIx, refusal: Refusal) {
        let counts = self.counts_mut(ix);
        match refusal {
            Refusal::TooFast => counts.refused_throttle += 1,
            Refusal::TooManyClients | Refusal::TooManyUsers => counts.refused_clone_limit += 1,
            Refusal::TooManyOfIdent => counts.refused_ident_limit += 1,
            Refusal::Banned | Refusal::BannedNow => counts.refused_ban += 1,
        }
    }

    pub(super) fn note_ban(&mut self, now: Offset, ix: SightingIx, until: Option<Offset>) {
        if let Some(row) = self.row_mut(ix) {
            row.first_ban.get_or_insert(FirstBan {
                at: now,
                lasts: until.map(|until| until.since(now)),
            });
        }
    }

    /// Counts nobody as connected any more: everybody's connection has ended at once.
    fn end_all(&mut self) {
        self.rest.connections = 0;
        for row in &mut self.rows {
            row.counts.connections = 0;
        }
    }
}

impl Counts {
    #[must_use]
    fn with(self, other: Self) -> Self {
        Self {
            connections: self.connections + other.connections,
            connects: self.connects + other.connects,
            registrations: self.registrations + other.registrations,
            registrations_timed_out: self.registrations_timed_out + other.registrations_timed_out,
            refused_throttle: self.refused_throttle + other.refused_throttle,
            refused_clone_limit: self.refused_clone_limit + other.refused_clone_limit,
            refused_ident_limit: self.refused_ident_limit + other.refused_ident_limit,
            refused_ban: self.refused_ban + other.refused_ban,
            closed_by_ban: self.closed_by_ban + other.closed_by_ban,
            lines_held: self.lines_held + other.lines_held,
            closed_by_flood: self.closed_by_flood + other.closed_by_flood,
            sendq_exceeded: self.sendq_exceeded + other.sendq_exceeded,
            closed_by_peer: self.closed_by_peer + other.closed_by_peer,
        }
    }
}

impl Network {
    /// Returns what the network saw of those who connected to it.
    pub fn saw(&self) -> &Saw {
        &self.saw
    }

    /// Keeps what a network saw, and its bans, when it is started again: they outlive its memory as notes of its operators.
    pub fn keep_sightings_of(&mut self, old: &mut Self) {
        self.saw = std::mem::take(&mut old.saw);
        self.saw.end_all();
        self.bans = std::mem::take(&mut old.bans);
    }

    /// Counts something that happened to a client with a connection.
    pub(super) fn note(&mut self, id: ClientId, count: impl FnOnce(&mut Counts)) {
        if let Some(ix) = self.ports.port(id).sighting() {
            count(self.saw.counts_mut(ix));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::*;

    fn source(number: usize) -> Source {
        Source::Name(number.to_string().into_bytes().into())
    }

    #[test]
    fn sources_beyond_the_most_share_a_row() {
        let mut saw = Saw::default();
        for number in 0..SOURCES_MAX + 2 {
            saw.note_connect(Offset::ZERO, &source(number));
        }
        saw.note_connect(Offset::ZERO, &source(0));
        assert_eq!(saw.sources().len(), SOURCES_MAX);
        assert_eq!(saw.sources()[0].counts.connects, 2);
        assert_eq!(saw.rest().connects, 2);
        assert_eq!(saw.total().connects, SOURCES_MAX as u64 + 3);
    }

    #[test]
    fn more_connects_in_a_minute_than_are_remembered_are_as_many_as_are() {
        let mut saw = Saw::default();
        for millis in 0..2 * CONNECTS_MAX {
            let now = Offset::from_millis(i64::try_from(millis).unwrap());
            saw.note_connect(now, &source(0));
        }
        let row = &saw.sources()[0];
        assert_eq!(row.connects_max(Within::Second), 1_000);
        assert_eq!(row.connects_max(Within::TenSeconds), 10_000);
        assert_eq!(row.connects_max(Within::Minute) as usize, CONNECTS_MAX);
        assert_eq!(row.recent.len(), CONNECTS_MAX);
        let first = row.connects_over(500, Within::Second);
        assert_eq!(first, Some(Offset::from_millis(500)));
        assert_eq!(row.connects_over(1_024, Within::TenSeconds), None);
    }

    /// The twin: every connect begins a window of its own.
    fn naive(times: &[i64], within: Within) -> (usize, Vec<i64>) {
        let length = i64::try_from(within.length().as_millis()).unwrap();
        let (mut most, mut reached) = (0, Vec::new());
        for (place, &now) in times.iter().enumerate() {
            let count = times[..=place]
                .iter()
                .filter(|&&at| now - at < length)
                .count();
            if count > most {
                most = count;
                reached.push(now);
            }
        }
        (most, reached)
    }

    proptest! {
        #[test]
        fn the_most_within_any_window_is_what_its_definition_says(gaps in vec(0_i64..4_000, 0..120)) {
            let mut saw = Saw::default();
            let mut times = Vec::new();
            let mut now = 0;
            for gap in gaps {
                now += gap;
                times.push(now);
                saw.note_connect(Offset::from_millis(now), &source(0));
            }
            for within in Within::ALL {
                let (most, reached) = naive(&times, within);
                let row = saw.sources().first();
                prop_assert_eq!(row.map_or(0, |row| row.connects_max(within)) as usize, most);
                for (limit, at) in (0_u32..).zip(reached) {
                    prop_assert_eq!(row.and_then(|row| row.connects_over(limit, within)), Some(Offset::from_millis(at)));
                }
            }
        }
    }
}
