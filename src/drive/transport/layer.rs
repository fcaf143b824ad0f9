//! What lies between a socket and the text on it: nothing, or TLS. Its owner reads and writes the socket.

use std::io;
use std::io::Read;
use std::io::Write;

use rustls::Connection;
use rustls::ProtocolVersion;
use tokio::net::TcpStream;

/// Most text that waits in one connection for the kernel: a few records, so that what is queued stays where it is counted.
const PENDING_BYTES_MAX: usize = 64 * 1024;

/// One side of a connection. It has no socket of its own: arriving bytes are given to it, and what it sends goes to one.
#[derive(Debug, Default)]
pub enum Layer {
    /// The text is the bytes.
    #[default]
    Plain,
    /// TLS.
    Secured(Box<Secured>),
}

/// TLS of one connection.
#[derive(Debug)]
pub struct Secured {
    connection: Connection,
    /// Bytes of text that were taken and that the kernel has not.
    pending: usize,
    has_agreed: bool,
}

/// What arriving bytes came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrived<'a> {
    /// The two sides have agreed on TLS; told once, before any text.
    Agreed,
    /// Text.
    Text(&'a [u8]),
}

impl From<Connection> for Layer {
    fn from(mut connection: Connection) -> Self {
        connection.set_buffer_limit(Some(PENDING_BYTES_MAX));
        Self::Secured(Box::new(Secured {
            connection,
            pending: 0,
            has_agreed: false,
        }))
    }
}

impl Layer {
    /// Returns whether it is TLS.
    pub fn is_secured(&self) -> bool {
        matches!(self, Self::Secured(_))
    }

    /// Returns whether text can be sent.
    pub fn is_ready(&self) -> bool {
        match self {
            Self::Plain => true,
            Self::Secured(secured) => secured.has_agreed,
        }
    }

    /// Returns the version of TLS that was agreed on, in words, and the other side's own certificate in DER, if it has shown one;
    /// `None` where there is no TLS.
    pub fn agreed(&self) -> Option<(String, Option<Vec<u8>>)> {
        let Self::Secured(secured) = self else {
            return None;
        };
        let version = match secured.connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2".to_owned(),
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3".to_owned(),
            Some(version) => format!("{version:?}"),
            None => "TLS".to_owned(),
        };
        let chain = secured.connection.peer_certificates();
        let own = chain.and_then(<[_]>::first);
        Some((version, own.map(|certificate| certificate.to_vec())))
    }

    /// Takes bytes that arrived and tells what they come to, piece by piece; text of TLS is put into `room`.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with them, or with who sent them. What is to be said about it goes out with the next [`Self::send`].
    pub fn receive(
        &mut self,
        bytes: &[u8],
        room: &mut Vec<u8>,
        mut tell: impl FnMut(Arrived<'_>),
    ) -> Result<(), rustls::Error> {
        match self {
            Self::Plain => {
                tell(Arrived::Text(bytes));
                Ok(())
            }
            Self::Secured(secured) => secured.receive(bytes, room, tell),
        }
    }

    /// Sends what waits, then as much of `text` as goes. Returns how many bytes of the text the kernel has taken whole; 0 if there is
    /// nothing that could be sent now.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if something waits for room: the same text is to be given again then. Else what the kernel says.
    pub fn send(&mut self, text: &[u8], socket: &mut impl Write) -> io::Result<usize> {
        match self {
            Self::Plain if text.is_empty() => Ok(0),
            Self::Plain => socket.write(text),
            Self::Secured(secured) => secured.send(text, socket),
        }
    }

    /// Says that no more will be sent, as far as there is room to say it.
    pub fn close(&mut self, socket: &mut impl Write) {
        if let Self::Secured(secured) = self {
            secured.connection.send_close_notify();
            // Who is leaving does not wait.
            let _ = secured.flush(socket);
        }
    }
}

impl Secured {
    fn receive(
        &mut self,
        mut bytes: &[u8],
        room: &mut Vec<u8>,
        mut tell: impl FnMut(Arrived<'_>),
    ) -> Result<(), rustls::Error> {
        while !bytes.is_empty() {
            // From memory, into a buffer that is emptied each time: it takes something, or there is an error below.
            let taken = self.connection.read_tls(&mut bytes).unwrap_or(0);
            let state = self.connection.process_new_packets()?;
            if !self.has_agreed && !self.connection.is_handshaking() {
                self.has_agreed = true;
                tell(Arrived::Agreed);
            }
            let count = state.plaintext_bytes_to_read();
            if count > 0 {
                room.resize(count, 0);
                // All of it is there.
                if self.connection.reader().read_exact(room).is_ok() {
                    tell(Arrived::Text(room));
                }
            }
            if taken == 0 {
                break;
            }
        }
        Ok(())
    }

    fn send(&mut self, text: &[u8], socket: &mut impl Write) -> io::Result<usize> {
        let sent = self.flush(socket)?;
        if sent > 0 || text.is_empty() || !self.has_agreed {
            return Ok(sent);
        }
        // Only once everything before it has gone, so that what the kernel has taken can be told in bytes of text. Into memory: it
        // can't fail.
        self.pending = self.connection.writer().write(text).unwrap_or(0);
        self.flush(socket)
    }

    /// Writes what waits; returns how many bytes of text have gone with it.
    fn flush(&mut self, socket: &mut impl Write) -> io::Result<usize> {
        while self.connection.wants_write() {
            self.connection.write_tls(socket)?;
        }
        Ok(std::mem::take(&mut self.pending))
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
