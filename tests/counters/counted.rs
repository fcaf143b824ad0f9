//! `splitstorm capture counters` run from outside: what it wrote, what it said, how it ended.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use tempfile::TempDir;

use crate::process::Process;
use crate::process::bound;

/// How long it may take to begin or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A watch that has begun; it does not outlive its test.
pub(crate) struct Counted {
    process: Process,
    folder: TempDir,
}

/// A watch that has ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
    /// The CSV's lines without its head: time, command, count, rate.
    pub(crate) rows: Vec<(u64, String, u64, String)>,
}

impl Counted {
    /// Begins to watch `target`, with a secret in the environment for flags that name it.
    pub(crate) fn start(target: &str, flags: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let child = bound(env!("CARGO_BIN_EXE_splitstorm"))
            .args(["capture", "counters", target, "--output"])
            .arg(folder.path().join("counters.csv"))
            .args(flags)
            .env("SPLITSTORM_TEST_SECRET", "needle")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        Self {
            process: Process(child),
            folder,
        }
    }

    fn output(&self) -> PathBuf {
        self.folder.path().join("counters.csv")
    }

    /// Returns what it said so far.
    pub(crate) fn stderr(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr")).unwrap()
    }

    /// Returns what it wrote so far.
    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(self.output()).unwrap_or_default()
    }

    /// Returns how many readings of an IRC server it wrote so far.
    pub(crate) fn readings(&self) -> usize {
        self.text().matches(",STATS,").count()
    }

    /// Waits until `is_so` says so.
    #[track_caller]
    pub(crate) fn wait(&self, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < PATIENCE, "{}", self.stderr());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Interrupts it as a person does and waits for its end.
    pub(crate) fn interrupt(self) -> Ended {
        let killed = Command::new("kill")
            .args(["-INT", &self.process.0.id().to_string()])
            .status()
            .unwrap();
        assert!(killed.success(), "{}", self.stderr());
        self.end()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let began = Instant::now();
        let code = loop {
            if let Some(status) = self.process.0.try_wait().unwrap() {
                break status.code();
            }
            assert!(began.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        };
        let text = self.text();
        let rows = text.lines().skip(1).map(|line| {
            let mut cells = line.split(',');
            let mut next = || cells.next().unwrap();
            let at = next().parse().unwrap();
            let command = next().to_owned();
            (at, command, next().parse().unwrap(), next().to_owned())
        });
        Ended {
            code,
            stderr: self.stderr(),
            rows: rows.collect(),
        }
    }
}

impl Ended {
    /// Returns what each counter was at the first reading (`false`) or the last (`true`).
    fn counts(&self, is_last: bool) -> BTreeMap<&str, u64> {
        let times = self.rows.iter().map(|row| row.0);
        let at = if is_last { times.max() } else { times.min() };
        let rows = self.rows.iter().filter(|row| Some(row.0) == at);
        rows.map(|row| (row.1.as_str(), row.2)).collect()
    }

    /// Returns by how much each counter rose between the first reading and the last.
    pub(crate) fn gained(&self) -> BTreeMap<&str, u64> {
        let before = self.counts(false);
        let commands = self.counts(true).into_iter();
        commands
            .filter(|(name, _)| name.bytes().all(|byte| byte.is_ascii_uppercase()))
            .map(|(name, count)| (name, count - before.get(name).copied().unwrap_or(0)))
            .filter(|(_, gained)| *gained > 0)
            .collect()
    }

    /// Returns how many PONGs of its own it tells of.
    pub(crate) fn own_pongs(&self) -> u64 {
        let words: Vec<&str> = self.stderr.split_ascii_whitespace().collect();
        let at = words.iter().rposition(|word| *word == "PONG").unwrap();
        words[at - 1].parse().unwrap()
    }
}
