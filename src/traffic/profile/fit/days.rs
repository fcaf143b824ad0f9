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
use crate::traffic::profile::calendar::Calendar;
use crate::traffic::profile::calendar::Cell;
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
    if watched.iter().filter(|&&is_watched| is_watched).count() < DAYS_MIN {
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
        let moments = heard.episodes.iter().flat_map(|episode| &episode.at_secs);
        let live = days(&watched, moments.map(|&secs| window.cycle_secs_at(secs)));
        let room = sample::room(u32::try_from(lead).unwrap_or(0), row, &lives);
        let week_secs = window.week_secs(0.0);
        let calibrated = calibrate(talk.clone(), &live, &watched, |talk, rng| {
            let ends = Offset::from_secs(i64::from(window.cycle_secs()));
            let mut room = room.clone();
            let mut stream = TalkStream::new(talk, &mut room, rng, week_secs, row.heat, ends);
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

/// Returns the talk with starts and day factor such that samples have the messages and the days of the capture.
fn calibrate(
    mut talk: Talk,
    live: &Days,
    watched: &[bool],
    sample: impl Fn(&Talk, Xoshiro256PlusPlus) -> Vec<f64>,
) -> Talk {
    let message_count = libm::round(live.mean * number::real(watched.len()));
    let sample_count = MESSAGES_PER_STEP / (number::whole(message_count) as usize).max(1);
    let sample_count = sample_count.clamp(1, SAMPLES_MAX);
    let calendar = talk.calendar;
    let mut seeds = Xoshiro256PlusPlus::seed_from_u64(SEED);
    let (mut level, mut sigma) = (0.0_f64, 0.3_f64);
    let (mut level_sum, mut sigma_sum) = (0.0, 0.0);
    for step in 0..STEPS {
        set(&mut talk, &calendar, level, sigma, live);
        let (mut mean, mut fano) = (0.0, 0.0);
        for _ in 0..sample_count {
            let rng = Xoshiro256PlusPlus::seed_from_u64(seeds.next_u64());
            let made = days(watched, sample(&talk, rng).into_iter());
            mean += made.mean / number::real(sample_count);
            fano += made.fano / number::real(sample_count);
        }
        let gain = GAIN / libm::sqrt(1.0 + f64::from(step) / 2.0);
        let ratio =
            |live: f64, made: f64| libm::log(live.max(1e-9) / made.max(1e-9)).clamp(-1.0, 1.0);
        level += 1.6 * gain * ratio(live.mean, mean);
        sigma = (sigma + gain * ratio(live.fano, fano)).clamp(0.0, SIGMA_MAX);
        if step >= STEPS - STEPS_KEPT {
            level_sum += level / f64::from(STEPS_KEPT);
            sigma_sum += sigma / f64::from(STEPS_KEPT);
        }
    }
    set(&mut talk, &calendar, level_sum, sigma_sum, live);
    talk
}

/// Sets a talk's starts to those of a calendar times e^`level`, and its day factor.
fn set(talk: &mut Talk, calendar: &Calendar, level: f64, sigma: f64, live: &Days) {
    let factor = libm::exp(level);
    talk.calendar = Calendar::new(calendar.cells().map(|cell| Cell {
        starts_per_hour: number::rounded(cell.starts_per_hour * factor, DIGITS),
        ..cell
    }));
    talk.day = Parameter::Fitted(DayFactor {
        sigma: number::rounded(sigma, DIGITS),
        correlation: number::rounded(live.correlation.clamp(0.0, CORRELATION_MAX), DIGITS),
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
