//! Blocks of a capture's talk: who said how much when, without words, in runs that move through time as one.

use thiserror::Error;

use crate::traffic::profile::Profile;
use crate::traffic::profile::number;
use crate::traffic::profile::talk::TalkKind;

/// Silence that ends a block, in seconds: after two hours hardly anybody answers what was said before.
pub const BLOCK_GAP_SECS: f64 = 7_200.0;

/// Length of a block in seconds where nobody was seen to come or go: a quarter of a day, which divides every step of a rotation.
pub const FIXED_BLOCK_SECS: u32 = 21_600;

/// Talk of one channel that moves as one: its first speaker's cohort takes it along.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The number of the channel.
    pub channel: u32,
    /// What was said, by time; at least one row.
    pub rows: Vec<TalkRow>,
}

/// One message of the capture, without words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TalkRow {
    /// When, in seconds of the cycle.
    pub at_secs: f64,
    /// The index of the user who said it.
    pub user: u32,
    /// What kind of message.
    pub kind: TalkKind,
    /// Its length in bytes.
    pub bytes: u32,
}

/// Why a profile can't be resampled: it does not keep its capture's talk.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "expected a profile that keeps its capture's talk, found `{profile}`, which holds its model alone"
)]
pub struct NoRows {
    /// The profile's name.
    pub profile: String,
}

impl NoRows {
    /// Returns what to do about it.
    pub fn help(&self) -> &'static str {
        "fit it again with `splitstorm profile fit --keep-rows`, or use `--generator model`"
    }
}

/// Who moves a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mover {
    /// The cohort of its first speaker.
    Cohort(u32),
    /// Its place among the fixed blocks of a step of the rotation, where nobody was seen to come or go.
    Slot(u32),
}

impl Profile {
    /// Returns who moves a block, or `None` for one without rows.
    pub fn mover(&self, block: &Block) -> Option<Mover> {
        let first = block.rows.first()?;
        if self.has_churn() {
            let user = self.users().get(first.user as usize)?;
            return Some(Mover::Cohort(user.cohort));
        }
        let place = number::whole(first.at_secs / f64::from(FIXED_BLOCK_SECS));
        Some(Mover::Slot(place % self.slot_count()))
    }

    /// Returns how many fixed blocks make a step of the rotation.
    pub fn slot_count(&self) -> u32 {
        (self.rotation_secs() / FIXED_BLOCK_SECS).max(1)
    }
}

/// A message as it was heard, with the two moments by which blocks are told apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct HeardRow {
    /// When, in seconds that also run on through what is not fitted.
    pub(crate) heard_secs: f64,
    /// What goes into a block.
    pub(crate) row: TalkRow,
}

/// Returns the blocks of a channel's talk, which is in order of time.
///
/// Where people were seen to come and go two hours of silence part two blocks, and so does what is not fitted; elsewhere
/// every quarter of a day is one.
pub(crate) fn split(channel: u32, rows: &[HeardRow], has_churn: bool) -> Vec<Block> {
    let fixed = |row: &HeardRow| number::whole(row.row.at_secs / f64::from(FIXED_BLOCK_SECS));
    rows.chunk_by(|one, other| {
        if has_churn {
            other.heard_secs - one.heard_secs <= BLOCK_GAP_SECS
        } else {
            fixed(one) == fixed(other)
        }
    })
    .map(|rows| Block {
        channel,
        rows: rows.iter().map(|row| row.row).collect(),
    })
    .collect()
}

#[cfg(test)]
pub(crate) mod examples {
    use super::*;

    /// Returns a row of somebody's words.
    pub(crate) fn row(at_secs: f64, user: u32) -> TalkRow {
        TalkRow {
            at_secs,
            user,
            kind: TalkKind::Message,
            bytes: 20 + user,
        }
    }

    /// Returns a block of channel 0.
    pub(crate) fn block(rows: &[(f64, u32)]) -> Block {
        Block {
            channel: 0,
            rows: rows.iter().map(|&(secs, user)| row(secs, user)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::profile::examples;

    /// Splits rows by (moment heard, second of the cycle) and shows how many rows each block has.
    #[track_caller]
    fn check(rows: &[(f64, f64)], has_churn: bool, want: &[usize]) {
        let rows: Vec<HeardRow> = rows
            .iter()
            .map(|&(heard_secs, at_secs)| HeardRow {
                heard_secs,
                row: super::examples::row(at_secs, 0),
            })
            .collect();
        let blocks = split(3, &rows, has_churn);
        let sizes: Vec<usize> = blocks.iter().map(|block| block.rows.len()).collect();
        assert_eq!(sizes, want);
        assert!(blocks.iter().all(|block| block.channel == 3));
    }

    #[test]
    fn two_hours_of_silence_end_a_block() {
        let at = |secs: f64| (secs, secs);
        check(&[at(0.0), at(7_200.0), at(14_400.5)], true, &[2, 1]);
        check(&[], true, &[]);
    }

    #[test]
    fn weeks_that_are_put_end_to_end_part_blocks() {
        let week = 604_800.0;
        let rows = [
            (week - 5.0, week - 5.0),
            (2.0 * week + 5.0, week + 5.0),
            (2.0 * week + 9.0, week + 9.0),
        ];
        check(&rows, true, &[1, 2]);
    }

    #[test]
    fn a_quarter_of_a_day_is_a_block_where_nobody_comes_or_goes() {
        let at = |hours: f64| (hours * 3_600.0, hours * 3_600.0);
        check(
            &[at(0.5), at(5.9), at(6.1), at(17.9), at(18.0)],
            false,
            &[2, 1, 1, 1],
        );
    }

    #[test]
    fn a_block_moves_with_its_first_speaker_or_keeps_its_hour_of_the_week() {
        let mut profile = examples::profile();
        let block = super::examples::block(&[(700_000.0, 2), (700_010.0, 0)]);
        assert_eq!(profile.mover(&block), Some(Mover::Cohort(1)));
        for user in &mut profile.users {
            user.stays.retain(|stay| !stay.has_join && !stay.has_leave);
        }
        // 700,000 s are 4.4 quarters of a day into the second week.
        assert_eq!(profile.mover(&block), Some(Mover::Slot(4)));
    }
}
