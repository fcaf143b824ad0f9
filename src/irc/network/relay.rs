//! One line on its way to many: formatted once, copied to each receiver.

use crate::irc::network::caps::Caps;
use crate::irc::network::client::Client;
use crate::irc::wire::compose::Line;
use crate::irc::wire::message::Message;
use crate::irc::wire::server_time::TIME_BYTES;
use crate::irc::wire::tags;

/// Longest line relayed, tags apart: the 512 bytes of RFC 1459.
pub(super) const RELAYED_BYTES_MAX: usize = 512;

/// The kinds of tags that a receiver may have asked for, as bits of an index.
const TIME: usize = 1;
const CLIENT_TAGS: usize = 1 << 1;
const BATCH: usize = 1 << 2;
const ACCOUNT: usize = 1 << 3;
const VARIANT_COUNT: usize = 1 << 4;

/// A line and its tags in every variant that some receiver takes. Its buffers are reused from line to line.
#[derive(Debug, Default)]
pub(super) struct Relay {
    body: Vec<u8>,
    client_tags: Vec<u8>,
    batch: Vec<u8>,
    /// The account of who sent the line, escaped; empty for none.
    account: Vec<u8>,
    prefixes: [Prefix; VARIANT_COUNT],
}

#[derive(Debug, Default)]
struct Prefix {
    text: Vec<u8>,
    is_built: bool,
}

impl Relay {
    /// Begins a line that a user sends.
    pub(super) fn begin_from(&mut self, who: &Client) -> Line<'_> {
        self.begin_as(&who.mask, who.account.as_deref())
    }

    /// Begins a line from a source that is logged in to an account, if it is.
    pub(super) fn begin_as(&mut self, source: &[u8], account: Option<&[u8]>) -> Line<'_> {
        self.clear();
        if let Some(account) = account {
            tags::escape(account, &mut self.account);
        }
        Line::new(&mut self.body).source(source)
    }

    fn clear(&mut self) {
        self.body.clear();
        self.client_tags.clear();
        self.account.clear();
        for prefix in &mut self.prefixes {
            prefix.is_built = false;
        }
    }

    /// Adds the client-only tags of `message` (those with a `+`) for receivers that take tags. Follows [`Self::begin_from`].
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
        if caps.has(Caps::ACCOUNT_TAG) && !self.account.is_empty() {
            variant |= ACCOUNT;
        }
        if variant != 0 {
            self.build(variant, time);
            out.extend_from_slice(&self.prefixes[variant].text);
        }
        out.extend_from_slice(&self.body);
    }

    /// Returns the line without tags, and its sender's account, escaped and empty for none.
    pub(super) fn parts(&self) -> (&[u8], &[u8]) {
        (&self.body, &self.account)
    }

    fn build(&mut self, variant: usize, time: &[u8; TIME_BYTES]) {
        let prefix = &mut self.prefixes[variant];
        if prefix.is_built {
            return;
        }
        prefix.is_built = true;
        prefix.text.clear();
        let has = |bit| variant & bit != 0;
        push_tags(
            &mut prefix.text,
            &[
                (has(BATCH), b"batch=", &self.batch),
                (has(TIME), b"time=", time),
                (has(ACCOUNT), b"account=", &self.account),
                (has(CLIENT_TAGS), b"", &self.client_tags),
            ],
        );
    }
}

/// Appends tags and the space behind them, if there are any: of each piece whether it is there, its key with `=`, and its raw value.
pub(super) fn push_tags(out: &mut Vec<u8>, pieces: &[(bool, &[u8], &[u8])]) {
    let mut mark = b'@';
    for (_, key, value) in pieces.iter().filter(|(is_there, _, _)| *is_there) {
        out.push(mark);
        out.extend_from_slice(key);
        out.extend_from_slice(value);
        mark = b';';
    }
    if mark == b';' {
        out.push(b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(caps: Caps, batch: &str, want: &str) {
        let mut relay = Relay::default();
        relay.set_batch(batch.as_bytes());
        relay.begin_as(b"a", Some(b"a;b")).command(b"QUIT").end();
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
        check(Caps::ACCOUNT_TAG, "", "@account=a\\:b :a QUIT\r\n");
        check(Caps::BATCH, "b1", "@batch=b1 :a QUIT\r\n");
        check(
            Caps::all(),
            "b1",
            "@batch=b1;time=2026-01-31T23:59:59.123Z;account=a\\:b;+x=1;+y :a QUIT\r\n",
        );
    }

    #[test]
    fn a_relayed_line_is_cut_at_512_bytes() {
        let mut relay = Relay::default();
        relay
            .begin_as(b"a", None)
            .command(b"X")
            .trailing(&[b'y'; 600]);
        relay.cut();
        assert_eq!(relay.body.len(), RELAYED_BYTES_MAX);
        assert!(relay.body.ends_with(b"y\r\n"));
    }
}
