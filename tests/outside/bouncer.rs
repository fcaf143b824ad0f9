//! Runs against bouncers: a scenario, the program that plays it, and what came of it.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::command;
use crate::launch;
use crate::launch::unpacked;

pub(crate) const SCENARIO: &str = r#"
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
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) told: String,
    pub(crate) result: Option<Value>,
}

impl Ran {
    pub(crate) fn bouncer(&self) -> &Value {
        &self.result.as_ref().unwrap()["bouncer"]
    }

    pub(crate) fn ledger(&self, counter: &str) -> u64 {
        let counts = &self.result.as_ref().unwrap()["ledger"];
        counts[counter].as_u64().unwrap()
    }
}

/// Returns a search path with a bouncer's program in front; `None` where it is not installed and nobody insists on it.
pub(crate) fn search_path(kind: &str, folder: &Path) -> Option<String> {
    let path = std::env::var("PATH").unwrap();
    if Path::new("/usr/bin").join(kind).exists() {
        return Some(path);
    }
    let below = Path::new("usr/bin");
    if !unpacked::root(kind).join(below).join(kind).exists() {
        // Another release of Debian has it, whose packages may not be had.
        if kind == "soju" {
            eprintln!("skipped: soju is not here; scripts/test unpacks it");
        } else {
            launch::skip_missing(kind);
        }
        return None;
    }
    let programs = unpacked::copy(kind, folder).join(below);
    Some(format!("{}:{path}", programs.display()))
}

/// Runs a scenario in a folder.
pub(crate) fn run(folder: &Path, path: &str, kind: &str, text: &str, flags: &[&str]) -> Ran {
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
        // What it makes for a bouncer is made here.
        .env("TMPDIR", folder)
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
pub(crate) fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    launch::hand_over(folder.path());
    folder
}

/// What a bouncer has broken of its word.
const BROKEN: [&str; 10] = [
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
];

/// Checks that nothing is broken in a run that was made in a folder.
#[track_caller]
pub(crate) fn check_unbroken(ran: &Ran, folder: &Path) {
    for counter in BROKEN {
        let evidence = command::splitstorm(folder, &["explain", "out", counter]);
        let evidence = String::from_utf8_lossy(&evidence.stdout).into_owned();
        assert_eq!(
            ran.ledger(counter),
            0,
            "{counter}: {}\n{evidence}",
            ran.told
        );
    }
}

/// Runs a scenario against a bouncer that keeps its word, and checks that it did.
#[track_caller]
pub(crate) fn check_clean(kind: &str, text: &str, flags: &[&str]) -> Option<Ran> {
    let folder = folder();
    let path = search_path(kind, folder.path())?;
    let ran = run(folder.path(), &path, kind, text, flags);
    // A busy machine may make the generator late; what was read is what was written all the same.
    assert!(matches!(ran.code, Some(0 | 4)), "{}", ran.told);
    check_unbroken(&ran, folder.path());
    assert!(ran.ledger("delivered") > 500, "{}", ran.told);
    let lines = ran.bouncer()["playbacks"]["lines"].as_u64().unwrap();
    assert!(lines > 50, "{lines} lines were played back: {}", ran.told);
    assert_eq!(ran.bouncer()["locked_out"], 0);
    Some(ran)
}
