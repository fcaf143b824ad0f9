//! Tests of comings and goings, and of mass events.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::traffic::profile::WEEK_SECS;
use crate::traffic::profile::churn::Commons;
use crate::traffic::profile::churn::Copied;
use crate::traffic::profile::churn::Identity;
use crate::traffic::profile::churn::Life;
use crate::traffic::profile::churn::Struck;
use crate::traffic::profile::examples;
use crate::traffic::profile::incident::Victim;
use crate::traffic::profile::rotation::Rotation;
use crate::traffic::profile::timeline;
use crate::traffic::profile::timeline::StayRow;
use crate::traffic::trace::cause::LeaveCause;

fn life(spans: &[(f64, f64)]) -> Life {
    let stays = spans.iter().map(|&(start_secs, end_secs)| StayRow {
        channel: 0,
        start_secs,
        end_secs,
        cause: LeaveCause::Quit,
        has_join: true,
        has_leave: true,
    });
    Life {
        stays: stays.collect(),
        changes: Vec::new(),
    }
}

fn spans(life: &Life) -> Vec<(f64, f64)> {
    life.stays
        .iter()
        .map(|stay| (stay.start_secs, stay.end_secs))
        .collect()
}

#[test]
fn an_interrupted_life_goes_on_when_it_is_back() {
    let mut whole = life(&[(0.0, 100.0), (150.0, 200.0)]);
    whole.interrupt(0, 50.0, 70.0, LeaveCause::Split);
    assert_eq!(spans(&whole), [(0.0, 50.0), (70.0, 100.0), (150.0, 200.0)]);
    assert_eq!(whole.stays[0].cause, LeaveCause::Split);
    let mut over = life(&[(0.0, 100.0), (110.0, 200.0)]);
    over.interrupt(0, 50.0, 120.0, LeaveCause::Split);
    assert_eq!(spans(&over), [(0.0, 50.0), (120.0, 200.0)]);
}

#[test]
fn a_mass_event_hits_its_victim_or_somebody_who_is_there() {
    let profile = examples::profile();
    let until_secs = f64::from(4 * WEEK_SECS);
    let rotation = Rotation {
        cycle_secs: until_secs,
        phase_secs: 0.0,
        shifts_secs: vec![0.0],
    };
    let commons = Commons::from([(Copied::FIRST, rotation)]);
    let who: Vec<Identity> = (0..2).map(|user| Identity { copy: 0, user }).collect();
    // The victim, user 0, at 500,000 s for 90.5 s.
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut lives = [life(&[(0.0, 900_000.0)]), life(&[(0.0, 900_000.0)])];
    profile.strike(&who, &mut lives, &commons, &mut rng, until_secs);
    assert_eq!(spans(&lives[0]), [(0.0, 500_000.0), (500_090.5, 900_000.0)]);
    assert_eq!(lives[1].stays.len(), 1);
    let mut lives = [life(&[(0.0, 400_000.0)]), life(&[(0.0, 900_000.0)])];
    profile.strike(&who, &mut lives, &commons, &mut rng, until_secs);
    assert_eq!(spans(&lives[1]), [(0.0, 500_000.0), (500_090.5, 900_000.0)]);
    // One who takes no part in the run is not replaced.
    let mut lives = [life(&[(0.0, 900_000.0)])];
    profile.strike(&who[1..], &mut lives, &commons, &mut rng, until_secs);
    assert_eq!(lives[0].stays.len(), 1);
}

/// Breaks a connection, looking at every stay: what `interrupt` does by looking at few.
fn interrupt_plainly(life: &mut Life, at_secs: f64, back_secs: f64) {
    let mut stays = Vec::new();
    for mut stay in std::mem::take(&mut life.stays) {
        if stay.start_secs < at_secs && at_secs < stay.end_secs {
            if back_secs < stay.end_secs {
                let start_secs = back_secs;
                let has_join = true;
                stays.push(StayRow {
                    start_secs,
                    has_join,
                    ..stay
                });
            }
            stay.end_secs = at_secs;
            stay.cause = LeaveCause::Split;
        }
        if (at_secs..back_secs).contains(&stay.start_secs) {
            stay.start_secs = back_secs;
        }
        if stay.start_secs < stay.end_secs {
            stays.push(stay);
        }
    }
    timeline::sort(&mut stays);
    life.stays = stays;
}

proptest::proptest! {
    #[test]
    fn few_stays_are_enough_to_look_at(
        rows in proptest::collection::vec((0_u32..2_000, 1_u32..400, 0_u32..3), 0..40),
        breaks in proptest::collection::vec((0_u32..60, 0_u32..20, 1_u32..300), 0..20),
    ) {
        let mut life = Life::default();
        for (start, lasts, channel) in rows {
            let (start_secs, end_secs) = (f64::from(start), f64::from(start + lasts));
            life.stays.push(StayRow { channel, ..self::life(&[(start_secs, end_secs)]).stays[0] });
        }
        timeline::sort(&mut life.stays);
        let (mut plain, mut lives) = (life.clone(), [life]);
        let mut struck = Struck::new(&mut lives);
        for (later, quit, away) in breaks {
            struck.secs = struck.secs.max(0.0) + f64::from(later);
            let at_secs = struck.secs + f64::from(quit);
            let back_secs = at_secs + f64::from(away);
            assert_eq!(struck.is_present(0, at_secs), plain.is_present(at_secs));
            let victim = Victim {
                user: 0,
                quit_secs: f64::from(quit),
                back_secs: Some(f64::from(quit + away)),
                cause: LeaveCause::Split,
            };
            struck.hit(0, &victim);
            interrupt_plainly(&mut plain, at_secs, back_secs);
        }
        let order = |life: &Life| {
            let mut spans = spans(life);
            spans.sort_by(|one, other| one.partial_cmp(other).unwrap());
            spans
        };
        assert_eq!(order(&lives[0]), order(&plain));
    }
}
