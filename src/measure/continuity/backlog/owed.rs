//! What a bouncer owes: lines for which its buffer has room and nobody's leave, and what becomes of those that do not come.

use std::collections::HashSet;

use crate::measure::continuity::backlog::AWAITED_MAX;
use crate::measure::continuity::backlog::Attached;
use crate::measure::continuity::backlog::Backlog;
use crate::measure::continuity::backlog::Fate;
use crate::measure::continuity::backlog::Finding;
use crate::measure::continuity::backlog::REMEMBERED_BESIDE;
use crate::measure::continuity::backlog::REMEMBERED_FOR;
use crate::measure::continuity::backlog::SessionId;
use crate::measure::continuity::backlog::Written;
use crate::measure::continuity::line::LineId;
use crate::measure::continuity::policy::Forgets;
use crate::measure::continuity::policy::LineKind;
use crate::measure::ledger::counts::Breach;
use crate::units::offset::Offset;

impl Backlog {
    pub(super) fn note(&mut self, number: u64, breach: Breach, why: &'static str) {
        if let Some(&Written { line, at, .. }) = self.written(number) {
            self.findings.push(Finding {
                line,
                written: at,
                breach,
                why,
            });
        }
    }

    pub(super) fn note_in_drop(&mut self, number: u64) {
        let why = "under way when a connection was torn off";
        self.note(number, Breach::LostInDrop, why);
    }

    /// Counts a line that was missing since then, and came at `at`.
    pub(super) fn note_healed(&mut self, number: u64, since: Offset, at: Offset) {
        self.healed.push(at.since(since));
        let why = "not played back, and there when it was read again";
        self.note(number, Breach::BacklogHidden, why);
    }

    /// Counts a line that was not played back, and did not come when that was read again.
    pub(super) fn note_gone(&mut self, number: u64) {
        let why = "written before a client attached, and not played back to it";
        self.note(number, Breach::BacklogMissing, why);
    }

    /// Notes that a client has read, from `since` to `at`, all that is told page by page: it is these lines.
    pub fn handle_pages(&mut self, lines: &HashSet<LineId>, since: Offset, at: Offset) {
        let first = self
            .end()
            .saturating_sub(u64::from(self.policy.pages_lines_max));
        for number in first.max(self.oldest)..self.end() {
            let Some(&written) = self.written(number) else {
                continue;
            };
            let is_told = written.at + self.settle <= since && self.policy.keeps(written.kind);
            if !is_told || written.is_doubtful {
                continue;
            }
            if !lines.contains(&written.line) {
                self.missing.entry(number).or_insert(since);
            } else if let Some(since) = self.missing.remove(&number) {
                self.note_healed(number, since, at);
            }
        }
    }

    /// Excuses lines for which the buffer has no room once `turns` lines were offered to it.
    pub(super) fn overflow(&mut self, turns: u64) {
        let Some(first_turn) = turns.checked_sub(u64::from(self.policy.lines_max)) else {
            return;
        };
        self.roomy_from = self.roomy_from.max(self.oldest);
        while self
            .written(self.roomy_from)
            .is_some_and(|written| written.turn < first_turn)
        {
            if let Some(written) = self.written_mut(self.roomy_from)
                && written.fate == Fate::Unread
            {
                written.fate = Fate::Excused;
            }
            self.roomy_from += 1;
        }
    }

    /// Excuses what lies before a playback that was as long as the buffer.
    pub(super) fn excuse_before(&mut self, first: u64) {
        for number in self.oldest..first {
            if let Some(written) = self.written_mut(number)
                && written.fate == Fate::Unread
            {
                written.fate = Fate::Excused;
            }
        }
    }

    /// Counts what a bouncer that never forgets should have played back before the first line that it did.
    pub(super) fn miss_replay(&mut self, session: SessionId, attached: &Attached, first: u64) {
        let kept = u64::from(self.policy.lines_max);
        let first_turn = attached.begun_turn.saturating_sub(kept);
        for number in self.oldest..first.min(attached.begun) {
            let is_in = self
                .written(number)
                .is_some_and(|written| written.turn >= first_turn);
            let is_judged =
                attached.skipped.contains_key(&number) || attached.given_up.contains(&number);
            if is_in && !is_judged {
                self.miss(number, (session, attached.at), attached.begun);
            }
        }
    }

    /// Counts a line that a session, attached `at` then, should have read and did not, if it was owed to it.
    pub(super) fn miss(&mut self, number: u64, (session, at): (SessionId, Offset), begun: u64) {
        let policy = self.policy;
        let Some(written) = self.written_mut(number) else {
            return;
        };
        let kind = written.kind;
        // What is not kept may have come before anybody was there.
        let is_live = number >= begun;
        let is_owed = (is_live || policy.keeps(kind)) && kind != LineKind::Own(session);
        if written.fate == Fate::Excused {
            return;
        }
        let replayed = written.replayed;
        match std::mem::replace(&mut written.fate, Fate::Done) {
            Fate::UnderWay => {
                // It may never have come to the bouncer: nobody is owed it the next time either.
                if policy.forgets == Forgets::Never {
                    written.fate = Fate::Excused;
                }
                self.note_in_drop(number);
            }
            Fate::Unread | Fate::Done if is_owed => {
                if kind != LineKind::Presence && !is_live {
                    // What is told again may come the next time.
                    match policy.forgets {
                        Forgets::Never if replayed > at => self.note_healed(number, at, replayed),
                        Forgets::Never => {
                            let since = self.missing.entry(number).or_insert(at);
                            *since = at.min(*since);
                        }
                        Forgets::OnAttach => self.note_gone(number),
                    }
                    return;
                }
                let breach = match kind {
                    LineKind::Presence => Breach::PresenceMissed,
                    _ => Breach::Lost,
                };
                self.note(
                    number,
                    breach,
                    "written while a client was attached, and not read by it",
                );
            }
            Fate::Unread | Fate::Done | Fate::Excused => {}
        }
    }

    /// Forgets lines of which nothing more can be learnt: a buffer's worth is remembered, and what nobody read.
    pub(super) fn forget(&mut self, now: Offset) {
        let told = self.policy.lines_max.max(self.policy.pages_lines_max);
        let kept = u64::from(told).min(AWAITED_MAX) + REMEMBERED_BESIDE;
        while let Some(&front) = self.written.front() {
            let is_kept = self.policy.keeps(front.kind) && self.policy.forgets == Forgets::Never;
            let is_beyond = if is_kept {
                // The buffer holds talk alone, whatever else was written between.
                front.turn + kept < self.turns
            } else {
                self.oldest + kept < self.end()
            };
            let is_too_many = self.oldest + AWAITED_MAX < self.end();
            let is_old = (is_beyond || is_too_many) && front.at + REMEMBERED_FOR < now;
            let is_open = matches!(front.fate, Fate::Unread | Fate::UnderWay);
            let is_awaited =
                is_open && (self.policy.keeps(front.kind) || !self.sessions.is_empty());
            if !is_old || is_awaited && self.oldest + AWAITED_MAX >= self.end() {
                return;
            }
            if is_awaited {
                let why = "65,536 lines were written after it";
                self.note(self.oldest, Breach::BacklogMissing, why);
            }
            self.has_forgotten |= is_kept && !is_beyond;
            if self.missing.remove(&self.oldest).is_some() {
                self.note_gone(self.oldest);
            }
            self.written.pop_front();
            self.oldest += 1;
        }
    }
}
