//! A view of the file system of one process's own, in which a package is installed and the machine's resolver is another.

use std::fs;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::process::bound;

/// Lays the file that is its first argument over the system's, and what is in the folder that is its second; becomes the rest. A layer is read
/// with the rights of who laid it: it may lie where the server may not look.
const LAY_OVER: &str = r#"mount --bind "$1" /etc/resolv.conf \
    && mount -t overlay overlay -o "lowerdir=$2:/usr" /usr && shift 2 && exec "$@""#;

/// What a process sees that others don't.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    /// In the place of the machine's `resolv.conf`.
    pub(crate) resolv_conf: &'a Path,
    /// Over what the machine has in `/usr`.
    pub(crate) usr: &'a Path,
}

impl View<'_> {
    /// Returns a command that runs the arguments that it is yet to get. They take its process over.
    pub(crate) fn command(self, is_root: bool) -> Command {
        let mut command = bound("unshare");
        command.arg("--mount");
        if !is_root {
            command.arg("--map-root-user");
        }
        command.args(["sh", "-c", LAY_OVER, "sh"]);
        command.arg(self.resolv_conf).arg(self.usr);
        if !is_root {
            // Servers refuse to be root, even one who is root to himself alone.
            command.args(["unshare", "--user"]);
        }
        command
    }
}

/// Writes a `resolv.conf` that everybody may read.
pub(crate) fn write(conf: &Path, text: &str) {
    fs::write(conf, text).unwrap();
    fs::set_permissions(conf, Permissions::from_mode(0o644)).unwrap();
}

/// Checks that this machine allows such views.
///
/// # Errors
///
/// Returns what it says against them.
pub(crate) fn check(usr: &Path, is_root: bool) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let resolv_conf = &folder.path().join("resolv.conf");
    write(resolv_conf, "");
    let view = View { resolv_conf, usr };
    let tried = view.command(is_root).arg("true").output();
    let output = tried.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("no view of the file system of its own: {told}"))
}
