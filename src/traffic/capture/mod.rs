//! Foreign recordings of live IRC, read into traces: one file per format, and their detection.

use jiff::civil::Date;

use crate::traffic::trace::event::EventKind;

pub mod counters;
pub mod detect;
pub(crate) mod dialogue;
pub mod import;
pub mod imported;
pub mod live;
pub mod origin;
pub mod packet;
pub mod refusal;
pub mod report;
pub mod scrub;

pub mod format;

mod bridges;
mod clock;
mod connections;
mod lines;
mod message;
mod naming;
mod playback;
mod repeats;
mod row;

/// One kind of log: what a line of it means.
pub(crate) trait LogFormat {
    /// Begins a log, on that day if its path or the user tells one.
    fn begin(&mut self, _day: Option<Date>) {}

    /// Returns whether empty lines mean something.
    fn reads_empty_lines(&self) -> bool {
        false
    }

    /// Reads a line without its end and hands every event of it to `seen`.
    fn read_line(&mut self, line: &[u8], seen: &mut dyn FnMut(Moment, Seen<'_>)) -> Reading;
}

/// What a line was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// It held at least one event.
    Events,
    /// It held events, and tells of that many more without naming who took part.
    Folded(u32),
    /// It is understood and tells no event: a logger's own remark, a numeric, a server notice.
    Note,
    /// It says which day it is.
    Day(Date),
    /// It is not understood; the text says what was expected.
    Damaged(&'static str),
}

/// When an event was, as far as its line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Seconds since midnight of a day that the line does not name.
    TimeOfDay {
        /// The seconds, below 86,401.
        secs: u32,
    },
    /// A day and the time of it in the log's zone.
    Civil {
        /// The day.
        day: Date,
        /// Microseconds since midnight, below 86,401 seconds.
        us: i64,
    },
    /// The line tells no time: it stands between two that do.
    Unstamped,
    /// Microseconds since 1970 UTC.
    Unix {
        /// The microseconds.
        us: i64,
    },
}

/// An event as its line tells it; empty texts mean that it tells nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen<'a> {
    /// What.
    pub(crate) kind: EventKind,
    /// Who acts.
    pub(crate) nick: &'a [u8],
    /// Where, if the line tells; else the log's own channel.
    pub(crate) channel: Option<&'a [u8]>,
    /// The kicked user, the new nick or the addressee.
    pub(crate) peer: &'a [u8],
    /// The text: of a message, a reason, a topic, a mode change with its parameters; what an `other` event is.
    pub(crate) text: &'a [u8],
}

impl<'a> Seen<'a> {
    /// Returns an event in the log's own channel.
    pub(crate) fn new(kind: EventKind, nick: &'a [u8], text: &'a [u8]) -> Self {
        Self {
            kind,
            nick,
            channel: None,
            peer: b"",
            text,
        }
    }

    /// Returns the event with its peer.
    pub(crate) fn with_peer(mut self, peer: &'a [u8]) -> Self {
        self.peer = peer;
        self
    }
}

/// Longest nick that counts as one: networks allow up to about thirty characters, some clients pad.
const NICK_BYTES_MAX: usize = 64;

/// Returns whether `word` can be a nick: not empty, not long, without spaces and control characters.
pub(crate) fn is_nick(word: &[u8]) -> bool {
    !word.is_empty()
        && word.len() <= NICK_BYTES_MAX
        && word.iter().all(|&byte| {
            byte > b' ' && !matches!(byte, b'<' | b'>' | b'!' | b'@' | b',' | b':' | 0x7f)
        })
}

/// Returns `nick` without the sign of its channel status (`@alder`).
pub(crate) fn without_status(nick: &[u8]) -> &[u8] {
    match nick {
        [b'@' | b'+' | b'%' | b'&' | b'~' | b'!', rest @ ..] => rest,
        _ => nick,
    }
}

/// Splits at the first occurrence of `separator`.
pub(crate) fn split_once<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = memchr::memmem::find(text, separator)?;
    Some((text.get(..at)?, text.get(at + separator.len()..)?))
}

/// Returns the first word and what follows its space.
pub(crate) fn first_word(text: &[u8]) -> (&[u8], &[u8]) {
    split_once(text, b" ").unwrap_or((text, b""))
}
