//! What a message of the protocol tells: its verb, and its events.

use crate::irc::wire::message::Message;
use crate::traffic::capture::Seen;
use crate::traffic::capture::split_once;
use crate::traffic::capture::without_status;
use crate::traffic::trace::event::DETAIL_NAMES;
use crate::traffic::trace::event::EventKind;

/// Shortest and longest word that is a command; the longest in use is AUTHENTICATE.
const COMMAND_BYTES: std::ops::RangeInclusive<usize> = 3..=20;

/// Commands that keep up the connection and tell nothing about the channel.
const HOUSEKEEPING: [&[u8]; 11] = [
    b"PING",
    b"PONG",
    b"AUTHENTICATE",
    b"ERROR",
    b"USER",
    b"PASS",
    b"WHO",
    b"WHOIS",
    b"NAMES",
    b"LIST",
    b"FAIL",
];

/// What a message is about, as far as readers of captures tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// PRIVMSG.
    Privmsg,
    /// NOTICE.
    Notice,
    /// TAGMSG.
    Tagmsg,
    /// JOIN.
    Join,
    /// PART.
    Part,
    /// QUIT.
    Quit,
    /// NICK.
    Nick,
    /// KICK.
    Kick,
    /// MODE.
    Mode,
    /// TOPIC.
    Topic,
    /// BATCH.
    Batch,
    /// CAP.
    Cap,
    /// A numeric.
    Numeric(u16),
    /// What keeps up the connection.
    Housekeeping,
    /// Any other command.
    Other,
}

impl Verb {
    /// Returns the verb of a message; its command may have any case, as what clients send does.
    pub(crate) fn of(message: &Message<'_>) -> Self {
        if let Some(numeric) = message.numeric() {
            return Self::Numeric(numeric);
        }
        let mut word = [0; 12];
        let Some(upper) = word.get_mut(..message.command.len()) else {
            return Self::Other;
        };
        upper.copy_from_slice(message.command);
        upper.make_ascii_uppercase();
        match &*upper {
            b"PRIVMSG" => Self::Privmsg,
            b"NOTICE" => Self::Notice,
            b"TAGMSG" => Self::Tagmsg,
            b"JOIN" => Self::Join,
            b"PART" => Self::Part,
            b"QUIT" => Self::Quit,
            b"NICK" => Self::Nick,
            b"KICK" => Self::Kick,
            b"MODE" => Self::Mode,
            b"TOPIC" => Self::Topic,
            b"BATCH" => Self::Batch,
            b"CAP" => Self::Cap,
            word if HOUSEKEEPING.contains(&word) => Self::Housekeeping,
            _ => Self::Other,
        }
    }

    /// Returns whether it is talk: what a client sends is what its receivers get.
    pub(crate) fn is_talk(self) -> bool {
        matches!(self, Self::Privmsg | Self::Notice | Self::Tagmsg)
    }
}

/// The numeric that welcomes: its first parameter is the nick that the server gave.
pub(crate) const WELCOME: u16 = 1;

/// The numeric that lists members of a channel.
pub(crate) const NAMES: u16 = 353;

/// Returns the message that a line holds; what is no word and no numeric in place of a command is none.
pub(crate) fn parse(line: &[u8]) -> Option<Message<'_>> {
    let message = Message::parse(line).ok()?;
    let command = message.command;
    let is_word =
        COMMAND_BYTES.contains(&command.len()) && command.iter().all(u8::is_ascii_alphabetic);
    (is_word || message.numeric().is_some()).then_some(message)
}

/// Hands every event that the message tells, when `nick` is who acts, to `seen`. What servers say, and what a bouncer
/// and its clients say to each other, is no event.
pub(crate) fn events(
    message: &Message<'_>,
    verb: Verb,
    nick: &[u8],
    seen: &mut dyn FnMut(Seen<'_>),
) {
    let (first, second) = (parameter(message, 0), parameter(message, 1));
    let last = message.params.last().unwrap_or_default();
    match verb {
        Verb::Privmsg | Verb::Notice => talk(message, verb, nick, seen),
        Verb::Join => {
            for channel in list(first) {
                seen(in_channel(Seen::new(EventKind::Join, nick, b""), channel));
            }
        }
        Verb::Part => {
            for channel in list(first) {
                seen(in_channel(
                    Seen::new(EventKind::Part, nick, second),
                    channel,
                ));
            }
        }
        Verb::Quit => seen(in_channel(Seen::new(EventKind::Quit, nick, first), b"")),
        Verb::Nick => seen(in_channel(
            Seen::new(EventKind::Nick, nick, b"").with_peer(first),
            b"",
        )),
        Verb::Kick => {
            let kick = Seen::new(EventKind::Kick, nick, parameter(message, 2));
            seen(in_channel(kick.with_peer(second), first));
        }
        Verb::Mode if is_channel(first) => {
            let words: Vec<&[u8]> = message.params.iter().skip(1).collect();
            let modes = words.join(&b' ');
            seen(in_channel(Seen::new(EventKind::Mode, nick, &modes), first));
        }
        Verb::Topic => seen(in_channel(Seen::new(EventKind::Topic, nick, last), first)),
        Verb::Numeric(NAMES) => {
            let channel = parameter(message, 2);
            for name in last
                .split(|&byte| byte == b' ')
                .filter(|name| !name.is_empty())
            {
                let member =
                    Seen::new(EventKind::Other, member_nick(name), DETAIL_NAMES.as_bytes());
                seen(in_channel(member, channel));
            }
        }
        Verb::Mode | Verb::Batch | Verb::Cap | Verb::Numeric(_) | Verb::Housekeeping => {}
        Verb::Tagmsg | Verb::Other => {
            let word = message.command.to_ascii_lowercase();
            let channel = if is_channel(first) { first } else { b"" };
            seen(in_channel(
                Seen::new(EventKind::Other, nick, &word),
                channel,
            ));
        }
    }
}

/// Hands what a PRIVMSG or NOTICE says to each of its targets to `seen`.
fn talk(message: &Message<'_>, verb: Verb, nick: &[u8], seen: &mut dyn FnMut(Seen<'_>)) {
    let text = parameter(message, 1);
    // Pseudo-users of ZNC begin with `*`, and `*` alone is whoever has no nick yet.
    let is_pseudo = |name: &[u8]| name.is_empty() || name.starts_with(b"*");
    if message.source.is_some_and(|source| source.is_server()) || is_pseudo(nick) {
        return;
    }
    let (kind, text) = match text.strip_prefix(b"\x01") {
        Some(ctcp) => match ctcp.strip_prefix(b"ACTION ") {
            Some(action) => (
                EventKind::Action,
                action.strip_suffix(b"\x01").unwrap_or(action),
            ),
            None => (EventKind::Other, &b"ctcp"[..]),
        },
        None if verb == Verb::Notice => (EventKind::Notice, text),
        None => (EventKind::Message, text),
    };
    for target in list(parameter(message, 0)).filter(|target| !is_pseudo(target)) {
        let event = Seen::new(kind, nick, text);
        // `@#channel` addresses the operators of a channel.
        let bare = without_status(target);
        if is_channel(bare) {
            seen(in_channel(event, bare));
        } else {
            seen(in_channel(event.with_peer(target), b""));
        }
    }
}

/// Returns the names of a list with commas.
fn list(names: &[u8]) -> impl Iterator<Item = &[u8]> {
    names.split(|&byte| byte == b',')
}

/// Returns the event in a channel.
pub(crate) fn in_channel<'a>(mut seen: Seen<'a>, channel: &'a [u8]) -> Seen<'a> {
    seen.channel = Some(channel);
    seen
}

/// Returns whether a target is a channel.
pub(crate) fn is_channel(target: &[u8]) -> bool {
    matches!(target, [b'#' | b'&', ..])
}

/// Returns a parameter; empty if the message has no such one.
pub(crate) fn parameter<'a>(message: &Message<'a>, index: usize) -> &'a [u8] {
    message.params.get(index).unwrap_or_default()
}

/// Returns the nick of a name in a list of names: status signs before it, `!user@host` behind it.
fn member_nick(name: &[u8]) -> &[u8] {
    let mut nick = name;
    while without_status(nick).len() < nick.len() {
        nick = without_status(nick);
    }
    split_once(nick, b"!").map_or(nick, |(nick, _)| nick)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verb(line: &str) -> Option<Verb> {
        parse(line.as_bytes()).map(|message| Verb::of(&message))
    }

    #[test]
    fn commands_are_told_in_any_case() {
        assert_eq!(verb("privmsg #w :hi"), Some(Verb::Privmsg));
        assert_eq!(verb("Join #w"), Some(Verb::Join));
        assert_eq!(verb(":s 353 a = #w :a"), Some(Verb::Numeric(NAMES)));
        assert_eq!(verb("ping x"), Some(Verb::Housekeeping));
        assert_eq!(verb("CLEARCHATHISTORY"), Some(Verb::Other));
        assert_eq!(verb("h4llo there"), None);
        assert_eq!(verb("hi"), None);
    }

    #[test]
    fn every_target_of_a_list_is_told() {
        let message = parse(b"PRIVMSG #w,*status,@#x,birch :hi").unwrap();
        let mut told = Vec::new();
        events(&message, Verb::of(&message), b"alder", &mut |event| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            told.push((text(event.channel.unwrap_or_default()), text(event.peer)));
        });
        let want = [("#w", ""), ("#x", ""), ("", "birch")];
        assert_eq!(told, want.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }
}
