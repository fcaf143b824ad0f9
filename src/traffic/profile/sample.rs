//! A sample of a profile: the trace of one channel, as somebody in it would have seen it.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::Rng;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::traffic::profile::DAY_SECS;
use crate::traffic::profile::Profile;
use crate::traffic::profile::WEEK_SECS;
use crate::traffic::profile::distribution::uniform;
use crate::traffic::profile::number;
use crate::traffic::profile::rotation::Rotation;
use crate::traffic::profile::stream::TalkSlot;
use crate::traffic::profile::stream::TalkStream;
use crate::traffic::profile::talk::TalkKind;
use crate::traffic::profile::timeline::ChangeKind;
use crate::traffic::profile::timeline::SessionRow;
use crate::traffic::trace::cause::LeaveCause;
use crate::traffic::trace::event::DETAIL_REPLY;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventKind;
use crate::units::id::Seed;

/// Events of a sample: some hundred bytes each.
const EVENTS_MAX: usize = 20_000_000;

/// Second of the week at which 1970 began, a Thursday.
const EPOCH_WEEK_SECS: i64 = 3 * DAY_SECS as i64;

/// A sample of a profile.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The events, in order of time.
    pub events: Vec<Event>,
    /// Messages that nobody present could have said.
    pub unspoken_count: u64,
}

/// Somebody's coming or going.
#[derive(Clone, Copy)]
struct Turn {
    secs: f64,
    user: u32,
    stay: SessionRow,
    is_coming: bool,
}

impl Profile {
    /// Returns a trace of one channel from `start_us`, microseconds since 1970 UTC, for `secs` seconds.
    ///
    /// Each group of users is shifted by a random number of steps in each cycle, so that hours of the week stay what they
    /// are. Only users who are present speak. At most twenty million events are made; a sample that would need more ends
    /// early.
    pub fn sample(&self, seed: Seed, start_us: i64, secs: u32) -> Sample {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed.0);
        let until_secs = f64::from(secs);
        let week_secs = week_secs(start_us);
        let rotations = self.rotations(&mut rng, week_secs, until_secs);
        let names: Vec<Arc<str>> = (0..self.users.len())
            .map(|user| Arc::from(format!("s{user}")))
            .collect();
        let mut making = Making {
            profile: self,
            start_us,
            names,
            events: Vec::new(),
        };
        let mut turns = Vec::new();
        for (index, user) in (0_u32..).zip(&self.users) {
            let Some(rotation) = rotations.get(&user.group) else {
                continue;
            };
            for stay in rotation.stays(&user.sessions, until_secs) {
                let turn = |secs: f64, is_coming: bool| Turn {
                    secs,
                    user: index,
                    stay,
                    is_coming,
                };
                turns.extend([turn(stay.start_secs, true), turn(stay.end_secs, false)]);
            }
            for cycle in 0..rotation.shifts_secs.len() {
                for change in &user.changes {
                    let secs = rotation.moment(cycle, change.at_secs);
                    if (0.0..until_secs).contains(&secs) {
                        making.change(index, secs, change.kind);
                    }
                }
            }
        }
        turns.sort_by(|one, other| {
            one.secs
                .total_cmp(&other.secs)
                .then(one.is_coming.cmp(&other.is_coming))
        });
        for turn in &turns {
            making.turn(turn);
        }
        let mut stream = TalkStream::new(
            &self.talk,
            Xoshiro256PlusPlus::seed_from_u64(rng.next_u64()),
            week_secs,
            1.0,
        );
        let unspoken_count = making.talk(&mut stream, &turns, until_secs, &mut rng);
        let mut events = making.events;
        events.sort_by_key(|event| event.at_us);
        Sample {
            events,
            unspoken_count,
        }
    }

    /// Returns the rotation of each group.
    fn rotations(
        &self,
        rng: &mut Xoshiro256PlusPlus,
        week_secs: f64,
        until_secs: f64,
    ) -> BTreeMap<u32, Rotation> {
        let (cycle_secs, step_secs) = (
            f64::from(self.cycle_secs()),
            f64::from(self.rotation_secs()),
        );
        let step_count = libm::round(cycle_secs / step_secs);
        let cycle_count = number::whole(until_secs / cycle_secs) as usize + 2;
        let into_step = week_secs - f64::from(self.cycle_starts_at_week_sec());
        let into_step = into_step - step_secs * libm::floor(into_step / step_secs);
        let mut rotations = BTreeMap::new();
        let mut steps = || step_secs * libm::floor(uniform(rng.next_u64()) * step_count);
        for user in &self.users {
            rotations.entry(user.group).or_insert_with(|| Rotation {
                cycle_secs,
                // Groups wrap at different moments: nobody leaves together because a cycle ends.
                phase_secs: into_step + steps(),
                shifts_secs: (0..cycle_count).map(|_| steps()).collect(),
            });
        }
        rotations
    }
}

/// Returns the second of the week at a moment in microseconds since 1970 UTC.
fn week_secs(start_us: i64) -> f64 {
    let week_us = i64::from(WEEK_SECS) * 1_000_000;
    let us = start_us
        .saturating_add(EPOCH_WEEK_SECS * 1_000_000)
        .rem_euclid(week_us);
    number::secs_of_nanos(us) * 1e3
}

/// A sample under way.
struct Making<'a> {
    profile: &'a Profile,
    start_us: i64,
    names: Vec<Arc<str>>,
    events: Vec<Event>,
}

impl Making<'_> {
    /// Adds an event of a user.
    fn put(
        &mut self,
        secs: f64,
        kind: EventKind,
        user: u32,
        peer: Arc<str>,
        bytes: u32,
        detail: &'static str,
    ) {
        if self.events.len() >= EVENTS_MAX {
            return;
        }
        let channel = if kind == EventKind::Quit {
            ""
        } else {
            "#sample"
        };
        self.events.push(Event {
            at_us: self.start_us + number::nanos_of_secs(secs) / 1_000,
            kind,
            network: Arc::from("sample"),
            channel: Arc::from(channel),
            user: self.name(user),
            peer,
            bytes,
            detail: Arc::from(detail),
            text: "".into(),
        });
    }

    fn name(&self, user: u32) -> Arc<str> {
        self.names
            .get(user as usize)
            .map_or_else(|| Arc::from(""), Arc::clone)
    }

    fn change(&mut self, user: u32, secs: f64, kind: ChangeKind) {
        let nobody = Arc::from("");
        match kind {
            ChangeKind::Nick => {
                let other = Arc::from(format!("{}_", self.name(user)));
                self.put(secs, EventKind::Nick, user, other, 0, "");
            }
            ChangeKind::Mode => self.put(secs, EventKind::Mode, user, nobody, 2, "+o"),
            ChangeKind::Topic => self.put(secs, EventKind::Topic, user, nobody, 0, ""),
            ChangeKind::Kick { victim } => {
                let victim = self.name(victim);
                self.put(secs, EventKind::Kick, user, victim, 0, "");
            }
        }
    }

    fn turn(&mut self, turn: &Turn) {
        let nobody = Arc::from("");
        if turn.is_coming && turn.stay.has_join {
            self.put(turn.secs, EventKind::Join, turn.user, nobody, 0, "");
        } else if !turn.is_coming && turn.stay.has_leave {
            match turn.stay.cause {
                // The kick is a change of whoever kicked.
                LeaveCause::Kicked => {}
                LeaveCause::Part => self.put(turn.secs, EventKind::Part, turn.user, nobody, 0, ""),
                cause => self.put(
                    turn.secs,
                    EventKind::Quit,
                    turn.user,
                    nobody,
                    0,
                    cause.as_str(),
                ),
            }
        }
    }

    /// Adds the talk of those present, and returns how many messages nobody could have said.
    fn talk(
        &mut self,
        stream: &mut TalkStream,
        turns: &[Turn],
        until_secs: f64,
        rng: &mut Xoshiro256PlusPlus,
    ) -> u64 {
        let talk = &self.profile.talk;
        let reply_share = self.profile.reply_share().value();
        let mut turns = turns.iter().peekable();
        let mut present: Vec<u32> = Vec::new();
        let mut unspoken_count = 0;
        let mut last_speaker = None;
        loop {
            let slot = stream.next(talk);
            let secs = slot.at.as_secs_f64();
            if secs >= until_secs || self.events.len() >= EVENTS_MAX {
                return unspoken_count;
            }
            while let Some(turn) = turns.next_if(|turn| turn.secs <= secs) {
                if turn.is_coming {
                    present.push(turn.user);
                } else if let Some(at) = present.iter().position(|&user| user == turn.user) {
                    present.swap_remove(at);
                }
            }
            let is_reply = uniform(rng.next_u64()) < reply_share;
            let Some(speaker) = self.speaker(&present, slot) else {
                unspoken_count += 1;
                continue;
            };
            let bytes = u32::from(talk.length(slot.kind, Some(speaker), slot.length_draw));
            let addressee =
                last_speaker.filter(|last| is_reply && *last != speaker && present.contains(last));
            let (kind, detail) = match slot.kind {
                TalkKind::Message => (EventKind::Message, addressee.map_or("", |_| DETAIL_REPLY)),
                TalkKind::Action => (EventKind::Action, ""),
                TalkKind::Notice => (EventKind::Notice, ""),
            };
            let peer = addressee
                .filter(|_| kind == EventKind::Message)
                .map_or_else(|| Arc::from(""), |user| self.name(user));
            self.put(secs, kind, speaker, peer, bytes, detail);
            last_speaker = Some(speaker);
        }
    }

    /// Returns who says a message: somebody present, by how much each says of its kind.
    fn speaker(&self, present: &[u32], slot: TalkSlot) -> Option<u32> {
        let weight = |user: u32| {
            let user = self.profile.users.get(user as usize);
            user.map_or(0.0, |user| user.weight(slot.kind))
        };
        let total: f64 = present.iter().map(|&user| weight(user)).sum();
        let mut left = uniform(slot.speaker_draw) * total;
        present
            .iter()
            .copied()
            .filter(|&user| weight(user) > 0.0)
            .find(|&user| {
                left -= weight(user);
                left < 0.0
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::profile::calendar;
    use crate::traffic::profile::calendar::CELL_COUNT;
    use crate::traffic::profile::examples;
    use crate::traffic::profile::fit::FitOptions;
    use crate::traffic::trace::event::TraceMeta;

    /// Monday, 1 January 2024, 00:00 UTC.
    const START_US: i64 = 1_704_067_200_000_000;

    fn count(events: &[Event], kind: EventKind) -> usize {
        events.iter().filter(|event| event.kind == kind).count()
    }

    #[test]
    fn a_sample_is_in_order_and_only_the_present_speak() {
        let sample = examples::profile().sample(Seed(3), START_US, 8 * WEEK_SECS);
        assert!(sample.events.is_sorted_by_key(|event| event.at_us));
        let mut away = std::collections::BTreeSet::new();
        for event in &sample.events {
            match event.kind {
                EventKind::Quit | EventKind::Part => {
                    assert!(away.insert(Arc::clone(&event.user)), "{event:?}");
                }
                EventKind::Join => {
                    away.remove(&event.user);
                }
                kind if kind.is_talk() => assert!(!away.contains(&event.user), "{event:?}"),
                _ => {}
            }
        }
        assert!(count(&sample.events, EventKind::Message) > 1_000);
    }

    #[test]
    fn a_cycle_holds_every_session_once() {
        let sample = examples::profile().sample(Seed(4), START_US, 400 * WEEK_SECS);
        // A hundred cycles, each with three joins and two changes; the first and the last are cut, some wraps add a join.
        let counts = [EventKind::Join, EventKind::Nick, EventKind::Kick]
            .map(|kind| count(&sample.events, kind));
        let [joins, nicks, kicks] = counts;
        assert!((295..=325).contains(&joins), "{joins}");
        assert!(
            (98..=102).contains(&nicks) && (98..=102).contains(&kicks),
            "{counts:?}"
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_sample() {
        let one = examples::profile().sample(Seed(5), START_US, WEEK_SECS);
        let two = examples::profile().sample(Seed(5), START_US, WEEK_SECS);
        assert_eq!(one.events, two.events);
        let other = examples::profile().sample(Seed(6), START_US, WEEK_SECS);
        assert_ne!(one.events, other.events);
    }

    #[test]
    fn what_is_fitted_to_a_sample_talks_like_the_sample() {
        let secs = 12 * WEEK_SECS;
        let mut sample = examples::profile().sample(
            Seed(7),
            START_US - i64::from(DAY_SECS) * 1_000_000,
            secs + DAY_SECS,
        );
        let first_us = sample.events.last().unwrap().at_us - i64::from(secs) * 1_000_000;
        let meta = TraceMeta {
            tool: "0.1.0".to_owned(),
            zone: "UTC".to_owned(),
            tick_us: 1,
            has_names: false,
            has_text: false,
            overlaps: Vec::new(),
        };
        let options = FitOptions {
            name: "again".to_owned(),
            source: "a sample".to_owned(),
            tool: "0.1.0".to_owned(),
            fitted_on: "2024-04-01".to_owned(),
        };
        let fitted = Profile::fit(&meta, &sample.events, &options).unwrap();
        assert_eq!(fitted.cycle_secs(), secs);
        sample.events.retain(|event| event.at_us > first_us);
        let mut live = [0.0; CELL_COUNT];
        let live_count = sample
            .events
            .iter()
            .filter(|event| event.kind.is_talk())
            .inspect(|event| {
                let hour =
                    calendar::week_hour(number::secs_of_nanos((event.at_us - START_US) * 1_000));
                live[calendar::cell_index(hour)] += 1.0;
            });
        let rate = number::real(live_count.count()) / f64::from(secs);
        assert!((fitted.talk().mean_rate() / rate - 1.0).abs() < 0.001);

        let weeks = 800;
        let mut stream = TalkStream::new(
            fitted.talk(),
            Xoshiro256PlusPlus::seed_from_u64(1),
            0.0,
            1.0,
        );
        let mut made = [0.0; CELL_COUNT];
        let made_count = (0..)
            .map(|_| stream.next(fitted.talk()).at.as_secs_f64())
            .take_while(|&secs| secs < f64::from(weeks * WEEK_SECS))
            .inspect(|&secs| made[calendar::cell_index(calendar::week_hour(secs))] += 1.0)
            .count();
        let made_rate = number::real(made_count) / f64::from(weeks * WEEK_SECS);
        // Some 70,000 episodes, whose sizes scatter by some twice their mean: 1 % is one deviation too many.
        assert!(
            (made_rate / rate - 1.0).abs() < 0.03,
            "{made_rate} for {rate}"
        );
        let sum = |cells: &[f64]| cells.iter().sum::<f64>();
        let distance: f64 = live
            .iter()
            .zip(&made)
            .map(|(live_cell, made_cell)| (live_cell / sum(&live) - made_cell / sum(&made)).abs())
            .sum::<f64>()
            / 2.0;
        // Twelve weeks leave each hour some hundred messages in clumps of ten: the live shape itself scatters by 10 %.
        assert!(distance < 0.15, "{distance}");
    }
}
