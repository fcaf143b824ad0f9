//! Who speaks next, by who spoke before: the places of the last six speakers, and the odds of each.

use crate::traffic::profile::distribution::uniform;

/// Places that are remembered; the last of [`Recency::odds`] stands for everybody else.
pub const PLACES: usize = 6;

/// Bounds of the gap before a message by which the odds differ, in seconds.
pub const BUCKET_SECS: [f64; 4] = [10.0, 60.0, 600.0, 7_200.0];

/// Buckets of gaps.
pub const BUCKETS: usize = BUCKET_SECS.len() + 1;

/// Classes of how many have spoken in the episode: nobody yet, one, two, more.
pub const COMPANIES: usize = 4;

/// The odds of each place, and of somebody else.
pub type PlaceOdds = [f64; PLACES + 1];

/// The odds by bucket of the gap, by how many have spoken in the episode, and by the place which the message before came from.
pub type OddsTable = [[[PlaceOdds; PLACES + 1]; COMPANIES]; BUCKETS];

/// What the odds of the next speaker depend on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Situation {
    /// The gap since the last message, in seconds.
    pub gap_secs: f64,
    /// How many have spoken in the episode so far.
    pub company: usize,
    /// The place which the message before came from.
    pub place_before: usize,
}

impl Situation {
    /// Returns the row of the odds for this situation.
    pub(crate) fn row(self, odds: &OddsTable) -> Option<&PlaceOdds> {
        let companies = odds.get(bucket(self.gap_secs))?;
        companies
            .get(self.company.min(COMPANIES - 1))?
            .get(self.place_before)
    }

    /// Returns the row of the odds for this situation.
    pub(crate) fn row_mut(self, odds: &mut OddsTable) -> Option<&mut PlaceOdds> {
        let companies = odds.get_mut(bucket(self.gap_secs))?;
        companies
            .get_mut(self.company.min(COMPANIES - 1))?
            .get_mut(self.place_before)
    }
}

/// Who speaks next: place 0 is the last speaker, place 1 the last other one, and so on.
#[derive(Clone, Debug, PartialEq)]
pub struct Recency {
    /// The probabilities.
    pub odds: OddsTable,
}

impl Recency {
    /// Returns the place at `draw`; [`PLACES`] for somebody else.
    ///
    /// `factor` tells how many times as readily as others whoever has a place speaks: not at all if they are gone.
    #[inline]
    pub fn draw(&self, situation: Situation, factor: impl Fn(usize) -> f64, draw: u64) -> usize {
        let Some(odds) = situation.row(&self.odds) else {
            return PLACES;
        };
        let mut sum = 0.0;
        let sums: PlaceOdds = std::array::from_fn(|place| {
            let factor = if place == PLACES { 1.0 } else { factor(place) };
            sum += odds.get(place).copied().unwrap_or(0.0) * factor;
            sum
        });
        let level = uniform(draw) * sum;
        // Counted to the end: no processor foresees where a search would stop.
        let passed = sums.iter().filter(|&&sum| sum <= level).count();
        passed.min(PLACES)
    }
}

/// Returns the bucket of a gap.
pub(crate) fn bucket(gap_secs: f64) -> usize {
    BUCKET_SECS.partition_point(|&bound| bound < gap_secs)
}

/// Who has a place that nobody has.
const NOBODY: u32 = u32::MAX;

/// The last speakers, the latest first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastSpeakers {
    /// Each once; [`NOBODY`] at the end while fewer have spoken.
    members: [u32; PLACES],
}

impl LastSpeakers {
    pub(crate) const NONE: Self = Self {
        members: [NOBODY; PLACES],
    };

    /// Returns who has a place.
    pub(crate) fn at(&self, place: usize) -> Option<u32> {
        let member = self.members.get(place).copied();
        member.filter(|&member| member != NOBODY)
    }

    /// Returns the place of somebody; [`PLACES`] for one who has none.
    pub(crate) fn place(&self, member: u32) -> usize {
        // Looked at to the end: no processor foresees where a search would stop.
        let places = (0..PLACES).zip(&self.members).rev();
        places.fold(
            PLACES,
            |found, (place, &other)| {
                if other == member { place } else { found }
            },
        )
    }

    /// Notes that somebody spoke, who moves to the first place; returns the place they had.
    pub(crate) fn spoke(&mut self, member: u32) -> usize {
        let before = self.place(member);
        let mut moved = member;
        for (place, member) in self.members.iter_mut().enumerate() {
            if place <= before {
                std::mem::swap(member, &mut moved);
            }
        }
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_speaker_has_the_first_place() {
        let mut last = LastSpeakers::NONE;
        for member in [7, 8, 7, 9] {
            last.spoke(member);
        }
        assert_eq!(
            [0, 1, 2, 3].map(|place| last.at(place)),
            [Some(9), Some(7), Some(8), None]
        );
        assert_eq!((last.place(8), last.place(1)), (2, PLACES));
        for member in 10..16 {
            last.spoke(member);
        }
        assert_eq!((last.at(5), last.place(9)), (Some(10), PLACES));
    }

    #[test]
    fn gaps_have_buckets() {
        assert_eq!([1.0, 10.0, 11.0, 601.0, 1e9].map(bucket), [0, 0, 1, 3, 4]);
    }
}
