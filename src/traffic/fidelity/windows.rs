//! Windows of a recording: stretches of one channel that a classifier is to tell apart.

use crate::traffic::fidelity::features;
use crate::traffic::fidelity::features::Features;
use crate::traffic::fidelity::span::Span;
use crate::traffic::fidelity::stream::Recording;
use crate::traffic::fidelity::stream::Row;
use crate::traffic::profile::WEEK_SECS;
use crate::traffic::profile::fit::Weeks;
use crate::traffic::profile::number;

/// Lengths a window may have, in seconds: all divide a day.
const LENGTHS_SECS: [u32; 6] = [300, 600, 1_200, 3_600, 10_800, 21_600];

/// Seconds of the window of a day.
pub(crate) const DAY_SECS: u32 = 86_400;

/// Fewest events of a window: in emptier ones even Poisson traffic passes.
const EVENTS_MIN: usize = 5;

/// Most events of the median window: fuller ones are fewer, and a classifier learns from numbers.
const MEDIAN_MAX: usize = 14;

/// Seconds of a block: windows of one are folded together, for they are alike.
const BLOCK_SECS: f64 = 2.0 * 86_400.0;

/// Blocks of a week, the last one half.
const BLOCKS_OF_WEEK: u32 = 4;

/// One window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Window {
    /// What a classifier is told of it.
    pub(crate) features: Features,
    /// The two days of its part's weeks in which it lies. Those of two parts have the same numbers and are folded
    /// together: else what is left of a slow swing to learn from would be all of the other part, and an AUC below .5.
    pub(crate) block: u32,
}

/// Returns the longest length in seconds at which the median window of live traffic holds few events, or the shortest.
pub(crate) fn length_secs(span: &Span, live: &Recording) -> u32 {
    let is_small = |&secs: &u32| {
        let mut counts = Vec::new();
        each(span, live, Weeks::All, secs, |rows, _| {
            counts.push(rows.len());
        });
        counts.sort_unstable();
        let median = counts.get(counts.len() / 2);
        median.is_some_and(|&median| median <= MEDIAN_MAX)
    };
    let longest = LENGTHS_SECS.into_iter().rev().find(is_small);
    longest.unwrap_or(LENGTHS_SECS[0])
}

/// Returns the windows of a part, `secs` long, that hold events enough and no outage.
pub(crate) fn of(span: &Span, recording: &Recording, part: Weeks, secs: u32) -> Vec<Window> {
    let mut windows = Vec::new();
    each(span, recording, part, secs, |rows, from| {
        windows.push(Window {
            features: features::of(rows, from, f64::from(secs)),
            block: span.ordinal_week(part, from) * BLOCKS_OF_WEEK
                + number::whole(libm::fmod(from, f64::from(WEEK_SECS)) / BLOCK_SECS),
        });
    });
    windows
}

/// Calls `take` with the rows and the start of each window.
fn each(
    span: &Span,
    recording: &Recording,
    part: Weeks,
    secs: u32,
    mut take: impl FnMut(&[Row], f64),
) {
    let length = f64::from(secs);
    let slot = |row: &Row| libm::floor(row.secs / length);
    for rows in &recording.channels {
        let same = |one: &Row, next: &Row| slot(one).total_cmp(&slot(next)).is_eq();
        for rows in rows.chunk_by(same).filter(|rows| rows.len() >= EVENTS_MIN) {
            let Some(from) = rows.first().map(|row| slot(row) * length) else {
                continue;
            };
            if span.holds(part, from) && span.away_secs(from, from + length) <= 0.0 {
                take(rows, from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::fidelity::span::tests::event;
    use crate::traffic::trace::event::Event;

    /// Returns four weeks of a channel with `per_hour` messages in each hour, evenly.
    fn steady(per_hour: u32) -> (Span, Recording) {
        let step_secs = 3_600.0 / f64::from(per_hour);
        let events: Vec<Event> = (0..28 * 24 * per_hour)
            .map(|number| event(f64::from(number) * step_secs, "message alder #oak"))
            .collect();
        let span = Span::of(&events, 1_000_000).unwrap();
        let recording = Recording::of(&span, &events, 1);
        (span, recording)
    }

    #[test]
    fn busier_channels_have_shorter_windows() {
        for (per_hour, want) in [(2, 21_600), (10, 3_600), (100, 300), (1_000, 300)] {
            let (span, recording) = steady(per_hour);
            assert_eq!(length_secs(&span, &recording), want, "{per_hour} an hour");
        }
    }

    #[test]
    fn windows_tile_their_part() {
        let (span, recording) = steady(10);
        let count = |part| of(&span, &recording, part, 3_600).len();
        assert_eq!(count(Weeks::All), 28 * 24);
        assert_eq!(count(Weeks::Odd), 14 * 24);
        let days = of(&span, &recording, Weeks::Even, DAY_SECS);
        assert_eq!(days.len(), 14);
        assert_eq!([days[0].block, days[6].block, days[7].block], [0, 3, 4]);
    }

    #[test]
    fn sparse_windows_are_left_out() {
        let (span, recording) = steady(4);
        assert!(of(&span, &recording, Weeks::All, 3_600).is_empty());
    }
}
