//! Text logs as irclogs.ubuntu.com keeps them: no comings and goings, and changes without a time.

use crate::traffic::capture::LogFormat;
use crate::traffic::capture::Moment;
use crate::traffic::capture::Reading;
use crate::traffic::capture::Seen;
use crate::traffic::capture::format::phrase;
use crate::traffic::capture::format::stamp;

/// The format; it remembers nothing from line to line.
#[derive(Debug)]
pub(crate) struct Ubuntu;

impl LogFormat for Ubuntu {
    fn read_line(&mut self, line: &[u8], seen: &mut dyn FnMut(Moment, Seen<'_>)) -> Reading {
        if let Some(told) = line.strip_prefix(b"=== ") {
            let Some(event) = phrase::deed(told) else {
                return Reading::Damaged("a change such as `alder is now known as birch`");
            };
            seen(Moment::Unstamped, event);
            return Reading::Events;
        }
        let Some((moment, rest)) = stamp::bracketed(line) else {
            return Reading::Damaged("a line that begins with [HH:MM] or ===");
        };
        // Actions stand behind two blanks.
        let Some(event) = phrase::talk(rest.strip_prefix(b" ").unwrap_or(rest)) else {
            return Reading::Damaged("talk");
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
    fn talk_has_a_time_and_changes_have_none() {
        let mut log = Checked::new(Ubuntu);
        log.check("[18:24] <alder> hi", "18:24:00 message alder> [hi]");
        log.check("[18:24]  * alder waves", "18:24:00 action alder> [waves]");
        log.check(
            "=== alder is now known as birch",
            "then nick alder>birch []",
        );
        log.check(
            "=== alder changed the topic of #wood to: on",
            "then topic alder> [on]",
        );
        log.check_damaged("=== alder slept");
        log.check_damaged("hello");
    }
}
