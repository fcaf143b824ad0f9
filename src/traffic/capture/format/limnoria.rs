//! Logs of the bot Limnoria, and the text that irclog2html reads: full stamps, two blanks, `***` before reports.

use crate::traffic::capture::LogFormat;
use crate::traffic::capture::Moment;
use crate::traffic::capture::Reading;
use crate::traffic::capture::Seen;
use crate::traffic::capture::format::phrase;
use crate::traffic::capture::format::stamp;

/// The format; it remembers nothing from line to line.
#[derive(Debug)]
pub(crate) struct Limnoria;

impl LogFormat for Limnoria {
    fn read_line(&mut self, line: &[u8], seen: &mut dyn FnMut(Moment, Seen<'_>)) -> Reading {
        let stamped = stamp::iso(line)
            .and_then(|(moment, rest)| Some((moment, rest.strip_prefix(b" ")?.trim_ascii_start())));
        let Some((moment, rest)) = stamped else {
            return Reading::Damaged("a line such as `2024-02-29T12:30:01  <alder> hi`");
        };
        let event = match rest.strip_prefix(b"*** ") {
            Some(told) => phrase::deed(told),
            None => phrase::talk(rest),
        };
        let Some(event) = event else {
            return Reading::Damaged("talk, or what `***` reports");
        };
        seen(moment, event);
        Reading::Events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::capture::format::check::Checked;

    #[test]
    fn talk_and_reports_are_read() {
        let mut log = Checked::new(Limnoria);
        let mut check = |line: &str, want: &str| {
            log.check(
                &format!("2024-02-29T12:30:01  {line}"),
                &format!("2024-02-29T12:30:01 {want}"),
            );
        };
        check("<alder> hi", "message alder> [hi]");
        check("* alder waves", "action alder> [waves]");
        check("-alder- hi", "notice alder> [hi]");
        check("*** alder <alder!~a@h> has joined #wood", "join alder> []");
        check("*** alder has joined #wood", "join alder> []");
        check(
            "*** alder <alder!~a@h> has quit IRC (Quit: bye)",
            "quit alder> [Quit: bye]",
        );
        check("*** alder has quit IRC", "quit alder> []");
        check("*** alder <alder!~a@h> has left #wood", "part alder> []");
        check("*** alder changes topic to \"on\"", "topic alder> [on]");
    }

    #[test]
    fn damage_is_named() {
        let mut log = Checked::new(Limnoria);
        log.check_damaged("hello");
        log.check_damaged("2024-02-29T12:30:01  *** nobody did anything");
    }
}
