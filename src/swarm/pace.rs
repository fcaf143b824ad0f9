//! How fast a user sends, against the line a second that servers let through.

use std::time::Duration;

use crate::units::offset::Offset;

/// What a line costs its sender: a server that holds senders back lets a line a second pass.
const LINE_COST: Duration = Duration::from_secs(1);
/// How far ahead of a line a second a sender must have been to be held back: no server does so for fewer lines at once.
const AHEAD_MIN: Duration = Duration::from_secs(4);
/// How far ahead a sender may be whom no server holds back: if its line is late the server is slow.
const CALM_MAX: Duration = Duration::from_secs(2);
/// For how long after it was far ahead a sender may still be held back: the longest wait seen of real servers, three times.
const AHEAD_KEPT: Duration = Duration::from_secs(30);

/// How far ahead of a line a second a user is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// When it has rested.
    rested_at: Offset,
    /// When it was last far ahead.
    ahead_at: Offset,
    /// When it was last further ahead than somebody calm is.
    busy_at: Offset,
    /// When it sent the last line that passed at once.
    prompt_sent: Offset,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            rested_at: Offset::ALWAYS,
            ahead_at: Offset::ALWAYS,
            busy_at: Offset::ALWAYS,
            prompt_sent: Offset::ALWAYS,
        }
    }
}

impl Pace {
    /// Notes that the kernel took so many lines.
    pub(crate) fn spend(&mut self, lines: u32, now: Offset) {
        self.rested_at = self.rested_at.max(now) + LINE_COST * lines;
        let ahead = self.rested_at.since(now);
        if ahead >= AHEAD_MIN {
            self.ahead_at = now;
        }
        if ahead > CALM_MAX {
            self.busy_at = now;
        }
    }

    pub(crate) fn has_rested(&self, now: Offset) -> bool {
        self.rested_at <= now
    }

    /// Notes that a line sent at `sent` passed at once.
    pub(crate) fn note_prompt(&mut self, sent: Offset) {
        self.prompt_sent = self.prompt_sent.max(sent);
    }

    /// Returns whether a line was sent after `sent` that passed at once.
    pub(crate) fn has_passed_since(&self, sent: Offset) -> bool {
        self.prompt_sent > sent
    }

    /// Returns whether what was sent at `sent` may have been held back. Lines of one sender pass in their order: if a later one
    /// passed at once, the earlier one was not.
    pub(crate) fn may_be_held(&self, sent: Offset) -> bool {
        self.ahead_at + AHEAD_KEPT >= sent && !self.has_passed_since(sent)
    }

    /// Returns whether nobody holds back what was sent at `sent`.
    pub(crate) fn was_calm(&self, sent: Offset) -> bool {
        self.busy_at + AHEAD_KEPT < sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_at_once_are_ahead_and_a_line_a_second_is_calm() {
        let second = Offset::from_secs;
        let mut pace = Pace::default();
        for at in 0..60 {
            pace.spend(1, second(at));
        }
        assert!(pace.was_calm(second(60)) && !pace.may_be_held(second(60)));
        pace.spend(5, second(61));
        assert!(!pace.was_calm(second(61)) && pace.may_be_held(second(61)));
        assert!(!pace.has_rested(second(65)) && pace.has_rested(second(66)));
        // What came through since was not held back, nor what came before it.
        pace.note_prompt(second(63));
        assert!(!pace.may_be_held(second(62)) && pace.may_be_held(second(63)));
        assert!(!pace.may_be_held(second(92)));
    }
}
