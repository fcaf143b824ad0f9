//! Migrations from outside: accounts moved by an operator's commands or queue, called off by a rule, rolled back by a person.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "outside/fit.rs"]
mod fit;
#[path = "outside/network.rs"]
mod network;
#[path = "outside/playing.rs"]
mod playing;
#[path = "outside/process.rs"]
mod process;
#[path = "outside/slot.rs"]
mod slot;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use crate::fit::fit;
use crate::playing::Played;
use crate::playing::Playing;
use crate::slot::Slot;

/// Two dozen people who are there all the time and talk.
const TALK: &str = r#"
starts = "Mon 09:00"
heat = 30.0
settle = "3s"
[population]
users = 24
channels = 60
members_per_channel = 6
private_share = 0.0
[client]
mode_on_join = false
[reconnect]
first = "200ms"
longest = "1s"
[tolerate]
not_sent = 1.0
[phase.before]
kind = "steady"
duration = "2s"
"#;

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(40);

fn scenario(folder: &TempDir, phases: &str) -> PathBuf {
    let profile = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/profiles/lively");
    let path = folder.path().join("move.toml");
    fs::write(&path, format!("profile = \"{profile}\"\n{TALK}{phases}")).unwrap();
    path
}

/// Plays phases, made with a folder for their commands, at a network of its own that is named twice, as if it had two hosts.
fn play_outside(phases: impl Fn(&Path) -> String) -> (Played, TempDir) {
    let _slot = Slot::take();
    let once = || {
        let folder = TempDir::new().unwrap();
        let (_network, address) = network::listen("127.0.0.1:0", &[]);
        let target = format!("{address},{address}");
        let path = scenario(&folder, &phases(folder.path()));
        let flags = ["--target", &target, "--allow-commands"];
        (Playing::start(&path, &flags).end(), folder)
    };
    fit(once, |(played, _)| played.is_strained())
}

#[track_caller]
fn check(played: &Played, code: i32, reasons: &[&str]) {
    assert_eq!(
        (played.code, played.reasons()),
        (code, reasons.to_vec()),
        "{:#}\n{}",
        played.result["verdict"],
        played.stderr
    );
}

/// Returns what the first reason of a verdict says.
fn first_reason(played: &Played) -> &str {
    let reason = &played.result["verdict"]["reasons"][0]["text"];
    reason.as_str().unwrap()
}

/// Returns a figure of the migrations of a result.
fn figures<'a>(played: &'a Played, key: &str) -> Vec<&'a Value> {
    let migrations = played.result["migrations"].as_array().unwrap();
    migrations.iter().map(|migration| &migration[key]).collect()
}

#[test]
fn a_command_moves_each_account_once() {
    let (played, folder) = play_outside(|folder| {
        format!(
            "[phase.move]\nkind = \"migrate\"\nworkers = 3\nplanned = \"5s\"\nmove_command = \"echo {{user}} >> {0}/moved\"\n\
             [phase.back]\nkind = \"roll_back\"\nof = \"move\"\nduring = \"move\"\nat = \"6s\"\nwithin = \"5s\"\n\
             move_command = \"echo {{user}} >> {0}/back\"\n",
            folder.display()
        )
    });
    check(&played, 0, &[]);
    assert_eq!(figures(&played, "moved"), [24, 24]);
    for name in ["moved", "back"] {
        let text = fs::read_to_string(folder.path().join(name)).unwrap();
        let accounts: BTreeSet<&str> = text.lines().collect();
        assert_eq!((accounts.len(), text.lines().count()), (24, 24), "{name}");
    }
}

#[test]
fn a_move_that_fails_fails_the_run_and_says_why() {
    let phases = "[phase.move]\nkind = \"migrate\"\nworkers = 3\nplanned = \"2s\"\n\
        move_command = \"echo no such account >&2; false\"\n";
    let (played, _folder) = play_outside(|_| phases.to_owned());
    check(&played, 1, &["moves_failed"]);
    assert_eq!(figures(&played, "failed"), [24]);
    let text = first_reason(&played);
    assert!(
        text.starts_with("`move` could not move 24 of 24 accounts: "),
        "{text}"
    );
    assert!(text.contains("no such account"), "{text}");
}

#[test]
fn the_operators_own_queue_tells_how_far_it_has_come() {
    let (played, _folder) = play_outside(|folder| {
        format!(
            "[phase.move]\nkind = \"migrate\"\nplanned = \"4s\"\nprogress_command = \"cat {0}/at\"\n\
             command = \"(for n in 6 12 18 24; do sleep 0.7; echo $n > {0}/at; done) & echo 0 > {0}/at\"\n",
            folder.display()
        )
    });
    check(&played, 0, &[]);
    let took = figures(&played, "took_us")[0].as_u64().unwrap();
    assert!((2_800_000..6_000_000).contains(&took), "{took}");
    let rows = fs::read_to_string(played.out.join("migration.csv")).unwrap();
    let moved = rows.lines().skip(2).filter_map(|row| row.split(',').nth(2));
    let mut moved: Vec<&str> = moved.collect();
    moved.dedup();
    assert!(moved.len() > 2 && moved.last() == Some(&"24"), "{moved:?}");
}

#[test]
fn the_operators_own_queue_is_asked_on_its_way_back_too() {
    // The migration's own time is over while its accounts are moved back.
    let (played, _folder) = play_outside(|folder| {
        format!(
            "[phase.move]\nkind = \"migrate\"\nplanned = \"2s\"\nwithin = \"3s\"\nprogress_command = \"cat {0}/at\"\n\
             command = \"echo 12 > {0}/at\"\n\
             [phase.back]\nkind = \"roll_back\"\nof = \"move\"\nduring = \"move\"\nat = \"2s\"\nwithin = \"8s\"\n\
             command = \"(for n in 8 4 0; do sleep 0.9; echo $n > {0}/at; done) &\"\n",
            folder.display()
        )
    });
    check(&played, 0, &[]);
    assert_eq!(figures(&played, "moved"), [12, 12]);
    let took = figures(&played, "took_us")[1].as_u64().unwrap();
    assert!((2_700_000..6_000_000).contains(&took), "{took}");
}

#[test]
fn a_queue_that_talks_nonsense_makes_the_run_invalid() {
    let phases = "[phase.move]\nkind = \"migrate\"\nplanned = \"2s\"\nwithin = \"4s\"\nprogress_command = \"echo soon\"\n";
    let (played, _folder) = play_outside(|_| phases.to_owned());
    assert_eq!(played.code, 4, "{:#}", played.result["verdict"]);
    let text = first_reason(&played);
    assert!(text.contains("said `soon`"), "{text}");
}

#[test]
fn accounts_need_somewhere_to_go_and_somebody_to_move_them() {
    let folder = TempDir::new().unwrap();
    let _slot = Slot::take();
    let (_network, address) = network::listen("127.0.0.1:0", &[]);
    let twice = format!("{address},{address}");
    let phase = "[phase.move]\nkind = \"migrate\"\nplanned = \"2s\"\n";
    let path = scenario(&folder, phase);
    for (target, want) in [
        (&address, "--target irc://OLD,irc://NEW"),
        (&twice, "give [phase.move] a `move_command`"),
    ] {
        let played = Playing::start(&path, &["--target", target]).end();
        assert_eq!(played.code, 2, "{}", played.stderr);
        let words: Vec<&str> = played.stderr.split_whitespace().collect();
        assert!(words.join(" ").contains(want), "{}", played.stderr);
    }
}

/// Everybody is let go of, and moves crawl.
const CRAWL: &str = "[phase.move]\nkind = \"migrate\"\nworkers = 2\nplanned = \"2s\"\nwithin = \"60s\"\n\
    redirect = { at = \"0s\", ttl = \"1s\", drops = true }\ncost = { base = \"1s\" }\n\
    [phase.back]\nkind = \"roll_back\"\nof = \"move\"\non_demand = true\n";

/// Starts a run at the embedded network, does something to it, and waits for its end.
fn play_inside(phases: &str, steer: impl Fn(&Playing)) -> Played {
    let _slot = Slot::take();
    let folder = TempDir::new().unwrap();
    let path = scenario(&folder, phases);
    let once = || {
        let playing = Playing::start(&path, &[]);
        steer(&playing);
        playing.end()
    };
    fit(once, Played::is_strained)
}

fn ctl(out: &Path, words: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_splitstorm"))
        .arg("ctl")
        .args(words)
        .arg("--run")
        .arg(out)
        .output()
        .unwrap()
}

/// Asks again and again until it is done.
#[track_caller]
fn ask_until_done(playing: &Playing, words: &[&str]) -> String {
    let since = Instant::now();
    loop {
        let output = ctl(&playing.out, words);
        if output.status.success() {
            return String::from_utf8(output.stdout).unwrap();
        }
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(since.elapsed() < PATIENCE, "{told}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_person_rolls_a_migration_back_and_everybody_is_home_again() {
    let slo = "[[slo]]\ncheck = \"recover.back < 10s\"\n";
    let played = play_inside(&format!("{CRAWL}{slo}"), |playing| {
        ask_until_done(playing, &["status"]);
        let early = ctl(&playing.out, &["roll-back"]);
        let told = String::from_utf8_lossy(&early.stderr).into_owned();
        assert!(told.contains("no account has been moved"), "{told}");
        let since = Instant::now();
        while !ask_until_done(playing, &["status"]).contains("move: 4 of 24 accounts") {
            assert!(since.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(50));
        }
        ask_until_done(playing, &["roll-back"]);
    });
    check(&played, 0, &[]);
    let back = figures(&played, "is_back");
    assert_eq!(back, [false, true]);
    let (moved, to_do) = (figures(&played, "moved"), figures(&played, "to_do"));
    assert!(moved[1] == to_do[1] && moved[1].as_u64() >= Some(4));
    let kinds: Vec<&Value> = played.result["marks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mark| &mark["kind"])
        .collect();
    assert_eq!(kinds, ["roll_back"]);
    for event in played.result["events"].as_array().unwrap() {
        assert_eq!(event["affected"], event["recovered"], "{event:#}");
    }
}

#[test]
fn a_rule_that_is_broken_rolls_back_before_it_ends_the_run() {
    let rule = "[[abort]]\ncheck = \"migrate.move.unavailable < 1min\"\nthen = \"back\"\n";
    let played = play_inside(&format!("{CRAWL}{rule}"), |_| {});
    check(&played, 3, &["aborted"]);
    assert_eq!(figures(&played, "is_back"), [false, true]);
    let text = first_reason(&played);
    assert!(
        text.contains("`migrate.move.unavailable < 1min` does not hold"),
        "{text}"
    );
    let back = &played.result["events"][1];
    assert_eq!(
        (&back["phase"], &back["is_over"]),
        (&"back".into(), &true.into())
    );
    assert_eq!(played.result["ledger"]["lost"], 0);
    let ended = played.result["ended_us"].as_i64().unwrap();
    assert!(ended < 55_000_000, "{ended}");
}
