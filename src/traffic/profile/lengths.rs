//! Lengths of messages in bytes: quantiles with a fine tail, by kind and for those who talk much.

use std::collections::BTreeMap;

use crate::traffic::profile::distribution::uniform;
use crate::traffic::profile::number;
use crate::traffic::profile::talk::TalkKind;

/// Knots of a length table.
pub const LENGTH_KNOTS: usize = 38;

/// Levels of the knots: even in the body, fine in the tail, because long messages are what fills buffers.
pub const LENGTH_LEVELS: [f64; LENGTH_KNOTS] = [
    0.0, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5,
    0.55, 0.6, 0.65, 0.7, 0.75, 0.775, 0.8, 0.825, 0.85, 0.875, 0.9, 0.925, 0.94, 0.95, 0.96, 0.97,
    0.98, 0.99, 0.995, 0.998, 0.9995, 1.0,
];

/// Leading bits of a draw by which the search for its level begins: most slices of all draws hold no level, so that it ends there.
const SLICE_BITS: u32 = 8;

/// How many levels are no higher than the lowest draw of each slice.
const PASSED: [usize; 1 << SLICE_BITS] = {
    let mut passed = [0; 1 << SLICE_BITS];
    let (mut slice, mut lowest, mut count) = (0, 0.0, 0);
    while slice < passed.len() {
        while LENGTH_LEVELS[count] <= lowest {
            count += 1;
        }
        passed[slice] = count;
        slice += 1;
        lowest += 1.0 / (1_u32 << SLICE_BITS) as f64;
    }
    passed
};

/// Longest text of a message in bytes: a line is 512 with its end (RFC 2812, 2.3).
pub const TEXT_BYTES_MAX: u16 = 510;

/// Lengths at the levels of [`LENGTH_LEVELS`], in bytes; they do not fall.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LengthTable {
    /// The quantiles in bytes.
    pub knots: [f64; LENGTH_KNOTS],
}

impl LengthTable {
    /// Returns the length in bytes at `draw`, 1 to 510.
    pub fn draw(&self, draw: u64) -> u16 {
        let level = uniform(draw);
        let above = levels_passed(draw).clamp(1, LENGTH_KNOTS - 1);
        let at = |index: usize| self.knots.get(index).copied().unwrap_or(1.0);
        let level_at = |index: usize| LENGTH_LEVELS.get(index).copied().unwrap_or(1.0);
        let (low, high) = (at(above - 1), at(above));
        let share = (level - level_at(above - 1)) / (level_at(above) - level_at(above - 1));
        let bytes = number::whole(low + (high - low) * share + 0.5);
        u16::try_from(bytes)
            .unwrap_or(u16::MAX)
            .clamp(1, TEXT_BYTES_MAX)
    }
}

/// Returns how many levels are no higher than that of `draw`.
fn levels_passed(draw: u64) -> usize {
    let passed = PASSED.get(number::place(draw >> (u64::BITS - SLICE_BITS)));
    let passed = passed.copied().unwrap_or(0);
    let rest = LENGTH_LEVELS.get(passed..).unwrap_or_default();
    let level = uniform(draw);
    passed + rest.iter().take_while(|&&known| known <= level).count()
}

/// The length tables of a profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Lengths {
    /// Tables for messages, actions and notices, in the order of [`TalkKind::ALL`].
    pub by_kind: [LengthTable; 3],
    /// Tables for the messages of users who wrote at least thirty, by user number.
    pub by_user: BTreeMap<u32, LengthTable>,
}

impl Lengths {
    /// Returns the tables of the profile's user `user`.
    pub fn of(&self, user: Option<u32>) -> UserLengths<'_> {
        let [message, action, notice] = &self.by_kind;
        let own = user.and_then(|user| self.by_user.get(&user));
        UserLengths {
            message: own.unwrap_or(message),
            action,
            notice,
        }
    }
}

/// The length tables of one user.
#[derive(Clone, Copy, Debug)]
pub struct UserLengths<'a> {
    message: &'a LengthTable,
    action: &'a LengthTable,
    notice: &'a LengthTable,
}

impl UserLengths<'_> {
    /// Returns the length in bytes, 1 to 510, of a message of `kind` at `draw`.
    pub fn draw(&self, kind: TalkKind, draw: u64) -> u16 {
        let table = match kind {
            TalkKind::Message => self.message,
            TalkKind::Action => self.action,
            TalkKind::Notice => self.notice,
        };
        table.draw(draw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(first: f64, last: f64) -> LengthTable {
        LengthTable {
            knots: LENGTH_LEVELS.map(|level| first + (last - first) * level),
        }
    }

    #[test]
    fn levels_rise_from_zero_to_one() {
        assert!(LENGTH_LEVELS.is_sorted());
        assert!(LENGTH_LEVELS.first() == Some(&0.0) && LENGTH_LEVELS.last() == Some(&1.0));
    }

    #[test]
    fn draws_follow_the_knots_between_one_and_a_line() {
        assert_eq!(table(20.0, 120.0).draw(0), 20);
        assert_eq!(table(20.0, 120.0).draw(u64::MAX / 2), 70);
        assert_eq!(table(20.0, 120.0).draw(u64::MAX), 120);
        assert_eq!(table(0.0, 0.0).draw(7), 1);
        assert_eq!(table(9_000.0, 9_000.0).draw(7), TEXT_BYTES_MAX);
    }

    #[test]
    fn levels_are_found_as_a_search_of_all_would_find_them() {
        let spread = (0..10_000_u64).map(|step| step.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let slices = (0..1_u64 << SLICE_BITS).map(|slice| slice << (u64::BITS - SLICE_BITS));
        let edges = slices.flat_map(|lowest| [lowest, lowest.wrapping_sub(1)]);
        for draw in spread.chain(edges) {
            let level = uniform(draw);
            let want = LENGTH_LEVELS.partition_point(|&known| known <= level);
            assert_eq!(levels_passed(draw), want, "{level}");
        }
    }

    #[test]
    fn a_talkative_user_has_lengths_of_their_own_for_messages_only() {
        let lengths = Lengths {
            by_kind: [table(10.0, 10.0), table(20.0, 20.0), table(30.0, 30.0)],
            by_user: BTreeMap::from([(4, table(77.0, 77.0))]),
        };
        assert_eq!(lengths.of(Some(4)).draw(TalkKind::Message, 1), 77);
        assert_eq!(lengths.of(Some(5)).draw(TalkKind::Message, 1), 10);
        assert_eq!(lengths.of(Some(4)).draw(TalkKind::Action, 1), 20);
        assert_eq!(lengths.of(None).draw(TalkKind::Notice, 1), 30);
    }
}
