//! Logs of the client mIRC, whose actions and reports begin alike.

use crate::traffic::capture::LogFormat;
use crate::traffic::capture::Moment;
use crate::traffic::capture::Reading;
use crate::traffic::capture::Seen;
use crate::traffic::capture::format::phrase;
use crate::traffic::capture::format::stamp;
use crate::traffic::capture::format::znc;

/// Beginnings of what the client reports of its own doings.
const REMARKS: [&[u8]; 18] = [
    b"Now talking in ",
    b"Topic is ",
    b"Set by ",
    b"Disconnected",
    b"Attempting to rejoin ",
    b"Rejoined channel ",
    b"Retrieving #",
    b"Looking up ",
    b"Connecting to ",
    b"Connect cancelled",
    b"Connect retry ",
    b"Unable to ",
    b"Cannot join ",
    b"You were kicked ",
    b"You have been ",
    b"Logging for ",
    b"Users on ",
    b"End of /",
];

/// The format; it remembers the channel that the session is of.
#[derive(Debug, Default)]
pub(crate) struct Mirc {
    channel: Vec<u8>,
}

impl LogFormat for Mirc {
    fn read_line(&mut self, line: &[u8], seen: &mut dyn FnMut(Moment, Seen<'_>)) -> Reading {
        if let Some(told) = line.strip_prefix(b"Session ") {
            return self.session(told);
        }
        let Some((moment, rest)) = stamp::bracketed(line) else {
            return Reading::Damaged("a line that begins with [HH:MM] or `Session`");
        };
        let event = match rest {
            [b'*', b' ', told @ ..] | [b'*', b'*', b'*', b' ', told @ ..] => {
                if REMARKS.iter().any(|remark| told.starts_with(remark)) {
                    return Reading::Note;
                }
                let is_action = !rest.starts_with(b"***");
                znc::change(told).or_else(|| phrase::action(told).filter(|_| is_action))
            }
            // What servers answer, such as the home page of a channel.
            [b'#' | b'&', ..] => return Reading::Note,
            _ => phrase::talk(rest),
        };
        let Some(mut event) = event else {
            return Reading::Damaged("talk, or what `*` reports");
        };
        if !self.channel.is_empty() {
            event.channel = Some(&self.channel);
        }
        seen(moment, event);
        Reading::Events
    }
}

impl Mirc {
    /// Reads `Start: Thu Feb 29 12:30:01 2024`, `Ident: #wood` and `Close: …`.
    fn session(&mut self, told: &[u8]) -> Reading {
        if let Some(words) = told.strip_prefix(b"Start: ") {
            return stamp::day_in_words(words).map_or(
                Reading::Damaged("a day such as `Thu Feb 29 12:30:01 2024`"),
                Reading::Day,
            );
        }
        if let Some(ident) = told.strip_prefix(b"Ident: ") {
            self.channel.clear();
            if ident.starts_with(b"#") || ident.starts_with(b"&") {
                self.channel.extend_from_slice(ident.trim_ascii());
            }
            return Reading::Note;
        }
        if told.starts_with(b"Close: ") || told.starts_with(b"Time: ") {
            Reading::Note
        } else {
            Reading::Damaged("`Start:`, `Ident:` or `Close:` after `Session`")
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::traffic::capture::format::check::Checked;

    #[test]
    fn talk_and_reports_are_told_apart() {
        let mut log = Checked::new(Mirc::default());
        log.check("[10:58] <alder> hi", "10:58:00 message alder> [hi]");
        log.check("[10:58] * alder waves", "10:58:00 action alder> [waves]");
        log.check(
            "[10:58] * alder is now known as the fool",
            "10:58:00 action alder> [is now known as the fool]",
        );
        log.check(
            "[10:58] * alder is now known as birch",
            "10:58:00 nick alder>birch []",
        );
        log.check("[10:58] * Joins: @alder (~a@h)", "10:58:00 join alder> []");
        log.check(
            "[10:58:09] * Quits: alder (~a@h) (Quit: bye)",
            "10:58:09 quit alder> [Quit: bye]",
        );
        log.check(
            "[10:58] *** alder (~a@h) has joined #wood",
            "10:58:00 join alder> []",
        );
        log.check(
            "[10:58] * birch was kicked by alder (no)",
            "10:58:00 kick alder>birch [no]",
        );
        log.check("[10:58] -h.test:#wood- hi", "10:58:00 notice h.test> [hi]");
    }

    #[test]
    fn a_session_tells_its_day_and_its_channel() {
        let mut log = Checked::new(Mirc::default());
        log.check_reading(
            "Session Start: Thu Feb 29 12:30:01 2024",
            Reading::Day(date(2024, 2, 29)),
        );
        log.check_reading("Session Ident: #wood", Reading::Note);
        log.check("[10:58] <alder> hi", "10:58:00 message #wood alder> [hi]");
        log.check_reading("Session Close: Fri Mar 01 00:00:00 2024", Reading::Note);
    }

    #[test]
    fn remarks_are_no_events_and_damage_is_named() {
        let mut log = Checked::new(Mirc::default());
        log.check_reading("[10:58] * Now talking in #wood", Reading::Note);
        log.check_reading("[10:58] * Disconnected", Reading::Note);
        log.check_reading("[10:58] #wood url is http://wood.test", Reading::Note);
        log.check_damaged("[10:58] hi");
        log.check_damaged("hi");
    }
}
