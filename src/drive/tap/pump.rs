//! One direction of one connection: what arrives is passed on, then copied for the recorder.

use std::cell::Cell;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::io::ReadBuf;

use crate::drive::clock::Clock;
use crate::drive::tap::counts::Board;
use crate::drive::tap::counts::Notice;
use crate::drive::tap::queue::Copied;
use crate::drive::tap::queue::Intake;
use crate::drive::tap::record;
use crate::drive::transport::read::READ_BYTES;
use crate::drive::transport::stamped::Stamp;
use crate::traffic::capture::dialogue::ConnectionId;
use crate::traffic::capture::dialogue::Direction;
use crate::units::offset::Offset;

/// Bytes of one direction of one connection that wait here for a slow reader: what was read at once, and nothing more is read
/// until it is written. What waits besides is in the kernel's buffers, and makes the writer wait as it would without a tap.
pub(crate) const WAITING_BYTES_MAX: usize = READ_BYTES;

/// A connection did not end in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

/// What all connections share.
#[derive(Clone)]
pub(crate) struct Shared {
    /// Set anew now and then: a tap may outlive steps of the system's clock.
    pub(crate) clock: Rc<Cell<Clock>>,
    pub(crate) board: Board,
    pub(crate) intake: Intake,
    /// Room for reads: an idle connection has none of its own.
    pub(crate) room: Rc<RefCell<Vec<u8>>>,
}

impl Shared {
    pub(crate) fn new(clock: Clock, board: Board, intake: Intake) -> Self {
        Self {
            clock: Rc::new(Cell::new(clock)),
            board,
            intake,
            room: Rc::new(RefCell::new(vec![0; WAITING_BYTES_MAX])),
        }
    }
}

/// One direction of one connection.
pub(crate) struct Pump {
    shared: Shared,
    connection: ConnectionId,
    direction: Direction,
    stamp: Stamp,
    /// Whether the recorder has missed bytes since it was last told some.
    has_gap: bool,
    /// What could not be written at once.
    waiting: Vec<u8>,
}

/// What a read brought.
struct Arrived {
    at: Offset,
    count: usize,
    is_passed: bool,
}

impl Pump {
    /// Returns a pump whose reads are stamped by `stamp`.
    pub(crate) fn new(
        shared: &Shared,
        connection: ConnectionId,
        direction: Direction,
        stamp: Stamp,
    ) -> Self {
        Self {
            shared: shared.clone(),
            connection,
            direction,
            stamp,
            has_gap: false,
            waiting: Vec::new(),
        }
    }

    /// Passes everything on until the end, and the end too.
    pub(crate) async fn run(
        mut self,
        mut reader: impl AsyncRead + Unpin,
        mut writer: impl AsyncWrite + Unpin,
    ) -> Result<(), Broken> {
        loop {
            let arrived =
                poll_fn(|context| self.poll_pass(context, &mut reader, &mut writer)).await;
            let Some(arrived) = arrived.map_err(|_| Broken)? else {
                return writer.shutdown().await.map_err(|_| Broken);
            };
            if !arrived.is_passed {
                let waiting = std::mem::take(&mut self.waiting);
                writer.write_all(&waiting).await.map_err(|_| Broken)?;
                writer.flush().await.map_err(|_| Broken)?;
                self.passed(arrived.count, arrived.at);
            }
        }
    }

    /// Reads once and writes as much of it as the kernel takes now; `None` at the end.
    fn poll_pass(
        &mut self,
        context: &mut Context<'_>,
        reader: &mut (impl AsyncRead + Unpin),
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<Option<Arrived>>> {
        let room = Rc::clone(&self.shared.room);
        let mut room = room.borrow_mut();
        let mut buffer = ReadBuf::new(&mut room);
        match ready!(Pin::new(reader).poll_read(context, &mut buffer)) {
            Ok(()) => {}
            // Many servers end TLS without a word of it; the end is passed on as the end that it is.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Poll::Ready(Ok(None));
            }
            Err(error) => return Poll::Ready(Err(error)),
        }
        let bytes = buffer.filled();
        if bytes.is_empty() {
            return Poll::Ready(Ok(None));
        }
        let clock = self.shared.clock.get();
        let now = clock.now();
        let at = self
            .stamp
            .last()
            .map_or(now, |stamp| clock.of_stamp(stamp, now));
        let written = match Pin::new(&mut *writer).poll_write(context, bytes) {
            Poll::Ready(written) => written?,
            Poll::Pending => 0,
        };
        let is_flushed = match Pin::new(writer).poll_flush(context) {
            Poll::Ready(flushed) => flushed.is_ok(),
            Poll::Pending => false,
        };
        let is_passed = written == bytes.len() && is_flushed;
        if is_passed {
            self.passed(bytes.len(), at);
        } else {
            self.waiting
                .extend_from_slice(bytes.get(written..).unwrap_or_default());
        }
        self.copy(bytes, at);
        Poll::Ready(Ok(Some(Arrived {
            at,
            count: bytes.len(),
            is_passed,
        })))
    }

    fn passed(&self, count: usize, at: Offset) {
        let added = self.shared.clock.get().now().since(at);
        self.shared.board.passed(self.direction, count, added);
    }

    /// Hands a copy to the recorder, if it has room for it.
    fn copy(&mut self, bytes: &[u8], at: Offset) {
        let copied = || Copied {
            connection: self.connection,
            direction: self.direction,
            at_us: record::unix_us(&self.shared.clock.get(), at),
            bytes: bytes.into(),
            is_after_gap: self.has_gap,
        };
        let is_copied = self.shared.intake.copy(copied, bytes.len());
        self.has_gap = !is_copied;
        if !is_copied {
            let (board, direction) = (&self.shared.board, self.direction);
            board.tell(Notice::Overrun);
            board.count(|counts| counts.lane(direction).missed_bytes += bytes.len() as u64);
        }
    }
}
