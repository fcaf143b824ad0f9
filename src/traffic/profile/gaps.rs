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
/// Each gap has a standard normal score: a part that the whole episode shares, its pace, one that drifts through it, and one that
/// resembles its neighbour's. The table of the episode's class turns scores into seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Gaps {
    /// Seconds by the classes of [`GAP_CLASS_SIZES`].
    pub tables: [GapTable; GAP_CLASSES],
    /// Seconds between notices that follow each other.
    pub notices: GapTable,
    /// Share of the variance of scores that is the episode's pace, 0 to 1.
    pub pace_share: Parameter<f64>,
    /// Share of it that drifts: that neighbours have in common, and gaps some dozens apart no longer, 0 to 1.
    pub drift_share: Parameter<f64>,
    /// Correlation of neighbouring scores once pace and drift are removed, -1 to 1.
    pub correlation: Parameter<f64>,
}

/// Correlation of the drift between neighbours: after ten gaps a third of it is left, as live channels have it.
pub const DRIFT_CORRELATION: f64 = 0.9;

/// How quick an episode is now, in standard normal scores.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tempo {
    pace: f64,
    drift: f64,
    own: f64,
}

impl Tempo {
    /// Returns the tempo at the start of an episode.
    pub(crate) fn draw(draws: [u64; 3]) -> Self {
        let [pace, drift, own] = draws.map(normal);
        Self { pace, drift, own }
    }
}

impl Gaps {
    /// Returns the next gap in seconds of an episode of `size` messages, whose tempo moves on.
    pub(crate) fn next_secs(&self, size: u32, tempo: &mut Tempo, draws: [u64; 2]) -> f64 {
        let [drift_draw, own_draw] = draws.map(normal);
        let moved = |score: f64, correlation: f64, draw: f64| {
            correlation * score + libm::sqrt(1.0 - correlation * correlation) * draw
        };
        tempo.drift = moved(tempo.drift, DRIFT_CORRELATION, drift_draw);
        tempo.own = moved(tempo.own, self.correlation.value(), own_draw);
        let (pace, drift) = (self.pace_share.value(), self.drift_share.value());
        let score = libm::sqrt(pace) * tempo.pace
            + libm::sqrt(drift) * tempo.drift
            + libm::sqrt((1.0 - pace - drift).max(0.0)) * tempo.own;
        let class = GAP_CLASS_SIZES.partition_point(|&first| first <= size);
        let table = self.tables.get(class.saturating_sub(1));
        table.map_or(f64::from(EPISODE_GAP_SECS), |table| table.at_score(score))
    }

    /// Returns the next gap in seconds between two notices.
    pub(crate) fn notice_secs(&self, draw: u64) -> f64 {
        self.notices.at_score(normal(draw))
    }
}
