//! Lines that the kernel took whole, by their command.

/// The commands that are counted by name.
const COMMANDS: [&str; 17] = [
    "PRIVMSG",
    "NOTICE",
    "JOIN",
    "PART",
    "QUIT",
    "NICK",
    "USER",
    "PASS",
    "CAP",
    "MODE",
    "WHO",
    "TOPIC",
    "KICK",
    "PING",
    "PONG",
    "TAGMSG",
    "CHATHISTORY",
];
/// Under which all others are counted, so that the counts add up to all lines.
const OTHER: &str = "other";

/// How many lines of each command were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinesSent {
    counts: [u64; COMMANDS.len()],
    other: u64,
}

impl LinesSent {
    /// Counts a line of ours by its first word, which tags may precede; it has no source.
    pub fn add(&mut self, line: &[u8]) {
        let mut words = line.split(|byte| b" \r\n".contains(byte));
        let mut word = words.next().unwrap_or_default();
        if word.starts_with(b"@") {
            word = words.next().unwrap_or_default();
        }
        let counts = COMMANDS.iter().zip(&mut self.counts);
        let count = counts
            .filter(|(name, _)| name.as_bytes() == word)
            .map(|(_, count)| count)
            .next();
        *count.unwrap_or(&mut self.other) += 1;
    }

    /// Adds another part's counts.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.other += other.other;
    }

    /// Returns every command with its count; last `other`, for all that have no place of their own.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        COMMANDS
            .into_iter()
            .zip(self.counts)
            .chain([(OTHER, self.other)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_by_their_first_word_and_none_is_left_out() {
        let mut sent = LinesSent::default();
        for line in [
            &b"PRIVMSG #a :JOIN\r\n"[..],
            b"JOIN #a\r\n",
            b"CAP END\r\n",
            b"@+typing=active TAGMSG #a\r\n",
            b"@+typing=active",
        ] {
            sent.add(line);
        }
        let mut more = LinesSent::default();
        for line in [&b"NAMES #a\r\n"[..], b"JOIN #b\r\n", b"PONG\r\n", b""] {
            more.add(line);
        }
        sent.merge(&more);
        let counted: Vec<(&str, u64)> = sent.iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(
            counted,
            [
                ("PRIVMSG", 1),
                ("JOIN", 2),
                ("CAP", 1),
                ("PONG", 1),
                ("TAGMSG", 1),
                ("other", 3)
            ]
        );
    }
}
