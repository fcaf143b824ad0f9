//! Senders whom a target holds back are told from a target that is slow, and their lines are no latency of the target's.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

#[path = "outside/lively.rs"]
mod lively;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use splitstorm::irc::fault::link::Delay;
use splitstorm::irc::network::config::FloodLimit;
use splitstorm::irc::network::config::FloodResponse;
use splitstorm::irc::network::config::Limits;
use splitstorm::measure::operation::Operation;
use splitstorm::measure::reason::Refused;
use splitstorm::plan::Plan;
use splitstorm::scenario::file;
use splitstorm::sim;
use splitstorm::sim::SimConfig;
use splitstorm::sim::SimOutcome;
use splitstorm::sim::faults::FaultPlan;
use splitstorm::units::id::Seed;

/// Some of them say several lines a second, most hardly any.
fn crowd(users: u32) -> String {
    let (channels, members) = (users.div_ceil(6), users.div_ceil(3));
    format!(
        r#"
profile = "lively"
starts = "Mon 09:00"
heat = 60.0
settle = "60s"
[population]
users = {users}
channels = {channels}
members_per_channel = {members}
private_share = 0.0
[client]
ping_every = "10m"
[phase.ramp]
kind = "ramp"
rate = "2/s"
[phase.steady]
kind = "steady"
after = "ramp"
duration = "60s"
"#
    )
}

fn play(scenario: &str, limits: Limits, faults: FaultPlan, shard_count: u16) -> SimOutcome {
    let scenario = file::read("busy.toml", scenario, &BTreeMap::new()).unwrap();
    let plan = Plan::new(scenario, lively::LIVELY.clone(), Seed(4)).unwrap();
    let config = SimConfig {
        shard_count,
        faults,
        limits,
    };
    let outcome = sim::run(&Arc::clone(&plan), &config);
    assert_eq!(outcome.violations, Vec::<String>::new());
    outcome
}

fn held_back() -> Limits {
    Limits {
        flood: Some(FloodLimit {
            burst: 5,
            line_interval: Duration::from_secs(1),
            response: FloodResponse::Delay,
        }),
        ..Limits::default()
    }
}

fn counts(outcome: &SimOutcome) -> (u64, u64) {
    let found = outcome.total.refused.count(Refused::FakeLag);
    let held = outcome.total.times(Operation::Held).service.count();
    (found, held)
}

#[test]
fn who_is_held_back_is_found_and_kept_out_of_the_latency() {
    let free = play(&crowd(24), Limits::default(), FaultPlan::none(Seed(4)), 1);
    assert_eq!(counts(&free), (0, 0));
    for shard_count in [1, 2] {
        let none = FaultPlan::none(Seed(4));
        let outcome = play(&crowd(24), held_back(), none, shard_count);
        let (found, held) = counts(&outcome);
        assert!(found > 20 && held > 500, "{found} found, {held} held");
        let took = |operation| outcome.total.times(operation).service.quantiles();
        // What a limit of a line a second holds back takes seconds; the rest takes what the network takes.
        let (messages, held) = (took(Operation::Message), took(Operation::Held));
        assert!(messages.p99 < 500_000, "{messages:?}");
        assert!(held.min >= 500_000 && held.p50 > 5_000_000, "{held:?}");
        // Nothing is counted twice, or lost.
        let free = free.total.times(Operation::Message).service.count();
        assert!(messages.count < free, "{messages:?} of {free}");
    }
}

#[test]
fn without_others_lines_beside_it_a_sender_is_asked_and_somebody_rested() {
    let outcome = play(&crowd(3), held_back(), FaultPlan::none(Seed(4)), 1);
    let (found, held) = counts(&outcome);
    assert!(found > 2 && held > 20, "{found} found, {held} held");
    // Their programs send none so early.
    let pings = outcome.lines_sent.iter().find(|(name, _)| *name == "PING");
    assert!(pings.is_some_and(|(_, count)| count >= 2), "{pings:?}");
    let messages = outcome.total.times(Operation::Message).service.quantiles();
    assert!(messages.max < 500_000, "{messages:?}");
}

#[test]
fn a_target_that_is_slow_with_everybody_holds_nobody_back() {
    for shard_count in [1, 2] {
        let faults = FaultPlan {
            delay: Delay {
                base: Duration::from_millis(600),
                spread: Duration::from_millis(300),
                sigma: 0.3,
            },
            ..FaultPlan::none(Seed(4))
        };
        let outcome = play(&crowd(24), Limits::default(), faults, shard_count);
        assert_eq!(counts(&outcome), (0, 0));
    }
}

#[test]
fn a_target_that_is_slow_now_and_then_is_not_excused_by_the_lines_that_pass() {
    for shard_count in [1, 2] {
        let faults = FaultPlan {
            delay: Delay {
                base: Duration::from_millis(5),
                spread: Duration::from_millis(30),
                sigma: 1.2,
            },
            ..FaultPlan::none(Seed(4))
        };
        let outcome = play(&crowd(24), Limits::default(), faults, shard_count);
        let messages = outcome.total.times(Operation::Message).service.quantiles();
        let (_, held) = counts(&outcome);
        assert!(messages.p99 > 500_000, "{messages:?}");
        assert!(held * 20 < messages.count, "{held} held, {messages:?}");
    }
}
