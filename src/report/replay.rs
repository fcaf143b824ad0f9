//! What was played of a trace, as results tell it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::gate::figure;
use crate::report::result::Summary;

/// What was played of a trace, and how faithfully.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// When the clip begins in the trace, in UTC.
    pub from: String,
    /// When it ends there.
    pub to: String,
    /// How much faster than it was it was played; other than 1 is stress.
    pub speed: f64,
    /// How often it was played.
    pub loops: u32,
    /// JOINs that no event tells of: of those who were there at the start, or were seen to act without one.
    pub synthetic_joins: u64,
    /// Events by kind; only kinds that occurred.
    pub events: BTreeMap<String, ReplayEvents>,
    /// Sent − intended, of every event sent.
    pub lateness: Summary,
}

impl Replay {
    /// Returns what was played, for people.
    pub fn clip_text(&self) -> String {
        let stress = if (self.speed - 1.0).abs() > f64::EPSILON {
            format!(" · stress at {} times its speed", self.speed)
        } else {
            String::new()
        };
        let loops = if self.loops > 1 {
            format!(" · {} times", figure::count(self.loops.into()))
        } else {
            String::new()
        };
        format!(
            "{} to {}{stress}{loops} · {} synthetic JOINs",
            self.from,
            self.to,
            figure::count(self.synthetic_joins)
        )
    }

    /// Returns how late events were sent, for people.
    pub fn lateness_text(&self) -> String {
        format!(
            "p50 {} · p99 {} · max {}",
            figure::duration(self.lateness.p50),
            figure::duration(self.lateness.p99),
            figure::duration(self.lateness.max)
        )
    }
}

/// What became of a clip's events of one kind. Without the run's early end, `clip` is `planned` and what is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayEvents {
    /// Events in the clip, each repetition counted.
    pub clip: u64,
    /// Those that can be played.
    pub planned: u64,
    /// Those that were sent.
    pub sent: u64,
    /// Those that can't be played, by reason.
    pub left_out: BTreeMap<String, u64>,
}
