//! Recordings of packets: the IRC in a capture file, each event once however many connections tell it.

use std::io::Read;

use crate::place::Misread;
use crate::traffic::capture::Seen;
use crate::traffic::capture::packet::frame::NoSegment;
use crate::traffic::capture::packet::report::PacketReport;
use crate::traffic::capture::packet::table::Table;

pub mod report;

mod content;
mod file;
mod frame;
mod order;
mod table;
mod text;

#[cfg(test)]
mod forge;
#[cfg(test)]
mod tests;

/// Returns whether a file that begins with these bytes, four at least, is a capture file, pcap or pcapng.
pub fn is_capture(magic: &[u8]) -> bool {
    file::is_capture(magic)
}

/// Reads the capture file `path` and hands every event, with its time in microseconds since 1970 UTC, to `event`.
///
/// Times are as captured: they may run back. A file that is damaged or cut is read up to there, and the report says so.
///
/// # Errors
///
/// When the input can't be read, is no capture file, or all its packets are on a link that is not known.
pub(crate) fn read(
    path: &str,
    input: impl Read,
    event: &mut dyn FnMut(i64, Seen<'_>),
) -> Result<PacketReport, Misread> {
    let mut table = Table::new(event);
    let damage = file::packets(path, input, &mut |packet| {
        let report = table.report();
        report.packet_count += 1;
        let Some(link) = packet.link else {
            report.other_packet_count += 1;
            return;
        };
        let Some(at_us) = packet.at_us else {
            report.untimed_count += 1;
            return;
        };
        match frame::segment(link, packet.bytes) {
            Ok(segment) => {
                report.truncated_count += u64::from(segment.is_truncated);
                table.read(at_us, &segment);
            }
            Err(NoSegment::Other) => report.other_packet_count += 1,
            Err(NoSegment::Fragment) => report.fragment_count += 1,
            Err(NoSegment::Truncated) => report.truncated_count += 1,
        }
    })?;
    let mut report = table.finish();
    report.file_damage = damage;
    Ok(report)
}

/// Counts what is in the capture file `path`.
///
/// # Errors
///
/// When the input can't be read, is no capture file, or all its packets are on a link that is not known.
pub fn survey(path: &str, input: impl Read) -> Result<PacketReport, Misread> {
    read(path, input, &mut |_, _| {})
}
