//! Runs that somebody steers, or that steer themselves: the control socket, abort rules, and a target that stands still.
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

use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::Value;

use crate::fit::fit;
use crate::playing::Played;
use crate::playing::Playing;
use crate::slot::Slot;

/// Everybody is there, nobody comes or goes, and a hundred messages a second are said.
const TALK: &str = r#"
starts = "Mon 09:00"
heat = 90.0
settle = "3s"
[population]
users = 24
channels = 60
members_per_channel = 6
private_share = 0.0
[client]
mode_on_join = false
[phase.steady]
kind = "steady"
duration = "9s"
"#;

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// Starts a run of the talk with more to its scenario, and returns what `steer` made of it. It is played again where this machine
/// was too busy for it; a target can't make it so.
#[track_caller]
fn play(more: &str, flags: &[&str], steer: impl Fn(&Playing)) -> Played {
    let _slot = Slot::take();
    let folder = tempfile::tempdir().unwrap();
    let profile = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/profiles/lively");
    let scenario = folder.path().join("talk.toml");
    std::fs::write(&scenario, format!("profile = \"{profile}\"\n{TALK}{more}")).unwrap();
    let once = || {
        let playing = Playing::start(&scenario, flags);
        steer(&playing);
        playing.end()
    };
    fit(once, Played::is_strained)
}

#[track_caller]
fn check_code(played: &Played, code: i32, outcome: &str) {
    let verdict = &played.result["verdict"];
    assert_eq!(
        (played.code, &verdict["outcome"]),
        (code, &outcome.into()),
        "{verdict:#}\n{}",
        played.stderr
    );
}

/// Asks the run in a folder, and returns its answer or the complaint.
fn ctl(folder: &Path, arguments: &[&str]) -> Result<Value, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_splitstorm"))
        .arg("ctl")
        .args(arguments)
        .args(["--json", "--run"])
        .arg(folder)
        .output()
        .unwrap();
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    } else {
        Err(String::from_utf8(output.stderr).unwrap())
    }
}

/// Waits until a run is so many seconds old.
#[track_caller]
fn await_second(playing: &Playing, second: f64) {
    let since = Instant::now();
    loop {
        if let Ok(status) = ctl(&playing.out, &["status"])
            && status["at_s"].as_f64().unwrap() >= second
        {
            return;
        }
        assert!(since.elapsed() < PATIENCE, "no second {second}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn response_max_us(played: &Played) -> u64 {
    let max = &played.result["latency"]["message"]["response"]["max"];
    max.as_u64().unwrap()
}

/// Returns what the first reason of a verdict says.
fn first_reason(played: &Played) -> &str {
    let reason = &played.result["verdict"]["reasons"][0]["text"];
    reason.as_str().unwrap()
}

#[test]
fn a_held_run_waits_and_goes_on_as_if_no_time_had_passed() {
    let played = play("", &[], hold_for_a_while);
    check_code(&played, 0, "pass");
    let kinds: Vec<&str> = played.result["marks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mark| mark["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["hold", "mark", "resume"]);
    let phase = &played.result["phases"][0];
    let late = phase["ends_us"].as_i64().unwrap() - phase["planned_ends_us"].as_i64().unwrap();
    assert!((3_400_000..9_000_000).contains(&late), "{late}");
    // What waited is nobody's latency.
    let max = response_max_us(&played);
    assert!(max < 1_000_000, "{max}");
}

/// Holds a run for three seconds and a half, in which nothing is begun, and makes a note.
#[track_caller]
fn hold_for_a_while(playing: &Playing) {
    let ctl = |arguments: &[&str]| ctl(&playing.out, arguments);
    await_second(playing, 2.0);
    let before = ctl(&["hold"]).unwrap();
    assert_eq!(before["stage"], "held");
    assert!(ctl(&["hold"]).unwrap_err().contains("held already"));
    std::thread::sleep(Duration::from_millis(1_500));
    let first = ctl(&["status"]).unwrap();
    ctl(&["mark", "half time"]).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let second = ctl(&["status"]).unwrap();
    assert_eq!(first["planned"], second["planned"], "something was begun");
    assert_eq!(second["online"], 24);
    ctl(&["resume"]).unwrap();
    assert!(ctl(&["resume"]).unwrap_err().contains("is not held"));
}

#[test]
fn a_person_can_end_a_run_and_the_verdict_says_so() {
    let played = play("", &[], |playing| {
        await_second(playing, 2.0);
        ctl(&playing.out, &["abort"]).unwrap();
    });
    check_code(&played, 3, "aborted");
    let reason = first_reason(&played);
    assert!(reason.contains("a person ended the run"), "{reason}");
    let complaint = ctl(&played.out, &["status"]).unwrap_err();
    assert!(complaint.contains("no run answers"), "{complaint}");
}

/// Plays a run whose target stands still for a while from its fourth second on.
#[track_caller]
fn stalled(more: &str, lasts: Duration) -> Played {
    let (network, address) = network::listen("127.0.0.1:0", &[]);
    let pid = Pid::from_raw(i32::try_from(network.0.id()).unwrap());
    let target = format!("irc://{address}");
    play(more, &["--target", &target], |playing| {
        await_second(playing, 3.0);
        kill(pid, Signal::SIGSTOP).unwrap();
        std::thread::sleep(lasts);
        kill(pid, Signal::SIGCONT).unwrap();
    })
}

#[test]
fn a_target_that_stands_still_fails_the_run_and_never_makes_it_invalid() {
    let slo = "[[slo]]\ncheck = \"message.response.p99 < 250ms\"\n";
    let played = stalled(slo, Duration::from_secs(2));
    check_code(&played, 1, "fail");
    let max = response_max_us(&played);
    assert!(max >= 1_950_000, "{max}");
    let series = std::fs::read_to_string(played.out.join("series.csv")).unwrap();
    let mut rows = series.lines().skip(1);
    let mut head = rows.next().unwrap().split(',');
    let column = head.position(|name| name == "message_response_p99_us");
    let p99s = rows.filter_map(|row| row.split(',').nth(column.unwrap())?.parse::<u64>().ok());
    let p99 = p99s.max().unwrap();
    assert!(p99 >= 1_900_000, "{p99}");
}

#[test]
fn an_abort_rule_sees_a_stall_though_nothing_completes() {
    let rule = "[[abort]]\ncheck = \"message.pending_age.max < 500ms\"\n";
    let played = stalled(rule, Duration::from_secs(3));
    check_code(&played, 3, "aborted");
    let reason = first_reason(&played);
    assert!(
        reason.contains("`message.pending_age.max < 500ms` does not hold"),
        "{reason}"
    );
    // Half a second until it is too old, and two intervals at most until that is seen.
    let at: f64 = reason
        .strip_prefix("at ")
        .and_then(|rest| rest.split(' ').next())
        .unwrap()
        .parse()
        .unwrap();
    assert!(at < 3.2 + 0.5 + 2.0 + 0.3, "{reason}");
}

#[test]
fn commands_are_run_only_where_that_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let been = folder.path().join("been");
    let restart = format!(
        "[phase.again]\nkind = \"restart\"\nlasts = \"1s\"\ncommand = \"touch {}\"\n",
        been.display()
    );
    let played = play(&restart, &[], |_| {});
    assert_eq!(played.code, 2);
    assert!(
        played.stderr.contains("`touch ") && played.stderr.contains("--allow-commands"),
        "{}",
        played.stderr
    );
    assert!(!been.exists());
}
