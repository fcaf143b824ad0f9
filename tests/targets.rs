//! The program against real servers: what they deliver is found whole, and how they say no is understood.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that can't be set up has failed, and one that is skipped says so"
)]

#[path = "counters/counted.rs"]
mod counted;
#[path = "outside/fit.rs"]
mod fit;
#[expect(dead_code, reason = "limits that only the doctor's tests look for")]
#[path = "targets/launch.rs"]
mod launch;
#[path = "outside/ledger.rs"]
mod ledger;
#[path = "tap/passed.rs"]
mod passed;
#[path = "outside/play.rs"]
mod play;
#[path = "outside/playing.rs"]
mod playing;
#[path = "outside/process.rs"]
mod process;
#[path = "targets/relay.rs"]
mod relay;
#[path = "outside/slot.rs"]
mod slot;
#[path = "tap/tapped.rs"]
mod tapped;
#[path = "replay/verbatim.rs"]
mod verbatim;

use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use crate::counted::Counted;
use crate::fit::fit;
use crate::launch::Limits;
use crate::launch::Server;
use crate::launch::launch;
use crate::ledger::check_whole;
use crate::ledger::number;
use crate::passed::Pace;
use crate::play::play;
use crate::playing::Played;
use crate::playing::Playing;
use crate::slot::Slot;
use crate::tapped::Tapped;

/// Plays a scenario of the tests against a fresh server; `None` where it is not installed.
fn played(scenario: &str, server: Server, limits: Limits, flags: &[&str]) -> Option<Played> {
    played_file(&play::scenario(scenario), server, limits, flags)
}

/// Plays the scenario of a file against a fresh server; `None` where it is not installed.
fn played_file(file: &Path, server: Server, limits: Limits, flags: &[&str]) -> Option<Played> {
    let _slot = Slot::take();
    let once = || {
        let launched = launch(server, limits)?;
        let flags = [&["--target", &launched.target], flags].concat();
        Some(Playing::start(file, &flags).end())
    };
    fit(once, |played| {
        played.as_ref().is_some_and(Played::is_strained)
    })
}

/// Checks that a run passed, and that nothing was lost or damaged.
#[track_caller]
fn check_passed(played: &Played) {
    assert_eq!(
        played.code, 0,
        "{:#}\n{}",
        played.result["verdict"], played.stderr
    );
    check_whole(played, &[]);
}

/// Checks that a server with its limits lifted passes, and that the run did what it was to do.
#[track_caller]
fn check_open(server: Server, flags: &[&str]) {
    let Some(played) = played("server", server, Limits::Open, flags) else {
        return;
    };
    check_passed(&played);
    for artifact in ["summary.md", "junit.xml", "intervals.hlog"] {
        assert!(played.out.join(artifact).exists(), "no {artifact}");
    }
    let (planned, sent) = (
        number(&played, "ledger.planned"),
        number(&played, "ledger.sent"),
    );
    assert!(
        planned > 100 && sent * 100 >= planned * 99,
        "{sent} of {planned}"
    );
    assert!(number(&played, "ledger.delivered") > 400);
    assert!(number(&played, "ledger.presence_seen") > 400);
    // Every server answers PING in a shape of its own.
    assert!(number(&played, "latency.ping.response.count") > 100);
    assert_eq!(number(&played, "disconnects.ping_timeout"), 0);
}

/// Checks that a server's refusals of many clients from one address are known for what they are: by these limits, so often at least, and no
/// other. Whether one of the few who got in is held back is its seed's.
#[track_caller]
fn check_limits(server: Server, limits: &[(&str, u64)]) {
    let flags = [
        "--set",
        "target.spread_sources=false",
        "--set",
        "reconnect.first=2s",
        // Who gets in is slowed down by these servers when it sends much, without a word: late is not lost.
        "--set",
        "settle=20s",
        "--set",
        "client.ping_every=60s",
        "--set",
        "client.mode_on_join=false",
    ];
    let Some(played) = played("server", server, Limits::Defaults, &flags) else {
        return;
    };
    assert_eq!(played.code, 1, "{}", played.stderr);
    let refused = played.result["refused"].as_object().unwrap();
    for (reason, count) in refused {
        let limit = limits.iter().find(|(limit, _)| limit == reason);
        let least = limit.map_or(0, |(_, least)| *least);
        let count = count.as_u64().unwrap();
        assert!(count >= least, "{refused:?}");
        assert!(limit.is_some() || count == 0, "{refused:?}");
    }
    // What the few who got in were owed, they got.
    check_whole(&played, &[]);
    assert!(
        played.reasons().contains(&"not_sent"),
        "{:?}",
        played.reasons()
    );
}

#[test]
fn ngircd_with_its_limits_lifted_passes() {
    check_open(Server::Ngircd, &[]);
}

#[test]
fn inspircd_with_its_limits_lifted_passes() {
    check_open(Server::Inspircd, &[]);
}

#[test]
fn hybrid_with_its_limits_lifted_passes() {
    check_open(Server::Hybrid, &[]);
}

#[test]
fn miniircd_passes() {
    check_open(Server::Miniircd, &[]);
}

/// Checks that what programs ask by themselves reaches a server and disturbs nothing.
#[track_caller]
fn check_programs(server: Server) {
    let Some(played) = played("programs", server, Limits::Open, &[]) else {
        return;
    };
    check_passed(&played);
    for (line, least) in [("MODE", 200), ("WHO", 100), ("CAP", 200)] {
        let count = number(&played, &format!("lines_sent.{line}"));
        assert!(count > least, "{count} {line}");
    }
    let clients = played.result["clients"].as_array().unwrap();
    let users: u64 = clients
        .iter()
        .filter_map(|client| client["users"].as_u64())
        .sum();
    assert!(clients.len() == 6 && users > 0, "{clients:?}");
    let assumed = played.result["realism"]["assumed"].as_array().unwrap();
    assert!(assumed.iter().any(|what| what == "client.web"));
    assert!(!assumed.iter().any(|what| what == "client.irssi"));
    let summary = std::fs::read_to_string(played.out.join("summary.md")).unwrap();
    assert!(
        summary.contains("irssi 20 %, weechat 20 % (recorded) · hexchat 15 %"),
        "{summary}"
    );
}

#[test]
fn users_with_programs_pass_on_ngircd() {
    check_programs(Server::Ngircd);
}

#[test]
fn users_with_programs_pass_on_inspircd() {
    check_programs(Server::Inspircd);
}

#[test]
fn own_echoes_are_counted_apart_from_deliveries() {
    let Some(played) = played("echoes", Server::Inspircd, Limits::Open, &[]) else {
        return;
    };
    check_passed(&played);
    let sent = number(&played, "ledger.sent");
    assert!(sent > 40, "{sent}");
    assert_eq!(number(&played, "ledger.echoes"), sent);
    assert_eq!(
        number(&played, "ledger.delivered"),
        number(&played, "ledger.required")
    );
}

/// Plays the scenario `server` against ngircd, which `signal` ends in the middle of it. Returns how many lost their connections
/// without a word, and how many after an ERROR.
fn played_to_the_end_of(signal: &'static str) -> Option<(u64, u64)> {
    let _slot = Slot::take();
    let launched = launch(Server::Ngircd, Limits::Open)?;
    let killer = launched.end_later(38, Duration::from_secs(4), signal);
    let played = play("server", &launched.target, &[]);
    assert!(killer.join().unwrap(), "nothing was left to end");
    assert_eq!(played.code, 1, "{}", played.stderr);
    // What the server took and did not relay before its end can't be called lost: nobody was there any more.
    check_whole(&played, &[]);
    Some((
        number(&played, "disconnects.eof") + number(&played, "disconnects.reset"),
        number(&played, "disconnects.error_line"),
    ))
}

#[test]
fn a_server_that_dies_is_told_from_one_that_stops() {
    let Some((bare, after_error)) = played_to_the_end_of("-KILL") else {
        return;
    };
    assert!(bare >= 25 && after_error == 0, "{bare}, {after_error}");
    let Some((bare, after_error)) = played_to_the_end_of("-TERM") else {
        return;
    };
    assert!(bare == 0 && after_error >= 25, "{bare}, {after_error}");
}

#[test]
fn the_gate_for_pipelines_passes_on_hybrid() {
    let file = Path::new("scenarios/ci-gate.toml");
    let flags = ["--set", "phase.steady.duration=30s"];
    let Some(played) = played_file(file, Server::Hybrid, Limits::Open, &flags) else {
        return;
    };
    check_passed(&played);
    assert!(number(&played, "ledger.delivered") > 1_000);
}

#[test]
fn ngircd_says_no_to_many_clients_of_one_address() {
    check_limits(Server::Ngircd, &[("clone_limit", 21), ("fake_lag", 0)]);
}

#[test]
fn inspircd_says_no_to_many_clients_of_one_address() {
    check_limits(Server::Inspircd, &[("clone_limit", 21), ("fake_lag", 0)]);
}

#[test]
fn hybrid_says_no_to_who_comes_too_fast_and_to_many_clients_of_one_address() {
    // Whether one of the few has more channels than ten is the seed's.
    let limits = [
        ("throttle", 50),
        ("clone_limit", 3),
        ("channel_limit", 0),
        ("fake_lag", 0),
        // Of those who get in one may be taken for a flooder.
        ("flood", 0),
    ];
    check_limits(Server::Hybrid, &limits);
}

/// Checks that a server which holds back who is hasty is known to, with what lifts that, and that its latency is that of the others.
#[track_caller]
fn check_held(server: Server, family: &str, breaches: &[&str]) {
    let Some(played) = played("hasty", server, Limits::Defaults, &[]) else {
        return;
    };
    let found = number(&played, "refused.fake_lag");
    let held = number(&played, "latency.held.service.count");
    assert!(found > 2 && held > 50, "{found} found, {held} held");
    let messages = &played.result["latency"]["message"]["service"];
    let (count, p99) = (messages["count"].as_u64(), messages["p99"].as_u64());
    assert!(count.unwrap() > 200 && p99.unwrap() < 500_000, "{messages}");
    let limits = played.result["limits"].as_array().unwrap();
    let advice = limits.iter().find(|limit| limit["reason"] == "fake_lag");
    let advice = advice.unwrap()["advice"].as_str().unwrap();
    assert!(advice.starts_with(family), "{advice}");
    let warnings = played.result["warnings"].to_string();
    assert!(warnings.contains("held senders back"), "{warnings}");
    check_whole(&played, breaches);
}

#[test]
fn what_inspircd_holds_back_is_not_its_latency() {
    check_held(Server::Inspircd, "InspIRCd: ", &[]);
}

#[test]
fn what_hybrid_holds_back_is_not_its_latency() {
    // It closes who goes on for long, with what it still held.
    check_held(Server::Hybrid, "ircd-hybrid: ", &["lost"]);
}

#[test]
fn a_tap_in_front_of_inspircd_changes_nothing_and_tells_each_message_once() {
    let _slot = Slot::take();
    let once = || {
        let launched = launch(Server::Inspircd, Limits::Open)?;
        let upstream = launched.target.trim_start_matches("irc://");
        let tap = Tapped::start(&[], upstream, &["--keep-text"]);
        let played = play("server", &format!("irc://{}", tap.address), &[]);
        Some((played, tap.end("-INT")))
    };
    let run = fit(once, |run| {
        run.as_ref().is_some_and(|(played, _)| played.is_strained())
    });
    let Some((played, ended)) = run else { return };
    check_passed(&played);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (events, is_cut) = ended.events();
    assert!(!is_cut);
    let told = events.iter().filter(|event| event.kind.is_talk()).count();
    assert_eq!(
        told as u64,
        number(&played, "ledger.sent"),
        "{}",
        ended.stderr
    );
}

#[test]
fn ten_thousand_lines_a_second_pass_a_tap_to_inspircd_unchanged_both_ways() {
    let _slot = Slot::take();
    let Some(launched) = launch(Server::Inspircd, Limits::Fast) else {
        return;
    };
    let (between, witness) = relay::relay(launched.target.trim_start_matches("irc://"));
    let tap = Tapped::start(&[], &between, &[]);
    let pace = Pace {
        per_second: 10_000,
        count: 60_000,
    };
    let began = Instant::now();
    let of_client = relay::talk_to_oneself(&tap.address, pace);
    let took = began.elapsed();
    let of_server = witness.join().unwrap();
    let ended = tap.end("-INT");
    // Shown by `cargo test -- --nocapture`: what the tap adds.
    eprintln!("{took:?}\n{}", ended.stderr);
    assert_eq!(of_client, of_server, "{}", ended.stderr);
    // Each line comes back with its sender in front.
    assert!(of_client.down.bytes > of_client.up.bytes);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains("not recorded"), "{}", ended.stderr);
    let (events, is_cut) = ended.events();
    let told = events.iter().filter(|event| event.kind.is_talk()).count();
    assert_eq!((told, is_cut), (60_000, false));
}

#[test]
fn inspircd_behind_a_tap_learns_its_clients_addresses() {
    let _slot = Slot::take();
    let Some(launched) = launch(Server::Inspircd, Limits::Proxied) else {
        return;
    };
    let upstream = launched.target.trim_start_matches("irc://");
    let tap = Tapped::start(&[], upstream, &["--proxy-protocol", "v2"]);
    let told = relay::welcome_of("127.0.0.77", &tap.address);
    assert!(told.ends_with("!alder@127.0.0.77"), "{told}");
    assert_eq!(tap.end("-INT").code, Some(0));
}

#[test]
fn a_trace_replayed_at_ngircd_is_told_again_event_by_event() {
    let _slot = Slot::take();
    let Some(launched) = launch(Server::Ngircd, Limits::Open) else {
        return;
    };
    verbatim::check_verbatim(launched.target.trim_start_matches("irc://"));
}

/// Checks that a server's own counters rose, over a run, by what the run says that it sent: no command more, none less.
#[track_caller]
fn check_counted(server: Server) {
    let _slot = Slot::take();
    let Some(launched) = launch(server, Limits::Gauged) else {
        return;
    };
    let flags = [
        "--every",
        "1s",
        "--oper-name",
        "gauge",
        "--oper-password-env",
        "SPLITSTORM_TEST_SECRET",
    ];
    let counted = Counted::start(&launched.target, &flags);
    counted.wait(|counted| counted.readings() > 0);
    // What is measured here is no time: a machine that is busy is as good.
    let played = play("counted", &launched.target, &[]);
    // What the run sent last may be on its way still.
    let readings = counted.readings();
    counted.wait(|counted| counted.readings() >= readings + 2);
    let ended = counted.interrupt();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut gained = ended.gained();
    // The watcher's own.
    for own in ["STATS", "LUSERS"] {
        assert!(gained.remove(own).unwrap() > 10, "{}", ended.stderr);
    }
    if let Some(pongs) = gained.get_mut("PONG") {
        *pongs -= ended.own_pongs();
    }
    let sent = played.result["lines_sent"].as_object().unwrap();
    let sent: std::collections::BTreeMap<&str, u64> = sent
        .iter()
        .map(|(command, count)| (command.as_str(), count.as_u64().unwrap()))
        .filter(|(_, count)| *count > 0)
        .collect();
    assert_eq!(gained, sent, "{}", played.stderr);
    for command in [
        "CAP", "JOIN", "KICK", "MODE", "NICK", "NOTICE", "PART", "PING", "PONG", "PRIVMSG", "QUIT",
        "TOPIC", "USER", "WHO",
    ] {
        assert!(
            sent.contains_key(command),
            "no {command} was sent: {sent:?}"
        );
    }
}

#[test]
fn ngircd_counts_the_lines_that_a_run_says_it_sent() {
    check_counted(Server::Ngircd);
}

#[test]
fn inspircd_counts_the_lines_that_a_run_says_it_sent() {
    check_counted(Server::Inspircd);
}
