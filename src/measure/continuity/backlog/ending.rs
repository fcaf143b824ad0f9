//! The end of a session, and of a run: what is still owed then.

use crate::measure::continuity::backlog::Backlog;
use crate::measure::continuity::backlog::Detached;
use crate::measure::continuity::backlog::Fate;
use crate::measure::continuity::backlog::GHOST_MAX;
use crate::measure::continuity::backlog::SessionId;
use crate::measure::continuity::backlog::keeping::Keeping;
use crate::measure::continuity::policy::Forgets;
use crate::measure::ledger::counts::Breach;
use crate::units::offset::Offset;

impl Backlog {
    /// Notes the end of a session at `now`.
    pub fn handle_detached(&mut self, session: SessionId, how: Detached, now: Offset) {
        let Some(attached) = self.sessions.remove(&session) else {
            return;
        };
        self.attached_until = self.attached_until.max(now);
        self.note_receipts_end(&attached, how, now);
        let first = attached.first.unwrap_or(attached.begun);
        if attached.replayed >= self.policy.lines_max {
            self.excuse_before(first);
        } else if self.policy.forgets == Forgets::Never
            && (how == Detached::Fenced
                || how == Detached::Dropped && attached.at + self.settle <= now)
        {
            self.miss_replay(session, &attached, first);
        }
        let at_attach = if attached.first.is_some() {
            attached.begun..first
        } else {
            0..0
        };
        for number in at_attach.chain(attached.skipped.keys().copied()) {
            self.miss(number, (session, attached.at), attached.begun);
        }
        // Of what is told again each time the end may be missing too.
        let from = match (self.policy.forgets, attached.first) {
            (Forgets::Never, Some(_)) => attached.next,
            _ => attached.next.max(attached.begun),
        };
        let from = from.max(self.oldest);
        match how {
            Detached::Fenced => {
                let settle = self.settle;
                for number in from..self.end() {
                    let is_due = self.written(number).is_some_and(|written| {
                        let sent = if number < attached.begun {
                            written.at.max(attached.at)
                        } else {
                            written.at
                        };
                        sent + settle <= now
                    });
                    if is_due {
                        self.miss(number, (session, attached.at), attached.begun);
                    }
                }
            }
            Detached::Dropped | Detached::Vanished => {
                if how == Detached::Vanished {
                    self.ghost_until = now + GHOST_MAX;
                }
                let settle = self.settle;
                // What was played back was sent at the attach.
                let is_long_gone = |number: u64, at: Offset| {
                    let sent = if number < attached.begun {
                        at.max(attached.at)
                    } else {
                        at
                    };
                    how == Detached::Dropped && sent + settle <= now
                };
                for number in attached.next.max(self.oldest)..self.end() {
                    if let Some(written) = self.written_mut(number)
                        && written.fate == Fate::Unread
                        && !is_long_gone(number, written.at)
                    {
                        written.fate = Fate::UnderWay;
                    }
                }
            }
        }
        if self.sessions.is_empty() {
            // What is not kept is for who is there.
            let (policy, is_keeping) = (self.policy, self.keeping != Keeping::NotYet);
            for written in &mut self.written {
                let is_kept = is_keeping && policy.keeps(written.kind);
                if written.fate == Fate::Unread && !is_kept {
                    written.fate = Fate::Excused;
                }
            }
        }
        self.forget(now);
    }

    /// Judges what is left at the end of a run at `now`.
    pub fn finish(&mut self, now: Offset) {
        let sessions: Vec<SessionId> = self.sessions.keys().copied().collect();
        for session in sessions {
            self.handle_detached(session, Detached::Fenced, now);
        }
        for number in self.oldest..self.end() {
            let Some(&written) = self.written(number) else {
                continue;
            };
            let is_owed =
                self.policy.keeps(written.kind) && written.at + self.settle <= self.attached_until;
            match written.fate {
                Fate::Unread if is_owed => {
                    let why = "kept for nobody, though a client was attached after it";
                    self.note(number, Breach::BacklogMissing, why);
                }
                Fate::UnderWay => self.note_in_drop(number),
                _ => {}
            }
            if let Some(written) = self.written_mut(number) {
                written.fate = Fate::Done;
            }
        }
        for number in std::mem::take(&mut self.missing).into_keys() {
            self.note_gone(number);
        }
    }
}
