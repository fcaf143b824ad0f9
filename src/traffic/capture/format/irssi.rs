//! Logs of the client irssi in its default theme.

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
const EXPECTED: &str = "a line that begins with HH:MM";

/// The format; it remembers nothing from line to line.
#[derive(Debug)]
pub(crate) struct Irssi;

impl LogFormat for Irssi {
    fn read_line(&mut self, line: &[u8], seen: &mut dyn FnMut(Moment, Seen<'_>)) -> Reading {
        if let Some(told) = line.strip_prefix(b"--- ") {
            return day(told);
        }
        let Some((moment, rest)) = stamp::bare(line) else {
            return Reading::Damaged(EXPECTED);
        };
        match rest {
            [b'-', b'!', b'-', b' ', told @ ..] => report(moment, told, seen),
            _ if is_list(rest) => Reading::Note,
            _ => match phrase::talk(rest.strip_prefix(b" ").unwrap_or(rest)) {
                Some(event) => {
                    seen(moment, event);
                    Reading::Events
                }
                None => Reading::Damaged("talk, or what `-!-` reports"),
            },
        }
    }
}

/// Reads `Log opened Thu Feb 29 12:30:01 2024` and `Day changed Thu Feb 29 2024`.
fn day(told: &[u8]) -> Reading {
    let named = told
        .strip_prefix(b"Log opened ")
        .or_else(|| told.strip_prefix(b"Day changed "));
    match named {
        Some(words) => stamp::day_in_words(words).map_or(
            Reading::Damaged("a day such as `Thu Feb 29 2024`"),
            Reading::Day,
        ),
        None if told.starts_with(b"Log closed ") => Reading::Note,
        None => Reading::Damaged("`Log opened`, `Day changed` or `Log closed`"),
    }
}

/// Returns whether a line lists the members of a channel, as after a JOIN.
fn is_list(text: &[u8]) -> bool {
    text.starts_with(b"[")
}

/// Reads what follows `-!- `.
fn report(moment: Moment, told: &[u8], seen: &mut dyn FnMut(Moment, Seen<'_>)) -> Reading {
    if let Some(split) = told.strip_prefix(b"Netsplit ") {
        return netsplit(moment, split, seen);
    }
    if let Some(event) = mode(told).or_else(|| topic_unset(told)) {
        seen(moment, event);
        return Reading::Events;
    }
    match phrase::deed(told) {
        Some(event) => {
            seen(moment, event);
            Reading::Events
        }
        // The client speaks of itself, of WHOIS and of servers in many other words.
        None => Reading::Note,
    }
}

/// Reads `mode/#wood [+o birch] by alder`.
fn mode(told: &[u8]) -> Option<Seen<'_>> {
    let (_, rest) = first_word(told.strip_prefix(b"mode/")?);
    let (modes, by) = split_once(rest.strip_prefix(b"[")?, b"] by ")?;
    let (by, _) = split_once(by, b",").unwrap_or((by, b""));
    Some(Seen::new(EventKind::Mode, by, modes))
}

/// Reads `Topic unset by alder on #wood`.
fn topic_unset(told: &[u8]) -> Option<Seen<'_>> {
    let (by, _) = first_word(told.strip_prefix(b"Topic unset by ")?);
    is_nick(by).then(|| Seen::new(EventKind::Topic, by, b""))
}

/// Reads `Netsplit a.test <-> b.test quits: alder, @birch (+3 more, use /NETSPLIT to show all of them)` and
/// `Netsplit over, joins: alder, birch`: one line for all who went or came.
fn netsplit(moment: Moment, told: &[u8], seen: &mut dyn FnMut(Moment, Seen<'_>)) -> Reading {
    let mut reason = Vec::new();
    let (kind, nicks) = if let Some(nicks) = told.strip_prefix(b"over, joins: ") {
        (EventKind::Join, nicks)
    } else if let Some((servers, nicks)) = split_once(told, b" quits: ") {
        // As the QUIT itself says it: the two servers that lost each other.
        reason.extend(
            servers
                .split(|&byte| byte == b' ')
                .filter(|word| *word != b"<->")
                .collect::<Vec<_>>()
                .join(&b' '),
        );
        (EventKind::Quit, nicks)
    } else {
        return Reading::Damaged("`quits:` or `over, joins:` after `Netsplit`");
    };
    let (nicks, more) = split_once(nicks, b" (+")
        .or_else(|| split_once(nicks, b" [+"))
        .unwrap_or((nicks, b""));
    for nick in nicks.split(|&byte| byte == b',') {
        let nick = without_status(nick.trim_ascii());
        if is_nick(nick) {
            seen(moment, Seen::new(kind, nick, &reason));
        }
    }
    let (more, _) = first_word(more);
    match str::from_utf8(more).ok().and_then(|more| more.parse().ok()) {
        Some(count) => Reading::Folded(count),
        None => Reading::Events,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::traffic::capture::format::check::Checked;

    #[test]
    fn talk_is_read() {
        let mut log = Checked::new(Irssi);
        log.check("14:39 < alder> hi", "14:39:00 message alder> [hi]");
        log.check("14:39:09 <@alder> hi", "14:39:09 message alder> [hi]");
        log.check("14:39  * alder waves", "14:39:00 action alder> [waves]");
        log.check("14:39 -alder:#wood- hi", "14:39:00 notice alder> [hi]");
    }

    #[test]
    fn reports_are_read() {
        let mut log = Checked::new(Irssi);
        log.check(
            "14:40 -!- alder [~a@h] has joined #wood",
            "14:40:00 join alder> []",
        );
        log.check(
            "14:40 -!- alder [~a@h] has quit [Quit: bye]",
            "14:40:00 quit alder> [Quit: bye]",
        );
        log.check(
            "14:40 -!- mode/#wood [+o alder] by birch",
            "14:40:00 mode birch> [+o alder]",
        );
        log.check(
            "14:40 -!- birch was kicked from #wood by alder [no]",
            "14:40:00 kick alder>birch [no]",
        );
        log.check(
            "14:40 -!- Topic unset by alder on #wood",
            "14:40:00 topic alder> []",
        );
        log.check_reading("14:40 -!- Irssi: Join to #wood was synced", Reading::Note);
        log.check_reading("14:40 [@alder] [ birch]", Reading::Note);
        log.check_damaged("hello");
    }

    #[test]
    fn a_folded_split_is_unfolded_as_far_as_it_names() {
        let mut log = Checked::new(Irssi);
        log.check_all(
            "14:41 -!- Netsplit a.test <-> b.test quits: alder, @birch, (+3 more, use /NETSPLIT to show all of them)",
            Reading::Folded(3),
            &[
                "14:41:00 quit alder> [a.test b.test]",
                "14:41:00 quit birch> [a.test b.test]",
            ],
        );
        log.check_all(
            "14:42 -!- Netsplit over, joins: alder, birch",
            Reading::Events,
            &["14:42:00 join alder> []", "14:42:00 join birch> []"],
        );
    }

    #[test]
    fn days_are_told() {
        let mut log = Checked::new(Irssi);
        let day = Reading::Day(date(2024, 2, 29));
        log.check_reading("--- Log opened Thu Feb 29 12:30:01 2024", day);
        log.check_reading("--- Day changed Thu Feb 29 2024", day);
        log.check_reading("--- Log closed Thu Feb 29 12:30:01 2024", Reading::Note);
        log.check_damaged("--- 8< ---");
    }
}
