//! Tests of the talk of one channel.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::traffic::profile::WEEK_SECS;
use crate::traffic::profile::calendar;
use crate::traffic::profile::calendar::Cell;
use crate::traffic::profile::number;
use crate::traffic::profile::parameter::Parameter;
use crate::traffic::profile::room::Room;
use crate::traffic::profile::room::Turn;
use crate::traffic::profile::stream::TalkSlot;
use crate::traffic::profile::stream::TalkStream;
use crate::traffic::profile::stream::WARM_UP_BEGINS;
use crate::traffic::profile::talk::DayFactor;
use crate::traffic::profile::talk::EPISODE_GAP_SECS;
use crate::traffic::profile::talk::Speaker;
use crate::traffic::profile::talk::Talk;
use crate::traffic::profile::talk::examples;
use crate::units::offset::Offset;

/// Returns a room in which as many are from the warm-up on.
fn room(count: u32) -> Room {
    let speakers = (0..count).map(|user| Speaker {
        user,
        weight: 1.0,
        insistence: 1.0,
        ..Speaker::default()
    });
    let turns = (0..count).map(|member| Turn {
        at: WARM_UP_BEGINS,
        is_coming: true,
        member,
        is_seen: false,
    });
    Room::new(speakers, turns.collect())
}

fn slots(talk: &Talk, seed: u64, heat: f64, weeks: u32) -> Vec<TalkSlot> {
    let mut room = room(5);
    let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let ends = Offset::from_secs(i64::from(weeks * WEEK_SECS));
    let mut stream = TalkStream::new(talk, &mut room, rng, 0.0, heat, ends);
    std::iter::from_fn(|| Some(stream.next(talk, &mut room)))
        .take_while(|slot| slot.at != Offset::NEVER)
        .collect()
}

/// Returns the talk of the examples, each day like the other and no start bringing about another.
fn plain() -> Talk {
    Talk {
        excitation: Parameter::Fitted([0.0; 3]),
        day: Parameter::Fitted(DayFactor {
            sigma: 0.0,
            correlation: 0.0,
        }),
        ..examples::talk()
    }
}

#[test]
fn time_never_runs_backwards_and_starts_at_the_start() {
    let slots = slots(&examples::talk(), 9, 30.0, 20);
    assert!(slots.len() > 10_000);
    assert!(slots.first().unwrap().at >= Offset::ZERO);
    assert!(slots.is_sorted_by_key(|slot| slot.at));
}

#[test]
fn episodes_are_parted_by_silence() {
    for pair in slots(&examples::talk(), 3, 1.0, 40).windows(2) {
        let gap_secs = pair[1].at.since(pair[0].at).as_secs_f64();
        assert_eq!(
            pair[1].starts_episode,
            gap_secs > f64::from(EPISODE_GAP_SECS),
            "{gap_secs}"
        );
    }
}

#[test]
fn starts_excite_starts_and_days_differ() {
    let by_day = |talk: &Talk| {
        let weeks = 200;
        let mut counts = vec![0.0; 7 * weeks as usize];
        for slot in slots(talk, 4, 1.0, weeks) {
            if slot.starts_episode {
                counts[number::whole(slot.at.as_secs_f64() / 86_400.0) as usize] += 1.0;
            }
        }
        let mean = counts.iter().sum::<f64>() / number::real(counts.len());
        let squares = counts
            .iter()
            .map(|count| (count - mean) * (count - mean))
            .sum::<f64>();
        (mean, squares / number::real(counts.len()) / mean)
    };
    let (rate, fano) = by_day(&plain());
    let excited = Talk {
        excitation: Parameter::Fitted([0.3, 0.3, 0.2]),
        ..plain()
    };
    let (excited_rate, excited_fano) = by_day(&excited);
    assert!(
        excited_rate > 1.3 * rate && excited_fano > 1.3 * fano,
        "{excited_rate} {rate} {excited_fano} {fano}"
    );
    let day = DayFactor {
        sigma: 0.8,
        correlation: 0.5,
    };
    let (daily_rate, daily_fano) = by_day(&Talk {
        day: Parameter::Fitted(day),
        ..plain()
    });
    assert!(
        (daily_rate / rate - 1.0).abs() < 0.2 && daily_fano > 1.15 * fano,
        "{daily_rate} {rate} {daily_fano} {fano}"
    );
}

#[test]
fn hotter_channels_talk_more() {
    let count = |heat: f64| number::real(slots(&plain(), 5, heat, 200).len());
    let (cold, usual, hot) = (count(0.2), count(1.0), count(5.0));
    let stress = count(50.0);
    assert!(stress > 7.0 * hot, "{hot} {stress}");
    assert!(
        cold < 0.5 * usual && hot > 2.0 * usual,
        "{cold} {usual} {hot}"
    );
}

#[test]
fn somebody_who_comes_to_a_silent_channel_may_begin_to_talk() {
    let mut talk = plain();
    talk.calendar = calendar::Calendar::new([Cell::default(); calendar::CELL_COUNT]);
    let speaker = Speaker {
        weight: 1.0,
        trigger_share: 1.0,
        ..Speaker::default()
    };
    let turn = |secs: i64, is_coming: bool| Turn {
        at: Offset::from_secs(secs),
        is_coming,
        member: 0,
        is_seen: true,
    };
    let mut room = Room::new([speaker], vec![turn(5_000, true), turn(90_000, false)]);
    let rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut stream = TalkStream::new(&talk, &mut room, rng, 0.0, 1.0, Offset::from_secs(200_000));
    let first = stream.next(&talk, &mut room);
    assert_eq!(first.member, Some(0));
    assert!(
        first.starts_episode
            && first.at >= Offset::from_secs(5_000)
            && first.at < Offset::from_secs(7_000)
    );
}

#[test]
fn a_channel_without_starts_never_talks() {
    let mut talk = plain();
    talk.calendar = calendar::Calendar::new([Cell::default(); calendar::CELL_COUNT]);
    assert!(slots(&talk, 1, 1.0, 50).is_empty());
}

#[test]
fn the_same_seed_gives_the_same_talk() {
    assert_eq!(
        slots(&examples::talk(), 7, 1.0, 10),
        slots(&examples::talk(), 7, 1.0, 10)
    );
    assert_ne!(
        slots(&examples::talk(), 7, 1.0, 10),
        slots(&examples::talk(), 8, 1.0, 10)
    );
}
