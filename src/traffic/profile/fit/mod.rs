//! Fit of a profile to the events of a trace.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use thiserror::Error;

use crate::traffic::profile::Cycle;
use crate::traffic::profile::Population;
use crate::traffic::profile::Profile;
use crate::traffic::profile::WEEK_HOURS;
use crate::traffic::profile::calendar;
use crate::traffic::profile::fit::outages::Outages;
use crate::traffic::profile::fit::window::Window;
use crate::traffic::profile::number;
use crate::traffic::profile::parameter::Parameter;
use crate::traffic::profile::provenance::Provenance;
use crate::traffic::profile::timeline::UserTimeline;
use crate::traffic::trace::event::DETAIL_NAMES;
use crate::traffic::trace::event::DETAIL_REPLY;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventKind;
use crate::traffic::trace::event::TraceMeta;

mod calendars;
mod episodes;
mod gaps;
mod outages;
mod people;
mod quantiles;
mod sessions;
mod talk;
mod timelines;
mod window;

/// Share of messages that go to one person, assumed because channel logs hold none.
const PRIVATE_SHARE_ASSUMED: f64 = 0.05;

/// Seed of the draws that place events inside a tick of the log's clock: the same trace gives the same profile.
const JITTER_SEED: u64 = 0x5eed_0f71_c4a5_0001;

/// Significant digits of fitted numbers: more than any capture can tell.
const DIGITS: i32 = 6;

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
        let window = Window::of(meta, events)?;
        let moments = window.moments(events, &mut rng);
        let outages = Outages::find(&window, &moments);
        let record = sessions::read(&window, events, &moments, &outages);
        let people = people::of(events);
        let lanes = timelines::lanes(&window, &record, &people);
        let users = timelines::users(&window, events, &moments, &record, &lanes);
        let channel_count = channel_count(events);
        let episodes = episodes::split(&window, events, &moments);
        let message_count: usize = episodes.iter().map(|episode| episode.at_secs.len()).sum();
        if message_count < 2 || episodes.len() == message_count {
            return Err(FitError::NoTalk {
                count: message_count as u64,
            });
        }
        let inside = || {
            let in_window = |&(_, &secs): &(&Event, &f64)| window.contains(secs);
            events.iter().zip(&moments).filter(in_window)
        };
        Ok(Self {
            name: options.name.clone(),
            provenance: Provenance {
                source: options.source.clone(),
                first: window.moment_text(0.0),
                last: window.moment_text(f64::from(window.secs)),
                event_count: inside().count() as u64,
                channel_count,
                is_zone_assumed: meta.is_zone_assumed(),
                tool: options.tool.clone(),
                fitted_on: options.fitted_on.clone(),
            },
            cycle: Cycle {
                secs: Parameter::Fitted(window.secs),
                rotation_secs: Parameter::Fitted(window.step_secs),
                starts_at_week_sec: Parameter::Fitted(window.starts_at_week_sec()),
                busiest_hour: Parameter::Fitted(busiest_hour(&window, &outages, &episodes)),
                outage_share: Parameter::Fitted(outage_share(&window, &outages)),
            },
            population: population(&window, events, &users),
            talk: talk::fit(&window, &outages, &episodes, &lanes, channel_count),
            users,
        })
    }
}

/// Returns how many channels a trace has; events outside any channel count for one if there is none.
fn channel_count(events: &[Event]) -> u32 {
    let mut channels: Vec<&str> = events
        .iter()
        .filter(|event| event.kind.is_talk() && !event.channel.is_empty())
        .map(|event| &*event.channel)
        .collect();
    channels.sort_unstable();
    channels.dedup();
    u32::try_from(channels.len()).unwrap_or(u32::MAX).max(1)
}

/// Returns the share of the cycle in which the logger was away.
fn outage_share(window: &Window, outages: &Outages) -> f64 {
    let length = f64::from(window.secs);
    number::rounded(outages.secs_within(0.0, length) / length, DIGITS)
}

/// Returns the hour of the week with the most talk per hour watched, its neighbours counting half.
fn busiest_hour(window: &Window, outages: &Outages, episodes: &[episodes::Episode]) -> u32 {
    let mut counts = [0.0; WEEK_HOURS as usize];
    for secs in episodes.iter().flat_map(|episode| &episode.at_secs) {
        let hour = calendar::week_hour(window.week_secs(*secs));
        if let Some(count) = counts.get_mut(hour as usize) {
            *count += 1.0;
        }
    }
    let watched = calendars::watched_by_week_hour(window, outages);
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

/// Returns what the trace tells about those who did not show themselves, and what has to be assumed.
fn population(window: &Window, events: &[Event], users: &[UserTimeline]) -> Population {
    let present_secs: f64 = users.iter().map(UserTimeline::present_secs).sum();
    let members = number::rounded(present_secs / f64::from(window.secs), DIGITS);
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

    /// Returns when an event is, in seconds from the window's start, not moved inside its tick.
    pub(crate) fn secs(window: &Window, event: &Event) -> f64 {
        number::secs_of_nanos((event.at_us - window.start_us) * 1_000)
    }
}
