//! A connection as an asynchronous stream that remembers when its last bytes arrived, under TLS or without.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::Interest;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

use crate::drive::transport::read;

/// When the last bytes of a connection arrived, as time of day since 1970; `None` where the kernel does not say.
#[derive(Clone, Debug, Default)]
pub struct Stamp(Rc<Cell<Option<Duration>>>);

impl Stamp {
    /// Returns the stamp of the last read.
    pub fn last(&self) -> Option<Duration> {
        self.0.get()
    }
}

/// A connection whose reads are stamped.
#[derive(Debug)]
pub struct StampedStream {
    stream: Rc<TcpStream>,
    control: Vec<u8>,
    stamp: Stamp,
}

impl StampedStream {
    /// Returns the stream of a connection that asks the kernel for stamps.
    pub fn new(stream: Rc<TcpStream>) -> Self {
        Self {
            stream,
            control: read::control_room(),
            stamp: Stamp::default(),
        }
    }

    /// Returns where the stamp of the last read can be seen once the stream is given away.
    pub fn stamp(&self) -> Stamp {
        self.stamp.clone()
    }
}

impl AsyncRead for StampedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            ready!(this.stream.poll_read_ready(context))?;
            let Self {
                stream, control, ..
            } = this;
            let room = buffer.initialize_unfilled();
            match stream.try_io(Interest::READABLE, || read::receive(stream, room, control)) {
                Ok(read) => {
                    buffer.advance(read.count);
                    this.stamp.0.set(read.stamp);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for StampedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(context))?;
            match self.stream.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = rustix::net::shutdown(&*self.stream, rustix::net::Shutdown::Write);
        Poll::Ready(outcome.map_err(io::Error::from))
    }
}
