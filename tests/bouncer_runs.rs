//! Runs against real bouncers that the program configures, starts and ends: clean where they keep their word, and nobody else is dialled.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that can't be set up has failed, and one that is skipped says so"
)]

#[path = "outside/command.rs"]
mod command;
#[expect(dead_code, reason = "only who starts servers is of use to bouncers")]
#[path = "targets/launch.rs"]
mod launch;
#[path = "outside/process.rs"]
mod process;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::launch::unpacked;

const SCENARIO: &str = r#"
profile = "PROFILE"
settle = "4s"
heat = 4
[population]
users = 200
members_per_channel = 15
[bouncer]
kind = "KIND"
users = 8
channels = 8
channels_per_user = 3
attached = 0.8
clients = 2
[phase.attach]
kind = "ramp"
rate = "8/s"
[phase.steady]
kind = "steady"
after = "attach"
duration = "24s"
[phase.away]
kind = "mass_disconnect"
during = "steady"
at = "3s"
fraction = 0.7
how = "fin"
reconnect_after = "3s"
reconnect_over = "3s"
[phase.torn]
kind = "mass_disconnect"
during = "steady"
at = "12s"
fraction = 0.4
how = "rst"
reconnect_after = "3s"
reconnect_over = "3s"
"#;

/// A run that has ended.
struct Ran {
    code: Option<i32>,
    told: String,
    result: Option<Value>,
}

impl Ran {
    fn bouncer(&self) -> &Value {
        &self.result.as_ref().unwrap()["bouncer"]
    }

    fn ledger(&self, counter: &str) -> u64 {
        let counts = &self.result.as_ref().unwrap()["ledger"];
        counts[counter].as_u64().unwrap()
    }
}

/// Returns a search path with a bouncer's program in front; `None` where it is not installed and nobody insists on it.
fn search_path(kind: &str, folder: &Path) -> Option<String> {
    let path = std::env::var("PATH").unwrap();
    if Path::new("/usr/bin").join(kind).exists() {
        return Some(path);
    }
    let below = Path::new("usr/bin");
    if !unpacked::root(kind).join(below).join(kind).exists() {
        launch::skip_missing(kind);
        return None;
    }
    let programs = unpacked::copy(kind, folder).join(below);
    Some(format!("{}:{path}", programs.display()))
}

/// Runs a scenario in a folder.
fn run(folder: &Path, path: &str, kind: &str, text: &str, flags: &[&str]) -> Ran {
    let profile = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/traffic-profiles/support-channel"
    );
    let text = text.replace("PROFILE", profile).replace("KIND", kind);
    fs::write(folder.join("bouncer.toml"), text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_splitstorm"))
        .args(["run", "bouncer.toml", "--out", "out"])
        .args(flags)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("PATH", path)
        .output()
        .unwrap();
    let result = fs::read(folder.join("out/result.json")).ok();
    Ran {
        code: output.status.code(),
        told: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        result: result.map(|bytes| serde_json::from_slice(&bytes).unwrap()),
    }
}

/// Makes a folder that a bouncer may read whoever it runs as.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    launch::hand_over(folder.path());
    folder
}

#[track_caller]
fn check_clean(kind: &str, flags: &[&str]) -> Option<Ran> {
    let folder = folder();
    let path = search_path(kind, folder.path())?;
    let ran = run(folder.path(), &path, kind, SCENARIO, flags);
    // A busy machine may make the generator late; what was read is what was written all the same.
    assert!(matches!(ran.code, Some(0 | 4)), "{}", ran.told);
    for counter in [
        "lost",
        "duplicated",
        "reordered",
        "presence_missed",
        "backlog_missing",
        "backlog_duplicated",
        "backlog_misordered",
        "backlog_wrong_time",
        "leaked",
        "corrupted",
    ] {
        let evidence = command::splitstorm(folder.path(), &["explain", "out", counter]);
        let evidence = String::from_utf8_lossy(&evidence.stdout).into_owned();
        assert_eq!(
            ran.ledger(counter),
            0,
            "{counter}: {}\n{evidence}",
            ran.told
        );
    }
    assert!(ran.ledger("delivered") > 500, "{}", ran.told);
    let lines = ran.bouncer()["playbacks"]["lines"].as_u64().unwrap();
    assert!(lines > 50, "{lines} lines were played back: {}", ran.told);
    assert_eq!(ran.bouncer()["locked_out"], 0);
    Some(ran)
}

#[test]
fn znc_keeps_its_word() {
    let many = [
        "--set",
        "bouncer.users=120",
        "--set",
        "bouncer.channels=60",
        "--set",
        "bouncer.attached=0.4",
    ];
    let Some(ran) = check_clean("znc", &many) else {
        return;
    };
    let latency = &ran.result.as_ref().unwrap()["latency"];
    for way in ["message.up", "message.down", "message.through", "attach"] {
        assert!(
            latency[way]["response"]["count"].as_u64() > Some(0),
            "{way}"
        );
    }
}

#[test]
fn bip_keeps_its_word() {
    let many = ["--set", "bouncer.users=50", "--set", "bouncer.clients=1"];
    check_clean("bip", &many);
}

#[test]
fn a_split_is_read_once_by_each_client() {
    let folder = folder();
    let Some(path) = search_path("znc", folder.path()) else {
        return;
    };
    let split = "\n[phase.split]\nkind = \"netsplit\"\nduring = \"steady\"\nat = \"8s\"\nheal_after = \"5s\"\nfraction = 0.3\n";
    let text = SCENARIO
        .replace("users = 200\n", "users = 3000\n")
        .replace("members_per_channel = 15", "members_per_channel = 400")
        .replace("[phase.away]", &format!("{split}[phase.away]"));
    let calm = [
        "--set",
        "phase.away.fraction=0.01",
        "--set",
        "phase.torn.fraction=0.01",
    ];
    let ran = run(folder.path(), &path, "znc", &text, &calm);
    assert!(matches!(ran.code, Some(0 | 4)), "{}", ran.told);
    assert_eq!(ran.ledger("presence_missed"), 0, "{}", ran.told);
    assert_eq!(ran.ledger("duplicated"), 0, "{}", ran.told);
    let presence = &ran.result.as_ref().unwrap()["ledger"]["presence_seen"];
    assert!(presence.as_u64() > Some(2_000), "{presence}");
}

#[test]
fn a_network_with_room_for_all_but_one_locks_one_out() {
    let folder = folder();
    let Some(path) = search_path("znc", folder.path()) else {
        return;
    };
    let text = SCENARIO.replace(
        "clients = 2",
        "starts_cold = true\n[bouncer.network]\nsessions_per_address = 7",
    );
    let calm = [
        "--set",
        "phase.away.fraction=0.01",
        "--set",
        "phase.torn.fraction=0.01",
    ];
    let ran = run(folder.path(), &path, "znc", &text, &calm);
    assert_eq!(ran.code, Some(1), "{}", ran.told);
    assert_eq!(ran.bouncer()["locked_out"], 1, "{}", ran.told);
    let source = &ran.bouncer()["networks"][0]["sources"][0];
    assert_eq!(source["connections_max"], 7, "{source}");
    assert!(source["refused"].as_u64() > Some(0), "{source}");
    assert!(ran.told.contains("locked out: 1 of 8"), "{}", ran.told);
}

/// Writes a configuration of ZNC that dials our network and another one, and the roster that the run knows.
fn provision(folder: &Path, ours: &str, foreign: &str) -> PathBuf {
    let flags = [
        "provision",
        "znc",
        "--users",
        "9",
        "--network",
        &format!("net1={ours}"),
        "--network",
        &format!("zzz={foreign}"),
        "-o",
        "home",
    ];
    let output = command::splitstorm(folder, &flags);
    assert!(output.status.success(), "{output:?}");
    let roster = fs::read_to_string(folder.join("home/roster.csv")).unwrap();
    let known: Vec<&str> = roster
        .lines()
        .filter(|row| !row.contains(",zzz,"))
        .collect();
    fs::write(folder.join("known.csv"), known.join("\n") + "\n").unwrap();
    folder.join("home")
}

#[test]
fn a_bouncer_with_a_network_that_is_not_ours_is_not_started() {
    let folder = folder();
    let Some(path) = search_path("znc", folder.path()) else {
        return;
    };
    let foreign = TcpListener::bind("127.66.0.1:0").unwrap();
    foreign.set_nonblocking(true).unwrap();
    let address = foreign.local_addr().unwrap().to_string();
    let ours = format!("127.0.0.1:{}", launch::free_port());
    provision(folder.path(), &ours, &address);
    let text = SCENARIO.replace(
        "users = 8\n",
        &format!("roster = \"known.csv\"\nhome = \"home\"\nlisten = \"{ours}\"\n"),
    );
    let ran = run(folder.path(), &path, "znc", &text, &[]);
    assert_eq!(ran.code, Some(2), "{}", ran.told);
    assert!(ran.told.contains(&address), "{}", ran.told);
    // Nobody has knocked.
    assert!(foreign.accept().is_err());
}

#[test]
fn a_bouncer_that_is_not_installed_is_named_with_how_to_get_it() {
    let folder = folder();
    let ran = run(folder.path(), "/nonexistent", "znc", SCENARIO, &[]);
    assert_eq!(ran.code, Some(2), "{}", ran.told);
    assert!(ran.told.contains("apt-get install"), "{}", ran.told);
}

/// What moves the users of a ZNC to another one.
const MOVE: &str = r#"
[phase.move]
kind = "migrate"
during = "steady"
at = "8s"
planned = "10s"
redirect = { at = "0s", ttl = "0s" }
[phase.away]
"#;

#[test]
fn users_move_from_one_znc_to_another_and_miss_nothing_that_they_were_there_for() {
    let folder = folder();
    let Some(path) = search_path("znc", folder.path()) else {
        return;
    };
    let text = SCENARIO.replace("[phase.away]\n", MOVE);
    let calm = [
        "--set",
        "phase.away.fraction=0.01",
        "--set",
        "phase.torn.fraction=0.01",
    ];
    let ran = run(folder.path(), &path, "znc", &text, &calm);
    assert!(matches!(ran.code, Some(0 | 4)), "{}", ran.told);
    let result = ran.result.as_ref().unwrap();
    let migration = &result["migrations"][0];
    assert_eq!(migration["moved"], 8, "{}", ran.told);
    assert_eq!(migration["failed"], 0, "{}", ran.told);
    for counter in ["lost", "backlog_missing", "backlog_duplicated", "leaked"] {
        assert_eq!(ran.ledger(counter), 0, "{counter}: {}", ran.told);
    }
    // Every client has come back to the other.
    let events = result["events"].as_array().unwrap();
    let moved = events
        .iter()
        .find(|event| event["phase"] == "move")
        .unwrap();
    assert_eq!(moved["recovered"], moved["affected"], "{}", ran.told);
    assert!(moved["affected"].as_u64() >= Some(12), "{}", ran.told);
    // Each user has left the network from one and come back from the other.
    let back = &ran.bouncer()["networks"][0]["returns"][0];
    assert_eq!((&back["lost"], &back["returned"]), (&8.into(), &8.into()));
    assert_eq!(ran.bouncer()["locked_out"], 0);
}

#[test]
fn what_a_znc_kept_for_who_was_away_is_missed_at_the_new_one() {
    let folder = folder();
    let Some(path) = search_path("znc", folder.path()) else {
        return;
    };
    let text = SCENARIO
        .replace("[phase.away]\n", MOVE)
        .replace("heat = 4", "heat = 400")
        .replace("reconnect_after = \"3s\"", "reconnect_after = \"12s\"");
    let ran = run(
        folder.path(),
        &path,
        "znc",
        &text,
        &["--set", "phase.torn.fraction=0.01"],
    );
    assert!(matches!(ran.code, Some(1 | 4)), "{}", ran.told);
    assert!(ran.ledger("backlog_missing") > 0, "{}", ran.told);
    assert_eq!(ran.ledger("backlog_duplicated"), 0, "{}", ran.told);
}

/// Everybody leaves, and comes back to knock at the new host before its account is there.
const KNOCKING: &str = r#"
profile = "PROFILE"
settle = "3s"
heat = 400
[population]
users = 60
members_per_channel = 20
private_share = 0.0
[bouncer]
kind = "KIND"
users = 6
channels = 3
channels_per_user = 3
attached = 1.0
lines_at_attach = 0
[reconnect]
first = "500ms"
longest = "1s"
[phase.attach]
kind = "ramp"
rate = "10/s"
[phase.stay]
kind = "steady"
after = "attach"
duration = "35s"
[phase.away]
kind = "mass_disconnect"
during = "stay"
at = "3s"
fraction = 1.0
how = "fin"
reconnect_after = "5s"
reconnect_over = "500ms"
[phase.move]
kind = "migrate"
during = "stay"
at = "4s"
planned = "5s"
within = "28s"
canary = 0.2
canary_wait = "10s"
redirect = { at = "0s", ttl = "0s" }
"#;

#[test]
fn who_knocks_at_the_new_znc_is_owed_what_the_old_one_kept_all_the_same() {
    let folder = folder();
    let Some(path) = search_path("znc", folder.path()) else {
        return;
    };
    let ran = run(folder.path(), &path, "znc", KNOCKING, &[]);
    assert!(matches!(ran.code, Some(1 | 4)), "{}", ran.told);
    let refused = &ran.result.as_ref().unwrap()["refused"]["auth"];
    assert!(refused.as_u64() > Some(0), "{}", ran.told);
    let (missing, dropped) = (ran.ledger("backlog_missing"), ran.ledger("lost_in_drop"));
    assert!(
        missing > dropped,
        "{missing} missing, {dropped} in drop: {}",
        ran.told
    );
}

#[test]
fn users_that_moved_outlive_a_restart_of_their_new_znc() {
    let folder = folder();
    let Some(path) = search_path("znc", folder.path()) else {
        return;
    };
    let restart =
        "\n[phase.crash]\nkind = \"restart\"\nduring = \"stay\"\nat = \"18s\"\nlasts = \"1s\"\n";
    let text = KNOCKING.replace("canary = 0.2\n", "") + restart;
    let ran = run(
        folder.path(),
        &path,
        "znc",
        &text,
        &["--set", "phase.away.fraction=0.01"],
    );
    assert_eq!(ran.bouncer()["locked_out"], 0, "{}", ran.told);
    let migrations = &ran.result.as_ref().unwrap()["migrations"];
    assert_eq!(migrations[0]["moved"], 6, "{}", ran.told);
}

#[test]
fn a_bouncer_whose_accounts_the_run_cant_move_is_named() {
    let folder = folder();
    let Some(path) = search_path("bip", folder.path()) else {
        return;
    };
    let text = SCENARIO.replace("[phase.away]\n", MOVE);
    let ran = run(folder.path(), &path, "bip", &text, &[]);
    assert_eq!(ran.code, Some(2), "{}", ran.told);
    assert!(
        ran.told.contains("--target irc://OLD,irc://NEW"),
        "{}",
        ran.told
    );
}

#[test]
fn a_znc_that_keeps_what_was_read_is_read_back_to_its_first_line_again_and_again() {
    let folder = folder();
    let Some(path) = search_path("znc", folder.path()) else {
        return;
    };
    let text = SCENARIO
        .replace("clients = 2", "clients = 2\nkeeps_read = true\npreload_lines = 60\nbuffer_lines = 100")
        .replace("[phase.torn]", "[phase.read]\nkind = \"read_back\"\nduring = \"steady\"\nat = \"9s\"\nover = \"1s\"\nagain = [\"4s\", \"8s\"]\n[phase.torn]");
    let ran = run(folder.path(), &path, "znc", &text, &[]);
    assert!(matches!(ran.code, Some(0 | 4)), "{}", ran.told);
    for counter in [
        "backlog_missing",
        "backlog_hidden",
        "backlog_duplicated",
        "backlog_misordered",
        "lost",
    ] {
        assert_eq!(ran.ledger(counter), 0, "{counter}: {}", ran.told);
    }
    let readings = &ran.bouncer()["readings"];
    assert_eq!(readings["due"], readings["made"], "{}", ran.told);
    assert!(readings["due"].as_u64() >= Some(20), "{readings}");
    // Each reading brings all that is kept, to each client.
    let lines = ran.bouncer()["playbacks"]["lines"].as_u64().unwrap();
    assert!(
        lines > 5_000,
        "{lines} lines were played back: {}",
        ran.told
    );
}
