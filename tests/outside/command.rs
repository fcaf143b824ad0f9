//! The program run once from outside, to its end.

use std::path::Path;
use std::process::Command;
use std::process::Output;

/// Runs the program in a folder, without colours.
pub(crate) fn splitstorm(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_splitstorm"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}
