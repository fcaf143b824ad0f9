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

/// Episodes by which a cell's mean size leans on the mean of all: one long conversation is no habit.
const LEAN_EPISODES: f64 = 5.0;

/// Weight of a cell's own hour; its neighbours share the rest.
const OWN_WEIGHT: f64 = 0.5;

/// Bisections by which mean sizes are brought to the message rate: more than the digits that are kept.
const BISECTIONS: u32 = 60;

/// Sums by cell.
type Cells = [f64; CELL_COUNT];

/// Returns the calendar of the episodes of `channel_count` channels.
///
/// Whatever is smoothed, the week as a whole has the window's rate of starts and of messages.
pub(crate) fn fit(
    window: &Window,
    outages: &Outages,
    episodes: &[Episode],
    channel_count: u32,
) -> Calendar {
    let mut starts = [0.0; CELL_COUNT];
    let mut messages = [0.0; CELL_COUNT];
    for episode in episodes {
        let first_secs = episode.at_secs.first().copied().unwrap_or(0.0);
        let index = calendar::cell_index(calendar::week_hour(window.week_secs(first_secs)));
        if let (Some(start), Some(message)) = (starts.get_mut(index), messages.get_mut(index)) {
            *start += 1.0;
            *message += number::real(episode.at_secs.len());
        }
    }
    let mut hours = [0.0; CELL_COUNT];
    for (week_hour, watched) in (0..).zip(watched_by_week_hour(window, outages)) {
        if let Some(cell) = hours.get_mut(calendar::cell_index(week_hour)) {
            *cell += watched * f64::from(channel_count);
        }
    }
    let start_count: f64 = starts.iter().sum();
    let message_count: f64 = messages.iter().sum();
    let hour_count: f64 = hours.iter().sum::<f64>().max(1e-9);
    let mean_size = message_count / start_count.max(1.0);
    let (starts, messages, hours) = (smoothed(&starts), smoothed(&messages), smoothed(&hours));
    let mut cells = [Cell::default(); CELL_COUNT];
    for (index, cell) in cells.iter_mut().enumerate() {
        let at = |cells: &Cells, index: usize| cells.get(index).copied().unwrap_or(0.0);
        let other = (index + 24) % CELL_COUNT;
        let both_hours = at(&hours, index) + at(&hours, other);
        let usual = (at(&starts, index) + at(&starts, other)) / both_hours.max(1e-9);
        cell.starts_per_hour =
            (at(&starts, index) + LEAN_HOURS * usual) / (at(&hours, index) + LEAN_HOURS);
        cell.mean_size = (at(&messages, index) + LEAN_EPISODES * mean_size)
            / (at(&starts, index) + LEAN_EPISODES);
    }
    let starts_per_hour = start_count / hour_count;
    let messages_per_hour = message_count / hour_count;
    Calendar::new(brought_to(&cells, starts_per_hour, messages_per_hour))
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
fn smoothed(cells: &Cells) -> Cells {
    let mut smooth = [0.0; CELL_COUNT];
    for (index, cell) in smooth.iter_mut().enumerate() {
        let day = index / 24 * 24;
        let at = |hour: usize| cells.get(day + hour % 24).copied().unwrap_or(0.0);
        let neighbours = at(index % 24 + 23) + at(index % 24 + 1);
        *cell = OWN_WEIGHT * at(index % 24) + (1.0 - OWN_WEIGHT) / 2.0 * neighbours;
    }
    smooth
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
        let calendar = fit(&window, &Outages::default(), &episodes, 1);
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
        let calendar = fit(&window, &Outages::default(), &episodes, 1);
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
        let one = fit(&window, &Outages::default(), &episodes, 1).mean_rate();
        let two = fit(&window, &Outages::default(), &episodes, 2).mean_rate();
        assert!((one / two - 2.0).abs() < 1e-3);
    }
}
