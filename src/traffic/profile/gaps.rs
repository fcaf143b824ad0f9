//! Gaps between the messages of an episode: their distribution, the episode's pace, and how neighbours resemble each other.

use crate::traffic::profile::distribution::GapTable;
use crate::traffic::profile::distribution::normal;
use crate::traffic::profile::distribution::normals;
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

/// How quick an episode is now: by its size, and in standard normal scores.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tempo {
    class: usize,
    pace: f64,
    drift: f64,
    own: f64,
}

impl Tempo {
    /// Returns the tempo at the start of an episode of `size` messages.
    pub(crate) fn draw(size: u32, draws: [u64; 3]) -> Self {
        let [pace, drift, own] = draws.map(normal);
        let classes_begun = GAP_CLASS_SIZES.partition_point(|&first| first <= size);
        Self {
            class: classes_begun.saturating_sub(1),
            pace,
            drift,
            own,
        }
    }
}

/// A score that resembles the one before it.
#[derive(Clone, Copy, Debug)]
struct Walk {
    /// Its correlation with the one before.
    kept: f64,
    /// The standard deviation of what is new.
    new: f64,
}

impl Walk {
    fn new(correlation: f64) -> Self {
        Self {
            kept: correlation,
            new: libm::sqrt(1.0 - correlation * correlation),
        }
    }

    fn step(self, score: f64, draw: f64) -> f64 {
        self.kept * score + self.new * draw
    }
}

/// How the parts of a score move and what each counts: roots of the shares of [`Gaps`], taken once and not at each message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blend {
    drift_walk: Walk,
    own_walk: Walk,
    pace: f64,
    drift: f64,
    own: f64,
}

impl Gaps {
    /// Returns how the parts of a score move and what each counts.
    pub(crate) fn blend(&self) -> Blend {
        let (pace, drift) = (self.pace_share.value(), self.drift_share.value());
        Blend {
            drift_walk: Walk::new(DRIFT_CORRELATION),
            own_walk: Walk::new(self.correlation.value()),
            pace: libm::sqrt(pace),
            drift: libm::sqrt(drift),
            own: libm::sqrt((1.0 - pace - drift).max(0.0)),
        }
    }

    /// Returns the next gap in seconds of an episode, whose tempo moves on; `blend` is that of these gaps.
    #[inline]
    pub(crate) fn next_secs(&self, blend: &Blend, tempo: &mut Tempo, draws: [u64; 2]) -> f64 {
        let [drift_draw, own_draw] = normals(draws);
        tempo.drift = blend.drift_walk.step(tempo.drift, drift_draw);
        tempo.own = blend.own_walk.step(tempo.own, own_draw);
        let score = blend.pace * tempo.pace + blend.drift * tempo.drift + blend.own * tempo.own;
        let table = self.tables.get(tempo.class);
        table.map_or(f64::from(EPISODE_GAP_SECS), |table| table.at_score(score))
    }

    /// Returns the next gap in seconds between two notices.
    pub(crate) fn notice_secs(&self, draw: u64) -> f64 {
        self.notices.at_score(normal(draw))
    }
}
