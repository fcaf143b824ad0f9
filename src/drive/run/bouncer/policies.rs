//! What is known of each kind of bouncer that can be tested: how it is provisioned, how it plays back, what it keeps.

use crate::irc::session::playback::Playback;
use crate::measure::continuity::policy::BufferPolicy;
use crate::measure::continuity::policy::Forgets;
use crate::measure::continuity::policy::Starts;
use crate::provision;
use crate::scenario::bouncer::Bouncer;
use crate::scenario::bouncer::BouncerKind;

/// A kind of bouncer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Family {
    pub(crate) provision: provision::Family,
    pub(crate) playback: Playback,
    pub(crate) policy: BufferPolicy,
}

impl Family {
    /// Returns what is known of a bouncer as `provision` configures it. Where no pages are read none is owed, and nothing is remembered
    /// for them.
    pub(crate) fn of(wanted: &Bouncer, reads_pages: bool) -> Self {
        // ZNC 1.8 with AutoClearChanBuffer, as shipped: in memory, until the first client attaches. Without it everything is kept, what
        // its user said too.
        let policy = BufferPolicy {
            lines_max: wanted.buffer_lines,
            starts: Starts::AtOnce,
            forgets: if wanted.keeps_read {
                Forgets::Never
            } else {
                Forgets::OnAttach
            },
            keeps_own: wanted.keeps_read,
            keeps_notices: true,
            keeps_queries: true,
            tells_siblings: true,
            marks_replay: true,
            survives_restart: false,
            pages_lines_max: 0,
        };
        match wanted.kind {
            BouncerKind::Znc => Self {
                provision: provision::Family::Znc,
                playback: Playback::ZNC,
                policy,
            },
            // With its log on and no bound of lines: all since the last client left.
            BouncerKind::Bip => Self {
                provision: provision::Family::Bip,
                playback: Playback::BIP,
                policy: BufferPolicy {
                    lines_max: u32::MAX,
                    tells_siblings: false,
                    ..policy
                },
            },
            // With its store of files, from the first receipt on: all clients of a user on a network have one name, and share theirs.
            BouncerKind::Soju => Self {
                provision: provision::Family::Soju,
                playback: Playback::SOJU,
                policy: BufferPolicy {
                    lines_max: provision::soju::BACKLOG_LINES,
                    starts: Starts::WithReceipts,
                    keeps_own: true,
                    survives_restart: true,
                    pages_lines_max: if reads_pages { u32::MAX } else { 0 },
                    ..policy
                },
            },
        }
    }
}
