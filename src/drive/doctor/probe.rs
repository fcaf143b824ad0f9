//! One look at a target: does it register anybody, what is its network, what do its welcome and MOTD say.

use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::time::Duration;

use rustls::CertificateError;

use crate::drive::doctor::visit::Visit;
use crate::drive::doctor::visit::Visitor;
use crate::drive::transport::endpoint::Endpoint;
use crate::fitness::target::family;
use crate::irc::session::refusal::Refusal;
use crate::irc::wire::message::Message;
use crate::irc::wire::numeric;
use crate::measure::sent::LinesSent;

/// How long the target may take to accept and register one client. Some look up its name first, which takes seconds.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(15);
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
    /// When the server was made or started (003), in its own words.
    pub created: String,
    /// The tokens of 005.
    pub tokens: Vec<String>,
    /// 005 and MOTD, as they came.
    pub greeting: String,
    /// Lines that it was sent.
    pub lines_sent: LinesSent,
}

impl Probed {
    /// Returns the family of the target's software.
    pub fn family(&self) -> &'static str {
        let mut said = vec![self.version.as_str(), &self.server];
        said.extend(self.tokens.iter().map(String::as_str));
        family::named(&said)
    }
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
    /// TLS was not agreed on.
    #[error("TLS with {address} failed")]
    Insecure {
        /// Where.
        address: SocketAddr,
        /// What is wrong.
        #[source]
        source: rustls::Error,
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

impl ProbeError {
    /// Returns what to do about it, where that is not plain.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Unreachable { .. } | Self::Silent { .. } => {
                Some("is the target up, and is this its IRC port?")
            }
            Self::Closed { .. } => {
                Some("is this its IRC port, and plain as irc:// says or TLS as ircs:// says?")
            }
            Self::Insecure { source, .. } => Some(insecure_help(source)),
            Self::Refused { .. } => None,
        }
    }
}

/// Returns what to do about TLS that failed.
fn insecure_help(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(fault) => match fault {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "nobody who is trusted vouches for its certificate: name its authority with --ca FILE"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired: renew it on the target"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet: look at the clocks"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another host: name the target as the certificate does"
            }
            CertificateError::Other(_) => {
                "a certificate that signs others can't be a server's own: give the server one that its authority signed"
            }
            _ => "look at the target's certificate",
        },
        rustls::Error::AlertReceived(_) => {
            "the target refused: does it want a client's certificate (--certificate, --key)?"
        }
        rustls::Error::InvalidMessage(_) => "is this its TLS port? The plain one is irc://",
        _ => "look at the target's TLS settings",
    }
}

/// Outside the names of any run: its consonants follow each other, which those of a run never do.
const VISITOR: Visitor = Visitor {
    nick: "stormy",
    letter: None,
    realname: "splitstorm preflight",
};

/// Connects once, registers, listens to the greeting, and leaves.
///
/// # Errors
///
/// Returns why nobody can log in there.
pub fn probe(
    endpoint: &Endpoint,
    source: Option<IpAddr>,
    password: Option<Vec<u8>>,
) -> Result<Probed, ProbeError> {
    let mut visit = Visit::begin(endpoint, source, password, VISITOR)?;
    let mut probed = Probed::default();
    while !visit.is_online() {
        visit.turn(|message| note(&mut probed, message))?;
    }
    probed.network = visit
        .isupport
        .network
        .take()
        .map(|name| String::from_utf8_lossy(&name).into_owned());
    probed.lines_sent = visit.leave(b"preflight complete");
    Ok(probed)
}

/// Notes what a line of the greeting tells.
pub(super) fn note(probed: &mut Probed, message: &Message<'_>) {
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
        Some(numeric::RPL_CREATED) => probed.created = text(1).unwrap_or_default(),
        Some(numeric::RPL_ISUPPORT | numeric::RPL_MOTD | numeric::RPL_MOTDSTART)
            if probed.greeting.len() < GREETING_BYTES_MAX =>
        {
            if message.numeric() == Some(numeric::RPL_ISUPPORT) {
                // Between the nick and the words for people.
                let count = message.params.len().saturating_sub(2);
                let tokens = message.params.iter().skip(1).take(count);
                let text = |token| String::from_utf8_lossy(token).into_owned();
                probed.tokens.extend(tokens.map(text));
            }
            for param in message.params.iter() {
                probed.greeting.push_str(&String::from_utf8_lossy(param));
                probed.greeting.push(' ');
            }
            probed.greeting.push('\n');
        }
        _ => {}
    }
}
