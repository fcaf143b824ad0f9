//! The packets of a capture file, pcap or pcapng, with their times.

use std::cell::Cell;
use std::io;
use std::io::Read;

use pcap_parser::Block;
use pcap_parser::LegacyPcapReader;
use pcap_parser::PcapBlockOwned;
use pcap_parser::PcapError;
use pcap_parser::PcapNGReader;
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::traits::PcapReaderIterator;

use crate::place::Misread;
use crate::place::Place;
use crate::traffic::capture::packet::frame::Link;
use crate::traffic::capture::packet::report::FileDamage;

/// Largest record of a file that is read; a packet has at most 256 KiB (the largest snap length).
const RECORD_BYTES_MAX: usize = 1 << 20;

/// Bytes by which the kind of a file is told.
pub(super) const MAGIC_BYTES: usize = 4;

/// Interfaces of a section that are told apart.
const INTERFACES_MAX: usize = 4_096;

/// The last microsecond of the year 9999.
const TIME_US_MAX: i64 = 253_402_300_799_999_999;

/// The magic of pcapng: the type of a section header, in either order of bytes.
const PCAPNG: [u8; MAGIC_BYTES] = [0x0a, 0x0d, 0x0d, 0x0a];

/// The magics of pcap: microseconds, nanoseconds, each in both orders of bytes, and the variant with longer records.
const PCAP: [[u8; MAGIC_BYTES]; 5] = [
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x34, 0xcd, 0xb2, 0xa1],
];

/// Returns whether a file that begins with these bytes holds packets.
pub(super) fn is_capture(magic: &[u8]) -> bool {
    magic.starts_with(&PCAPNG) || PCAP.iter().any(|known| magic.starts_with(known))
}

/// A packet of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    /// When it was captured, in microseconds since 1970 UTC, if that is told.
    pub(super) at_us: Option<i64>,
    /// How it is wrapped; `None` if in no way that is known.
    pub(super) link: Option<Link>,
    pub(super) bytes: &'a [u8],
}

/// An interface of a pcapng section.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link: i32,
    resolution: u8,
    offset_secs: i64,
}

/// Reads the packets of the file `path`. Returns where the file is damaged, if it is.
///
/// # Errors
///
/// When the input can't be read, is no capture file, or all its packets are on a link that is not known.
pub(super) fn packets(
    path: &str,
    input: impl Read,
    packet: &mut dyn FnMut(Packet<'_>),
) -> Result<Option<FileDamage>, Misread> {
    let failure = Cell::new(None);
    let mut input = Whole {
        input,
        failure: &failure,
    };
    let mut magic = [0; MAGIC_BYTES];
    let count = input.read(&mut magic).unwrap_or(0);
    let magic = magic.get(..count).unwrap_or_default();
    let not_read = |error: io::Error| {
        Misread::new(
            format!("expected a readable capture file: {error}"),
            Place::file(path),
        )
    };
    if let Some(error) = failure.take() {
        return Err(not_read(error));
    }
    if !is_capture(magic) {
        return Err(no_capture(path));
    }
    let input = Whole {
        input: magic.chain(input),
        failure: &failure,
    };
    let opened: Result<Box<dyn PcapReaderIterator + '_>, _> = if magic == PCAPNG {
        PcapNGReader::new(RECORD_BYTES_MAX, input).map(|reader| Box::new(reader) as _)
    } else {
        LegacyPcapReader::new(RECORD_BYTES_MAX, input).map(|reader| Box::new(reader) as _)
    };
    let mut links = Links::default();
    let damage = match opened {
        Ok(mut reader) => each(reader.as_mut(), &mut links, packet),
        Err(_) => return Err(failure.take().map_or_else(|| no_capture(path), not_read)),
    };
    if let Some(error) = failure.take() {
        return Err(not_read(error));
    }
    match links.unknown {
        Some(number) if !links.has_known => Err(Misread::new(
            format!("expected packets of Ethernet, IP, loopback or Linux cooked links, found link type {number}"),
            Place::file(path),
        )
        .with_help("capture on an Ethernet, `any` or loopback interface")),
        _ => Ok(damage),
    }
}

fn no_capture(path: &str) -> Misread {
    Misread::new("expected a capture file, pcap or pcapng", Place::file(path))
}

/// Which links the packets were on.
#[derive(Debug, Default)]
struct Links {
    has_known: bool,
    /// The first that is not known.
    unknown: Option<i32>,
}

impl Links {
    fn of(&mut self, number: i32) -> Option<Link> {
        let link = Link::of(number);
        if link.is_some() {
            self.has_known = true;
        } else if self.unknown.is_none() {
            self.unknown = Some(number);
        }
        link
    }
}

/// Reads record after record, until the end or the first damage.
fn each(
    reader: &mut (dyn PcapReaderIterator + '_),
    links: &mut Links,
    packet: &mut dyn FnMut(Packet<'_>),
) -> Option<FileDamage> {
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut legacy = (0, 1_u32);
    let mut held_before = None;
    loop {
        let expected = match reader.next() {
            Ok((count, block)) => {
                match block {
                    PcapBlockOwned::LegacyHeader(header) => {
                        let per_us = if header.is_nanosecond_precision() {
                            1_000
                        } else {
                            1
                        };
                        legacy = (header.network.0, per_us);
                        if Link::of(legacy.0).is_none() {
                            links.unknown = Some(legacy.0);
                            return None;
                        }
                    }
                    PcapBlockOwned::Legacy(record) => packet(Packet {
                        at_us: Some(
                            i64::from(record.ts_sec) * 1_000_000
                                + i64::from(record.ts_usec / legacy.1),
                        ),
                        link: links.of(legacy.0),
                        bytes: record.data,
                    }),
                    PcapBlockOwned::NG(block) => read_block(&block, &mut interfaces, links, packet),
                }
                reader.consume(count);
                held_before = None;
                continue;
            }
            Err(PcapError::Eof) => return None,
            Err(PcapError::Incomplete(_)) => None,
            Err(PcapError::UnexpectedEof) => Some("the rest of a record that is cut off"),
            Err(PcapError::BufferTooSmall) => Some("a record of at most 1048576 bytes"),
            Err(_) => Some("a record"),
        };
        // A refill that brings nothing would be asked for for ever.
        let held = (reader.consumed(), reader.data().len());
        let is_stuck = held_before.replace(held) == Some(held) && reader.reader_exhausted();
        let expected = expected.or(is_stuck.then_some("the rest of a record that is cut off"));
        let is_failed = expected.is_none() && reader.refill().is_err();
        if let Some(expected) = expected.or(is_failed.then_some("a readable file")) {
            return Some(FileDamage {
                offset: reader.consumed() as u64,
                expected,
            });
        }
    }
}

/// Reads a block of pcapng.
fn read_block(
    block: &Block<'_>,
    interfaces: &mut Vec<Interface>,
    links: &mut Links,
    packet: &mut dyn FnMut(Packet<'_>),
) {
    match block {
        Block::SectionHeader(_) => interfaces.clear(),
        Block::InterfaceDescription(description) if interfaces.len() < INTERFACES_MAX => {
            interfaces.push(Interface {
                link: description.linktype.0,
                resolution: description.if_tsresol,
                offset_secs: description.if_tsoffset,
            });
        }
        Block::EnhancedPacket(record) => {
            let interface = usize::try_from(record.if_id).ok();
            let interface = interface.and_then(|id| interfaces.get(id));
            let units = u64::from(record.ts_high) << 32 | u64::from(record.ts_low);
            packet(Packet {
                at_us: interface.and_then(|interface| unix_us(units, interface)),
                link: interface.and_then(|interface| links.of(interface.link)),
                bytes: record.packet_data(),
            });
        }
        Block::SimplePacket(record) => packet(Packet {
            at_us: None,
            link: interfaces
                .first()
                .and_then(|interface| links.of(interface.link)),
            bytes: record.packet_data(),
        }),
        _ => {}
    }
}

/// Returns a time in microseconds; the resolution is a power of ten, or of two if its highest bit is set.
fn unix_us(units: u64, interface: &Interface) -> Option<i64> {
    let exponent = u32::from(interface.resolution & 0x7f);
    let base: u128 = if interface.resolution & 0x80 == 0 {
        10
    } else {
        2
    };
    let per_sec = base.checked_pow(exponent)?;
    let us = (u128::from(units) * 1_000_000).checked_div(per_sec)?;
    let us = i64::try_from(us).ok()?;
    let us = us.checked_add(interface.offset_secs.checked_mul(1_000_000)?)?;
    (0..=TIME_US_MAX).contains(&us).then_some(us)
}

/// An input that fills the buffers it is given while there is anything, and keeps its error.
struct Whole<'a, R> {
    input: R,
    failure: &'a Cell<Option<io::Error>>,
}

impl<R: Read> Read for Whole<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.input.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failure.set(Some(error));
                    break;
                }
            }
        }
        Ok(filled)
    }
}
