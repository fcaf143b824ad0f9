//! What clients and bots say of others in words, the same in many formats: `alder (~a@host) has joined #wood`.

use crate::traffic::capture::Seen;
use crate::traffic::capture::first_word;
use crate::traffic::capture::is_nick;
use crate::traffic::capture::split_once;
use crate::traffic::capture::without_status;
use crate::traffic::trace::event::EventKind;

/// Changes of modes that are told in words, without and with the letters that they stand for.
const MODES_IN_WORDS: [(&[u8], &[u8]); 12] = [
    (b"gives channel operator status to ", b"+o"),
    (b"removes channel operator status from ", b"-o"),
    (b"gives channel half-operator status to ", b"+h"),
    (b"removes channel half-operator status from ", b"-h"),
    (b"gives voice to ", b"+v"),
    (b"removes voice from ", b"-v"),
    (b"sets ban on ", b"+b"),
    (b"removes ban on ", b"-b"),
    (b"sets quiet on ", b"+q"),
    (b"removes quiet on ", b"-q"),
    (b"sets exempt on ", b"+e"),
    (b"removes exempt on ", b"-e"),
];

/// Reads `<nick> text`, `* nick text`, `-nick- text` and `-nick:#channel- text`.
pub(crate) fn talk(text: &[u8]) -> Option<Seen<'_>> {
    match text {
        [b'<', ..] => message(text),
        [b'*', b' ', rest @ ..] => action(rest),
        [b'-', ..] => notice(text),
        _ => None,
    }
}

/// Reads `<nick> text`.
pub(crate) fn message(text: &[u8]) -> Option<Seen<'_>> {
    let (nick, text) = split_once(text.strip_prefix(b"<")?, b">")?;
    let text = text.strip_prefix(b" ").unwrap_or(text);
    spoken(EventKind::Message, nick, text)
}

/// Reads `nick does something`.
pub(crate) fn action(text: &[u8]) -> Option<Seen<'_>> {
    let (nick, text) = first_word(text);
    spoken(EventKind::Action, nick, text)
}

/// Reads `-nick- text` and `-nick:#channel- text`; a server's notice counts as one of its name.
pub(crate) fn notice(text: &[u8]) -> Option<Seen<'_>> {
    let (source, text) = split_once(text.strip_prefix(b"-")?, b"- ")?;
    // No nick begins with a hyphen: this is a ruler such as `--- Fri Jan 4`.
    if source.starts_with(b"-") {
        return None;
    }
    let nick = split_once(source, b":").map_or(source, |(nick, _)| nick);
    spoken(EventKind::Notice, nick, text)
}

fn spoken<'a>(kind: EventKind, nick: &'a [u8], text: &'a [u8]) -> Option<Seen<'a>> {
    let nick = without_status(nick.trim_ascii_start());
    is_nick(nick).then(|| Seen::new(kind, nick, text))
}

/// Reads what somebody did: came, went, changed something.
///
/// It is strict: a user's own words, which some formats show alike, must not pass for it.
pub(crate) fn deed(text: &[u8]) -> Option<Seen<'_>> {
    let (first, rest) = first_word(text);
    let nick = without_status(first);
    if !is_nick(nick) {
        return None;
    }
    let rest = without_mask(rest);
    // The first letter tells most of what people say apart.
    match rest.first()? {
        b'h' => has_done(nick, rest.strip_prefix(b"has ")?),
        b'i' => {
            let new = rest.strip_prefix(b"is now known as ")?.trim_ascii_end();
            is_nick(new).then(|| Seen::new(EventKind::Nick, nick, b"").with_peer(new))
        }
        b'w' => kicked(nick, rest.strip_prefix(b"was kicked ")?),
        b'c' => topic(nick, rest),
        b's' | b'g' | b'r' => mode(nick, rest),
        _ => None,
    }
}

/// Reads what follows `alder has `.
fn has_done<'a>(nick: &'a [u8], did: &'a [u8]) -> Option<Seen<'a>> {
    if let Some(rest) = did.strip_prefix(b"joined") {
        let (_, rest) = in_channel(rest);
        return rest
            .is_empty()
            .then(|| Seen::new(EventKind::Join, nick, b""));
    }
    if let Some(rest) = did.strip_prefix(b"quit") {
        let rest = rest.strip_prefix(b" IRC").unwrap_or(rest);
        return Some(Seen::new(EventKind::Quit, nick, reason(rest)?));
    }
    if let Some(rest) = did.strip_prefix(b"left") {
        let (_, rest) = in_channel(rest);
        return Some(Seen::new(EventKind::Part, nick, reason(rest)?));
    }
    if let Some(rest) = did.strip_prefix(b"kicked ") {
        let (victim, rest) = first_word(rest);
        let rest = match rest.strip_prefix(b"from ") {
            Some(rest) => first_word(rest).1,
            None => rest,
        };
        return is_nick(victim).then(|| {
            Seen::new(EventKind::Kick, nick, unwrapped(rest.trim_ascii())).with_peer(victim)
        });
    }
    if let Some(topic) = did.strip_prefix(b"changed the topic to: ") {
        return Some(Seen::new(EventKind::Topic, nick, topic));
    }
    if let Some(rest) = did.strip_prefix(b"changed topic for ") {
        let (_, topic) = split_once(rest, b"\" to \"")?;
        return Some(Seen::new(EventKind::Topic, nick, unquoted(topic)));
    }
    if let Some(rest) = did.strip_prefix(b"set topic for ") {
        let (_, topic) = split_once(rest, b" to ")?;
        return Some(Seen::new(EventKind::Topic, nick, unquoted(topic)));
    }
    did.strip_prefix(b"unset topic for ")
        .map(|_| Seen::new(EventKind::Topic, nick, b""))
}

/// Reads what follows `birch was kicked `: `by alder (reason)` or `from #wood by alder [reason]`.
fn kicked<'a>(victim: &'a [u8], rest: &'a [u8]) -> Option<Seen<'a>> {
    let rest = match rest.strip_prefix(b"from ") {
        Some(rest) => first_word(rest).1,
        None => rest,
    };
    let (kicker, reason) = first_word(rest.strip_prefix(b"by ")?);
    is_nick(kicker).then(|| {
        Seen::new(EventKind::Kick, kicker, unwrapped(reason.trim_ascii())).with_peer(victim)
    })
}

/// Reads `changes topic to 'text'`, `changes topic to: text` and `changed the topic of #wood to: text`.
fn topic<'a>(nick: &'a [u8], rest: &'a [u8]) -> Option<Seen<'a>> {
    let topic = if let Some(topic) = rest.strip_prefix(b"changes topic to") {
        let topic = topic.strip_prefix(b":").unwrap_or(topic);
        topic.strip_prefix(b" ").unwrap_or(topic)
    } else {
        let (channel, topic) = split_once(rest.strip_prefix(b"changed the topic of ")?, b" to:")?;
        if channel.contains(&b' ') {
            return None;
        }
        topic.strip_prefix(b" ").unwrap_or(topic)
    };
    Some(Seen::new(EventKind::Topic, nick, unquoted(topic)))
}

/// Reads `sets mode: +o birch`, `sets mode +o on #wood birch` and modes in words.
fn mode<'a>(nick: &'a [u8], rest: &'a [u8]) -> Option<Seen<'a>> {
    if let Some(modes) = rest
        .strip_prefix(b"sets mode: ")
        .or_else(|| rest.strip_prefix(b"sets mode "))
    {
        let modes = modes.trim_ascii_end();
        return modes
            .starts_with(b"+")
            .then_some(modes)
            .or_else(|| modes.starts_with(b"-").then_some(modes))
            .map(|modes| Seen::new(EventKind::Mode, nick, modes));
    }
    let words = MODES_IN_WORDS
        .iter()
        .find_map(|&(words, letters)| Some((letters, rest.strip_prefix(words)?)));
    if let Some((letters, whom)) = words {
        return (!whom.is_empty() && !whom.contains(&b' '))
            .then(|| Seen::new(EventKind::Mode, nick, letters).with_peer(whom));
    }
    let (letters, _) = [
        (&b"+k"[..], &b"sets channel keyword to "[..]),
        (b"-k", b"removes channel keyword"),
        (b"+l", b"sets channel limit to "),
        (b"-l", b"removes user limit"),
    ]
    .into_iter()
    .find(|&(_, words)| rest.starts_with(words))?;
    Some(Seen::new(EventKind::Mode, nick, letters))
}

/// Returns what follows a mask: `(~a@host)`, `[~a@host]` or `<a!~a@host>`.
pub(crate) fn without_mask(text: &[u8]) -> &[u8] {
    let close: &[u8] = match text.first() {
        Some(b'(') => b")",
        Some(b'[') => b"]",
        Some(b'<') => b">",
        _ => return text,
    };
    match split_once(text, close) {
        Some((mask, rest)) if memchr::memchr(b'@', mask).is_some() => {
            rest.strip_prefix(b" ").unwrap_or(rest)
        }
        _ => text,
    }
}

/// Splits ` #wood rest`, ` (#wood) rest` and ` rest` into the channel, empty if there is none, and the rest.
fn in_channel(text: &[u8]) -> (&[u8], &[u8]) {
    let (word, rest) = first_word(text.strip_prefix(b" ").unwrap_or(text));
    let name = unwrapped(word);
    // XChat writes `(#wood)`; other clients end the sentence.
    if matches!(name, [b'#' | b'&' | b'+' | b'!', ..]) {
        (name, rest)
    } else {
        (b"", text)
    }
}

/// Returns the reason in `(reason)` or `[reason]`, empty if there is none; `None` if other words follow.
fn reason(text: &[u8]) -> Option<&[u8]> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return Some(text);
    }
    let bare = unwrapped(text);
    (bare.len() < text.len()).then_some(bare)
}

/// Returns a text without the brackets around it.
pub(crate) fn unwrapped(text: &[u8]) -> &[u8] {
    match text {
        [b'(', inside @ .., b')'] | [b'[', inside @ .., b']'] => inside,
        _ => text,
    }
}

/// Returns a text without the quotes around it.
fn unquoted(text: &[u8]) -> &[u8] {
    let Some((&quote, rest)) = text.split_first() else {
        return text;
    };
    if quote == b'\'' || quote == b'"' {
        rest.strip_suffix(&[quote]).unwrap_or(rest)
    } else {
        text.strip_suffix(b"\"").unwrap_or(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Option<&str>) {
        let found = deed(text.as_bytes()).map(|seen| shown(&seen));
        assert_eq!(found.as_deref(), want, "{text}");
    }

    #[track_caller]
    fn check_talk(text: &str, want: Option<&str>) {
        let found = talk(text.as_bytes()).map(|seen| shown(&seen));
        assert_eq!(found.as_deref(), want, "{text}");
    }

    fn shown(seen: &Seen<'_>) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let peer = text(seen.peer);
        format!(
            "{} {}>{peer} [{}]",
            seen.kind.as_str(),
            text(seen.nick),
            text(seen.text)
        )
    }

    #[test]
    fn comings_and_goings_are_told_in_many_words() {
        for text in [
            "alder has joined",
            "alder has joined #wood",
            "@alder [~a@h] has joined #wood",
            "alder (~a@h) has joined",
            "alder <alder!~a@h> has joined #wood",
        ] {
            check(text, Some("join alder> []"));
        }
        for text in [
            "alder has quit (Ping timeout: 9 seconds)",
            "alder (~a@h) has quit IRC (Ping timeout: 9 seconds)",
            "alder [~a@h] has quit [Ping timeout: 9 seconds]",
        ] {
            check(text, Some("quit alder> [Ping timeout: 9 seconds]"));
        }
        check("alder has quit IRC", Some("quit alder> []"));
        check("alder has quit ((x))", Some("quit alder> [(x)]"));
        check("alder has left", Some("part alder> []"));
        check("alder has left #wood", Some("part alder> []"));
        check("alder (~a@h) has left (#wood)", Some("part alder> []"));
        check(
            "alder [~a@h] has left #wood [bye]",
            Some("part alder> [bye]"),
        );
        check("alder has left #wood (bye)", Some("part alder> [bye]"));
    }

    #[test]
    fn changes_are_told_in_many_words() {
        check("alder is now known as birch", Some("nick alder>birch []"));
        check("alder sets mode: +o birch", Some("mode alder> [+o birch]"));
        check(
            "h.test sets mode +n on #wood",
            Some("mode h.test> [+n on #wood]"),
        );
        check("alder gives voice to birch", Some("mode alder>birch [+v]"));
        check("alder sets channel limit to 9", Some("mode alder> [+l]"));
        check(
            "birch was kicked by alder (no)",
            Some("kick alder>birch [no]"),
        );
        check(
            "birch was kicked from #wood by alder [no]",
            Some("kick alder>birch [no]"),
        );
        check("alder has kicked birch (no)", Some("kick alder>birch [no]"));
        check(
            "alder has kicked birch from #wood (no)",
            Some("kick alder>birch [no]"),
        );
    }

    #[test]
    fn topics_are_told_in_many_words() {
        for text in [
            "alder changes topic to 'it's on'",
            "alder changes topic to \"it's on\"",
            "alder changes topic to: it's on",
            "alder changed the topic of #wood to: it's on",
            "alder has changed the topic to: it's on",
            "alder has changed topic for #wood from \"off\" to \"it's on\"",
            "alder has set topic for #wood to \"it's on\"",
        ] {
            check(text, Some("topic alder> [it's on]"));
        }
        check("alder has unset topic for #wood", Some("topic alder> []"));
    }

    #[test]
    fn what_people_say_of_themselves_is_no_deed() {
        for text in [
            "alder has left the building",
            "alder has joined the dots",
            "alder is now known as the fool",
            "alder sets mode: fun",
            "alder gives voice to the people",
            "alder was kicked out",
            "alder changes topic",
            "alder waves",
            "alder",
            "",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn talk_is_read() {
        check_talk(
            "<@alder> birch: hi > there",
            Some("message alder> [birch: hi > there]"),
        );
        check_talk("< alder> hi", Some("message alder> [hi]"));
        check_talk("<alder> ", Some("message alder> []"));
        check_talk("* alder waves a - b", Some("action alder> [waves a - b]"));
        check_talk("-build-bot- done", Some("notice build-bot> [done]"));
        check_talk("-h.test:#wood- done", Some("notice h.test> [done]"));
        check_talk("* Joins: alder (a@h)", None);
        check_talk("--- Fri Jan 4 2013", None);
        check_talk("<> x", None);
    }
}
