//! Fit of a profile to the events of a trace.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use thiserror::Error;

use crate::traffic::profile::Cycle;
use crate::traffic::profile::HOUR_SECS;
use crate::traffic::profile::Population;
use crate::traffic::profile::Profile;
use crate::traffic::profile::WEEK_HOURS;
use crate::traffic::profile::calendar;
use crate::traffic::profile::commands::Commands;
use crate::traffic::profile::fit::heard::Heard;
use crate::traffic::profile::fit::outages::Outages;
use crate::traffic::profile::fit::sessions::Channels;
use crate::traffic::profile::fit::timelines::Seen;
use crate::traffic::profile::fit::window::Window;
use crate::traffic::profile::number;
use crate::traffic::profile::parameter::Parameter;
use crate::traffic::profile::provenance::Provenance;
use crate::traffic::profile::resident;
use crate::traffic::profile::timeline::StayRow;
use crate::traffic::profile::timeline::UserTimeline;
use crate::traffic::trace::event::DETAIL_NAMES;
use crate::traffic::trace::event::DETAIL_REPLY;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventKind;
use crate::traffic::trace::event::TraceMeta;

pub mod counted;
pub mod counters;

mod blocks;
mod cohorts;
mod days;
mod episodes;
mod gaps;
mod heard;
mod incidents;
mod outages;
mod people;
mod quantiles;
mod sessions;
mod speakers;
mod starts;
mod talk;
mod timelines;
mod window;

/// Share of messages that go to one person, assumed because channel logs hold none.
const PRIVATE_SHARE_ASSUMED: f64 = 0.05;

/// Share of cohorts that are shifted together. Half of what moves users at the same hours is then kept, and nobody's weeks meet
/// everybody else's as they did.
const COUPLING_ASSUMED: f64 = 0.85;

/// Seed of the draws that place events inside a tick of the log's clock: the same trace gives the same profile.
const JITTER_SEED: u64 = 0x5eed_0f71_c4a5_0001;

/// Significant digits of fitted numbers: more than any capture can tell.
const DIGITS: i32 = 6;

/// What the timelines of summaries are drawn from: any will do, and the same makes the same profile.
const AGGREGATE_SEED: u64 = 1;

/// What a profile says about itself, which no trace can tell.
#[derive(Clone, Debug)]
pub struct FitOptions {
    /// The profile's name.
    pub name: String,
    /// What was captured, for people.
    pub source: String,
    /// The version of the tool.
    pub tool: String,
    /// The day of the fit, `YYYY-MM-DD`.
    pub fitted_on: String,
    /// Which weeks of the trace are fitted.
    pub weeks: Weeks,
    /// What is kept of people.
    pub keeps: Keeps,
}

/// What a profile keeps of people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keeps {
    /// The timeline of each user, under a number.
    #[default]
    Timelines,
    /// Those, and every message without its words, so that the capture's own talk can be resampled.
    Rows,
    /// Summaries of classes of users, from which timelines are drawn.
    Summaries,
}

/// Which whole weeks of a trace are fitted; whole days of one that is shorter than four weeks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weeks {
    /// All.
    #[default]
    All,
    /// The first, the third and so on.
    Odd,
    /// The second, the fourth and so on.
    Even,
    /// The first half; of an odd number the larger.
    First,
    /// The last half; of an odd number the smaller.
    Last,
}

impl Weeks {
    /// Returns whether week number `index` of `count`, counted from zero, is one of them.
    pub fn has(self, index: u32, count: u32) -> bool {
        match self {
            Self::All => true,
            Self::Odd => index.is_multiple_of(2),
            Self::Even => !index.is_multiple_of(2),
            Self::First => index < count.div_ceil(2),
            Self::Last => index >= count.div_ceil(2),
        }
    }
}

/// Why a trace gives no profile.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum FitError {
    /// The trace is shorter than a day.
    #[error("expected a trace of at least a day, found {hours:.2} hours")]
    TooShort {
        /// Hours from its first event to its last.
        hours: f64,
    },
    /// The trace is longer than a cycle may be.
    #[error("expected a trace of at most ten years, found {years:.1}")]
    TooLong {
        /// Years from its first event to its last.
        years: f64,
    },
    /// Nobody says anything in the trace.
    #[error("expected talk in the trace, found {count} messages")]
    NoTalk {
        /// Messages, actions and notices in channels.
        count: u64,
    },
}

impl FitError {
    /// Returns what to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::TooShort { .. } => {
                "a profile repeats whole days; four weeks or more are needed to resemble anything"
            }
            Self::TooLong { .. } => "import fewer logs",
            Self::NoTalk { .. } => {
                "sizes and gaps of conversations need at least two messages of one channel"
            }
        }
    }
}

impl Profile {
    /// Returns the profile that fits `events`, which are in order of time.
    ///
    /// # Errors
    ///
    /// When the trace is too short or too long, or nobody talks in it.
    pub fn fit(meta: &TraceMeta, events: &[Event], options: &FitOptions) -> Result<Self, FitError> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(JITTER_SEED);
        let window = Window::of(meta, events, options.weeks)?;
        let moments = window.moments(events, &mut rng);
        let outages = Outages::find(&window, &moments);
        let channels = Channels::of(events);
        let record = sessions::read(&window, events, &moments, &outages, &channels);
        let seen = Seen {
            window: &window,
            events,
            moments: &moments,
            channels: &channels,
            record: &record,
        };
        let people = people::of(events);
        let mut lanes = timelines::lanes(&window, &record, &people);
        let broken = incidents::broken(&record, &lanes);
        cohorts::unite(&window, &record, &mut lanes, &broken);
        let users = timelines::users(&seen, &lanes, &broken);
        let heard = heard::by_channel(&seen, &lanes, &outages);
        let message_count: usize = heard.iter().map(Heard::message_count).sum();
        let episode_count: usize = heard.iter().map(|heard| heard.episodes.len()).sum();
        if message_count < 2 || episode_count == message_count {
            return Err(FitError::NoTalk {
                count: message_count as u64,
            });
        }
        let inside = || {
            let in_window = |&(_, &secs): &(&Event, &f64)| window.contains(secs);
            events.iter().zip(&moments).filter(in_window)
        };
        let (talks, channel_rows) = talk::fit(&window, &heard, &lanes);
        let mut profile = Self {
            name: options.name.clone(),
            provenance: Provenance {
                source: options.source.clone(),
                first: window.moment_text(0.0),
                last: window.moment_text(f64::from(window.secs)),
                event_count: inside().count() as u64,
                channel_count: u32::try_from(channels.count()).unwrap_or(u32::MAX),
                is_zone_assumed: meta.is_zone_assumed(),
                tool: options.tool.clone(),
                fitted_on: options.fitted_on.clone(),
            },
            cycle: Cycle {
                secs: Parameter::Fitted(window.cycle_secs()),
                rotation_secs: Parameter::Fitted(window.step_secs),
                starts_at_week_sec: Parameter::Fitted(window.starts_at_week_sec()),
                busiest_hour: Parameter::Fitted(busiest_hour(&window, &outages, &heard)),
                outage_share: Parameter::Fitted(outage_share(&window, &outages)),
                coupling: Parameter::Assumed(COUPLING_ASSUMED),
            },
            population: population(&window, events, &users, channels.count()),
            commands: Commands::default(),
            talks,
            channels: channel_rows,
            incidents: incidents::incidents(&window, &broken),
            residents: resident::of_tables(&users),
            scaled: None,
            aggregate: None,
            users,
            weekly: None,
            scores: None,
            blocks: None,
        };
        if options.keeps == Keeps::Rows {
            profile.blocks = Some(blocks::of(&window, &heard, &lanes, profile.has_churn()));
        }
        days::fit(&mut profile, &window, &outages, &heard);
        Ok(match options.keeps {
            Keeps::Timelines | Keeps::Rows => profile,
            Keeps::Summaries => profile.aggregated(AGGREGATE_SEED),
        })
    }
}

/// Returns the stretches of a trace that are fitted, in microseconds since 1970 UTC.
///
/// # Errors
///
/// When the trace is too short or too long.
pub fn stretches(
    meta: &TraceMeta,
    events: &[Event],
    weeks: Weeks,
) -> Result<Vec<(i64, i64)>, FitError> {
    let window = Window::of(meta, events, weeks)?;
    let moment = |secs: f64| {
        window
            .start_us
            .saturating_add(number::nanos_of_secs(secs) / 1_000)
    };
    let runs = window.runs().iter();
    Ok(runs.map(|&(from, to)| (moment(from), moment(to))).collect())
}

/// Returns the share of the cycle in which the logger was away.
fn outage_share(window: &Window, outages: &Outages) -> f64 {
    let away: f64 = window
        .runs()
        .iter()
        .map(|&(from, to)| outages.secs_within(from, to))
        .sum();
    number::rounded(away / f64::from(window.cycle_secs()), DIGITS)
}

/// Returns the hour of the week with the most talk per hour watched, its neighbours counting half.
fn busiest_hour(window: &Window, outages: &Outages, heard: &[Heard]) -> u32 {
    let mut counts = [0.0; WEEK_HOURS as usize];
    let episodes = heard.iter().flat_map(|heard| &heard.episodes);
    for secs in episodes.flat_map(|episode| &episode.at_secs) {
        let hour = calendar::week_hour(window.week_secs(*secs));
        if let Some(count) = counts.get_mut(hour as usize) {
            *count += 1.0;
        }
    }
    let watched = watched_by_week_hour(window, outages);
    let around = |values: &[f64], hour: usize| {
        let at = |offset: usize| {
            values
                .get((hour + offset) % values.len())
                .copied()
                .unwrap_or(0.0)
        };
        at(0) + f64::midpoint(at(values.len() - 1), at(1))
    };
    let rate = |hour: u32| {
        let hours = around(&watched, hour as usize);
        if hours > 0.0 {
            around(&counts, hour as usize) / hours
        } else {
            0.0
        }
    };
    (0..WEEK_HOURS)
        .max_by(|&one, &other| rate(one).total_cmp(&rate(other)))
        .unwrap_or(0)
}

/// Returns the hours of each hour of the week, Monday 00:00 UTC first, in which the logger was there.
fn watched_by_week_hour(window: &Window, outages: &Outages) -> [f64; WEEK_HOURS as usize] {
    let hour_secs = f64::from(HOUR_SECS);
    let mut watched = [0.0; WEEK_HOURS as usize];
    for &(from, to) in window.runs() {
        let mut at = from;
        while at < to {
            let week_secs = window.week_secs(at);
            let rest = hour_secs * (libm::floor(week_secs / hour_secs) + 1.0) - week_secs;
            let next = (at + rest.max(1e-3)).min(to);
            if let Some(hours) = watched.get_mut(calendar::week_hour(week_secs) as usize) {
                *hours += (next - at - outages.secs_within(at, next)) / hour_secs;
            }
            at = next;
        }
    }
    watched
}

/// Returns what the trace tells about those who did not show themselves, and what has to be assumed.
fn population(
    window: &Window,
    events: &[Event],
    users: &[UserTimeline],
    channel_count: usize,
) -> Population {
    let stays = users.iter().flat_map(|user| &user.stays);
    let present_secs: f64 = stays.map(StayRow::secs).sum();
    let span_secs = f64::from(window.cycle_secs()) * number::real(channel_count);
    let members = number::rounded(present_secs / span_secs, DIGITS);
    let has_names = events.iter().any(|event| &*event.detail == DETAIL_NAMES);
    let messages = events.iter().filter(|event| {
        matches!(event.kind, EventKind::Message | EventKind::Action) && !event.channel.is_empty()
    });
    let (mut message_count, mut reply_count) = (0, 0);
    for message in messages {
        message_count += 1;
        reply_count += usize::from(&*message.detail == DETAIL_REPLY);
    }
    let reply_share = number::real(reply_count) / number::real(message_count).max(1.0);
    Population {
        members_per_channel: if has_names {
            Parameter::Fitted(members)
        } else {
            Parameter::Assumed(members)
        },
        private_share: Parameter::Assumed(PRIVATE_SHARE_ASSUMED),
        reply_share: Parameter::Fitted(number::rounded(reply_share, DIGITS)),
    }
}

#[cfg(test)]
pub(crate) mod examples {
    use super::*;

    /// Monday, 1 January 2024, 00:00 UTC.
    const START_US: i64 = 1_704_067_200_000_000;

    /// Returns what holds for the traces of examples: ticks of a second.
    pub(crate) fn meta() -> TraceMeta {
        TraceMeta {
            tool: "0.1.0".to_owned(),
            zone: "assumed".to_owned(),
            tick_us: 1_000_000,
            has_names: false,
            has_text: false,
            overlaps: Vec::new(),
        }
    }

    /// Returns how an invented channel is fitted: all its weeks, with timelines.
    pub(crate) fn options() -> FitOptions {
        FitOptions {
            name: "forest".to_owned(),
            source: "an invented channel".to_owned(),
            tool: "0.1.0".to_owned(),
            fitted_on: "2024-02-01".to_owned(),
            weeks: Weeks::All,
            keeps: Keeps::Timelines,
        }
    }

    /// Returns events of one channel from rows of (seconds, kind, user, peer, detail).
    pub(crate) fn events(rows: &[(f64, &str, &str, &str, &str)]) -> Vec<Event> {
        rows.iter()
            .map(|&(secs, kind, user, peer, detail)| Event {
                at_us: START_US + number::nanos_of_secs(secs) / 1_000,
                kind: EventKind::from_word(kind).unwrap(),
                network: "wood".into(),
                channel: "#forest".into(),
                user: user.into(),
                peer: peer.into(),
                bytes: 20,
                detail: detail.into(),
                text: "".into(),
            })
            .collect()
    }

    /// What was seen in an example.
    pub(crate) struct View<'a> {
        window: Window,
        events: &'a [Event],
        moments: Vec<f64>,
        channels: Channels<'a>,
        record: sessions::Record<'a>,
    }

    impl<'a> View<'a> {
        /// Returns what was seen of these events, none of them moved inside its tick.
        pub(crate) fn of(events: &'a [Event]) -> Self {
            let window = Window::of(&meta(), events, Weeks::All).unwrap();
            let moments: Vec<f64> = events.iter().map(|event| secs(&window, event)).collect();
            let channels = Channels::of(events);
            let record = sessions::read(&window, events, &moments, &Outages::default(), &channels);
            Self {
                window,
                events,
                moments,
                channels,
                record,
            }
        }

        pub(crate) fn seen(&self) -> Seen<'_> {
            Seen {
                window: &self.window,
                events: self.events,
                moments: &self.moments,
                channels: &self.channels,
                record: &self.record,
            }
        }
    }

    /// Returns when an event is, in seconds from the window's start, not moved inside its tick.
    pub(crate) fn secs(window: &Window, event: &Event) -> f64 {
        number::secs_of_nanos((event.at_us - window.start_us) * 1_000)
    }
}
