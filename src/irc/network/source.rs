//! Where clients connect from: addresses, prefixes of them, and what counts as one source.

use std::fmt;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

/// Bits of an IPv6 address that networks count as one source: what one customer gets from its provider.
pub const IPV6_SOURCE_BITS: u8 = 64;

/// All addresses that begin with the same bits; one address is a prefix of all its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// The bits behind the first `len` are zero.
    address: IpAddr,
    len: u8,
}

impl Prefix {
    /// Returns the prefix of `len` bits that holds an address; `len` beyond the bits of the address means all of them. IPv4 written as
    /// IPv6 (`::ffff:192.0.2.1`) is IPv4.
    pub fn new(address: IpAddr, len: u8) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let len = len.min(32);
                let mask = u32::MAX.checked_shl(u32::from(32 - len)).unwrap_or(0);
                let address = IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask));
                Self { address, len }
            }
            IpAddr::V6(address) => {
                let len = len.min(128);
                let mask = u128::MAX.checked_shl(u32::from(128 - len)).unwrap_or(0);
                let address = IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask));
                Self { address, len }
            }
        }
    }

    /// Reads `192.0.2.0/24`, `2001:db8::/64` or a plain address; `None` if it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, len) = match text.split_once('/') {
            Some((address, len)) => (address, Some(len.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let len = len.unwrap_or(bits_max);
        (len <= bits_max).then(|| Self::new(address, len))
    }

    /// Says whether an address begins with these bits.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && Self::new(address, self.len) == *self
    }

    /// Says whether all of another prefix begins with these bits.
    pub(super) fn covers(&self, other: &Self) -> bool {
        other.len >= self.len && self.contains(other.address)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits_max = if self.address.is_ipv4() { 32 } else { 128 };
        if self.len == bits_max {
            return write!(f, "{}", self.address);
        }
        write!(f, "{}/{}", self.address, self.len)
    }
}

/// Who a network's limits take for one: an address, or with IPv6 all addresses of one prefix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// An address or a prefix.
    Prefix(Prefix),
    /// A name where no address is known, as in simulations.
    Name(Box<[u8]>),
}

impl Source {
    /// Returns the source of a client that connects from `host`, of which the first bits of IPv6 count.
    pub(super) fn of(host: &[u8], ipv6_bits: u8) -> Self {
        match address_of(host) {
            Some(address @ IpAddr::V4(_)) => Self::Prefix(Prefix::new(address, 32)),
            Some(address) => Self::Prefix(Prefix::new(address, ipv6_bits)),
            None => Self::Name(host.into()),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(prefix) => prefix.fmt(f),
            Self::Name(name) => f.write_str(&String::from_utf8_lossy(name)),
        }
    }
}

/// Returns the address that a host is, if it is one.
pub(super) fn address_of(host: &[u8]) -> Option<IpAddr> {
    let address: IpAddr = std::str::from_utf8(host).ok()?.parse().ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;
    use proptest::prop_assert;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::*;

    #[test]
    fn prefixes_read_as_they_are_written_without_the_bits_behind_them() {
        for (text, want) in [
            ("192.0.2.77/24", Some("192.0.2.0/24")),
            ("192.0.2.77", Some("192.0.2.77")),
            ("0.0.0.0/0", Some("0.0.0.0/0")),
            ("2001:db8:0:1:2::3/64", Some("2001:db8:0:1::/64")),
            ("::1", Some("::1")),
            ("::ffff:192.0.2.1", Some("192.0.2.1")),
            ("192.0.2.1/33", None),
            ("::1/129", None),
            ("192.0.2.1/", None),
            ("alder.test", None),
        ] {
            let got = Prefix::parse(text).map(|prefix| prefix.to_string());
            assert_eq!(got.as_deref(), want, "{text}");
        }
    }

    #[track_caller]
    fn check_source(host: &str, want: &str) {
        let source = Source::of(host.as_bytes(), IPV6_SOURCE_BITS);
        assert_eq!(source.to_string(), want);
    }

    #[test]
    fn addresses_of_one_64_are_one_source_and_ipv4_is_counted_by_address() {
        check_source("2001:db8::1", "2001:db8::/64");
        check_source("2001:db8::ffff:0:0:2", "2001:db8::/64");
        check_source("2001:db8:0:1::1", "2001:db8:0:1::/64");
        check_source("192.0.2.1", "192.0.2.1");
        check_source("::ffff:192.0.2.1", "192.0.2.1");
        check_source("alder.test", "alder.test");
    }

    proptest! {
        #[test]
        fn a_prefix_contains_what_shares_its_bits(a in any::<u32>(), b in any::<u32>(), len in 0_u8..=32) {
            let prefix = Prefix::new(IpAddr::V4(a.into()), len);
            let shared = (a ^ b).leading_zeros() >= u32::from(len);
            prop_assert_eq!(prefix.contains(IpAddr::V4(b.into())), shared);
            prop_assert!(prefix.contains(IpAddr::V4(a.into())));
            prop_assert!(!prefix.contains(IpAddr::V6(Ipv6Addr::from_bits(u128::from(b) << 96))));
        }
    }
}
