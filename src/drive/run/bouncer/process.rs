//! The bouncer's own process: its configuration on disk, its start and end, and every address that it has a connection to.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use procfs::net::TcpState;
use procfs::process::FDTarget;
use procfs::process::Process;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;

use crate::drive::clock::Clock;
use crate::drive::run::bouncer::soju;
use crate::provision::Configuration;
use crate::provision::soju::ADMIN_SOCKET;
use crate::scenario::bouncer::BouncerKind;
use crate::units::offset::Offset;

/// Who runs a bouncer where we are root, which it refuses to be: `nobody`.
const NOBODY: u32 = 65_534;
/// How long it may take to end when asked to.
const END_TIMEOUT: Duration = Duration::from_secs(5);
/// Time between looks whether it has.
const END_LOOK: Duration = Duration::from_millis(20);
/// Most bytes of its own words that are told.
const WORDS_BYTES_MAX: usize = 400;
const PRIVATE: u32 = 0o600;
const FOLDER: u32 = 0o700;

/// A bouncer that was started.
#[derive(Debug)]
pub(crate) struct BouncerProcess {
    kind: BouncerKind,
    program: PathBuf,
    folder: PathBuf,
    child: Child,
}

/// Finds the program of a bouncer on the search path, where all that it takes to start one is there.
pub(crate) fn find(kind: BouncerKind) -> Option<PathBuf> {
    let tools: &[&str] = match kind {
        BouncerKind::Znc | BouncerKind::Bip => &[],
        BouncerKind::Soju => &soju::TOOLS,
    };
    let has_tools = tools.iter().all(|tool| on_path(tool).is_some());
    on_path(kind.name()).filter(|_| has_tools)
}

fn on_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// Returns a command that ends with this process however that ends, where there is a program for it.
fn follower(program: &Path) -> Command {
    match on_path("setpriv") {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL"]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

/// Returns a program's version, as it says, or its package where it does not say; `None` where neither does.
pub(crate) fn version(kind: BouncerKind, program: &Path) -> Option<String> {
    let mut command = match kind {
        BouncerKind::Znc | BouncerKind::Bip => Command::new(program),
        BouncerKind::Soju => Command::new("dpkg-query"),
    };
    match kind {
        BouncerKind::Znc => command.arg("--version"),
        BouncerKind::Bip => command.arg("-v"),
        BouncerKind::Soju if program == Path::new("/usr/bin/soju") => command.args([
            "--show",
            "--showformat=${Package} ${source:Upstream-Version}",
            "soju",
        ]),
        // Who unpacked it somewhere else knows.
        BouncerKind::Soju => return None,
    };
    let output = command.stdin(Stdio::null()).output().ok()?;
    if kind == BouncerKind::Soju && !output.status.success() {
        return None;
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let words: Vec<&str> = said.lines().next()?.split_whitespace().take(2).collect();
    Some(words.join(" ")).filter(|words| !words.is_empty())
}

/// Writes a configuration into a new folder within `home`.
pub(crate) fn install(made: &Configuration, home: &Path, folder: &Path) -> io::Result<()> {
    let owned = |path: &Path, mode: u32| -> io::Result<()> {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        if is_root() {
            chown(path, Some(NOBODY), Some(NOBODY))?;
        }
        Ok(())
    };
    owned(home, FOLDER)?;
    fs::create_dir(folder)?;
    owned(folder, FOLDER)?;
    for name in &made.folders {
        let path = folder.join(name);
        fs::create_dir_all(&path)?;
        owned(&path, FOLDER)?;
    }
    for file in &made.files {
        let path = folder.join(&file.path);
        fs::write(&path, file.text.as_bytes())?;
        owned(&path, PRIVATE)?;
    }
    Ok(())
}

/// Has a program of a bouncer's run in its folder, as who may run it.
pub(super) fn settle(command: &mut Command, folder: &Path) {
    // Its clocks before texts are read as UTC.
    command
        .env("TZ", "UTC")
        .env("HOME", folder)
        .current_dir(folder)
        .process_group(0);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

impl BouncerProcess {
    /// Starts the program in its folder.
    pub(crate) fn start(kind: BouncerKind, program: &Path, folder: &Path) -> io::Result<Self> {
        let log = fs::File::create(folder.join("log.txt"))?;
        let mut command = follower(program);
        let shown = folder.as_os_str();
        match kind {
            BouncerKind::Znc => {
                command.arg("--foreground").arg("--datadir").arg(shown);
            }
            BouncerKind::Bip => {
                let config = folder.join("bip.conf");
                command.args(["-n", "-f"]).arg(config).arg("-s").arg(shown);
            }
            BouncerKind::Soju => {
                // One that was killed left its socket, and none starts over it.
                match fs::remove_file(folder.join(ADMIN_SOCKET)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
                command.arg("-config").arg(folder.join("soju.conf"));
            }
        }
        settle(&mut command, folder);
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(Self {
            kind,
            program: program.to_owned(),
            folder: folder.to_owned(),
            child: command.spawn()?,
        })
    }

    /// Starts it again after it has ended.
    pub(crate) fn start_again(&mut self) -> io::Result<()> {
        *self = Self::start(self.kind, &self.program, &self.folder)?;
        Ok(())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the end of what it said if it has ended by itself.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        let said = fs::read_to_string(self.folder.join("log.txt")).unwrap_or_default();
        let tail: String = said.trim().chars().rev().take(WORDS_BYTES_MAX).collect();
        let tail: String = tail.chars().rev().collect();
        Some(format!("{status}: {tail}"))
    }

    /// Kills it without a word, as a crash would.
    pub(crate) fn kill(&mut self) {
        // It may have ended this moment.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Ends it as a service manager would.
    pub(crate) fn stop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let clock = Clock::start();
        while clock.now() < Offset::ZERO + END_TIMEOUT {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(END_LOOK);
        }
        self.kill();
    }
}

/// Returns the first address beyond those allowed that a process dials or has a connection to, as far as it can be seen.
pub(crate) fn foreign(
    pid: u32,
    listen: SocketAddr,
    allowed: &BTreeSet<SocketAddr>,
) -> Option<SocketAddr> {
    let process = Process::new(i32::try_from(pid).ok()?).ok()?;
    let mut sockets = BTreeSet::new();
    for descriptor in process.fd().ok()?.flatten() {
        if let FDTarget::Socket(inode) = descriptor.target {
            sockets.insert(inode);
        }
    }
    let rows = [process.tcp(), process.tcp6()].into_iter().flatten();
    rows.flatten()
        .filter(|row| sockets.contains(&row.inode) && row.state != TcpState::Listen)
        // Who came to it is a client.
        .filter(|row| row.local_address.port() != listen.port())
        // A socket of IPv6 may have an IPv4 address at its other end.
        .map(|row| {
            SocketAddr::new(
                row.remote_address.ip().to_canonical(),
                row.remote_address.port(),
            )
        })
        .find(|remote| !allowed.contains(remote))
}

impl Drop for BouncerProcess {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}
