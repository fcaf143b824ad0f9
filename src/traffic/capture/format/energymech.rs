//! Channel logs of the bot `EnergyMech`: ZNC's words, with or without `***` before them.

use crate::traffic::capture::LogFormat;
use crate::traffic::capture::Moment;
use crate::traffic::capture::Reading;
use crate::traffic::capture::Seen;
use crate::traffic::capture::format::phrase;
use crate::traffic::capture::format::stamp;
use crate::traffic::capture::format::znc;

/// The format; it remembers nothing from line to line.
#[derive(Debug)]
pub(crate) struct EnergyMech;

impl LogFormat for EnergyMech {
    fn read_line(&mut self, line: &[u8], seen: &mut dyn FnMut(Moment, Seen<'_>)) -> Reading {
        let Some((moment, rest)) = stamp::bracketed(line) else {
            return Reading::Damaged(stamp::EXPECTED);
        };
        let event =
            phrase::talk(rest).or_else(|| znc::change(rest.strip_prefix(b"*** ").unwrap_or(rest)));
        let Some(event) = event else {
            return Reading::Damaged("talk, or a change such as `Joins: alder (~a@host)`");
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
    fn talk_and_changes_are_read() {
        let mut log = Checked::new(EnergyMech);
        log.check("[00:02] <alder> hi", "00:02:00 message alder> [hi]");
        log.check("[00:03:09] * alder waves", "00:03:09 action alder> [waves]");
        log.check("[00:04] Joins: birch (~b@h)", "00:04:00 join birch> []");
        log.check("[00:04] *** Joins: birch (~b@h)", "00:04:00 join birch> []");
        log.check(
            "[00:05] *** Quits: birch (~b@h) (Quit: bye)",
            "00:05:00 quit birch> [Quit: bye]",
        );
        log.check(
            "[00:06] *** alder is now known as cedar",
            "00:06:00 nick alder>cedar []",
        );
        log.check_damaged("[00:07] nothing known");
    }
}
