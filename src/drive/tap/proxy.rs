//! The header of the PROXY protocol: it tells the upstream, before anything else, who its client is
//! (haproxy.org, "The PROXY protocol, versions 1 & 2").

use std::net::IpAddr;
use std::net::SocketAddr;

/// What a header of version 2 begins with: no line of text, and no beginning of TLS.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

impl ProxyProtocol {
    /// Returns the header of a connection that a client made from one address to another.
    pub(crate) fn header(self, from: SocketAddr, to: SocketAddr) -> Vec<u8> {
        // A listener for both families shows addresses of version 4 as such of version 6.
        let ips = (from.ip().to_canonical(), to.ip().to_canonical());
        let family = match ips {
            (IpAddr::V4(_), IpAddr::V4(_)) => 4_u8,
            (IpAddr::V6(_), IpAddr::V6(_)) => 6,
            // A client has no address of another family than the one it connected to.
            _ => return self.of_nobody(),
        };
        match self {
            Self::V1 => format!(
                "PROXY TCP{family} {} {} {} {}\r\n",
                ips.0,
                ips.1,
                from.port(),
                to.port()
            )
            .into_bytes(),
            Self::V2 => {
                let mut addresses = Vec::new();
                for ip in [ips.0, ips.1] {
                    match ip {
                        IpAddr::V4(ip) => addresses.extend(ip.octets()),
                        IpAddr::V6(ip) => addresses.extend(ip.octets()),
                    }
                }
                addresses.extend(from.port().to_be_bytes());
                addresses.extend(to.port().to_be_bytes());
                let (stream, length) = if family == 4 { (0x11, 12) } else { (0x21, 36) };
                // Version 2, a connection on behalf of another.
                let mut header = SIGNATURE.to_vec();
                header.extend([0x21, stream, 0, length]);
                header.extend(addresses);
                header
            }
        }
    }

    /// Returns the header of a connection of our own, on nobody's behalf.
    pub(crate) fn of_nobody(self) -> Vec<u8> {
        match self {
            Self::V1 => b"PROXY UNKNOWN\r\n".to_vec(),
            Self::V2 => {
                let mut header = SIGNATURE.to_vec();
                header.extend([0x20, 0, 0, 0]);
                header
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: &str, to: &str, v1: &str, v2: &[u8]) {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        let header = ProxyProtocol::V1.header(from, to);
        assert_eq!(String::from_utf8_lossy(&header), v1);
        // The longest line there may be.
        assert!(header.len() <= 107);
        let header = ProxyProtocol::V2.header(from, to);
        assert_eq!(header, [&SIGNATURE, v2].concat());
    }

    #[test]
    fn a_header_tells_both_ends() {
        let v4 = [
            0x21, 0x11, 0, 12, 192, 0, 2, 1, 192, 0, 2, 9, 0xa0, 0, 0x1a, 0x0b,
        ];
        check(
            "192.0.2.1:40960",
            "192.0.2.9:6667",
            "PROXY TCP4 192.0.2.1 192.0.2.9 40960 6667\r\n",
            &v4,
        );
        check(
            "[::ffff:192.0.2.1]:40960",
            "[::ffff:192.0.2.9]:6667",
            "PROXY TCP4 192.0.2.1 192.0.2.9 40960 6667\r\n",
            &v4,
        );
        let mut v6 = vec![0x21, 0x21, 0, 36];
        for last in [1, 9] {
            v6.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
        }
        v6.extend([0xa0, 0, 0x1a, 0x0b]);
        check(
            "[2001:db8::1]:40960",
            "[2001:db8::9]:6667",
            "PROXY TCP6 2001:db8::1 2001:db8::9 40960 6667\r\n",
            &v6,
        );
        check(
            "[2001:db8::1]:40960",
            "192.0.2.9:6667",
            "PROXY UNKNOWN\r\n",
            &[0x20, 0, 0, 0],
        );
    }
}
