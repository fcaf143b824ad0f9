//! Profiles without timelines: made, read, sampled and made bigger like others, and nothing of a timeline is left.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs the program and returns what it prints.
#[track_caller]
fn splitstorm(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_splitstorm"))
        .args(words)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_aggregated_profile_replaces_timelines_and_serves_like_any_other() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("aggregate");
    fs::create_dir_all(&folder).unwrap();
    let [trace, profile, again, bigger] = ["trace.csv", "profile", "again.csv", "bigger"]
        .map(|name| folder.join(name).to_str().unwrap().to_owned());
    splitstorm(&[
        "profile",
        "sample",
        "traffic-profiles/project-network",
        "--days",
        "56",
        "-o",
        &trace,
    ]);
    let has = |name: &str| Path::new(&profile).join(name).exists();
    splitstorm(&["profile", "fit", &trace, "-o", &profile]);
    assert!(has("stays.csv") && !has("aggregate.toml"));
    splitstorm(&["profile", "fit", &trace, "--aggregate", "-o", &profile]);
    for name in ["users.csv", "stays.csv", "changes.csv", "incidents.csv"] {
        assert!(!has(name), "{name}");
    }
    let page = splitstorm(&["profile", "show", &profile]);
    assert!(page.contains("nobody's timeline is kept"), "{page}");
    splitstorm(&["profile", "scale", &profile, "--times", "3", "-o", &bigger]);
    splitstorm(&["profile", "sample", &bigger, "--days", "7", "-o", &again]);
    let sample = fs::read_to_string(&again).unwrap();
    for kind in [",join,", ",quit,", ",message,", "#s8"] {
        assert!(sample.contains(kind), "{kind}");
    }
    // A table of stays beside the summaries would not be read; one without the other is no profile.
    fs::remove_file(Path::new(&profile).join("aggregate.toml")).unwrap();
    let show = Command::new(env!("CARGO_BIN_EXE_splitstorm"))
        .args(["profile", "show", &profile])
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&show.stderr).into_owned();
    assert_eq!(show.status.code(), Some(2));
    assert!(complaint.contains("aggregate = true"), "{complaint}");
}
