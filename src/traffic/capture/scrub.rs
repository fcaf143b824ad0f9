//! Shareable raw logs: the events of an import as lines of the protocol, with other names and other words.

use std::collections::HashMap;
use std::io;
use std::io::Write;
use std::sync::Arc;

use crate::traffic::trace::cause::LeaveCause;
use crate::traffic::trace::event::DETAIL_NAMES;
use crate::traffic::trace::event::DETAIL_REPLY;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventKind;

/// Users whose present nick is remembered; further ones keep the first.
const NICKS_MAX: usize = 1_000_000;

/// A raw log under way.
#[derive(Debug)]
pub struct Scrubber<W> {
    output: W,
    /// The present nick of each connection that has changed its own.
    nicks: HashMap<Arc<str>, Arc<str>>,
    line: Vec<u8>,
    left_out_count: u64,
}

impl<W: Write> Scrubber<W> {
    /// Returns a log without lines.
    pub fn new(output: W) -> Self {
        Self {
            output,
            nicks: HashMap::new(),
            line: Vec::new(),
            left_out_count: 0,
        }
    }

    /// Writes the line of an event whose names are pseudonyms already, and whose text is as it was said.
    ///
    /// # Errors
    ///
    /// When the output can't be written.
    pub fn write(&mut self, event: &Event) -> io::Result<()> {
        self.line.clear();
        let secs = event.at_us.div_euclid(1_000_000);
        write!(
            self.line,
            "{secs}.{:06} ",
            event.at_us.rem_euclid(1_000_000)
        )?;
        if event.kind == EventKind::Other && &*event.detail == DETAIL_NAMES {
            let nick = self.nick(&event.user);
            writeln!(
                self.line,
                ":scrubbed.invalid 353 {nick} = {} :{nick}",
                event.channel
            )?;
            return self.output.write_all(&self.line);
        }
        let source = self.nick(&event.user);
        write!(self.line, ":{source}!{source}@scrubbed.invalid ")?;
        let target = if event.channel.is_empty() {
            self.nick(&event.peer)
        } else {
            Arc::clone(&event.channel)
        };
        match event.kind {
            EventKind::Message | EventKind::Action | EventKind::Notice => {
                if target.is_empty() {
                    self.left_out_count += 1;
                    return Ok(());
                }
                let command = if event.kind == EventKind::Notice {
                    "NOTICE"
                } else {
                    "PRIVMSG"
                };
                write!(self.line, "{command} {target} :")?;
                let is_action = event.kind == EventKind::Action;
                if is_action {
                    self.line.extend_from_slice(b"\x01ACTION ");
                }
                self.push_text(event);
                if is_action {
                    self.line.push(1);
                }
            }
            EventKind::Join => write!(self.line, "JOIN {target}")?,
            EventKind::Part => {
                write!(self.line, "PART {target} :")?;
                push_filler(event.bytes, &mut self.line);
            }
            EventKind::Quit => {
                let cause = LeaveCause::from_word(&event.detail).unwrap_or(LeaveCause::Unknown);
                write!(self.line, "QUIT :{}", quit_text(cause))?;
            }
            EventKind::Nick => {
                let new = nick_of(&event.peer);
                write!(self.line, "NICK {new}")?;
                if self.nicks.len() < NICKS_MAX || self.nicks.contains_key(&event.user) {
                    self.nicks.insert(Arc::clone(&event.user), new);
                }
            }
            EventKind::Kick => {
                let victim = self.nick(&event.peer);
                write!(self.line, "KICK {target} {victim} :")?;
                push_filler(event.bytes, &mut self.line);
            }
            EventKind::Mode => {
                write!(self.line, "MODE {target} {}", event.detail)?;
                if !event.peer.is_empty() {
                    write!(self.line, " {}", self.nick(&event.peer))?;
                }
            }
            EventKind::Topic => {
                write!(self.line, "TOPIC {target} :")?;
                push_filler(event.bytes, &mut self.line);
            }
            EventKind::Other => {
                self.left_out_count += 1;
                return Ok(());
            }
        }
        self.line.push(b'\n');
        self.output.write_all(&self.line)
    }

    /// Returns the output, and how many events had no line.
    ///
    /// # Errors
    ///
    /// When what is buffered can't be written.
    pub fn finish(mut self) -> io::Result<u64> {
        self.output.flush()?;
        Ok(self.left_out_count)
    }

    /// Returns the present nick of a connection.
    fn nick(&self, user: &Arc<str>) -> Arc<str> {
        self.nicks
            .get(user)
            .cloned()
            .unwrap_or_else(|| nick_of(user))
    }

    /// Appends what was said with other words. The nick that it begins with becomes that of the one addressed.
    fn push_text(&mut self, event: &Event) {
        let mut text = &*event.text;
        if &*event.detail == DETAIL_REPLY
            && let Some(at) = text.find([':', ','])
        {
            let nick = self.nick(&event.peer);
            self.line.extend_from_slice(nick.as_bytes());
            text = text.get(at..).unwrap_or_default();
        }
        push_shape(text, &mut self.line);
    }
}

/// Returns a nick for a connection's label; the number of a second connection is told by a point, which no nick has.
fn nick_of(label: &Arc<str>) -> Arc<str> {
    if label.contains('.') {
        Arc::from(label.replace('.', "_"))
    } else {
        Arc::clone(label)
    }
}

/// Appends a text of the same shape: letters become `x` or `X`, digits `0`, bytes of other scripts `x`; signs stay.
fn push_shape(text: &str, line: &mut Vec<u8>) {
    line.extend(text.bytes().map(|byte| match byte {
        b'a'..=b'z' | 0x80.. => b'x',
        b'A'..=b'Z' => b'X',
        b'0'..=b'9' => b'0',
        // Colours and their like stay; what would end the line or the action can't.
        0 | 1 | b'\r' | b'\n' => b' ',
        sign => sign,
    }));
}

fn push_filler(bytes: u32, line: &mut Vec<u8>) {
    let count = usize::try_from(bytes).unwrap_or(0).min(FILLER_BYTES_MAX);
    line.extend(std::iter::repeat_n(b'x', count));
}

/// Longest filler: no line of the protocol holds more.
const FILLER_BYTES_MAX: usize = 450;

/// Returns a text of QUIT that is read as the cause again.
fn quit_text(cause: LeaveCause) -> &'static str {
    match cause {
        LeaveCause::Quit | LeaveCause::Part | LeaveCause::Kicked => "Quit: x",
        LeaveCause::PingTimeout => "Ping timeout: 240 seconds",
        LeaveCause::Reset => "Connection reset by peer",
        LeaveCause::Split => "*.net *.split",
        LeaveCause::KilledOrBanned => "Killed (x)",
        LeaveCause::ChangingHost => "Changing host",
        LeaveCause::Unknown => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::capture::import::ImportOptions;
    use crate::traffic::capture::import::Importer;
    use crate::traffic::capture::import::Log;
    use crate::traffic::trace::pseudonym::Pseudonyms;

    fn import(log: &[u8], pseudonyms: Pseudonyms, keeps_text: bool) -> Vec<Event> {
        let mut importer = Importer::new(ImportOptions {
            format: None,
            network: "net".to_owned(),
            channel: None,
            day: None,
            zone: None,
            keeps_text,
        });
        let path = Log {
            path: "#wood_20240229.log",
            logger: None,
        };
        let report = importer.read(path, log).unwrap();
        assert_eq!(report.damaged_count, 0, "{:?}", report.damaged);
        importer.finish(pseudonyms, "0").collect()
    }

    fn scrubbed(log: &str) -> String {
        let mut output = Vec::new();
        let mut scrubber = Scrubber::new(&mut output);
        for event in import(log.as_bytes(), Pseudonyms::hashed([5; 16]), true) {
            scrubber.write(&event).unwrap();
        }
        scrubber.finish().unwrap();
        String::from_utf8(output).unwrap()
    }

    const LOG: &str = "[00:00:01] *** Joins: alder (a@h)\n\
        [00:00:02] <birch> alder: See http://wood.test/42, friend!\n\
        [00:00:03] * alder waves\n\
        [00:00:04] *** alder is now known as cedar\n\
        [00:00:05] <cedar> birch, thanks\n\
        [00:00:06] *** birch sets mode: +o cedar\n\
        [00:00:07] *** cedar changes topic to 'leaves'\n\
        [00:00:08] *** birch was kicked by cedar (no)\n\
        [00:00:09] -cedar- listen\n\
        [00:00:10] *** Parts: birch (b@h) (bye)\n\
        [00:00:11] *** Quits: cedar (a@h) (Ping timeout: 240 seconds)\n";

    #[test]
    fn a_scrubbed_log_tells_the_same_without_a_name_or_a_word() {
        let log = scrubbed(LOG);
        for secret in [
            "alder", "birch", "cedar", "wood", "friend", "thanks", "leaves", "listen",
        ] {
            assert!(!log.contains(secret), "{log}");
        }
        assert!(log.contains(": Xxx xxxx://xxxx.xxxx/00, xxxxxx!"), "{log}");
        let told = |events: &[Event]| -> Vec<(i64, EventKind, String)> {
            events
                .iter()
                .map(|event| (event.at_us, event.kind, event.detail.to_string()))
                .collect()
        };
        let before = import(LOG.as_bytes(), Pseudonyms::kept(), false);
        let after = import(log.as_bytes(), Pseudonyms::kept(), false);
        assert_eq!(told(&after), told(&before));
        let users = |events: &[Event]| -> Vec<usize> {
            let names: Vec<_> = events.iter().map(|event| event.user.clone()).collect();
            let first = |name: &Arc<str>| names.iter().position(|known| known == name).unwrap();
            names.iter().map(first).collect()
        };
        assert_eq!(users(&after), users(&before));
    }
}
