//! Logs of ZNC's log module, in the forms `*** Joins: nick (user@host)` and `*** Joins nick`.

use crate::traffic::capture::LogFormat;
use crate::traffic::capture::Moment;
use crate::traffic::capture::Reading;
use crate::traffic::capture::Seen;
use crate::traffic::capture::first_word;
use crate::traffic::capture::format::phrase;
use crate::traffic::capture::format::stamp;
use crate::traffic::capture::is_nick;
use crate::traffic::capture::split_once;
use crate::traffic::capture::without_status;
use crate::traffic::trace::event::EventKind;

/// The format; it remembers nothing from line to line.
#[derive(Debug)]
pub(crate) struct Znc;

impl LogFormat for Znc {
    fn read_line(&mut self, line: &[u8], seen: &mut dyn FnMut(Moment, Seen<'_>)) -> Reading {
        let Some((moment, rest)) = stamp::bracketed(line) else {
            return Reading::Damaged(stamp::EXPECTED);
        };
        if is_remark(rest) {
            return Reading::Note;
        }
        let Some(event) =
            phrase::talk(rest).or_else(|| rest.strip_prefix(b"*** ").and_then(change))
        else {
            return Reading::Damaged("talk, or what `***` reports");
        };
        seen(moment, event);
        Reading::Events
    }
}

/// Returns whether the bouncer tells of its own connection.
fn is_remark(text: &[u8]) -> bool {
    text.starts_with(b"Connected to IRC")
        || text.starts_with(b"Disconnected from IRC")
        || text.starts_with(b"Broadcast: ")
}

/// Reads what follows `*** `: what somebody did, in words or as `Joins: nick`.
pub(crate) fn change(text: &[u8]) -> Option<Seen<'_>> {
    // The nick comes first in a deed; it may itself be `Joins` or `Quits`.
    phrase::deed(text).or_else(|| coming_or_going(text))
}

/// Reads `Joins: nick (user@host)`, `Quits: nick (user@host) (reason)` and `Parts: …`.
pub(crate) fn coming_or_going(text: &[u8]) -> Option<Seen<'_>> {
    let (first, rest) = first_word(text);
    let kind = match first.strip_suffix(b":").unwrap_or(first) {
        b"Joins" => EventKind::Join,
        b"Quits" => EventKind::Quit,
        b"Parts" => EventKind::Part,
        _ => return None,
    };
    let (nick, rest) = first_word(rest);
    let nick = without_status(nick);
    if !is_nick(nick) {
        return None;
    }
    // `(user@host) (reason)`, or only `(reason)` where the host is not logged.
    let reason = if is_host(rest) {
        split_once(rest, b") ").map_or(&b""[..], |(_, reason)| reason)
    } else {
        rest
    };
    let text = if kind == EventKind::Join {
        b""
    } else {
        phrase::unwrapped(reason)
    };
    Some(Seen::new(kind, nick, text))
}

/// Returns whether `text` opens with `(user@host)`.
fn is_host(text: &[u8]) -> bool {
    let Some((inside, _)) = text
        .strip_prefix(b"(")
        .and_then(|text| split_once(text, b")"))
    else {
        return false;
    };
    // A host that was scrubbed away leaves `user@ `.
    split_once(inside, b"@").is_some_and(|(user, _)| !user.is_empty() && !user.contains(&b' '))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::capture::format::check::Checked;

    #[track_caller]
    fn check(line: &str, kind: EventKind, nick: &str, peer: &str, text: &str) {
        let event = format!("01:02:03 {} {nick}>{peer} [{text}]", kind.as_str());
        Checked::new(Znc).check(line, &event);
    }

    #[track_caller]
    fn check_none(line: &str, want: Reading) {
        Checked::new(Znc).check_reading(line, want);
    }

    #[test]
    fn talk_is_read() {
        use EventKind::Action;
        use EventKind::Message;
        use EventKind::Notice;
        check(
            "[01:02:03] <alder> birch: hi > there",
            Message,
            "alder",
            "",
            "birch: hi > there",
        );
        check("[01:02:03] <@alder> hi", Message, "alder", "", "hi");
        check("[01:02:03] <alder> ", Message, "alder", "", "");
        check(
            "[01:02:03] * alder waves a - b",
            Action,
            "alder",
            "",
            "waves a - b",
        );
        check(
            "[01:02:03] -build-bot- done",
            Notice,
            "build-bot",
            "",
            "done",
        );
    }

    #[test]
    fn comings_and_goings_are_read_with_and_without_hosts() {
        use EventKind::Join;
        use EventKind::Part;
        use EventKind::Quit;
        check(
            "[01:02:03] *** Joins: alder (~a@host.example)",
            Join,
            "alder",
            "",
            "",
        );
        check("[01:02:03] *** Joins: alder (~a@ )", Join, "alder", "", "");
        check("[01:02:03] *** Joins alder", Join, "alder", "", "");
        check(
            "[01:02:03] *** Quits: alder (~a@h) (Quit: (x))",
            Quit,
            "alder",
            "",
            "Quit: (x)",
        );
        check(
            "[01:02:03] *** Quits alder (Ping timeout: 9 seconds)",
            Quit,
            "alder",
            "",
            "Ping timeout: 9 seconds",
        );
        check("[01:02:03] *** Quits alder (a@b c)", Quit, "alder", "", "");
        check(
            "[01:02:03] *** Parts: alder (~a@h) ()",
            Part,
            "alder",
            "",
            "",
        );
        check("[01:02:03] *** Parts alder (bye)", Part, "alder", "", "bye");
    }

    #[test]
    fn changes_are_read() {
        use EventKind::Kick;
        use EventKind::Mode;
        use EventKind::Nick;
        use EventKind::Topic;
        check(
            "[01:02:03] *** as is now known as birch",
            Nick,
            "as",
            "birch",
            "",
        );
        check(
            "[01:02:03] *** Joins is now known as birch",
            Nick,
            "Joins",
            "birch",
            "",
        );
        check(
            "[01:02:03] *** alder sets mode: +o birch",
            Mode,
            "alder",
            "",
            "+o birch",
        );
        check(
            "[01:02:03] *** Server sets mode: +stn ",
            Mode,
            "Server",
            "",
            "+stn",
        );
        check(
            "[01:02:03] *** alder changes topic to 'it's on'",
            Topic,
            "alder",
            "",
            "it's on",
        );
        check(
            "[01:02:03] *** birch was kicked by alder (no)",
            Kick,
            "alder",
            "birch",
            "no",
        );
    }

    #[test]
    fn remarks_are_no_events_and_damage_is_named() {
        check_none(
            "[01:02:03] Disconnected from IRC (irc.example)",
            Reading::Note,
        );
        check_none("<<<<<<< HEAD", Reading::Damaged(stamp::EXPECTED));
        check_none(
            "[01:02:03] *** Sleeps: alder",
            Reading::Damaged("talk, or what `***` reports"),
        );
        check_none(
            "[01:02:03] *** Joins: ",
            Reading::Damaged("talk, or what `***` reports"),
        );
        check_none(
            "[01:02:03] <> x",
            Reading::Damaged("talk, or what `***` reports"),
        );
    }
}
