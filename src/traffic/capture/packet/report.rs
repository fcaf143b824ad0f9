//! What came of a recording of packets.

use crate::traffic::trace::event::EventKind;

/// Damaged lines of a recording that its report shows.
pub const DAMAGED_SHOWN_MAX: usize = 3;

/// What came of a recording of packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PacketReport {
    /// Packets.
    pub packet_count: u64,
    /// Packets that are no TCP, or on links of a kind that is not read.
    pub other_packet_count: u64,
    /// Packets that are a part of one that IP has split; none of them is read.
    pub fragment_count: u64,
    /// Packets of which less was captured than was sent.
    pub truncated_count: u64,
    /// Packets whose time is none, or beyond the year 9999; none of them is read.
    pub untimed_count: u64,
    /// TCP connections.
    pub connection_count: u64,
    /// Connections of IRC clients.
    pub irc_count: u64,
    /// Connections that are encrypted, from their beginning or after STARTTLS; nothing of that is read.
    pub tls_count: u64,
    /// Connections that say something else.
    pub foreign_count: u64,
    /// Connections that were forgotten since too many, or too much of them, would be held at once.
    pub forgotten_count: u64,
    /// Connections whose missing bytes were not waited for, since too much was held at once.
    pub unwaited_count: u64,
    /// Lines of IRC.
    pub line_count: u64,
    /// Lines that are not understood, or torn by missing bytes.
    pub damaged_count: u64,
    /// The first damaged lines, at most [`DAMAGED_SHOWN_MAX`].
    pub damaged: Vec<DamagedMoment>,
    /// Bytes that were sent and not captured.
    pub missing_bytes: u64,
    /// Bytes that were sent again.
    pub repeated_bytes: u64,
    /// Where the file itself is damaged, from the file's first byte; what follows is not read.
    pub file_damage: Option<FileDamage>,
    /// Events by kind, in the order of [`EventKind::ALL`].
    event_counts: [u64; EventKind::ALL.len()],
}

/// A line that is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedMoment {
    /// When its last packet was captured, in microseconds since 1970 UTC.
    pub at_us: i64,
    /// What was expected.
    pub expected: &'static str,
}

/// Where a file is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDamage {
    /// Bytes before the damage.
    pub offset: u64,
    /// What was expected there.
    pub expected: &'static str,
}

impl PacketReport {
    /// Returns how many events of a kind there are.
    pub fn event_count(&self, kind: EventKind) -> u64 {
        self.event_counts.get(kind as usize).copied().unwrap_or(0)
    }

    /// Counts an event.
    pub(super) fn count_event(&mut self, kind: EventKind) {
        if let Some(count) = self.event_counts.get_mut(kind as usize) {
            *count += 1;
        }
    }

    /// Counts a damaged line.
    pub(super) fn count_damaged(&mut self, at_us: i64, expected: &'static str) {
        self.damaged_count += 1;
        if self.damaged.len() < DAMAGED_SHOWN_MAX {
            self.damaged.push(DamagedMoment { at_us, expected });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_in_the_order_of_all_kinds() {
        for (index, kind) in EventKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
        }
    }
}
