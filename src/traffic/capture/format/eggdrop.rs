//! Channel logs of the bot eggdrop.

use crate::traffic::capture::LogFormat;
use crate::traffic::capture::Moment;
use crate::traffic::capture::Reading;
use crate::traffic::capture::Seen;
use crate::traffic::capture::first_word;
use crate::traffic::capture::format::phrase;
use crate::traffic::capture::format::stamp;
use crate::traffic::capture::is_nick;
use crate::traffic::capture::split_once;
use crate::traffic::trace::event::EventKind;

/// The format; it remembers nothing from line to line.
#[derive(Debug)]
pub(crate) struct Eggdrop;

/// The reason that stands for a netsplit where the log names no servers.
const SPLIT: &[u8] = b"*.net *.split";

/// Beginnings of remarks of the bot about itself.
const REMARKS: [&[u8]; 9] = [
    b"Backing up ",
    b"Writing ",
    b"Last message repeated ",
    b"Possible future nick collision",
    b"Switching logfiles",
    b"Userfile ",
    b"Channelfile ",
    b"Loaded ",
    b"Logging ",
];

impl LogFormat for Eggdrop {
    fn read_line(&mut self, line: &[u8], seen: &mut dyn FnMut(Moment, Seen<'_>)) -> Reading {
        let Some((moment, rest)) = stamp::bracketed(line) else {
            return Reading::Damaged(stamp::EXPECTED);
        };
        if let Some(day) = rest.strip_prefix(b"--- ") {
            return stamp::day_in_words(day).map_or(
                Reading::Damaged("a day such as `--- Fri Jan 4 2013`"),
                Reading::Day,
            );
        }
        if REMARKS.iter().any(|remark| rest.starts_with(remark)) || is_split_over(rest) {
            return Reading::Note;
        }
        let event = talk(rest)
            .or_else(|| coming_or_going(rest))
            .or_else(|| change(rest));
        let Some(event) = event else {
            return Reading::Damaged("talk, or a remark of the bot");
        };
        seen(moment, event);
        Reading::Events
    }
}

/// Returns whether the bot gives up waiting for somebody whose QUIT it has told already.
fn is_split_over(text: &[u8]) -> bool {
    text.ends_with(b" got lost in the net-split.")
}

/// Reads `<nick> text`, `Action: nick text` and `-nick:#channel- text`.
fn talk(text: &[u8]) -> Option<Seen<'_>> {
    match text.first()? {
        b'A' => phrase::action(text.strip_prefix(b"Action: ")?),
        b'-' => phrase::notice(text),
        b'<' => phrase::message(text),
        _ => None,
    }
}

/// Reads `nick (user@host) …`.
fn coming_or_going(text: &[u8]) -> Option<Seen<'_>> {
    let (nick, rest) = first_word(text);
    let (_, did) = split_once(rest.strip_prefix(b"(")?, b") ")?;
    let (kind, reason) = if did.starts_with(b"joined ") || did.starts_with(b"returned to ") {
        (EventKind::Join, &b""[..])
    } else if let Some(reason) = did.strip_prefix(b"left irc") {
        let reason = reason.strip_prefix(b":").unwrap_or(reason);
        (EventKind::Quit, reason.trim_ascii())
    } else if let Some(rest) = did.strip_prefix(b"left ") {
        let reason = split_once(rest, b" (").map_or(&b""[..], |(_, reason)| reason);
        let reason = reason.strip_suffix(b".").unwrap_or(reason);
        (EventKind::Part, reason.strip_suffix(b")").unwrap_or(reason))
    } else if did == b"got netsplit." {
        (EventKind::Quit, SPLIT)
    } else {
        return None;
    };
    is_nick(nick).then(|| Seen::new(kind, nick, reason))
}

/// Reads changes of nicks, modes and topics, and kicks.
fn change(text: &[u8]) -> Option<Seen<'_>> {
    if let Some(nicks) = text.strip_prefix(b"Nick change: ") {
        let (old, new) = split_once(nicks, b" -> ")?;
        let both = is_nick(old) && is_nick(new);
        return both.then(|| Seen::new(EventKind::Nick, old, b"").with_peer(new));
    }
    if let Some(topic) = text.strip_prefix(b"Topic changed on ") {
        let (_, by) = split_once(topic, b" by ")?;
        let (source, topic) = split_once(by, b": ").unwrap_or((by, b""));
        return Some(Seen::new(EventKind::Topic, nick_of(source), topic));
    }
    let (first, rest) = first_word(text);
    if let Some(mode) = rest.strip_prefix(b"mode change '") {
        let (modes, source) = split_once(mode, b"' by ")?;
        return first
            .strip_suffix(b":")
            .map(|_| Seen::new(EventKind::Mode, nick_of(source), modes));
    }
    let (_, by) = split_once(rest.strip_prefix(b"kicked from ")?, b" by ")?;
    let (kicker, reason) = split_once(by, b": ").unwrap_or((by, b""));
    Some(Seen::new(EventKind::Kick, nick_of(kicker), reason).with_peer(first))
}

/// Returns the nick of `nick!user@host`.
fn nick_of(source: &[u8]) -> &[u8] {
    split_once(source, b"!").map_or(source, |(nick, _)| nick)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::traffic::capture::format::check::Checked;

    #[track_caller]
    fn check(line: &str, kind: EventKind, nick: &str, peer: &str, text: &str) {
        let event = format!("01:02:03 {} {nick}>{peer} [{text}]", kind.as_str());
        Checked::new(Eggdrop).check(&format!("[01:02:03] {line}"), &event);
    }

    #[track_caller]
    fn check_none(line: &str, want: Reading) {
        Checked::new(Eggdrop).check_reading(&format!("[01:02:03] {line}"), want);
    }

    #[test]
    fn talk_is_read() {
        check(
            "<alder> a (b) joined #c.",
            EventKind::Message,
            "alder",
            "",
            "a (b) joined #c.",
        );
        check(
            "Action: alder waves",
            EventKind::Action,
            "alder",
            "",
            "waves",
        );
        check("-alder:#wood- hear", EventKind::Notice, "alder", "", "hear");
    }

    #[test]
    fn comings_and_goings_are_read() {
        use EventKind::Join;
        use EventKind::Part;
        use EventKind::Quit;
        check("alder (~a@h.example) joined #wood.", Join, "alder", "", "");
        check(
            "alder (~a@h.example) returned to #wood.",
            Join,
            "alder",
            "",
            "",
        );
        check(
            "alder (~a@h) left irc: Quit: bye",
            Quit,
            "alder",
            "",
            "Quit: bye",
        );
        check("alder (~a@h) left irc:", Quit, "alder", "", "");
        check("alder (~a@h) left #wood.", Part, "alder", "", "");
        check(
            "alder (~a@h) left #wood (see you).",
            Part,
            "alder",
            "",
            "see you",
        );
        check(
            "alder (~a@h) got netsplit.",
            Quit,
            "alder",
            "",
            "*.net *.split",
        );
    }

    #[test]
    fn changes_are_read() {
        check(
            "Nick change: alder -> birch",
            EventKind::Nick,
            "alder",
            "birch",
            "",
        );
        check(
            "#wood: mode change '+o birch' by alder!a@h",
            EventKind::Mode,
            "alder",
            "",
            "+o birch",
        );
        check(
            "Topic changed on #wood by alder!a@h: new: leaves",
            EventKind::Topic,
            "alder",
            "",
            "new: leaves",
        );
        check(
            "birch kicked from #wood by alder: no",
            EventKind::Kick,
            "alder",
            "birch",
            "no",
        );
    }

    #[test]
    fn remarks_are_no_events_and_damage_is_named() {
        check_none("--- Fri Jan  4 2013", Reading::Day(date(2013, 1, 4)));
        check_none(
            "--- Someday",
            Reading::Damaged("a day such as `--- Fri Jan 4 2013`"),
        );
        check_none("Backing up user file...", Reading::Note);
        check_none("alder (~a@h) got lost in the net-split.", Reading::Note);
        check_none(
            "alder sleeps",
            Reading::Damaged("talk, or a remark of the bot"),
        );
    }
}
