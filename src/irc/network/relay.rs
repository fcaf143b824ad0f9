//! One line on its way to many: formatted once, copied to each receiver.

use crate::irc::network::caps::Caps;
use crate::irc::wire::compose::Line;
use crate::irc::wire::message::Message;
use crate::irc::wire::server_time::TIME_BYTES;

/// Longest line relayed, tags apart: the 512 bytes of RFC 1459.
pub(super) const RELAYED_BYTES_MAX: usize = 512;

/// The kinds of tags that a receiver may have asked for, as bits of an index.
const TIME: usize = 1;
const CLIENT_TAGS: usize = 1 << 1;
const BATCH: usize = 1 << 2;
const VARIANT_COUNT: usize = 1 << 3;

/// A line and its tags in every variant that some receiver takes. Its buffers are reused from line to line.
#[derive(Debug, Default)]
pub(super) struct Relay {
    body: Vec<u8>,
    client_tags: Vec<u8>,
    batch: Vec<u8>,
    prefixes: [Prefix; VARIANT_COUNT],
}

#[derive(Debug, Default)]
struct Prefix {
    text: Vec<u8>,
    is_built: bool,
}

impl Relay {
    /// Begins a line, without tags of a client.
    pub(super) fn begin(&mut self) -> Line<'_> {
        self.body.clear();
        self.client_tags.clear();
        for prefix in &mut self.prefixes {
            prefix.is_built = false;
        }
        Line::new(&mut self.body)
    }

    /// Adds the client-only tags of `message` (those with a `+`) for receivers that take tags. Follows [`Self::begin`].
    pub(super) fn take_client_tags(&mut self, message: &Message<'_>) {
        for (key, value) in &message.tags {
            if key.first() != Some(&b'+') {
                continue;
            }
            if !self.client_tags.is_empty() {
                self.client_tags.push(b';');
            }
            self.client_tags.extend_from_slice(key);
            if !value.is_empty() {
                self.client_tags.push(b'=');
                self.client_tags.extend_from_slice(value);
            }
        }
    }

    /// Cuts the line to the length that servers relay.
    pub(super) fn cut(&mut self) {
        if self.body.len() > RELAYED_BYTES_MAX {
            self.body.truncate(RELAYED_BYTES_MAX - 2);
            self.body.extend_from_slice(b"\r\n");
        }
    }

    /// Puts the lines from now on into the batch `reference`, for receivers that take batches; none if it is empty.
    pub(super) fn set_batch(&mut self, reference: &[u8]) {
        self.batch.clear();
        self.batch.extend_from_slice(reference);
    }

    pub(super) fn has_batch(&self) -> bool {
        !self.batch.is_empty()
    }

    /// Appends the line to `out` with the tags that `caps` ask for.
    pub(super) fn write(&mut self, caps: Caps, time: &[u8; TIME_BYTES], out: &mut Vec<u8>) {
        let mut variant = 0;
        if caps.has(Caps::SERVER_TIME) {
            variant |= TIME;
        }
        if caps.has(Caps::MESSAGE_TAGS) && !self.client_tags.is_empty() {
            variant |= CLIENT_TAGS;
        }
        if caps.has(Caps::BATCH) && self.has_batch() {
            variant |= BATCH;
        }
        if variant != 0 {
            self.build(variant, time);
            out.extend_from_slice(&self.prefixes[variant].text);
        }
        out.extend_from_slice(&self.body);
    }

    fn build(&mut self, variant: usize, time: &[u8; TIME_BYTES]) {
        let prefix = &mut self.prefixes[variant];
        if prefix.is_built {
            return;
        }
        prefix.is_built = true;
        prefix.text.clear();
        let mut mark = b'@';
        let pieces: [(usize, &[u8], &[u8]); 3] = [
            (BATCH, b"batch=", &self.batch),
            (TIME, b"time=", time),
            (CLIENT_TAGS, b"", &self.client_tags),
        ];
        for (bit, key, value) in pieces {
            if variant & bit != 0 {
                prefix.text.push(mark);
                prefix.text.extend_from_slice(key);
                prefix.text.extend_from_slice(value);
                mark = b';';
            }
        }
        prefix.text.push(b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(caps: Caps, batch: &str, want: &str) {
        let mut relay = Relay::default();
        relay.set_batch(batch.as_bytes());
        relay.begin().source(b"a").command(b"QUIT").end();
        let message = Message::parse(b"@+x=1;time=no;+y QUIT").unwrap();
        relay.take_client_tags(&message);
        let mut out = Vec::new();
        relay.write(caps, b"2026-01-31T23:59:59.123Z", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }

    #[test]
    fn a_receiver_gets_the_tags_it_asked_for() {
        check(Caps::NONE, "b1", ":a QUIT\r\n");
        check(
            Caps::SERVER_TIME,
            "",
            "@time=2026-01-31T23:59:59.123Z :a QUIT\r\n",
        );
        check(Caps::MESSAGE_TAGS, "", "@+x=1;+y :a QUIT\r\n");
        check(Caps::BATCH, "b1", "@batch=b1 :a QUIT\r\n");
        check(
            Caps::all(),
            "b1",
            "@batch=b1;time=2026-01-31T23:59:59.123Z;+x=1;+y :a QUIT\r\n",
        );
    }

    #[test]
    fn a_relayed_line_is_cut_at_512_bytes() {
        let mut relay = Relay::default();
        relay.begin().command(b"X").trailing(&[b'y'; 600]);
        relay.cut();
        assert_eq!(relay.body.len(), RELAYED_BYTES_MAX);
        assert!(relay.body.ends_with(b"y\r\n"));
    }
}
