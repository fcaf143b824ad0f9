//! Accounts moved between the servers of the simulated network, in virtual time: forecasts, roll-backs, nobody lost.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that can't be set up has failed; its figures are for people"
)]

#[path = "outside/lively.rs"]
mod lively;

use std::collections::BTreeMap;
use std::time::Duration;

use splitstorm::irc::network::config::Limits;
use splitstorm::measure::ledger::counts::Breach;
use splitstorm::measure::migration::Way;
use splitstorm::measure::reason::Refused;
use splitstorm::plan::Plan;
use splitstorm::scenario::file;
use splitstorm::sim;
use splitstorm::sim::Moved;
use splitstorm::sim::SimConfig;
use splitstorm::sim::SimOutcome;
use splitstorm::sim::faults::FaultPlan;
use splitstorm::units::id::Seed;
use splitstorm::units::offset::Offset;

/// A thousand accounts; by the operator's plan they move in a minute.
const CROWD: &str = r#"
profile = "lively"
starts = "Mon 09:00"
heat = 0.05
settle = "2s"
[population]
users = 1000
channels = 400
members_per_channel = 6
[reconnect]
first = "2s"
longest = "10s"
[phase.arrive]
kind = "ramp"
rate = "200/s"
[phase.before]
kind = "steady"
duration = "10s"
[phase.move]
kind = "migrate"
workers = 8
planned = "60s"
redirect = { at = "0s", ttl = "5s", drops = true }
"#;

/// What they cost where each user of the new host makes a move slower, and each who knocks.
const SLOWER: &str =
    "cost = { base = \"0.48s\", per_user = \"5ms\", per_knock = \"2ms\", spread = 0.2 }\n";
/// What they were planned to cost.
const AS_PLANNED: &str = "cost = { base = \"0.48s\", spread = 0.2 }\n";

/// Three times as long as planned: the operator gives up there.
const GIVEN_UP: Duration = Duration::from_mins(3);

fn play(scenario: &str, seed: u64, shard_count: u16) -> SimOutcome {
    let scenario = file::read("move.toml", scenario, &BTreeMap::new()).unwrap();
    let plan = Plan::new(scenario, lively::LIVELY.clone(), Seed(seed)).unwrap();
    let config = SimConfig {
        shard_count,
        faults: FaultPlan::none(Seed(seed)),
        limits: Limits::default(),
    };
    let outcome = sim::run(&plan, &config);
    assert_eq!(outcome.violations, Vec::<String>::new(), "seed {seed}");
    outcome
}

/// Returns the first row by which that share of the accounts had moved.
fn at_share(rows: &[Moved], share: f64, total: u64) -> Moved {
    #[expect(clippy::cast_precision_loss, reason = "a thousand accounts")]
    let is_there = |row: &&Moved| row.done as f64 >= share * total as f64;
    *rows.iter().find(is_there).unwrap()
}

/// Returns how many accounts had moved when a rule on the forecast, such as the shipped scenario's, would have ended the run.
fn given_up_at(rows: &[Moved]) -> Option<u64> {
    let mut seconds = 0;
    let mut rows = rows.iter();
    let row = rows.find(|row| {
        let is_over = row.forecast.is_some_and(|told| told.earliest > GIVEN_UP);
        seconds = if is_over { seconds + 1 } else { 0 };
        seconds == 3
    });
    row.map(|row| row.done)
}

#[test]
fn a_queue_that_crawls_is_told_in_its_first_tenth() {
    let (mut told, mut within, mut early) = (0, 0, 0);
    for seed in 1..=20 {
        let outcome = play(&format!("{CROWD}{SLOWER}within = \"8min\"\n"), seed, 1);
        let migration = &outcome.migrations.all()[0];
        let (took, total) = (migration.took().unwrap(), migration.to_do());
        let forecast = at_share(&outcome.moved, 0.1, total).forecast;
        told += u32::from(forecast.is_some_and(|forecast| forecast.expected > GIVEN_UP));
        within +=
            u32::from(forecast.is_some_and(|told| told.earliest <= took && took <= told.latest));
        let given_up = given_up_at(&outcome.moved).unwrap();
        early += u32::from(given_up * 5 < total);
        println!(
            "seed {seed}: took {took:.0?}, given up with {given_up} moved, at a tenth {forecast:.0?}"
        );
    }
    println!("told {told}, within {within}, early {early} of 20");
    assert!(told >= 19 && within >= 18 && early == 20);
}

#[test]
fn a_queue_that_keeps_its_pace_is_not_called_off() {
    for seed in 1..=20 {
        let outcome = play(&format!("{CROWD}{AS_PLANNED}within = \"3min\"\n"), seed, 1);
        let took = outcome.migrations.all()[0].took().unwrap();
        assert!(took < Duration::from_secs(75), "seed {seed}: {took:?}");
        assert_eq!(given_up_at(&outcome.moved), None, "seed {seed}");
    }
}

/// Rolled back when a fifth of the time has passed, then moved again.
const BACK_AND_AGAIN: &str = r#"
within = "90s"
[phase.back]
kind = "roll_back"
of = "move"
during = "move"
at = "20s"
within = "60s"
[phase.rest]
kind = "steady"
after = "back"
duration = "20s"
[phase.again]
kind = "migrate"
workers = 40
planned = "60s"
within = "2min"
redirect = { at = "0s", ttl = "5s", drops = true }
"#;

#[test]
fn a_roll_back_returns_everybody_and_loses_nobody() {
    let scenario = format!("{CROWD}{SLOWER}{BACK_AND_AGAIN}");
    let mut first = None;
    for shard_count in [1, 3] {
        let outcome = play(&scenario, 5, shard_count);
        let migrations = outcome.migrations.all();
        let names = migrations
            .iter()
            .map(|migration| (migration.way, migration.took().is_some()));
        assert_eq!(
            names.collect::<Vec<_>>(),
            [(Way::Over, false), (Way::Back, true), (Way::Over, true)]
        );
        let (back, again) = (&migrations[1], &migrations[2]);
        assert!(back.done() > 50 && back.done() == back.to_do());
        assert_eq!(again.done(), 1_000);
        // Everybody is let go of in both migrations; those who had moved and were back once more when they went back.
        let events = outcome.events.iter();
        let events = events.filter(|event| event.struck < Offset::NEVER);
        let hit: Vec<(u64, u64)> = events
            .map(|event| (event.affected, event.recovered))
            .collect();
        let (all, back_again) = ((1_000, 1_000), hit[1].0);
        assert_eq!(hit, [all, (back_again, back_again), all]);
        assert!(back_again > 50);
        assert!(outcome.total.refused.count(Refused::Elsewhere) > 1_000);
        for breach in Breach::INTEGRITY {
            assert_eq!(outcome.ledger.count(breach), 0, "{}", breach.name());
        }
        assert!(outcome.ledger.delivered > 100);
        let told = (outcome.ledger.delivered, back.took(), again.took(), hit);
        assert_eq!(*first.get_or_insert(told.clone()), told);
    }
}
