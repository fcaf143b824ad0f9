//! Which of the lines that were written a line is that was read: short texts say little, and many lines read alike.

use crate::measure::continuity::backlog::Attached;
use crate::measure::continuity::backlog::Backlog;
use crate::measure::continuity::backlog::Fate;
use crate::measure::continuity::backlog::SessionId;
use crate::measure::continuity::line::LineId;
use crate::measure::continuity::policy::Forgets;
use crate::measure::continuity::policy::LineKind;

impl Backlog {
    /// Looks for a line where it is due. Short texts say little: of several lines that read alike it is the next one due.
    pub(super) fn find(&self, session: SessionId, line: LineId) -> Option<u64> {
        let attached = self.sessions.get(&session)?;
        let is_it = |number: &u64| self.written(*number).is_some_and(|row| row.line == line);
        if attached.first.is_none() {
            return self.find_first(attached, is_it);
        }
        let next = attached.next.max(self.oldest);
        // What is kept for nobody hardly comes from before the attach: somebody may have joined twice.
        let is_likely = |number: &u64| {
            *number >= attached.begun
                || self
                    .written(*number)
                    .is_some_and(|row| row.kind != LineKind::Presence || row.fate == Fate::Unread)
        };
        let ahead = (next..self.end()).find(|number| is_it(number) && is_likely(number));
        let ahead = ahead.or_else(|| (next..self.end()).find(is_it));
        let mut skipped = attached.skipped.keys().copied();
        ahead
            .or_else(|| skipped.find(is_it))
            .or_else(|| (self.oldest..next).rev().find(is_it))
    }

    /// Looks for the first line of a session: what nobody has read, or the first that the buffer still has.
    fn find_first(&self, attached: &Attached, is_it: impl Fn(&u64) -> bool) -> Option<u64> {
        let first_turn = attached
            .begun_turn
            .saturating_sub(u64::from(self.policy.lines_max));
        let is_due = |number: &u64| {
            self.written(*number).is_some_and(|row| {
                row.fate == Fate::Unread
                    || *number >= attached.begun
                    || row.at >= self.again_from && row.kind != LineKind::Presence
                    || self.policy.forgets == Forgets::Never
                        && row.turn >= first_turn
                        && row.kind != LineKind::Presence
            })
        };
        let due = (self.oldest..self.end()).find(|number| is_it(number) && is_due(number));
        due.or_else(|| (self.oldest..self.end()).rev().find(is_it))
    }

    /// Returns the lines that a session should have read before `number`, if that is a line ahead: those since the one that it read last.
    /// A playback to a lone session begins with what nobody has read.
    pub(super) fn gap(&self, session: SessionId, number: u64) -> Vec<u64> {
        let Some(attached) = self.sessions.get(&session) else {
            return Vec::new();
        };
        let is_begun = attached.first.is_some();
        if !is_begun && self.sessions.len() > 1 {
            return Vec::new();
        }
        let from = if is_begun { attached.next } else { self.oldest };
        let is_awaited = |number: &u64| {
            self.written(*number).is_some_and(|row| {
                if is_begun {
                    row.kind != LineKind::Own(session)
                } else {
                    row.fate == Fate::Unread && self.policy.keeps(row.kind)
                }
            })
        };
        (from..number).filter(is_awaited).collect()
    }
}
