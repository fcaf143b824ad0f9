//! Command line: flags, diagnostics, exit codes, progress.

use std::process::ExitCode;

/// Runs the program on the arguments of this process and returns its exit code.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
