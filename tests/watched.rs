//! A target whose process is watched: what it took stands beside the run, and what was near when it ended.

#![expect(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

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

#[test]
fn a_target_that_ends_at_its_limit_is_told_with_the_limit() {
    let (network, target) = tight_network();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut run = bound(env!("CARGO_BIN_EXE_splitstorm"));
    run.args(["run", "scenarios/quickstart.toml", "--target", &target])
        .args(["--target-pid", &network.0.id().to_string()])
        .args([
            "--set",
            "population.users=80",
            "--set",
            "population.channels=20",
        ])
        .arg("--out")
        .arg(&out)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let run = run.spawn().unwrap();
    await_rows(&out, 4);
    drop(network);
    let told = run.wait_with_output().unwrap();
    let told = String::from_utf8(told.stderr).unwrap();
    let warning = format!("may have {DESCRIPTORS} descriptors and needs");
    assert!(told.contains(&warning), "{told}");
    let text = fs::read_to_string(out.join("result.json")).unwrap();
    let result: Value = serde_json::from_str(&text).unwrap();
    let process = &result["target"]["process"];
    assert_eq!(process["descriptors_limit"], DESCRIPTORS, "{process}");
    assert_eq!(process["ended"]["cause"], "limit", "{process}");
    assert!(process["peak_rss_bytes"].as_u64().unwrap() > 0);
    let reasons = result["verdict"]["reasons"].as_array().unwrap();
    let crashed = reasons.iter().find(|reason| reason["code"] == "crashed");
    let crashed = crashed.unwrap()["text"].as_str().unwrap();
    assert!(crashed.contains("limit: descriptors"), "{crashed}");
    assert!(result["warnings"].to_string().contains(&warning));
    let series = fs::read_to_string(out.join("series.csv")).unwrap();
    let mut rows = series.lines().skip(1);
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
