//! The delivery ledger of one shard: what was planned, what was sent, what each of its users saw, and the judgement.
//!
//! A delivery is one message at one connection. It is required, optional or forbidden by proof of order, never by elapsed
//! time; `judge.rs` has the rule. What another shard must know crosses as [`facts::Facts`].

pub mod arrival;
mod changes;
pub mod counts;
mod ends;
pub mod facts;
mod identify;
pub mod judge;
mod membership;
pub mod partition;
mod pending;
pub mod presence;
mod record;

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::measure::around::Around;
use crate::measure::exemplar::Exemplars;
use crate::measure::ledger::counts::LedgerCounts;
use crate::measure::ledger::ends::Ends;
use crate::measure::ledger::facts::Facts;
use crate::measure::ledger::judge::Missing;
use crate::measure::ledger::membership::Members;
use crate::measure::ledger::partition::Partition;
use crate::measure::ledger::presence::PresenceBook;
use crate::measure::ledger::record::Book;
use crate::measure::loss::LossLog;
use crate::measure::probe::Prober;
use crate::measure::reason::NotSent;
use crate::measure::said::Said;
use crate::units::id::ChannelId;
use crate::units::id::ServerId;
use crate::units::id::Sharding;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// Most deliveries remembered as unseen after their judgement, so that a late arrival is told from a second one. Each is remembered
/// for as long as its message, so that only messages lost a few at a time in very many rows come near. Beyond it late arrivals
/// count as duplicates.
const MISSING_COUNT_MAX: usize = 1_000_000;

/// Private messages to one user among which forgotten ones are looked for, wherever they stand.
const PRIVATE_WALKED_MIN: usize = 64;

/// A message as planned, before anything happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedMessage {
    /// Who sends it.
    pub sender: UserId,
    /// The one user it goes to; `None` for the whole channel.
    pub to: Option<UserId>,
    /// Length of its text in bytes.
    pub bytes: u16,
    /// When it is meant to be sent.
    pub intended: Offset,
}

/// A message by its place in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageKey {
    /// The channel in whose stream it is planned.
    pub channel: ChannelId,
    /// Its index in that stream.
    pub index: u32,
}

/// What every shard of a run knows alike.
#[derive(Clone, Debug)]
pub struct LedgerConfig {
    /// Which users are this shard's.
    pub sharding: Sharding,
    /// Number of users in all.
    pub user_count: u32,
    /// Number of channels in all.
    pub channel_count: u32,
    /// The server on which each user sits.
    pub sides: Arc<[ServerId]>,
    /// How long after its acceptance an unseen delivery is judged.
    pub settle: Duration,
    /// The run's prober.
    pub prober: Prober,
    /// The time around mass events, of which it is told when deliveries were lost.
    pub around: Around,
}

/// The delivery and presence ledger of one shard.
#[derive(Debug)]
pub struct Ledger {
    config: LedgerConfig,
    books: Vec<Book>,
    /// Index of each channel's book; `NO_BOOK` for channels with none of this shard's users.
    book_of: Vec<u32>,
    members: Members,
    presence: PresenceBook,
    partition: Partition,
    ends: Ends,
    /// Arrivals more than 64 messages ahead of the oldest open one, by row and index.
    spill: HashSet<(u32, u32)>,
    missing: HashMap<(u32, u32), Missing>,
    private_seen: HashMap<MessageKey, Offset>,
    outgoing: Facts,
    counts: LedgerCounts,
    exemplars: Exemplars,
    losses: LossLog,
}

const NO_BOOK: u32 = u32::MAX;

impl Ledger {
    /// Returns an empty ledger that keeps a book of each of `channels`.
    pub fn new(config: LedgerConfig, channels: &[ChannelId]) -> Self {
        let mut book_of = vec![NO_BOOK; config.channel_count as usize];
        let mut books = Vec::with_capacity(channels.len());
        for &channel in channels {
            book_of[channel.index()] = u32::try_from(books.len()).unwrap_or(NO_BOOK);
            books.push(Book::new(channel));
        }
        let ends = Ends::new(config.user_count);
        let losses = LossLog::new(config.around.clone());
        let members = Members::new(config.sharding.local_count(config.user_count));
        Self {
            config,
            books,
            book_of,
            members,
            presence: PresenceBook::default(),
            partition: Partition::default(),
            ends,
            spill: HashSet::new(),
            missing: HashMap::new(),
            private_seen: HashMap::new(),
            outgoing: Facts::default(),
            counts: LedgerCounts::default(),
            exemplars: Exemplars::default(),
            losses,
        }
    }

    /// Returns the counts so far.
    pub fn counts(&self) -> &LedgerCounts {
        &self.counts
    }

    /// Returns the evidence kept so far.
    pub fn exemplars(&self) -> &Exemplars {
        &self.exemplars
    }

    /// Returns when deliveries were required and lost.
    pub fn losses(&self) -> &LossLog {
        &self.losses
    }

    /// Returns the number of messages and presence changes that are not judged yet.
    pub fn open_count(&self) -> usize {
        self.books.iter().map(Book::open_count).sum::<usize>() + self.presence.open_count()
    }

    /// Returns whether the other shards have been told everything so far.
    pub fn has_told_all(&self) -> bool {
        self.outgoing.is_empty() && self.outgoing.fresh.is_empty()
    }

    fn book(&self, channel: ChannelId) -> Option<usize> {
        match self.book_of.get(channel.index()) {
            None | Some(&NO_BOOK) => None,
            Some(&book) => Some(book as usize),
        }
    }

    /// Enters the next message of a channel's stream. The plan's messages come in the order of their index, from zero.
    ///
    /// # Panics
    ///
    /// Panics if the index is not the channel's next: the plan would not be the same for every shard.
    pub fn handle_planned(&mut self, key: MessageKey, message: PlannedMessage) {
        if self.config.sharding.drives(message.sender) {
            self.counts.planned += 1;
        }
        let Some(book) = self.book(key.channel) else {
            return;
        };
        self.books[book].plan(key.index, message);
        if let Some(local) = message.to.and_then(|to| self.config.sharding.local(to)) {
            let private = &mut self.members.users[local].private;
            private.push_back(key);
            // What its book has forgotten can't be recognised any more. A message of a quiet channel is remembered for days, and
            // those of others wait behind it no longer than they are few.
            let (book_of, books) = (&self.book_of, &self.books);
            let is_forgotten = |key: &MessageKey| {
                let book = book_of.get(key.channel.index()).copied();
                let book = book.and_then(|book| books.get(book as usize));
                book.is_none_or(|book| book.oldest() > key.index)
            };
            while private.front().is_some_and(is_forgotten) {
                private.pop_front();
            }
            if private.len() > PRIVATE_WALKED_MIN {
                private.retain(|key| !is_forgotten(key));
            }
        }
    }

    /// Puts off every message that is intended later than `after`: the run was held. Every shard is told the same.
    pub fn delay(&mut self, after: Offset, by: Duration) {
        for book in &mut self.books {
            book.delay(after, by);
        }
    }

    /// Notes that a channel's turn to speak found nobody present.
    pub fn handle_unspoken(&mut self) {
        self.counts.unspoken += 1;
    }

    /// Returns whether one of this shard's users has joined the channel, as far as it knows, and not asked to leave.
    pub fn is_joined(&self, user: UserId, channel: ChannelId) -> bool {
        self.stay(user, channel)
            .is_some_and(|stay| stay.joined != Offset::NEVER && stay.leave_sent == Offset::NEVER)
    }

    /// Returns whether one of this shard's users has joined the channel or asked to, and not asked to leave.
    pub fn is_member(&self, user: UserId, channel: ChannelId) -> bool {
        self.stay(user, channel)
            .is_some_and(|stay| stay.leave_sent == Offset::NEVER)
    }

    /// Returns whether one of this shard's users has asked to leave the channel and has not read that it left.
    pub fn is_leaving(&self, user: UserId, channel: ChannelId) -> bool {
        self.stay(user, channel)
            .is_some_and(|stay| stay.leave_sent != Offset::NEVER)
    }

    fn stay(&self, user: UserId, channel: ChannelId) -> Option<membership::Stay> {
        let local = self.config.sharding.local(user)?;
        let row = self.members.row(local, channel)?;
        Some(self.members.rows[row as usize].stay)
    }

    /// Notes that this shard's pacer handed the message to its connection.
    pub fn handle_attempted(&mut self, key: MessageKey, now: Offset) {
        if let Some(record) = self.record_mut(key) {
            record.attempt = now;
        }
    }

    /// Notes that the kernel took the last byte of this shard's message, and returns what was said if it went to a channel.
    pub fn handle_accepted(&mut self, key: MessageKey, now: Offset) -> Option<Said> {
        self.counts.sent += 1;
        let record = self.record_mut(key)?;
        record.accepted = now;
        let (planned, attempt) = (record.planned, record.attempt);
        self.outgoing.sent.push(facts::SentFact {
            key,
            attempt,
            accepted: now,
        });
        planned.to.is_none().then_some(Said {
            channel: key.channel,
            sender: planned.sender,
            bytes: planned.bytes,
            at: attempt,
        })
    }

    /// Returns whether the network is split, as far as is known.
    pub fn is_split(&self) -> bool {
        self.partition.is_split()
    }

    /// Notes a proof that the server had processed this shard's message by `now`.
    pub fn handle_proved(&mut self, key: MessageKey, now: Offset) {
        let is_told = self.config.sharding.count() > 1;
        let Some(record) = self.record_mut(key) else {
            return;
        };
        if now < record.first_seen {
            let is_first = record.first_seen == Offset::NEVER;
            record.first_seen = now;
            if is_told && is_first {
                self.outgoing.fresh.push(key);
            }
        }
    }

    /// Notes that this shard's message was not sent, and why.
    pub fn handle_hole(&mut self, key: MessageKey, reason: NotSent) {
        self.counts.not_sent.add(reason);
        self.outgoing.holes.push(key);
        if let Some(record) = self.record_mut(key) {
            record.is_hole = true;
        }
    }

    /// Notes that the target refused this shard's message: nobody can be expected to see it.
    pub fn handle_refused(&mut self, key: MessageKey) {
        self.outgoing.holes.push(key);
        if let Some(record) = self.record_mut(key) {
            record.is_hole = true;
        }
    }

    fn record_mut(&mut self, key: MessageKey) -> Option<&mut record::Record> {
        let book = self.book(key.channel)?;
        self.books[book].get_mut(key.index)
    }

    /// Takes what has to be told to the other shards since the last call.
    pub fn take_facts(&mut self) -> Facts {
        for key in std::mem::take(&mut self.outgoing.fresh) {
            if let Some(record) = self.record_mut(key) {
                let seen = facts::SeenFact {
                    key,
                    first_seen: record.first_seen,
                };
                self.outgoing.seen.push(seen);
            }
        }
        std::mem::take(&mut self.outgoing)
    }

    /// Enters what another shard told.
    pub fn handle_facts(&mut self, facts: &Facts) {
        for fact in &facts.sent {
            if let Some(record) = self.record_mut(fact.key) {
                record.attempt = fact.attempt;
                record.accepted = fact.accepted;
            }
        }
        for &key in &facts.holes {
            if let Some(record) = self.record_mut(key) {
                record.is_hole = true;
            }
        }
        for fact in &facts.seen {
            if let Some(record) = self.record_mut(fact.key) {
                record.first_seen = record.first_seen.min(fact.first_seen);
            }
        }
        for fact in &facts.ends {
            self.ends.enter(fact.user, fact.at);
        }
        for fact in &facts.presence {
            self.presence.enter(fact.clone());
        }
    }
}
