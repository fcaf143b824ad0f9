//! The judgement of deliveries: required, optional or forbidden by proof of order.
//!
//! With J = JOIN sent/own echo read (Js, Je), L = leave sent/own echo or end read (Ls, Le), t = attempt, w = the earliest
//! proof that the server processed the message: required iff Je < t and (w < Ls or it never left); forbidden iff w < Js or
//! t > Le; else optional. A split of the network bounds what passes between its sides in the same way, and what may have gone
//! down with its sender's connection is required of nobody.

use crate::measure::ledger::Ledger;
use crate::measure::ledger::MISSING_COUNT_MAX;
use crate::measure::ledger::MessageKey;
use crate::measure::ledger::counts::Breach;
use crate::measure::ledger::membership::Row;
use crate::measure::ledger::membership::Stay;
use crate::measure::ledger::partition::Between;
use crate::measure::ledger::record::Record;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// What a receiver is owed of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Required,
    Optional,
    Forbidden,
}

/// What an unseen delivery was called when it was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Lost,
    Uncertain,
    Forbidden,
}

/// Whether the server can have got a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// It was not sent, or the run was cut off with the line in its queue.
    Never,
    /// It may have gone down with its sender's connection.
    Perhaps,
    Surely,
}

/// When an open message may be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settling {
    /// `settle` after its acceptance.
    WhenDue,
    /// As soon as everybody who can be owed it has seen it, for the end of a run.
    WhenSeen,
    /// Now, whatever is known.
    Now,
}

/// Returns what the stay is owed of something attempted at `attempt` and proved processed by `processed` (`NEVER` if never).
pub(crate) fn due(stay: &Stay, attempt: Offset, processed: Offset) -> Due {
    let never_left = stay.left == Offset::NEVER && stay.leave_sent == Offset::NEVER;
    if processed < stay.join_sent || attempt > stay.left {
        Due::Forbidden
    } else if stay.joined < attempt && (never_left || processed < stay.leave_sent) {
        Due::Required
    } else {
        Due::Optional
    }
}

impl Due {
    /// Returns what remains of it where the two users' servers were parted.
    pub(crate) fn across(self, between: Between) -> Self {
        match (self, between) {
            (due, Between::Linked) => due,
            (_, Between::Apart) | (Self::Forbidden, _) => Self::Forbidden,
            (_, Between::Unproved) => Self::Optional,
        }
    }

    /// Returns what remains of it where the server has perhaps not got the message.
    fn given(self, reach: Reach) -> Self {
        match (reach, self) {
            (Reach::Never, _) => Self::Forbidden,
            (Reach::Perhaps, Self::Required) => Self::Optional,
            (_, due) => due,
        }
    }
}

impl Ledger {
    /// Judges what can be judged at `now`.
    pub fn settle(&mut self, now: Offset, settling: Settling) {
        for book in 0..self.books.len() {
            self.settle_book(book, now, settling);
            self.forget_rows(book, now);
        }
        self.settle_presence(now, settling);
    }

    fn settle_book(&mut self, book: usize, now: Offset, settling: Settling) {
        loop {
            let index = self.books[book].first_open;
            let Some(&record) = self.books[book].get(index) else {
                return;
            };
            let is_due = record.is_hole
                || match settling {
                    Settling::WhenDue => {
                        record.accepted < Offset::NEVER
                            && now >= record.accepted + self.config.settle
                    }
                    Settling::WhenSeen => {
                        record.accepted < Offset::NEVER
                            && (now >= record.accepted + self.config.settle
                                || self.is_seen_by_all(book, &record))
                    }
                    Settling::Now => true,
                };
            if !is_due {
                return;
            }
            self.judge(book, index, &record);
            self.books[book].advance();
            while let Some(forgotten) = self.books[book].forget(now, self.config.settle) {
                self.forget_missing(book, forgotten);
            }
        }
    }

    /// Forgets who has not seen a message that its book has forgotten: nothing is recognised as it any more.
    fn forget_missing(&mut self, book: usize, index: u32) {
        if self.missing.is_empty() {
            return;
        }
        for &id in &self.books[book].rows {
            self.missing.remove(&(id, index));
        }
    }

    fn is_seen_by_all(&self, book: usize, record: &Record) -> bool {
        let key = MessageKey {
            channel: self.books[book].channel,
            index: self.books[book].first_open,
        };
        if let Some(to) = record.planned.to {
            return self.private_seen.contains_key(&key)
                || self.config.sharding.local(to).is_none();
        }
        self.books[book].rows.iter().all(|&id| {
            let row = &self.members.rows[id as usize];
            row.seen & 1 == 1
                || (row.user == record.planned.sender && !row.wants_echo)
                || self.owed(row, record) == Due::Forbidden
        })
    }

    /// Returns what `row` is owed of `record`.
    pub(crate) fn owed(&self, row: &Row, record: &Record) -> Due {
        let between = self.between(
            record.planned.sender,
            row.user,
            record.attempt,
            record.first_seen,
        );
        due(&row.stay, record.attempt, record.first_seen).across(between)
    }

    pub(crate) fn between(
        &self,
        a: UserId,
        b: UserId,
        attempt: Offset,
        processed: Offset,
    ) -> Between {
        self.partition.between(
            self.config.sides[a.index()],
            self.config.sides[b.index()],
            attempt,
            processed,
            Offset::NEVER,
        )
    }

    fn judge(&mut self, book: usize, index: u32, record: &Record) {
        let key = MessageKey {
            channel: self.books[book].channel,
            index,
        };
        let is_void =
            record.is_hole || record.attempt == Offset::NEVER || record.accepted == Offset::NEVER;
        let reach = if is_void {
            Reach::Never
        } else if self.ends.may_have_swallowed(record, &self.books[book]) {
            Reach::Perhaps
        } else {
            Reach::Surely
        };
        let rows = std::mem::take(&mut self.books[book].rows);
        for &id in &rows {
            let was_seen = self.shift(id, index);
            if record.planned.to.is_none() {
                self.judge_row(id, key, record, was_seen, reach);
            }
        }
        self.books[book].rows = rows;
        if let Some(to) = record.planned.to
            && let Some(local) = self.config.sharding.local(to)
        {
            self.judge_private(local, to, key, record, reach);
        }
    }

    /// Takes the row's bit of the channel's oldest open message, `index`, and moves its window on.
    fn shift(&mut self, id: u32, index: u32) -> bool {
        let row = &mut self.members.rows[id as usize];
        let was_seen = row.seen & 1 == 1;
        row.seen >>= 1;
        if row.has_spill && self.spill.remove(&(id, index + u64::BITS)) {
            row.seen |= 1 << (u64::BITS - 1);
        }
        was_seen
    }

    fn judge_row(
        &mut self,
        id: u32,
        key: MessageKey,
        record: &Record,
        was_seen: bool,
        reach: Reach,
    ) {
        let row = &self.members.rows[id as usize];
        let receiver = row.user;
        let due = self.owed(row, record).given(reach);
        if receiver == record.planned.sender {
            if row.wants_echo && due == Due::Required {
                if was_seen {
                    self.counts.echoes += 1;
                } else {
                    self.breach(
                        Breach::EchoLost,
                        key,
                        record,
                        receiver,
                        "the sender's own echo was agreed",
                    );
                }
            }
            return;
        }
        let stay = row.stay;
        if let Some(missing) = self.enter_judgement(due, was_seen, key, record, receiver, &stay) {
            self.remember(id, key.index, missing);
        }
    }

    /// Counts one delivery as judged, with evidence if it is a breach; returns what an unseen one was called.
    fn enter_judgement(
        &mut self,
        due: Due,
        was_seen: bool,
        key: MessageKey,
        record: &Record,
        receiver: UserId,
        stay: &Stay,
    ) -> Option<Missing> {
        if due == Due::Required {
            self.losses.add(record.attempt, !was_seen);
        }
        match (due, was_seen) {
            (Due::Required, true) => {
                self.counts.required += 1;
                self.counts.delivered += 1;
                None
            }
            (Due::Required, false) => {
                self.counts.required += 1;
                self.breach(
                    Breach::Lost,
                    key,
                    record,
                    receiver,
                    &why_required(stay, record),
                );
                Some(Missing::Lost)
            }
            (Due::Optional, true) => {
                self.counts.delivered_optional += 1;
                None
            }
            (Due::Optional, false) => {
                self.breach(
                    Breach::Uncertain,
                    key,
                    record,
                    receiver,
                    "coming, going, a split or its sender's end crossed it",
                );
                Some(Missing::Uncertain)
            }
            (Due::Forbidden, true) => {
                let why = "the receiver was no member, or on the other side of a split";
                self.breach(Breach::Misdelivered, key, record, receiver, why);
                None
            }
            (Due::Forbidden, false) => Some(Missing::Forbidden),
        }
    }

    fn judge_private(
        &mut self,
        local: usize,
        to: UserId,
        key: MessageKey,
        record: &Record,
        reach: Reach,
    ) {
        let was_seen = self.private_seen.remove(&key).is_some();
        let between = self.between(record.planned.sender, to, record.attempt, record.first_seen);
        let online = self.members.users[local].online;
        let owed = online
            .iter()
            .map(|stay| due(stay, record.attempt, record.first_seen).across(between));
        let due = strongest(owed).given(reach);
        // A private message has no row to remember it by.
        self.enter_judgement(due, was_seen, key, record, to, &online[0]);
    }

    fn remember(&mut self, row: u32, index: u32, missing: Missing) {
        if self.missing.len() < MISSING_COUNT_MAX {
            self.missing.insert((row, index), missing);
        }
    }

    pub(crate) fn breach(
        &mut self,
        breach: Breach,
        key: MessageKey,
        record: &Record,
        receiver: UserId,
        why: &str,
    ) {
        self.counts.add(breach);
        let prober = self.config.prober;
        self.exemplars.offer(breach, record.attempt, || {
            record.evidence(&prober, key, receiver, why)
        });
    }

    /// Drops rows that ended before everything that is open was planned.
    fn forget_rows(&mut self, book: usize, now: Offset) {
        let first_open = self.books[book].first_open;
        let oldest_open = self.books[book]
            .get(first_open)
            .map_or(now, |record| record.planned.intended.min(now));
        // Presence changes of its time are judged from the same rows.
        let horizon = oldest_open.min(now - self.config.settle - self.config.settle);
        let Self {
            books,
            members,
            missing,
            spill,
            ..
        } = self;
        books[book].rows.retain(|&id| {
            let row = &members.rows[id as usize];
            let keep = row.stay.left > horizon;
            if !keep {
                // What came far ahead of its turn waits for a turn that this row will not have, and its number is another's soon.
                if row.has_spill {
                    spill.retain(|&(row, _)| row != id);
                }
                members.free(id);
                missing.retain(|&(row, _), _| row != id);
            }
            keep
        });
    }
}

fn strongest(owed: impl Iterator<Item = Due>) -> Due {
    owed.fold(Due::Forbidden, |strongest, due| match (strongest, due) {
        (Due::Required, _) | (_, Due::Required) => Due::Required,
        (Due::Optional, _) | (_, Due::Optional) => Due::Optional,
        (Due::Forbidden, Due::Forbidden) => Due::Forbidden,
    })
}

fn why_required(stay: &Stay, record: &Record) -> String {
    let joined = format!(
        "joined at {}, before the attempt at {}",
        stay.joined, record.attempt
    );
    if stay.left == Offset::NEVER {
        format!("{joined}, and never left")
    } else {
        format!(
            "{joined}; first seen elsewhere at {}, before its leave at {}",
            record.first_seen, stay.leave_sent
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Offset {
        Offset::from_millis(millis)
    }

    #[track_caller]
    fn check(stay: [i64; 4], attempt: i64, processed: i64, want: Due) {
        let moment = |millis| {
            if millis < 0 {
                Offset::NEVER
            } else {
                at(millis)
            }
        };
        let stay = Stay {
            join_sent: moment(stay[0]),
            joined: moment(stay[1]),
            leave_sent: moment(stay[2]),
            left: moment(stay[3]),
            is_leave_derived: false,
        };
        assert_eq!(
            due(&stay, moment(attempt), moment(processed)),
            want,
            "{stay:?} {attempt} {processed}"
        );
    }

    #[test]
    fn a_delivery_is_required_when_the_order_of_events_proves_it() {
        // Joined at 20, never left; the message needs no proof of its processing.
        check([10, 20, -1, -1], 30, -1, Due::Required);
        // Processed, as somebody saw, before the receiver even asked to leave.
        check([10, 20, 50, 60], 30, 40, Due::Required);
    }

    #[test]
    fn a_delivery_is_forbidden_when_the_order_of_events_excludes_it() {
        check([10, 20, -1, -1], 1, 9, Due::Forbidden);
        check([10, 20, 50, 60], 61, -1, Due::Forbidden);
    }

    #[test]
    fn a_delivery_that_crossed_a_join_or_a_leave_is_optional() {
        check([10, 20, -1, -1], 15, 30, Due::Optional);
        check([10, 20, -1, -1], 20, 30, Due::Optional);
        check([10, 20, -1, -1], 5, -1, Due::Optional);
        check([10, 20, 50, 60], 30, 55, Due::Optional);
        check([10, 20, 50, 60], 30, -1, Due::Optional);
        check([10, 20, 50, 60], 55, -1, Due::Optional);
        check([10, -1, -1, -1], 30, 40, Due::Optional);
    }
}
