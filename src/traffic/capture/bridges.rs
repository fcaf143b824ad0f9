//! Bots that carry messages from elsewhere: others speak through one nick.

use crate::traffic::capture::row::NameId;

/// Messages of a nick from which on it can be told from somebody who quotes.
const MESSAGES_MIN: u32 = 20;

/// Counts of what each nick said.
#[derive(Debug, Default)]
pub(crate) struct Bridges {
    by_nick: Vec<Said>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Said {
    count: u32,
    of_others_count: u32,
}

impl Bridges {
    /// Notes a message.
    pub(crate) fn note(&mut self, nick: NameId, text: &[u8]) {
        if nick.index() >= self.by_nick.len() {
            self.by_nick.resize(nick.index() + 1, Said::default());
        }
        if let Some(said) = self.by_nick.get_mut(nick.index()) {
            said.count = said.count.saturating_add(1);
            said.of_others_count = said
                .of_others_count
                .saturating_add(u32::from(names_speaker(text)));
        }
    }

    /// Returns how many nicks speak for others, and how many messages they carry.
    pub(crate) fn found(&self) -> (u64, u64) {
        self.by_nick
            .iter()
            .filter(|said| said.count >= MESSAGES_MIN && said.of_others_count > said.count / 5 * 4)
            .fold((0, 0), |(bots, messages), said| {
                (bots + 1, messages + u64::from(said.of_others_count))
            })
    }
}

/// Returns whether a message begins with who said it elsewhere: `<alder> hi` or `[alder] hi`, colours apart.
fn names_speaker(text: &[u8]) -> bool {
    let start = text
        .iter()
        .position(|byte| matches!(byte, b'<' | b'['))
        .filter(|&at| at <= 4);
    let Some(rest) = start.and_then(|at| text.get(at..)) else {
        return false;
    };
    let close = if rest.starts_with(b"<") { b'>' } else { b']' };
    memchr::memchr(close, rest).is_some_and(|at| (2..=40).contains(&at) && rest.len() > at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_mostly_speaks_for_others_is_a_bridge() {
        let mut bridges = Bridges::default();
        for index in 0..30 {
            bridges.note(NameId(1), b"<alder> hi");
            bridges.note(NameId(2), b"\x0303[birch] hi");
            bridges.note(
                NameId(3),
                if index % 2 == 0 {
                    b"<alder> hi"
                } else {
                    b"hi there <3"
                },
            );
        }
        bridges.note(NameId(4), b"<alder> hi");
        assert_eq!(bridges.found(), (2, 60));
    }
}
