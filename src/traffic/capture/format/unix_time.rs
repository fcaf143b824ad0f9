//! Records of a Unix time, a nick and a text, a line each, and an empty line.

use crate::traffic::capture::LogFormat;
use crate::traffic::capture::Moment;
use crate::traffic::capture::Reading;
use crate::traffic::capture::Seen;
use crate::traffic::capture::is_nick;
use crate::traffic::trace::event::EventKind;

/// The format; it remembers what the record told so far.
#[derive(Debug, Default)]
pub(crate) struct UnixTime {
    awaited: Awaited,
    us: i64,
    nick: Vec<u8>,
}

/// What the next line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Awaited {
    #[default]
    Time,
    Nick,
    Text,
    End,
}

impl LogFormat for UnixTime {
    fn reads_empty_lines(&self) -> bool {
        true
    }

    fn read_line(&mut self, line: &[u8], seen: &mut dyn FnMut(Moment, Seen<'_>)) -> Reading {
        match self.awaited {
            Awaited::Time => self.time(line),
            Awaited::Nick if is_nick(line) => {
                self.nick.clear();
                self.nick.extend_from_slice(line);
                self.awaited = Awaited::Text;
                Reading::Note
            }
            Awaited::Nick => {
                self.awaited = Awaited::Time;
                Reading::Damaged("a nick below its time")
            }
            Awaited::Text => {
                self.awaited = Awaited::End;
                let event = Seen::new(EventKind::Message, &self.nick, line);
                seen(Moment::Unix { us: self.us }, event);
                Reading::Events
            }
            Awaited::End => {
                self.awaited = Awaited::Time;
                if line.is_empty() {
                    Reading::Note
                } else {
                    // A record may follow at once.
                    self.time(line)
                }
            }
        }
    }
}

impl UnixTime {
    fn time(&mut self, line: &[u8]) -> Reading {
        if line.is_empty() {
            return Reading::Note;
        }
        let is_number = (9..=11).contains(&line.len()) && line.iter().all(u8::is_ascii_digit);
        if !is_number {
            return Reading::Damaged("seconds since 1970, alone on a line");
        }
        let secs = line
            .iter()
            .fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        self.us = secs * 1_000_000;
        self.awaited = Awaited::Nick;
        Reading::Note
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::capture::format::check::Checked;

    #[test]
    fn three_lines_are_a_message() {
        let mut log = Checked::new(UnixTime::default());
        for text in ["hi", "", "1709209801"] {
            log.check_reading("1709209801", Reading::Note);
            log.check_reading("alder", Reading::Note);
            log.check(text, &format!("1709209801000000 message alder> [{text}]"));
            log.check_reading("", Reading::Note);
        }
    }

    #[test]
    fn a_damaged_record_does_not_swallow_the_next() {
        let mut log = Checked::new(UnixTime::default());
        log.check_damaged("<<<<<<< HEAD");
        log.check_reading("1709209801", Reading::Note);
        log.check_damaged("not a nick");
        log.check_reading("1709209802", Reading::Note);
        log.check_reading("alder", Reading::Note);
        log.check("hi", "1709209802000000 message alder> [hi]");
    }
}
