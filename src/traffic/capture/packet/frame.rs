//! One packet, down to its TCP segment: link layer, IP, TCP.

use std::net::IpAddr;

use etherparse::IpNumber;
use etherparse::LaxIpSlice;
use etherparse::TcpSlice;

/// VLAN tags and the like that are taken off; networks stack two.
const TAGS_MAX: usize = 4;

/// How packets are wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Ethernet, with or without VLAN tags.
    Ethernet,
    /// IP without a wrap.
    Ip,
    /// BSD loopback: four bytes of address family.
    Loopback,
    /// Linux "any" interface, version 1.
    Cooked,
    /// Linux "any" interface, version 2.
    Cooked2,
}

impl Link {
    /// Returns the link of a number as capture files have it (LINKTYPE and, for raw IP, DLT values), or `None`.
    pub(super) fn of(number: i32) -> Option<Self> {
        match number {
            0 | 108 => Some(Self::Loopback),
            1 => Some(Self::Ethernet),
            12 | 14 | 101 | 228 | 229 => Some(Self::Ip),
            113 => Some(Self::Cooked),
            276 => Some(Self::Cooked2),
            _ => None,
        }
    }
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct End {
    pub(super) address: IpAddr,
    pub(super) port: u16,
}

/// A TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the flags of a TCP header, which combine as they like"
)]
pub(super) struct Segment<'a> {
    pub(super) from: End,
    pub(super) to: End,
    pub(super) sequence: u32,
    /// What the sender has received up to, if it says so.
    pub(super) acknowledged: Option<u32>,
    pub(super) is_syn: bool,
    pub(super) is_fin: bool,
    pub(super) is_rst: bool,
    pub(super) payload: &'a [u8],
    /// Whether the packet was longer than what was captured of it.
    pub(super) is_truncated: bool,
}

/// Why a packet has no segment to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoSegment {
    /// It is no TCP.
    Other,
    /// It is a part of a packet that IP has split.
    Fragment,
    /// It ends before its headers do.
    Truncated,
}

/// Reads a packet.
pub(super) fn segment(link: Link, packet: &[u8]) -> Result<Segment<'_>, NoSegment> {
    let ip = unwrap(link, packet)?;
    let (ip, _) = LaxIpSlice::from_slice(ip).map_err(|_| NoSegment::Truncated)?;
    let body = ip.payload();
    if body.ip_number != IpNumber::TCP {
        return Err(NoSegment::Other);
    }
    if body.fragmented {
        return Err(NoSegment::Fragment);
    }
    let tcp = TcpSlice::from_slice(body.payload).map_err(|_| NoSegment::Truncated)?;
    Ok(Segment {
        from: End {
            address: ip.source_addr(),
            port: tcp.source_port(),
        },
        to: End {
            address: ip.destination_addr(),
            port: tcp.destination_port(),
        },
        sequence: tcp.sequence_number(),
        acknowledged: tcp.ack().then(|| tcp.acknowledgment_number()),
        is_syn: tcp.syn(),
        is_fin: tcp.fin(),
        is_rst: tcp.rst(),
        payload: tcp.payload(),
        is_truncated: body.incomplete,
    })
}

/// Takes the link layer off.
fn unwrap(link: Link, packet: &[u8]) -> Result<&[u8], NoSegment> {
    let (kind_at, mut at) = match link {
        Link::Ip => return Ok(packet),
        Link::Loopback => return packet.get(4..).ok_or(NoSegment::Truncated),
        Link::Ethernet => (12, 14),
        Link::Cooked => (14, 16),
        Link::Cooked2 => (0, 20),
    };
    let kind = |at: usize| -> Result<u16, NoSegment> {
        match packet.get(at..).ok_or(NoSegment::Truncated)? {
            [high, low, ..] => Ok(u16::from_be_bytes([*high, *low])),
            _ => Err(NoSegment::Truncated),
        }
    };
    let mut ether_type = kind(kind_at)?;
    for _ in 0..TAGS_MAX {
        match ether_type {
            // IPv4 and IPv6.
            0x0800 | 0x86dd => return packet.get(at..).ok_or(NoSegment::Truncated),
            // 802.1Q, 802.1ad, and the tags from before it.
            0x8100 | 0x88a8 | 0x9100 => {
                ether_type = kind(at + 2)?;
                at += 4;
            }
            _ => break,
        }
    }
    Err(NoSegment::Other)
}
