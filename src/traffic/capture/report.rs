//! What came of one log.

use crate::traffic::capture::format::Format;
use crate::traffic::capture::packet::report::PacketReport;

/// Damaged lines of a file that its report shows.
pub const DAMAGED_SHOWN_MAX: usize = 3;

/// Characters of a damaged line that its report shows.
const EXCERPT_CHARS_MAX: usize = 80;

/// What came of one log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileReport {
    /// The log's path.
    pub path: String,
    /// Its format; `None` for a log without lines, and for packets.
    pub format: Option<Format>,
    /// What its packets tell, if it is a recording of packets.
    pub packets: Option<PacketReport>,
    /// Its lines that are not empty.
    pub line_count: u64,
    /// Lines that tell events.
    pub event_line_count: u64,
    /// Lines that are understood and tell no event.
    pub note_count: u64,
    /// Lines that are not understood.
    pub damaged_count: u64,
    /// The first damaged lines, at most [`DAMAGED_SHOWN_MAX`].
    pub damaged: Vec<DamagedLine>,
    /// Events whose time ran back, and that got the time of the event before them.
    pub lifted_count: u64,
    /// Events that the log tells only the number of.
    pub unnamed_count: u64,
    /// Whether another log was of the same channel, day and logger.
    pub is_second: bool,
}

/// A line that is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedLine {
    /// Its number, from one.
    pub line: u64,
    /// What was expected.
    pub expected: &'static str,
    /// Its beginning.
    pub excerpt: String,
}

impl FileReport {
    /// Returns the word for what it is a log of; `None` for a log without lines.
    pub fn kind(&self) -> Option<&'static str> {
        match (&self.packets, self.format) {
            (Some(_), _) => Some("pcap"),
            (None, format) => format.map(Format::as_str),
        }
    }

    /// Notes a line that is not understood.
    pub(crate) fn note_damaged(&mut self, number: u64, expected: &'static str, line: &[u8]) {
        self.damaged_count += 1;
        if self.damaged.len() < DAMAGED_SHOWN_MAX {
            self.damaged.push(DamagedLine {
                line: number,
                expected,
                excerpt: excerpt(line),
            });
        }
    }
}

/// Returns the beginning of a line, fit to be shown.
pub(crate) fn excerpt(line: &[u8]) -> String {
    String::from_utf8_lossy(line)
        .chars()
        .map(|character| {
            if character.is_control() {
                '\u{fffd}'
            } else {
                character
            }
        })
        .take(EXCERPT_CHARS_MAX)
        .collect()
}
