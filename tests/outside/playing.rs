//! The program run from outside: its arguments, its end, and what it left behind.

use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use crate::process::Process;
use crate::process::bound;

/// How long a run may take before it counts as stuck; those here are planned for ten seconds.
const PATIENCE: Duration = Duration::from_secs(90);

/// A run of the program that goes on.
pub(crate) struct Playing {
    /// Its artifacts.
    pub(crate) out: PathBuf,
    process: Process,
    reader: JoinHandle<String>,
    folder: TempDir,
}

/// A run of the program, as it ended.
pub(crate) struct Played {
    /// Its exit code.
    pub(crate) code: i32,
    /// What it told people.
    pub(crate) stderr: String,
    /// Its `result.json`; `Null` if it wrote none.
    pub(crate) result: Value,
    /// Its artifacts.
    pub(crate) out: PathBuf,
    _folder: TempDir,
}

impl Playing {
    /// Starts `splitstorm run` on a scenario's file.
    pub(crate) fn start(scenario: &Path, flags: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let out = folder.path().join("out");
        let mut child = bound(env!("CARGO_BIN_EXE_splitstorm"))
            .arg("run")
            .arg(scenario)
            .arg("--out")
            .arg(&out)
            .args(flags)
            .env("XDG_STATE_HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stderr.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut stderr = String::new();
            pipe.read_to_string(&mut stderr).unwrap();
            stderr
        });
        Self {
            out,
            process: Process(child),
            reader,
            folder,
        }
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Played {
        let began = Instant::now();
        let code = loop {
            if let Some(status) = self.process.0.try_wait().unwrap() {
                break status.code().unwrap_or(-1);
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{} is stuck",
                self.out.display()
            );
            std::thread::sleep(Duration::from_millis(20));
        };
        let stderr = self.reader.join().unwrap();
        let result = std::fs::read_to_string(self.out.join("result.json"))
            .map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
        Played {
            code,
            stderr,
            result,
            out: self.out,
            _folder: self.folder,
        }
    }
}

impl Played {
    /// Returns the verdict's reasons by their names for scripts.
    pub(crate) fn reasons(&self) -> Vec<&str> {
        let reasons = self.result["verdict"]["reasons"].as_array();
        reasons
            .into_iter()
            .flatten()
            .filter_map(|reason| reason["code"].as_str())
            .collect()
    }

    /// Returns whether the machine gave the generator too little time, so that the run says nothing.
    pub(crate) fn is_strained(&self) -> bool {
        self.reasons()
            .iter()
            .any(|code| code.starts_with("generator_"))
    }
}
