//! Copies of what passed, on their way to the recorder: a bounded queue that never makes the forwarding wait.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::TrySendError;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use crate::traffic::capture::dialogue::ConnectionId;
use crate::traffic::capture::dialogue::Direction;

/// Copies that may wait: the queue's own room, some 4 MiB.
const COPIES_MAX: usize = 65_536;

/// Bytes in copies that may wait: some thirty seconds of 10,000 lines a second.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// What the recorder is told.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Bytes passed.
    Bytes(Copied),
    /// A connection has ended, at a time in microseconds since 1970.
    Closed(ConnectionId, i64),
}

/// Bytes that passed.
#[derive(Debug)]
pub(crate) struct Copied {
    pub(crate) connection: ConnectionId,
    pub(crate) direction: Direction,
    /// When they arrived, in microseconds since 1970.
    pub(crate) at_us: i64,
    pub(crate) bytes: Box<[u8]>,
    /// Whether bytes before them are missing.
    pub(crate) is_after_gap: bool,
}

/// The end that the forwarding has.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    sender: SyncSender<Heard>,
    waiting: Arc<AtomicUsize>,
}

/// The end that the recorder has.
#[derive(Debug)]
pub(crate) struct Outlet {
    receiver: Receiver<Heard>,
    waiting: Arc<AtomicUsize>,
}

/// What came of asking for something.
#[derive(Debug)]
pub(crate) enum Received {
    Heard(Heard),
    Nothing,
    /// Nobody is left who could tell anything.
    End,
}

/// Returns an empty queue.
pub(crate) fn queue() -> (Intake, Outlet) {
    let (sender, receiver) = sync_channel(COPIES_MAX);
    let waiting = Arc::new(AtomicUsize::new(0));
    let intake = Intake {
        sender,
        waiting: Arc::clone(&waiting),
    };
    (intake, Outlet { receiver, waiting })
}

impl Intake {
    /// Hands over bytes; returns whether there was room for them. Without room, nothing is copied.
    pub(crate) fn copy(&self, copied: impl FnOnce() -> Copied, count: usize) -> bool {
        if self.waiting.load(Ordering::Relaxed) + count > BYTES_MAX {
            return false;
        }
        self.waiting.fetch_add(count, Ordering::Relaxed);
        let is_taken = self.sender.try_send(Heard::Bytes(copied())).is_ok();
        if !is_taken {
            self.waiting.fetch_sub(count, Ordering::Relaxed);
        }
        is_taken
    }

    /// Tells that a connection has ended; returns whether that need not be tried again.
    pub(crate) fn close(&self, connection: ConnectionId, at_us: i64) -> bool {
        let outcome = self.sender.try_send(Heard::Closed(connection, at_us));
        !matches!(outcome, Err(TrySendError::Full(_)))
    }
}

impl Outlet {
    /// Waits for what is told next, at most for `wait`.
    pub(crate) fn receive(&self, wait: Duration) -> Received {
        let heard = match self.receiver.recv_timeout(wait) {
            Ok(heard) => heard,
            Err(RecvTimeoutError::Timeout) => return Received::Nothing,
            Err(RecvTimeoutError::Disconnected) => return Received::End,
        };
        if let Heard::Bytes(copied) = &heard {
            self.waiting
                .fetch_sub(copied.bytes.len(), Ordering::Relaxed);
        }
        Received::Heard(heard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(count: usize) -> Copied {
        Copied {
            connection: ConnectionId(1),
            direction: Direction::Up,
            at_us: 0,
            bytes: vec![0; count].into(),
            is_after_gap: false,
        }
    }

    #[test]
    fn what_has_no_room_is_refused_and_never_waited_for() {
        let (intake, outlet) = queue();
        let half = BYTES_MAX / 2 + 1;
        assert!(intake.copy(|| copied(half), half));
        assert!(!intake.copy(|| copied(half), half));
        assert!(matches!(
            outlet.receive(Duration::ZERO),
            Received::Heard(Heard::Bytes(_))
        ));
        assert!(intake.copy(|| copied(half), half));
        for _ in 1..COPIES_MAX {
            assert!(intake.copy(|| copied(0), 0));
        }
        assert!(!intake.copy(|| copied(0), 0));
        assert!(!intake.close(ConnectionId(1), 0));
        drop(outlet);
        assert!(intake.close(ConnectionId(1), 0));
    }
}
