//! The identity carried inside a message: index, lateness and check in front, filler words behind, exactly the planned length.
//!
//! Layout of a text of n bytes, in base64url digits: n ≥ 12: three of index, four of lateness, three of check, then filler;
//! 4 to 11: three of index, the rest check; 1 to 3: index modulo 64ⁿ. It stands in front so that a text that was cut keeps
//! it. The check covers the run's key, the sender, the channel and the rest of the text, so that a message that turns up
//! elsewhere, under another name or changed is told apart.

use std::hash::Hasher;
use std::time::Duration;

use siphasher::sip::SipHasher13;

use crate::units::id::ChannelId;
use crate::units::id::Seed;
use crate::units::id::UserId;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Digits of the index: 262,144 messages of a channel before it comes round.
const INDEX_DIGITS: usize = 3;
const LATENESS_DIGITS: usize = 4;
const CHECK_DIGITS: usize = 3;
const HEADER_BYTES: usize = INDEX_DIGITS + LATENESS_DIGITS + CHECK_DIGITS;
/// Shortest text with room for lateness and filler.
const FULL_BYTES_MIN: usize = 12;
/// Largest lateness told, in microseconds: 16.7 s. It stands for "at least this".
const LATENESS_MICROS_MAX: u32 = 64u32.pow(4) - 1;

/// Words of the filler: ours, common, of mixed length.
const WORDS: [&str; 64] = [
    "the", "of", "a", "river", "stone", "and", "in", "bright", "window", "we", "walk", "over",
    "small", "hill", "to", "see", "green", "field", "it", "was", "late", "summer", "when", "rain",
    "came", "down", "on", "slate", "roof", "or", "maybe", "an", "early", "morning", "with", "fog",
    "between", "tall", "trees", "where", "birds", "kept", "singing", "until", "noon", "then",
    "bread", "tea", "honey", "by", "fire", "old", "letters", "from", "far", "harbour", "boats",
    "at", "anchor", "lantern", "glow", "as", "night", "fell",
];

/// Whose message it is: what the check covers beside the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeId {
    /// The user who sends it.
    pub sender: UserId,
    /// The channel in whose stream it is planned.
    pub channel: ChannelId,
    /// Its index in that stream.
    pub index: u32,
}

/// What a received text says of itself, before it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeHeader {
    /// The index modulo `modulus`.
    pub index: u32,
    /// How many indices the digits tell apart.
    pub modulus: u32,
    /// From the intended time to the attempt; `None` where the text is too short to say or the lateness too long to tell.
    pub lateness: Option<Duration>,
}

/// Composes and checks the probes of one run.
#[derive(Clone, Copy, Debug)]
pub struct Prober {
    key: (u64, u64),
}

impl Prober {
    /// How many indices a text with all its index digits tells apart.
    pub const MODULUS_FULL: u32 = 64u32.pow(3);
    /// Shortest text that bears a check.
    pub const CHECKED_BYTES_MIN: usize = 4;

    /// Returns the prober of a run; probes of other seeds do not check.
    pub fn new(seed: Seed) -> Self {
        // Spelt out of the tool's name; what matters is only that both halves differ between seeds.
        Self {
            key: (
                seed.0 ^ 0x7370_6c69_7473_746f,
                seed.0.rotate_left(32) ^ 0x726d_5f70_726f_6265,
            ),
        }
    }

    /// Appends the text of exactly `bytes` bytes that carries `id`.
    pub fn compose(&self, id: ProbeId, lateness: Duration, bytes: u16, out: &mut Vec<u8>) {
        let bytes = usize::from(bytes);
        let start = out.len();
        push_digits(out, u64::from(id.index), INDEX_DIGITS.min(bytes));
        if bytes < FULL_BYTES_MIN {
            if bytes > INDEX_DIGITS {
                let check = self.check(id, &out[start..], &[]);
                push_digits(out, check, bytes - INDEX_DIGITS);
            }
            return;
        }
        let micros = u32::try_from(lateness.as_micros())
            .unwrap_or(u32::MAX)
            .min(LATENESS_MICROS_MAX);
        push_digits(out, u64::from(micros), LATENESS_DIGITS);
        push_digits(out, 0, CHECK_DIGITS);
        self.push_filler(id, bytes - HEADER_BYTES, out);
        let (header, filler) = out[start..].split_at(HEADER_BYTES);
        let check = self.check(id, &header[..INDEX_DIGITS + LATENESS_DIGITS], filler);
        write_digits(
            &mut out[start + INDEX_DIGITS + LATENESS_DIGITS..start + HEADER_BYTES],
            check,
        );
    }

    /// Returns what `text` says of itself, or `None` if it begins with anything but digits.
    pub fn read(text: &[u8]) -> Option<ProbeHeader> {
        let digits = INDEX_DIGITS.min(text.len());
        if digits == 0 {
            return None;
        }
        let index = u32::try_from(read_digits(&text[..digits])?).ok()?;
        let modulus = 64u32.pow(u32::try_from(digits).ok()?);
        let lateness = if text.len() < FULL_BYTES_MIN {
            None
        } else {
            let micros = read_digits(&text[INDEX_DIGITS..INDEX_DIGITS + LATENESS_DIGITS])?;
            (micros < u64::from(LATENESS_MICROS_MAX)).then_some(Duration::from_micros(micros))
        };
        Some(ProbeHeader {
            index,
            modulus,
            lateness,
        })
    }

    /// Returns whether `text` is the message `id`, whole: a text of `bytes` bytes whose check is right.
    pub fn verify(&self, id: ProbeId, bytes: u16, text: &[u8]) -> bool {
        if text.len() != usize::from(bytes) {
            return false;
        }
        let digits = INDEX_DIGITS.min(text.len());
        let (Some(index), modulus) = (
            read_digits(&text[..digits]),
            64u64.pow(u32::try_from(digits).unwrap_or(0)),
        ) else {
            return false;
        };
        if index != u64::from(id.index) % modulus {
            return false;
        }
        if text.len() <= INDEX_DIGITS {
            return true;
        }
        if text.len() < FULL_BYTES_MIN {
            let (index, check) = text.split_at(INDEX_DIGITS);
            return read_digits(check) == Some(masked(self.check(id, index, &[]), check.len()));
        }
        let (front, rest) = text.split_at(INDEX_DIGITS + LATENESS_DIGITS);
        let (check, filler) = rest.split_at(CHECK_DIGITS);
        read_digits(check) == Some(masked(self.check(id, front, filler), CHECK_DIGITS))
    }

    /// Returns whether `text` is the beginning of the message `id` but not the whole. A text without even its filler can't be told.
    pub fn is_prefix(&self, id: ProbeId, bytes: u16, text: &[u8]) -> bool {
        if text.is_empty() || text.len() >= usize::from(bytes) {
            return false;
        }
        self.composed_as(id, bytes, text).starts_with(text)
    }

    /// Returns whether `text` is the message `id` to the letter. [`Self::verify`] takes its check's word for the filler, and among
    /// thousands of messages some other's check agrees with a damaged text.
    pub fn is_exactly(&self, id: ProbeId, bytes: u16, text: &[u8]) -> bool {
        self.verify(id, bytes, text) && self.composed_as(id, bytes, text) == text
    }

    /// Returns the message `id` as it was sent with the lateness that `text` tells.
    fn composed_as(&self, id: ProbeId, bytes: u16, text: &[u8]) -> Vec<u8> {
        let lateness = read_digits(
            text.get(INDEX_DIGITS..INDEX_DIGITS + LATENESS_DIGITS)
                .unwrap_or(&[]),
        );
        let lateness = Duration::from_micros(lateness.unwrap_or(0));
        let mut whole = Vec::with_capacity(usize::from(bytes));
        self.compose(id, lateness, bytes, &mut whole);
        whole
    }

    fn check(&self, id: ProbeId, header: &[u8], filler: &[u8]) -> u64 {
        let mut hasher = self.hasher(id);
        hasher.write(header);
        hasher.write_u8(0);
        hasher.write(filler);
        hasher.finish()
    }

    fn hasher(&self, id: ProbeId) -> SipHasher13 {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        hasher.write_u32(id.sender.0);
        hasher.write_u32(id.channel.0);
        hasher.write_u32(id.index);
        hasher
    }

    fn push_filler(&self, id: ProbeId, bytes: usize, out: &mut Vec<u8>) {
        let end = out.len() + bytes;
        let mut bits = self.hasher(id).finish();
        while out.len() < end {
            out.push(b' ');
            out.extend_from_slice(WORDS[(bits & 63) as usize].as_bytes());
            // A step of a full-period generator; its upper bits pick the next word.
            bits = bits
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407)
                .rotate_right(23);
        }
        out.truncate(end);
        // A space at the end could be trimmed on the way.
        if let Some(last) = out.last_mut().filter(|last| **last == b' ') {
            *last = b'.';
        }
    }
}

fn masked(value: u64, digits: usize) -> u64 {
    value & ((1u64 << (6 * digits)) - 1)
}

fn push_digits(out: &mut Vec<u8>, value: u64, digits: usize) {
    let start = out.len();
    out.resize(start + digits, 0);
    write_digits(&mut out[start..], value);
}

fn write_digits(out: &mut [u8], value: u64) {
    let mut value = value;
    for digit in out.iter_mut().rev() {
        *digit = DIGITS[(value & 63) as usize];
        value >>= 6;
    }
}

fn read_digits(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0u64, |value, &byte| {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        Some(value << 6 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: ProbeId = ProbeId {
        sender: UserId(7),
        channel: ChannelId(3),
        index: 70_000,
    };

    fn composed(id: ProbeId, bytes: u16) -> Vec<u8> {
        let mut text = Vec::new();
        Prober::new(Seed(1)).compose(id, Duration::from_micros(1_234), bytes, &mut text);
        text
    }

    #[test]
    fn a_damaged_text_is_not_that_of_another_channel_whose_check_agrees() {
        let prober = Prober::new(Seed(1));
        let mut damaged = composed(ID, 40);
        damaged[38] = b'%';
        // Among a few million channels there are some whose check agrees with it.
        let channels = (0..4_000_000).map(ChannelId);
        let ids = channels.map(|channel| ProbeId { channel, ..ID });
        let agreeing: Vec<ProbeId> = ids.filter(|&id| prober.verify(id, 40, &damaged)).collect();
        assert!(!agreeing.is_empty());
        assert!(
            !agreeing
                .iter()
                .any(|&id| prober.is_exactly(id, 40, &damaged))
        );
        for bytes in 1..=60 {
            assert!(
                prober.is_exactly(ID, bytes, &composed(ID, bytes)),
                "{bytes}"
            );
        }
    }

    #[test]
    fn every_length_is_exact_and_checks() {
        for bytes in 0..=510 {
            let text = composed(ID, bytes);
            assert_eq!(text.len(), usize::from(bytes));
            assert!(text.iter().all(|byte| (b' '..=b'~').contains(byte)));
            if bytes > 0 {
                assert!(Prober::new(Seed(1)).verify(ID, bytes, &text), "{bytes}");
                assert_eq!(
                    Prober::read(&text).unwrap().index,
                    ID.index % Prober::read(&text).unwrap().modulus
                );
            }
        }
    }

    #[test]
    fn lateness_is_told_where_there_is_room() {
        assert_eq!(
            Prober::read(&composed(ID, 40)).unwrap().lateness,
            Some(Duration::from_micros(1_234))
        );
        assert_eq!(Prober::read(&composed(ID, 11)).unwrap().lateness, None);
    }

    #[test]
    fn another_sender_channel_index_or_seed_does_not_check() {
        for bytes in [8, 11, 12, 100] {
            let text = composed(ID, bytes);
            let prober = Prober::new(Seed(1));
            assert!(!prober.verify(
                ProbeId {
                    sender: UserId(8),
                    ..ID
                },
                bytes,
                &text
            ));
            assert!(!prober.verify(
                ProbeId {
                    channel: ChannelId(4),
                    ..ID
                },
                bytes,
                &text
            ));
            assert!(!prober.verify(
                ProbeId {
                    index: ID.index + 1,
                    ..ID
                },
                bytes,
                &text
            ));
            assert!(!Prober::new(Seed(2)).verify(ID, bytes, &text));
        }
    }

    #[test]
    fn a_cut_text_is_a_prefix_and_a_changed_one_is_not() {
        let prober = Prober::new(Seed(1));
        let text = composed(ID, 100);
        assert!(prober.is_prefix(ID, 100, &text[..60]));
        assert!(!prober.is_prefix(ID, 100, &text));
        let mut changed = text[..60].to_vec();
        changed[50] ^= 1;
        assert!(!prober.is_prefix(ID, 100, &changed));
    }

    proptest! {
        #[test]
        fn a_change_of_any_byte_is_noticed(bytes in 12u16..400, at in 0usize..400, xor in 1u8..=255) {
            let mut text = composed(ID, bytes);
            let at = at % text.len();
            text[at] ^= xor;
            prop_assert!(!Prober::new(Seed(1)).verify(ID, bytes, &text));
        }

        #[test]
        fn any_bytes_read_without_panic(text in proptest::collection::vec(any::<u8>(), 0..40), bytes in 0u16..60) {
            let _ = Prober::read(&text);
            let prober = Prober::new(Seed(1));
            let _ = prober.verify(ID, bytes, &text);
            let _ = prober.is_prefix(ID, bytes, &text);
        }
    }
}
