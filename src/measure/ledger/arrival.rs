//! Arrivals: which message a received text is, and what is wrong with it at once.

use std::time::Duration;

use crate::measure::exemplar::Exemplar;
use crate::measure::ledger::Ledger;
use crate::measure::ledger::MessageKey;
use crate::measure::ledger::PlannedMessage;
use crate::measure::ledger::counts::Breach;
use crate::measure::ledger::judge::Missing;
use crate::measure::ledger::record::Record;
use crate::measure::probe::ProbeHeader;
use crate::measure::probe::ProbeId;
use crate::measure::probe::Prober;
use crate::units::id::ChannelId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// Under which target a message arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrivalTarget {
    /// A channel of the run.
    Channel(ChannelId),
    /// The receiver itself.
    Receiver,
}

/// A message as one of the shard's users received it.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Who received it.
    pub receiver: UserId,
    /// Whose name it bears; `None` for a name that is none of ours.
    pub from: Option<UserId>,
    /// Under which target.
    pub target: ArrivalTarget,
    /// Its text, without the wrapping of an ACTION.
    pub text: &'a [u8],
    /// When: the kernel's receive stamp where there is one.
    pub at: Offset,
}

/// What an arrival was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// A message of the plan, for the first time.
    First {
        /// Which.
        key: MessageKey,
        /// Whether it went to this user alone.
        is_private: bool,
        /// Whether it is the sender's own echo.
        is_echo: bool,
        /// From its intended time.
        response: Duration,
        /// From its attempt, where that is known.
        service: Option<Duration>,
        /// Since when it is seen: now, or when another receiver of this shard's read it.
        first_seen: Offset,
    },
    /// A breach; no latency is taken from it.
    Breach(Breach),
    /// A stranger's message: not ours to judge.
    Foreign,
}

/// Why what is remembered no longer counts as late.
const FORGOTTEN: &str = "judged so long ago that it was forgotten";

impl Ledger {
    /// Enters a message that one of this shard's users received.
    pub fn handle_arrival(&mut self, arrival: &Arrival<'_>) -> Arrived {
        let Some(local) = self.config.sharding.local(arrival.receiver) else {
            return Arrived::Foreign;
        };
        let found = Prober::read(arrival.text).and_then(|header| {
            self.identify(local, arrival, header)
                .map(|key| (header, key))
        });
        let Some((header, key)) = found else {
            return self.handle_unidentified(arrival);
        };
        let Some(book) = self.book(key.channel) else {
            return self.handle_unidentified(arrival);
        };
        let Some(&record) = self.books[book].get(key.index) else {
            return self.handle_unidentified(arrival);
        };
        let id = ProbeId {
            sender: record.planned.sender,
            channel: key.channel,
            index: key.index,
        };
        let is_right_target = match (arrival.target, record.planned.to) {
            (ArrivalTarget::Channel(channel), None) => channel == key.channel,
            (ArrivalTarget::Receiver, Some(to)) => to == arrival.receiver,
            _ => false,
        };
        if !is_right_target {
            return self.damaged(
                Breach::Misdelivered,
                key,
                &record,
                arrival,
                "seen under another target",
            );
        }
        if !self
            .config
            .prober
            .verify(id, record.planned.bytes, arrival.text)
        {
            if arrival.from != Some(record.planned.sender) {
                return self.handle_unidentified(arrival);
            }
            let is_cut = self
                .config
                .prober
                .is_prefix(id, record.planned.bytes, arrival.text);
            if !is_cut && self.search(record.planned.sender, arrival.text).is_some() {
                return self.handle_unidentified(arrival);
            }
            self.mark_seen(local, book, key, &record, arrival.at);
            let breach = if is_cut {
                Breach::Truncated
            } else {
                Breach::Corrupted
            };
            return self.damaged(
                breach,
                key,
                &record,
                arrival,
                "the text is not the one that was sent",
            );
        }
        self.handle_genuine(local, book, key, &record, header, arrival)
    }

    /// Handles a text that is, whole and in its place, the message `key`.
    fn handle_genuine(
        &mut self,
        local: usize,
        book: usize,
        key: MessageKey,
        record: &Record,
        header: ProbeHeader,
        arrival: &Arrival<'_>,
    ) -> Arrived {
        let attempt = match (record.attempt, header.lateness) {
            (Offset::NEVER, Some(lateness)) => record.planned.intended + lateness,
            (attempt, _) => attempt,
        };
        // Only what the text itself tells counts as proof, so that any number of shards judges alike.
        let proof = header
            .lateness
            .map(|lateness| record.planned.intended + lateness);
        self.note_sighting(local, book, key, proof, arrival.at);
        match self.mark_seen(local, book, key, record, arrival.at) {
            Marked::First => {}
            Marked::Again => {
                return self.damaged(
                    Breach::Duplicated,
                    key,
                    record,
                    arrival,
                    "seen before on this connection",
                );
            }
            Marked::Late => {
                return self.damaged(
                    Breach::Late,
                    key,
                    record,
                    arrival,
                    "called lost before it came",
                );
            }
            Marked::Stray => {
                return self.damaged(
                    Breach::Misdelivered,
                    key,
                    record,
                    arrival,
                    "the receiver was no member",
                );
            }
        }
        if arrival.from != Some(record.planned.sender) {
            return self.damaged(
                Breach::Misattributed,
                key,
                record,
                arrival,
                "seen under another source",
            );
        }
        if self.is_overtaken(local, book, key, record) {
            self.damaged(
                Breach::Reordered,
                key,
                record,
                arrival,
                "a later message of the same sender came first",
            );
        }
        Arrived::First {
            key,
            is_private: record.planned.to.is_some(),
            is_echo: record.planned.sender == arrival.receiver,
            response: arrival.at.since(record.planned.intended),
            service: (attempt != Offset::NEVER).then(|| arrival.at.since(attempt)),
            first_seen: record.first_seen.min(arrival.at),
        }
    }

    fn note_sighting(
        &mut self,
        local: usize,
        book: usize,
        key: MessageKey,
        proof: Option<Offset>,
        at: Offset,
    ) {
        if let Some(proof) = proof {
            let proved = &mut self.members.users[local].proved;
            *proved = (*proved).max(proof);
        }
        let Some(record) = self.books[book].get_mut(key.index) else {
            return;
        };
        if at < record.first_seen {
            if record.first_seen == Offset::NEVER && self.config.sharding.count() > 1 {
                self.outgoing.fresh.push(key);
            }
            record.first_seen = at;
        }
    }

    /// Returns whether the receiver has seen the message on its present connection.
    pub(super) fn is_seen(&self, local: usize, key: MessageKey, is_private: bool) -> bool {
        if is_private {
            return self.private_seen.contains_key(&key);
        }
        let (Some(book), Some(id)) = (self.book(key.channel), self.members.row(local, key.channel))
        else {
            return false;
        };
        let Some(ahead) = key.index.checked_sub(self.books[book].first_open) else {
            return !self.missing.contains_key(&(id, key.index));
        };
        if ahead < u64::BITS {
            self.members.rows[id as usize].seen >> ahead & 1 == 1
        } else {
            self.spill.contains(&(id, key.index))
        }
    }

    fn mark_seen(
        &mut self,
        local: usize,
        book: usize,
        key: MessageKey,
        record: &Record,
        at: Offset,
    ) -> Marked {
        if record.planned.to.is_some() {
            if key.index < self.books[book].first_open {
                return Marked::Again;
            }
            return if self.private_seen.insert(key, at).is_some() {
                Marked::Again
            } else {
                Marked::First
            };
        }
        let Some(id) = self.members.row(local, key.channel) else {
            return Marked::Stray;
        };
        let first_open = self.books[book].first_open;
        let row = &mut self.members.rows[id as usize];
        let Some(ahead) = key.index.checked_sub(first_open) else {
            if key.index < row.since {
                return Marked::Stray;
            }
            return match self.missing.remove(&(id, key.index)) {
                Some(Missing::Lost) => Marked::Late,
                Some(Missing::Forbidden) => Marked::Stray,
                // Counted as uncertain; that it came after all changes nothing.
                Some(Missing::Uncertain) => Marked::First,
                None => Marked::Again,
            };
        };
        row.seen_end = row.seen_end.max(key.index + 1);
        let was_seen = if ahead < u64::BITS {
            let bit = 1u64 << ahead;
            let was_seen = row.seen & bit != 0;
            row.seen |= bit;
            was_seen
        } else {
            row.has_spill = true;
            !self.spill.insert((id, key.index))
        };
        if was_seen {
            Marked::Again
        } else {
            Marked::First
        }
    }

    /// Returns whether a later message of the same sender to the same target was seen before this one.
    fn is_overtaken(&self, local: usize, book: usize, key: MessageKey, record: &Record) -> bool {
        let end = match record.planned.to {
            Some(_) => self.books[book].end(),
            None => match self.members.row(local, key.channel) {
                Some(id) => self.members.rows[id as usize].seen_end,
                None => return false,
            },
        };
        // In order, as nearly always, there is nothing to walk.
        (key.index + 1..end).any(|index| {
            self.books[book].get(index).is_some_and(|later| {
                later.planned.sender == record.planned.sender
                    && later.planned.to == record.planned.to
                    && self.is_seen(
                        local,
                        MessageKey { index, ..key },
                        record.planned.to.is_some(),
                    )
            })
        })
    }

    /// Handles a text that is no message of the plan in its place: one of another place, a damaged one, or a stranger's.
    fn handle_unidentified(&mut self, arrival: &Arrival<'_>) -> Arrived {
        let Some(sender) = arrival.from else {
            self.counts.foreign += 1;
            return Arrived::Foreign;
        };
        if let Some(key) = self.search(sender, arrival.text) {
            let record = self
                .book(key.channel)
                .and_then(|book| self.books[book].get(key.index))
                .copied();
            let record = record.unwrap_or_else(|| Self::stand_in(sender, arrival));
            if arrival.target == ArrivalTarget::Channel(key.channel) {
                return self.damaged(Breach::Late, key, &record, arrival, FORGOTTEN);
            }
            return self.damaged(
                Breach::Misdelivered,
                key,
                &record,
                arrival,
                "seen under another target",
            );
        }
        let channel = match arrival.target {
            ArrivalTarget::Channel(channel) => channel,
            ArrivalTarget::Receiver => ChannelId(u32::MAX),
        };
        let record = Self::stand_in(sender, arrival);
        let key = MessageKey {
            channel,
            index: u32::MAX,
        };
        // Nothing tells a text without a check from one that is forgotten; that one was counted as lost.
        let has_forgotten = |book: usize| self.books[book].oldest() > 0;
        let is_unchecked = arrival.text.len() < Prober::CHECKED_BYTES_MIN;
        if is_unchecked && self.book(channel).is_some_and(has_forgotten) {
            return self.damaged(Breach::Late, key, &record, arrival, FORGOTTEN);
        }
        self.damaged(
            Breach::Corrupted,
            key,
            &record,
            arrival,
            "no message of this sender has this text",
        )
    }

    /// Returns a record for evidence about a message that this shard's books do not hold.
    fn stand_in(sender: UserId, arrival: &Arrival<'_>) -> Record {
        Record {
            planned: PlannedMessage {
                sender,
                to: None,
                bytes: u16::try_from(arrival.text.len()).unwrap_or(u16::MAX),
                intended: Offset::NEVER,
            },
            attempt: Offset::NEVER,
            accepted: Offset::NEVER,
            first_seen: arrival.at,
            is_hole: false,
        }
    }

    fn damaged(
        &mut self,
        breach: Breach,
        key: MessageKey,
        record: &Record,
        arrival: &Arrival<'_>,
        why: &str,
    ) -> Arrived {
        self.counts.add(breach);
        let prober = self.config.prober;
        self.exemplars.offer(breach, arrival.at, || Exemplar {
            first_seen: arrival.at,
            wire: arrival.text.to_vec(),
            ..record.evidence(&prober, key, arrival.receiver, why)
        });
        Arrived::Breach(breach)
    }
}

enum Marked {
    First,
    Again,
    Late,
    Stray,
}
