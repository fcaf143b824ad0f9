//! The age of what nobody has seen: during a stall nothing completes, and only this grows.

use std::time::Duration;

use crate::measure::ledger::Ledger;
use crate::measure::ledger::judge::Due;
use crate::measure::ledger::record::Book;
use crate::measure::ledger::record::Record;
use crate::units::offset::Offset;

impl Ledger {
    /// Returns the age, from its intended time, of the oldest message that was sent, is owed to one of this shard's users, and has
    /// been seen by nobody; zero if there is none.
    pub fn oldest_pending(&self, now: Offset) -> Duration {
        let oldest = self.books.iter().filter_map(|book| self.oldest_of(book));
        oldest.min().map_or(Duration::ZERO, |at| now.since(at))
    }

    fn oldest_of(&self, book: &Book) -> Option<Offset> {
        let unseen = (book.first_open..book.end()).filter_map(|index| {
            let record = book.get(index)?;
            let is_unseen = record.attempt != Offset::NEVER
                && record.first_seen == Offset::NEVER
                && !record.is_hole;
            is_unseen.then_some(record)
        });
        let mut pending = unseen.filter(|record| self.is_owed_to_somebody(book, record));
        pending.next().map(|record| record.planned.intended)
    }

    fn is_owed_to_somebody(&self, book: &Book, record: &Record) -> bool {
        if let Some(to) = record.planned.to {
            // Whoever is not there any more, or not yet, is owed nothing for sure.
            return self.config.sharding.local(to).is_some_and(|local| {
                let stay = self.members.users[local].online[0];
                stay.joined < record.attempt && stay.leave_sent == Offset::NEVER
            });
        }
        book.rows.iter().any(|&id| {
            let row = &self.members.rows[id as usize];
            row.user != record.planned.sender && self.owed(row, record) == Due::Required
        })
    }
}
