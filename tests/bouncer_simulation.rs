//! Runs against a model bouncer in virtual time: an honest one passes whatever the seed, and each lie is found under its name.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

use std::collections::BTreeMap;

use splitstorm::measure::continuity::policy::BufferPolicy;
use splitstorm::measure::continuity::policy::Forgets;
use splitstorm::measure::continuity::policy::Starts;
use splitstorm::measure::ledger::counts::Breach;
use splitstorm::plan::Plan;
use splitstorm::roster::model::Model;
use splitstorm::roster::name::Network;
use splitstorm::scenario::file;
use splitstorm::sim::bouncer::Style;
use splitstorm::sim::bouncer::lie::Lie;
use splitstorm::sim::bouncer::lie::Lying;
use splitstorm::sim::bouncer::world;
use splitstorm::sim::bouncer::world::BouncerSim;
use splitstorm::sim::bouncer::world::BouncerSimOutcome;
use splitstorm::units::id::Seed;

#[path = "outside/lively.rs"]
mod lively;

const SCENARIO: &str = r#"
profile = "support-channel"
settle = "5s"
heat = 4
[population]
users = 60
members_per_channel = 12
private_share = 0.2
[bouncer]
kind = "znc"
users = 8
networks = 2
[phase.attach]
kind = "ramp"
rate = "4/s"
[phase.steady]
kind = "steady"
after = "attach"
duration = "90s"
[phase.away]
kind = "mass_disconnect"
during = "steady"
at = "10s"
fraction = 0.7
how = "fin"
reconnect_after = "5s"
reconnect_over = "8s"
[phase.torn]
kind = "mass_disconnect"
during = "steady"
at = "40s"
fraction = 0.5
how = "rst"
reconnect_after = "5s"
reconnect_over = "8s"
"#;

fn policy(forgets: Forgets) -> BufferPolicy {
    BufferPolicy {
        lines_max: 100,
        starts: Starts::AtOnce,
        forgets,
        keeps_own: forgets == Forgets::Never,
        keeps_notices: true,
        keeps_queries: true,
        tells_siblings: true,
        marks_replay: true,
        survives_restart: false,
        pages_lines_max: 0,
    }
}

fn play(seed: u64, forgets: Forgets, style: Style, lying: Option<Lying>) -> BouncerSimOutcome {
    play_in(SCENARIO, seed, policy(forgets), style, lying)
}

fn play_in(
    text: &str,
    seed: u64,
    policy: BufferPolicy,
    style: Style,
    lying: Option<Lying>,
) -> BouncerSimOutcome {
    let scenario = file::read("bouncer.toml", text, &BTreeMap::new()).unwrap();
    let networks = ["one", "two"].map(|name| Network::parse(name).unwrap());
    let model = Model {
        users: 8,
        networks: networks.to_vec(),
        channels: 6,
        per_user: 3,
        attached_share: 0.8,
        clients: 2,
        seed: Seed(seed),
    };
    let roster = model.roster().unwrap();
    let plan = Plan::of_roster(scenario, lively::LIVELY.clone(), Seed(seed), &roster).unwrap();
    world::simulate(&BouncerSim {
        plan,
        policy,
        style,
        lying,
    })
}

/// Returns what was found wrong, what went down with connections apart.
fn breaches(outcome: &BouncerSimOutcome) -> Vec<(Breach, u64)> {
    let found = Breach::ALL.map(|breach| (breach, outcome.counts.count(breach)));
    let found = found.into_iter().filter(|&(_, count)| count > 0);
    found
        .filter(|(breach, _)| *breach != Breach::LostInDrop)
        .collect()
}

fn evidence(outcome: &BouncerSimOutcome) -> String {
    let all = Breach::ALL.into_iter().flat_map(|breach| {
        let rows = outcome.exemplars.of(breach).into_iter().take(3);
        rows.map(move |row| format!("{breach:?}: {row:?}"))
    });
    all.collect::<Vec<_>>().join("\n")
}

#[test]
fn an_honest_bouncer_passes_whatever_the_seed() {
    for seed in 0..20 {
        let forgets = if seed % 2 == 0 {
            Forgets::OnAttach
        } else {
            Forgets::Never
        };
        let style = if seed % 4 < 2 { Style::Znc } else { Style::Bip };
        let outcome = play(seed, forgets, style, None);
        let found = breaches(&outcome);
        assert!(
            found.is_empty(),
            "seed {seed}, {forgets:?}, {style:?}: {found:?}\n{}",
            evidence(&outcome)
        );
        assert!(outcome.counts.delivered > 1_000, "{:?}", outcome.counts);
        assert!(outcome.counts.presence_seen > 0);
        assert!(outcome.playbacks.lines > 100, "{:?}", outcome.playbacks);
        assert_eq!(outcome.lies, 0);
    }
}

#[test]
fn nothing_is_falsely_lost_on_links_that_are_late_and_narrow() {
    let slow = SCENARIO.replace(
        "networks = 2\n",
        "networks = 2\n[bouncer.network]\nlink_delay = \"400ms\"\nlink_bytes_per_sec = 1500\n",
    );
    for seed in 0..10 {
        let style = if seed % 2 == 0 {
            Style::Znc
        } else {
            Style::Bip
        };
        let slow = play_in(&slow, seed, policy(Forgets::OnAttach), style, None);
        let found = breaches(&slow);
        assert!(
            found.is_empty(),
            "seed {seed}, {style:?}: {found:?}\n{}",
            evidence(&slow)
        );
        assert!(slow.counts.delivered > 1_000, "{:?}", slow.counts);
        assert!(slow.playbacks.lines > 100, "{:?}", slow.playbacks);
    }
}

/// Checks that a lie is found under one of its names in every seed, and under no other but those that it brings about.
#[track_caller]
fn check(lie: Lie, one_in: u32, name: Breach, also: &[Breach]) {
    for seed in 0..3 {
        let lying = Lying { lie, one_in };
        let outcome = play(seed, Forgets::OnAttach, Style::Znc, Some(lying));
        let found = breaches(&outcome);
        assert!(outcome.lies > 0, "{lie:?}, seed {seed}: no lie was told");
        let is_named = found.iter().any(|&(breach, _)| breach == name);
        assert!(
            is_named,
            "{lie:?}, seed {seed}: {} lies, {found:?}",
            outcome.lies
        );
        let others = found.iter().filter(|(breach, _)| *breach != name);
        let strange: Vec<_> = others
            .filter(|(breach, _)| !also.contains(breach))
            .collect();
        assert!(
            strange.is_empty(),
            "{lie:?}, seed {seed}: {strange:?}\n{}",
            evidence(&outcome)
        );
    }
}

#[test]
fn lines_left_out_of_a_playback_are_missing() {
    check(Lie::DropReplayed, 100, Breach::BacklogMissing, &[]);
}

/// A backlog that is read to its first line, and again after a minute, ten minutes and an hour, beside talk.
const READING: &str = r#"
profile = "support-channel"
settle = "5s"
[population]
users = 60
members_per_channel = 12
[bouncer]
kind = "znc"
users = 8
networks = 2
keeps_read = true
preload_lines = 50
lines_at_attach = 0
[phase.fill]
kind = "steady"
duration = "15s"
[phase.attach]
kind = "ramp"
after = "fill"
rate = "4/s"
[phase.read]
kind = "read_back"
after = "attach"
at = "5s"
over = "2s"
"#;

fn play_reading(seed: u64, lying: Option<Lying>) -> BouncerSimOutcome {
    let policy = BufferPolicy {
        lines_max: 10_000,
        ..policy(Forgets::Never)
    };
    play_in(READING, seed, policy, Style::Znc, lying)
}

/// The same, asked for page by page.
fn play_paging(seed: u64, lying: Option<Lying>) -> BouncerSimOutcome {
    let policy = BufferPolicy {
        lines_max: 10_000,
        pages_lines_max: 10_000,
        ..policy(Forgets::Never)
    };
    let text = READING
        .replace("kind = \"znc\"", "kind = \"soju\"")
        .replace("keeps_read = true\n", "")
        .replace("preload_lines = 50", "preload_lines = 150")
        .replace(
            "kind = \"read_back\"",
            "kind = \"read_back\"\nby = \"pages\"",
        );
    play_in(&text, seed, policy, Style::Znc, lying)
}

#[test]
fn a_backlog_that_is_whole_is_whole_whenever_it_is_read() {
    for (seed, is_paged) in [(0, false), (1, false), (2, false), (3, true), (4, true)] {
        let outcome = if is_paged {
            play_paging(seed, None)
        } else {
            play_reading(seed, None)
        };
        let readings = outcome.readings;
        assert!(
            readings.due > 20 && readings.made == readings.due,
            "{readings:?}"
        );
        let found = breaches(&outcome);
        assert!(
            found.is_empty(),
            "seed {seed}: {found:?}\n{}",
            evidence(&outcome)
        );
        assert_eq!(outcome.healed.rows().count(), 0);
        assert!(outcome.playbacks.lines > 5_000, "{:?}", outcome.playbacks);
    }
}

#[test]
fn a_line_that_comes_when_it_is_read_again_was_hidden_and_one_that_never_comes_is_missing() {
    for (seed, is_paged) in [(0, false), (1, false), (2, false), (3, true), (4, true)] {
        let lying = Lying {
            lie: Lie::HideReplayed,
            one_in: 50,
        };
        let outcome = if is_paged {
            play_paging(seed, Some(lying))
        } else {
            play_reading(seed, Some(lying))
        };
        let hidden = outcome.counts.count(Breach::BacklogHidden);
        let missing = outcome.counts.count(Breach::BacklogMissing);
        // What was hidden first at the last reading is never read again. Of two lines that read alike either may be taken for the other.
        let found = hidden + missing;
        // Each page is lied about anew: what is hidden on one may have been read on another.
        let least = if is_paged {
            outcome.lies / 2
        } else {
            outcome.lies - outcome.lies / 100
        };
        let is_all = (least..=outcome.lies + outcome.lies / 100).contains(&found);
        assert!(
            is_all,
            "{found} of {}: {}",
            outcome.lies,
            evidence(&outcome)
        );
        assert!(hidden > 100 && missing > 0, "{hidden}, {missing}");
        let healed: Vec<(u64, u64)> = outcome
            .healed
            .rows()
            .map(|(after, lines)| (after.as_secs(), lines))
            .collect();
        let lines: u64 = healed.iter().map(|&(_, lines)| lines).sum();
        assert_eq!(lines, hidden);
        // Another client may have been told it just before it was hidden. Five minutes are over at the reading after ten, for who was hidden at the attach, the first reading or the second.
        let is_due =
            |&(secs, _): &(u64, u64)| (535..615).contains(&secs) || !(5..=2_990).contains(&secs);
        assert!(healed.iter().all(is_due), "{healed:?}");
    }
}

#[test]
fn a_playback_that_comes_twice_is_duplicated() {
    check(Lie::ReplayTwice, 3, Breach::BacklogDuplicated, &[]);
}

#[test]
fn swapped_lines_are_misordered() {
    check(Lie::SwapReplayed, 3, Breach::BacklogMisordered, &[]);
}

#[test]
fn shifted_stamps_are_of_another_time() {
    check(Lie::ShiftStamp, 50, Breach::BacklogWrongTime, &[]);
}

#[test]
fn a_channel_that_was_forgotten_is_missing() {
    check(Lie::ForgetChannel, 4, Breach::BacklogMissing, &[]);
}

#[test]
fn what_a_bouncer_is_deaf_to_as_a_client_attaches_is_missing_or_lost() {
    check(
        Lie::DeafAtAttach,
        3,
        Breach::BacklogMissing,
        &[Breach::Lost, Breach::PresenceMissed],
    );
}

#[test]
fn a_leak_is_a_leak() {
    check(Lie::Leak, 200, Breach::Leaked, &[Breach::Misdelivered]);
    let lying = Lying {
        lie: Lie::Leak,
        one_in: 200,
    };
    let outcome = play(7, Forgets::OnAttach, Style::Znc, Some(lying));
    assert!(outcome.leak.is_some());
}

#[test]
fn live_lines_that_are_dropped_or_doubled_are_lost_or_duplicated() {
    // What is said as a client attaches is live to the bouncer before it is to the judge.
    check(Lie::DropLive, 200, Breach::Lost, &[Breach::BacklogMissing]);
    check(Lie::DoubleLive, 200, Breach::Duplicated, &[]);
}
