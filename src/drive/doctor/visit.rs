//! One client at a target beside a run: it logs in, is talked to, and leaves.

use std::io;
use std::io::Read;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;

use crate::drive::clock::Clock;
use crate::drive::doctor::probe::PROBE_TIMEOUT;
use crate::drive::doctor::probe::ProbeError;
use crate::drive::transport::endpoint::Endpoint;
use crate::drive::transport::layer::Arrived;
use crate::drive::transport::layer::Layer;
use crate::drive::transport::tcp;
use crate::irc::session::Closed;
use crate::irc::session::Context;
use crate::irc::session::End;
use crate::irc::session::Identity;
use crate::irc::session::Manners;
use crate::irc::session::Session;
use crate::irc::session::SessionConfig;
use crate::irc::session::event::Event;
use crate::irc::session::login::LoginManner;
use crate::irc::session::sasl::Login;
use crate::irc::wire::framer::Framer;
use crate::irc::wire::isupport::Isupport;
use crate::irc::wire::message::Message;
use crate::measure::sent::LinesSent;

/// How long a read waits before the time is looked at.
const READ_TIMEOUT: Duration = Duration::from_millis(200);
/// Bytes read at once.
const READ_BYTES: usize = 4_096;

/// Who the client says it is.
#[derive(Clone, Copy, Debug)]
pub struct Visitor {
    /// Its nick and user name; a digit is added to the nick.
    pub nick: &'static str,
    /// A letter behind the nick, for visitors that are there together.
    pub letter: Option<char>,
    /// Its real name.
    pub realname: &'static str,
}

impl Identity for Visitor {
    fn nick(&self, generation: u8, out: &mut Vec<u8>) {
        out.extend_from_slice(self.nick.as_bytes());
        if let Some(letter) = self.letter {
            out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        }
        out.extend_from_slice(generation.to_string().as_bytes());
    }

    fn user(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.nick.as_bytes());
    }

    fn realname(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.realname.as_bytes());
    }

    fn login(&self) -> Option<Login<'_>> {
        None
    }
}

/// A client that is connected.
#[derive(Debug)]
pub struct Visit {
    address: SocketAddr,
    stream: TcpStream,
    layer: Layer,
    clock: Clock,
    visitor: Visitor,
    config: SessionConfig,
    session: Session,
    framer: Framer,
    /// Lines to be written with the next turn.
    pub out: Vec<u8>,
    /// What the target says of itself.
    pub isupport: Isupport,
    /// Lines that the kernel took.
    pub lines_sent: LinesSent,
}

impl Visit {
    /// Connects and begins to log in.
    ///
    /// # Errors
    ///
    /// Returns why there is no connection.
    pub fn begin(
        endpoint: &Endpoint,
        source: Option<IpAddr>,
        password: Option<Vec<u8>>,
        visitor: Visitor,
    ) -> Result<Self, ProbeError> {
        let address = endpoint.address;
        let unreachable = |reason: io::Error| match reason.kind() {
            // A refusal is another error: this one can only follow a connection that was made.
            io::ErrorKind::ConnectionReset => ProbeError::Closed { address },
            _ => ProbeError::Unreachable { address, reason },
        };
        let stream = tcp::connect_blocking(address, source, PROBE_TIMEOUT).map_err(unreachable)?;
        stream
            .set_read_timeout(Some(READ_TIMEOUT))
            .map_err(unreachable)?;
        let mut visit = Self {
            address,
            stream,
            layer: Layer::Plain,
            clock: Clock::start(),
            visitor,
            config: SessionConfig {
                capabilities: Vec::new(),
                password,
                register_timeout: PROBE_TIMEOUT,
                ping_every: Duration::from_hours(1),
                login: LoginManner::default(),
                manners: Manners::default(),
                playback: None,
            },
            session: Session::new(),
            framer: Framer::new(),
            out: Vec::new(),
            isupport: Isupport::default(),
            lines_sent: LinesSent::default(),
        };
        match &endpoint.tls {
            None => visit.log_in(),
            Some(tls) => {
                visit.layer = tls.begin(None).map_err(|source| visit.insecure(source))?;
                visit.agree()?;
            }
        }
        Ok(visit)
    }

    /// Agrees with the target on TLS, and begins to log in.
    fn agree(&mut self) -> Result<(), ProbeError> {
        let began = self.clock.now();
        while !self.layer.is_ready() {
            // A target that speaks first is heard by the session: it may say no.
            self.turn(|_| {})?;
            if self.clock.now().since(began) >= PROBE_TIMEOUT {
                return Err(ProbeError::Silent {
                    address: self.address,
                });
            }
        }
        Ok(())
    }

    fn log_in(&mut self) {
        let now = self.clock.now();
        self.with_session(|session, cx| session.handle_connected(now, cx));
    }

    fn insecure(&self, source: rustls::Error) -> ProbeError {
        ProbeError::Insecure {
            address: self.address,
            source,
        }
    }

    /// Writes what is to be written, reads once or waits a moment for something to read, and shows every line that came.
    ///
    /// # Errors
    ///
    /// Returns how the connection ended.
    pub fn turn(&mut self, mut on_line: impl FnMut(&Message<'_>)) -> Result<(), ProbeError> {
        self.write();
        let mut buffer = [0; READ_BYTES];
        let address = self.address;
        let end = match self.stream.read(&mut buffer) {
            Ok(0) => Some(Closed::Eof),
            Ok(count) => {
                self.hear(buffer.get(..count).unwrap_or_default(), &mut on_line)?;
                None
            }
            Err(error) if is_pause(&error) => None,
            Err(_) => Some(Closed::Reset),
        };
        if let Some(closed) = end {
            return Err(match self.session.handle_closed(closed) {
                End::ErrorLine(refusal) => ProbeError::Refused { address, refusal },
                _ => ProbeError::Closed { address },
            });
        }
        let now = self.clock.now();
        if self.with_session(|session, cx| session.handle_timer(now, cx)) == Event::TimedOut {
            return Err(ProbeError::Silent { address });
        }
        // What a line asked for is answered at once.
        self.write();
        Ok(())
    }

    /// Takes bytes that arrived, and shows every line in them.
    fn hear(
        &mut self,
        bytes: &[u8],
        on_line: &mut impl FnMut(&Message<'_>),
    ) -> Result<(), ProbeError> {
        let now = self.clock.now();
        let mut layer = std::mem::take(&mut self.layer);
        let mut framer = std::mem::take(&mut self.framer);
        let outcome = layer.receive(bytes, &mut Vec::new(), |arrived| match arrived {
            Arrived::Agreed => self.log_in(),
            Arrived::Text(text) => framer.push(text, |line| {
                let Some(message) = line.ok().and_then(|line| Message::parse(line).ok()) else {
                    return;
                };
                on_line(&message);
                self.with_session(|session, cx| session.handle_line(now, &message, cx));
            }),
        });
        self.layer = layer;
        self.framer = framer;
        outcome.map_err(|source| {
            // The target is told why.
            self.write();
            self.insecure(source)
        })
    }

    /// Sets how long a turn waits for something to read.
    ///
    /// # Errors
    ///
    /// Returns what the kernel says: the connection is gone.
    pub fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(patience))
    }

    /// Returns the version of TLS that was agreed on, and the target's certificate; `None` in plain text.
    pub fn tls(&self) -> Option<(String, Option<Vec<u8>>)> {
        self.layer.agreed()
    }

    /// Returns whether the login is complete.
    pub fn is_online(&self) -> bool {
        self.session.is_online()
    }

    /// Says goodbye. Leaving well is a courtesy: nothing comes of it if the target does not hear it.
    pub fn leave(mut self, reason: &[u8]) -> LinesSent {
        self.with_session(|session, cx| session.quit(reason, cx));
        self.write();
        let _ = self.stream.read(&mut [0; READ_BYTES]);
        self.lines_sent
    }

    /// Writes whole lines and counts them. A target that is gone is found out by the read.
    fn write(&mut self) {
        let mut rest = &self.out[..];
        while let Ok(count @ 1..) = self.layer.send(rest, &mut self.stream) {
            rest = rest.get(count..).unwrap_or_default();
        }
        if rest.is_empty() {
            for line in self.out.split_inclusive(|&byte| byte == b'\n') {
                self.lines_sent.add(line);
            }
        }
        self.out.clear();
    }

    fn with_session<T>(&mut self, call: impl FnOnce(&mut Session, &mut Context<'_>) -> T) -> T {
        let mut cx = Context {
            identity: &self.visitor,
            config: &self.config,
            isupport: &mut self.isupport,
            out: &mut self.out,
        };
        call(&mut self.session, &mut cx)
    }
}

/// Returns whether a read ended because nothing came for a moment.
fn is_pause(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}
