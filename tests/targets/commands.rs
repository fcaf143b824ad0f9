//! The commands that start the servers.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use crate::launch::DESCRIPTORS_TIGHT;
use crate::launch::Limits;
use crate::launch::Server;
use crate::launch::private::View;
use crate::launch::unpacked;
use crate::process::bound;

/// The user `nobody` and its group, as Debian numbers them.
pub(crate) const NOBODY: u32 = 65_534;
/// Where the servers that look up names find who answers.
pub(crate) const RESOLV_CONF: &str = "resolv.conf";

/// Returns a server's command: unprivileged where the test is not, and bound to the test.
pub(crate) fn command(
    server: Server,
    limits: Limits,
    program: &Path,
    folder: &Path,
    port: u16,
) -> Command {
    let config = folder.join("ircd.conf");
    match server {
        Server::Ngircd => {
            let mut command = unprivileged(bound("setpriv"));
            command.arg(program).arg("--nodaemon");
            command.arg("--config").arg(config);
            command
        }
        Server::Inspircd => {
            let mut command = match limits {
                Limits::Tight => unprivileged(tight()),
                _ => unprivileged(bound("setpriv")),
            };
            command.arg(program).arg("--nofork");
            command.arg("--config").arg(config);
            command
        }
        Server::Hybrid => {
            let view = View {
                resolv_conf: &folder.join(RESOLV_CONF),
                usr: &unpacked::root("ircd-hybrid").join("usr"),
            };
            let mut command = view.command(is_root());
            command.arg("setpriv");
            command = unprivileged(command);
            // In that view its package is installed.
            command.arg("/usr/sbin/ircd-hybrid").arg("-foreground");
            command.arg("-configfile").arg(config);
            // What it would keep where nobody may write.
            for file in ["pid", "log", "kline", "dline", "xline", "resv"] {
                let flag = format!("-{file}file");
                command.arg(flag).arg(folder.join(file));
            }
            command
        }
        Server::Miniircd => {
            // A script may lie where nobody else may read: it is started from the server's own folder.
            let script = folder.join("miniircd.py");
            std::fs::copy(program, &script).unwrap();
            let mut command = unprivileged(bound("setpriv"));
            // Found by who runs it: a Python of root's own is not nobody's.
            command.args(["/usr/bin/env", "python3"]).arg(script).args([
                "--listen",
                "127.0.0.1",
                "--ports",
                &port.to_string(),
            ]);
            command
        }
    }
}

/// Returns a `setpriv` whose process may have few descriptors.
fn tight() -> Command {
    let mut command = bound("prlimit");
    command.arg(format!("--nofile={DESCRIPTORS_TIGHT}:{DESCRIPTORS_TIGHT}"));
    command.arg("setpriv");
    command
}

/// Returns whether the test may do what root may.
pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Has a `setpriv` give up what root may do, where the test is root, and bind the process to the test.
pub(crate) fn unprivileged(mut setpriv: Command) -> Command {
    if is_root() {
        let id = NOBODY.to_string();
        setpriv.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
    }
    // A change of user lifts the bond: it is tied again after it.
    setpriv.args(["--pdeathsig", "KILL"]);
    setpriv
}
