//! Ends of senders' connections: what the kernel took last may never have reached the server.

use crate::measure::ledger::record::Book;
use crate::measure::ledger::record::Record;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// Ends kept per user: as many as can come while a message is open.
const ENDS_KEPT: usize = 4;

/// When each user's latest connections ended, the last first.
#[derive(Debug)]
pub(crate) struct Ends {
    of: Vec<[Offset; ENDS_KEPT]>,
}

impl Ends {
    pub(crate) fn new(users: u32) -> Self {
        Self {
            of: vec![[Offset::ALWAYS; ENDS_KEPT]; users as usize],
        }
    }

    pub(crate) fn enter(&mut self, user: UserId, at: Offset) {
        if let Some(ends) = self.of.get_mut(user.index()) {
            ends.rotate_right(1);
            ends[0] = at;
        }
    }

    /// Returns the end of the connection on which `user` sent something at `attempt`; `None` while it stands.
    fn after(&self, user: UserId, attempt: Offset) -> Option<Offset> {
        let ends = self.of.get(user.index())?;
        ends.iter().copied().filter(|&end| end >= attempt).min()
    }

    /// Returns whether a message may have gone down with its sender's connection: nobody saw it, nor anything that the sender
    /// said in the channel behind it.
    pub(crate) fn may_have_swallowed(&self, record: &Record, book: &Book) -> bool {
        if record.first_seen != Offset::NEVER {
            return false;
        }
        let sender = record.planned.sender;
        self.after(sender, record.attempt).is_some_and(|end| {
            // A server processes the lines of one connection in their order.
            !book.records().any(|later| {
                later.planned.sender == sender
                    && later.first_seen != Offset::NEVER
                    && later.attempt > record.attempt
                    && later.attempt <= end
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::ledger::PlannedMessage;
    use crate::units::id::ChannelId;

    const SENDER: UserId = UserId(0);

    fn at(millis: i64) -> Offset {
        Offset::from_millis(millis)
    }

    /// Checks what is made of the message of 10 where its sender's connections ended at `ends` and messages that it said later,
    /// at these moments, were seen.
    #[track_caller]
    fn check(ends: &[i64], seen_later: &[i64], want: bool) {
        let mut book = Book::new(ChannelId(0));
        for (index, &attempt) in (0..).zip([&[10], seen_later].concat().iter()) {
            book.plan(
                index,
                PlannedMessage {
                    sender: SENDER,
                    to: None,
                    bytes: 5,
                    intended: at(attempt),
                },
            );
            let record = book.get_mut(index).unwrap();
            record.attempt = at(attempt);
            if index > 0 {
                record.first_seen = at(attempt + 1);
            }
        }
        let mut table = Ends::new(2);
        for &end in ends {
            table.enter(SENDER, at(end));
        }
        let record = *book.get(0).unwrap();
        assert_eq!(table.may_have_swallowed(&record, &book), want);
    }

    #[test]
    fn what_nobody_saw_before_its_senders_connection_ended_may_have_gone_down_with_it() {
        check(&[20], &[], true);
        check(&[20, 40], &[], true);
        check(&[], &[], false);
        check(&[5], &[], false);
    }

    #[test]
    fn what_was_said_behind_it_on_the_same_connection_proves_it_processed() {
        check(&[20], &[15], false);
        check(&[20, 40], &[30], true);
    }
}
