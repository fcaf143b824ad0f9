//! Logs of bots built on `PircBot`: fragments of a page, a class for each kind of line.

use crate::traffic::capture::LogFormat;
use crate::traffic::capture::Moment;
use crate::traffic::capture::Reading;
use crate::traffic::capture::Seen;
use crate::traffic::capture::first_word;
use crate::traffic::capture::format::markup;
use crate::traffic::capture::format::phrase;
use crate::traffic::capture::format::stamp;
use crate::traffic::capture::is_nick;
use crate::traffic::capture::split_once;
use crate::traffic::trace::event::EventKind;

/// What opens the time of a line.
const DATE: &[u8] = b"<span class=\"irc-date\">";

/// The format; it remembers only room for a line.
#[derive(Debug, Default)]
pub(crate) struct PircBot {
    text: Vec<u8>,
}

impl LogFormat for PircBot {
    fn read_line(&mut self, line: &[u8], seen: &mut dyn FnMut(Moment, Seen<'_>)) -> Reading {
        let parts = line.trim_ascii().strip_prefix(DATE).and_then(|rest| {
            let (moment, rest) = stamp::bracketed(rest)?;
            let (_, rest) = split_once(rest, b"<span class=\"irc-")?;
            Some((moment, split_once(rest, b"\">")?))
        });
        let Some((moment, (class, html))) = parts else {
            return Reading::Damaged(
                "a line such as `<span class=\"irc-date\">[12:30]</span> <span …>`",
            );
        };
        self.text.clear();
        markup::append_text(html, &mut self.text);
        let text = self.text.as_slice();
        let event = match class {
            b"black" => phrase::message(text),
            b"brick" => text.strip_prefix(b"* ").and_then(phrase::action),
            // What servers say to the bot when it connects is said to it alone.
            b"brown" => phrase::notice(text).map(to_the_logger),
            // CTCP requests to the bot.
            b"red" => return Reading::Note,
            _ => match text.strip_prefix(b"* ") {
                Some(told) if is_remark(told) => return Reading::Note,
                Some(told) => quit(told).or_else(|| phrase::deed(told)),
                None => None,
            },
        };
        let Some(event) = event else {
            return Reading::Damaged("talk, or what `*` reports");
        };
        seen(moment, event);
        Reading::Events
    }
}

/// Returns a notice as one that no channel saw.
fn to_the_logger(mut notice: Seen<'_>) -> Seen<'_> {
    notice.channel = Some(b"");
    notice
}

/// Returns whether the bot reports of its own connection or of how it found the channel.
fn is_remark(told: &[u8]) -> bool {
    told.starts_with(b"Disconnected")
        || told.starts_with(b"Topic is ")
        || told.starts_with(b"Set by ")
}

/// Reads `alder (~a@host) Quit (reason)`.
fn quit(told: &[u8]) -> Option<Seen<'_>> {
    let (nick, rest) = first_word(told);
    let reason = phrase::without_mask(rest).strip_prefix(b"Quit (")?;
    let reason = reason.strip_suffix(b")").unwrap_or(reason);
    is_nick(nick).then(|| Seen::new(EventKind::Quit, nick, reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::capture::format::check::Checked;

    fn line(class: &str, html: &str) -> String {
        format!(
            "<span class=\"irc-date\">[6:49]</span> <span class=\"irc-{class}\">{html}</span><br />"
        )
    }

    #[test]
    fn every_class_is_read() {
        let mut log = Checked::new(PircBot::default());
        let mut check = |class: &str, html: &str, want: &str| {
            log.check(&line(class, html), &format!("06:49:00 {want}"));
        };
        check("black", "&lt;alder&gt; hi", "message alder> [hi]");
        check("brick", "* alder waves", "action alder> [waves]");
        check("green", "* alder (~a@h) has joined #wood", "join alder> []");
        check("green", "* alder (~a@h) has left #wood", "part alder> []");
        check(
            "green",
            "* alder is now known as birch",
            "nick alder>birch []",
        );
        check(
            "navy",
            "* alder (~a@h) Quit (Quit: (x))",
            "quit alder> [Quit: (x)]",
        );
        check(
            "brown",
            "-h.test- *** Checking",
            "notice  h.test> [*** Checking]",
        );
    }

    #[test]
    fn remarks_are_no_events_and_damage_is_named() {
        let mut log = Checked::new(PircBot::default());
        for (class, html) in [
            ("red", "[alder VERSION]"),
            ("navy", "* Disconnected."),
            ("green", "* Topic is 'x'"),
        ] {
            log.check_reading(&line(class, html), Reading::Note);
        }
        log.check_damaged(&line("green", "nothing known"));
        log.check_damaged("<p>hi</p>");
    }
}
