//! The population: which profile user each of ours follows, from where in the profile's cycle, and who is in which channel.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;

use crate::plan::PlanError;
use crate::plan::names::NAME_COUNT_MAX;
use crate::plan::script::Script;
use crate::plan::streams::Purpose;
use crate::plan::streams::StreamId;
use crate::plan::streams::Streams;
use crate::plan::streams::below;
use crate::plan::timeline;
use crate::scenario::Scenario;
use crate::scenario::phase::Begins;
use crate::scenario::phase::Phase;
use crate::scenario::phase::PhaseKind;
use crate::scenario::phase::SplitBy;
use crate::traffic::profile::Profile;
use crate::traffic::profile::distribution::normal;
use crate::traffic::profile::talk::TalkKind;
use crate::units::id::ChannelId;
use crate::units::id::PhaseId;
use crate::units::id::ServerId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// Most identities drawn per user asked for. A profile in which fewer than one in a hundred are online at the start can't fill a run.
const DRAWS_PER_USER_MAX: u32 = 100;
/// Spread of channel sizes: σ of the logarithm (assumed; live networks have a few large channels and many small ones).
const CHANNEL_SIZE_SIGMA: f64 = 0.8;
/// Fewest members of a channel: alone nobody talks.
const CHANNEL_MEMBERS_MIN: u32 = 2;
/// Share of the mean weight that everybody has as a speaker beside their own, since anybody may speak.
const WEIGHT_FLOOR: f64 = 0.05;

/// Whose timeline a user follows, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// Index of the profile's user.
    pub profile_user: u32,
    /// The second of the profile's cycle that lies at the start of the run.
    pub cycle_sec: u32,
    /// Whether this user is online when the run starts.
    pub is_online_at_start: bool,
}

/// Everybody who is online at some time of the run.
#[derive(Clone, Debug)]
pub struct People {
    /// By user identifier.
    pub people: Vec<Person>,
}

impl People {
    /// Draws people until as many as asked for are online when the run starts; those who come later come along.
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
        let user_count = u32::try_from(profile.users().len()).unwrap_or(u32::MAX);
        if user_count == 0 {
            return Err(deserted());
        }
        let horizon_secs = timeline::horizon(scenario).as_secs_f64();
        let rotation = profile.rotation_secs();
        let turns = (profile.cycle_secs() / rotation).max(1);
        let start_sec = start_in_cycle(scenario, profile);
        let mut people = Vec::with_capacity(wanted as usize);
        let mut online = 0;
        for draw in 0..wanted.saturating_mul(DRAWS_PER_USER_MAX) {
            let mut rng = streams.rng(StreamId::of_user(Purpose::Identity, 0, UserId(draw)));
            let profile_user = below(rng.next_u64(), user_count);
            let cycle_sec =
                (start_sec + below(rng.next_u64(), turns) * rotation) % profile.cycle_secs();
            let Some(user) = profile.users().get(profile_user as usize) else {
                continue;
            };
            let mut stays =
                timeline::stays_of(user, profile.cycle_secs(), cycle_sec, horizon_secs).peekable();
            let Some(first) = stays.peek() else { continue };
            let is_online_at_start = first.from_secs <= 0.0;
            people.push(Person {
                profile_user,
                cycle_sec,
                is_online_at_start,
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
                return Ok(Self { people });
            }
        }
        Err(deserted())
    }
}

/// Returns the second of the profile's cycle at which a run that starts at the scenario's hour begins, for rotation zero.
fn start_in_cycle(scenario: &Scenario, profile: &Profile) -> u32 {
    let week_sec = start_week_sec(scenario, profile);
    let rotation = profile.rotation_secs();
    (week_sec % rotation + rotation - profile.cycle_starts_at_week_sec() % rotation) % rotation
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
    /// Members of all channels, one channel after another.
    members: Vec<Member>,
    member_bounds: Vec<u32>,
    /// Channels of all users, one user after another.
    channels: Vec<ChannelId>,
    channel_bounds: Vec<u32>,
}

/// A member of a channel and how readily it speaks there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// Relative weight as the speaker of a message.
    pub weight: f32,
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
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a positive number for an error text"
            )]
            let members = scenario.population.members_per_channel as u64;
            return Err(PlanError::Crowded {
                members,
                users: scenario.population.users,
            });
        }
        let weights = weights(profile, &people);
        let mut members = Vec::new();
        let mut member_bounds = vec![0];
        let mut channel_counts = vec![0u32; people.len()];
        for channel in 0..channel_count {
            let start = members.len();
            draw_members(ChannelId(channel), mean, user_count, streams, &mut members);
            for member in &mut members[start..] {
                member.weight = weights[member.user.index()];
                channel_counts[member.user.index()] += 1;
            }
            member_bounds.push(u32::try_from(members.len()).unwrap_or(u32::MAX));
        }
        let (channels, channel_bounds) = by_user(&members, &member_bounds, &channel_counts);
        Ok(Self {
            sides: sides(scenario, user_count, streams),
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
            profile_user: 0,
            cycle_sec: 0,
            is_online_at_start,
        };
        let people: Vec<Person> = script.online_at_start().iter().map(person).collect();
        let mut members = Vec::new();
        let mut member_bounds = vec![0];
        let mut channel_counts = vec![0u32; people.len()];
        for channel in script.members() {
            for &user in channel {
                members.push(Member { user, weight: 0.0 });
                channel_counts[user.index()] += 1;
            }
            member_bounds.push(u32::try_from(members.len()).unwrap_or(u32::MAX));
        }
        let (channels, channel_bounds) = by_user(&members, &member_bounds, &channel_counts);
        Self {
            sides: vec![ServerId(0); people.len()].into(),
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

    /// Returns the members of a channel, by user.
    pub fn members(&self, channel: ChannelId) -> &[Member] {
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
                rate: script.options().ramp,
            },
            begins: Begins::AtStart,
        },
        Phase {
            name: REPLAY.to_owned(),
            kind: PhaseKind::Steady {
                duration: script.ends().since(Offset::ZERO + ramp_lasts),
            },
            begins: Begins::After(PhaseId(0), Duration::ZERO),
        },
    ];
}

fn weights(profile: &Profile, people: &[Person]) -> Vec<f32> {
    let own = |person: &Person| {
        profile
            .users()
            .get(person.profile_user as usize)
            .map_or(0.0, |user| user.weight(TalkKind::Message))
    };
    let mean = people.iter().map(own).sum::<f64>()
        / f64::from(u32::try_from(people.len()).unwrap_or(u32::MAX)).max(1.0);
    let floor = if mean > 0.0 { mean * WEIGHT_FLOOR } else { 1.0 };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a relative weight; seven digits are plenty"
    )]
    people
        .iter()
        .map(|person| (own(person) + floor) as f32)
        .collect()
}

/// Draws a channel's size and that many different users, in order.
fn draw_members(
    channel: ChannelId,
    mean: f64,
    user_count: u32,
    streams: &Streams,
    members: &mut Vec<Member>,
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
    let size = size.max(CHANNEL_MEMBERS_MIN).min(user_count);
    // Floyd's sampling: `size` different users in as many draws.
    let mut chosen = std::collections::BTreeSet::new();
    for last in user_count - size..user_count {
        let user = below(rng.next_u64(), last + 1);
        if !chosen.insert(user) {
            chosen.insert(last);
        }
    }
    members.extend(chosen.into_iter().map(|user| Member {
        user: UserId(user),
        weight: 0.0,
    }));
}

fn by_user(
    members: &[Member],
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
            channels[next[member.user.index()] as usize] = ChannelId(channel);
            next[member.user.index()] += 1;
        }
    }
    (channels, bounds)
}

fn sides(scenario: &Scenario, user_count: u32, streams: &Streams) -> Arc<[ServerId]> {
    let splits: Vec<(u32, f64)> = (0u32..)
        .zip(&scenario.phases)
        .filter_map(|(phase, declared)| match declared.kind {
            PhaseKind::Netsplit {
                fraction,
                by: SplitBy::Links,
                ..
            } => Some((phase, fraction)),
            _ => None,
        })
        .collect();
    (0..user_count)
        .map(|user| {
            let hit = splits.iter().position(|&(phase, fraction)| {
                timeline::is_hit(streams, phase, UserId(user), fraction)
            });
            ServerId(hit.map_or(0, |index| u16::try_from(index + 1).unwrap_or(u16::MAX)))
        })
        .collect()
}
