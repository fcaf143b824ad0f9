//! What the program prints where it succeeds.

use std::path::Path;

use crate::command;

/// Runs the program in the project's folder and returns what it prints.
#[track_caller]
pub(crate) fn told(arguments: &[&str]) -> String {
    let output = command::splitstorm(Path::new(env!("CARGO_MANIFEST_DIR")), arguments);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8(output.stdout).unwrap()
}
