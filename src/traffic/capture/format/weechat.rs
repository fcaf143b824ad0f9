//! Logs of the client `WeeChat`: time, prefix and text between tabs.

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

/// What a line is, for messages.
const EXPECTED: &str = "a line such as `2024-02-29 12:30:01`, tab, prefix, tab, text";

/// The format; it remembers nothing from line to line.
#[derive(Debug)]
pub(crate) struct WeeChat;

impl LogFormat for WeeChat {
    fn read_line(&mut self, line: &[u8], seen: &mut dyn FnMut(Moment, Seen<'_>)) -> Reading {
        let fields = stamp::iso(line).and_then(|(moment, rest)| {
            let (prefix, text) = split_once(rest.strip_prefix(b"\t")?, b"\t")?;
            Some((moment, prefix.trim_ascii(), text))
        });
        let Some((moment, prefix, text)) = fields else {
            return Reading::Damaged(EXPECTED);
        };
        let event = match prefix {
            // The client's own remarks, and errors.
            b"" | b"=!=" => return Reading::Note,
            b"-->" | b"<--" => match phrase::deed(text) {
                Some(event) => Some(event),
                None => return Reading::Damaged("who joined, left, quit or was kicked"),
            },
            b"--" => match remark(text) {
                Some(event) => Some(event),
                None => return Reading::Note,
            },
            b"*" => phrase::action(text),
            nick => {
                let nick = without_status(nick);
                is_nick(nick).then(|| Seen::new(EventKind::Message, nick, text))
            }
        };
        let Some(event) = event else {
            return Reading::Damaged("a nick, or a prefix such as `-->`");
        };
        seen(moment, event);
        Reading::Events
    }
}

/// Reads what follows the prefix `--`: changes, notices, and remarks of the client.
fn remark(text: &[u8]) -> Option<Seen<'_>> {
    if let Some(rest) = text.strip_prefix(b"Mode ") {
        let (_, rest) = first_word(rest);
        let (modes, by) = split_once(rest.strip_prefix(b"[")?, b"] by ")?;
        return Some(Seen::new(EventKind::Mode, by, modes));
    }
    if let Some(rest) = text.strip_prefix(b"Notice(") {
        let (nick, text) = split_once(rest, b"): ")?;
        return is_nick(nick).then(|| Seen::new(EventKind::Notice, nick, text));
    }
    phrase::deed(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::capture::format::check::Checked;

    #[test]
    fn every_prefix_is_read() {
        let mut log = Checked::new(WeeChat);
        let mut check = |prefix: &str, text: &str, want: &str| {
            log.check(
                &format!("2024-02-29 12:30:01\t{prefix}\t{text}"),
                &format!("2024-02-29T12:30:01 {want}"),
            );
        };
        check("@alder", "hi\tthere", "message alder> [hi\tthere]");
        check(" *", "alder waves", "action alder> [waves]");
        check("-->", "alder (~a@h) has joined #wood", "join alder> []");
        check(
            "<--",
            "alder (~a@h) has quit (Quit: bye)",
            "quit alder> [Quit: bye]",
        );
        check(
            "<--",
            "alder (~a@h) has left #wood (bye)",
            "part alder> [bye]",
        );
        check(
            "<--",
            "alder has kicked birch (no)",
            "kick alder>birch [no]",
        );
        check("--", "alder is now known as birch", "nick alder>birch []");
        check(
            "--",
            "Mode #wood [+o birch] by alder",
            "mode alder> [+o birch]",
        );
        check("--", "Notice(alder): hi", "notice alder> [hi]");
        check(
            "--",
            "alder has changed topic for #wood from \"off\" to \"on\"",
            "topic alder> [on]",
        );
    }

    #[test]
    fn remarks_are_no_events_and_damage_is_named() {
        let mut log = Checked::new(WeeChat);
        log.check_reading(
            "2024-02-29 12:30:01\t--\tChannel #wood: 2 nicks (1 op, 1 normal)",
            Reading::Note,
        );
        log.check_reading("2024-02-29 12:30:01\t=!=\tirc: no", Reading::Note);
        log.check_damaged("2024-02-29 12:30:01 alder hi");
        log.check_damaged("2024-02-29 12:30:01\t-->\tnobody came");
    }
}
