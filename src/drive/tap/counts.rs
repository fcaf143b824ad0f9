//! What a tap counts, and what it has to say.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use crate::measure::distribution::Distribution;
use crate::traffic::capture::dialogue::Direction;

/// One direction's counts.
#[derive(Clone, Debug, Default)]
pub struct Lane {
    /// Bytes passed on.
    pub bytes: u64,
    /// Bytes passed on and not recorded, since the recorder could not keep up.
    pub missed_bytes: u64,
    /// Lines read.
    pub lines: u64,
    /// How long bytes stayed here: from their arrival to when the kernel had taken them for the other side.
    pub added: Distribution,
}

/// What a tap has counted.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// From the clients to the upstream.
    pub up: Lane,
    /// From the upstream to the clients.
    pub down: Lane,
    /// Clients that connected.
    pub connections: u64,
    /// Of them, those that are connected.
    pub open: u64,
    /// Clients that were closed because the upstream could not be reached.
    pub unreachable: u64,
    /// Connections on which TLS was not agreed on.
    pub handshakes_failed: u64,
    /// Connections with TLS that only passed through: nothing of them can be read.
    pub unreadable: u64,
    /// Events written.
    pub events: u64,
    /// Events that were not written, since the recording had stopped.
    pub unwritten: u64,
    /// Lines that are not understood, too long ones and those without an end included.
    pub damaged: u64,
    /// How often the names of everybody were forgotten, since there were too many.
    pub forgotten: u64,
    /// Files begun.
    pub files: u64,
    /// Whether the recording has stopped before the tap.
    pub has_stopped: bool,
}

impl Counts {
    /// Returns the counts of a direction.
    pub(crate) fn lane(&mut self, direction: Direction) -> &mut Lane {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
}

/// Which side of a tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The clients.
    Client,
    /// The upstream.
    Upstream,
}

/// What a tap has to say while it goes on; each kind is said once, and counted each time.
#[derive(Clone, Debug)]
pub enum Notice {
    /// The upstream can't be reached.
    Unreachable(String),
    /// A side does not agree on TLS.
    Handshake(Side, String),
    /// No client can be accepted for now.
    NotAccepted(String),
    /// A client speaks TLS through the tap to the upstream: its lines can't be read.
    Unreadable,
    /// The recorder can't keep up.
    Overrun,
    /// The recording has stopped; the tap goes on.
    Stopped {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// There are as many files as have names in order.
    LastFile(PathBuf),
}

impl Notice {
    /// Returns a number for the kind.
    fn kind(&self) -> u8 {
        match self {
            Self::Unreachable(_) => 0,
            Self::Handshake(Side::Client, _) => 1,
            Self::Handshake(Side::Upstream, _) => 2,
            Self::NotAccepted(_) => 3,
            Self::Unreadable => 4,
            Self::Overrun => 5,
            Self::Stopped { .. } => 6,
            Self::LastFile(_) => 7,
        }
    }
}

/// Counts and notices that the threads of a tap share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Board(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    counts: Counts,
    /// Each kind once; `None` when it has been taken.
    notices: BTreeMap<u8, Option<Notice>>,
}

impl Board {
    fn state(&self) -> MutexGuard<'_, State> {
        // Counts are whole between any two statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the counts.
    pub(crate) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.state().counts);
    }

    /// Counts bytes that were passed on.
    pub(crate) fn passed(&self, direction: Direction, bytes: usize, added: Duration) {
        self.count(|counts| {
            let lane = counts.lane(direction);
            lane.bytes += bytes as u64;
            lane.added.record(added);
        });
    }

    /// Returns the counts so far.
    pub(crate) fn counts(&self) -> Counts {
        self.state().counts.clone()
    }

    /// Leaves a notice, unless one of its kind was left before.
    pub(crate) fn tell(&self, notice: Notice) {
        self.state()
            .notices
            .entry(notice.kind())
            .or_insert(Some(notice));
    }

    /// Takes the notices that nobody has taken.
    pub(crate) fn take_notices(&self) -> Vec<Notice> {
        let mut state = self.state();
        state
            .notices
            .values_mut()
            .filter_map(Option::take)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_notice_is_told_once() {
        let board = Board::default();
        board.tell(Notice::Overrun);
        board.tell(Notice::Overrun);
        board.tell(Notice::Unreadable);
        assert_eq!(board.take_notices().len(), 2);
        board.tell(Notice::Overrun);
        assert!(board.take_notices().is_empty());
    }
}
