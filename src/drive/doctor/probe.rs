//! One look at a target: does it register anybody, what is its network, what do its welcome and MOTD say.

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::time::Duration;

use crate::drive::clock::Clock;
use crate::drive::transport::tcp;
use crate::irc::session::Closed;
use crate::irc::session::Context;
use crate::irc::session::End;
use crate::irc::session::Event;
use crate::irc::session::Identity;
use crate::irc::session::Session;
use crate::irc::session::SessionConfig;
use crate::irc::session::refusal::Refusal;
use crate::irc::wire::framer::Framer;
use crate::irc::wire::isupport::Isupport;
use crate::irc::wire::message::Message;
use crate::irc::wire::numeric;

/// How long the target may take to accept and register one client. Some look up its name first, which takes seconds.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a read waits before the time is looked at.
const READ_TIMEOUT: Duration = Duration::from_millis(200);
/// Longest welcome and MOTD kept, in bytes.
const GREETING_BYTES_MAX: usize = 64 * 1024;

/// What a target said to one client.
#[derive(Clone, Debug, Default)]
pub struct Probed {
    /// The network's name (005 NETWORK).
    pub network: Option<String>,
    /// The server's name (source of 001).
    pub server: String,
    /// The server's version (004).
    pub version: String,
    /// 005 and MOTD, as they came.
    pub greeting: String,
}

/// Why a target is not to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// No connection.
    #[error("can't connect to {address}")]
    Unreachable {
        /// Where to.
        address: SocketAddr,
        /// What the kernel said.
        #[source]
        reason: io::Error,
    },
    /// The target refused the login.
    #[error("{address} refused the login: {}", refusal.name())]
    Refused {
        /// Where.
        address: SocketAddr,
        /// How it is to be understood.
        refusal: Refusal,
    },
    /// The target closed the connection.
    #[error("{address} closed the connection before the login was complete")]
    Closed {
        /// Where.
        address: SocketAddr,
    },
    /// The target never completed the login.
    #[error("{address} did not complete a login in {} s", PROBE_TIMEOUT.as_secs())]
    Silent {
        /// Where.
        address: SocketAddr,
    },
}

struct Prober;

impl Identity for Prober {
    fn nick(&self, generation: u8, out: &mut Vec<u8>) {
        // Outside the names of any run: its consonants follow each other, which those of a run never do.
        out.extend_from_slice(b"stormy");
        out.extend_from_slice(generation.to_string().as_bytes());
    }

    fn user(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"stormy");
    }

    fn realname(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"splitstorm preflight");
    }
}

/// Connects once, registers, listens to the greeting, and leaves.
///
/// # Errors
///
/// Returns why nobody can log in there.
pub fn probe(
    address: SocketAddr,
    source: Option<IpAddr>,
    password: Option<Vec<u8>>,
) -> Result<Probed, ProbeError> {
    let unreachable = |reason: io::Error| match reason.kind() {
        // A refusal is another error: this one can only follow a connection that was made.
        io::ErrorKind::ConnectionReset => ProbeError::Closed { address },
        _ => ProbeError::Unreachable { address, reason },
    };
    let mut stream = tcp::connect_blocking(address, source, PROBE_TIMEOUT).map_err(unreachable)?;
    stream
        .set_read_timeout(Some(READ_TIMEOUT))
        .map_err(unreachable)?;
    let clock = Clock::start();
    let config = SessionConfig {
        capabilities: Vec::new(),
        password,
        register_timeout: PROBE_TIMEOUT,
        ping_every: Duration::from_hours(1),
    };
    let (mut session, mut isupport, mut framer, mut out) = (
        Session::new(),
        Isupport::default(),
        Framer::new(),
        Vec::new(),
    );
    let mut probed = Probed::default();
    let mut buffer = [0; 4_096];
    let mut is_online = false;
    session.handle_connected(
        clock.now(),
        &mut Context {
            identity: &Prober,
            config: &config,
            isupport: &mut isupport,
            out: &mut out,
        },
    );
    while !is_online {
        // A target that is gone is found out by the read.
        let _ = stream.write_all(&out);
        out.clear();
        let end = match stream.read(&mut buffer) {
            Ok(0) => Some(Closed::Eof),
            Ok(count) => {
                framer.push(&buffer[..count], |line| {
                    let Some(message) = line.ok().and_then(|line| Message::parse(line).ok()) else {
                        return;
                    };
                    note(&mut probed, &message);
                    let mut cx = Context {
                        identity: &Prober,
                        config: &config,
                        isupport: &mut isupport,
                        out: &mut out,
                    };
                    is_online |=
                        session.handle_line(clock.now(), &message, &mut cx) == Event::Registered;
                });
                None
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) =>
            {
                None
            }
            Err(_) => Some(Closed::Reset),
        };
        if let Some(closed) = end {
            return Err(match session.handle_closed(closed) {
                End::ErrorLine(refusal) => ProbeError::Refused { address, refusal },
                _ => ProbeError::Closed { address },
            });
        }
        let mut cx = Context {
            identity: &Prober,
            config: &config,
            isupport: &mut isupport,
            out: &mut out,
        };
        match session.handle_timer(clock.now(), &mut cx) {
            Event::TimedOut => return Err(ProbeError::Silent { address }),
            Event::Registered => is_online = true,
            _ => {}
        }
    }
    session.quit(
        b"preflight complete",
        &mut Context {
            identity: &Prober,
            config: &config,
            isupport: &mut isupport,
            out: &mut out,
        },
    );
    // Leaving well is a courtesy; the answer is there.
    let _ = stream.write_all(&out);
    let _ = stream.read(&mut buffer);
    probed.network = isupport
        .network
        .map(|name| String::from_utf8_lossy(&name).into_owned());
    Ok(probed)
}

fn note(probed: &mut Probed, message: &Message<'_>) {
    let text = |index| {
        message
            .params
            .get(index)
            .map(|param| String::from_utf8_lossy(param).into_owned())
    };
    match message.numeric() {
        Some(numeric::RPL_WELCOME) => {
            probed.server = message
                .source
                .map(|source| String::from_utf8_lossy(source.nick).into_owned())
                .unwrap_or_default();
        }
        Some(numeric::RPL_MYINFO) => probed.version = text(2).unwrap_or_default(),
        Some(numeric::RPL_ISUPPORT | numeric::RPL_MOTD | numeric::RPL_MOTDSTART)
            if probed.greeting.len() < GREETING_BYTES_MAX =>
        {
            for param in message.params.iter() {
                probed.greeting.push_str(&String::from_utf8_lossy(param));
                probed.greeting.push(' ');
            }
            probed.greeting.push('\n');
        }
        _ => {}
    }
}
