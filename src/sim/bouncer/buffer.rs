//! What the model keeps of one channel or query: the last lines, each with the time at which it was read.

use std::collections::VecDeque;

use crate::irc::wire::message::Message;
use crate::irc::wire::message::Source;

/// How the text of an ACTION begins; no other CTCP is kept.
pub(super) const ACTION: &[u8] = b"\x01ACTION ";

/// A line of talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Talk {
    /// When it was read, in microseconds since 1970 UTC.
    pub(super) unix_micros: i64,
    /// `nick!user@host`.
    pub(super) source: Vec<u8>,
    pub(super) target: Vec<u8>,
    pub(super) text: Vec<u8>,
    pub(super) is_notice: bool,
    /// Whether the user said it itself.
    pub(super) is_own: bool,
}

impl Talk {
    /// Returns a PRIVMSG or NOTICE as talk; `None` for any other line, and for who is no user.
    pub(super) fn heard(message: &Message<'_>, unix_micros: i64) -> Option<Self> {
        let Source { nick, user, host } = message.source?;
        let (user, host) = (user?, host?);
        let is_notice = message.is(b"NOTICE");
        if !is_notice && !message.is(b"PRIVMSG") {
            return None;
        }
        Some(Self {
            unix_micros,
            source: [nick, b"!", user, b"@", host].concat(),
            target: message.params.get(0)?.to_vec(),
            text: message.params.get(1)?.to_vec(),
            is_notice,
            is_own: false,
        })
    }

    pub(super) fn command(&self) -> &'static [u8] {
        if self.is_notice {
            b"NOTICE"
        } else {
            b"PRIVMSG"
        }
    }

    /// Returns the nick of who said it.
    pub(super) fn nick(&self) -> &[u8] {
        Source::parse(&self.source).nick
    }

    /// Says whether it is a question or answer of programs, which nobody keeps.
    pub(super) fn is_ctcp(&self) -> bool {
        self.text.first() == Some(&1) && !self.text.starts_with(ACTION)
    }

    /// Returns the text with something put before it: inside of an ACTION's wrapping.
    pub(super) fn text_behind(&self, prefix: &[u8]) -> Vec<u8> {
        match self.text.strip_prefix(ACTION) {
            Some(inner) => [ACTION, prefix, inner].concat(),
            None => [prefix, &self.text].concat(),
        }
    }
}

/// The lines of one channel or query.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffer {
    lines: VecDeque<Talk>,
}

impl Buffer {
    /// Keeps a line, and as many before it as there is room for.
    pub(super) fn keep(&mut self, line: Talk, lines_max: u32) {
        self.lines.push_back(line);
        while self.lines.len() > lines_max as usize {
            self.lines.pop_front();
        }
    }

    /// Returns the lines, the oldest first.
    pub(super) fn lines(&self) -> Vec<Talk> {
        self.lines.iter().cloned().collect()
    }

    /// Removes others' lines that were read after a moment, and returns them.
    pub(super) fn remove_after(&mut self, unix_micros: i64) -> Vec<Talk> {
        let (removed, kept) = std::mem::take(&mut self.lines)
            .into_iter()
            .partition::<Vec<Talk>, _>(|line| !line.is_own && line.unix_micros > unix_micros);
        self.lines = kept.into();
        removed
    }

    pub(super) fn clear(&mut self) {
        self.lines.clear();
    }
}
