//! Fit of when talk starts in a silent channel: by the hour, and because it started before.

use crate::traffic::profile::HOUR_SECS;
use crate::traffic::profile::calendar;
use crate::traffic::profile::calendar::CELL_COUNT;
use crate::traffic::profile::calendar::Calendar;
use crate::traffic::profile::calendar::Cell;
use crate::traffic::profile::fit::DIGITS;
use crate::traffic::profile::fit::heard::Heard;
use crate::traffic::profile::fit::window::Window;
use crate::traffic::profile::number;
use crate::traffic::profile::talk::EXCITATION_SECS;

/// Hours of silence by which a cell leans on the same hour of all days: a capture of some days knows no weekend.
const LEAN_HOURS: f64 = 8.0;

/// Share of a cell's starts that its two neighbours get: an hour has few of them.
const SMOOTHING: f64 = 0.5;

/// Starts by which the mean size of a cell leans on that of all: one long conversation is no habit.
const LEAN_STARTS: f64 = 20.0;

/// Largest mean size of a cell, in mean sizes of all.
const SIZE_RATIO_MAX: f64 = 8.0;

/// Iterations of expectation and maximisation; more change the shares by less than their noise.
const ITERATIONS: u32 = 40;

/// Largest sum of the shares. It may be above one, for what falls on talk is lost; but no channel excites itself without end.
const EXCITATION_MAX: f64 = 8.0;

/// Sums by cell.
type Cells = [f64; CELL_COUNT];

/// A start that no coming explains: its cell, and what past starts add to its likelihood for a share of one each.
struct Start {
    cell: usize,
    excited: [f64; 3],
}

/// Returns the calendar of the channels, and how much each start excites others.
pub(crate) fn fit(window: &Window, heard: &[&Heard]) -> (Calendar, [f64; 3]) {
    let mut hours = [0.0; CELL_COUNT];
    let mut starts: Vec<Start> = Vec::new();
    let mut masses = [0.0; 3];
    for heard in heard {
        silent_hours(window, heard, &mut hours);
        follow(window, heard, &mut starts, &mut masses);
    }
    let hours = smoothed(&hours);
    let mut shares = [0.1; 3];
    let mut rates = [0.0; CELL_COUNT];
    for start in &starts {
        add(&mut rates, start.cell, 1.0);
    }
    rates = per_hour(&rates, &hours);
    for _ in 0..ITERATIONS {
        let mut by_calendar = [0.0; CELL_COUNT];
        let mut by_start = [0.0; 3];
        for start in &starts {
            let calendar = rates.get(start.cell).copied().unwrap_or(0.0) / f64::from(HOUR_SECS);
            let excited: [f64; 3] =
                std::array::from_fn(|index| at(&shares, index) * at(&start.excited, index));
            let total = (calendar + excited.iter().sum::<f64>()).max(1e-30);
            add(&mut by_calendar, start.cell, calendar / total);
            for (sum, excited) in by_start.iter_mut().zip(excited) {
                *sum += excited / total;
            }
        }
        rates = per_hour(&by_calendar, &hours);
        shares = std::array::from_fn(|index| at(&by_start, index) / at(&masses, index).max(1e-9));
        let sum: f64 = shares.iter().sum();
        if sum > EXCITATION_MAX {
            shares = shares.map(|share| share * EXCITATION_MAX / sum);
        }
    }
    let cells = cells(window, heard, &rates);
    (
        Calendar::new(cells),
        shares.map(|share| number::rounded(share, DIGITS)),
    )
}

fn at(values: &[f64], index: usize) -> f64 {
    values.get(index).copied().unwrap_or(0.0)
}

fn add(cells: &mut [f64], cell: usize, amount: f64) {
    if let Some(sum) = cells.get_mut(cell) {
        *sum += amount;
    }
}

fn cell_at(window: &Window, secs: f64) -> usize {
    calendar::cell_index(calendar::week_hour(window.week_secs(secs)))
}

/// Adds the hours of silence to the cells in which they lie.
fn silent_hours(window: &Window, heard: &Heard, hours: &mut Cells) {
    let hour_secs = f64::from(HOUR_SECS);
    for silence in &heard.silences {
        let mut from = silence.from_secs;
        while from < silence.to_secs {
            let week_secs = window.week_secs(from);
            let rest = hour_secs * (libm::floor(week_secs / hour_secs) + 1.0) - week_secs;
            let to = (from + rest.max(1e-3)).min(silence.to_secs);
            add(hours, cell_at(window, from), (to - from) / hour_secs);
            from = to;
        }
    }
}

/// Follows the excitation through a channel: what it adds at each start, and how much of it fell on silence.
fn follow(window: &Window, heard: &Heard, starts: &mut Vec<Start>, masses: &mut [f64; 3]) {
    let mut excited = [0.0; 3];
    let mut now = f64::NEG_INFINITY;
    let pass = |excited: &mut [f64; 3], now: &mut f64, secs: f64| {
        for (excited, decay) in excited.iter_mut().zip(EXCITATION_SECS) {
            *excited *= libm::exp(-(secs - *now).max(0.0) / decay);
        }
        *now = now.max(secs);
    };
    let mut silences = heard.silences.iter().peekable();
    for index in 0..=heard.episodes.len() {
        while let Some(silence) = silences.next_if(|silence| silence.episodes_before <= index) {
            pass(&mut excited, &mut now, silence.from_secs);
            let lasts = silence.to_secs - silence.from_secs;
            for ((mass, excited), decay) in masses.iter_mut().zip(excited).zip(EXCITATION_SECS) {
                *mass += excited * decay * (1.0 - libm::exp(-lasts / decay));
            }
        }
        let Some(episode) = heard.episodes.get(index) else {
            return;
        };
        pass(&mut excited, &mut now, episode.starts());
        if episode.triggered_after.is_none() {
            starts.push(Start {
                cell: cell_at(window, episode.starts()),
                excited,
            });
        }
        for (excited, decay) in excited.iter_mut().zip(EXCITATION_SECS) {
            *excited += 1.0 / decay;
        }
    }
}

/// Returns counts per hour; a cell that was hardly silent has the rate of its hour on all days.
fn per_hour(counts: &Cells, hours: &Cells) -> Cells {
    let counts = smoothed(counts);
    std::array::from_fn(|index| {
        let other = (index + 24) % CELL_COUNT;
        let both_hours = at(hours, index) + at(hours, other);
        let usual = (at(&counts, index) + at(&counts, other)) / both_hours.max(1e-9);
        (at(&counts, index) + LEAN_HOURS * usual) / (at(hours, index) + LEAN_HOURS)
    })
}

/// Returns cells that share with the hours before and after them, within the same kind of day.
fn smoothed(cells: &Cells) -> Cells {
    std::array::from_fn(|index| {
        let day = index / 24 * 24;
        let at = |hour: usize| at(cells, day + hour % 24);
        (1.0 - SMOOTHING) * at(index % 24)
            + SMOOTHING / 2.0 * (at(index % 24 + 23) + at(index % 24 + 1))
    })
}

/// Returns the cells of these rates, with the mean sizes of the episodes that no coming explains.
fn cells(window: &Window, heard: &[&Heard], rates: &Cells) -> [Cell; CELL_COUNT] {
    let mut counts = [0.0; CELL_COUNT];
    let mut messages = [0.0; CELL_COUNT];
    let episodes = heard.iter().flat_map(|heard| &heard.episodes);
    for episode in episodes.filter(|episode| episode.triggered_after.is_none()) {
        let cell = cell_at(window, episode.starts());
        add(&mut counts, cell, 1.0);
        add(&mut messages, cell, number::real(episode.at_secs.len()));
    }
    let (count, message_count): (f64, f64) = (counts.iter().sum(), messages.iter().sum());
    let mean = message_count / count.max(1.0);
    let (smooth_counts, smooth_messages) = (smoothed(&counts), smoothed(&messages));
    let ratios: Cells = std::array::from_fn(|index| {
        let leaning = (at(&smooth_messages, index) + LEAN_STARTS * mean)
            / (at(&smooth_counts, index) + LEAN_STARTS);
        (leaning / mean.max(1.0)).min(SIZE_RATIO_MAX)
    });
    let weighed: f64 = ratios
        .iter()
        .zip(&counts)
        .map(|(ratio, count)| ratio * count)
        .sum();
    let level = if weighed > 0.0 { count / weighed } else { 1.0 };
    std::array::from_fn(|index| Cell {
        starts_per_hour: number::rounded(at(rates, index), DIGITS),
        mean_size: number::rounded((mean * at(&ratios, index) * level).max(1.0), DIGITS),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::profile::fit::Weeks;
    use crate::traffic::profile::fit::episodes::Episode;
    use crate::traffic::profile::fit::examples;
    use crate::traffic::profile::fit::heard::Silence;

    /// Returns what is heard in a channel of these episodes.
    fn heard(episodes: Vec<Episode>) -> Heard {
        let mut silences = Vec::new();
        let mut from_secs = 0.0;
        for (index, episode) in episodes.iter().enumerate() {
            silences.push(Silence {
                from_secs,
                to_secs: episode.starts(),
                episodes_before: index,
            });
            from_secs = episode.ends() + 600.0;
        }
        silences.push(Silence {
            from_secs,
            to_secs: 28.0 * 86_400.0,
            episodes_before: episodes.len(),
        });
        Heard {
            episodes,
            silences,
            turns: Vec::new(),
        }
    }

    /// Returns the window of four weeks and episodes of three messages at 20:05 of each weekday, of one on Sundays.
    fn evenings() -> (Window, Heard) {
        let events = examples::events(&[
            (0.0, "join", "alder", "", ""),
            (28.0 * 86_400.0 - 1.0, "join", "alder", "", ""),
        ]);
        let window = Window::of(&examples::meta(), &events, Weeks::All).unwrap();
        let episode = |day: u32, size: u32| Episode {
            at_secs: (0..size)
                .map(|n| f64::from(day * 86_400 + 72_300 + n))
                .collect(),
            ..Episode::default()
        };
        let days = (0..28).filter(|day| day % 7 != 5);
        let episodes: Vec<Episode> = days
            .map(|day| episode(day, if day % 7 == 6 { 1 } else { 3 }))
            .collect();
        (window, heard(episodes))
    }

    #[test]
    fn talk_starts_at_its_hour_and_its_kind_of_day() {
        let (window, heard) = evenings();
        let (calendar, shares) = fit(&window, &[&heard]);
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
        assert!(shares.iter().sum::<f64>() < 0.05, "{shares:?}");
    }

    #[test]
    fn starts_that_follow_starts_are_put_down_to_them() {
        // Starts come in fives, then for hours not at all, at moments that no calendar knows.
        let (window, _) = evenings();
        let moments = (0..60)
            .flat_map(|n| (0..5).map(move |k| f64::from(n) * 40_300.0 + f64::from(k) * 800.0));
        let episodes: Vec<Episode> = moments
            .map(|secs| Episode {
                at_secs: vec![secs],
                ..Episode::default()
            })
            .collect();
        let heard = heard(episodes);
        let (_, shares) = fit(&window, &[&heard]);
        assert!(shares.iter().sum::<f64>() > 0.3, "{shares:?}");
    }
}
