//! The scenarios that come with the tool: each says what it models, can be judged, and resolves to itself.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use splitstorm::gate::rules::Rules;
use splitstorm::scenario::file;

/// The scenarios, by file name without its ending.
const NAMES: [&str; 25] = [
    "bouncer-history",
    "bouncer-migration",
    "bouncer-netsplit",
    "bouncer-quickstart",
    "bouncer-restart",
    "bouncer-soak",
    "bouncer-steady",
    "busy-hour",
    "ci-gate",
    "client-stampede",
    "double-netsplit",
    "full-restart",
    "join-storm",
    "migrate-rollback-migrate",
    "migration-2012",
    "netsplit",
    "nick-storm",
    "outage-2012",
    "quickstart",
    "reconnect-stampede",
    "sasl-herd",
    "session-limit",
    "soak",
    "throttled",
    "upstream-outage",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn shipped() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("scenarios")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn these_scenarios_come_along() {
    let shipped = shipped();
    let names: Vec<&str> = shipped
        .iter()
        .map(|path| path.file_stem().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(names, NAMES);
}

#[test]
fn each_says_what_it_models_and_can_be_judged() {
    for path in shipped() {
        let name = path.display().to_string();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# "), "{name} does not say what it models");
        let scenario = file::read(&name, &text, &BTreeMap::new()).unwrap();
        Rules::resolve(&scenario).unwrap();
        assert!(!scenario.slos.is_empty(), "{name} demands nothing");
        let profile = root().join("traffic-profiles").join(&scenario.profile);
        assert!(profile.is_dir(), "{name} has no profile");
        let resolved = scenario.to_toml();
        let again = file::read(&name, &resolved, &BTreeMap::new()).unwrap();
        assert_eq!(again.to_toml(), resolved, "{name}");
    }
}

#[test]
fn each_is_on_the_page_about_scenarios() {
    let page = fs::read_to_string(root().join("docs/scenarios.md")).unwrap();
    for name in NAMES {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}
