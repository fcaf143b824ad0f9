//! Pseudonyms: keyed hashes that stand for names in a trace, under a key that the caller throws away.

use std::collections::HashMap;
use std::hash::Hasher as _;
use std::sync::Arc;

use siphasher::sip::SipHasher24;

/// Distinct names of one trace that are remembered; further ones are hashed anew each time.
const CACHE_MAX: usize = 1_000_000;

/// Bits of a user's pseudonym: among a million users two share one with a chance of 1 in 560.
const USER_BITS: u32 = 48;

/// Bits of a channel's pseudonym: traces hold few channels.
const CHANNEL_BITS: u32 = 32;

/// How names are shown in a trace.
#[derive(Clone, Debug)]
pub struct Pseudonyms {
    key: Option<[u8; 16]>,
    cache: HashMap<(u32, Box<str>), Arc<str>>,
}

impl Pseudonyms {
    /// Returns pseudonyms under `key`. Without the key nobody can tell names from pseudonyms: throw it away.
    pub fn hashed(key: [u8; 16]) -> Self {
        Self {
            key: Some(key),
            cache: HashMap::new(),
        }
    }

    /// Returns pseudonyms that are the names themselves.
    pub fn kept() -> Self {
        Self {
            key: None,
            cache: HashMap::new(),
        }
    }

    /// Returns what stands for the user `nick`; nicks that IRC holds equal (RFC 1459, 2.2) share it.
    pub fn user(&mut self, nick: &str) -> Arc<str> {
        self.name("u", USER_BITS, nick)
    }

    /// Returns what stands for a channel.
    pub fn channel(&mut self, channel: &str) -> Arc<str> {
        self.name("#", CHANNEL_BITS, channel)
    }

    /// Returns what stands for `name`: a prefix and the leading bits of its hash.
    fn name(&mut self, prefix: &str, bits: u32, name: &str) -> Arc<str> {
        let folded: Box<str> = name.chars().map(folded).collect();
        if let Some(known) = self.cache.get(&(bits, folded.clone())) {
            return Arc::clone(known);
        }
        let shown: Arc<str> = match &self.key {
            None => Arc::from(name),
            Some(_) if name.is_empty() => Arc::from(""),
            Some(key) => {
                let mut hasher = SipHasher24::new_with_key(key);
                hasher.write_u32(bits);
                hasher.write(folded.as_bytes());
                let hash = hasher.finish() >> (64 - bits);
                let digits = (bits / 4) as usize;
                Arc::from(format!("{prefix}{hash:0digits$x}"))
            }
        };
        if self.cache.len() < CACHE_MAX {
            self.cache.insert((bits, folded), Arc::clone(&shown));
        }
        shown
    }
}

/// Returns the lower case of a character as IRC knows it: `{}|~` are the lower case of `[]\^`.
pub fn folded(character: char) -> char {
    u8::try_from(character)
        .ok()
        .filter(u8::is_ascii)
        .map_or(character, |byte| char::from(folded_byte(byte)))
}

/// Returns the lower case of a byte as IRC knows it; what is not ASCII stays.
pub fn folded_byte(byte: u8) -> u8 {
    match byte {
        b'[' => b'{',
        b']' => b'}',
        b'\\' => b'|',
        b'^' => b'~',
        other => other.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_nicks_share_a_pseudonym_and_others_do_not() {
        let mut names = Pseudonyms::hashed([7; 16]);
        assert_eq!(names.user("Alder[m]"), names.user("alder{M}"));
        assert_ne!(names.user("alder"), names.user("birch"));
        assert_eq!(names.user("alder").len(), 13);
        assert_eq!(names.channel("#wood").len(), 9);
    }

    #[test]
    fn another_key_gives_other_pseudonyms() {
        let one = Pseudonyms::hashed([1; 16]).user("alder");
        let two = Pseudonyms::hashed([2; 16]).user("alder");
        assert_ne!(one, two);
    }

    #[test]
    fn kept_names_are_as_they_were_first_written() {
        let mut names = Pseudonyms::kept();
        assert_eq!(&*names.user("Alder"), "Alder");
        assert_eq!(&*names.user("aLDER"), "Alder");
        assert_eq!(&*names.channel("#Wood"), "#Wood");
    }
}
