//! Fit of the calendar: starts and mean sizes of episodes by hour of a weekday and of a weekend day, smoothed.

use crate::traffic::profile::HOUR_SECS;
use crate::traffic::profile::WEEK_HOURS;
use crate::traffic::profile::calendar;
use crate::traffic::profile::calendar::CELL_COUNT;
use crate::traffic::profile::calendar::Calendar;
use crate::traffic::profile::calendar::Cell;
use crate::traffic::profile::fit::DIGITS;
use crate::traffic::profile::fit::episodes::Episode;
use crate::traffic::profile::fit::outages::Outages;
use crate::traffic::profile::fit::window::Window;
use crate::traffic::profile::number;

/// Hours by which a cell leans on the same hour of all days: a capture of some days knows no weekend.
const LEAN_HOURS: f64 = 8.0;

/// Share of a cell's starts that its two neighbours get: an hour has few of them.
const START_SMOOTHING: f64 = 0.5;

/// Share of a cell's messages that its two neighbours get: there are many more of them.
const MESSAGE_SMOOTHING: f64 = 0.1;

/// Hours after the start of an episode that are told apart; later ones count as the last.
pub(crate) const DELAY_HOURS: usize = 24;

/// Iterations by which messages are traced back to the starts of their episodes.
const ITERATIONS: u32 = 30;

/// Largest mean size of a cell, in mean sizes of all: one long conversation is no habit.
const SIZE_RATIO_MAX: f64 = 8.0;

/// Bisections by which mean sizes are brought to the message rate: more than the digits that are kept.
const BISECTIONS: u32 = 60;

/// Sums by cell.
type Cells = [f64; CELL_COUNT];

/// Returns the calendar of the episodes of `channel_count` channels.
///
/// Starts are where episodes start. Mean sizes are such that messages, which come hours after the start of a long
/// episode, lie where they were; and whatever is smoothed, the week as a whole has the window's rate of both.
pub(crate) fn fit(
    window: &Window,
    outages: &Outages,
    episodes: &[Episode],
    channel_count: u32,
    delays: &[f64; DELAY_HOURS],
) -> Calendar {
    let mut hours = [0.0; CELL_COUNT];
    for (week_hour, watched) in (0..).zip(watched_by_week_hour(window, outages)) {
        add(&mut hours, week_hour, watched * f64::from(channel_count));
    }
    let mut starts = [0.0; CELL_COUNT];
    let mut messages = [0.0; CELL_COUNT];
    for episode in episodes {
        for (position, &secs) in episode.at_secs.iter().enumerate() {
            let week_hour = calendar::week_hour(window.week_secs(secs));
            add(&mut messages, week_hour, 1.0);
            if position == 0 {
                add(&mut starts, week_hour, 1.0);
            }
        }
    }
    let start_count: f64 = starts.iter().sum();
    let message_count: f64 = messages.iter().sum();
    let hour_count: f64 = hours.iter().sum::<f64>().max(1e-9);
    let mean_size = message_count / start_count.max(1.0);
    let starts = rates(
        &smoothed(&starts, START_SMOOTHING),
        &smoothed(&hours, START_SMOOTHING),
    );
    let messages = rates(
        &smoothed(&messages, MESSAGE_SMOOTHING),
        &smoothed(&hours, MESSAGE_SMOOTHING),
    );
    let begun = begun(&messages, delays);
    let mut cells = [Cell::default(); CELL_COUNT];
    for (cell, (starts, begun)) in cells.iter_mut().zip(starts.iter().zip(begun)) {
        // An hour that never starts an episode could not begin any message either.
        cell.starts_per_hour = starts.max(begun / (mean_size * SIZE_RATIO_MAX));
        let ratio = begun / cell.starts_per_hour.max(1e-12) / mean_size;
        cell.mean_size = (mean_size * ratio.min(SIZE_RATIO_MAX)).max(1.0);
    }
    let starts_per_hour = start_count / hour_count;
    let messages_per_hour = message_count / hour_count;
    Calendar::new(brought_to(&cells, starts_per_hour, messages_per_hour))
}

/// Adds to the cell of an hour of the week.
fn add(cells: &mut Cells, week_hour: u32, amount: f64) {
    if let Some(cell) = cells.get_mut(calendar::cell_index(week_hour)) {
        *cell += amount;
    }
}

/// Returns counts per hour watched; a cell that was hardly watched has the rate of its hour on all days.
fn rates(counts: &Cells, hours: &Cells) -> Cells {
    std::array::from_fn(|index| {
        let at = |cells: &Cells, index: usize| cells.get(index).copied().unwrap_or(0.0);
        let other = (index + 24) % CELL_COUNT;
        let both_hours = at(hours, index) + at(hours, other);
        let usual = (at(counts, index) + at(counts, other)) / both_hours.max(1e-9);
        (at(counts, index) + LEAN_HOURS * usual) / (at(hours, index) + LEAN_HOURS)
    })
}

/// Returns the messages per hour of the episodes that start in each cell, from the messages per hour and the shares of
/// an episode's messages by hours since its start.
///
/// Richardson and Lucy's iteration: it keeps the sum and the sign, and stopped early it does not chase noise.
fn begun(messages: &Cells, delays: &[f64; DELAY_HOURS]) -> Cells {
    let at = |cells: &Cells, hour: u32| {
        cells
            .get(calendar::cell_index(hour))
            .copied()
            .unwrap_or(0.0)
    };
    let mut begun = *messages;
    for _ in 0..ITERATIONS {
        let mut gain = [0.0; CELL_COUNT];
        let mut weight = [0.0; CELL_COUNT];
        for hour in 0..WEEK_HOURS {
            let from = |delay: u32| (hour + 2 * WEEK_HOURS - delay) % WEEK_HOURS;
            let expected: f64 = (0..)
                .zip(delays)
                .map(|(delay, share)| share * at(&begun, from(delay)))
                .sum();
            let ratio = if expected > 0.0 {
                at(messages, hour) / expected
            } else {
                0.0
            };
            for (delay, share) in (0..).zip(delays) {
                add(&mut gain, from(delay), share * ratio);
                add(&mut weight, from(delay), *share);
            }
        }
        for (cell, (gain, weight)) in begun.iter_mut().zip(gain.iter().zip(weight)) {
            *cell *= gain / weight.max(1e-12);
        }
    }
    begun
}

/// Returns the hours of each hour of the week in which the logger was there.
pub(crate) fn watched_by_week_hour(
    window: &Window,
    outages: &Outages,
) -> [f64; WEEK_HOURS as usize] {
    let hour_secs = f64::from(HOUR_SECS);
    let mut watched = [0.0; WEEK_HOURS as usize];
    let length = f64::from(window.secs);
    let mut at = 0.0;
    while at < length {
        let week_secs = window.week_secs(at);
        let rest = hour_secs * (libm::floor(week_secs / hour_secs) + 1.0) - week_secs;
        let next = (at + rest.max(1e-3)).min(length);
        if let Some(hours) = watched.get_mut(calendar::week_hour(week_secs) as usize) {
            *hours += (next - at - outages.secs_within(at, next)) / hour_secs;
        }
        at = next;
    }
    watched
}

/// Returns cells that share with the hours before and after them, within the same kind of day.
fn smoothed(cells: &Cells, share: f64) -> Cells {
    std::array::from_fn(|index| {
        let day = index / 24 * 24;
        let at = |hour: usize| cells.get(day + hour % 24).copied().unwrap_or(0.0);
        (1.0 - share) * at(index % 24) + share / 2.0 * (at(index % 24 + 23) + at(index % 24 + 1))
    })
}

/// Returns cells scaled so that a week has these rates. No mean size is below one.
fn brought_to(
    cells: &[Cell; CELL_COUNT],
    starts_per_hour: f64,
    messages_per_hour: f64,
) -> [Cell; CELL_COUNT] {
    let mean_of = |value: &dyn Fn(Cell) -> f64| {
        let calendar = Calendar::new(*cells);
        let sum: f64 = (0..WEEK_HOURS).map(|hour| value(calendar.cell(hour))).sum();
        sum / f64::from(WEEK_HOURS)
    };
    let factor = starts_per_hour / mean_of(&|cell| cell.starts_per_hour).max(1e-12);
    let messages_at = |scale: f64| {
        mean_of(&|cell| factor * cell.starts_per_hour * (scale * cell.mean_size).max(1.0))
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..BISECTIONS {
        if messages_at(high) >= messages_per_hour {
            break;
        }
        high *= 2.0;
    }
    for _ in 0..BISECTIONS {
        let middle = low / 2.0 + high / 2.0;
        if messages_at(middle) < messages_per_hour {
            low = middle;
        } else {
            high = middle;
        }
    }
    cells.map(|cell| Cell {
        starts_per_hour: number::rounded(factor * cell.starts_per_hour, DIGITS),
        mean_size: number::rounded((high * cell.mean_size).max(1.0), DIGITS),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::profile::fit::examples;

    /// Delays of episodes that end in the hour in which they start.
    const AT_ONCE: [f64; DELAY_HOURS] = {
        let mut delays = [0.0; DELAY_HOURS];
        delays[0] = 1.0;
        delays
    };

    /// Returns the window of four weeks and episodes of three messages at 20:05 of each weekday, of one on Sundays.
    fn evenings() -> (Window, Vec<Episode>) {
        let events = examples::events(&[
            (0.0, "join", "alder", "", ""),
            (28.0 * 86_400.0 - 1.0, "join", "alder", "", ""),
        ]);
        let window = Window::of(&examples::meta(), &events).unwrap();
        let episode = |day: u32, size: u32| Episode {
            at_secs: (0..size)
                .map(|n| f64::from(day * 86_400 + 72_300 + n))
                .collect(),
            ..Episode::default()
        };
        let days = (0..28).filter(|day| day % 7 != 5);
        (
            window,
            days.map(|day| episode(day, if day % 7 == 6 { 1 } else { 3 }))
                .collect(),
        )
    }

    #[test]
    fn a_week_has_the_rates_of_the_window() {
        let (window, episodes) = evenings();
        let calendar = fit(&window, &Outages::default(), &episodes, 1, &AT_ONCE);
        let want = (20.0 * 3.0 + 4.0) / (28.0 * 86_400.0);
        assert!(
            (calendar.mean_rate() / want - 1.0).abs() < 1e-4,
            "{}",
            calendar.mean_rate()
        );
    }

    #[test]
    fn talk_stands_at_its_hour_and_its_kind_of_day() {
        let (window, episodes) = evenings();
        let calendar = fit(&window, &Outages::default(), &episodes, 1, &AT_ONCE);
        let (evening, morning, sunday) = (
            calendar.cell(20),
            calendar.cell(8),
            calendar.cell(6 * 24 + 20),
        );
        assert!(evening.starts_per_hour > 0.3, "{evening:?}");
        assert!(morning.starts_per_hour < 1e-9, "{morning:?}");
        assert!(
            sunday.starts_per_hour < evening.starts_per_hour,
            "{sunday:?}"
        );
        assert!(sunday.mean_size < evening.mean_size, "{sunday:?}");
    }

    #[test]
    fn two_channels_talk_half_as_much_each() {
        let (window, episodes) = evenings();
        let one = fit(&window, &Outages::default(), &episodes, 1, &AT_ONCE).mean_rate();
        let two = fit(&window, &Outages::default(), &episodes, 2, &AT_ONCE).mean_rate();
        assert!((one / two - 2.0).abs() < 1e-3);
    }

    #[test]
    fn messages_of_long_episodes_are_traced_back_to_their_start() {
        let mut delays = [0.0; DELAY_HOURS];
        delays[..3].copy_from_slice(&[0.5, 0.3, 0.2]);
        let mut messages = [0.0; CELL_COUNT];
        for day in [0, 24] {
            messages[day + 18..day + 21].copy_from_slice(&[5.0, 3.0, 2.0]);
        }
        let begun = begun(&messages, &delays);
        assert!((begun[18] / 10.0 - 1.0).abs() < 0.05, "{}", begun[18]);
        assert!(begun[19] < 0.5 && begun[17] < 0.5, "{begun:?}");
    }
}
