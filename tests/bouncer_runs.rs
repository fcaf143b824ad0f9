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
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use crate::launch::unpacked;
use crate::process::Process;
use crate::process::bound;

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
    check_clean_of(kind, SCENARIO, flags)
}

#[track_caller]
fn check_clean_of(kind: &str, text: &str, flags: &[&str]) -> Option<Ran> {
    let folder = folder();
    let path = search_path(kind, folder.path())?;
    let ran = run(folder.path(), &path, kind, text, flags);
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
fn soju_keeps_its_word() {
    check_clean("soju", &["--set", "bouncer.users=20"]);
}

/// Checks that all of 20 users came back after a phase, and returns within which time.
#[track_caller]
fn check_return(ran: &Ran) -> u64 {
    let back = &ran.bouncer()["networks"][0]["returns"][0];
    let counts = (&back["lost"], &back["returned"]);
    assert_eq!(counts, (&20.into(), &20.into()), "{}", ran.told);
    back["last_in_us"].as_u64().unwrap()
}

#[test]
fn a_soju_that_is_killed_comes_back_with_what_it_kept() {
    let kill = "[phase.kill]\nkind = \"restart\"\nduring = \"steady\"\nat = \"11s\"\nlasts = \"2s\"\n[phase.torn]";
    let text = SCENARIO.replace("[phase.torn]", kill);
    let flags = [
        "--set",
        "bouncer.users=20",
        "--set",
        "phase.torn.at=20s",
        "--set",
        "phase.steady.duration=32s",
    ];
    if let Some(ran) = check_clean_of("soju", &text, &flags) {
        check_return(&ran);
    }
}

#[test]
fn a_soju_whose_network_goes_redials_within_two_minutes_and_misses_nothing() {
    // It dials at once, finds nobody, and waits for one minute to two.
    let outage = "[phase.outage]\nkind = \"restart\"\nof = \"network\"\nduring = \"steady\"\nat = \"11s\"\nlasts = \"2s\"\n[phase.torn]";
    let text = SCENARIO.replace("[phase.torn]", outage);
    let flags = [
        "--set",
        "bouncer.users=20",
        "--set",
        "phase.torn.at=140s",
        "--set",
        "phase.steady.duration=150s",
    ];
    if let Some(ran) = check_clean_of("soju", &text, &flags) {
        let last_us = check_return(&ran);
        assert!((55_000_000..130_000_000).contains(&last_us), "{last_us}");
    }
}

/// Writes programs of soju that are none, and returns the search path with them.
fn stand_ins(folder: &Path, programs: [(&str, &str); 3]) -> String {
    for (name, script) in programs {
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    format!("{}:/usr/bin:/bin", folder.display())
}

#[test]
fn a_soju_that_can_t_be_made_is_told_in_its_own_words() {
    // Behind its configuration's name, which is the last of its arguments.
    let starts = r#"for last; do :; done; : > "${last%/*}/admin"; exec sleep 60"#;
    for (programs, code, want) in [
        (
            [
                ("soju", starts),
                ("sojudb", "echo no room >&2; exit 3"),
                ("sojuctl", ""),
            ],
            Some(4),
            "`sojudb create-user u0000` ended with exit status: 3: no room",
        ),
        (
            [
                ("soju", starts),
                ("sojudb", ""),
                ("sojuctl", "echo not today"),
            ],
            Some(4),
            "`sojuctl user run u0000 network create` said `not today` and not `created network \"net1\"`",
        ),
        (
            [
                ("soju", "echo my database is gone >&2; exit 5"),
                ("sojudb", ""),
                ("sojuctl", ""),
            ],
            Some(4),
            "exit status: 5: my database is gone",
        ),
    ] {
        let folder = folder();
        let path = stand_ins(folder.path(), programs);
        let ran = run(folder.path(), &path, "soju", SCENARIO, &[]);
        assert_eq!(ran.code, code, "{}", ran.told);
        assert!(ran.told.contains(want), "{}", ran.told);
    }
}

/// Starts the script that `provision soju` wrote.
fn start_script(folder: &Path, path: &str) -> Process {
    let child = bound("sh")
        .arg(folder.join("home/start.sh"))
        .env("PATH", path)
        .stdin(Stdio::null())
        .spawn();
    Process(child.unwrap())
}

/// Waits for something, for half a minute at most.
#[track_caller]
fn wait_for(what: &str, is_it: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_it() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Returns the soju that a script has started.
fn soju_of(script: &Process) -> u32 {
    let pid = script.0.id();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let mut pids = children.split_whitespace().map(|pid| pid.parse().unwrap());
    let is_soju = |pid: &u32| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        name.trim() == "soju"
    };
    pids.find(is_soju).unwrap()
}

#[test]
fn the_recipe_for_soju_starts_it_again_after_a_kill_and_ends_with_it() {
    let folder = folder();
    let Some(path) = search_path("soju", folder.path()) else {
        return;
    };
    let listen = launch::free_port();
    let flags = [
        "provision",
        "soju",
        "--users",
        "3",
        "--network",
        &format!("one=127.0.0.1:{}", launch::free_port()),
        "--listen",
        &format!("127.0.0.1:{listen}"),
        "-o",
        "home",
    ];
    let output = command::splitstorm(folder.path(), &flags);
    assert!(output.status.success(), "{output:?}");
    let signal = |signal: &str, pid: u32| {
        let status = Command::new("kill")
            .args([signal, &pid.to_string()])
            .status();
        assert!(status.unwrap().success());
    };
    let mut first = start_script(folder.path(), &path);
    wait_for("everything is made", || {
        folder.path().join("home/made").exists()
    });
    signal("-KILL", soju_of(&first));
    assert!(!first.0.wait().unwrap().success());
    assert!(folder.path().join("home/admin").exists());
    let mut second = start_script(folder.path(), &path);
    wait_for("it listens again", || launch::listens(listen));
    let soju = soju_of(&second);
    signal("-TERM", second.0.id());
    second.0.wait().unwrap();
    wait_for("it ends with its script", || {
        !Path::new(&format!("/proc/{soju}")).exists()
    });
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
    let ran = run(folder.path(), "/nonexistent", "soju", SCENARIO, &[]);
    assert_eq!(ran.code, Some(2), "{}", ran.told);
    assert!(ran.told.contains("soju-utils"), "{}", ran.told);
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
    // Each has left one and come back from the other.
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
    assert_eq!(ran.code, Some(1), "{}", ran.told);
    assert!(ran.ledger("backlog_missing") > 0, "{}", ran.told);
    assert_eq!(ran.ledger("backlog_duplicated"), 0, "{}", ran.told);
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
