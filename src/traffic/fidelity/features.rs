//! What a classifier is told of a window of one channel: 22 features of traffic, and 8 about who is who.

use std::collections::BTreeMap;

use crate::traffic::fidelity::stream::Row;
use crate::traffic::profile::number;
use crate::traffic::trace::event::EventKind;

/// How many features there are: [`NAMES`] names them.
pub const FEATURE_COUNT: usize = 30;

/// How many of them are of traffic alone: set A. Set X is all.
pub const TRAFFIC_COUNT: usize = 22;

/// The features, in order.
pub const NAMES: [&str; FEATURE_COUNT] = [
    "messages",
    "actions",
    "notices",
    "joins",
    "parts",
    "quits",
    "nick changes",
    "mode changes",
    "kicks, topics, other",
    "speakers",
    "users",
    "burstiness",
    "log gap, median",
    "log gap, spread",
    "log gap, longest",
    "gaps under 5 s, share",
    "log length, mean",
    "log length, spread",
    "log length, longest",
    "same speaker again, share",
    "speakers taking turns, share",
    "top speaker, share",
    "users seen within a day, share",
    "absent speakers, share",
    "log join to speak, median",
    "joins near another's, share",
    "rejoins within 10 min, share",
    "log stay of leavers, mean",
    "log presence over usual",
    "speakers new this week, share",
];

/// What stands for a value that a window has not: no gap, no length, no join.
const NONE: f64 = -9.0;

/// Bins of a window in which its burstiness is counted.
const BIN_COUNT: usize = 60;

/// Shortest gap of which a logarithm is taken, in seconds: half a tick of a one-second clock has no meaning.
const GAP_SECS_MIN: f64 = 0.05;

/// Gaps below this many seconds are quick.
const QUICK_SECS: f64 = 5.0;

/// The features of one window.
pub(crate) type Features = [f32; FEATURE_COUNT];

/// Returns whether a value stands for one that a window has not.
pub(crate) fn is_none(value: f64) -> bool {
    value <= NONE
}

/// Returns the features of the rows of a window of one channel, which starts at `from` and is `secs` long.
pub(crate) fn of(rows: &[Row], from: f64, secs: f64) -> Features {
    let count = |wanted: &dyn Fn(&Row) -> bool| {
        number::real(rows.iter().filter(|&row| wanted(row)).count())
    };
    let of_kind = |kind: EventKind| count(&|row: &Row| row.kind == kind);
    let talk: Vec<&Row> = rows.iter().filter(|row| row.kind.is_talk()).collect();
    let joins = of_kind(EventKind::Join);
    let mut users: BTreeMap<u32, &Row> = BTreeMap::new();
    for row in rows {
        users.entry(row.user).or_insert(row);
    }
    let mut speakers: BTreeMap<u32, (&Row, f64)> = BTreeMap::new();
    for &row in &talk {
        speakers.entry(row.user).or_insert((row, 0.0)).1 += 1.0;
    }
    let speaker_count = number::real(speakers.len());
    let top = speakers.values().map(|&(_, said)| said).fold(0.0, f64::max);
    let new_speakers = speakers.values().filter(|(row, _)| row.is_new_speaker);
    let seen_users = users.values().filter(|row| row.is_seen);
    let mut gaps: Vec<f64> = rows
        .iter()
        .zip(rows.iter().skip(1))
        .map(|(one, next)| next.secs - one.secs)
        .collect();
    let quick = number::real(gaps.iter().filter(|&&gap| gap < QUICK_SECS).count());
    for gap in &mut gaps {
        *gap = libm::log(gap.max(GAP_SECS_MIN));
    }
    gaps.sort_by(f64::total_cmp);
    let gap_count = number::real(gaps.len());
    let mut lengths: Vec<f64> = talk
        .iter()
        .map(|row| libm::log(f64::from(row.bytes) + 1.0))
        .collect();
    lengths.sort_by(f64::total_cmp);
    let mut delays = logs(rows.iter().filter_map(|row| row.spoke_after_secs));
    delays.sort_by(f64::total_cmp);
    let stays = logs(rows.iter().filter_map(|row| row.stay_secs));
    let spoken_count = number::real(talk.len());
    let values = [
        of_kind(EventKind::Message),
        of_kind(EventKind::Action),
        of_kind(EventKind::Notice),
        joins,
        of_kind(EventKind::Part),
        of_kind(EventKind::Quit),
        of_kind(EventKind::Nick),
        of_kind(EventKind::Mode),
        count(&|row| {
            matches!(
                row.kind,
                EventKind::Kick | EventKind::Topic | EventKind::Other
            )
        }),
        speaker_count,
        number::real(users.len()),
        burstiness(rows, from, secs),
        median(&gaps),
        spread(&gaps),
        gaps.last().copied().unwrap_or(NONE),
        share(quick, gap_count),
        mean(&lengths),
        spread(&lengths),
        lengths.last().copied().unwrap_or(NONE),
        again(&talk, 1),
        again(&talk, 2),
        share(top, spoken_count),
        share(number::real(seen_users.count()), number::real(users.len())),
        share(count(&|row| row.is_absent), spoken_count),
        median(&delays),
        share(count(&|row| row.is_co_join), joins),
        share(count(&|row| row.is_rejoin), joins),
        mean(&stays),
        rows.last().map_or(NONE, |row| row.ln_presence),
        share(number::real(new_speakers.count()), speaker_count),
    ];
    values.map(narrow)
}

/// Returns a value as the classifier takes it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a classifier compares; six digits are plenty"
)]
pub(crate) fn narrow(value: f64) -> f32 {
    value as f32
}

/// Returns the logarithms of times.
fn logs(times: impl Iterator<Item = f64>) -> Vec<f64> {
    times
        .map(|secs| libm::log(secs.max(GAP_SECS_MIN)))
        .collect()
}

/// Returns the share of talk whose speaker said the `back`-th message before it: the same speaker again if one; if two,
/// somebody else having spoken between.
fn again(talk: &[&Row], back: usize) -> f64 {
    let is_again = |place: usize| {
        let user = |place: usize| talk.get(place).map(|row| row.user);
        user(place) == user(place - back) && (back == 1 || user(place) != user(place - 1))
    };
    let count = (back..talk.len()).filter(|&place| is_again(place)).count();
    share(
        number::real(count),
        number::real(talk.len().saturating_sub(back)),
    )
}

/// Returns variance over mean of the counts in sixty bins of a window.
fn burstiness(rows: &[Row], from: f64, secs: f64) -> f64 {
    let mut bins = [0.0; BIN_COUNT];
    let bin_count = number::real(BIN_COUNT);
    for row in rows {
        let bin = number::index_below((row.secs - from) / secs * bin_count, BIN_COUNT);
        if let Some(count) = bins.get_mut(bin) {
            *count += 1.0;
        }
    }
    let mean = bins.iter().sum::<f64>() / bin_count;
    let square = bins.iter().map(|count| count * count).sum::<f64>() / bin_count;
    share(square - mean * mean, mean)
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { NONE }
}

fn mean(values: &[f64]) -> f64 {
    share(values.iter().sum(), number::real(values.len()))
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.get(sorted.len() / 2);
    middle.copied().unwrap_or(NONE)
}

fn spread(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return NONE;
    }
    let middle = mean(values);
    let squares = values
        .iter()
        .map(|value| (value - middle) * (value - middle));
    libm::sqrt(squares.sum::<f64>() / number::real(values.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::fidelity::span::Span;
    use crate::traffic::fidelity::span::tests::event;
    use crate::traffic::fidelity::stream::Recording;
    use crate::traffic::trace::event::Event;

    /// Returns the value of that name for a window of 600 s from events of (seconds, words).
    #[track_caller]
    fn check(rows: &[(f64, &str)], want: &[(&str, f64)]) {
        let events: Vec<Event> = rows
            .iter()
            .map(|&(secs, words)| event(secs, words))
            .collect();
        let mut span = Span::of(&events, 1).unwrap();
        span.start_us = 0;
        let recording = Recording::of(&span, &events, 1);
        let features = of(&recording.channels[0], 0.0, 600.0);
        for &(name, want) in want {
            let place = NAMES.iter().position(|&known| known == name).unwrap();
            let found = f64::from(features[place]);
            assert!((found - want).abs() < 1e-4, "{name}: {found} {want}");
        }
    }

    #[test]
    fn a_window_is_counted() {
        check(
            &[
                (0.0, "join alder #oak"),
                (10.0, "join birch #oak"),
                (20.0, "message alder #oak"),
                (21.0, "message birch #oak"),
                (30.0, "message alder #oak"),
                (40.0, "message alder #oak"),
                (100.0, "quit birch #oak"),
            ],
            &[
                ("messages", 4.0),
                ("joins", 2.0),
                ("speakers", 2.0),
                ("users", 2.0),
                ("log gap, median", 10.0_f64.ln()),
                ("gaps under 5 s, share", 1.0 / 6.0),
                ("log length, mean", 21.0_f64.ln()),
                ("log length, spread", 0.0),
                ("same speaker again, share", 1.0 / 3.0),
                ("speakers taking turns, share", 0.5),
                ("top speaker, share", 0.75),
                ("joins near another's, share", 1.0),
                ("log stay of leavers, mean", 90.0_f64.ln()),
                ("speakers new this week, share", 1.0),
                ("log join to speak, median", 20.0_f64.ln()),
                // Bins of ten seconds hold 1, 1, 2, 1, 1 and 1 events: mean 7/60, mean square 9/60.
                ("burstiness", (9.0 / 60.0 - 49.0 / 3600.0) / (7.0 / 60.0)),
            ],
        );
    }

    #[test]
    fn what_a_window_has_not_is_marked() {
        check(
            &[(0.0, "join alder #oak")],
            &[
                ("messages", 0.0),
                ("log gap, median", NONE),
                ("log length, mean", NONE),
                ("top speaker, share", NONE),
                ("joins near another's, share", 0.0),
            ],
        );
    }
}
