//! From when on a bouncer keeps lines for who is away, and what it tells again where clients give receipts.

use crate::measure::continuity::backlog::Attached;
use crate::measure::continuity::backlog::Backlog;
use crate::measure::continuity::backlog::Detached;
use crate::measure::continuity::backlog::Fate;
use crate::measure::continuity::backlog::SessionId;
use crate::measure::continuity::backlog::UNDER_WAY_MAX;
use crate::measure::continuity::policy::Forgets;
use crate::measure::continuity::policy::LineKind;
use crate::measure::continuity::policy::Starts;
use crate::units::offset::Offset;

/// How far a bouncer keeps the lines of a stream for who is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keeping {
    /// Not at all.
    NotYet,
    /// From the next line on.
    FromNext,
    /// Since a line, by what it knows in memory.
    Begun,
    /// Since a line, by what it has written down.
    Stored,
}

impl Keeping {
    pub(super) fn at_first(starts: Starts) -> Self {
        match starts {
            Starts::AtOnce => Self::Stored,
            Starts::WithReceipts => Self::NotYet,
        }
    }
}

impl Backlog {
    /// Notes that the bouncer keeps lines here, at least so far.
    pub fn keep(&mut self, keeping: Keeping) {
        self.keeping = self.keeping.max(keeping);
    }

    /// Returns how far the bouncer keeps lines here.
    pub fn keeping(&self) -> Keeping {
        self.keeping
    }

    /// Returns when a session first gave a receipt here; `NEVER` if it did not.
    pub fn receipt_at(&self, session: SessionId) -> Offset {
        let attached = self.sessions.get(&session);
        attached.map_or(Offset::NEVER, |attached| attached.receipt_at)
    }

    /// Returns whether lines of `kind` are kept for who is away.
    pub(super) fn is_kept(&self, kind: LineKind) -> bool {
        self.keeping != Keeping::NotYet && self.policy.keeps(kind)
    }

    /// Notes that the bouncer itself was killed at `now`: a buffer in memory is gone.
    pub fn handle_bouncer_down(&mut self, now: Offset) {
        let (survives, gives_receipts) = (
            self.policy.survives_restart,
            self.policy.starts == Starts::WithReceipts,
        );
        if survives && gives_receipts {
            // What it has written down, if it has, is as old as the end of the last session.
            self.note_unsure(now, self.attached_until);
        }
        if survives && self.keeping == Keeping::Stored {
            return;
        }
        if gives_receipts {
            self.keeping = Keeping::NotYet;
        }
        let is_told_again = self.policy.forgets == Forgets::Never;
        for written in &mut self.written {
            if is_told_again || matches!(written.fate, Fate::Unread | Fate::UnderWay) {
                written.fate = Fate::Excused;
            }
        }
    }

    /// Notes what the end of a session at `now` says of its receipts.
    pub(super) fn note_receipts_end(&mut self, attached: &Attached, how: Detached, now: Offset) {
        if self.policy.starts == Starts::AtOnce {
            return;
        }
        // Who came since has been told what was unsure, once.
        if how == Detached::Fenced || attached.at > self.torn_at {
            self.again_from = Offset::NEVER;
        }
        if how != Detached::Fenced {
            self.note_unsure(now, now);
        }
    }

    /// Notes that receipts since a while before `since` may be unknown to the bouncer, as something was torn off at `now`.
    fn note_unsure(&mut self, now: Offset, since: Offset) {
        let from = if since == Offset::ALWAYS {
            since
        } else {
            since - UNDER_WAY_MAX
        };
        self.again_from = self.again_from.min(from);
        self.torn_at = now;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::measure::continuity::Continuity;
    use crate::measure::continuity::line::LineId;
    use crate::measure::continuity::policy::BufferPolicy;
    use crate::measure::continuity::policy::Forgets;
    use crate::measure::continuity::told::Deed;
    use crate::measure::continuity::told::Stream;
    use crate::measure::continuity::told::Told;
    use crate::measure::interval::Interval;
    use crate::measure::ledger::counts::Breach;
    use crate::units::id::ChannelId;
    use crate::units::id::SeatId;
    use crate::units::id::UserId;

    const POLICY: BufferPolicy = BufferPolicy {
        lines_max: 100,
        starts: Starts::WithReceipts,
        forgets: Forgets::OnAttach,
        keeps_own: true,
        keeps_notices: true,
        keeps_queries: true,
        tells_siblings: true,
        marks_replay: true,
        survives_restart: true,
        pages_lines_max: 0,
    };
    const SEAT: SeatId = SeatId(0);
    const CLIENT: UserId = UserId(0);

    /// A bouncer's user of one client in two channels, and what is told of both, a second after the other.
    struct Scene {
        judge: Continuity,
        now: Offset,
    }

    impl Scene {
        fn new(policy: BufferPolicy) -> Self {
            Self {
                judge: Continuity::new(&[SEAT], policy, Duration::from_secs(4)),
                now: Offset::ZERO,
            }
        }

        fn tell(&mut self, deed: Deed) -> &mut Self {
            self.now += Duration::from_secs(1);
            self.judge.tell([Told { at: self.now, deed }]);
            self
        }

        fn write(&mut self, channel: u32, line: u64) -> &mut Self {
            self.tell(Deed::Written {
                seat: SEAT,
                stream: Stream::Channel(ChannelId(channel)),
                line: LineId(line),
                kind: LineKind::Message,
                stamped: None,
            })
        }

        fn attach(&mut self) -> &mut Self {
            let (client, seat) = (CLIENT, SEAT);
            self.tell(Deed::Attached { client, seat });
            for channel in [0, 1].map(ChannelId) {
                self.tell(Deed::Joined {
                    client,
                    seat,
                    channel,
                });
            }
            self
        }

        fn read(&mut self, channel: u32, line: u64, is_replayed: bool) -> &mut Self {
            self.tell(Deed::Read {
                client: CLIENT,
                seat: SEAT,
                stream: Some(Stream::Channel(ChannelId(channel))),
                line: LineId(line),
                is_own: false,
                is_telling: true,
                is_replayed,
                stamp: None,
            })
        }

        fn detach(&mut self, how: Detached) -> &mut Self {
            self.tell(Deed::Detached {
                client: CLIENT,
                seat: SEAT,
                how,
            })
        }

        /// Has a client attach, read a live line of the first channel, and leave.
        fn receipt(&mut self, line: u64, how: Detached) -> &mut Self {
            self.attach().write(0, line).read(0, line, false);
            self.now += Duration::from_secs(5);
            self.detach(how)
        }

        #[track_caller]
        fn check(&mut self, want: [u64; 3]) {
            let mut interval = Interval::default();
            self.now += Duration::from_mins(1);
            self.judge.finish(self.now, &mut interval);
            let counts = self.judge.counts();
            let got = [
                Breach::Lost,
                Breach::BacklogMissing,
                Breach::BacklogDuplicated,
            ];
            assert_eq!(got.map(|breach| counts.count(breach)), want);
        }
    }

    #[test]
    fn nothing_is_owed_before_the_first_receipt() {
        // The first channel is heard of before anybody was there, the second while nobody is.
        Scene::new(POLICY)
            .write(0, 1)
            .write(1, 2)
            .attach()
            .detach(Detached::Fenced)
            .write(0, 3)
            .attach()
            .detach(Detached::Fenced)
            .check([0, 0, 0]);
        // Who was torn off as it read may have given none that came.
        let mut torn = Scene::new(POLICY);
        torn.attach().write(0, 1).read(0, 1, false);
        torn.detach(Detached::Dropped).write(0, 2);
        torn.attach().detach(Detached::Fenced).check([0, 0, 0]);
    }

    #[test]
    fn a_receipt_anywhere_lets_every_channel_be_kept() {
        for how in [Detached::Fenced, Detached::Dropped] {
            Scene::new(POLICY)
                .write(1, 1)
                .receipt(2, how)
                .write(0, 3)
                .write(1, 4)
                .attach()
                .detach(Detached::Fenced)
                .check([0, 2, 0]);
        }
        Scene::new(POLICY)
            .receipt(2, Detached::Fenced)
            .write(0, 3)
            .write(1, 4)
            .attach()
            .read(0, 3, true)
            .read(1, 4, true)
            .detach(Detached::Fenced)
            .check([0, 0, 0]);
    }

    #[test]
    fn after_a_kill_what_was_read_since_the_last_session_is_told_again() {
        let killed = |told_again: &[u64]| {
            let mut scene = Scene::new(POLICY);
            scene.receipt(1, Detached::Fenced);
            // Ten seconds make the receipt of the first one sure.
            scene.now += Duration::from_secs(10);
            scene.attach().write(0, 2).read(0, 2, false);
            scene.tell(Deed::BouncerDown).detach(Detached::Dropped);
            scene.now += Duration::from_secs(10);
            scene.write(0, 3).attach();
            for &line in told_again {
                scene.read(0, line, true);
            }
            scene.read(0, 3, true).detach(Detached::Fenced);
            scene
        };
        killed(&[2]).check([0, 0, 0]);
        // What the receipts that were written down are for is not.
        killed(&[1, 2]).check([0, 0, 1]);
        // One in whose memory alone they are keeps nothing until the next.
        let forgetful = BufferPolicy {
            survives_restart: false,
            ..POLICY
        };
        let mut scene = Scene::new(forgetful);
        scene
            .receipt(1, Detached::Fenced)
            .write(0, 2)
            .tell(Deed::BouncerDown)
            .write(0, 3);
        scene.attach().detach(Detached::Fenced).check([0, 0, 0]);
    }

    #[test]
    fn a_channel_heard_of_since_the_last_session_is_forgotten_with_a_kill() {
        let mut scene = Scene::new(POLICY);
        scene.receipt(1, Detached::Fenced).write(0, 2).write(1, 3);
        scene.tell(Deed::BouncerDown).write(1, 4);
        // The second line and the fourth are owed, the third is not.
        scene.attach().detach(Detached::Fenced).check([0, 2, 0]);
    }
}
