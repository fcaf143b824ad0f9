//! What a line says, as a number: the same at the network that wrote it and at the client that read it.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

/// Shortest text by which a line is told from every other of a run: 24 bits of a probe.
pub const TELLING_BYTES_MIN: usize = 4;

/// What a line says: who, what, and its text. Where it was said is told beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineId(pub u64);

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// PRIVMSG or NOTICE, an ACTION's wrapping taken off.
    Message,
    /// JOIN; its text is the channel.
    Join,
    /// PART; its text is the channel.
    Part,
    /// QUIT.
    Quit,
    /// NICK; its text is the new nick.
    Nick,
    /// KICK; its text is the channel, a space, and who was kicked.
    Kick,
}

impl LineId {
    /// Returns what the line of `nick` says. Nicks are taken as they are written: a server relays the one that it knows.
    pub fn of(verb: Verb, nick: &[u8], text: &[u8]) -> Self {
        let mut hasher = SipHasher13::new_with_keys(0, 0);
        hasher.write_u8(verb as u8);
        hasher.write(nick);
        hasher.write_u8(0);
        hasher.write(text);
        Self(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_in_anything_differ() {
        let line =
            |verb, nick: &str, text: &str| LineId::of(verb, nick.as_bytes(), text.as_bytes());
        let one = line(Verb::Message, "ab", "c");
        assert_eq!(one, line(Verb::Message, "ab", "c"));
        for other in [
            line(Verb::Quit, "ab", "c"),
            line(Verb::Message, "a", "bc"),
            line(Verb::Message, "ab", "d"),
        ] {
            assert_ne!(one, other);
        }
    }
}
