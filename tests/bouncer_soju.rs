//! soju that runs start, kill and lose the network of, and the recipe for it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that can't be set up has failed, and one that is skipped says so"
)]

#[path = "outside/bouncer.rs"]
mod bouncer;
#[path = "outside/command.rs"]
mod command;
#[expect(dead_code, reason = "only who starts servers is of use to bouncers")]
#[path = "targets/launch.rs"]
mod launch;
#[path = "outside/process.rs"]
mod process;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use crate::bouncer::Ran;
use crate::bouncer::SCENARIO;
use crate::bouncer::check_clean;
use crate::bouncer::folder;
use crate::bouncer::run;
use crate::bouncer::search_path;
use crate::process::Process;
use crate::process::bound;

#[test]
fn soju_keeps_its_word() {
    check_clean("soju", SCENARIO, &["--set", "bouncer.users=20"]);
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
    if let Some(ran) = check_clean("soju", &text, &flags) {
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
    if let Some(ran) = check_clean("soju", &text, &flags) {
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

/// Clients that ask for pages of all that is kept, three times.
const PAGES: &str = r#"
profile = "PROFILE"
settle = "4s"
heat = 4
[population]
users = 100
members_per_channel = 15
[bouncer]
kind = "KIND"
users = 6
channels = 6
channels_per_user = 3
attached = 1.0
preload_lines = 150
preload_over = "8s"
[phase.fill]
kind = "steady"
duration = "10s"
[phase.attach]
kind = "ramp"
after = "fill"
rate = "8/s"
[phase.read]
kind = "read_back"
by = "pages"
after = "attach"
at = "5s"
over = "1s"
again = ["10s", "20s"]
"#;

/// Returns a file of messages that a soju keeps below a folder, if there is one.
fn kept(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths.into_iter().find_map(|path| {
        if path.is_dir() {
            return kept(&path);
        }
        let is_log = path.extension().is_some_and(|ending| ending == "log");
        is_log.then_some(path)
    })
}

#[test]
fn a_file_that_a_soju_lacks_for_one_reading_is_found_to_have_been_hidden() {
    let folder = folder();
    let Some(path) = search_path("soju", folder.path()) else {
        return;
    };
    let homes = folder.path().to_owned();
    let hider = std::thread::spawn(move || {
        let began = Instant::now();
        let file = loop {
            // Its first line is said as the run begins.
            if let Some(file) = kept(&homes) {
                break file;
            }
            assert!(began.elapsed() < Duration::from_mins(1), "no file is kept");
            std::thread::sleep(Duration::from_millis(20));
        };
        // Between the first reading and the second, and between that and the last.
        let aside = file.with_extension("aside");
        std::thread::sleep(Duration::from_secs(21));
        fs::rename(&file, &aside).unwrap();
        std::thread::sleep(Duration::from_secs(10));
        fs::rename(&aside, &file).unwrap();
    });
    let ran = run(folder.path(), &path, "soju", PAGES, &[]);
    hider.join().unwrap();
    assert!(matches!(ran.code, Some(1 | 4)), "{}", ran.told);
    let readings = &ran.bouncer()["readings"];
    assert_eq!(
        (&readings["due"], &readings["made"]),
        (&18.into(), &18.into())
    );
    assert_eq!(ran.ledger("backlog_missing"), 0, "{}", ran.told);
    assert!(ran.ledger("backlog_hidden") >= 150, "{}", ran.told);
    let healed = &ran.bouncer()["healed"][0];
    let after_us = healed["after_us"].as_u64().unwrap();
    assert!((9_000_000..12_000_000).contains(&after_us), "{healed}");
    assert_eq!(healed["lines"], ran.ledger("backlog_hidden"), "{healed}");
}
