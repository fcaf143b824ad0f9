//! A target whose process is watched: what it took stands beside the run, and what was near when it ended.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that can't be set up has failed, and one that is skipped says so"
)]

#[expect(dead_code, reason = "limits and ends that other tests look for")]
#[path = "targets/launch.rs"]
mod launch;
#[path = "outside/process.rs"]
mod process;

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::launch::DESCRIPTORS_TIGHT;
use crate::launch::Limits;
use crate::launch::Server;
use crate::launch::launch;
use crate::process::Process;
use crate::process::bound;

/// Descriptors of the target: fewer than there are users.
const DESCRIPTORS: u64 = 60;

/// Starts the simulated network with few descriptors; returns the process, and where it listens.
fn tight_network() -> (Process, String) {
    let mut child = bound("prlimit")
        .arg(format!("--nofile={DESCRIPTORS}:{DESCRIPTORS}"))
        .arg(env!("CARGO_BIN_EXE_splitstorm"))
        .args(["network", "--listen", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let out = child.stdout.take().unwrap();
    BufReader::new(out).read_line(&mut line).unwrap();
    (Process(child), line.trim().to_owned())
}

/// Waits until the series has so many rows.
fn await_rows(out: &Path, count: usize) {
    for _ in 0..200 {
        let text = fs::read_to_string(out.join("series.csv")).unwrap_or_default();
        if text.lines().count() >= count + 2 {
            return;
        }
        sleep(Duration::from_millis(100));
    }
    assert!(out.join("series.csv").exists(), "the run never began");
}

/// What is left of a run whose target had few descriptors and then ended.
struct Told {
    result: Value,
    series: String,
}

/// Plays more users than a target has descriptors, and ends the target as soon as it has been looked at; checks that both are told.
#[track_caller]
fn ended(target: &str, users: u32, pid: u32, descriptors: u64, end: impl FnOnce()) -> Told {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut run = bound(env!("CARGO_BIN_EXE_splitstorm"));
    run.args(["run", "scenarios/quickstart.toml", "--target", target])
        .args(["--target-pid", &pid.to_string()])
        .args(["--set", &format!("population.users={users}")])
        .args(["--set", "population.channels=20"])
        .arg("--out")
        .arg(&out)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let run = run.spawn().unwrap();
    await_rows(&out, 4);
    end();
    let told = run.wait_with_output().unwrap();
    let stderr = String::from_utf8(told.stderr).unwrap();
    assert_eq!(told.status.code(), Some(1), "{stderr}");
    let warning = format!("may have {descriptors} descriptors and needs");
    assert!(stderr.contains(&warning), "{stderr}");
    let text = fs::read_to_string(out.join("result.json")).unwrap();
    let result: Value = serde_json::from_str(&text).unwrap();
    let process = &result["target"]["process"];
    assert_eq!(process["descriptors_limit"], descriptors, "{process}");
    assert_eq!(process["ended"]["cause"], "limit", "{process}");
    let reasons = result["verdict"]["reasons"].as_array().unwrap();
    let crashed = reasons.iter().find(|reason| reason["code"] == "crashed");
    let crashed = crashed.unwrap()["text"].as_str().unwrap();
    assert!(crashed.contains("limit: descriptors"), "{crashed}");
    assert!(result["warnings"].to_string().contains(&warning));
    let series = fs::read_to_string(out.join("series.csv")).unwrap();
    Told { result, series }
}

#[test]
fn a_target_that_ends_at_its_limit_is_told_with_the_limit() {
    let (network, target) = tight_network();
    let pid = network.0.id();
    let told = ended(&target, 80, pid, DESCRIPTORS, || drop(network));
    let process = &told.result["target"]["process"];
    assert!(process["peak_rss_bytes"].as_u64().unwrap() > 0);
    let mut rows = told.series.lines().skip(1);
    assert!(
        rows.next()
            .unwrap()
            .ends_with("target_cpu,target_rss_bytes,target_descriptors,target_threads")
    );
    let row: Vec<&str> = rows.nth(1).unwrap().split(',').collect();
    let taken = row.get(row.len() - 3..).unwrap();
    assert!(
        taken
            .iter()
            .all(|cell| cell.parse::<u64>().is_ok_and(|cell| cell > 0)),
        "{row:?}"
    );
}

#[test]
fn inspircd_that_is_killed_with_all_its_descriptors_in_use_is_told_so() {
    let Some(server) = launch(Server::Inspircd, Limits::Tight) else {
        return;
    };
    let (target, pid) = (server.target.clone(), server.pid());
    let told = ended(&target, 300, pid, DESCRIPTORS_TIGHT, || drop(server));
    let full = format!("limit: descriptors {DESCRIPTORS_TIGHT} of {DESCRIPTORS_TIGHT}");
    let reasons = told.result["verdict"]["reasons"].to_string();
    assert!(reasons.contains(&full), "{reasons}");
}

#[test]
fn a_process_that_is_not_there_is_refused_before_anything_is_sent() {
    let output = bound(env!("CARGO_BIN_EXE_splitstorm"))
        .args([
            "run",
            "scenarios/quickstart.toml",
            "--target",
            "irc://127.0.0.1:1",
        ])
        .args(["--target-pid", "4000000000"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("can't watch the target's process 4000000000"),
        "{told}"
    );
}
