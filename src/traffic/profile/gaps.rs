//! Gaps between the messages of an episode: their distribution, the episode's pace, and how neighbours resemble each other.

use crate::traffic::profile::distribution::GapTable;
use crate::traffic::profile::distribution::normal;
use crate::traffic::profile::parameter::Parameter;
use crate::traffic::profile::talk::EPISODE_GAP_SECS;

/// Classes of sizes by which gaps differ.
pub const GAP_CLASSES: usize = 5;

/// First sizes of the classes: 2 to 4 messages, 5 to 19, 20 to 59, 60 to 149, 150 and more. The larger a conversation, the quicker.
pub const GAP_CLASS_SIZES: [u32; GAP_CLASSES] = [2, 5, 20, 60, 150];

/// Gaps between the messages of an episode.
///
/// Each gap has a standard normal score: a part that the whole episode shares, its pace, and a part that resembles its
/// neighbour's. The table of the episode's class turns scores into seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Gaps {
    /// Seconds by the classes of [`GAP_CLASS_SIZES`].
    pub tables: [GapTable; GAP_CLASSES],
    /// Seconds between notices that follow each other.
    pub notices: GapTable,
    /// Share of the variance of scores that is the episode's pace, 0 to 1.
    pub pace_share: Parameter<f64>,
    /// Correlation of neighbouring scores once the pace is removed, -1 to 1.
    pub correlation: Parameter<f64>,
}

impl Gaps {
    /// Returns the next gap in seconds of an episode of `size` messages at the standard normal `pace`.
    ///
    /// `score` is the episode's own part of the score: it moves on with each gap, and starts as a standard normal draw.
    pub(crate) fn next_secs(&self, size: u32, pace: f64, score: &mut f64, draw: u64) -> f64 {
        let correlation = self.correlation.value();
        let pace_share = self.pace_share.value();
        *score = correlation * *score + libm::sqrt(1.0 - correlation * correlation) * normal(draw);
        let common = libm::sqrt(pace_share) * pace + libm::sqrt(1.0 - pace_share) * *score;
        let class = GAP_CLASS_SIZES.partition_point(|&first| first <= size);
        let table = self.tables.get(class.saturating_sub(1));
        table.map_or(f64::from(EPISODE_GAP_SECS), |table| table.at_score(common))
    }

    /// Returns the next gap in seconds between two notices.
    pub(crate) fn notice_secs(&self, draw: u64) -> f64 {
        self.notices.at_score(normal(draw))
    }
}
