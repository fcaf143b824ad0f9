//! Memberships: one row per connection and channel, with the moments that bound what is owed to it.

use std::collections::VecDeque;

use crate::measure::ledger::MessageKey;
use crate::units::id::ChannelId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// Stays online kept per user: as many as can begin and end while a private message is open.
const STAYS_KEPT: usize = 4;

/// The moments of one stay: in a channel, or online at all. `NEVER` for what has not happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stay {
    /// JOIN sent.
    pub(crate) join_sent: Offset,
    /// Own JOIN echo read.
    pub(crate) joined: Offset,
    /// Leave sent. For an end that the user did not ask for: the latest moment at which the connection is proved to have lived.
    pub(crate) leave_sent: Offset,
    /// Own leave echo or end of the connection read.
    pub(crate) left: Offset,
    /// Whether the user never asked to leave: `leave_sent` was set when the end was read.
    pub(crate) is_leave_derived: bool,
}

impl Stay {
    pub(crate) const fn begun(join_sent: Offset) -> Self {
        Self {
            join_sent,
            joined: Offset::NEVER,
            leave_sent: Offset::NEVER,
            left: Offset::NEVER,
            is_leave_derived: false,
        }
    }
}

impl Stay {
    /// Returns the stay as it was known at `moment`: a later leave had not happened.
    pub(crate) fn as_of(self, moment: Offset) -> Self {
        let known = |at: Offset| if at > moment { Offset::NEVER } else { at };
        let is_unknown = self.is_leave_derived && self.left > moment;
        let leave_sent = if is_unknown {
            Offset::NEVER
        } else {
            known(self.leave_sent)
        };
        Self {
            leave_sent,
            left: known(self.left),
            ..self
        }
    }
}

/// A membership: who, where, when, and which of the channel's open messages it has seen.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) user: UserId,
    pub(crate) stay: Stay,
    /// Bit i: the channel's open message i was seen.
    pub(crate) seen: u64,
    /// Whether the spill may hold arrivals of this row.
    pub(crate) has_spill: bool,
    /// Whether the connection gets its own messages back.
    pub(crate) wants_echo: bool,
    /// The channel's first open message when the row began: earlier ones are not for it.
    pub(crate) since: u32,
    /// One past the highest index seen.
    pub(crate) seen_end: u32,
}

/// What is kept of one user beside its rows.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Rows of the present connection, by channel.
    pub(crate) rows: Vec<(ChannelId, u32)>,
    /// The present or last stay online, and those before it.
    pub(crate) online: [Stay; STAYS_KEPT],
    /// The latest attempt whose effect was seen on the present connection: it lived then.
    pub(crate) proved: Offset,
    pub(crate) wants_echo: bool,
    /// Whether a connection that nobody reads any more may still hold its nick.
    pub(crate) has_ghost: bool,
    /// Private messages planned for it, the latest last; those judged long ago are gone.
    pub(crate) private: VecDeque<MessageKey>,
}

#[derive(Debug)]
pub(crate) struct Members {
    pub(crate) rows: Vec<Row>,
    free: Vec<u32>,
    pub(crate) users: Vec<Member>,
}

impl Members {
    pub(crate) fn new(users: usize) -> Self {
        let never = Stay::begun(Offset::NEVER);
        let member = Member {
            rows: Vec::new(),
            online: [never; STAYS_KEPT],
            proved: Offset::ALWAYS,
            wants_echo: false,
            has_ghost: false,
            private: VecDeque::new(),
        };
        Self {
            rows: Vec::new(),
            free: Vec::new(),
            users: vec![member; users],
        }
    }

    /// Returns the present row of the local user in `channel`.
    pub(crate) fn row(&self, local: usize, channel: ChannelId) -> Option<u32> {
        let rows = &self.users[local].rows;
        rows.binary_search_by_key(&channel, |&(channel, _)| channel)
            .ok()
            .map(|at| rows[at].1)
    }

    /// Begins a row; one that is there already stays.
    pub(crate) fn begin(
        &mut self,
        local: usize,
        user: UserId,
        channel: ChannelId,
        now: Offset,
        since: u32,
    ) -> Option<u32> {
        let member = &mut self.users[local];
        let at = member
            .rows
            .binary_search_by_key(&channel, |&(channel, _)| channel)
            .err()?;
        let row = Row {
            user,
            stay: Stay::begun(now),
            seen: 0,
            has_spill: false,
            wants_echo: member.wants_echo,
            since,
            seen_end: 0,
        };
        let id = if let Some(id) = self.free.pop() {
            self.rows[id as usize] = row;
            id
        } else {
            self.rows.push(row);
            u32::try_from(self.rows.len() - 1).ok()?
        };
        member.rows.insert(at, (channel, id));
        Some(id)
    }

    /// Notes that a leave of `channel` was sent, or of every channel.
    pub(crate) fn leave_sent(&mut self, local: usize, channel: Option<ChannelId>, now: Offset) {
        let Self { rows, users, .. } = self;
        for &(of, id) in &users[local].rows {
            if channel.is_none_or(|channel| channel == of) {
                let stay = &mut rows[id as usize].stay;
                stay.leave_sent = stay.leave_sent.min(now);
            }
        }
    }

    /// Ends the present row in `channel`; it stays in the channel's book until nothing sent in its time is open.
    pub(crate) fn end(&mut self, local: usize, channel: ChannelId, now: Offset) {
        let member = &mut self.users[local];
        let Ok(at) = member
            .rows
            .binary_search_by_key(&channel, |&(channel, _)| channel)
        else {
            return;
        };
        let (_, id) = member.rows.remove(at);
        end_stay(&mut self.rows[id as usize].stay, member.proved, now);
    }

    /// Ends every present row and the stay online.
    pub(crate) fn end_all(&mut self, local: usize, now: Offset) {
        let member = &mut self.users[local];
        for (_, id) in member.rows.drain(..) {
            end_stay(&mut self.rows[id as usize].stay, member.proved, now);
        }
        if member.online[0].left == Offset::NEVER {
            end_stay(&mut member.online[0], member.proved, now);
        }
        member.proved = Offset::ALWAYS;
    }

    /// Frees a row that no book names any more.
    pub(crate) fn free(&mut self, id: u32) {
        self.free.push(id);
    }
}

/// Ends a stay. Without a leave of its own it is owed only what the server must have passed on before the last sign of life.
fn end_stay(stay: &mut Stay, proved: Offset, now: Offset) {
    stay.left = now;
    if stay.leave_sent == Offset::NEVER {
        stay.leave_sent = proved.min(now);
        stay.is_leave_derived = true;
    }
}
