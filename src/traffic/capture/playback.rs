//! What a bouncer or server plays back on a connection: it was said before, so it is no traffic of now.

use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;

use crate::irc::wire::message::Message;
use crate::traffic::capture::message::Verb;
use crate::traffic::capture::message::parameter;

/// Playbacks that are open at once; servers and bouncers open one or two at a time.
const OPEN_MAX: usize = 8;

/// Types of batches that hold what was said before.
const BATCHES: [&[u8]; 3] = [b"chathistory", b"znc.in/playback", b"playback"];

/// Who tells, to clients without batches, that a channel is played back, and with what.
const ZNC: &[u8] = b"***";
const ZNC_BEGINS: &[u8] = b"Buffer Playback...";
const ZNC_ENDS: &[u8] = b"Playback Complete.";

/// The playbacks that are open on a connection.
#[derive(Debug, Default)]
pub(crate) struct Playback {
    batches: Open,
    channels: Open,
}

/// Playbacks by the hashes of their names, which connections by the ten thousand may hold.
#[derive(Debug, Default)]
struct Open(Vec<u64>);

impl Open {
    fn contains(&self, name: &[u8]) -> bool {
        !self.0.is_empty() && self.0.contains(&hash(name))
    }

    fn insert(&mut self, name: &[u8]) {
        let hash = hash(name);
        if self.0.len() < OPEN_MAX && !self.0.contains(&hash) {
            self.0.push(hash);
        }
    }

    fn remove(&mut self, name: &[u8]) {
        let hash = hash(name);
        self.0.retain(|known| *known != hash);
    }
}

fn hash(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

impl Playback {
    /// Returns what is held besides itself.
    pub(crate) fn held_bytes(&self) -> usize {
        (self.batches.0.capacity() + self.channels.0.capacity()) * size_of::<u64>()
    }

    /// Returns whether the message is part of a playback, and remembers which ones it begins or ends.
    pub(crate) fn holds(&mut self, message: &Message<'_>, verb: Verb) -> bool {
        if let Some(batch) = message.tags.get(b"batch")
            && self.batches.contains(batch)
        {
            return true;
        }
        let (first, second) = (parameter(message, 0), parameter(message, 1));
        match verb {
            Verb::Batch => {
                if let Some(opened) = first.strip_prefix(b"+") {
                    if BATCHES.contains(&second) {
                        self.batches.insert(opened);
                    }
                } else if let Some(closed) = first.strip_prefix(b"-") {
                    self.batches.remove(closed);
                }
                false
            }
            Verb::Privmsg if message.source.is_some_and(|source| source.nick == ZNC) => {
                if second == ZNC_BEGINS {
                    self.channels.insert(first);
                } else if second == ZNC_ENDS {
                    self.channels.remove(first);
                }
                false
            }
            _ => self.channels.contains(first),
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
