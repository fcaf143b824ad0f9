//! Lines on their way to the kernel, and which messages end where among them.

use std::collections::VecDeque;

use memchr::memchr;

use crate::measure::ledger::MessageKey;
use crate::measure::sent::LinesSent;
use crate::units::offset::Offset;

/// Most bytes that wait for a target that does not read. Beyond it a message is a hole, since a real client would stop typing.
pub(crate) const QUEUE_BYTES_MAX: usize = 64 * 1024;
/// Consumed bytes kept in front before the rest is moved down.
const SLACK_BYTES: usize = 4 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    /// Bytes at the front that the kernel has taken.
    taken: usize,
    /// Where the line begins that the kernel has not taken whole: never behind `taken`.
    line: usize,
    /// Bytes given up before those.
    base: u64,
    /// Where in the stream each message ends.
    messages: VecDeque<(u64, MessageKey, Offset)>,
}

impl Outbox {
    /// Returns where lines are appended.
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(crate) fn pending(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// Notes that what was appended last is a message.
    pub(crate) fn end_message(&mut self, key: MessageKey, attempt: Offset) {
        self.messages
            .push_back((self.base + self.bytes.len() as u64, key, attempt));
    }

    /// Notes that the kernel has taken so many bytes more, and counts the lines that it has whole with them; returns how many
    /// those are.
    pub(crate) fn consume(&mut self, bytes: usize, lines: &mut LinesSent) -> u32 {
        let mut count = 0;
        self.taken = (self.taken + bytes).min(self.bytes.len());
        while let Some(end) = memchr(b'\n', &self.bytes[self.line..self.taken]) {
            let next = self.line + end + 1;
            lines.add(&self.bytes[self.line..next]);
            self.line = next;
            count += 1;
        }
        if self.taken == self.bytes.len() {
            self.base += self.taken as u64;
            self.bytes.clear();
            // Most connections are idle most of the time: an emptied buffer of a burst is given back.
            self.bytes.shrink_to(SLACK_BYTES);
            self.taken = 0;
            self.line = 0;
        } else if self.line > SLACK_BYTES {
            self.base += self.line as u64;
            self.bytes.drain(..self.line);
            self.taken -= self.line;
            self.line = 0;
        }
        count
    }

    /// Returns the next message whose last byte the kernel has taken.
    pub(crate) fn pop_accepted(&mut self) -> Option<(MessageKey, Offset)> {
        let taken = self.base + self.taken as u64;
        let &(end, key, attempt) = self.messages.front()?;
        (end <= taken).then(|| {
            self.messages.pop_front();
            (key, attempt)
        })
    }

    /// Returns the next message that the kernel will not take any more.
    pub(crate) fn pop_unaccepted(&mut self) -> Option<MessageKey> {
        self.messages.pop_front().map(|(_, key, _)| key)
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::id::ChannelId;

    #[test]
    fn a_message_is_accepted_with_its_last_byte() {
        let mut outbox = Outbox::default();
        let key = |index| MessageKey {
            channel: ChannelId(0),
            index,
        };
        for index in 0..2_000 {
            outbox.tail().extend_from_slice(b"PRIVMSG \r\n");
            outbox.end_message(key(index), Offset::ZERO);
        }
        let mut lines = LinesSent::default();
        outbox.consume(9, &mut lines);
        assert_eq!(outbox.pop_accepted(), None);
        assert_eq!(lines, LinesSent::default());
        outbox.consume(1, &mut lines);
        assert_eq!(outbox.pop_accepted(), Some((key(0), Offset::ZERO)));
        outbox.consume(9_995, &mut lines);
        assert_eq!(std::iter::from_fn(|| outbox.pop_accepted()).count(), 999);
        outbox.consume(5, &mut lines);
        assert_eq!(outbox.pop_accepted(), Some((key(1_000), Offset::ZERO)));
        assert_eq!(outbox.pending().len(), 9_990);
        assert_eq!(std::iter::from_fn(|| outbox.pop_unaccepted()).count(), 999);
        // Whatever pieces the kernel takes, each line is counted once, with its last byte.
        while !outbox.pending().is_empty() {
            outbox.consume(7, &mut lines);
        }
        assert_eq!(lines.iter().next(), Some(("PRIVMSG", 2_000)));
        assert_eq!(lines.iter().map(|(_, count)| count).sum::<u64>(), 2_000);
    }
}
