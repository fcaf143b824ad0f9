//! Lies: what a broken server does to the lines it relays, and a record of each.
//!
//! It knows lines as plain bytes and shares no code with the codec that has to notice it.

/// A way in which a server breaks its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lie {
    /// A message is not relayed.
    Drop,
    /// A message is relayed twice.
    Duplicate,
    /// Two messages of one sender to one target change places.
    Reorder,
    /// A message is relayed to another channel.
    WrongChannel,
    /// A message is relayed in another's name.
    WrongSource,
    /// A byte of the text is changed.
    Corrupt,
    /// The text is cut.
    Truncate,
    /// A QUIT is not relayed.
    HideQuit,
}

impl Lie {
    /// Every lie.
    pub const ALL: [Self; 8] = [
        Self::Drop,
        Self::Duplicate,
        Self::Reorder,
        Self::WrongChannel,
        Self::WrongSource,
        Self::Corrupt,
        Self::Truncate,
        Self::HideQuit,
    ];
}

/// One lie as told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its kind.
    pub lie: Lie,
    /// The line as it should have been relayed, without its ending.
    pub line: Vec<u8>,
}

/// A server's dishonesty towards one receiver: of the lines that can carry the lie, every n-th does.
#[derive(Clone, Debug)]
pub struct Liar {
    lie: Lie,
    one_in: u32,
    eligible_count: u32,
    held: Option<Vec<u8>>,
    sources: Names,
    channels: Names,
}

/// The last two different names that lines to this receiver bore: alternatives to lie with.
#[derive(Clone, Debug, Default)]
struct Names {
    last: Vec<u8>,
    before: Vec<u8>,
}

impl Names {
    fn remember(&mut self, name: &[u8]) {
        if self.last != name {
            self.before = std::mem::replace(&mut self.last, name.to_vec());
        }
    }

    /// Returns a name that is not `name`, if one is known.
    fn other_than(&self, name: &[u8]) -> Option<Vec<u8>> {
        [&self.last, &self.before]
            .into_iter()
            .find(|other| !other.is_empty() && other.as_slice() != name)
            .cloned()
    }
}

/// Where the parts of a PRIVMSG or NOTICE lie in its line.
struct Parts<'a> {
    head: &'a [u8],
    source: &'a [u8],
    command: &'a [u8],
    target: &'a [u8],
    text: &'a [u8],
}

/// Shortest text that is cut or moved: a shorter one carries too little to be told from another.
const TEXT_BYTES_MIN: usize = 12;

impl Liar {
    /// Returns a liar that tells `lie` on every `one_in`-th line that can carry it.
    pub fn new(lie: Lie, one_in: u32) -> Self {
        Self {
            lie,
            one_in: one_in.max(1),
            eligible_count: 0,
            held: None,
            sources: Names::default(),
            channels: Names::default(),
        }
    }

    /// Relays a line (without its ending), honestly or not, by handing what is to be sent to `send`. Returns the lie, if it was one.
    pub fn relay(&mut self, line: &[u8], mut send: impl FnMut(&[u8])) -> Option<Told> {
        let told = self.lie_about(line, &mut send);
        if told.is_none() && self.held.as_deref() != Some(line) {
            send(line);
        }
        // What was held for a swap goes after the line that overtook it.
        if let Some(held) = self.held.take_if(|held| held.as_slice() != line) {
            if overtakes(line, &held) {
                send(&held);
                return Some(Told {
                    lie: Lie::Reorder,
                    line: held,
                });
            }
            self.held = Some(held);
        }
        told
    }

    /// Sends what is still held; it was no lie after all.
    pub fn release(&mut self, mut send: impl FnMut(&[u8])) {
        if let Some(held) = self.held.take() {
            send(&held);
        }
    }

    fn lie_about(&mut self, line: &[u8], send: &mut impl FnMut(&[u8])) -> Option<Told> {
        if self.lie == Lie::HideQuit {
            return (word(line, 1) == b"QUIT" && self.is_turn()).then(|| Told {
                lie: Lie::HideQuit,
                line: line.to_vec(),
            });
        }
        let parts = parts(line)?;
        let told = self.lie_about_message(line, &parts, send);
        self.sources.remember(parts.source);
        if parts.target.first() == Some(&b'#') {
            self.channels.remember(parts.target);
        }
        told
    }

    fn lie_about_message(
        &mut self,
        line: &[u8],
        parts: &Parts<'_>,
        send: &mut impl FnMut(&[u8]),
    ) -> Option<Told> {
        let lie = self.lie;
        let is_long = parts.text.len() >= TEXT_BYTES_MIN && parts.text[0] != 1;
        let is_to_channel = parts.target.first() == Some(&b'#');
        match lie {
            Lie::Drop if self.is_turn() => {}
            Lie::Duplicate if self.is_turn() => {
                send(line);
                send(line);
            }
            Lie::Reorder if self.held.is_none() && self.is_turn() => {
                self.held = Some(line.to_vec());
                return None;
            }
            Lie::Corrupt if is_long && self.is_turn() => {
                let mut changed = line.to_vec();
                let place = changed.len() - 2;
                changed[place] = if changed[place] == b'%' { b'&' } else { b'%' };
                send(&changed);
            }
            Lie::Truncate if is_long && self.is_turn() => send(&line[..line.len() - 1]),
            Lie::WrongChannel if is_long && is_to_channel => {
                let other = self.channels.other_than(parts.target)?;
                if !self.is_turn() {
                    return None;
                }
                send(&rewritten(parts, parts.source, &other));
            }
            Lie::WrongSource if is_long => {
                let other = self.sources.other_than(parts.source)?;
                if !self.is_turn() {
                    return None;
                }
                send(&rewritten(parts, &other, parts.target));
            }
            _ => return None,
        }
        Some(Told {
            lie,
            line: line.to_vec(),
        })
    }

    fn is_turn(&mut self) -> bool {
        self.eligible_count += 1;
        self.eligible_count.is_multiple_of(self.one_in)
    }
}

/// Returns whether `line` is a message of the same sender to the same target as `held`.
fn overtakes(line: &[u8], held: &[u8]) -> bool {
    match (parts(line), parts(held)) {
        (Some(line), Some(held)) => line.source == held.source && line.target == held.target,
        _ => false,
    }
}

/// Returns the word number `index` of a line, tags not counted.
fn word(line: &[u8], index: usize) -> &[u8] {
    let mut words = line
        .split(|&byte| byte == b' ')
        .filter(|word| !word.is_empty());
    let skip = usize::from(line.first() == Some(&b'@'));
    words.nth(skip + index).unwrap_or_default()
}

fn parts(line: &[u8]) -> Option<Parts<'_>> {
    let tags_end = if line.first() == Some(&b'@') {
        line.iter().position(|&byte| byte == b' ')? + 1
    } else {
        0
    };
    let (head, rest) = line.split_at(tags_end);
    let source_end = rest.iter().position(|&byte| byte == b' ')?;
    let source = rest.get(..source_end)?.strip_prefix(b":")?;
    // A server's own notices are not relayed messages.
    if !source.contains(&b'!') {
        return None;
    }
    let rest = &rest[source_end + 1..];
    let command_end = rest.iter().position(|&byte| byte == b' ')?;
    let (command, rest) = (&rest[..command_end], &rest[command_end + 1..]);
    if command != b"PRIVMSG" && command != b"NOTICE" {
        return None;
    }
    let target_end = rest.iter().position(|&byte| byte == b' ')?;
    let (target, text) = (&rest[..target_end], &rest[target_end + 1..]);
    Some(Parts {
        head,
        source,
        command,
        target,
        text: text.strip_prefix(b":").unwrap_or(text),
    })
}

fn rewritten(parts: &Parts<'_>, source: &[u8], target: &[u8]) -> Vec<u8> {
    [
        parts.head,
        b":",
        source,
        b" ",
        parts.command,
        b" ",
        target,
        b" :",
        parts.text,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lie: Lie, lines: &str, want: &str) {
        let mut liar = Liar::new(lie, 2);
        let mut sent = Vec::new();
        for line in lines.split('|') {
            liar.relay(line.as_bytes(), |line| {
                sent.push(String::from_utf8_lossy(line).into_owned());
            });
        }
        liar.release(|line| sent.push(String::from_utf8_lossy(line).into_owned()));
        assert_eq!(sent.join("|"), want, "{lie:?}");
    }

    #[test]
    fn every_lie_is_told_on_its_turn() {
        let (a, b) = (
            ":a!a@h PRIVMSG #c :abcdefghijklmn",
            ":b!b@h PRIVMSG #c :ABCDEFGHIJKLMN",
        );
        check(Lie::Drop, &format!("{a}|{b}|{a}"), &format!("{a}|{a}"));
        check(Lie::Duplicate, &format!("{a}|{b}"), &format!("{a}|{b}|{b}"));
        check(
            Lie::Reorder,
            &format!("{a}|{b}|{a}|:b!b@h PRIVMSG #c :two"),
            &format!("{a}|{a}|:b!b@h PRIVMSG #c :two|{b}"),
        );
        check(
            Lie::Corrupt,
            &format!("{a}|{b}"),
            &format!("{a}|:b!b@h PRIVMSG #c :ABCDEFGHIJKL%N"),
        );
        check(
            Lie::Truncate,
            &format!("{a}|{b}"),
            &format!("{a}|:b!b@h PRIVMSG #c :ABCDEFGHIJKLM"),
        );
        check(
            Lie::WrongSource,
            &format!("{a}|{b}|{b}"),
            &format!("{a}|{b}|:a!a@h PRIVMSG #c :ABCDEFGHIJKLMN"),
        );
        check(
            Lie::HideQuit,
            ":a!a@h QUIT :x|@t=1 :b!b@h QUIT :y|PING x",
            ":a!a@h QUIT :x|PING x",
        );
    }

    #[test]
    fn an_honest_line_passes_as_it_is() {
        for lie in Lie::ALL {
            check(
                lie,
                "PING :x|:s 001 a :hi|:s NOTICE * :looking up your host",
                "PING :x|:s 001 a :hi|:s NOTICE * :looking up your host",
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_relayed_without_panic(line in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80)) {
            for lie in Lie::ALL {
                Liar::new(lie, 1).relay(&line, |_| {});
            }
        }
    }
}
