//! What a bouncer has learnt of a seat from its clients' receipts, and what is left of that when it is killed.

use crate::measure::continuity::backlog::Detached;
use crate::measure::continuity::backlog::SessionId;
use crate::measure::continuity::backlog::UNDER_WAY_MAX;
use crate::measure::continuity::backlog::keeping::Keeping;
use crate::measure::continuity::seat::Seat;
use crate::units::offset::Offset;

impl Seat {
    /// Notes what the bouncer has learnt from a session's receipts as that ends: it writes them down. Those that were given as the
    /// connection was torn off may not have come.
    pub(super) fn note_receipts(&mut self, session: SessionId, how: Detached, at: Offset) {
        let mut live = self.live.iter();
        if live.any(|live| live.session == session && live.is_orphaned) {
            return;
        }
        let known = match how {
            Detached::Fenced => at,
            Detached::Dropped | Detached::Vanished => at - UNDER_WAY_MAX,
        };
        let mut streams = self.streams.values();
        self.has_receipts |= streams.any(|lines| lines.others.receipt_at(session) <= known);
        if !self.has_receipts {
            return;
        }
        for lines in self.streams.values_mut() {
            let others = &mut lines.others;
            let is_begun =
                others.keeping() >= Keeping::Begun || others.receipt_at(session) <= known;
            others.keep(if is_begun {
                Keeping::Stored
            } else {
                Keeping::FromNext
            });
        }
    }

    /// Notes that the bouncer was killed: what is left is what it has written down.
    pub(super) fn note_killed(&mut self) {
        let mut streams = self.streams.values();
        self.has_receipts &= streams.any(|lines| lines.others.keeping() == Keeping::Stored);
        if self.has_receipts {
            for lines in self.streams.values_mut() {
                lines.others.keep(Keeping::FromNext);
            }
        }
        for live in &mut self.live {
            live.is_orphaned = true;
        }
    }
}
