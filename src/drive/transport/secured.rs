//! TLS over a socket that its owner reads and writes: bytes in, text out, and the other way round.

use std::io;
use std::io::Read;
use std::io::Write;

use rustls::Connection;
use rustls::ProtocolVersion;
use tokio::net::TcpStream;

/// Most text that waits in one connection for the kernel: a few records, so that what is queued stays where it is counted.
const PENDING_BYTES_MAX: usize = 64 * 1024;

/// One side of a connection under TLS. It has no socket of its own: arriving bytes are fed to it, and it is flushed to one.
#[derive(Debug)]
pub struct Secured {
    connection: Connection,
    /// Bytes of text that were taken and that the kernel has not.
    pending: usize,
}

impl Secured {
    pub(super) fn new(mut connection: Connection) -> Self {
        connection.set_buffer_limit(Some(PENDING_BYTES_MAX));
        Self {
            connection,
            pending: 0,
        }
    }

    /// Returns whether the two sides still agree on how to talk.
    pub fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Returns the version of TLS that was agreed on, in words.
    pub fn version(&self) -> String {
        match self.connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2".to_owned(),
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3".to_owned(),
            Some(version) => format!("{version:?}"),
            None => "TLS".to_owned(),
        }
    }

    /// Returns the other side's own certificate, in DER, if it has shown one.
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        Some(self.connection.peer_certificates()?.first()?)
    }

    /// Takes bytes that arrived and hands over the text in them, piece by piece, each in `room`.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with them, or with who sent them. What is to be said about it waits to be flushed.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        room: &mut Vec<u8>,
        mut on_text: impl FnMut(&[u8]),
    ) -> Result<(), rustls::Error> {
        while !bytes.is_empty() {
            // From memory, into a buffer that is emptied each time: it takes something, or there is an error below.
            let taken = self.connection.read_tls(&mut bytes).unwrap_or(0);
            let state = self.connection.process_new_packets()?;
            let count = state.plaintext_bytes_to_read();
            if count > 0 {
                room.resize(count, 0);
                // All of it is there.
                if self.connection.reader().read_exact(room).is_ok() {
                    on_text(room);
                }
            }
            if taken == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Takes text to send, as much as there is room for. Only once everything before it has gone, so that what the kernel has
    /// taken can be told in bytes of text.
    pub fn take(&mut self, text: &[u8]) {
        if self.pending == 0 && !self.connection.is_handshaking() {
            // Into memory: it can't fail.
            self.pending = self.connection.writer().write(text).unwrap_or(0);
        }
    }

    /// Writes what waits. Returns how many bytes of text the kernel has whole since the last time.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if something still waits; else what the kernel says.
    pub fn flush(&mut self, socket: &mut impl Write) -> io::Result<usize> {
        while self.connection.wants_write() {
            self.connection.write_tls(socket)?;
        }
        Ok(std::mem::take(&mut self.pending))
    }

    /// Says that no more will be sent; it waits to be flushed.
    pub fn close(&mut self) {
        self.connection.send_close_notify();
    }
}

/// A socket as a writer that never waits.
#[derive(Debug)]
pub struct Unwaiting<'a>(pub &'a TcpStream);

impl Write for Unwaiting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
