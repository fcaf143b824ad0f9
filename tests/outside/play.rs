//! The program run from outside: its arguments, its end, and what it left behind.

use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Condvar;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

/// Runs that go on at once: two cores hold no more without making each other late.
const PARALLEL_MAX: u32 = 2;
/// How long a run may take before it counts as stuck; those here are planned for ten seconds.
const PATIENCE: Duration = Duration::from_secs(90);

static RUNNING: Mutex<u32> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

/// The right to run something beside at most one other.
pub(crate) struct Slot;

impl Slot {
    /// Waits for it.
    pub(crate) fn take() -> Self {
        let mut running = RUNNING.lock().unwrap();
        while *running >= PARALLEL_MAX {
            running = ENDED.wait(running).unwrap();
        }
        *running += 1;
        Self
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap() -= 1;
        ENDED.notify_one();
    }
}

/// Returns the command `program` for a process that ends with the test that starts it, even where that is killed and drops nothing.
pub(crate) fn bound(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}

/// A process that does not outlive its test.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
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

/// Returns a scenario of the tests.
pub(crate) fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/scenarios")
        .join(name)
        .with_extension("toml")
}

/// Runs `splitstorm run` on a scenario of the tests against `target`.
pub(crate) fn play(name: &str, target: &str, flags: &[&str]) -> Played {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let mut child = bound(env!("CARGO_BIN_EXE_splitstorm"))
        .arg("run")
        .arg(scenario(name))
        .args(["--target", target, "--out"])
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
    let mut process = Process(child);
    let began = Instant::now();
    let code = loop {
        if let Some(status) = process.0.try_wait().unwrap() {
            break status.code().unwrap_or(-1);
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{name} against {target} is stuck"
        );
        std::thread::sleep(Duration::from_millis(20));
    };
    let stderr = reader.join().unwrap();
    let result = std::fs::read_to_string(out.join("result.json"))
        .map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
    Played {
        code,
        stderr,
        result,
        out,
        _folder: folder,
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
