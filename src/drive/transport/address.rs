//! Where a target is, and from which addresses it is reached.

use std::fmt;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::ToSocketAddrs;

use crate::units::id::UserId;

/// Port of a target reached in plain text, unless it says another.
const PLAIN_PORT: u16 = 6667;
/// Port of a target reached over TLS, unless it says another (RFC 7194).
const TLS_PORT: u16 = 6697;

/// A target as given: `irc://host:port`, `ircs://host:port`, or `host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetUrl {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether it is reached over TLS.
    pub is_secure: bool,
}

/// Why a target can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// It is not written as a target is.
    #[error(
        "expected a target such as `irc://127.0.0.1:6667` or `ircs://irc.example.org`, found `{0}`"
    )]
    Unreadable(String),
    /// Its name has no address.
    #[error("no address found for `{host}`: {reason}")]
    Unresolved {
        /// The name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
}

impl TargetUrl {
    /// Reads a target.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let unreadable = || TargetError::Unreadable(text.to_owned());
        let (rest, is_secure) = match text.strip_prefix("ircs://") {
            Some(rest) => (rest, true),
            None => (text.strip_prefix("irc://").unwrap_or(text), false),
        };
        let rest = rest.trim_end_matches('/');
        if rest.contains("://") || rest.is_empty() || rest.contains('/') {
            return Err(unreadable());
        }
        let (host, port) = match rest.strip_prefix('[') {
            Some(bracketed) => {
                let (host, port) = bracketed.split_once(']').ok_or_else(unreadable)?;
                (host, port.strip_prefix(':'))
            }
            None => match rest.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        let usual = if is_secure { TLS_PORT } else { PLAIN_PORT };
        let port = port.map_or(Ok(usual), |port| port.parse().map_err(|_| unreadable()))?;
        if host.is_empty() || port == 0 {
            return Err(unreadable());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
            is_secure,
        })
    }

    /// Returns the target's first address.
    ///
    /// # Errors
    ///
    /// Returns what the resolver said if it has none.
    pub fn resolve(&self) -> Result<SocketAddr, TargetError> {
        let unresolved = |reason: String| TargetError::Unresolved {
            host: self.host.clone(),
            reason,
        };
        let mut found = (self.host.as_str(), self.port)
            .to_socket_addrs()
            .map_err(|error| unresolved(error.to_string()))?;
        found
            .next()
            .ok_or_else(|| unresolved("the resolver gave none".to_owned()))
    }
}

impl fmt::Display for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "ircs" } else { "irc" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

/// Returns whether a target is on this machine.
pub fn is_loopback(address: &SocketAddr) -> bool {
    address.ip().is_loopback()
}

/// Returns the source address of a user towards a loopback target: one each in 127.0.0.0/8, so that neither a server's limits
/// per address nor the kernel's search for a free port count. Without spreading, and off loopback, the kernel chooses.
pub fn source_of(user: UserId, target: &SocketAddr, is_spread: bool) -> Option<IpAddr> {
    if !is_spread || !matches!(target.ip(), IpAddr::V4(ip) if ip.is_loopback()) {
        return None;
    }
    // 127.1.0.0 onwards: 127.0.0.0/16 holds the addresses that programs are configured with.
    let number = 0x7f01_0000u32 + user.0 % 0x00fe_0000;
    Some(IpAddr::V4(Ipv4Addr::from(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Option<(&str, u16)>) {
        let got = TargetUrl::parse(text).ok();
        assert_eq!(
            got.as_ref().map(|url| (url.host.as_str(), url.port)),
            want,
            "{text}"
        );
    }

    #[test]
    fn targets_are_read_with_and_without_their_parts() {
        check("irc://127.0.0.1:6667", Some(("127.0.0.1", 6667)));
        check("irc.example.test", Some(("irc.example.test", 6667)));
        check("[::1]:7000", Some(("::1", 7000)));
        check("irc://localhost/", Some(("localhost", 6667)));
        check("ircs://irc.example.test", Some(("irc.example.test", 6697)));
        check("ircs://[::1]:7001/", Some(("::1", 7001)));
        for wrong in [
            "",
            "http://a",
            "irc://a:b",
            "irc://:1",
            "a:0",
            "irc://a/b",
            "[::1",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn sources_differ_and_stay_on_loopback() {
        let target = "127.0.0.1:6667".parse().unwrap();
        let first = source_of(UserId(0), &target, true).unwrap();
        assert_ne!(Some(first), source_of(UserId(1), &target, true));
        assert!(
            source_of(UserId(u32::MAX), &target, true)
                .unwrap()
                .is_loopback()
        );
        assert_eq!(
            source_of(UserId(0), &"192.0.2.1:6667".parse().unwrap(), true),
            None
        );
    }
}
