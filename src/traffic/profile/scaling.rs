//! A bigger profile: copies of a profile's people, each with channels of its own or all in the same ones.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use rand::Rng;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use thiserror::Error;

use crate::traffic::profile::Population;
use crate::traffic::profile::Profile;
use crate::traffic::profile::churn::COPY_JITTER_SECS;
use crate::traffic::profile::distribution::uniform;
use crate::traffic::profile::number;
use crate::traffic::profile::parameter::Parameter;
use crate::traffic::profile::resident::Resident;
use crate::traffic::profile::resident::Visit;
use crate::traffic::profile::talk::ChannelRow;
use crate::traffic::profile::talk::Speaker;

/// Residents of a scaled profile: as many as the tables of a profile may have users.
const RESIDENTS_MAX: u64 = 1_000_000;

/// Channels of a scaled profile: as many as a profile's table may have.
const CHANNELS_MAX: u64 = 1_000_000;

/// Speakers of all channels of a scaled profile, some sixty bytes each.
const SPEAKERS_MAX: u64 = 10_000_000;

/// Exponent by which a channel that is k times as hot has more speakers. From one channel's growth over the years, as the
/// exponents of starts, sizes and gaps are.
const SPEAKER_EXPONENT: f64 = 0.64;

/// How a scaled profile's copies share the channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleBy {
    /// Each copy has its own copy of the channels: a bigger network.
    Channels,
    /// All sit in the same channels, which say what they said: what a bouncer or a roster carries.
    Overlap,
}

impl ScaleBy {
    /// Every way, in the order of the help.
    pub const ALL: [Self; 2] = [Self::Channels, Self::Overlap];

    /// Returns the word for it in profiles.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Channels => "channels",
            Self::Overlap => "overlap",
        }
    }
}

/// When the mass events of a scaled profile's copies happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MassEvents {
    /// All copies are hit at the same moment, as much of each: the worst for a server, and for the whole network a burst that no
    /// capture had.
    #[default]
    Together,
    /// Each copy has them at moments of its own, as its coupled cohorts come and go: the whole network is as bursty as the capture.
    Apart,
}

impl MassEvents {
    /// Every choice, in the order of the help.
    pub const ALL: [Self; 2] = [Self::Together, Self::Apart];

    /// Returns the word for it in profiles.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Together => "together",
            Self::Apart => "apart",
        }
    }
}

/// How a profile was made bigger.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    /// The name of the profile that was scaled.
    pub from: String,
    /// How the copies share the channels.
    pub by: ScaleBy,
    /// How many times as many connections there are; at least one.
    pub times: Parameter<f64>,
    /// Longest time by which copies of a cohort lie apart, in seconds.
    pub jitter_secs: Parameter<f64>,
    /// What all draws follow from.
    pub seed: u64,
    /// When the copies' mass events happen.
    pub mass_events: MassEvents,
    /// Channels that talk more than the tables say, by number of the scaled profile, and how many times as much.
    pub hot: BTreeMap<u32, Parameter<f64>>,
}

impl Scaling {
    /// Returns a scaling of which everything is assumed, with the jitter that a run's own copies have and mass events together.
    pub fn assumed(
        from: &str,
        by: ScaleBy,
        times: f64,
        seed: u64,
        hot: BTreeMap<u32, f64>,
    ) -> Self {
        let hot = hot.into_iter();
        Self {
            from: from.to_owned(),
            by,
            times: Parameter::Assumed(times),
            jitter_secs: Parameter::Assumed(COPY_JITTER_SECS),
            seed,
            mass_events: MassEvents::default(),
            hot: hot
                .map(|(channel, factor)| (channel, Parameter::Assumed(factor)))
                .collect(),
        }
    }

    /// Returns the names of what scaling assumes, as `profile.toml` has them, and whether it was measured.
    pub(crate) fn standing(&self) -> Vec<(&'static str, bool)> {
        let mut standing = vec![
            ("scaling.times", self.times.is_fitted()),
            ("scaling.jitter_secs", self.jitter_secs.is_fitted()),
            // Nobody has seen that what hits one part of a network hits as much of every other; nor that it hits no other.
            ("scaling.mass_events", false),
        ];
        if !self.hot.is_empty() {
            let is_fitted = self.hot.values().all(|factor| factor.is_fitted());
            standing.push(("scaling.hot", is_fitted));
        }
        standing
    }
}

/// Why a profile can't be made bigger so.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ScaleError {
    /// The profile is scaled already.
    #[error("expected a profile as it was fitted, found one that is scaled")]
    Scaled,
    /// The profile has nobody to copy.
    #[error("expected a profile with connections, found none")]
    Empty,
    /// It would not become bigger.
    #[error("expected at least 1 times the connections, found {0}")]
    Smaller(f64),
    /// There would be too many.
    #[error("expected at most {limit} {what}, found {count}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there would be.
        count: u64,
        /// How many there may be.
        limit: u64,
    },
    /// A hot channel is none of the scaled profile's.
    #[error("expected a channel below {count}, found {channel}")]
    NoChannel {
        /// The number that was named.
        channel: u32,
        /// Channels of the scaled profile.
        count: usize,
    },
}

impl ScaleError {
    /// Returns what to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Scaled => "scale the profile from which it was made",
            Self::Empty => "fit a trace in which people come and go",
            Self::Smaller(_) => {
                "a run takes a part of a profile by itself: set population.users in its scenario"
            }
            Self::TooMany { .. } => "scale it less",
            Self::NoChannel { .. } => {
                "channels are numbered from 0, copy by copy; the first ones are those of the capture"
            }
        }
    }
}

/// What a scaled profile keeps of the one that was scaled.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scaled {
    pub(crate) scaling: Scaling,
    /// The channels of the tables.
    pub(crate) channels: Vec<ChannelRow>,
    /// The population of the tables.
    pub(crate) population: Population,
    /// Who sits in hot channels of others, by resident.
    pub(crate) visits: BTreeMap<u32, Vec<Visit>>,
}

impl Profile {
    /// Returns the number of connections that the tables hold: users who are ever there.
    pub fn connection_count(&self) -> u32 {
        let users = self.users.iter().filter(|user| !user.stays.is_empty());
        u32::try_from(users.count()).unwrap_or(u32::MAX)
    }

    /// Returns this profile, made bigger, under another name.
    ///
    /// What is the same for all copies is held once: the tables of stays and of talk.
    ///
    /// # Errors
    ///
    /// When the profile is scaled already, has nobody in it, would not grow or would grow beyond a million.
    pub fn scaled(self, name: String, scaling: Scaling) -> Result<Self, ScaleError> {
        if self.scaled.is_some() {
            return Err(ScaleError::Scaled);
        }
        let times = scaling.times.value();
        if times.is_nan() || times < 1.0 {
            return Err(ScaleError::Smaller(times));
        }
        let own_count = self.connection_count();
        if own_count == 0 {
            return Err(ScaleError::Empty);
        }
        // Beyond 32 bits the conversion saturates, which is too many as well.
        let count = number::whole(libm::round(times * f64::from(own_count)));
        let copy_count = u64::from(count.div_ceil(own_count));
        check("users", copy_count, self.users.len(), RESIDENTS_MAX)?;
        if scaling.by == ScaleBy::Channels {
            check("channels", copy_count, self.channels.len(), CHANNELS_MAX)?;
            let speakers = self.channels.iter().map(|row| row.speakers.len()).sum();
            check("speakers", copy_count, speakers, SPEAKERS_MAX)?;
        }
        let mut copying = Copying::new(&self, &scaling);
        for copy in 0..count.div_ceil(own_count) {
            let taken = (count - copy * own_count).min(own_count);
            copying.copy(copy, taken, taken < own_count);
        }
        for (&channel, factor) in &scaling.hot {
            copying.heat(channel, factor.value())?;
        }
        let Copying {
            residents,
            channels,
            visits,
            ..
        } = copying;
        let mut population = self.population;
        if scaling.by == ScaleBy::Overlap {
            population.members_per_channel = Parameter::Assumed(
                population.members_per_channel.value() * f64::from(count) / f64::from(own_count),
            );
        }
        Ok(Self {
            name,
            residents,
            channels,
            population,
            // What the capture's weeks were like says nothing of a bigger network's.
            weekly: None,
            // Copies say in other channels what the capture's own people said; nor has anybody checked them.
            blocks: None,
            scores: None,
            scaled: Some(Scaled {
                scaling,
                channels: self.channels,
                population: self.population,
                visits,
            }),
            ..self
        })
    }
}

fn check(what: &'static str, copies: u64, each: usize, limit: u64) -> Result<(), ScaleError> {
    let count = copies.saturating_mul(each as u64);
    if count > limit {
        return Err(ScaleError::TooMany { what, count, limit });
    }
    Ok(())
}

/// Copies under way.
struct Copying<'a> {
    profile: &'a Profile,
    scaling: &'a Scaling,
    rng: Xoshiro256PlusPlus,
    residents: Vec<Resident>,
    channels: Vec<ChannelRow>,
    visits: BTreeMap<u32, Vec<Visit>>,
    /// For each copy the resident who leads each user's life.
    places: Vec<BTreeMap<u32, u32>>,
    /// What is added to the cohorts of each next copy.
    cohort_count: u32,
}

impl<'a> Copying<'a> {
    fn new(profile: &'a Profile, scaling: &'a Scaling) -> Self {
        let cohorts = profile.users.iter().map(|user| user.cohort);
        Self {
            profile,
            scaling,
            rng: Xoshiro256PlusPlus::seed_from_u64(scaling.seed),
            residents: Vec::new(),
            channels: Vec::new(),
            visits: BTreeMap::new(),
            places: Vec::new(),
            cohort_count: cohorts.max().map_or(0, |most| most.saturating_add(1)),
        }
    }

    /// Adds a copy of everybody, or of random cohorts until `count` connections are there.
    fn copy(&mut self, copy: u32, count: u32, is_part: bool) {
        let profile = self.profile;
        let is_overlap = self.scaling.by == ScaleBy::Overlap && copy > 0;
        let taken = is_part.then(|| self.part(count));
        let channel_count = u32::try_from(profile.channels.len()).unwrap_or(u32::MAX);
        let mut jitters: BTreeMap<u32, f64> = BTreeMap::new();
        let mut places: BTreeMap<u32, u32> = BTreeMap::new();
        for (user, timeline) in (0..).zip(&profile.users) {
            // The first copy is the capture's own people.
            let jitter_secs = match (copy, jitters.get(&timeline.cohort)) {
                (0, _) => 0.0,
                (_, Some(&jitter_secs)) => jitter_secs,
                _ => uniform(self.rng.next_u64()) * self.scaling.jitter_secs.value(),
            };
            jitters.insert(timeline.cohort, jitter_secs);
            let is_service = timeline.stays.is_empty();
            // A service serves a channel, and nobody serves one twice.
            let is_left_out = match &taken {
                _ if is_service => is_overlap,
                Some(taken) => !taken.contains(&user),
                None => false,
            };
            if is_left_out {
                continue;
            }
            let place = u32::try_from(self.residents.len()).unwrap_or(u32::MAX);
            places.insert(user, place);
            self.residents.push(Resident {
                user,
                cohort: timeline
                    .cohort
                    .saturating_add(copy.saturating_mul(self.cohort_count)),
                copy,
                jitter_secs,
                first_channel: if is_overlap {
                    0
                } else {
                    copy.saturating_mul(channel_count)
                },
                is_listener: is_overlap,
            });
        }
        if !is_overlap {
            let rows = profile.channels.iter().map(|row| copied(row, &places));
            self.channels.extend(rows);
        }
        self.places.push(places);
    }

    /// Returns `count` connections, cohort by random cohort; one that does not fit comes in part if nothing else is left.
    fn part(&mut self, count: u32) -> BTreeSet<u32> {
        let mut cohorts: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (user, timeline) in (0..).zip(&self.profile.users) {
            if !timeline.stays.is_empty() {
                cohorts.entry(timeline.cohort).or_default().push(user);
            }
        }
        // The jitter of other copies does not depend on whether there is a part.
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(!self.scaling.seed);
        let mut order: Vec<(u64, Vec<u32>)> = cohorts
            .into_values()
            .map(|members| (rng.next_u64(), members))
            .collect();
        order.sort_unstable();
        let mut taken: BTreeSet<u32> = BTreeSet::new();
        let mut left = count as usize;
        let mut too_large: Vec<Vec<u32>> = Vec::new();
        for (_, members) in order {
            if members.len() <= left {
                left -= members.len();
                taken.extend(members);
            } else {
                too_large.push(members);
            }
        }
        taken.extend(too_large.into_iter().flatten().take(left));
        taken
    }

    /// Makes a channel hotter: it talks more, and more people talk in it.
    fn heat(&mut self, channel: u32, factor: f64) -> Result<(), ScaleError> {
        let count = self.channels.len();
        let own_count = self.profile.channels.len().max(1);
        let is_overlap = self.scaling.by == ScaleBy::Overlap;
        let copy = channel as usize / own_count;
        let home = channel as usize % own_count;
        let missing = ScaleError::NoChannel { channel, count };
        let (Some(row), Some(own)) = (
            self.channels.get_mut(channel as usize),
            self.profile.channels.get(home),
        ) else {
            return Err(missing);
        };
        row.heat *= factor;
        row.rate *= factor;
        let grown = libm::pow(factor, SPEAKER_EXPONENT) - 1.0;
        let wanted =
            number::whole(libm::round(grown * number::real(row.speakers.len())).max(0.0)) as usize;
        let mut others: Vec<(u64, Speaker)> = Vec::new();
        for (_, places) in (0..).zip(&self.places).filter(|&(other, _)| other != copy) {
            for speaker in &own.speakers {
                if let Some(&user) = places.get(&speaker.user) {
                    others.push((self.rng.next_u64(), Speaker { user, ..*speaker }));
                }
            }
        }
        others.sort_unstable_by_key(|&(draw, _)| draw);
        for (_, speaker) in others.into_iter().take(wanted) {
            row.speakers.push(speaker);
            if !is_overlap {
                self.visits.entry(speaker.user).or_default().push(Visit {
                    home: u32::try_from(home).unwrap_or(u32::MAX),
                    channel,
                });
            }
        }
        row.speakers.sort_by_key(|speaker| speaker.user);
        share_out(&mut row.speakers);
        Ok(())
    }
}

/// Returns a channel with those of its speakers who are copied: where some are not, what they said is not said.
fn copied(row: &ChannelRow, places: &BTreeMap<u32, u32>) -> ChannelRow {
    let speakers = row.speakers.iter().filter_map(|speaker| {
        let &user = places.get(&speaker.user)?;
        Some(Speaker { user, ..*speaker })
    });
    let mut speakers: Vec<Speaker> = speakers.collect();
    if speakers.len() == row.speakers.len() {
        return ChannelRow {
            speakers,
            ..row.clone()
        };
    }
    let said = |speakers: &[Speaker]| speakers.iter().map(|speaker| speaker.share).sum::<f64>();
    let share = said(&speakers) / said(&row.speakers).max(f64::MIN_POSITIVE);
    share_out(&mut speakers);
    ChannelRow {
        talk: row.talk,
        heat: row.heat * share,
        rate: row.rate * share,
        speakers,
    }
}

/// Lets the shares of a channel's speakers sum to one.
fn share_out(speakers: &mut [Speaker]) {
    let sum: f64 = speakers.iter().map(|speaker| speaker.share).sum();
    if sum > 0.0 {
        for speaker in speakers {
            speaker.share /= sum;
        }
    }
}

#[cfg(test)]
mod tests;
