//! Reading with the kernel's receive stamp, in one call, into a buffer that all connections share.

use std::io;
use std::io::IoSliceMut;
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::cmsg_space;
use nix::sys::socket::ControlMessageOwned;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::recvmsg;
use nix::sys::time::TimeSpec;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Bytes read at once.
pub const READ_BYTES: usize = 64 * 1024;

/// The buffers of one shard's reads.
#[derive(Debug)]
pub struct ReadBuffer {
    bytes: Vec<u8>,
    control: Vec<u8>,
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Number of bytes; 0 for the end.
    pub count: usize,
    /// When the last of them arrived, as time of day since 1970, where the kernel says so.
    pub stamp: Option<Duration>,
}

impl Default for ReadBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl ReadBuffer {
    /// Returns the buffers for one shard.
    pub fn new() -> Self {
        Self {
            bytes: vec![0; READ_BYTES],
            control: control_room(),
        }
    }

    /// Returns the first `count` bytes of the last read.
    pub fn bytes(&self, count: usize) -> &[u8] {
        &self.bytes[..count.min(self.bytes.len())]
    }

    /// Reads what has arrived.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if nothing has; else what the kernel says.
    pub fn read(&mut self, stream: &TcpStream) -> io::Result<Read> {
        let Self { bytes, control } = self;
        let mut found = None;
        let outcome = stream.try_io(Interest::READABLE, || {
            let read = receive(stream, bytes, control)?;
            found = Some(read);
            // A short read has emptied the socket. Saying so spares the call that would find out, one in two; but an end
            // must stay readable.
            if read.count > 0 && read.count < READ_BYTES {
                Err(io::ErrorKind::WouldBlock.into())
            } else {
                Ok(())
            }
        });
        match (found, outcome) {
            (Some(read), _) => Ok(read),
            (None, Err(error)) => Err(error),
            (None, Ok(())) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

/// Returns room for the control data of one read.
pub(crate) fn control_room() -> Vec<u8> {
    let mut control = cmsg_space!(TimeSpec);
    control.resize(control.capacity(), 0);
    control
}

/// Receives into `bytes`, with the stamp.
pub(crate) fn receive(
    stream: &TcpStream,
    bytes: &mut [u8],
    control: &mut [u8],
) -> io::Result<Read> {
    let mut slices = [IoSliceMut::new(bytes)];
    let message = recvmsg::<()>(
        stream.as_raw_fd(),
        &mut slices,
        Some(control),
        MsgFlags::empty(),
    )?;
    let stamp = message
        .cmsgs()
        .ok()
        .into_iter()
        .flatten()
        .find_map(|control| match control {
            ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
            _ => None,
        });
    Ok(Read {
        count: message.bytes,
        stamp,
    })
}
