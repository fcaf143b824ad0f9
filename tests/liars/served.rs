//! The liar as a process: started with a lie, stopped with its test.

use std::io::BufRead;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;

use crate::process::Process;
use crate::process::bound;

/// A liar that listens.
pub(crate) struct Served {
    /// Its address for `--target`.
    pub(crate) target: String,
    /// Where it writes down what it did.
    pub(crate) log: PathBuf,
    _process: Process,
    _folder: TempDir,
}

/// Starts the liar.
pub(crate) fn serve(flags: &[&str]) -> Served {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("told.jsonl");
    let mut child = bound("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/liars/liar.py"))
        .arg("--log")
        .arg(&log)
        .args(flags)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the liar needs setpriv and python3");
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let port = line.trim().strip_prefix("listening ").unwrap_or_else(|| {
        panic!("the liar did not come up: `{line}`");
    });
    Served {
        target: format!("irc://127.0.0.1:{port}"),
        log,
        _process: Process(child),
        _folder: folder,
    }
}
