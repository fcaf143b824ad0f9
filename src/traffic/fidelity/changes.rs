//! Changes of traffic whose notice is tried: another mix, twice and half of it, no bursts, more coming and going.

use std::collections::HashMap;
use std::sync::Arc;

use rand::Rng;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::traffic::fidelity::score::Stream;
use crate::traffic::profile::HOUR_SECS;
use crate::traffic::profile::WEEK_SECS;
use crate::traffic::profile::distribution::uniform;
use crate::traffic::profile::talk::EPISODE_GAP_SECS;
use crate::traffic::profile::weekly::Trial;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventKind;

/// Share of messages that a shifted mix lacks.
const SHIFTED_SHARE: f64 = 0.3;

/// What they are instead, in turn.
const SHIFTED_TO: [EventKind; 4] = [
    EventKind::Join,
    EventKind::Part,
    EventKind::Quit,
    EventKind::Nick,
];

const WEEK_US: i64 = WEEK_SECS as i64 * 1_000_000;
const DAY_US: i64 = WEEK_US / 7;
const HOUR_US: i64 = HOUR_SECS as i64 * 1_000_000;
const EPISODE_GAP_US: i64 = EPISODE_GAP_SECS as i64 * 1_000_000;

/// Returns events as they would be after a change. Weeks begin at `start_us`; what lies before stays as it is.
///
/// `events` are in order of time, and so is what is returned.
pub(crate) fn changed(trial: Trial, events: &[Event], start_us: i64, seed: u64) -> Vec<Event> {
    let before = events.partition_point(|event| event.at_us < start_us);
    let (before, events) = events.split_at(before);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut changed = match trial {
        Trial::Unchanged => events.to_vec(),
        Trial::MixShifted => mix_shifted(events, &mut rng),
        Trial::Doubled => doubled(events, start_us, &mut rng, |_| true),
        Trial::Halved => halved(events, &mut rng),
        Trial::Smoothed => smoothed(events, start_us, &mut rng),
        Trial::ChurnDoubled => doubled(events, start_us, &mut rng, |kind| Stream::Churn.has(kind)),
    };
    changed.sort_by_key(|event| event.at_us);
    changed.splice(0..0, before.iter().cloned());
    changed
}

/// Makes of 30 % of the messages, drawn one by one, joins, parts, quits and nick changes in turn.
fn mix_shifted(events: &[Event], rng: &mut Xoshiro256PlusPlus) -> Vec<Event> {
    let mut kinds = SHIFTED_TO.into_iter().cycle();
    let shifted = |event: &Event| {
        let mut event = event.clone();
        if event.kind.is_talk() && uniform(rng.next_u64()) < SHIFTED_SHARE {
            event.kind = kinds.next().unwrap_or(EventKind::Join);
            event.bytes = 0;
            event.text = "".into();
        }
        event
    };
    events.iter().map(shifted).collect()
}

/// Lays over each week what was in it, turned by whole days and done by other people: hours stay, and bursts do not meet themselves.
fn doubled(
    events: &[Event],
    start_us: i64,
    rng: &mut Xoshiro256PlusPlus,
    has: impl Fn(EventKind) -> bool,
) -> Vec<Event> {
    let mut twins: HashMap<Arc<str>, Arc<str>> = HashMap::new();
    let mut twin = |name: &Arc<str>| {
        let twin = twins.entry(Arc::clone(name));
        let twin = twin.or_insert_with(|| {
            if name.is_empty() {
                Arc::clone(name)
            } else {
                Arc::from(format!("{name} again"))
            }
        });
        Arc::clone(twin)
    };
    let mut both = events.to_vec();
    let mut turn: Option<(i64, i64)> = None;
    for event in events.iter().filter(|event| has(event.kind)) {
        let week = (event.at_us - start_us).div_euclid(WEEK_US);
        let turned_us = match turn {
            Some((of, turned_us)) if of == week => turned_us,
            _ => (1 + i64::from(rng.next_u32() % 6)) * DAY_US,
        };
        turn = Some((week, turned_us));
        let into_us = (event.at_us - start_us).rem_euclid(WEEK_US);
        let mut event = event.clone();
        event.at_us = start_us + week * WEEK_US + (into_us + turned_us).rem_euclid(WEEK_US);
        event.user = twin(&event.user);
        event.peer = twin(&event.peer);
        both.push(event);
    }
    both
}

/// Leaves out half of all talk, whole conversations at a time, and half of everybody's stays.
fn halved(events: &[Event], rng: &mut Xoshiro256PlusPlus) -> Vec<Event> {
    let mut talks: HashMap<(Arc<str>, Arc<str>), (i64, bool)> = HashMap::new();
    let mut stays: HashMap<(Arc<str>, Arc<str>), bool> = HashMap::new();
    let mut draw = || uniform(rng.next_u64()) < 0.5;
    let is_kept = |event: &&Event| {
        let network = Arc::clone(&event.network);
        if event.kind.is_talk() {
            let channel = (network, Arc::clone(&event.channel));
            let (last_us, is_kept) = talks.get(&channel).copied().unwrap_or((i64::MIN, false));
            let is_new = event.at_us.saturating_sub(last_us) > EPISODE_GAP_US;
            let is_kept = if is_new { draw() } else { is_kept };
            talks.insert(channel, (event.at_us, is_kept));
            return is_kept;
        }
        let user = (network, Arc::clone(&event.user));
        let is_new = event.kind == EventKind::Join;
        let is_kept = stays.get(&user).copied().filter(|_| !is_new);
        let is_kept = is_kept.unwrap_or_else(&mut draw);
        stays.insert(user, is_kept);
        is_kept
    };
    events.iter().filter(is_kept).cloned().collect()
}

/// What logs of several channels tell several times, of one moment.
#[derive(PartialEq, Eq, Hash)]
struct Told {
    network: Arc<str>,
    user: Arc<str>,
    kind: EventKind,
}

/// Spreads the events of each hour evenly over it. One that several channels tell at once stays one.
fn smoothed(events: &[Event], start_us: i64, rng: &mut Xoshiro256PlusPlus) -> Vec<Event> {
    let mut told: HashMap<Told, (i64, i64)> = HashMap::new();
    let spread = |event: &Event| {
        let hour = (event.at_us - start_us).div_euclid(HOUR_US);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "a part of an hour in microseconds is exact"
        )]
        let into_us = (uniform(rng.next_u64()) * HOUR_US as f64) as i64;
        let mut at_us = start_us + hour * HOUR_US + into_us;
        let mut event = event.clone();
        if matches!(event.kind, EventKind::Quit | EventKind::Nick) {
            let who = Told {
                network: Arc::clone(&event.network),
                user: Arc::clone(&event.user),
                kind: event.kind,
            };
            match told.get(&who) {
                Some(&(was_us, put_us)) if was_us == event.at_us => at_us = put_us,
                _ => {
                    told.insert(who, (event.at_us, at_us));
                }
            }
        }
        event.at_us = at_us;
        event
    };
    events.iter().map(spread).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::fidelity::span::tests::event;

    /// Two weeks: three messages a second apart every two hours, and somebody who comes and goes each day.
    fn events() -> Vec<Event> {
        let talk = (0..168_u32).flat_map(|number| {
            let secs = f64::from(number) * 7_200.0 + 1_000.0;
            [0.0, 1.0, 2.0].map(|after| event(secs + after, "message alder #oak"))
        });
        let churn = (0..14_u32).flat_map(|day| {
            let secs = f64::from(day) * 86_400.0;
            [
                event(secs + 50.0, "join birch #oak"),
                event(secs + 5_000.0, "quit birch #oak"),
            ]
        });
        let mut events: Vec<Event> = talk.chain(churn).collect();
        events.sort_by_key(|event| event.at_us);
        events
    }

    /// Returns the changed events, and how many of them are talk, and how many churn.
    fn changed_by(trial: Trial) -> (Vec<Event>, usize, usize) {
        let events = changed(trial, &events(), 0, 7);
        assert!(events.is_sorted_by_key(|event| event.at_us));
        let count = |stream: Stream| {
            let events = events.iter();
            events.filter(|event| stream.has(event.kind)).count()
        };
        let (talk, churn) = (count(Stream::Talk), count(Stream::Churn));
        (events, talk, churn)
    }

    #[test]
    fn nothing_changes_what_is_unchanged() {
        assert_eq!(changed(Trial::Unchanged, &events(), 0, 7), events());
        // Nor what lies before.
        assert_eq!(changed(Trial::Halved, &events(), i64::MAX, 7), events());
    }

    #[test]
    fn a_shifted_mix_has_as_many_events() {
        let (events, talk, _) = changed_by(Trial::MixShifted);
        assert_eq!(events.len(), 504 + 28);
        assert!((310..=395).contains(&talk), "{talk}");
        let of = |kind| events.iter().filter(|event| event.kind == kind).count();
        let (parts, nicks) = (of(EventKind::Part), of(EventKind::Nick));
        assert!(parts.abs_diff(nicks) <= 1, "{parts} {nicks}");
    }

    #[test]
    fn twice_the_traffic_keeps_its_hours_and_has_other_people() {
        let (events, talk, churn) = changed_by(Trial::Doubled);
        assert_eq!([talk, churn], [1_008, 56]);
        let hour = |event: &Event| event.at_us.rem_euclid(DAY_US) / HOUR_US;
        assert!(
            events
                .iter()
                .filter(|event| event.kind.is_talk())
                .all(|event| hour(event) % 2 == 0)
        );
        let twins = events.iter().filter(|event| &*event.user == "alder again");
        assert_eq!(twins.count(), 504);
        let week = |event: &&Event| event.at_us < WEEK_US;
        assert_eq!(events.iter().filter(week).count(), 532);
    }

    #[test]
    fn half_the_traffic_is_whole_conversations_and_stays() {
        let (events, talk, churn) = changed_by(Trial::Halved);
        assert!((180..=320).contains(&talk) && talk % 3 == 0, "{talk}");
        assert!(churn.is_multiple_of(2) && churn < 28, "{churn}");
        let churn = events.iter().filter(|event| Stream::Churn.has(event.kind));
        let kinds: Vec<EventKind> = churn.map(|event| event.kind).collect();
        let is_stay = |pair: &[EventKind]| pair == [EventKind::Join, EventKind::Quit];
        assert!(kinds.chunks(2).all(is_stay));
    }

    #[test]
    fn without_bursts_each_hour_has_its_count() {
        let (events, talk, churn) = changed_by(Trial::Smoothed);
        assert_eq!([talk, churn], [504, 28]);
        let talk: Vec<&Event> = events.iter().filter(|event| event.kind.is_talk()).collect();
        for (number, talk) in (0..).zip(talk.chunks(3)) {
            assert!(talk.iter().all(|event| event.at_us / HOUR_US == number * 2));
        }
        let quick = talk
            .windows(2)
            .filter(|pair| pair[1].at_us - pair[0].at_us < 3_000_000);
        assert!(quick.count() < 20);
    }

    #[test]
    fn churn_alone_can_double() {
        let (_, talk, churn) = changed_by(Trial::ChurnDoubled);
        assert_eq!([talk, churn], [504, 56]);
    }
}
