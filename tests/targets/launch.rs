//! Servers as their packages ship them: started in a folder of their own, unprivileged, stopped with their test.

use std::net::TcpListener;
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::chown;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use tempfile::TempDir;

use crate::process::Process;
use crate::process::bound;

/// The user `nobody` and its group, as Debian numbers them.
const NOBODY: u32 = 65_534;
/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(10);
/// Ports tried: another process may take one between its choice and the server's start.
const TRIES_MAX: u32 = 3;

/// A kind of server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Server {
    Ngircd,
    Inspircd,
    Miniircd,
}

/// Which limits a server has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limits {
    /// None that could be lifted.
    Open,
    /// Those that its package ships.
    Defaults,
    /// None, and an operator `gauge` with the password `needle`; what is idle is pinged soon.
    Gauged,
    /// None, for one client that sends as fast as it can; `InspIRCd`'s alone.
    Fast,
    /// None, behind a proxy that tells it who its clients are; `InspIRCd`'s alone.
    Proxied,
    /// Its own in five places, the others as shipped; `InspIRCd`'s alone.
    Strict,
}

/// A server that listens.
pub(crate) struct Launched {
    /// Its address for `--target`.
    pub(crate) target: String,
    process: Arc<Mutex<Process>>,
    _folder: TempDir,
}

impl Launched {
    /// Ends the server with a signal a while after as many clients have come; the thread tells whether it was still there.
    pub(crate) fn end_later(
        &self,
        clients: usize,
        after: Duration,
        signal: &'static str,
    ) -> JoinHandle<bool> {
        let process = Arc::downgrade(&self.process);
        let descriptors = format!("/proc/{}/fd", self.process.lock().unwrap().0.id());
        let open_count = move || std::fs::read_dir(&descriptors).map_or(0, Iterator::count);
        let before = open_count();
        std::thread::spawn(move || {
            let began = Instant::now();
            while open_count() < before + clients && began.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(20));
            }
            std::thread::sleep(after);
            // A number alone could by then be another process's; one that is held and not waited for is ours.
            let Some(process) = process.upgrade() else {
                return false;
            };
            let mut process = process.lock().unwrap();
            process.0.try_wait().unwrap().is_none()
                && Command::new("kill")
                    .args([signal, &process.0.id().to_string()])
                    .status()
                    .unwrap()
                    .success()
        })
    }
}

impl Server {
    /// Returns its program, or `None` where it is not installed.
    fn program(self) -> Option<PathBuf> {
        let candidates = match self {
            Self::Ngircd => vec![PathBuf::from("/usr/sbin/ngircd")],
            Self::Inspircd => vec![PathBuf::from("/usr/sbin/inspircd")],
            Self::Miniircd => vec![
                Path::new(env!("CARGO_MANIFEST_DIR")).join("target/miniircd/miniircd.py"),
                PathBuf::from("/usr/local/bin/miniircd"),
                PathBuf::from("/usr/bin/miniircd"),
            ],
        };
        candidates.into_iter().find(|path| path.exists())
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ngircd => "ngircd",
            Self::Inspircd => "inspircd",
            Self::Miniircd => "miniircd",
        }
    }

    fn config(self, limits: Limits) -> &'static str {
        match (self, limits) {
            (Self::Ngircd, Limits::Open) => include_str!("ngircd-open.conf"),
            (Self::Ngircd, Limits::Defaults) => include_str!("ngircd-defaults.conf"),
            (Self::Inspircd, Limits::Open) => include_str!("inspircd-open.conf"),
            (Self::Inspircd, Limits::Defaults) => include_str!("inspircd-defaults.conf"),
            (Self::Ngircd, Limits::Gauged) => include_str!("ngircd-oper.conf"),
            (Self::Inspircd, Limits::Gauged) => include_str!("inspircd-oper.conf"),
            (Self::Inspircd, Limits::Fast) => include_str!("inspircd-fast.conf"),
            (Self::Inspircd, Limits::Proxied) => include_str!("inspircd-proxied.conf"),
            (Self::Inspircd, Limits::Strict) => include_str!("inspircd-strict.conf"),
            (Self::Ngircd, Limits::Fast | Limits::Proxied | Limits::Strict) => {
                panic!("ngircd holds every client to a pace, and believes no proxy")
            }
            (Self::Miniircd, _) => "",
        }
    }

    /// Returns its command: unprivileged where the test is not, and bound to the test.
    fn command(self, program: &Path, folder: &Path, port: u16) -> Command {
        let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
        let mut command = bound("setpriv");
        if is_root {
            chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
            let id = NOBODY.to_string();
            command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
        }
        // A change of user lifts the bond: it is tied again after it.
        command.args(["--pdeathsig", "KILL"]);
        let config = folder.join("ircd.conf");
        match self {
            Self::Ngircd => {
                command
                    .arg(program)
                    .arg("--nodaemon")
                    .arg("--config")
                    .arg(config);
            }
            Self::Inspircd => {
                command
                    .arg(program)
                    .arg("--nofork")
                    .arg("--config")
                    .arg(config);
            }
            Self::Miniircd => {
                // A script may lie where nobody else may read: it is started from the server's own folder.
                let script = folder.join("miniircd.py");
                std::fs::copy(program, &script).unwrap();
                // Found by who runs it: a Python of root's own is not nobody's.
                command.args(["/usr/bin/env", "python3"]).arg(script).args([
                    "--listen",
                    "127.0.0.1",
                    "--ports",
                    &port.to_string(),
                ]);
            }
        }
        command
    }
}

/// Starts a server, or returns `None` where it is not installed and nobody insists on it.
pub(crate) fn launch(server: Server, limits: Limits) -> Option<Launched> {
    let Some(program) = server.program() else {
        let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "1" || ci == "true");
        assert!(!is_ci, "{} is not installed", server.name());
        eprintln!("skipped: {} not installed", server.name());
        return None;
    };
    for _ in 0..TRIES_MAX {
        if let Some(launched) = start(server, limits, &program) {
            return Some(launched);
        }
    }
    panic!("{} did not listen in {TRIES_MAX} tries", server.name());
}

fn start(server: Server, limits: Limits, program: &Path) -> Option<Launched> {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    // The port is free for the server as soon as the listener is gone.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let config = server
        .config(limits)
        .replace("@PORT@", &port.to_string())
        .replace("@FOLDER@", path.to_str().unwrap());
    std::fs::write(path.join("ircd.conf"), config).unwrap();
    std::fs::write(path.join("motd"), "For tests alone.\n").unwrap();
    let mut command = server.command(program, path, port);
    let out = std::fs::File::create(path.join("out")).unwrap();
    let child = command
        .current_dir(path)
        .env("HOME", path)
        .stdin(Stdio::null())
        .stdout(out.try_clone().unwrap())
        .stderr(out)
        .spawn()
        .unwrap();
    let mut process = Process(child);
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if process.0.try_wait().unwrap().is_some() {
            eprintln!(
                "{} ended: {}",
                server.name(),
                std::fs::read_to_string(path.join("out")).unwrap()
            );
            return None;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(Launched {
                target: format!("irc://127.0.0.1:{port}"),
                process: Arc::new(Mutex::new(process)),
                _folder: folder,
            });
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    None
}
