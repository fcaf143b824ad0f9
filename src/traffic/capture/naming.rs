//! From what lines tell to events: names as numbers, connections behind nicks, pseudonyms.

use std::hash::Hasher as _;
use std::sync::Arc;

use siphasher::sip::SipHasher13;

use crate::traffic::capture::Seen;
use crate::traffic::capture::connections;
use crate::traffic::capture::connections::Connections;
use crate::traffic::capture::first_word;
use crate::traffic::capture::row::NAMELESS;
use crate::traffic::capture::row::NameId;
use crate::traffic::capture::row::Names;
use crate::traffic::capture::row::Row;
use crate::traffic::capture::row::SourceId;
use crate::traffic::trace::cause::LeaveCause;
use crate::traffic::trace::event::DETAIL_GUEST;
use crate::traffic::trace::event::DETAIL_NAMES;
use crate::traffic::trace::event::DETAIL_REPLY;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventKind;
use crate::traffic::trace::pseudonym::Pseudonyms;

/// What turns rows into events, in order of time.
#[derive(Debug)]
pub(crate) struct Naming {
    network: Arc<str>,
    pub(crate) names: Names,
    pseudonyms: Pseudonyms,
    connections: Connections,
}

impl Naming {
    /// Returns the naming of one network's events.
    pub(crate) fn new(network: &str, names: Names, pseudonyms: Pseudonyms) -> Self {
        Self {
            network: Arc::from(network),
            names,
            pseudonyms,
            connections: Connections::default(),
        }
    }

    /// Forgets names and connections, not what stands for them.
    pub(crate) fn forget(&mut self) {
        self.names = Names::default();
        self.connections = Connections::default();
    }

    /// Returns the event of a row.
    pub(crate) fn event(&mut self, row: Row) -> Event {
        let (names, pseudonyms) = (&self.names, &mut self.pseudonyms);
        let parties = self
            .connections
            .handle(&row, &mut |id| pseudonyms.user(names.name(id)));
        let is_reply = row.kind.is_talk() && row.channel.is_some() && !parties.peer.is_empty();
        let detail = if is_reply {
            Arc::from(DETAIL_REPLY)
        } else {
            Arc::from(names.name(row.detail))
        };
        Event {
            at_us: row.at_us,
            kind: row.kind,
            network: Arc::clone(&self.network),
            channel: row.channel.map_or_else(
                || Arc::from(""),
                |channel| pseudonyms.channel(names.name(channel)),
            ),
            user: parties.user,
            peer: parties.peer,
            bytes: row.bytes,
            detail,
            text: row.text.unwrap_or_default(),
        }
    }
}

/// What holds for all rows of a log.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RowContext {
    /// The channel of what names none.
    pub(crate) channel: Option<NameId>,
    /// The log's place.
    pub(crate) source: SourceId,
    /// Whether texts are kept.
    pub(crate) keeps_text: bool,
    /// Whether texts are to be told apart.
    pub(crate) hashes_text: bool,
}

/// Returns the row of what a line tells.
pub(crate) fn row_of(names: &mut Names, at_us: i64, seen: &Seen<'_>, context: RowContext) -> Row {
    let mut row = Row {
        at_us,
        kind: seen.kind,
        source: context.source,
        channel: match seen.channel {
            None => context.channel,
            Some(b"") => None,
            Some(named) => Some(names.id(named)),
        },
        nick: names.id(seen.nick),
        peer: (!seen.peer.is_empty()).then(|| names.id(seen.peer)),
        bytes: len(seen.text),
        detail: NAMELESS,
        is_membership: false,
        text_hash: if context.hashes_text {
            hash(seen.text)
        } else {
            0
        },
        text: None,
    };
    match seen.kind {
        EventKind::Quit => {
            let cause = LeaveCause::of_quit(&String::from_utf8_lossy(seen.text));
            row.detail = names.id(cause.as_str().as_bytes());
        }
        EventKind::Mode => {
            let (letters, parameters) = first_word(seen.text);
            row.detail = names.id(mode_letters(letters));
            if !seen.peer.is_empty() {
                row.bytes = row.bytes.saturating_add(1 + len(seen.peer));
            }
            // Only who has been seen can be meant: parameters also hold keys, masks and limits.
            let (parameter, _) = first_word(parameters);
            row.peer = row.peer.or_else(|| names.find(parameter));
        }
        EventKind::Nick if connections::is_guest(seen.nick) || connections::is_guest(seen.peer) => {
            row.detail = names.id(DETAIL_GUEST.as_bytes());
        }
        EventKind::Message | EventKind::Action if row.peer.is_none() => {
            row.peer = addressee(seen.text).and_then(|nick| names.find(nick));
        }
        EventKind::Other => {
            row.bytes = 0;
            row.detail = names.id(command(seen.text));
            row.is_membership = seen.text == DETAIL_NAMES.as_bytes();
        }
        _ => {}
    }
    if context.keeps_text && seen.kind.is_talk() {
        row.text = Some(String::from_utf8_lossy(seen.text).into());
    }
    row
}

/// Longest nick that a message can begin with, and its sign.
const ADDRESSEE_BYTES_MAX: usize = 66;

/// Commands that a trace names; any other word of a log might be somebody's.
const COMMANDS: [&[u8]; 22] = [
    b"names",
    b"ctcp",
    b"invite",
    b"wallops",
    b"away",
    b"account",
    b"chghost",
    b"setname",
    b"tagmsg",
    b"markread",
    b"redact",
    b"knock",
    b"clearchat",
    b"clearmsg",
    b"usernotice",
    b"userstate",
    b"roomstate",
    b"globaluserstate",
    b"hosttarget",
    b"reconnect",
    b"whisper",
    b"batch",
];

/// Returns the command that an event is of, as far as a trace names it.
fn command(word: &[u8]) -> &[u8] {
    if COMMANDS.contains(&word) {
        word
    } else {
        b"command"
    }
}

/// Returns letters of modes with their signs; empty for anything else.
fn mode_letters(letters: &[u8]) -> &[u8] {
    let is_sign = |byte: &u8| matches!(byte, b'+' | b'-');
    let is_mode = letters.first().is_some_and(is_sign)
        && letters.len() <= MODE_LETTERS_MAX
        && letters
            .iter()
            .all(|byte| is_sign(byte) || byte.is_ascii_alphabetic());
    if is_mode { letters } else { b"" }
}

/// Longest change of modes that a trace shows: servers allow some twenty in a line.
const MODE_LETTERS_MAX: usize = 40;

/// Returns the nick that a message begins with, as in `alder: hi` or `alder, hi`.
fn addressee(text: &[u8]) -> Option<&[u8]> {
    let end = text
        .iter()
        .take(ADDRESSEE_BYTES_MAX)
        .position(|&byte| byte == b' ')
        .or_else(|| (text.len() < ADDRESSEE_BYTES_MAX).then_some(text.len()))?;
    match text.get(..end)? {
        [nick @ .., b':' | b','] if !nick.is_empty() => Some(nick),
        _ => None,
    }
}

/// Returns a number that tells texts apart, the same in every run.
fn hash(text: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(text);
    hasher.finish()
}

fn len(text: &[u8]) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}
