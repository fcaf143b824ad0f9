//! Processes of the tests, which do not outlive them.

use std::ffi::OsStr;
use std::process::Child;
use std::process::Command;

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
