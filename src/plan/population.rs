//! The population: whose life each user leads, and who is in which channel.

mod behind;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::plan::PlanError;
use crate::plan::names::NAME_COUNT_MAX;
use crate::plan::script::Script;
use crate::plan::streams::ID_COUNT_MAX;
use crate::plan::streams::Purpose;
use crate::plan::streams::StreamId;
use crate::plan::streams::Streams;
use crate::plan::streams::below;
use crate::plan::timeline;
use crate::scenario::Scenario;
use crate::scenario::phase::Begins;
use crate::scenario::phase::Commands;
use crate::scenario::phase::Pace;
use crate::scenario::phase::Phase;
use crate::scenario::phase::PhaseKind;
use crate::traffic::profile::Profile;
use crate::traffic::profile::churn::Commons;
use crate::traffic::profile::churn::Copied;
use crate::traffic::profile::churn::Identity;
use crate::traffic::profile::churn::Life;
use crate::traffic::profile::distribution::normal;
use crate::units::id::ChannelId;
use crate::units::id::PhaseId;
use crate::units::id::ServerId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// Copies of a profile's people: a stream's number has room for their numbers.
const COPIES_MAX: u32 = ID_COUNT_MAX - 1;
/// Users drawn after whom nobody was online at the start: the profile can't fill a run.
const DRAWS_MAX: u32 = 100_000;
/// Spread of channel sizes: σ of the logarithm (assumed; live networks have a few large channels and many small ones).
const CHANNEL_SIZE_SIGMA: f64 = 0.8;
/// Fewest members of a channel: alone nobody talks.
const CHANNEL_MEMBERS_MIN: u32 = 2;

/// Whose life a user leads.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// Which copy of which of the profile's users.
    pub identity: Identity,
    /// Whether this user is online when the run starts.
    pub is_online_at_start: bool,
    /// What the user does in the profile's channels, mass events of the profile laid over.
    pub life: Life,
}

/// Everybody who is online at some time of the run.
#[derive(Clone, Debug)]
pub struct People {
    /// By user identifier.
    pub people: Vec<Person>,
}

impl People {
    /// Draws copies of cohorts until as many as asked for are online when the run starts; those who come later come along.
    pub(crate) fn draw(
        scenario: &Scenario,
        profile: &Profile,
        streams: &Streams,
    ) -> Result<Self, PlanError> {
        let wanted = scenario.population.users;
        let deserted = || PlanError::Deserted {
            profile: profile.name().to_owned(),
            users: wanted,
        };
        let horizon_secs = timeline::horizon(scenario).as_secs_f64();
        let week_secs = f64::from(start_week_sec(scenario, profile));
        let cohorts = cohorts(profile);
        let mut incident_rng = streams.rng(StreamId::of_user(Purpose::Incident, 0, UserId(0)));
        // Whom mass events hit moves with them, as far as cohorts are coupled.
        let incidents = profile.rotation(0, &mut incident_rng, week_secs, horizon_secs);
        let mut commons = Commons::from([(Copied::FIRST, incidents)]);
        let mut people: Vec<Person> = Vec::with_capacity(wanted as usize);
        let mut online = 0;
        let mut draws = 0;
        for copy in 0..COPIES_MAX {
            let before = online;
            for (part, cohort) in shuffled(&cohorts, copy, streams) {
                // Each copy within a scaled profile moves together by itself.
                let copied = Copied {
                    by_run: copy,
                    by_profile: part,
                };
                let common = commons.entry(copied).or_insert_with(|| {
                    let stream = StreamId::of_user(Purpose::Incident, copy + 1, UserId(part));
                    let mut rng = streams.rng(stream);
                    profile.rotation(copy, &mut rng, week_secs, horizon_secs)
                });
                let stream = StreamId::of_user(Purpose::Identity, copy + 1, UserId(cohort));
                let mut rng = streams.rng(stream);
                let rotation =
                    profile.cohort_rotation(copy, common, &mut rng, week_secs, horizon_secs);
                for &user in cohorts.get(&(part, cohort)).into_iter().flatten() {
                    draws += 1;
                    let life = profile.life(user, &rotation, horizon_secs);
                    let Some(first) = life.stays.first() else {
                        continue;
                    };
                    let is_online_at_start = first.start_secs <= 0.0;
                    people.push(Person {
                        identity: Identity { copy, user },
                        is_online_at_start,
                        life,
                    });
                    online += u32::from(is_online_at_start);
                    if people.len() > NAME_COUNT_MAX as usize {
                        let count = people.len() as u64;
                        return Err(PlanError::TooMany {
                            what: "users",
                            count,
                            limit: u64::from(NAME_COUNT_MAX),
                        });
                    }
                    if online == wanted {
                        let mut people = Self { people };
                        people.strike(profile, &commons, &mut incident_rng, horizon_secs);
                        return Ok(people);
                    }
                }
            }
            if online == before && draws > DRAWS_MAX {
                break;
            }
        }
        Err(deserted())
    }

    /// Lets the profile's mass events hit the people.
    fn strike(
        &mut self,
        profile: &Profile,
        commons: &Commons,
        rng: &mut Xoshiro256PlusPlus,
        horizon_secs: f64,
    ) {
        let people = self.people.iter();
        let who: Vec<Identity> = people.map(|person| person.identity).collect();
        let people = self.people.iter_mut();
        let mut lives: Vec<Life> = people
            .map(|person| std::mem::take(&mut person.life))
            .collect();
        profile.strike(&who, &mut lives, commons, rng, horizon_secs);
        for (person, life) in self.people.iter_mut().zip(lives) {
            person.life = life;
        }
    }
}

/// Returns the members of each cohort, by the profile's copy and the cohort.
fn cohorts(profile: &Profile) -> BTreeMap<(u32, u32), Vec<u32>> {
    let mut cohorts: BTreeMap<(u32, u32), Vec<u32>> = BTreeMap::new();
    for (index, resident) in (0..).zip(profile.residents()) {
        let timeline = profile.users().get(resident.user as usize);
        if timeline.is_some_and(|timeline| !timeline.stays.is_empty()) {
            cohorts
                .entry((resident.copy, resident.cohort))
                .or_default()
                .push(index);
        }
    }
    cohorts
}

/// Returns the cohorts in the order in which they take part in a copy: one copy within a scaled profile after another, so that
/// whoever takes part is among their own.
fn shuffled(
    cohorts: &BTreeMap<(u32, u32), Vec<u32>>,
    copy: u32,
    streams: &Streams,
) -> Vec<(u32, u32)> {
    let mut rng = streams.rng(StreamId::of_user(Purpose::Identity, 0, UserId(copy)));
    let mut order: Vec<(u32, u64, u32)> = cohorts
        .keys()
        .map(|&(part, cohort)| (part, rng.next_u64(), cohort))
        .collect();
    order.sort_unstable();
    order
        .into_iter()
        .map(|(part, _, cohort)| (part, cohort))
        .collect()
}

/// Returns the second of the week at which the run starts.
pub fn start_week_sec(scenario: &Scenario, profile: &Profile) -> u32 {
    scenario
        .starts
        .map_or(profile.busiest_hour() * 3_600, |moment| moment.0)
}

/// Who takes part and where.
#[derive(Clone, Debug)]
pub struct Population {
    /// By user identifier.
    pub people: Vec<Person>,
    /// The server on which each user sits; 0 is the one that every split leaves with the larger part.
    pub sides: Arc<[ServerId]>,
    /// The phases whose storms fill a channel of their own; those channels come last, and nobody talks in them.
    storms: Vec<PhaseId>,
    /// Channels of the profile whose people take part.
    copied_count: u32,
    /// Members of all channels, one channel after another.
    members: Vec<UserId>,
    member_bounds: Vec<u32>,
    /// Channels of all users, one user after another.
    channels: Vec<ChannelId>,
    channel_bounds: Vec<u32>,
}

impl Population {
    pub(crate) fn new(
        scenario: &Scenario,
        profile: &Profile,
        people: People,
        streams: &Streams,
    ) -> Result<Self, PlanError> {
        let people = people.people;
        let user_count = u32::try_from(people.len()).unwrap_or(u32::MAX);
        let channel_count = scenario.population.channels;
        if channel_count > NAME_COUNT_MAX {
            let count = u64::from(channel_count);
            return Err(PlanError::TooMany {
                what: "channels",
                count,
                limit: u64::from(NAME_COUNT_MAX),
            });
        }
        // Those who come later are members too, so that a channel keeps its size while people change.
        let scale = f64::from(user_count) / f64::from(scenario.population.users);
        let mean = scenario.population.members_per_channel * scale;
        if mean > f64::from(user_count) {
            return Err(crowded(scenario));
        }
        let mut crowds = crowds(profile, &people);
        // Copies of the channels to which nobody has come are nobody's: theirs are the first ones again.
        let peopled = crowds.iter().rposition(|crowd| !crowd.is_empty());
        let copies = peopled.map_or(1, |last| last / profile.own_channel_count().max(1) + 1);
        crowds.truncate(copies.saturating_mul(profile.own_channel_count()));
        let mut members = Vec::new();
        let mut member_bounds = vec![0];
        let mut channel_counts = vec![0u32; people.len()];
        for channel in (0..channel_count).map(ChannelId) {
            let start = members.len();
            let copied = channel.0 as usize % crowds.len().max(1);
            let crowd = crowds.get(copied).map_or(&[][..], Vec::as_slice);
            draw_members(channel, mean, crowd, user_count, streams, &mut members);
            for member in &members[start..] {
                channel_counts[member.index()] += 1;
            }
            member_bounds.push(u32::try_from(members.len()).unwrap_or(u32::MAX));
        }
        let (channels, channel_bounds) = by_user(&members, &member_bounds, &channel_counts);
        let mut storms = storms(scenario, user_count, streams);
        for (_, crowd) in &mut storms {
            members.append(crowd);
            member_bounds.push(u32::try_from(members.len()).unwrap_or(u32::MAX));
        }
        Ok(Self {
            sides: sides(scenario, user_count, streams),
            storms: storms.into_iter().map(|(phase, _)| phase).collect(),
            copied_count: u32::try_from(crowds.len()).unwrap_or(u32::MAX),
            people,
            members,
            member_bounds,
            channels,
            channel_bounds,
        })
    }

    /// Returns those whom a script names, in the channels in which it ever has them.
    pub(crate) fn of_script(script: &Script) -> Self {
        let person = |&is_online_at_start| Person {
            identity: Identity { copy: 0, user: 0 },
            is_online_at_start,
            life: Life::default(),
        };
        let people: Vec<Person> = script.online_at_start().iter().map(person).collect();
        let mut members = Vec::new();
        let mut member_bounds = vec![0];
        let mut channel_counts = vec![0u32; people.len()];
        for channel in script.members() {
            for &user in channel {
                members.push(user);
                channel_counts[user.index()] += 1;
            }
            member_bounds.push(u32::try_from(members.len()).unwrap_or(u32::MAX));
        }
        let (channels, channel_bounds) = by_user(&members, &member_bounds, &channel_counts);
        Self {
            sides: vec![ServerId(0); people.len()].into(),
            storms: Vec::new(),
            copied_count: 0,
            people,
            members,
            member_bounds,
            channels,
            channel_bounds,
        }
    }

    /// Returns the number of users.
    pub fn user_count(&self) -> u32 {
        u32::try_from(self.people.len()).unwrap_or(u32::MAX)
    }

    /// Returns the number of channels.
    pub fn channel_count(&self) -> u32 {
        u32::try_from(self.member_bounds.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// Returns the channels in which the profile talks.
    pub fn talking_channels(&self) -> impl Iterator<Item = ChannelId> + use<> {
        let storm_count = u32::try_from(self.storms.len()).unwrap_or(u32::MAX);
        (0..self.channel_count().saturating_sub(storm_count)).map(ChannelId)
    }

    /// Returns the channels that storms fill.
    pub fn storm_channels(&self) -> impl Iterator<Item = ChannelId> + use<> {
        let first = self.talking_channels().count();
        let first = u32::try_from(first).unwrap_or(u32::MAX);
        (first..self.channel_count()).map(ChannelId)
    }

    /// Returns the channel that a phase's storm fills, if it is one.
    pub fn storm_channel(&self, phase: PhaseId) -> Option<ChannelId> {
        let place = self.storms.iter().position(|&storm| storm == phase)?;
        self.storm_channels().nth(place)
    }

    /// Returns the number of the profile's channel that a channel is a copy of.
    pub fn copied(&self, channel: ChannelId) -> u32 {
        channel.0 % self.copied_count.max(1)
    }

    /// Returns the members of a channel, by user.
    pub fn members(&self, channel: ChannelId) -> &[UserId] {
        let (start, end) = (
            self.member_bounds[channel.index()],
            self.member_bounds[channel.index() + 1],
        );
        &self.members[start as usize..end as usize]
    }

    /// Returns the channels of a user, in order.
    pub fn channels(&self, user: UserId) -> &[ChannelId] {
        let (start, end) = (
            self.channel_bounds[user.index()],
            self.channel_bounds[user.index() + 1],
        );
        &self.channels[start as usize..end as usize]
    }

    /// Returns the number of memberships.
    pub fn membership_count(&self) -> usize {
        self.members.len()
    }
}

fn crowded(scenario: &Scenario) -> PlanError {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive number for an error text"
    )]
    let members = scenario.population.members_per_channel as u64;
    PlanError::Crowded {
        members,
        users: scenario.population.users,
    }
}

/// Name of the phase in which those who were there at the start arrive.
const RAMP: &str = "ramp";
/// Name of the phase in which a trace is played.
const REPLAY: &str = "replay";

/// Lets a scenario say what its script does.
pub(crate) fn fit_scenario(scenario: &mut Scenario, script: &Script, population: &Population) {
    let online = script.online_count();
    let ramp_lasts = script.options().ramp.due(online);
    scenario.population.users = u32::try_from(online).unwrap_or(u32::MAX);
    scenario.population.channels = script.channel_count();
    let joined = (0..script.channel_count())
        .map(|channel| population.members(ChannelId(channel)).len() as u64)
        .sum::<u64>();
    #[expect(clippy::cast_precision_loss, reason = "a mean for people to read")]
    let mean = joined as f64 / f64::from(script.channel_count().max(1));
    scenario.population.members_per_channel = mean;
    scenario.population.private_share = 0.0;
    scenario.heat = 1.0;
    scenario.starts = None;
    scenario.phases = vec![
        Phase {
            name: RAMP.to_owned(),
            kind: PhaseKind::Ramp {
                pace: Pace::Rate(script.options().ramp),
            },
            begins: Begins::AtStart,
            commands: Commands::default(),
        },
        Phase {
            name: REPLAY.to_owned(),
            kind: PhaseKind::Steady {
                duration: script.ends().since(Offset::ZERO + ramp_lasts),
            },
            begins: Begins::After(PhaseId(0), Duration::ZERO),
            commands: Commands::default(),
        },
    ];
}

/// Returns for each of the profile's channels those who are ever in it, cohort by cohort.
fn crowds(profile: &Profile, people: &[Person]) -> Vec<Vec<Vec<UserId>>> {
    let mut crowds: Vec<BTreeMap<(u32, u32), Vec<UserId>>> =
        vec![BTreeMap::new(); profile.channels().len()];
    for (user, person) in (0..).map(UserId).zip(people) {
        let resident = profile.residents().get(person.identity.user as usize);
        let cohort = resident.map_or(0, |resident| resident.cohort);
        let mut channels: Vec<u32> = person.life.stays.iter().map(|stay| stay.channel).collect();
        channels.sort_unstable();
        channels.dedup();
        for channel in channels {
            if let Some(crowd) = crowds.get_mut(channel as usize) {
                crowd
                    .entry((person.identity.copy, cohort))
                    .or_default()
                    .push(user);
            }
        }
    }
    crowds
        .into_iter()
        .map(|crowd| crowd.into_values().collect())
        .collect()
}

/// Draws a channel's size and that many members, cohort by cohort of its crowd, in order: who comes and goes as one is together
/// in channels too.
fn draw_members(
    channel: ChannelId,
    mean: f64,
    crowd: &[Vec<UserId>],
    user_count: u32,
    streams: &Streams,
    members: &mut Vec<UserId>,
) {
    let mut rng = streams.rng(StreamId::of_channel(Purpose::Membership, channel));
    // A lognormal of mean one, so that the sizes' mean is the one asked for.
    let spread = libm::exp(
        CHANNEL_SIZE_SIGMA * normal(rng.next_u64()) - CHANNEL_SIZE_SIGMA * CHANNEL_SIZE_SIGMA / 2.0,
    );
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to a u32 range just before"
    )]
    let size = (mean * spread).clamp(0.0, f64::from(user_count)).round() as u32;
    let size = size.max(CHANNEL_MEMBERS_MIN).min(user_count) as usize;
    let total: usize = crowd.iter().map(Vec::len).sum();
    let mut chosen: BTreeSet<UserId> = BTreeSet::new();
    if total <= size {
        chosen.extend(crowd.iter().flatten());
    }
    let cohort_count = u32::try_from(crowd.len()).unwrap_or(u32::MAX);
    while chosen.len() < size.min(total) {
        let cohort = &crowd[below(rng.next_u64(), cohort_count) as usize];
        let room = size - chosen.len();
        // A cohort that does not fit comes in part, beginning with any of its own.
        let first = below(
            rng.next_u64(),
            u32::try_from(cohort.len()).unwrap_or(u32::MAX),
        ) as usize;
        let fresh = cohort[first..]
            .iter()
            .chain(&cohort[..first])
            .filter(|user| !chosen.contains(user));
        let fresh: Vec<UserId> = fresh.copied().take(room).collect();
        chosen.extend(fresh);
    }
    members.extend(chosen);
}

fn by_user(
    members: &[UserId],
    member_bounds: &[u32],
    channel_counts: &[u32],
) -> (Vec<ChannelId>, Vec<u32>) {
    let mut bounds = vec![0u32; channel_counts.len() + 1];
    for (user, count) in channel_counts.iter().enumerate() {
        bounds[user + 1] = bounds[user] + count;
    }
    let mut next = bounds.clone();
    let mut channels = vec![ChannelId(0); members.len()];
    for (channel, bound) in (0u32..).zip(member_bounds.windows(2)) {
        for member in &members[bound[0] as usize..bound[1] as usize] {
            channels[next[member.index()] as usize] = ChannelId(channel);
            next[member.index()] += 1;
        }
    }
    (channels, bounds)
}

/// Returns the server on which each user sits: the first behind whose link it is, or the hub.
fn sides(scenario: &Scenario, user_count: u32, streams: &Streams) -> Arc<[ServerId]> {
    let links: Vec<(ServerId, f64)> = (1u16..)
        .map(ServerId)
        .zip(&scenario.servers)
        .filter(|&(server, _)| {
            let mut phases = scenario.phases.iter();
            phases.any(|phase| phase.kind.far_link() == Some(server))
        })
        .map(|(server, declared)| (server, declared.fraction))
        .collect();
    let side = |user| {
        let behind = links.iter().find(|&&(server, fraction)| {
            timeline::is_behind(scenario, streams, server, fraction, UserId(user))
        });
        behind.map_or(ServerId(0), |&(server, _)| server)
    };
    (0..user_count).map(side).collect()
}

/// Returns the channels that storms fill, with those who come: one for each such phase.
fn storms(scenario: &Scenario, user_count: u32, streams: &Streams) -> Vec<(PhaseId, Vec<UserId>)> {
    let phases = (0u16..).map(PhaseId).zip(&scenario.phases);
    let crowd = |phase: PhaseId, fraction| {
        let users = (0..user_count).map(UserId);
        users
            .filter(|&user| timeline::is_hit(streams, u32::from(phase.0), user, fraction))
            .collect()
    };
    phases
        .filter_map(|(phase, declared)| match declared.kind {
            PhaseKind::JoinStorm { fraction, .. } => Some((phase, crowd(phase, fraction))),
            _ => None,
        })
        .collect()
}
