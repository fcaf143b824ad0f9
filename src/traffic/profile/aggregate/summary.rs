//! Timelines to summaries: classes of users, and what is kept of each.

use std::collections::BTreeMap;

use crate::traffic::profile::Profile;
use crate::traffic::profile::WEEK_HOURS;
use crate::traffic::profile::aggregate::Aggregate;
use crate::traffic::profile::aggregate::CLASS_USERS_MIN;
use crate::traffic::profile::aggregate::ChangeRates;
use crate::traffic::profile::aggregate::Class;
use crate::traffic::profile::aggregate::DIGITS;
use crate::traffic::profile::aggregate::LEVELS;
use crate::traffic::profile::aggregate::MassEvents;
use crate::traffic::profile::aggregate::Quantiles;
use crate::traffic::profile::calendar;
use crate::traffic::profile::calendar::CELL_COUNT;
use crate::traffic::profile::churn::JOINED_SECS;
use crate::traffic::profile::number;
use crate::traffic::profile::talk::ChannelRow;
use crate::traffic::profile::timeline;
use crate::traffic::profile::timeline::ChangeKind;
use crate::traffic::profile::timeline::StayRow;
use crate::traffic::profile::timeline::UserTimeline;
use crate::traffic::trace::cause::LeaveCause;

/// Bounds of the sessions of a user by which classes differ.
const SESSION_BOUNDS: [usize; 6] = [1, 2, 5, 20, 100, 400];

/// Bounds of a user's share of the talk by which classes differ.
const TALK_BOUNDS: [f64; 3] = [f64::MIN_POSITIVE, 0.002, 0.02];

/// Least readiness to come at an hour: in one in which nobody was seen somebody may come.
const READINESS_MIN: f64 = 0.05;

/// Significant digits of what is kept of a speaker.
const SPEAKER_DIGITS: i32 = 3;

/// A user while classes are made.
struct Member {
    user: u32,
    key: (bool, u32, usize, usize),
    talk: f64,
}

/// Returns the summaries, and the users of the tables in the order of the classes: those who talk most first in each.
pub(crate) fn of(profile: &Profile, seed: u64) -> (Aggregate, Vec<u32>) {
    let starts_at = f64::from(profile.cycle_starts_at_week_sec());
    let onlines: Vec<Vec<StayRow>> = profile
        .users
        .iter()
        .map(|user| timeline::online(&user.stays))
        .collect();
    let mut aggregate = Aggregate {
        seed,
        comings: comings(&onlines, starts_at),
        classes: Vec::new(),
        mass_events: mass_events(profile),
    };
    let groups = groups(profile, &onlines);
    for group in &groups {
        let class = class(profile, &aggregate, &onlines, group);
        aggregate.classes.push(class);
    }
    let order = groups.into_iter().flatten();
    (aggregate, order.map(|member| member.user).collect())
}

/// Lets speakers be the users who take their places in an order of the users.
pub(crate) fn rename_speakers(channels: &mut [ChannelRow], order: &[u32]) {
    let places: BTreeMap<u32, u32> = order.iter().copied().zip(0..).collect();
    for channel in channels {
        for speaker in &mut channel.speakers {
            speaker.user = places.get(&speaker.user).copied().unwrap_or(0);
            for value in [
                &mut speaker.weight,
                &mut speaker.insistence,
                &mut speaker.share,
                &mut speaker.notice_share,
                &mut speaker.action_share,
                &mut speaker.trigger_share,
            ] {
                *value = number::rounded(*value, SPEAKER_DIGITS);
            }
        }
        channel.speakers.sort_by_key(|speaker| speaker.user);
    }
}

/// Returns how many come in each hour of the calendar, relative to the week's mean.
fn comings(onlines: &[Vec<StayRow>], starts_at: f64) -> [f64; CELL_COUNT] {
    let mut counts = [0.0; CELL_COUNT];
    for stay in onlines.iter().flatten().filter(|stay| stay.has_join) {
        let cell = calendar::cell_index(calendar::week_hour(starts_at + stay.start_secs));
        if let Some(count) = counts.get_mut(cell) {
            *count += 1.0;
        }
    }
    // Five weekdays and two days of a weekend share the cells of their hours.
    let days = |cell: usize| if cell < CELL_COUNT / 2 { 5.0 } else { 2.0 };
    let mean = counts.iter().sum::<f64>() / f64::from(WEEK_HOURS);
    for (cell, count) in counts.iter_mut().enumerate() {
        let rate = if mean > 0.0 {
            *count / days(cell) / mean
        } else {
            1.0
        };
        *count = rate.max(READINESS_MIN);
    }
    let total: f64 = (0..)
        .zip(&counts)
        .map(|(cell, rate)| days(cell) * rate)
        .sum();
    counts.map(|rate| rate * f64::from(WEEK_HOURS) / total)
}

/// Returns the users class by class.
fn groups(profile: &Profile, onlines: &[Vec<StayRow>]) -> Vec<Vec<Member>> {
    let total: f64 = profile.mean_rate().max(f64::MIN_POSITIVE);
    let mut talk: BTreeMap<u32, f64> = BTreeMap::new();
    for channel in &profile.channels {
        for speaker in &channel.speakers {
            *talk.entry(speaker.user).or_default() += channel.rate * speaker.share / total;
        }
    }
    let mut members: Vec<Member> = (0..)
        .zip(profile.users.iter().zip(onlines))
        .map(|(user, (timeline, online))| {
            let talk = talk.get(&user).copied().unwrap_or(0.0);
            Member {
                user,
                key: (
                    online.is_empty(),
                    home(timeline),
                    TALK_BOUNDS.partition_point(|&bound| bound <= talk),
                    SESSION_BOUNDS.partition_point(|&bound| bound <= online.len()),
                ),
                talk,
            }
        })
        .collect();
    members.sort_by(|one, other| {
        let by_talk = other.talk.total_cmp(&one.talk);
        one.key
            .cmp(&other.key)
            .then(by_talk)
            .then(one.user.cmp(&other.user))
    });
    let mut groups: Vec<Vec<Member>> = Vec::new();
    for member in members {
        match groups.last_mut() {
            // A class that is too small goes on with the users who are next to it, services apart.
            Some(group)
                if group.last().is_some_and(|last| {
                    last.key == member.key
                        || (group.len() < CLASS_USERS_MIN && last.key.0 == member.key.0)
                }) =>
            {
                group.push(member);
            }
            _ => groups.push(vec![member]),
        }
    }
    // What is left over at the end of either kind joins the class before it.
    let mut whole: Vec<Vec<Member>> = Vec::new();
    for group in groups {
        let is_service = |group: &[Member]| group.first().is_some_and(|member| member.key.0);
        match whole.last_mut() {
            Some(last)
                if group.len() < CLASS_USERS_MIN && is_service(last) == is_service(&group) =>
            {
                last.extend(group);
            }
            _ => whole.push(group),
        }
    }
    for group in &mut whole {
        group.sort_by(|one, other| {
            let by_talk = other.talk.total_cmp(&one.talk);
            by_talk.then(one.user.cmp(&other.user))
        });
    }
    whole
}

/// Returns the channel in which a user is longest.
fn home(timeline: &UserTimeline) -> u32 {
    let mut secs: BTreeMap<u32, f64> = BTreeMap::new();
    for stay in &timeline.stays {
        *secs.entry(stay.channel).or_default() += stay.secs();
    }
    let longest = secs
        .into_iter()
        .max_by(|one, other| one.1.total_cmp(&other.1));
    longest.map_or(0, |(channel, _)| channel)
}

fn class(
    profile: &Profile,
    aggregate: &Aggregate,
    onlines: &[Vec<StayRow>],
    group: &[Member],
) -> Class {
    let starts_at = f64::from(profile.cycle_starts_at_week_sec());
    let mut channel_counts = vec![0.0; profile.channels.len()];
    let (mut sessions, mut lengths, mut away) = (Vec::new(), Vec::new(), Vec::new());
    let mut causes = vec![0.0; LeaveCause::ALL.len()];
    let mut changes = ChangeRates::default();
    for member in group {
        let index = member.user as usize;
        let (Some(user), Some(online)) = (profile.users.get(index), onlines.get(index)) else {
            continue;
        };
        sessions.push(number::real(online.len()));
        lengths.extend(online.iter().map(StayRow::secs));
        for (one, next) in online.iter().zip(online.iter().skip(1)) {
            let (from, to) = (starts_at + one.end_secs, starts_at + next.start_secs);
            away.push(aggregate.weight(from, to));
        }
        for stay in online.iter().filter(|stay| stay.has_leave) {
            count(&mut causes, stay.cause);
        }
        for (channel, count) in (0..).zip(&mut channel_counts) {
            if user.stays.iter().any(|stay| stay.channel == channel) {
                *count += 1.0;
            }
        }
        add_changes(&mut changes, user);
    }
    let of_users = number::real(group.len()).max(1.0);
    let of_sessions = if lengths.is_empty() {
        of_users
    } else {
        number::real(lengths.len())
    };
    let per = |count: f64, all: f64| number::rounded(count / all, DIGITS);
    Class {
        user_count: u32::try_from(group.len()).unwrap_or(u32::MAX),
        sessions: quantiles(sessions),
        session_secs: quantiles(lengths),
        away_secs: quantiles(away),
        channel_shares: channel_counts
            .into_iter()
            .map(|count| per(count, of_users))
            .collect(),
        causes,
        changes: ChangeRates {
            nick: per(changes.nick, of_sessions),
            greeting: per(changes.greeting, of_sessions),
            mode: per(changes.mode, of_sessions),
            topic: per(changes.topic, of_sessions),
        },
    }
}

fn add_changes(changes: &mut ChangeRates, user: &UserTimeline) {
    for change in &user.changes {
        match change.kind {
            ChangeKind::Nick => changes.nick += 1.0,
            ChangeKind::Mode { channel } => {
                let is_greeting = user.stays.iter().any(|stay| {
                    stay.channel == channel
                        && (0.0..=JOINED_SECS).contains(&(change.at_secs - stay.start_secs))
                });
                if is_greeting {
                    changes.greeting += 1.0;
                } else {
                    changes.mode += 1.0;
                }
            }
            ChangeKind::Topic { .. } => changes.topic += 1.0,
            // Where somebody is kicked is told by where their stays end.
            ChangeKind::Kick { .. } => {}
        }
    }
}

fn mass_events(profile: &Profile) -> MassEvents {
    let victims = || profile.incidents.iter().flat_map(|one| &one.victims);
    let mut causes = vec![0.0; LeaveCause::ALL.len()];
    for victim in victims() {
        count(&mut causes, victim.cause);
    }
    let away: Vec<f64> = victims()
        .filter_map(|victim| Some(victim.back_secs? - victim.quit_secs))
        .collect();
    let back = number::real(away.len()) / number::real(victims().count()).max(1.0);
    MassEvents {
        count: u32::try_from(profile.incidents.len()).unwrap_or(u32::MAX),
        victims: quantiles(
            profile
                .incidents
                .iter()
                .map(|one| number::real(one.victims.len()))
                .collect(),
        ),
        quit_secs: quantiles(victims().map(|victim| victim.quit_secs).collect()),
        away_secs: quantiles(away),
        back_share: number::rounded(back, DIGITS),
        causes,
    }
}

fn count(causes: &mut [f64], cause: LeaveCause) {
    let place = LeaveCause::ALL.iter().position(|&known| known == cause);
    if let Some(weight) = place.and_then(|place| causes.get_mut(place)) {
        *weight += 1.0;
    }
}

/// Returns the quantiles of a sample, rounded.
fn quantiles(mut sample: Vec<f64>) -> Quantiles {
    sample.sort_by(f64::total_cmp);
    let mut knots = [0.0; LEVELS];
    for (index, knot) in knots.iter_mut().enumerate() {
        let level = number::real(index) / number::real(LEVELS - 1);
        let position = level * number::real(sample.len().saturating_sub(1));
        let below = number::index_below(position, sample.len());
        let low = sample.get(below).copied().unwrap_or(0.0);
        let high = sample.get(below + 1).copied().unwrap_or(low);
        let value = low + (high - low) * (position - number::real(below));
        *knot = number::rounded(value.max(0.0), DIGITS);
    }
    Quantiles { knots }
}
