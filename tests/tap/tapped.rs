//! A tap run from outside: its address, what it said, and what it recorded.

use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use splitstorm::traffic::trace::event::Event;
use splitstorm::traffic::trace::read::TraceReader;
use tempfile::TempDir;

/// How long a tap may take to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A tap that listens; it does not outlive its test.
pub(crate) struct Tapped {
    /// Where clients connect.
    pub(crate) address: String,
    child: Child,
    folder: TempDir,
}

/// A tap that has ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
    folder: TempDir,
}

impl Drop for Tapped {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Tapped {
    /// Starts a tap in front of `upstream` that records into a folder of its own, under `wrapper` if there is one.
    pub(crate) fn start(wrapper: &[&str], upstream: &str, flags: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL"])
            .args(wrapper)
            .arg(env!("CARGO_BIN_EXE_splitstorm"))
            .args(["capture", "tap", "--listen", "127.0.0.1:0"])
            .args(["--upstream", upstream])
            .arg("--output")
            .arg(folder.path().join("traces"))
            .args(flags);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        let address = address.trim().to_owned();
        assert!(!address.is_empty(), "{}", stderr(&folder));
        Self {
            address,
            child,
            folder,
        }
    }

    /// Returns the number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns what it said so far.
    pub(crate) fn stderr(&self) -> String {
        stderr(&self.folder)
    }

    /// Ends it with a signal and waits for its end.
    pub(crate) fn end(mut self, signal: &str) -> Ended {
        let killed = Command::new("kill")
            .args([signal, &self.id().to_string()])
            .status()
            .unwrap();
        assert!(killed.success(), "{}", self.stderr());
        let began = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code();
            }
            assert!(began.elapsed() < PATIENCE, "the tap does not end");
            std::thread::sleep(Duration::from_millis(10));
        };
        let folder = std::mem::replace(&mut self.folder, TempDir::new().unwrap());
        Ended {
            code,
            stderr: stderr(&folder),
            folder,
        }
    }
}

impl Ended {
    /// Returns the trace's files in the order of their names.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path().join("traces")).unwrap();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    /// Returns the events of all files, and whether any is cut.
    pub(crate) fn events(&self) -> (Vec<Event>, bool) {
        let mut events = Vec::new();
        let mut is_cut = false;
        for path in self.files() {
            let (more, is_this_cut) = read(&path);
            events.extend(more);
            is_cut |= is_this_cut;
        }
        (events, is_cut)
    }
}

/// Returns the events of a file, and whether it is cut.
pub(crate) fn read(path: &Path) -> (Vec<Event>, bool) {
    let decoder = zstd::Decoder::new(File::open(path).unwrap()).unwrap();
    let mut reader = TraceReader::open("trace", BufReader::new(decoder)).unwrap();
    let mut events = Vec::new();
    while let Some(event) = reader.next_event().unwrap() {
        events.push(event);
    }
    (events, reader.is_cut())
}

fn stderr(folder: &TempDir) -> String {
    std::fs::read_to_string(folder.path().join("stderr")).unwrap()
}
