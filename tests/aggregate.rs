//! Profiles without timelines: made, read, sampled and made bigger like others, and nothing of a timeline is left.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

#[path = "outside/command.rs"]
mod command;
#[path = "outside/told.rs"]
mod told;

use std::fs;
use std::path::Path;

use crate::command::splitstorm;
use crate::told::told;

#[test]
fn an_aggregated_profile_replaces_timelines_and_serves_like_any_other() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("aggregate");
    fs::create_dir_all(&folder).unwrap();
    let [trace, profile, again, bigger] = ["trace.csv", "profile", "again.csv", "bigger"]
        .map(|name| folder.join(name).to_str().unwrap().to_owned());
    told(&[
        "profile",
        "sample",
        "traffic-profiles/project-network",
        "--days",
        "56",
        "-o",
        &trace,
    ]);
    let has = |name: &str| Path::new(&profile).join(name).exists();
    told(&["profile", "fit", &trace, "-o", &profile]);
    assert!(has("stays.csv") && !has("aggregate.toml"));
    told(&["profile", "fit", &trace, "--aggregate", "-o", &profile]);
    for name in ["users.csv", "stays.csv", "changes.csv", "incidents.csv"] {
        assert!(!has(name), "{name}");
    }
    let page = told(&["profile", "show", &profile]);
    assert!(page.contains("nobody's timeline is kept"), "{page}");
    told(&["profile", "scale", &profile, "--times", "3", "-o", &bigger]);
    told(&["profile", "sample", &bigger, "--days", "7", "-o", &again]);
    let sample = fs::read_to_string(&again).unwrap();
    for kind in [",join,", ",quit,", ",message,", "#s8"] {
        assert!(sample.contains(kind), "{kind}");
    }
    // A table of stays beside the summaries would not be read; one without the other is no profile.
    fs::remove_file(Path::new(&profile).join("aggregate.toml")).unwrap();
    let show = splitstorm(&folder, &["profile", "show", &profile]);
    let complaint = String::from_utf8_lossy(&show.stderr).into_owned();
    assert_eq!(show.status.code(), Some(2));
    assert!(complaint.contains("aggregate = true"), "{complaint}");
}
