//! The endless talk of one channel copy, in time order and without speakers: pure, driven by draws alone.

use rand::Rng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::traffic::profile::HOUR_SECS;
use crate::traffic::profile::calendar;
use crate::traffic::profile::calendar::Cell;
use crate::traffic::profile::distribution::exponential;
use crate::traffic::profile::distribution::normal;
use crate::traffic::profile::distribution::uniform;
use crate::traffic::profile::number;
use crate::traffic::profile::talk::Talk;
use crate::traffic::profile::talk::TalkKind;
use crate::units::offset::Offset;

/// Episodes of one channel that run at the same time; one more adds its messages to the one that has most left.
/// Live channels hold two or three; the rest is room for heat.
const ACTIVE_MAX: usize = 8;

/// Longest silent run before a stream's start, in seconds: a day holds any conversation.
const WARM_UP_SECS_MAX: f64 = 86_400.0;

/// Hours looked ahead for the next start before a channel counts as silent for ever: a hundred weeks.
const SILENT_HOURS_MAX: u32 = 100 * 168;

/// Exponents by which a channel that is k times as hot differs: more starts, larger episodes, shorter gaps.
const START_EXPONENT: f64 = 0.4;
const SIZE_EXPONENT: f64 = 0.6;
const GAP_EXPONENT: f64 = -0.2;

/// One message of a channel, its speaker and length yet to be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TalkSlot {
    /// When, from the stream's start; never before the previous slot. [`Offset::NEVER`] if the channel never talks.
    pub at: Offset,
    /// What kind of message.
    pub kind: TalkKind,
    /// Whether an episode opens with this message.
    pub starts_episode: bool,
    /// A draw for the choice of the speaker.
    pub speaker_draw: u64,
    /// A draw for the length.
    pub length_draw: u64,
}

/// The endless talk of one channel copy.
///
/// Episodes start at random on the calendar and may overlap. The stream is stationary: it has run silently before its
/// start, so that episodes are under way.
#[derive(Clone, Debug)]
pub struct TalkStream {
    rng: Xoshiro256PlusPlus,
    start_week_secs: f64,
    start_factor: f64,
    size_factor: f64,
    gap_factor: f64,
    next_start_nanos: i64,
    active_count: usize,
    active: [Episode; ACTIVE_MAX],
}

/// An episode under way.
#[derive(Clone, Copy, Debug)]
struct Episode {
    next_nanos: i64,
    left: u32,
    size: u32,
    kind: TalkKind,
    pace: f64,
    score: f64,
}

impl Episode {
    const NONE: Self = Self {
        next_nanos: i64::MAX,
        left: 0,
        size: 0,
        kind: TalkKind::Message,
        pace: 0.0,
        score: 0.0,
    };
}

impl TalkStream {
    /// Returns the talk of one channel from `start_week_secs`, the second of the week at which the stream starts.
    ///
    /// `heat` multiplies the expected messages per second; one is the capture's own.
    pub fn new(talk: &Talk, rng: Xoshiro256PlusPlus, start_week_secs: f64, heat: f64) -> Self {
        let mut stream = Self {
            rng,
            start_week_secs,
            start_factor: libm::pow(heat, START_EXPONENT),
            size_factor: libm::pow(heat, SIZE_EXPONENT),
            gap_factor: libm::pow(heat, GAP_EXPONENT),
            next_start_nanos: 0,
            active_count: 0,
            active: [Episode::NONE; ACTIVE_MAX],
        };
        let longest =
            talk.longest_episode_secs.value() * (stream.size_factor * stream.gap_factor).max(1.0);
        let warm_up_secs = longest.clamp(0.0, WARM_UP_SECS_MAX);
        stream.next_start_nanos = -number::nanos_of_secs(warm_up_secs);
        stream.schedule_start(talk);
        while stream.next_nanos() < 0 {
            stream.advance(talk);
        }
        stream
    }

    /// Returns the next message.
    pub fn next(&mut self, talk: &Talk) -> TalkSlot {
        while self.next_nanos() < i64::MAX {
            if let Some(slot) = self.advance(talk) {
                return slot;
            }
        }
        TalkSlot {
            at: Offset::NEVER,
            kind: TalkKind::Message,
            starts_episode: false,
            speaker_draw: 0,
            length_draw: 0,
        }
    }

    /// Returns when the next thing happens: a message of a running episode or a start.
    fn next_nanos(&self) -> i64 {
        self.earliest().map_or(self.next_start_nanos, |(_, nanos)| {
            nanos.min(self.next_start_nanos)
        })
    }

    /// Returns the running episode with the earliest message, and when that is.
    fn earliest(&self) -> Option<(usize, i64)> {
        self.active
            .iter()
            .take(self.active_count)
            .map(|episode| episode.next_nanos)
            .enumerate()
            .min_by_key(|&(_, nanos)| nanos)
    }

    /// Lets the next thing happen; returns the message if it is one.
    fn advance(&mut self, talk: &Talk) -> Option<TalkSlot> {
        match self.earliest() {
            Some((index, nanos)) if nanos <= self.next_start_nanos => {
                self.speak(talk, index, nanos)
            }
            _ => {
                self.start_episode(talk);
                None
            }
        }
    }

    /// Returns the next message of the running episode number `index`, and moves that episode on.
    fn speak(&mut self, talk: &Talk, index: usize, nanos: i64) -> Option<TalkSlot> {
        let episode = self.active.get(index).copied()?;
        let slot = TalkSlot {
            at: Offset::from_nanos(nanos),
            kind: episode.kind,
            starts_episode: episode.left == episode.size,
            speaker_draw: self.rng.next_u64(),
            length_draw: self.rng.next_u64(),
        };
        let left = episode.left.saturating_sub(1);
        if left == 0 {
            self.active_count -= 1;
            self.active.swap(index, self.active_count);
            return Some(slot);
        }
        let mut score = episode.score;
        let draw = self.rng.next_u64();
        let gap_secs = talk
            .gaps
            .next_secs(episode.size, episode.pace, &mut score, draw)
            * self.gap_factor;
        let kind = talk.kind_after(episode.kind).draw(self.rng.next_u64());
        if let Some(episode) = self.active.get_mut(index) {
            episode.left = left;
            episode.score = score;
            episode.kind = kind;
            episode.next_nanos = nanos.saturating_add(number::nanos_of_secs(gap_secs));
        }
        Some(slot)
    }

    /// Starts the episode that is due and schedules the next.
    fn start_episode(&mut self, talk: &Talk) {
        let nanos = self.next_start_nanos;
        let cell = self.cell_at(talk, nanos);
        self.schedule_start(talk);
        let mean = cell.mean_size * self.size_factor;
        // An episode has at least one message: a colder channel has fewer episodes instead of smaller ones.
        if mean < 1.0 && uniform(self.rng.next_u64()) >= mean {
            return;
        }
        let scale = talk.sizes.scale_for(mean);
        let size = talk
            .sizes
            .draw(scale, self.rng.next_u64(), self.rng.next_u64());
        let episode = Episode {
            next_nanos: nanos,
            left: size,
            size,
            kind: talk.first_kind.value().draw(self.rng.next_u64()),
            pace: normal(self.rng.next_u64()),
            score: normal(self.rng.next_u64()),
        };
        if let Some(slot) = self.active.get_mut(self.active_count) {
            *slot = episode;
            self.active_count += 1;
        } else if let Some(longest) = self.active.iter_mut().max_by_key(|episode| episode.left) {
            longest.left = longest.left.saturating_add(size);
            longest.size = longest.size.saturating_add(size);
        }
    }

    /// Sets the next start: an exponential amount of expected starts later, hour by hour of the calendar.
    fn schedule_start(&mut self, talk: &Talk) {
        let mut wanted = exponential(self.rng.next_u64());
        let mut nanos = self.next_start_nanos;
        for _ in 0..SILENT_HOURS_MAX {
            let week_secs = self.start_week_secs + number::secs_of_nanos(nanos);
            let hour_secs = f64::from(HOUR_SECS);
            let rest_secs = hour_secs * (libm::floor(week_secs / hour_secs) + 1.0) - week_secs;
            let per_sec = self.cell_at(talk, nanos).starts_per_hour * self.start_factor / hour_secs;
            if per_sec * rest_secs >= wanted {
                self.next_start_nanos =
                    nanos.saturating_add(number::nanos_of_secs(wanted / per_sec));
                return;
            }
            wanted -= per_sec * rest_secs;
            // At least a nanosecond, so that rounding at the hour's end can't stop the walk.
            nanos = nanos.saturating_add(number::nanos_of_secs(rest_secs).max(1));
        }
        self.next_start_nanos = i64::MAX;
    }

    /// Returns the calendar's cell at a moment of the stream.
    fn cell_at(&self, talk: &Talk, nanos: i64) -> Cell {
        let week_secs = self.start_week_secs + number::secs_of_nanos(nanos);
        talk.calendar.cell(calendar::week_hour(week_secs))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::traffic::profile::WEEK_HOURS;
    use crate::traffic::profile::WEEK_SECS;
    use crate::traffic::profile::talk::examples;

    const WEEKS: u32 = 400;

    fn stream(talk: &Talk, seed: u64, heat: f64) -> TalkStream {
        TalkStream::new(talk, Xoshiro256PlusPlus::seed_from_u64(seed), 0.0, heat)
    }

    /// Returns the messages by hour of the week that a stream gives in `weeks`.
    fn by_week_hour(talk: &Talk, seed: u64, heat: f64, weeks: u32) -> Vec<f64> {
        let mut stream = stream(talk, seed, heat);
        let mut counts = vec![0.0; WEEK_HOURS as usize];
        loop {
            let secs = stream.next(talk).at.as_secs_f64();
            if secs >= f64::from(weeks * WEEK_SECS) {
                return counts;
            }
            counts[calendar::week_hour(secs) as usize] += 1.0;
        }
    }

    #[test]
    fn a_long_run_has_the_expected_rate() {
        let talk = examples::talk();
        for heat in [0.1, 1.0, 5.0] {
            let count: f64 = by_week_hour(&talk, 7, heat, WEEKS).iter().sum();
            let rate = count / f64::from(WEEKS * WEEK_SECS);
            let want = talk.mean_rate() * heat;
            // About 600,000 messages in clumps of some ten: 1 % is five deviations of the coldest run.
            assert!(
                (rate / want - 1.0).abs() < 0.03,
                "{heat}: {rate} for {want}"
            );
        }
    }

    #[test]
    fn a_long_run_has_the_shape_of_the_week() {
        let talk = examples::talk();
        let mut counts = [0.0; calendar::CELL_COUNT];
        let mut rates = [0.0; calendar::CELL_COUNT];
        for (hour, count) in (0..).zip(by_week_hour(&talk, 8, 1.0, 4 * WEEKS)) {
            counts[calendar::cell_index(hour)] += count;
            rates[calendar::cell_index(hour)] += talk.rate_at(hour);
        }
        let total: f64 = counts.iter().sum();
        let sum: f64 = rates.iter().sum();
        let distance: f64 = counts
            .iter()
            .zip(&rates)
            .map(|(count, rate)| (count / total - rate / sum).abs())
            .sum::<f64>()
            / 2.0;
        // Episodes last some minutes beyond the hour in which they start: a few percent move to the next hour.
        assert!(distance < 0.04, "{distance}");
    }

    #[test]
    fn time_never_runs_backwards_and_starts_at_the_start() {
        let talk = examples::talk();
        let mut stream = stream(&talk, 9, 30.0);
        let mut last = Offset::ZERO;
        for _ in 0..100_000 {
            let slot = stream.next(&talk);
            assert!(slot.at >= last);
            last = slot.at;
        }
    }

    #[test]
    fn episodes_are_under_way_at_the_start() {
        let talk = examples::talk();
        let friday_night = 118.0 * 3_600.0;
        let inside = (0..400)
            .map(Xoshiro256PlusPlus::seed_from_u64)
            .map(|rng| TalkStream::new(&talk, rng, friday_night, 1.0).next(&talk))
            .filter(|slot| !slot.starts_episode)
            .count();
        // One start an hour, episodes of some ten minutes: about one stream in six.
        assert!(
            (40..120).contains(&inside),
            "{inside} of 400 streams open inside an episode"
        );
    }

    #[test]
    fn a_channel_without_starts_never_talks() {
        let mut talk = examples::talk();
        talk.calendar = calendar::Calendar::new([Cell::default(); calendar::CELL_COUNT]);
        assert_eq!(stream(&talk, 1, 1.0).next(&talk).at, Offset::NEVER);
    }

    #[test]
    fn the_same_seed_gives_the_same_talk() {
        let talk = examples::talk();
        let mut stream = stream(&talk, 1_234, 1.0);
        let slots: Vec<(i64, usize)> = (0..1_000)
            .map(|_| stream.next(&talk))
            .map(|slot| (slot.at.as_nanos(), slot.kind.index()))
            .collect();
        // Golden: a change here changes the digest of every plan, and belongs in the change log.
        assert_eq!(slots.first(), Some(&(17_976_049_135_561, 0)));
        assert_eq!(slots.last(), Some(&(1_041_071_980_045_488, 0)));
    }
}
