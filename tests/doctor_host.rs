//! `doctor` about hosts, run as a person runs it: this host, a snapshot of a child of ours, and two snapshots that differ.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "outside/command.rs"]
mod command;

use std::fs;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;

use crate::command::splitstorm;

/// A process that waits for nothing, ended with the test.
struct Sleeper(Child);

impl Sleeper {
    fn begin() -> Self {
        let mut command = Command::new("sleep");
        Self(command.arg("60").stdin(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the program and returns what it printed; checks the exit code.
#[track_caller]
fn check(folder: &Path, args: &[&str], code: i32) -> String {
    let output = splitstorm(folder, args);
    let out = String::from_utf8(output.stdout).unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    format!("{out}{err}")
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn this_host_is_judged_and_the_exit_code_is_the_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let output = splitstorm(folder.path(), &["doctor", "--json"]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let topics: Vec<&str> = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["topic"].as_str().unwrap())
        .collect();
    let want = [
        "descriptors",
        "ports",
        "tcp_tw_reuse",
        "backlog",
        "cpu",
        "memory",
        "clock",
        "congestion",
        "conntrack",
        "hiccups",
    ];
    assert_eq!(topics, want);
    // How busy this machine is now, nobody knows.
    let code = if found["verdict"] == "bad" { 4 } else { 0 };
    assert_eq!(output.status.code(), Some(code));
}

#[test]
fn a_scenario_that_does_not_fit_is_told_with_what_it_needs() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scenario = "scenarios/quickstart.toml";
    let output = splitstorm(repository, &["doctor", scenario, "--json"]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let need = &found["need"];
    let users = need["users"].as_u64().unwrap();
    assert!(users >= 1_000, "{need}");
    assert_eq!(need["descriptors"].as_u64(), Some(users + 500));
    assert_eq!(need["descriptors_embedded"].as_u64(), Some(2 * users + 500));
    assert!(need["connects_per_s_max"].as_u64().unwrap() > 0);
}

#[test]
fn a_snapshot_tells_a_process_and_its_configuration_without_a_value() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let sleeper = Sleeper::begin();
    let pid = sleeper.0.id().to_string();
    let config = "MaxClients = 4711\nOperPassword = hunter\n<bind port=\"4711\">\n";
    fs::write(folder.join("oak.conf"), config).unwrap();
    let args = [
        "doctor", "snapshot", "--pid", &pid, "--config", "oak.conf", "-o", "a.json",
    ];
    check(folder, &args, 0);
    let text = fs::read_to_string(folder.join("a.json")).unwrap();
    assert!(!text.contains("4711") && !text.contains("hunter"), "{text}");
    let taken = json(&folder.join("a.json"));
    assert_eq!(taken["schema"], 1);
    let sections = &taken["sections"];
    let config = &sections["config"];
    assert_eq!(
        config["oak.conf: MaxClients"],
        config["oak.conf: bind.port"]
    );
    assert_eq!(config["oak.conf: OperPassword"], "left out");
    for (section, key) in [
        ("limits", "max_open_files.soft"),
        ("sysctl", "net.core.somaxconn"),
        ("host", "kernel"),
        ("program", "sha256"),
        ("now", "descriptors"),
        ("now", "rss_peak_bytes"),
    ] {
        assert!(!sections[section][key].is_null(), "{section} {key}");
    }
    check(folder, &["doctor", "snapshot", "--pid", "4000000000"], 2);
}

#[test]
fn snapshots_that_differ_are_held_against_the_scenario() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let sleeper = Sleeper::begin();
    let pid = sleeper.0.id().to_string();
    check(
        folder,
        &["doctor", "snapshot", "--pid", &pid, "-o", "old.json"],
        0,
    );
    let mut changed = json(&folder.join("old.json"));
    let same = check(folder, &["doctor", "diff", "old.json", "old.json"], 0);
    assert!(same.contains("verdict: no difference"), "{same}");
    changed["sections"]["limits"]["max_open_files.soft"] = 64.into();
    changed["sections"]["host"]["kernel"] = "0.1".into();
    fs::write(folder.join("new.json"), changed.to_string()).unwrap();
    let told = check(folder, &["doctor", "diff", "old.json", "new.json"], 0);
    assert!(
        told.contains("enough as far as is known: 1 smaller, 1 other"),
        "{told}"
    );
    let (old, new) = (folder.join("old.json"), folder.join("new.json"));
    let args = [
        "doctor",
        "diff",
        old.to_str().unwrap(),
        new.to_str().unwrap(),
        "--scenario",
        "scenarios/quickstart.toml",
    ];
    let told = check(repository, &args, 1);
    assert!(
        told.starts_with("the new host has less than the scenario needs"),
        "{told}"
    );
    assert!(told.contains("limits max_open_files.soft"), "{told}");
    fs::write(folder.join("bad.json"), "{}").unwrap();
    let told = check(folder, &["doctor", "diff", "old.json", "bad.json"], 2);
    assert!(told.contains("bad.json:1:2"), "{told}");
}
