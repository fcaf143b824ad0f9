//! Lines that were missing from a playback and came when it was read again: gaps of a cache, and how long they lasted.

use std::collections::BTreeMap;
use std::time::Duration;

/// Most lengths that are told apart, each a second: a run that reads again and again has few.
const LENGTHS_MAX: usize = 4_096;

/// How long lines were missing that came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Healed {
    /// Lines by whole seconds.
    by_secs: BTreeMap<u64, u64>,
}

impl Healed {
    /// Counts a line.
    pub fn add(&mut self, after: Duration) {
        let is_full = self.by_secs.len() >= LENGTHS_MAX;
        let known = self.by_secs.range(after.as_secs()..).next();
        let secs = match known {
            Some((&secs, _)) if is_full => secs,
            _ => after.as_secs(),
        };
        *self.by_secs.entry(secs).or_default() += 1;
    }

    /// Returns lines by whole seconds for which they were missing, the shortest first.
    pub fn rows(&self) -> impl Iterator<Item = (Duration, u64)> {
        let rows = self.by_secs.iter();
        rows.map(|(&secs, &lines)| (Duration::from_secs(secs), lines))
    }
}
