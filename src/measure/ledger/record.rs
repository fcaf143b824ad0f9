//! A channel's book: its planned messages from the oldest that can still matter, and the rows of its members.

use std::collections::VecDeque;
use std::time::Duration;

use crate::measure::exemplar::Exemplar;
use crate::measure::ledger::MessageKey;
use crate::measure::ledger::PlannedMessage;
use crate::measure::probe::ProbeId;
use crate::measure::probe::Prober;
use crate::units::id::ChannelId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// Messages kept after their judgement, per channel, so that a late or second copy is still recognised whole.
const JUDGED_COUNT_MIN: usize = 32;
/// Most of them, in a channel that says so many within [`JUDGED_KEPT`]: 8 KB.
const JUDGED_COUNT_MAX: usize = 128;
/// For how long after it was to be sent and judged a message is kept beyond the fewest: what a server that holds its senders back
/// lets through late comes within it.
const JUDGED_KEPT: Duration = Duration::from_secs(30);

/// A message and what is known of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) planned: PlannedMessage,
    /// `NEVER` until known.
    pub(crate) attempt: Offset,
    /// `NEVER` until known.
    pub(crate) accepted: Offset,
    /// The earliest proof that the server processed it; `NEVER` until one.
    pub(crate) first_seen: Offset,
    /// Not sent, or refused: nobody is owed it.
    pub(crate) is_hole: bool,
}

impl Record {
    /// Returns the evidence about one delivery of the message, its text as it was sent included.
    pub(crate) fn evidence(
        &self,
        prober: &Prober,
        key: MessageKey,
        receiver: UserId,
        why: &str,
    ) -> Exemplar {
        let planned = self.planned;
        let mut text = Vec::new();
        // Neither a stranger's text nor one that was never handed over can be composed again.
        if planned.intended != Offset::NEVER && self.attempt != Offset::NEVER {
            let id = ProbeId {
                sender: planned.sender,
                channel: key.channel,
                index: key.index,
            };
            prober.compose(
                id,
                self.attempt.since(planned.intended),
                planned.bytes,
                &mut text,
            );
        }
        Exemplar {
            key,
            sender: planned.sender,
            to: planned.to,
            receiver,
            bytes: planned.bytes,
            intended: planned.intended,
            attempt: self.attempt,
            accepted: self.accepted,
            first_seen: self.first_seen,
            why: why.to_owned(),
            text,
            wire: Vec::new(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) channel: ChannelId,
    /// Index of `records[0]`.
    oldest: u32,
    /// Index of the first message that is not judged.
    pub(crate) first_open: u32,
    records: VecDeque<Record>,
    /// Rows of this shard's members, those that left lately included.
    pub(crate) rows: Vec<u32>,
}

impl Book {
    pub(crate) fn new(channel: ChannelId) -> Self {
        Self {
            channel,
            oldest: 0,
            first_open: 0,
            records: VecDeque::new(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn plan(&mut self, index: u32, planned: PlannedMessage) {
        assert!(
            index == self.end(),
            "message {index} of channel {} entered where {} was next",
            self.channel,
            self.end()
        );
        self.records.push_back(Record {
            planned,
            attempt: Offset::NEVER,
            accepted: Offset::NEVER,
            first_seen: Offset::NEVER,
            is_hole: false,
        });
    }

    /// Returns the index after the last message planned so far.
    pub(crate) fn end(&self) -> u32 {
        // A book never holds 2^32 records: memory ends first.
        self.oldest + u32::try_from(self.records.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn oldest(&self) -> u32 {
        self.oldest
    }

    pub(crate) fn open_count(&self) -> usize {
        (self.end() - self.first_open) as usize
    }

    pub(crate) fn get(&self, index: u32) -> Option<&Record> {
        self.records.get(index.checked_sub(self.oldest)? as usize)
    }

    /// Returns the messages that are kept, the oldest first.
    pub(crate) fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.iter()
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut Record> {
        self.records
            .get_mut(index.checked_sub(self.oldest)? as usize)
    }

    /// Puts off every message that is intended later than `after`.
    pub(crate) fn delay(&mut self, after: Offset, by: Duration) {
        for record in &mut self.records {
            if record.planned.intended > after && record.planned.intended != Offset::NEVER {
                record.planned.intended += by;
            }
        }
    }

    /// Moves on to the next message to be judged.
    pub(crate) fn advance(&mut self) {
        self.first_open += 1;
    }

    /// Forgets the oldest message that was judged, if it is kept no longer at `now`, and returns its index.
    pub(crate) fn forget(&mut self, now: Offset, settle: Duration) -> Option<u32> {
        let judged = (self.first_open - self.oldest) as usize;
        let is_fresh = |record: &Record| record.planned.intended + settle + JUDGED_KEPT > now;
        let is_kept = judged <= JUDGED_COUNT_MAX && self.records.front().is_some_and(is_fresh);
        if judged <= JUDGED_COUNT_MIN || is_kept {
            return None;
        }
        self.records.pop_front();
        self.oldest += 1;
        Some(self.oldest - 1)
    }

    /// Returns the largest planned index that is `index` modulo `modulus`.
    pub(crate) fn resolve(&self, index: u32, modulus: u32) -> Option<u32> {
        let last = self.end().checked_sub(1)?;
        let back = (last % modulus + modulus - index % modulus) % modulus;
        last.checked_sub(back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_resolves_to_the_latest_message_with_those_digits() {
        let mut book = Book::new(ChannelId(0));
        assert_eq!(book.resolve(0, 64), None);
        for index in 0..130 {
            book.plan(
                index,
                PlannedMessage {
                    sender: UserId(0),
                    to: None,
                    bytes: 5,
                    intended: Offset::ZERO,
                },
            );
        }
        assert_eq!(book.resolve(1, 64), Some(129));
        assert_eq!(book.resolve(2, 64), Some(66));
        assert_eq!(book.resolve(2, 262_144), Some(2));
        assert_eq!(book.resolve(200, 262_144), None);
    }
}
