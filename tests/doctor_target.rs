//! `doctor` about targets, run as a person runs it: what real servers and the simulated network allow, and what two of them differ in.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that can't be set up has failed, and one that is skipped says so"
)]

#[path = "outside/command.rs"]
mod command;
#[expect(dead_code, reason = "nobody here ends a server early")]
#[path = "targets/launch.rs"]
mod launch;
#[path = "outside/network.rs"]
mod network;
#[path = "outside/process.rs"]
mod process;

use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use crate::command::splitstorm;
use crate::launch::Limits;
use crate::launch::Server;
use crate::launch::launch;

/// No look takes longer.
const LONGEST: Duration = Duration::from_mins(1);

/// A scenario of forty users from one address, in a dozen channels each and more.
const ORCHARD: &str = r#"
profile = "support-channel"
[population]
users = 40
channels = 16
members_per_channel = 32
[target]
spread_sources = false
[phase.ramp]
kind = "ramp"
rate = "10/s"
[phase.talk]
kind = "steady"
duration = "20s"
"#;

/// Writes [`ORCHARD`]; returns the folder that holds it, and its file.
fn orchard() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("orchard.toml");
    std::fs::write(&scenario, ORCHARD).unwrap();
    let scenario = scenario.to_str().unwrap().to_owned();
    (folder, scenario)
}

/// Runs the program in the repository, so that profiles are found, and returns what it printed as JSON; checks the exit code.
#[track_caller]
fn told(args: &[&str], code: i32) -> Value {
    let began = Instant::now();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = splitstorm(repository, args);
    assert!(began.elapsed() < LONGEST, "{:?}", began.elapsed());
    let err = String::from_utf8_lossy(&output.stderr);
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// Checks what a look at a target found, by pointers into the probe.
#[track_caller]
fn check(found: &Value, want: &[(&str, Value)]) {
    for (pointer, want) in want {
        let got = found["probe"].pointer(pointer);
        assert_eq!(got.unwrap_or(&Value::Null), want, "{pointer} in {found:#}");
    }
}

fn level<'a>(found: &'a Value, topic: &str) -> &'a str {
    let mut findings = found["findings"].as_array().unwrap().iter();
    let finding = findings.find(|finding| finding["topic"] == topic).unwrap();
    finding["level"].as_str().unwrap()
}

#[test]
fn ngircd_with_its_own_limits_breaks_a_scenario_and_the_settings_are_named() {
    let Some(server) = launch(Server::Ngircd, Limits::Defaults) else {
        return;
    };
    let (_folder, scenario) = orchard();
    let args = ["doctor", &scenario, "--target", &server.target, "--json"];
    let found = told(&args, 1);
    check(
        &found,
        &[
            ("/family", "ngIRCd".into()),
            ("/connections_per_address/allowed", 5.into()),
            ("/channels_per_user/allowed", 10.into()),
            ("/tokens/NICKLEN", "9".into()),
            ("/tokens/CHANLIMIT", "#&+:10".into()),
            ("/registration/is_on_tick", false.into()),
        ],
    );
    assert!(
        found["probe"]["long_line"]["closed"].is_string(),
        "{found:#}"
    );
    assert!(found["probe"]["flood"]["idle_ms"].as_u64().unwrap() < 750);
    assert!(found["probe"]["flood"]["carried_out_1s"].as_u64().unwrap() < 30);
    assert_eq!(level(&found, "connections_per_address"), "bad");
    assert_eq!(level(&found, "channels_per_user"), "bad");
    let text = found["findings"].to_string();
    assert!(
        text.contains("MaxConnectionsIP") && text.contains("MaxJoins"),
        "{text}"
    );
}

/// Checks that a server without limits is found to have none, and besides what differs from one to the next.
#[track_caller]
fn check_open(server: Server, want: &[(&str, Value)]) {
    let Some(server) = launch(server, Limits::Open) else {
        return;
    };
    let found = told(&["doctor", "--target", &server.target, "--json"], 0);
    check(
        &found,
        &[
            ("/connections_per_address/allowed", 12.into()),
            ("/connections_per_address/refused", Value::Null),
            ("/channels_per_user/allowed", 25.into()),
            ("/channels_per_user/refused", Value::Null),
            ("/connects_in_a_row/refused", Value::Null),
            ("/tokens/NICKLEN", "30".into()),
        ],
    );
    check(&found, want);
}

#[test]
fn ngircd_without_limits_allows_what_is_tried() {
    check_open(Server::Ngircd, &[("/family", "ngIRCd".into())]);
}

#[test]
fn inspircd_without_limits_allows_what_is_tried() {
    let want = [
        ("/flood/carried_out_1s", 30.into()),
        ("/capabilities/echo-message", "".into()),
    ];
    check_open(Server::Inspircd, &want);
}

#[test]
fn hybrid_without_limits_allows_what_is_tried() {
    let want = [
        ("/family", "ircd-hybrid".into()),
        ("/flood/carried_out_1s", 30.into()),
        ("/registration/is_on_tick", false.into()),
        ("/capabilities/multi-prefix", "".into()),
    ];
    check_open(Server::Hybrid, &want);
}

#[test]
fn inspircd_with_the_limits_of_its_example_is_found_as_configured() {
    let Some(server) = launch(Server::Inspircd, Limits::Defaults) else {
        return;
    };
    let found = told(&["doctor", "--target", &server.target, "--json"], 0);
    check(
        &found,
        &[
            ("/family", "InspIRCd".into()),
            ("/network", "Orchard".into()),
            ("/connections_per_address/allowed", 3.into()),
            ("/channels_per_user/allowed", 20.into()),
            ("/connects_in_a_row/refused", Value::Null),
            ("/registration/is_on_tick", true.into()),
            ("/flood/pong_ms", Value::Null),
            ("/flood/closed", Value::Null),
        ],
    );
    // A threshold of ten, and a line a second.
    let flood = &found["probe"]["flood"];
    assert!(
        (8..=12).contains(&flood["carried_out_1s"].as_u64().unwrap()),
        "{flood}"
    );
    assert!(
        (16..=22).contains(&flood["carried_out_10s"].as_u64().unwrap()),
        "{flood}"
    );
    assert!(flood["idle_ms"].as_u64().unwrap() < 750, "{flood}");
    assert!(found["probe"]["long_line"]["cut"].is_u64(), "{found:#}");
}

#[test]
fn hybrid_with_narrow_limits_is_found_as_configured() {
    let Some(server) = launch(Server::Hybrid, Limits::Defaults) else {
        return;
    };
    let (_folder, scenario) = orchard();
    let args = ["doctor", &scenario, "--target", &server.target, "--json"];
    let found = told(&args, 1);
    check(
        &found,
        &[
            ("/family", "ircd-hybrid".into()),
            ("/network", "Orchard".into()),
            ("/connections_per_address/allowed", 2.into()),
            ("/connects_in_a_row/allowed", 1.into()),
            ("/channels_per_user/allowed", 10.into()),
            ("/flood/pong_ms", Value::Null),
            ("/flood/closed", Value::Null),
            ("/tokens/CHANLIMIT", "#:25".into()),
            ("/registration/is_on_tick", false.into()),
        ],
    );
    let flood = &found["probe"]["flood"];
    assert!(
        (4..=8).contains(&flood["carried_out_1s"].as_u64().unwrap()),
        "{flood}"
    );
    assert!(
        (10..=20).contains(&flood["carried_out_10s"].as_u64().unwrap()),
        "{flood}"
    );
    assert!(flood["idle_ms"].as_u64().unwrap() < 750, "{flood}");
    assert!(found["probe"]["long_line"]["cut"].is_u64(), "{found:#}");
    for (topic, advice) in [
        ("connections_per_address", "number_per_ip_local"),
        ("connects_in_a_row", "throttle_time"),
        ("channels_per_user", "max_channels"),
    ] {
        assert_eq!(level(&found, topic), "bad", "{topic}");
        assert!(found["findings"].to_string().contains(advice), "{advice}");
    }
    assert!(!found.to_string().to_lowercase().contains("banned"));
    // Who looks again is let in.
    let seen = told(&args, 1);
    assert_eq!(seen["probe"]["tokens"], found["probe"]["tokens"]);
}

#[test]
fn the_simulated_network_is_looked_at_like_any_other() {
    let (_process, address) = network::listen("127.0.0.1:0", &[]);
    let target = format!("irc://{address}");
    let scenario = [
        "doctor",
        "scenarios/quickstart.toml",
        "--target",
        &target,
        "--json",
    ];
    let found = told(&scenario, 0);
    check(&found, &[("/family", "splitstorm".into())]);
    assert_eq!(level(&found, "flood"), "ok");
}

#[test]
fn two_servers_that_differ_in_five_settings_differ_in_these_and_one_with_itself_in_nothing() {
    let Some(shipped) = launch(Server::Inspircd, Limits::Defaults) else {
        return;
    };
    let Some(strict) = launch(Server::Inspircd, Limits::Strict) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("shipped.json");
    let saved = saved.to_str().unwrap();
    told(&["doctor", "--target", &shipped.target, "--save", saved], 0);
    let args = |target| ["doctor", "--against", saved, "--target", target, "--json"];
    let same = told(&args(&shipped.target), 0);
    assert_eq!(same["verdict"], "same", "{same:#}");
    let different = told(&args(&strict.target), 1);
    let rows = different["differences"].as_array().unwrap().iter();
    let rows: Vec<[&str; 4]> = rows
        .map(|row| {
            ["section", "key", "against", "target"].map(|name| row[name].as_str().unwrap_or("–"))
        })
        .collect();
    let refused = "Closing link";
    let shown: Vec<String> = rows
        .iter()
        .map(|[section, key, one, other]| {
            let short = |text: &str| match text.split_once(", then") {
                Some((count, words)) if words.contains(refused) => count.to_owned(),
                _ => text.to_owned(),
            };
            format!("{section} {key}: {} / {}", short(one), short(other))
        })
        .collect();
    let want = [
        "005 NICKLEN: 30 / 12",
        "capability echo-message: – / ",
        "limit connections_per_address: 3 / 5",
        "limit channels_per_user: CHANLIMIT=#:20; 20, then “405 You are on too many channels” / CHANLIMIT=#:20; 7, then “405 You are on too many \
         channels”",
        "manner flood: fake lag / none",
    ];
    assert_eq!(shown, want, "{different:#}");
}

#[test]
fn a_tunnel_to_a_public_network_is_left_at_the_first_login() {
    let (_process, address) = network::listen("127.0.0.1:0", &["--name", "Libera.Chat"]);
    told(&["doctor", "--target", &format!("irc://{address}")], 2);
}

#[test]
fn a_target_that_is_not_there_is_unreachable_and_one_elsewhere_needs_leave() {
    told(&["doctor", "--target", "irc://127.0.0.1:1"], 5);
    told(&["doctor", "--target", "irc://192.0.2.1:6667"], 2);
    told(
        &[
            "doctor",
            "--target",
            "irc://127.0.0.1:1",
            "--against",
            "none.json",
        ],
        2,
    );
}
