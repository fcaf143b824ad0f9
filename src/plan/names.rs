//! Names of users and channels: pronounceable, at most nine bytes, and read back into identifiers without a table.
//!
//! Four syllables of one consonant and one vowel hold 24 bits; a run's own permutation scatters them, so that runs of
//! different seeds seldom meet in a name. A generation above zero adds one character: a rename, or a way out of a nick in use.

use std::sync::Arc;

use crate::irc::wire::casemapping::CaseMapping;
use crate::plan::streams::Purpose;
use crate::plan::streams::StreamId;
use crate::plan::streams::Streams;
use crate::units::id::ChannelId;
use crate::units::id::UserId;

const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 4] = b"aiou";
const SUFFIXES: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const SYLLABLES: usize = 4;
const BASE_BYTES: usize = 2 * SYLLABLES;
const BITS: u32 = 24;
const MASK: u32 = (1 << BITS) - 1;

/// Most users, and most channels, that names tell apart.
pub const NAME_COUNT_MAX: u32 = 1 << BITS;

/// Longest nick, in bytes: what generations append is the last of them. It is the limit of RFC 2812.
pub const NICK_BYTES_MAX: usize = BASE_BYTES + 1;
/// Longest name of a channel, in bytes: its sign and the syllables.
pub const CHANNEL_BYTES_MAX: usize = 1 + BASE_BYTES;

/// The names of one run.
#[derive(Clone, Debug)]
pub struct Names {
    users: Permutation,
    channels: Permutation,
    /// Names that are given, before those that are made.
    given: Option<Arc<Given>>,
}

/// Names that a roster gives: the first users', and those of channels.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The nicks of the first users.
    pub nicks: Vec<String>,
    /// The names of the first channels.
    pub channels: Vec<String>,
}

/// A permutation of 24-bit numbers: an odd factor and an offset.
#[derive(Clone, Copy, Debug)]
struct Permutation {
    factor: u32,
    inverse: u32,
    offset: u32,
}

impl Permutation {
    fn new(draw: u64) -> Self {
        let factor = u32::try_from(draw & u64::from(MASK)).unwrap_or(0) | 1;
        let offset = u32::try_from(draw >> 32 & u64::from(MASK)).unwrap_or(0);
        // Newton's iteration for the inverse modulo a power of two doubles its right bits each round.
        let mut inverse = factor;
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2u32.wrapping_sub(factor.wrapping_mul(inverse)));
        }
        Self {
            factor,
            inverse: inverse & MASK,
            offset,
        }
    }

    fn apply(self, id: u32) -> u32 {
        id.wrapping_mul(self.factor).wrapping_add(self.offset) & MASK
    }

    fn invert(self, number: u32) -> u32 {
        number.wrapping_sub(self.offset).wrapping_mul(self.inverse) & MASK
    }
}

impl Names {
    /// Returns the names of a run.
    pub fn new(streams: &Streams) -> Self {
        let draw = |which| streams.draw(StreamId::of_user(Purpose::Names, which, UserId(0)));
        Self {
            users: Permutation::new(draw(0)),
            channels: Permutation::new(draw(1)),
            given: None,
        }
    }

    /// Returns the names of a run whose first users and channels have names of their own. Only made names are read back.
    #[must_use]
    pub fn with_given(self, given: Given) -> Self {
        Self {
            given: Some(Arc::new(given)),
            ..self
        }
    }

    /// Appends the nick of a user's generation: eight bytes if it is made, one more for any but the first.
    pub fn push_nick(&self, user: UserId, generation: u8, out: &mut Vec<u8>) {
        let given = self.given.as_ref();
        match given.and_then(|given| given.nicks.get(user.index())) {
            Some(nick) => out.extend_from_slice(nick.as_bytes()),
            None => push_syllables(self.users.apply(user.0), out),
        }
        if generation > 0 {
            out.push(SUFFIXES[usize::from(generation - 1) % SUFFIXES.len()]);
        }
    }

    /// Returns whose nick it is, whatever its generation, or `None` for a stranger's.
    pub fn user(&self, nick: &[u8]) -> Option<UserId> {
        let base = match nick.len() {
            BASE_BYTES => nick,
            length
                if length == BASE_BYTES + 1
                    && SUFFIXES.contains(&CaseMapping::Ascii.lower(nick[BASE_BYTES])) =>
            {
                &nick[..BASE_BYTES]
            }
            _ => return None,
        };
        read_syllables(base).map(|number| UserId(self.users.invert(number)))
    }

    /// Appends the name of a channel: nine bytes if it is made.
    pub fn push_channel(&self, channel: ChannelId, out: &mut Vec<u8>) {
        let given = self.given.as_ref();
        if let Some(name) = given.and_then(|given| given.channels.get(channel.index())) {
            return out.extend_from_slice(name.as_bytes());
        }
        out.push(b'#');
        push_syllables(self.channels.apply(channel.0), out);
    }

    /// Returns which channel the name is of, or `None` for a stranger's. Identifiers beyond the run's are the caller's to refuse.
    pub fn channel(&self, name: &[u8]) -> Option<ChannelId> {
        let base = name
            .strip_prefix(b"#")
            .filter(|base| base.len() == BASE_BYTES)?;
        read_syllables(base).map(|number| ChannelId(self.channels.invert(number)))
    }

    /// Returns the nick for people.
    pub fn nick_text(&self, user: UserId) -> String {
        let mut out = Vec::new();
        self.push_nick(user, 0, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Returns the channel's name for people.
    pub fn channel_text(&self, channel: ChannelId) -> String {
        let mut out = Vec::new();
        self.push_channel(channel, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }
}

fn push_syllables(number: u32, out: &mut Vec<u8>) {
    for syllable in (0..SYLLABLES).rev() {
        let bits = number >> (6 * syllable) & 63;
        out.push(CONSONANTS[(bits >> 2) as usize]);
        out.push(VOWELS[(bits & 3) as usize]);
    }
}

fn read_syllables(text: &[u8]) -> Option<u32> {
    text.chunks_exact(2).try_fold(0u32, |number, syllable| {
        // Servers keep the case that was given, but people's clients may not.
        let consonant = CaseMapping::Ascii.lower(syllable[0]);
        let vowel = CaseMapping::Ascii.lower(syllable[1]);
        let high = CONSONANTS.iter().position(|&byte| byte == consonant)?;
        let low = VOWELS.iter().position(|&byte| byte == vowel)?;
        Some(number << 6 | u32::try_from(high << 2 | low).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::units::id::Seed;

    proptest! {
        #[test]
        fn names_read_back(id in 0..NAME_COUNT_MAX, generation in 0u8..200, seed: u64) {
            let names = Names::new(&Streams::new(Seed(seed)));
            let mut nick = Vec::new();
            names.push_nick(UserId(id), generation, &mut nick);
            prop_assert!(nick.len() <= 9);
            prop_assert_eq!(names.user(&nick), Some(UserId(id)));
            let mut channel = Vec::new();
            names.push_channel(ChannelId(id), &mut channel);
            prop_assert_eq!(names.channel(&channel), Some(ChannelId(id)));
        }

        #[test]
        fn any_bytes_read_without_panic(name in proptest::collection::vec(any::<u8>(), 0..12)) {
            let names = Names::new(&Streams::new(Seed(1)));
            let _ = (names.user(&name), names.channel(&name));
        }
    }
}
