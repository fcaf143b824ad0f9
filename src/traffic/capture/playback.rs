//! What a bouncer or server plays back on a connection: it was said before, so it is no traffic of now.

use std::collections::BTreeSet;

use crate::irc::wire::message::Message;
use crate::traffic::capture::message::Verb;
use crate::traffic::capture::message::parameter;

/// Playbacks that are open at once; servers and bouncers open one or two at a time.
const OPEN_MAX: usize = 64;

/// Longest name of a playback: of a channel (RFC 1459, 1.3), or of a batch, which servers keep short.
const NAME_BYTES_MAX: usize = 200;

/// Types of batches that hold what was said before.
const BATCHES: [&[u8]; 3] = [b"chathistory", b"znc.in/playback", b"playback"];

/// Who tells, to clients without batches, that a channel is played back, and with what.
const ZNC: &[u8] = b"***";
const ZNC_BEGINS: &[u8] = b"Buffer Playback...";
const ZNC_ENDS: &[u8] = b"Playback Complete.";

/// The playbacks that are open on a connection.
#[derive(Debug, Default)]
pub(crate) struct Playback {
    batches: BTreeSet<Vec<u8>>,
    channels: BTreeSet<Vec<u8>>,
}

impl Playback {
    /// Returns whether the message is part of a playback, and remembers which ones it begins or ends.
    pub(crate) fn holds(&mut self, message: &Message<'_>, verb: Verb) -> bool {
        if let Some(batch) = message.tags.get(b"batch")
            && self.batches.contains(batch)
        {
            return true;
        }
        let (first, second) = (parameter(message, 0), parameter(message, 1));
        let has_room =
            |open: &BTreeSet<Vec<u8>>| open.len() < OPEN_MAX && first.len() <= NAME_BYTES_MAX;
        match verb {
            Verb::Batch => {
                if let Some(opened) = first.strip_prefix(b"+") {
                    if BATCHES.contains(&second) && has_room(&self.batches) {
                        self.batches.insert(opened.to_vec());
                    }
                } else if let Some(closed) = first.strip_prefix(b"-") {
                    self.batches.remove(closed);
                }
                false
            }
            Verb::Privmsg if message.source.is_some_and(|source| source.nick == ZNC) => {
                if second == ZNC_BEGINS && has_room(&self.channels) {
                    self.channels.insert(first.to_vec());
                } else if second == ZNC_ENDS {
                    self.channels.remove(first);
                }
                false
            }
            _ => !self.channels.is_empty() && self.channels.contains(first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::capture::message::parse;

    /// Reads lines in order and returns which are played back.
    #[track_caller]
    fn check(lines: &[(&str, bool)]) {
        let mut playback = Playback::default();
        for (line, want) in lines {
            let message = parse(line.as_bytes()).unwrap();
            let found = playback.holds(&message, Verb::of(&message));
            assert_eq!(found, *want, "{line}");
        }
    }

    #[test]
    fn a_batch_of_history_is_played_back() {
        check(&[
            ("BATCH +7 chathistory #w", false),
            ("BATCH +8 netsplit a b", false),
            ("@batch=7 :a!b@c PRIVMSG #w :old", true),
            ("@batch=8 :a!b@c QUIT :a b", false),
            (":a!b@c PRIVMSG #w :new", false),
            ("BATCH -7", false),
            ("@batch=7 :a!b@c PRIVMSG #w :new", false),
        ]);
    }

    #[test]
    fn a_buffer_between_the_marks_of_znc_is_played_back() {
        check(&[
            (":***!znc@znc.in PRIVMSG #w :Buffer Playback...", false),
            (":a!b@c PRIVMSG #w :[12:00:01] old", true),
            (":a!b@c PRIVMSG #x :new", false),
            (":***!znc@znc.in PRIVMSG #w :Playback Complete.", false),
            (":a!b@c PRIVMSG #w :new", false),
        ]);
    }
}
