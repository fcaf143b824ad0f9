//! The simulated network as a process of its own.

use std::io::BufRead;
use std::io::BufReader;
use std::process::Stdio;

use crate::process::Process;
use crate::process::bound;

/// Starts it on an address; returns the process, and where it listens.
pub(crate) fn listen(address: &str) -> (Process, String) {
    listen_as(address, "Splitstorm")
}

/// Starts it on an address, under a name.
pub(crate) fn listen_as(address: &str, name: &str) -> (Process, String) {
    let mut child = bound(env!("CARGO_BIN_EXE_splitstorm"))
        .args(["network", "--listen", address, "--name", name])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (Process(child), line.trim().to_owned())
}
