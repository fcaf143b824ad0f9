//! Samples held to their profile: in order, whole, and alike for one seed.

use std::sync::Arc;

use crate::traffic::profile::DAY_SECS;
use crate::traffic::profile::Profile;
use crate::traffic::profile::WEEK_SECS;
use crate::traffic::profile::calendar;
use crate::traffic::profile::calendar::CELL_COUNT;
use crate::traffic::profile::examples;
use crate::traffic::profile::fit::examples as fit;
use crate::traffic::profile::number;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventKind;
use crate::traffic::trace::event::TraceMeta;
use crate::units::id::Seed;

/// Monday, 1 January 2024, 00:00 UTC.
const START_US: i64 = 1_704_067_200_000_000;

fn count(events: &[Event], kind: EventKind) -> usize {
    events.iter().filter(|event| event.kind == kind).count()
}

#[test]
fn a_sample_is_in_order_and_only_the_present_speak() {
    let sample = examples::profile().sample(Seed(3), START_US, 8 * WEEK_SECS);
    let events = sample.events();
    assert!(events.is_sorted_by_key(|event| event.at_us));
    let mut away = std::collections::BTreeSet::new();
    for event in &events {
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
    assert!(count(&events, EventKind::Message) > 1_000);
}

#[test]
fn a_cycle_holds_every_session_once() {
    let sample = examples::profile().sample(Seed(4), START_US, 400 * WEEK_SECS);
    let events = sample.events();
    // A hundred cycles, each with three joins, another after a mass event, and two changes; the first and the last are
    // cut, some wraps add a join.
    let [joins, nicks] = [EventKind::Join, EventKind::Nick].map(|kind| count(&events, kind));
    assert!((395..=425).contains(&joins), "{joins}");
    assert!((98..=102).contains(&nicks), "{nicks}");
}

#[test]
fn the_same_seed_gives_the_same_sample() {
    let one = examples::profile().sample(Seed(5), START_US, WEEK_SECS);
    let two = examples::profile().sample(Seed(5), START_US, WEEK_SECS);
    assert_eq!(one.events(), two.events());
    let other = examples::profile().sample(Seed(6), START_US, WEEK_SECS);
    assert_ne!(one.events(), other.events());
}

#[test]
fn what_is_fitted_to_a_sample_talks_like_the_sample() {
    let secs = 12 * WEEK_SECS;
    let sample = examples::profile().sample(
        Seed(7),
        START_US - i64::from(DAY_SECS) * 1_000_000,
        secs + DAY_SECS,
    );
    let mut events = sample.events();
    let first_us = events.last().unwrap().at_us - i64::from(secs) * 1_000_000;
    let meta = TraceMeta {
        tool: "0.1.0".to_owned(),
        zone: "UTC".to_owned(),
        tick_us: 1,
        has_names: false,
        has_text: false,
        overlaps: Vec::new(),
    };
    let options = fit::options();
    let fitted = Profile::fit(&meta, &events, &options).unwrap();
    assert_eq!(fitted.cycle_secs(), secs);
    events.retain(|event| event.at_us > first_us);
    let mut live = [0.0; CELL_COUNT];
    let live_count = events
        .iter()
        .filter(|event| event.kind.is_talk())
        .inspect(|event| {
            let hour = calendar::week_hour(number::secs_of_nanos((event.at_us - START_US) * 1_000));
            live[calendar::cell_index(hour)] += 1.0;
        });
    let rate = number::real(live_count.count()) / f64::from(secs);
    assert!((fitted.mean_rate() / rate - 1.0).abs() < 0.001);

    let weeks = 100;
    let again = fitted.sample(Seed(1), START_US, weeks * WEEK_SECS);
    let mut made = [0.0; CELL_COUNT];
    let talk = again.views().filter(|event| event.kind.is_talk());
    let made_count = talk
        .inspect(|event| {
            let secs = number::secs_of_nanos((event.at_us - START_US) * 1_000);
            made[calendar::cell_index(calendar::week_hour(secs))] += 1.0;
        })
        .count();
    let made_rate = number::real(made_count) / f64::from(weeks * WEEK_SECS);
    // Twelve weeks of clumps of clumps: the rate of a sample is known to some 15 %.
    assert!(
        (made_rate / rate - 1.0).abs() < 0.3,
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
    assert!(distance < 0.2, "{distance}");
}
