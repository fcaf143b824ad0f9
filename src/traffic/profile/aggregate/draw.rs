//! Summaries to timelines: sessions and absences of each class, one after another, and mass events that hit anybody.

use std::collections::BTreeSet;

use rand::Rng;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::traffic::profile::Cycle;
use crate::traffic::profile::aggregate::Aggregate;
use crate::traffic::profile::aggregate::ChangeRates;
use crate::traffic::profile::aggregate::Class;
use crate::traffic::profile::churn::JOINED_SECS;
use crate::traffic::profile::distribution::uniform;
use crate::traffic::profile::incident::Incident;
use crate::traffic::profile::incident::Victim;
use crate::traffic::profile::number;
use crate::traffic::profile::talk::ChannelRow;
use crate::traffic::profile::timeline;
use crate::traffic::profile::timeline::ChangeKind;
use crate::traffic::profile::timeline::ChangeRow;
use crate::traffic::profile::timeline::StayRow;
use crate::traffic::profile::timeline::UserTimeline;
use crate::traffic::trace::cause::LeaveCause;

/// Longest absence after a mass event, in seconds: later nobody is back from it.
const BACK_SECS_MAX: f64 = 86_400.0;

/// Shortest session in seconds: rows are written in milliseconds.
const SESSION_SECS_MIN: f64 = 0.01;

/// Timelines that were drawn.
pub(crate) struct Drawn {
    pub(crate) users: Vec<UserTimeline>,
    pub(crate) incidents: Vec<Incident>,
}

/// Returns timelines of the summaries' users. Whoever speaks in a channel is one of those who are in it.
pub(crate) fn draw(aggregate: &Aggregate, channels: &[ChannelRow], cycle: &Cycle) -> Drawn {
    let mut drawing = Drawing {
        aggregate,
        rng: Xoshiro256PlusPlus::seed_from_u64(aggregate.seed),
        cycle_secs: f64::from(cycle.secs.value()),
        starts_at: f64::from(cycle.starts_at_week_sec.value()),
    };
    let mut speaks: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); aggregate.user_count()];
    for (number, channel) in (0..).zip(channels) {
        for speaker in &channel.speakers {
            if let Some(speaks) = speaks.get_mut(speaker.user as usize) {
                speaks.insert(number);
            }
        }
    }
    let mut users: Vec<UserTimeline> = Vec::with_capacity(speaks.len());
    for class in &aggregate.classes {
        for _ in 0..class.user_count {
            let cohort = u32::try_from(users.len()).unwrap_or(u32::MAX);
            let speaks = speaks.get(users.len());
            let mut user = drawing.user(class, speaks.cloned().unwrap_or_default());
            user.cohort = cohort;
            users.push(user);
        }
    }
    let incidents = drawing.incidents(&users);
    Drawn { users, incidents }
}

/// Draws under way.
struct Drawing<'a> {
    aggregate: &'a Aggregate,
    rng: Xoshiro256PlusPlus,
    cycle_secs: f64,
    /// The second of the week at which the cycle begins.
    starts_at: f64,
}

impl Drawing<'_> {
    fn level(&mut self) -> f64 {
        uniform(self.rng.next_u64())
    }

    fn user(&mut self, class: &Class, speaks: BTreeSet<u32>) -> UserTimeline {
        let channels = self.channels(class, speaks);
        let session_count = number::whole(libm::round(class.sessions.at(self.level())));
        let mut user = UserTimeline::default();
        if session_count == 0 {
            self.serve(class.changes, &channels, &mut user);
            return user;
        }
        // Those who were there all along are.
        let longest = class.session_secs.at(self.level());
        if session_count == 1 && longest >= self.cycle_secs {
            let cause = LeaveCause::Unknown;
            self.stay(0.0, self.cycle_secs, cause, &channels, &mut user);
        } else {
            self.come_and_go(class, session_count, &channels, &mut user);
        }
        timeline::sort(&mut user.stays);
        user.changes
            .sort_by(|one, other| one.at_secs.total_cmp(&other.at_secs));
        user
    }

    /// Returns the channels in which a user sits whenever they are there.
    fn channels(&mut self, class: &Class, speaks: BTreeSet<u32>) -> Vec<u32> {
        let mut channels = speaks;
        let mut home = (0, f64::NEG_INFINITY);
        for (channel, &share) in (0..).zip(&class.channel_shares) {
            if self.level() < share {
                channels.insert(channel);
            }
            if share > home.1 {
                home = (channel, share);
            }
        }
        if channels.is_empty() {
            channels.insert(home.0);
        }
        channels.into_iter().collect()
    }

    /// Lets a user come and go, beginning anywhere in the cycle and round its end, once round at most.
    fn come_and_go(
        &mut self,
        class: &Class,
        session_count: u32,
        channels: &[u32],
        user: &mut UserTimeline,
    ) {
        let weighed = self.level() * self.cycle_secs;
        let first = self.aggregate.after(self.starts_at, weighed) - self.starts_at;
        let ends = first + self.cycle_secs;
        let mut start = first;
        for _ in 0..session_count {
            let length = class.session_secs.at(self.level()).max(SESSION_SECS_MIN);
            let end = (start + length).min(ends);
            let cause = self.cause(&class.causes);
            self.stay(start, end, cause, channels, user);
            self.change(class.changes, start, end, channels, user);
            let away = class.away_secs.at(self.level()).max(SESSION_SECS_MIN);
            start = self.aggregate.after(self.starts_at + end, away) - self.starts_at;
            if start + SESSION_SECS_MIN >= ends {
                break;
            }
        }
    }

    /// Adds a session, in two pieces if it goes round the cycle's end.
    fn stay(
        &mut self,
        start_secs: f64,
        end_secs: f64,
        cause: LeaveCause,
        channels: &[u32],
        user: &mut UserTimeline,
    ) {
        let cycle_secs = self.cycle_secs;
        let turns = libm::floor(start_secs / cycle_secs) * cycle_secs;
        let (start, end) = (start_secs - turns, end_secs - turns);
        let mut pieces = vec![(start, end.min(cycle_secs), start > 0.0, end < cycle_secs)];
        if end > cycle_secs {
            pieces.push((0.0, end - cycle_secs, false, true));
        }
        for (start_secs, end_secs, has_join, has_leave) in pieces {
            for &channel in channels {
                user.stays.push(StayRow {
                    channel,
                    start_secs: thousandth(start_secs),
                    end_secs: thousandth(end_secs),
                    cause,
                    has_join,
                    has_leave,
                });
            }
        }
        user.stays.retain(|stay| stay.start_secs < stay.end_secs);
    }

    /// Adds what is changed in a session.
    fn change(
        &mut self,
        rates: ChangeRates,
        start_secs: f64,
        end_secs: f64,
        channels: &[u32],
        user: &mut UserTimeline,
    ) {
        let greeting_ends = end_secs.min(start_secs + JOINED_SECS);
        self.put(
            rates.greeting,
            [start_secs, greeting_ends],
            channels,
            user,
            mode,
        );
        self.put(rates.nick, [start_secs, end_secs], channels, user, |_| {
            ChangeKind::Nick
        });
        self.put(rates.mode, [start_secs, end_secs], channels, user, mode);
        self.put(rates.topic, [start_secs, end_secs], channels, user, topic);
    }

    /// Adds what a service changes, which is never there and always at work.
    fn serve(&mut self, rates: ChangeRates, channels: &[u32], user: &mut UserTimeline) {
        let cycle = [0.0, self.cycle_secs];
        let modes = rates.greeting + rates.mode;
        self.put(rates.nick, cycle, channels, user, |_| ChangeKind::Nick);
        self.put(modes, cycle, channels, user, mode);
        self.put(rates.topic, cycle, channels, user, topic);
        user.changes
            .sort_by(|one, other| one.at_secs.total_cmp(&other.at_secs));
    }

    fn put(
        &mut self,
        rate: f64,
        [from, to]: [f64; 2],
        channels: &[u32],
        user: &mut UserTimeline,
        kind: fn(u32) -> ChangeKind,
    ) {
        // The whole part, and one more as often as the rest says.
        for _ in 0..number::whole(rate + self.level()) {
            let at = from + (to - from) * self.level();
            let at_secs = at - libm::floor(at / self.cycle_secs) * self.cycle_secs;
            let draw = self.level() * number::real(channels.len());
            let channel = channels.get(number::index_below(draw, channels.len()));
            user.changes.push(ChangeRow {
                at_secs: thousandth(at_secs),
                kind: kind(channel.copied().unwrap_or(0)),
            });
        }
    }

    fn cause(&mut self, weights: &[f64]) -> LeaveCause {
        let mut left = self.level() * weights.iter().sum::<f64>();
        let known = LeaveCause::ALL.iter().zip(weights).find(|(_, weight)| {
            left -= **weight;
            left < 0.0
        });
        known.map_or(LeaveCause::Unknown, |(&cause, _)| cause)
    }

    /// Returns mass events, each of which hits as many as it should of those who are there.
    fn incidents(&mut self, users: &[UserTimeline]) -> Vec<Incident> {
        let events = &self.aggregate.mass_events;
        let mut moments: Vec<f64> = (0..events.count)
            .map(|_| thousandth(self.level() * self.cycle_secs))
            .collect();
        moments.sort_by(f64::total_cmp);
        let mut incidents = Vec::with_capacity(moments.len());
        for at_secs in moments {
            let wanted = number::whole(libm::round(events.victims.at(self.level()))) as usize;
            let is_there = |user: &UserTimeline| {
                let stays = user.stays.iter();
                stays
                    .take_while(|stay| stay.start_secs <= at_secs)
                    .any(|stay| at_secs < stay.end_secs)
            };
            let mut present: Vec<(u64, u32)> = Vec::new();
            for (index, _) in (0..).zip(users).filter(|(_, user)| is_there(user)) {
                present.push((self.rng.next_u64(), index));
            }
            present.sort_unstable();
            let mut victims: Vec<Victim> = Vec::with_capacity(wanted);
            for (_, user) in present.into_iter().take(wanted) {
                let first = victims.is_empty();
                let quit_secs = if first {
                    0.0
                } else {
                    thousandth(events.quit_secs.at(self.level()).min(BACK_SECS_MAX))
                };
                let away = events.away_secs.at(self.level()).min(BACK_SECS_MAX);
                let is_back = self.level() < events.back_share;
                victims.push(Victim {
                    user,
                    quit_secs,
                    back_secs: is_back.then(|| thousandth(quit_secs + away)),
                    cause: self.cause(&events.causes),
                });
            }
            victims.sort_by(|one, other| one.quit_secs.total_cmp(&other.quit_secs));
            if !victims.is_empty() {
                incidents.push(Incident { at_secs, victims });
            }
        }
        incidents
    }
}

fn mode(channel: u32) -> ChangeKind {
    ChangeKind::Mode { channel }
}

fn topic(channel: u32) -> ChangeKind {
    ChangeKind::Topic { channel }
}

/// Returns seconds in whole milliseconds.
fn thousandth(secs: f64) -> f64 {
    libm::round(secs * 1e3) / 1e3
}
