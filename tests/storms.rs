//! Virtual runs of every kind of storm: what each phase strikes, that its victims come back, and that nobody is blamed for it.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

#[path = "outside/crowd.rs"]
mod crowd;
#[path = "outside/lively.rs"]
mod lively;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use splitstorm::irc::fault::link::Delay;
use splitstorm::irc::network::config::Limits;
use splitstorm::measure::act::Act;
use splitstorm::measure::event::Event;
use splitstorm::measure::ledger::counts::Breach;
use splitstorm::measure::operation::Operation;
use splitstorm::plan::Plan;
use splitstorm::scenario::file;
use splitstorm::sim;
use splitstorm::sim::SimConfig;
use splitstorm::sim::SimOutcome;
use splitstorm::sim::faults::FaultPlan;
use splitstorm::units::id::PhaseId;
use splitstorm::units::id::Seed;

/// Returns half a minute of talk, over which a storm is laid.
fn stormy(storm: &str) -> String {
    format!(
        "profile = \"lively\"\nstarts = \"Mon 09:00\"\nheat = 8.0{}\
         [phase.steady]\nkind = \"steady\"\nduration = \"40s\"\n{storm}",
        crowd::CROWD
    )
}

fn plan(storm: &str, seed: u64) -> Arc<Plan> {
    let scenario = file::read("storm.toml", &stormy(storm), &BTreeMap::new()).unwrap();
    Plan::new(scenario, lively::LIVELY.clone(), Seed(seed)).unwrap()
}

/// Plays a storm with links slow enough that much is under way when it strikes, and checks that nobody is blamed for it.
#[track_caller]
fn play(plan: &Arc<Plan>, shard_count: u16, seed: u64) -> SimOutcome {
    let faults = FaultPlan {
        delay: Delay {
            base: Duration::from_millis(20),
            spread: Duration::from_millis(10),
            sigma: 0.3,
        },
        ..FaultPlan::none(Seed(seed))
    };
    let config = SimConfig {
        shard_count,
        faults,
        limits: Limits::default(),
    };
    let outcome = sim::run(plan, &config);
    assert_eq!(outcome.violations, Vec::<String>::new(), "seed {seed}");
    for breach in Breach::INTEGRITY {
        let evidence = outcome.exemplars.of(breach).into_iter().next();
        assert_eq!(
            outcome.ledger.count(breach),
            0,
            "seed {seed}, {}: {evidence:?}",
            breach.name()
        );
    }
    outcome
}

/// Returns the events of a storm, all of whose victims are whole again, by phase from the third on.
#[track_caller]
fn events(storm: &str, seed: u64) -> (Vec<Event>, SimOutcome) {
    let plan = plan(storm, seed);
    let outcome = play(&plan, 1, seed);
    let three = play(&plan, 3, seed);
    assert_eq!(three.ledger, outcome.ledger, "seed {seed}");
    let mut events = outcome.events.clone();
    events.sort_by_key(|event| event.phase);
    for event in &events {
        assert!(
            event.affected > 0 && event.is_over(),
            "seed {seed}: {} of {} recovered from phase {}",
            event.recovered,
            event.affected,
            event.phase
        );
    }
    (events, outcome)
}

#[test]
fn connections_that_are_reset_or_left_standing_come_back() {
    for how in ["fin", "rst", "silent"] {
        for returns in ["even", "at_once", "backoff"] {
            for seed in 0..12 {
                let storm = format!(
                    "[phase.mass]\nkind = \"mass_disconnect\"\nduring = \"steady\"\nat = \"10s\"\nfraction = 0.5\n\
                     how = \"{how}\"\nreturns = \"{returns}\"\nreconnect_over = \"4s\"\n"
                );
                let (events, _) = events(&storm, seed);
                let recover = events[0].recover().unwrap();
                assert!(
                    recover < Duration::from_secs(8),
                    "{how} {returns} seed {seed}: {recover:?}"
                );
            }
        }
    }
}

#[test]
fn a_restart_takes_everybody_and_everybody_returns_by_itself() {
    for seed in 0..30 {
        let storm = "[phase.again]\nkind = \"restart\"\nduring = \"steady\"\nat = \"10s\"\nlasts = \"3s\"\n";
        let (events, outcome) = events(storm, seed);
        assert!(events[0].affected > 8, "{}", events[0].affected);
        // Back-off doubles to two seconds, and a connect, a registration and the JOINs follow.
        let recover = events[0].recover().unwrap();
        assert!(recover < Duration::from_secs(4), "seed {seed}: {recover:?}");
        assert!(outcome.ledger.delivered > 0);
    }
}

#[test]
fn who_is_hit_again_before_it_is_whole_is_waited_for_once() {
    for seed in 0..30 {
        // The outage takes half of them and lets them come back while the target goes down, and down again.
        let storm = "[phase.mass]\nkind = \"mass_disconnect\"\nduring = \"steady\"\nat = \"10s\"\nfraction = 0.5\nreconnect_after = \"0s\"\nreconnect_over = \"2s\"\n\
             [phase.again]\nkind = \"restart\"\nduring = \"mass\"\nat = \"1s\"\nlasts = \"1s\"\n\
             [phase.third]\nkind = \"restart\"\nduring = \"again\"\nat = \"1500ms\"\nlasts = \"1s\"\n";
        let outcome = play(&plan(storm, seed), 1, seed);
        for event in &outcome.events {
            assert!(
                event.is_over(),
                "seed {seed}: {} of {} recovered from phase {}",
                event.recovered,
                event.affected,
                event.phase
            );
        }
        assert!(outcome.events.iter().any(|event| event.affected > 0));
    }
}

#[test]
fn one_server_can_part_twice_and_two_at_a_time() {
    for seed in 0..60 {
        let storm = "[phase.first]\nkind = \"netsplit\"\nduring = \"steady\"\nat = \"8s\"\nheal_after = \"6s\"\nserver = \"west\"\nfraction = 0.4\n\
             [phase.other]\nkind = \"netsplit\"\nduring = \"first\"\nat = \"2s\"\nheal_after = \"2s\"\nserver = \"east\"\nfraction = 0.4\n\
             [phase.second]\nkind = \"netsplit\"\nduring = \"steady\"\nat = \"22s\"\nheal_after = \"2s\"\nserver = \"west\"\n";
        let (events, _) = events(storm, seed);
        let phases: Vec<PhaseId> = events.iter().map(|event| event.phase).collect();
        assert_eq!(phases, [PhaseId(2), PhaseId(3), PhaseId(4)]);
        let struck: Vec<i64> = events
            .iter()
            .map(|event| event.struck.as_micros() / 1_000_000)
            .collect();
        assert_eq!(struck, [10, 12, 24]);
    }
}

#[test]
fn storms_of_nicks_and_joins_are_storms_and_hurt_nobody() {
    for seed in 0..30 {
        let storm = "[phase.nicks]\nkind = \"nick_storm\"\nduring = \"steady\"\nat = \"10s\"\nfraction = 1.0\nover = \"1s\"\n\
             [phase.joins]\nkind = \"join_storm\"\nduring = \"steady\"\nat = \"15s\"\nfraction = 1.0\nover = \"1s\"\nstay = \"5s\"\n";
        let calm = play(&plan("", seed), 1, seed);
        let (_, outcome) = events(storm, seed);
        let done = |outcome: &SimOutcome, act| outcome.total.acts.sent(act);
        for (act, more) in [(Act::Nick, 12), (Act::Join, 12), (Act::Part, 12)] {
            let (calm, stormy) = (done(&calm, act), done(&outcome, act));
            assert!(
                stormy >= calm + more,
                "seed {seed}: {calm} and {stormy} of {act:?}"
            );
        }
        let joins = outcome.total.times(Operation::Join).response.count();
        assert!(joins > 12);
    }
}

#[test]
fn nobody_speaks_in_a_quiet_phase() {
    let storm = "[phase.hush]\nkind = \"quiet\"\nduration = \"20s\"\n";
    let with = plan(storm, 1);
    let hush = with.timeline.span(PhaseId(2));
    let outcome = play(&with, 1, 1);
    assert!(hush.ends > hush.begins && outcome.ledger.sent > 0);
    assert_eq!(outcome.ledger.sent, play(&plan("", 1), 1, 1).ledger.sent);
}

#[test]
fn a_curve_of_a_real_outage_needs_a_profile_that_had_one() {
    let storm =
        "[phase.mass]\nkind = \"mass_disconnect\"\nduring = \"steady\"\nreturns = \"outage\"\n";
    let scenario = file::read("storm.toml", &stormy(storm), &BTreeMap::new()).unwrap();
    let error = Plan::new(scenario, lively::LIVELY.clone(), Seed(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "profile `lively` has no mass event whose returns phase `mass` could follow"
    );
}
