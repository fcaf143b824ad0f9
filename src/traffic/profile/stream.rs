//! The endless talk of one channel, in time order: pure, driven by draws and by who comes and goes.

use rand::Rng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::traffic::profile::HOUR_SECS;
use crate::traffic::profile::calendar;
use crate::traffic::profile::calendar::Cell;
use crate::traffic::profile::curve;
use crate::traffic::profile::distribution::exponential;
use crate::traffic::profile::distribution::normal;
use crate::traffic::profile::distribution::uniform;
use crate::traffic::profile::gaps::Blend;
use crate::traffic::profile::gaps::Tempo;
use crate::traffic::profile::lengths::UserLengths;
use crate::traffic::profile::number;
use crate::traffic::profile::recency::LastSpeakers;
use crate::traffic::profile::recency::PLACES;
use crate::traffic::profile::recency::Situation;
use crate::traffic::profile::room::Room;
use crate::traffic::profile::talk::EPISODE_GAP_SECS;
use crate::traffic::profile::talk::EXCITATION_SECS;
use crate::traffic::profile::talk::Talk;
use crate::traffic::profile::talk::TalkKind;
use crate::units::offset::Offset;

/// When streams begin to run silently, eight hours before their start: the longest excitation is then nearly spent, and any
/// conversation may be under way.
pub const WARM_UP_BEGINS: Offset = Offset::from_secs(-8 * 3_600);

/// Exponents by which a channel that is k times as hot differs: more starts, larger episodes, shorter gaps. Taken from one
/// channel's growth over the years, so that heat is an assumption wherever it is not one.
const START_EXPONENT: f64 = 0.4;
const SIZE_EXPONENT: f64 = 0.6;
const GAP_EXPONENT: f64 = -0.2;

/// Heat up to which a channel is only hotter. Beyond it there is no silence left to fill: then its time runs faster, which is
/// stress, and no channel ever talked so.
pub(crate) const HEAT_MAX: f64 = 4.0;

/// Those who may yet begin to talk since they came; more at a time are a storm, in which nobody does.
const TRIGGERS_MAX: usize = 64;

/// Nanoseconds of a day.
const DAY_NANOS: i64 = 86_400_000_000_000;

/// One message of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TalkSlot {
    /// When, from the stream's start; never before the previous slot. [`Offset::NEVER`] if the channel never talks.
    pub at: Offset,
    /// What kind of message.
    pub kind: TalkKind,
    /// Whether an episode opens with this message.
    pub starts_episode: bool,
    /// The place of the speaker among the room's members; `None` if nobody is there to say it.
    pub member: Option<u32>,
    /// A draw for the length.
    pub length_draw: u64,
    /// The length in bytes, if it is known and not drawn.
    pub bytes: Option<u32>,
}

impl TalkSlot {
    /// The slot of a channel that talks no more.
    pub const NEVER: Self = Self {
        at: Offset::NEVER,
        kind: TalkKind::Message,
        starts_episode: false,
        member: None,
        length_draw: 0,
        bytes: None,
    };

    /// Returns the length in bytes if a user of these lengths says it.
    pub fn length(&self, lengths: &UserLengths<'_>) -> u32 {
        let drawn = || lengths.draw(self.kind, self.length_draw);
        self.bytes.unwrap_or_else(|| u32::from(drawn()))
    }
}

/// The endless talk of one channel.
///
/// Talk alternates with silence. A silence ends by itself, the likelier the more talk there was in the last hours, or with the
/// first words of somebody who has come. The stream is stationary: it has run silently before its start.
#[derive(Clone, Debug)]
pub struct TalkStream {
    rng: Xoshiro256PlusPlus,
    start_week_secs: f64,
    start_factor: f64,
    size_factor: f64,
    gap_factor: f64,
    /// How many times as fast as the channel's own its time runs.
    speed: f64,
    /// When the state below holds.
    now_nanos: i64,
    /// Starts per second that past starts still bring about, by the times of [`EXCITATION_SECS`].
    excited: [f64; 3],
    day: i64,
    day_score: f64,
    /// How the day differs, as a busy day is a hotter channel.
    today: Factors,
    blend: Blend,
    episode: Option<Episode>,
    /// When the talk was silent for long enough.
    silent_from_nanos: i64,
    /// When a silence ends by itself, if nothing comes between; or when to look again, at the end of a day.
    next_start_nanos: i64,
    /// Whether the silence ends then.
    is_start: bool,
    ends_nanos: i64,
    /// Who has come to the silent channel and when they begin to talk.
    triggers: Vec<(i64, u32)>,
    last: LastSpeakers,
    last_place: usize,
    last_nanos: i64,
    /// How many have spoken in the episode: they have the first places.
    company: usize,
}

/// By what starts, sizes and gaps are multiplied where it is hotter.
#[derive(Clone, Copy, Debug)]
struct Factors {
    start: f64,
    size: f64,
    gap: f64,
}

impl Factors {
    fn of_heat(heat: f64) -> Self {
        Self {
            start: libm::pow(heat, START_EXPONENT),
            size: libm::pow(heat, SIZE_EXPONENT),
            gap: libm::pow(heat, GAP_EXPONENT),
        }
    }
}

/// The episode under way.
#[derive(Clone, Copy, Debug)]
struct Episode {
    next_nanos: i64,
    left: u32,
    size: u32,
    is_notice: bool,
    tempo: Tempo,
    /// By what its gaps are multiplied.
    gap_factor: f64,
    /// Who opens it.
    opener: Option<u32>,
}

impl TalkStream {
    /// Returns the talk of one channel from `start_week_secs`, the second of the week at which the stream starts.
    ///
    /// `heat` multiplies the expected messages per second; one is the capture's own. Turns of the room may lie before the
    /// start, from [`WARM_UP_BEGINS`] on. The stream ends at `ends`.
    pub fn new(
        talk: &Talk,
        room: &mut Room,
        rng: Xoshiro256PlusPlus,
        start_week_secs: f64,
        heat: f64,
        ends: Offset,
    ) -> Self {
        let speed = (heat / HEAT_MAX).max(1.0);
        let heat = heat / speed;
        let warm_up_secs = WARM_UP_BEGINS.as_secs_f64() / speed;
        let start_nanos = number::nanos_of_secs(warm_up_secs);
        let factors = Factors::of_heat(heat);
        let mut stream = Self {
            rng,
            start_week_secs,
            start_factor: factors.start,
            size_factor: factors.size,
            gap_factor: factors.gap / speed,
            speed,
            now_nanos: start_nanos,
            excited: [0.0; 3],
            day: i64::MIN,
            day_score: 0.0,
            today: Factors::of_heat(1.0),
            blend: talk.gaps.blend(),
            episode: None,
            silent_from_nanos: start_nanos,
            next_start_nanos: i64::MAX,
            is_start: false,
            ends_nanos: ends.as_nanos(),
            triggers: Vec::with_capacity(TRIGGERS_MAX),
            last: LastSpeakers::NONE,
            last_place: PLACES,
            last_nanos: start_nanos,
            company: 0,
        };
        stream.schedule_start(talk);
        while stream.until(talk, room, 0).is_some() {}
        stream
    }

    /// Returns the next message.
    pub fn next(&mut self, talk: &Talk, room: &mut Room) -> TalkSlot {
        self.until(talk, room, self.ends_nanos)
            .unwrap_or(TalkSlot::NEVER)
    }

    /// Returns the next message before `ends_nanos`, and lets everything happen that comes before it.
    fn until(&mut self, talk: &Talk, room: &mut Room, ends_nanos: i64) -> Option<TalkSlot> {
        loop {
            let nanos = self.next_nanos(room);
            if nanos >= ends_nanos {
                return None;
            }
            let slot = self.step(talk, room, nanos);
            if slot.is_some() {
                return slot;
            }
        }
    }

    /// Returns when the next thing happens: a message, a start, or somebody who comes or goes.
    fn next_nanos(&self, room: &Room) -> i64 {
        let talks = match &self.episode {
            Some(episode) => episode.next_nanos,
            None => self.next_start_nanos.min(self.next_trigger_nanos()),
        };
        talks.min(room.next_turn_nanos())
    }

    fn next_trigger_nanos(&self) -> i64 {
        let moments = self.triggers.iter().map(|&(nanos, _)| nanos);
        moments.min().unwrap_or(i64::MAX)
    }

    /// Lets the next thing happen, which is due at `nanos`; returns the message if it is one.
    fn step(&mut self, talk: &Talk, room: &mut Room, nanos: i64) -> Option<TalkSlot> {
        if let Some(turn) = room.advance(nanos) {
            if turn.is_coming && turn.is_seen {
                self.welcome(talk, room, turn.at.as_nanos(), turn.member);
            }
            return None;
        }
        if let Some(episode) = self.episode {
            return Some(self.speak(talk, room, &episode));
        }
        let trigger = self.triggers.iter().position(|&(due, _)| due <= nanos);
        if let Some(at) = trigger {
            let (_, member) = self.triggers.swap_remove(at);
            if room.is_present(member) {
                self.open(talk, nanos, Some(member));
            }
        } else if self.is_start {
            self.open(talk, nanos, None);
        } else {
            self.pass(nanos);
            self.schedule_start(talk);
        }
        None
    }

    /// Notes that somebody has come, who may begin to talk if nobody does.
    fn welcome(&mut self, talk: &Talk, room: &Room, nanos: i64, member: u32) {
        let odds = room
            .speaker(member)
            .map_or(0.0, |speaker| speaker.trigger_share);
        let draws = [self.rng.next_u64(), self.rng.next_u64()];
        let is_silent = self.episode.is_none() && nanos >= self.silent_from_nanos;
        if is_silent && uniform(draws[0]) < odds && self.triggers.len() < TRIGGERS_MAX {
            let delay_secs = talk.triggers.delays.at_score(normal(draws[1]));
            self.triggers.push((
                nanos.saturating_add(number::nanos_of_secs(delay_secs)),
                member,
            ));
        }
    }

    /// Opens an episode at `nanos`, with the words of `opener` or of whoever is there.
    fn open(&mut self, talk: &Talk, nanos: i64, opener: Option<u32>) {
        self.pass(nanos);
        let shares = talk.excitation.value();
        for ((excited, share), secs) in self.excited.iter_mut().zip(shares).zip(EXCITATION_SECS) {
            *excited += share / secs;
        }
        let (level, rounding) = (self.rng.next_u64(), self.rng.next_u64());
        let cell = self.cell_at(talk, nanos);
        let today = self.today(talk, nanos);
        let size_factor = self.size_factor * today.size;
        let size = if opener.is_some() {
            talk.triggers.sizes.draw(size_factor, level, rounding)
        } else {
            let scale = talk
                .sizes
                .scale_for((cell.mean_size * size_factor).max(1.0));
            talk.sizes.draw(scale, level, rounding)
        };
        self.episode = Some(Episode {
            next_nanos: nanos,
            left: size,
            size,
            is_notice: opener.is_none()
                && uniform(self.rng.next_u64()) < talk.notices.value().first,
            tempo: Tempo::draw(size, std::array::from_fn(|_| self.rng.next_u64())),
            gap_factor: self.gap_factor * today.gap,
            opener,
        });
        self.triggers.clear();
        self.company = 0;
    }

    /// Returns the next message of the episode under way, which is `episode`, and moves it on.
    fn speak(&mut self, talk: &Talk, room: &mut Room, episode: &Episode) -> TalkSlot {
        let nanos = episode.next_nanos;
        let member = self.speaker(talk, room, episode);
        let is_notice = episode.is_notice
            && member
                .and_then(|member| room.speaker(member))
                .is_some_and(|speaker| speaker.notice_weight() > 0.0);
        let kind = if is_notice {
            TalkKind::Notice
        } else {
            let share = member.map_or(0.0, |member| room.action_share(member));
            if uniform(self.rng.next_u64()) < share {
                TalkKind::Action
            } else {
                TalkKind::Message
            }
        };
        let slot = TalkSlot {
            at: Offset::from_nanos(nanos),
            kind,
            starts_episode: episode.left == episode.size,
            member,
            length_draw: self.rng.next_u64(),
            bytes: None,
        };
        if let Some(member) = member {
            self.last_place = self.last.spoke(member);
            if self.last_place >= self.company {
                self.company = (self.company + 1).min(PLACES);
            }
        }
        self.last_nanos = nanos;
        if episode.left <= 1 {
            self.episode = None;
            self.silent_from_nanos =
                nanos.saturating_add(number::nanos_of_secs(self.silence_secs()));
            self.pass(self.silent_from_nanos);
            self.schedule_start(talk);
        } else {
            self.go_on(talk, is_notice);
        }
        slot
    }

    /// Moves the episode on behind a message.
    fn go_on(&mut self, talk: &Talk, was_notice: bool) {
        // A longer gap would be a silence, which ends an episode.
        let silence_secs = self.silence_secs();
        let Some(episode) = &mut self.episode else {
            return;
        };
        let notices = talk.notices.value();
        let share = if was_notice {
            notices.after_notice
        } else {
            notices.after_talk
        };
        episode.is_notice = uniform(self.rng.next_u64()) < share;
        let draws = [self.rng.next_u64(), self.rng.next_u64()];
        let gap_secs = if was_notice && episode.is_notice {
            talk.gaps.notice_secs(draws[0])
        } else {
            talk.gaps.next_secs(&self.blend, &mut episode.tempo, draws)
        };
        let gap_secs = (gap_secs * episode.gap_factor).min(silence_secs);
        let gap_nanos = number::nanos_of_secs(gap_secs);
        episode.next_nanos = episode.next_nanos.saturating_add(gap_nanos);
        episode.left -= 1;
        episode.opener = None;
    }

    /// Returns who says the next message.
    fn speaker(&mut self, talk: &Talk, room: &mut Room, episode: &Episode) -> Option<u32> {
        let nanos = episode.next_nanos;
        room.weigh(nanos, talk.speaker_day.value(), &mut self.rng);
        if episode.opener.is_some() {
            return episode.opener;
        }
        let draws = [self.rng.next_u64(), self.rng.next_u64()];
        if episode.is_notice
            && let Some(member) = room.draw_noticing(draws[1])
        {
            return Some(member);
        }
        let situation = Situation {
            gap_secs: number::secs_of_nanos(nanos.saturating_sub(self.last_nanos)),
            company: self.company,
            place_before: self.last_place,
        };
        let last = self.last;
        let factor = |place: usize| {
            let member = last.at(place);
            member.map_or(0.0, |member| room.insistence(member))
        };
        let place = talk.recency.draw(situation, factor, draws[0]);
        let known = last.at(place);
        known.or_else(|| {
            room.draw(nanos, talk, &mut self.rng, |member| {
                last.place(member) == PLACES
            })
        })
    }

    /// Returns the silence that ends an episode, in seconds.
    fn silence_secs(&self) -> f64 {
        f64::from(EPISODE_GAP_SECS) / self.speed
    }

    /// Lets excitation decay until `nanos`.
    fn pass(&mut self, nanos: i64) {
        let secs = number::secs_of_nanos(nanos.saturating_sub(self.now_nanos).max(0));
        for (excited, decay_secs) in self.excited.iter_mut().zip(EXCITATION_SECS) {
            *excited *= curve::exp(-secs * self.speed / decay_secs);
        }
        self.now_nanos = self.now_nanos.max(nanos);
    }

    /// Sets when the silence ends by itself: the earliest of what the calendar and past starts bring about.
    fn schedule_start(&mut self, talk: &Talk) {
        let now = self.now_nanos;
        let day_ends = (now.div_euclid(DAY_NANOS) + 1).saturating_mul(DAY_NANOS);
        let mut next = self.calendar_start(talk, now, day_ends);
        for (excited, decay_secs) in self.excited.into_iter().zip(EXCITATION_SECS) {
            let draw = self.rng.next_u64();
            let most = excited * self.start_factor * decay_secs;
            // An exponential draw is never below the uniform one that it is made of: often there is no need to make it.
            if uniform(draw) >= most {
                continue;
            }
            let wanted = exponential(draw);
            if wanted < most {
                let secs = -decay_secs * libm::log(1.0 - wanted / most) / self.speed;
                next = next.min(now.saturating_add(number::nanos_of_secs(secs)));
            }
        }
        self.is_start = next < day_ends;
        self.next_start_nanos = next.min(day_ends);
    }

    /// Returns the next start that the calendar brings about before `until`, or that: an exponential amount of expected starts
    /// later, hour by hour.
    fn calendar_start(&mut self, talk: &Talk, from: i64, until: i64) -> i64 {
        let day_factor = self.today(talk, from).start;
        let mut wanted = exponential(self.rng.next_u64());
        let mut nanos = from;
        while nanos < until {
            let week_secs = self.start_week_secs + number::secs_of_nanos(nanos);
            let hour_secs = f64::from(HOUR_SECS);
            let rest_secs = hour_secs * (libm::floor(week_secs / hour_secs) + 1.0) - week_secs;
            let per_hour = self.cell_at(talk, nanos).starts_per_hour * self.start_factor;
            let per_sec = per_hour * day_factor * self.speed / hour_secs;
            if per_sec * rest_secs >= wanted {
                return nanos.saturating_add(number::nanos_of_secs(wanted / per_sec));
            }
            wanted -= per_sec * rest_secs;
            // At least a nanosecond, so that rounding at the hour's end can't stop the walk.
            nanos = nanos.saturating_add(number::nanos_of_secs(rest_secs).max(1));
        }
        until
    }

    /// Returns how the day differs in which `nanos` lies; days come in order.
    fn today(&mut self, talk: &Talk, nanos: i64) -> Factors {
        let factor = talk.day.value();
        let day = nanos.div_euclid(DAY_NANOS);
        while self.day < day {
            let (kept, draw) = if self.day == i64::MIN {
                self.day = day;
                (0.0, normal(self.rng.next_u64()))
            } else {
                self.day += 1;
                (factor.correlation, normal(self.rng.next_u64()))
            };
            self.day_score = kept * self.day_score + libm::sqrt(1.0 - kept * kept) * draw;
            let sigma = factor.sigma;
            let heat = curve::exp(sigma * self.day_score - sigma * sigma / 2.0);
            self.today = Factors::of_heat(heat);
        }
        self.today
    }

    /// Returns the calendar's cell at a moment of the stream.
    fn cell_at(&self, talk: &Talk, nanos: i64) -> Cell {
        let week_secs = self.start_week_secs + number::secs_of_nanos(nanos);
        talk.calendar.cell(calendar::week_hour(week_secs))
    }
}

#[cfg(test)]
mod tests;
