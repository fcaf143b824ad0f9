//! `labeled-response`: what a command is answered with carries the label that the client gave it.

use memchr::memchr;

use crate::irc::network::Network;
use crate::irc::network::caps::Caps;
use crate::irc::network::client::ClientId;
use crate::irc::wire::message::Message;
use crate::irc::wire::tags::unescape;

/// Longest label taken (`IRCv3` labeled-response).
const LABEL_BYTES_MAX: usize = 64;

impl Network {
    /// Returns the label of a client's line as it stands on the wire, if it is to be answered with one.
    pub(super) fn label_of(&self, id: ClientId, message: &Message<'_>) -> Option<Vec<u8>> {
        if message.tags.is_empty() || !self.ports.has(id, Caps::LABELED_RESPONSE) {
            return None;
        }
        let label = message.tags.get(b"label")?;
        (1..=LABEL_BYTES_MAX)
            .contains(&label.len())
            .then(|| label.to_vec())
    }

    /// Puts a label on all that went to a client since its outbox held `kept` bytes: on the only line, on a batch around several, or on
    /// an ACK if there is none.
    pub(super) fn label_answer(&mut self, id: ClientId, label: &[u8], kept: usize) {
        if !self.ports.is_open(id) || self.ports.is_overflowed(id) {
            return;
        }
        let answer = self.ports.port_mut(id).outbox.take_tail(kept);
        let Some(end) = memchr(b'\n', &answer) else {
            let mut plain = Vec::new();
            unescape(label, &mut plain);
            self.ports
                .line(id)
                .tag(b"label", &plain)
                .source(&self.directory.server_of(id).name)
                .command(b"ACK")
                .end();
            return;
        };
        let is_one_line = end + 1 == answer.len();
        if is_one_line || is_batch(&answer[..=end]) {
            let out = self.ports.port_mut(id).outbox.buffer();
            push_tagged(out, b"label", label, &answer[..=end]);
            out.extend_from_slice(&answer[end + 1..]);
        } else if self.ports.has(id, Caps::BATCH) {
            self.batch_answer(id, label, &answer);
        } else {
            // Several lines need a batch, and it takes none: they go as they are.
            let out = self.ports.port_mut(id).outbox.buffer();
            out.extend_from_slice(&answer);
        }
    }

    fn batch_answer(&mut self, id: ClientId, label: &[u8], answer: &[u8]) {
        self.label_count += 1;
        let reference = format!("label{}", self.label_count);
        let server = self.directory.server_of(id).name.clone();
        let mut plain = Vec::new();
        unescape(label, &mut plain);
        self.ports
            .line(id)
            .tag(b"label", &plain)
            .source(&server)
            .command(b"BATCH")
            .param(format!("+{reference}").as_bytes())
            .last(b"labeled-response");
        let out = self.ports.port_mut(id).outbox.buffer();
        for line in answer.split_inclusive(|&byte| byte == b'\n') {
            push_tagged(out, b"batch", reference.as_bytes(), line);
        }
        self.ports
            .line(id)
            .source(&server)
            .command(b"BATCH")
            .last(format!("-{reference}").as_bytes());
    }
}

/// Says whether a line begins a batch: all that follows it in an answer is that batch.
fn is_batch(line: &[u8]) -> bool {
    Message::parse(line).is_ok_and(|message| {
        message.command == b"BATCH"
            && message
                .params
                .get(0)
                .is_some_and(|word| word.starts_with(b"+"))
    })
}

/// Appends a line with one tag more.
fn push_tagged(out: &mut Vec<u8>, key: &[u8], raw_value: &[u8], line: &[u8]) {
    for part in [b"@", key, b"=", raw_value] {
        out.extend_from_slice(part);
    }
    if let Some(rest) = line.strip_prefix(b"@") {
        out.push(b';');
        out.extend_from_slice(rest);
    } else {
        out.push(b' ');
        out.extend_from_slice(line);
    }
}
