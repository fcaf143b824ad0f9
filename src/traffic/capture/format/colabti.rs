//! Text logs as colabti.org and its like keep them: `*** alder joined`, and `left` for whatever reason.

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
pub(crate) struct Colabti;

impl LogFormat for Colabti {
    fn read_line(&mut self, line: &[u8], seen: &mut dyn FnMut(Moment, Seen<'_>)) -> Reading {
        let Some((moment, rest)) = stamp::bracketed(line) else {
            return Reading::Damaged(stamp::EXPECTED);
        };
        let event = match rest.strip_prefix(b"*** ") {
            Some(told) => coming_or_going(told).or_else(|| phrase::deed(told)),
            None => phrase::talk(rest).or_else(|| cited(rest)),
        };
        let Some(event) = event else {
            return Reading::Damaged("talk, or what `***` reports");
        };
        seen(moment, event);
        Reading::Events
    }
}

/// Reads `* alder: text`: an action that cites its speaker.
fn cited(text: &[u8]) -> Option<Seen<'_>> {
    let (nick, text) = split_once(text.strip_prefix(b"* ")?, b": ")?;
    is_nick(nick).then(|| Seen::new(EventKind::Action, nick, text))
}

/// Reads `alder joined` and `alder left`. Who left may have parted: a QUIT is by far the more frequent.
fn coming_or_going(told: &[u8]) -> Option<Seen<'_>> {
    let (nick, did) = first_word(told);
    let kind = match did.trim_ascii_end() {
        b"joined" => EventKind::Join,
        b"left" => EventKind::Quit,
        _ => return None,
    };
    is_nick(nick).then(|| Seen::new(kind, nick, b""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::capture::format::check::Checked;

    #[test]
    fn talk_and_reports_are_read() {
        let mut log = Checked::new(Colabti);
        log.check("[14:49] <@alder> hi", "14:49:00 message alder> [hi]");
        log.check("[14:49] * alder waves", "14:49:00 action alder> [waves]");
        log.check("[14:49] * alder: waves", "14:49:00 action alder> [waves]");
        log.check("[14:49] *** alder joined", "14:49:00 join alder> []");
        log.check("[14:49] *** alder left", "14:49:00 quit alder> []");
        log.check(
            "[14:49] *** alder is now known as birch",
            "14:49:00 nick alder>birch []",
        );
        log.check(
            "[14:49] *** h.test sets mode: +nt ",
            "14:49:00 mode h.test> [+nt]",
        );
        log.check(
            "[14:49] *** birch was kicked by alder (no)",
            "14:49:00 kick alder>birch [no]",
        );
        log.check(
            "[14:49] *** alder changes topic to: on",
            "14:49:00 topic alder> [on]",
        );
        log.check_damaged("[14:49] *** alder slept");
    }
}
