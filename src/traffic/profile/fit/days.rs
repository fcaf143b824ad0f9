//! Calibration of a talk: how often it starts, and how busy and quiet days differ, such that samples have the messages and the
//! days of the capture.
//!
//! Starts excite starts, a day's factor falls on both, and only silence lets talk start: no formula leads from the parameters
//! to what comes out. So they are moved, step by step, until what comes out is right.

use rand::Rng;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::traffic::profile::DAY_SECS;
use crate::traffic::profile::Profile;
use crate::traffic::profile::calendar;
use crate::traffic::profile::calendar::CELL_COUNT;
use crate::traffic::profile::calendar::Calendar;
use crate::traffic::profile::churn::Life;
use crate::traffic::profile::fit::DIGITS;
use crate::traffic::profile::fit::heard::Heard;
use crate::traffic::profile::fit::outages::Outages;
use crate::traffic::profile::fit::window::Window;
use crate::traffic::profile::number;
use crate::traffic::profile::parameter::Parameter;
use crate::traffic::profile::room::Room;
use crate::traffic::profile::sample;
use crate::traffic::profile::stream::TalkStream;
use crate::traffic::profile::talk::DayFactor;
use crate::traffic::profile::talk::Talk;
use crate::units::offset::Offset;

/// Largest spread that is believed.
const SIGMA_MAX: f64 = 1.5;

/// Largest correlation of neighbouring days that is believed.
const CORRELATION_MAX: f64 = 0.95;

/// Steps, and how many of the last ones are averaged.
const STEPS: u32 = 16;
const STEPS_KEPT: u32 = 8;

/// How far the first step goes for a ratio of e between capture and samples: later ones go less far.
const GAIN: f64 = 0.5;

/// Messages of the samples of one step: more would take long, fewer would scatter.
const MESSAGES_PER_STEP: usize = 60_000;

/// By how much of the mean a cell of the calendar leans on it.
const CELL_LEAN: f64 = 0.1;

/// Samples of one step at most and at least.
const SAMPLES_MAX: usize = 8;

/// Days below which nothing is learnt about them.
const DAYS_MIN: usize = 14;

/// A day of which the logger missed more than this share is not compared.
const AWAY_SHARE_MAX: f64 = 0.05;

/// Seed of the samples: the same trace gives the same profile.
const SEED: u64 = 0x5eed_0f71_da75_0003;

/// Messages by day.
#[derive(Clone, Copy, Debug, Default)]
struct Days {
    mean: f64,
    /// Variance over mean.
    fano: f64,
    /// Correlation of neighbouring days.
    correlation: f64,
}

/// Sets the starts and the day factors of the profile's talks.
pub(crate) fn fit(profile: &mut Profile, window: &Window, outages: &Outages, heard: &[Heard]) {
    let watched = watched_days(window, outages);
    let watched_count = watched.iter().filter(|&&is_watched| is_watched).count();
    if watched_count == 0 {
        return;
    }
    // Whoever is there is there as in the capture: only talk is sampled.
    let lives: Vec<Life> = profile
        .users()
        .iter()
        .map(|user| Life {
            stays: user.stays.clone(),
            changes: Vec::new(),
        })
        .collect();
    for index in 0..profile.talks.len() {
        // The loudest channel of a talk tells its days.
        let lead = profile
            .channels()
            .iter()
            .position(|row| row.talk as usize == index);
        let (Some(lead), Some(talk)) = (lead, profile.talks.get(index)) else {
            continue;
        };
        let (Some(heard), Some(row)) = (heard.get(lead), profile.channels().get(lead)) else {
            continue;
        };
        let moments = heard
            .episodes
            .iter()
            .flat_map(|episode| &episode.at_secs)
            .map(|&secs| window.cycle_secs_at(secs));
        let start_week_secs = window.week_secs(0.0);
        let live = Live {
            days: days(&watched, moments.clone()),
            hours: hours(&watched, start_week_secs, moments),
            tells_days: watched_count >= DAYS_MIN,
            watched: &watched,
            start_week_secs,
        };
        let room = sample::room(u32::try_from(lead).unwrap_or(0), row, &lives);
        let calibrated = calibrate(talk.clone(), &live, |talk, rng| {
            let ends = Offset::from_secs(i64::from(window.cycle_secs()));
            let mut room = room.clone();
            let mut stream = TalkStream::new(talk, &mut room, rng, start_week_secs, row.heat, ends);
            messages(talk, &mut stream, &mut room)
        });
        if let Some(talk) = profile.talks.get_mut(index) {
            *talk = calibrated;
        }
    }
}

/// Returns when messages are until the stream ends, in seconds.
fn messages(talk: &Talk, stream: &mut TalkStream, room: &mut Room) -> Vec<f64> {
    let mut moments = Vec::new();
    loop {
        let slot = stream.next(talk, room);
        if slot.at == Offset::NEVER {
            return moments;
        }
        moments.push(slot.at.as_secs_f64());
    }
}

/// Messages by cell of the calendar.
type Cells = [f64; CELL_COUNT];

/// What samples are to be like.
struct Live<'a> {
    days: Days,
    hours: Cells,
    /// Whether there are enough days to know how they differ.
    tells_days: bool,
    watched: &'a [bool],
    start_week_secs: f64,
}

/// What is moved: the logarithm of the starts' level, that of each cell's, and the spread of the days.
#[derive(Clone, Copy)]
struct Knobs {
    level: f64,
    cells: Cells,
    sigma: f64,
}

impl Knobs {
    /// Returns these moved by a part of others.
    fn plus(self, part: f64, other: &Self) -> Self {
        let cells = self.cells.iter().zip(&other.cells);
        let mut moved = self;
        for (cell, sum) in moved
            .cells
            .iter_mut()
            .zip(cells.map(|(own, other)| own + part * other))
        {
            *cell = sum;
        }
        moved.level = self.level + part * other.level;
        moved.sigma = (self.sigma + part * other.sigma).clamp(0.0, SIGMA_MAX);
        moved
    }
}

/// Returns the talk with starts and day factor such that samples have the messages, the hours and the days of the capture.
fn calibrate(
    mut talk: Talk,
    live: &Live<'_>,
    sample: impl Fn(&Talk, Xoshiro256PlusPlus) -> Vec<f64>,
) -> Talk {
    const NOTHING: Knobs = Knobs {
        level: 0.0,
        cells: [0.0; CELL_COUNT],
        sigma: 0.0,
    };
    let message_count = libm::round(live.days.mean * number::real(live.watched.len()));
    let sample_count = MESSAGES_PER_STEP / (number::whole(message_count) as usize).max(1);
    let sample_count = sample_count.clamp(1, SAMPLES_MAX);
    let calendar = talk.calendar;
    let mut seeds = Xoshiro256PlusPlus::seed_from_u64(SEED);
    let mut knobs = Knobs {
        sigma: if live.tells_days { 0.3 } else { 0.0 },
        ..NOTHING
    };
    let mut kept = NOTHING;
    for step in 0..STEPS {
        set(&mut talk, &calendar, &knobs, live);
        let (mut mean, mut fano) = (0.0, 0.0);
        let mut cells = [0.0; CELL_COUNT];
        for _ in 0..sample_count {
            let rng = Xoshiro256PlusPlus::seed_from_u64(seeds.next_u64());
            let moments = sample(&talk, rng);
            let made = days(live.watched, moments.iter().copied());
            mean += made.mean / number::real(sample_count);
            fano += made.fano / number::real(sample_count);
            let made = hours(live.watched, live.start_week_secs, moments.into_iter());
            for (sum, count) in cells.iter_mut().zip(made) {
                *sum += count / number::real(sample_count);
            }
        }
        let ratio =
            |live: f64, made: f64| libm::log(live.max(1e-9) / made.max(1e-9)).clamp(-1.0, 1.0);
        // A cell leans on the mean of all: what came by chance in some hour of some week is no habit.
        let lean = CELL_LEAN * message_count / number::real(CELL_COUNT);
        let scale = live.days.mean / mean.max(1e-9);
        let wanted = Knobs {
            level: 1.6 * ratio(live.days.mean, mean),
            cells: std::array::from_fn(|index| {
                let at = |cells: &Cells| cells.get(index).copied().unwrap_or(0.0) + lean;
                ratio(at(&live.hours), at(&cells.map(|count| count * scale)))
            }),
            sigma: if live.tells_days {
                ratio(live.days.fano, fano)
            } else {
                0.0
            },
        };
        let gain = GAIN / libm::sqrt(1.0 + f64::from(step) / 2.0);
        knobs = knobs.plus(gain, &wanted);
        if step >= STEPS - STEPS_KEPT {
            kept = kept.plus(1.0 / f64::from(STEPS_KEPT), &knobs);
        }
    }
    set(&mut talk, &calendar, &kept, live);
    talk
}

/// Returns the messages of watched days by cell of the calendar.
fn hours(watched: &[bool], start_week_secs: f64, moments: impl Iterator<Item = f64>) -> Cells {
    let mut cells = [0.0; CELL_COUNT];
    for secs in moments {
        let day = number::index_below(secs / f64::from(DAY_SECS), watched.len());
        let cell = calendar::cell_index(calendar::week_hour(start_week_secs + secs));
        if let Some(count) = cells
            .get_mut(cell)
            .filter(|_| watched.get(day) == Some(&true))
        {
            *count += 1.0;
        }
    }
    cells
}

/// Sets a talk's starts to those of a calendar, moved by the knobs, and its day factor.
fn set(talk: &mut Talk, calendar: &Calendar, knobs: &Knobs, live: &Live<'_>) {
    let mut cells = *calendar.cells();
    for (cell, moved) in cells.iter_mut().zip(&knobs.cells) {
        let factor = libm::exp(knobs.level + moved);
        cell.starts_per_hour = number::rounded(cell.starts_per_hour * factor, DIGITS);
    }
    talk.calendar = Calendar::new(cells);
    talk.day = Parameter::Fitted(DayFactor {
        sigma: number::rounded(knobs.sigma, DIGITS),
        correlation: number::rounded(live.days.correlation.clamp(0.0, CORRELATION_MAX), DIGITS),
    });
}

/// Returns which days of the cycle the logger was there for.
fn watched_days(window: &Window, outages: &Outages) -> Vec<bool> {
    let day_secs = f64::from(DAY_SECS);
    let mut away = vec![0.0; (window.cycle_secs() / DAY_SECS) as usize];
    for &(from, to) in window.runs() {
        let mut secs = from;
        while secs < to {
            let day = number::index_below(window.cycle_secs_at(secs) / day_secs, away.len());
            if let Some(away) = away.get_mut(day) {
                *away += outages.secs_within(secs, (secs + day_secs).min(to));
            }
            secs += day_secs;
        }
    }
    away.into_iter()
        .map(|secs| secs < AWAY_SHARE_MAX * day_secs)
        .collect()
}

/// Returns how the watched days of moments, in seconds, scatter.
fn days(watched: &[bool], moments: impl Iterator<Item = f64>) -> Days {
    let mut counts = vec![0.0; watched.len().max(1)];
    for secs in moments {
        let day = number::index_below(secs / f64::from(DAY_SECS), counts.len());
        if let Some(count) = counts.get_mut(day) {
            *count += 1.0;
        }
    }
    let counts: Vec<f64> = counts
        .into_iter()
        .zip(watched)
        .filter_map(|(count, &is_watched)| is_watched.then_some(count))
        .collect();
    let count = number::real(counts.len());
    let mean = counts.iter().sum::<f64>() / count;
    let variance = counts
        .iter()
        .map(|count| (count - mean) * (count - mean))
        .sum::<f64>()
        / count;
    let common: f64 = counts
        .windows(2)
        .filter_map(|pair| Some((pair.first()? - mean) * (pair.last()? - mean)))
        .sum();
    Days {
        mean,
        fano: variance / mean.max(1e-9),
        correlation: common / count / variance.max(1e-9),
    }
}
