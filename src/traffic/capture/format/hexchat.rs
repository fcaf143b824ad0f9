//! Logs of the clients `HexChat` and `XChat`: a month and a day, and the year at each beginning of logging.

use jiff::civil::Date;

use crate::traffic::capture::LogFormat;
use crate::traffic::capture::Moment;
use crate::traffic::capture::Reading;
use crate::traffic::capture::Seen;
use crate::traffic::capture::first_word;
use crate::traffic::capture::format::phrase;
use crate::traffic::capture::format::stamp;
use crate::traffic::capture::is_nick;
use crate::traffic::capture::without_status;
use crate::traffic::trace::event::EventKind;

/// What a line is, for messages.
const EXPECTED: &str = "a line such as `Feb 29 12:30:01 <alder>`, tab, text";

/// Beginnings of remarks of the client about its own doings.
const REMARKS: [&[u8]; 8] = [
    b"Now talking on ",
    b"Topic for ",
    b"Disconnected",
    b"You have ",
    b"You are ",
    b"Cannot join ",
    b"Loaded log from ",
    b"*** Notice -- ",
];

/// The format; it remembers the year and the month.
#[derive(Debug, Default)]
pub(crate) struct HexChat {
    day: Option<Date>,
}

impl LogFormat for HexChat {
    fn begin(&mut self, day: Option<Date>) {
        self.day = day;
    }

    fn read_line(&mut self, line: &[u8], seen: &mut dyn FnMut(Moment, Seen<'_>)) -> Reading {
        if let Some(told) = line.strip_prefix(b"**** ") {
            return self.border(told);
        }
        let Some((month, day, secs, rest)) = stamp::month_day(line) else {
            return Reading::Damaged(EXPECTED);
        };
        let event = match event(rest) {
            Ok(Some(event)) => event,
            Ok(None) => return Reading::Note,
            Err(expected) => return Reading::Damaged(expected),
        };
        let Some(date) = self.date(month, day) else {
            return Reading::Damaged(
                "a line `**** BEGIN LOGGING AT` with the year before it, or --date",
            );
        };
        let us = i64::from(secs) * 1_000_000;
        seen(Moment::Civil { day: date, us }, event);
        Reading::Events
    }
}

impl HexChat {
    /// Reads `BEGIN LOGGING AT Thu Feb 29 12:30:01 2024`.
    fn border(&mut self, told: &[u8]) -> Reading {
        if let Some(words) = told.strip_prefix(b"BEGIN LOGGING AT ") {
            let Some(day) = stamp::day_in_words(words) else {
                return Reading::Damaged("a day such as `Thu Feb 29 12:30:01 2024`");
            };
            self.day = Some(day);
            return Reading::Note;
        }
        if told.starts_with(b"ENDING LOGGING AT ") {
            Reading::Note
        } else {
            Reading::Damaged("`BEGIN LOGGING AT` or `ENDING LOGGING AT`")
        }
    }

    /// Returns the day of a line: of the year that the log is in, or of the next where the months begin anew.
    fn date(&mut self, month: i8, day: i8) -> Option<Date> {
        let last = self.day?;
        let is_next = month == 1 && last.month() == 12;
        let year = last.year() + i16::from(is_next);
        let date = Date::new(year, month, day).ok()?;
        self.day = Some(date);
        Some(date)
    }
}

/// Reads what follows the stamp; `None` for a remark of the client.
fn event(text: &[u8]) -> Result<Option<Seen<'_>>, &'static str> {
    // A tab or blanks stand between who and what.
    let (who, what) = text.iter().position(|&byte| byte == b'\t').map_or_else(
        || first_word(text),
        |at| {
            (
                text.get(..at).unwrap_or_default(),
                text.get(at + 1..).unwrap_or_default(),
            )
        },
    );
    let what = what.trim_ascii_start();
    match who {
        [b'<', nick @ .., b'>'] => Ok(said(EventKind::Message, nick, what)),
        // What the log's keeper says to others in private.
        [b'>', .., b'<'] => Ok(None),
        [b'-', nick @ .., b'-'] if !matches!(who, b"---" | b"--") => {
            let nick = nick.split(|&byte| byte == b'/').next().unwrap_or_default();
            Ok(said(EventKind::Notice, nick, what))
        }
        b"*" | b"-->" | b"<--" | b"---" => {
            if REMARKS.iter().any(|remark| what.starts_with(remark)) {
                return Ok(None);
            }
            let event = phrase::deed(what);
            if who == b"*" && event.is_none() {
                // Actions look like reports.
                return Ok(phrase::action(what));
            }
            Ok(event)
        }
        _ => Err("`<nick>`, `-nick-`, `*` or an arrow after the time"),
    }
}

fn said<'a>(kind: EventKind, nick: &'a [u8], text: &'a [u8]) -> Option<Seen<'a>> {
    let nick = without_status(nick);
    is_nick(nick).then(|| Seen::new(kind, nick, text))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::traffic::capture::format::check::Checked;

    #[test]
    fn lines_of_both_clients_are_read() {
        let mut log = Checked::new(HexChat::default()).on(date(2024, 2, 28));
        let mut check = |line: &str, want: &str| {
            log.check(
                &format!("Feb 29 12:30:01 {line}"),
                &format!("2024-02-29T12:30:01 {want}"),
            );
        };
        check("<alder>\thi there", "message alder> [hi there]");
        check("<@alder> hi there", "message alder> [hi there]");
        check("*\talder waves", "action alder> [waves]");
        check("*\talder (~a@h) has joined", "join alder> []");
        check("-->\talder (~a@h) has joined #wood", "join alder> []");
        check("<--\talder has quit (Quit: bye)", "quit alder> [Quit: bye]");
        check("*\talder has quit (Quit: bye)", "quit alder> [Quit: bye]");
        check("*\talder is now known as birch", "nick alder>birch []");
        check("*\talder gives voice to birch", "mode alder>birch [+v]");
        check("-alder-\thi", "notice alder> [hi]");
        check("-alder/#wood-\thi", "notice alder> [hi]");
    }

    #[test]
    fn a_year_begins_where_the_months_begin_anew() {
        let mut log = Checked::new(HexChat::default());
        log.check_damaged("Dec 31 23:59:59 <alder>\thi");
        log.check_reading(
            "**** BEGIN LOGGING AT Tue Dec 31 12:00:00 2024",
            Reading::Note,
        );
        log.check(
            "Dec 31 23:59:59 <alder>\thi",
            "2024-12-31T23:59:59 message alder> [hi]",
        );
        log.check(
            "Jan 01 00:00:01 <alder>\thi",
            "2025-01-01T00:00:01 message alder> [hi]",
        );
    }

    #[test]
    fn remarks_are_no_events_and_damage_is_named() {
        let mut log = Checked::new(HexChat::default()).on(date(2024, 2, 28));
        log.check_reading("Feb 29 12:30:01 *\tNow talking on #wood", Reading::Note);
        log.check_reading("Feb 29 12:30:01 >birch<\thi", Reading::Note);
        log.check_damaged("Feb 29 12:30:01 hi");
        log.check_damaged("hi");
    }
}
