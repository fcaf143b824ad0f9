//! Servers as their packages ship them: started in a folder of their own, unprivileged, stopped with their test.

use std::net::SocketAddr;
use std::net::TcpListener;
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

use socket2::Domain;
use socket2::Socket;
use socket2::Type;
use tempfile::TempDir;

use crate::launch::commands::NOBODY;
use crate::launch::commands::RESOLV_CONF;
use crate::launch::commands::command;
use crate::launch::commands::is_root;
use crate::launch::config::config;
use crate::launch::resolver::Resolver;
use crate::process::Process;

pub(crate) mod commands;
mod config;
mod private;
mod resolver;
pub(crate) mod unpacked;

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(10);
/// Ports tried: another process may take one between its choice and the server's start.
const TRIES_MAX: u32 = 3;

/// A kind of server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Server {
    Ngircd,
    Inspircd,
    Hybrid,
    Miniircd,
}

/// Which limits a server has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limits {
    /// None that could be lifted.
    Open,
    /// Those that its package ships; ircd-hybrid's are narrower in four places.
    Defaults,
    /// None, and an operator `gauge` with the password `needle`; what is idle is pinged soon.
    Gauged,
    /// None, for one client that sends as fast as it can; `InspIRCd`'s alone.
    Fast,
    /// None, behind a proxy that tells it who its clients are; `InspIRCd`'s alone.
    Proxied,
    /// None, over TLS too, with services that keep accounts; `InspIRCd`'s alone.
    Serviced,
    /// Its own in five places, the others as shipped; `InspIRCd`'s alone.
    Strict,
    /// None of its own, and few descriptors from its host; `InspIRCd`'s alone.
    Tight,
}

/// Descriptors of a server with [`Limits::Tight`].
pub(crate) const DESCRIPTORS_TIGHT: u64 = 256;

/// A server that listens.
pub(crate) struct Launched {
    /// Its address for `--target`.
    pub(crate) target: String,
    process: Arc<Mutex<Process>>,
    _resolver: Option<Resolver>,
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

    /// Returns its process's number.
    pub(crate) fn pid(&self) -> u32 {
        self.process.lock().unwrap().0.id()
    }
}

impl Server {
    /// Returns its program, or `None` where it is not installed.
    fn program(self) -> Option<PathBuf> {
        let candidates = match self {
            Self::Ngircd => vec![PathBuf::from("/usr/sbin/ngircd")],
            Self::Inspircd => vec![PathBuf::from("/usr/sbin/inspircd")],
            Self::Hybrid => vec![unpacked::root("ircd-hybrid").join("usr/sbin/ircd-hybrid")],
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
            Self::Hybrid => "ircd-hybrid",
            Self::Miniircd => "miniircd",
        }
    }

    /// Returns what of this machine keeps an installed server from being tested.
    fn hindrance(self) -> Option<String> {
        if !matches!(self, Self::Hybrid) {
            return None;
        }
        let tried = private::check(&unpacked::root("ircd-hybrid").join("usr"), is_root());
        let resolving = || Resolver::start(free_port()).map(drop);
        tried
            .and_then(|()| resolving().map_err(|error| format!("no resolver of its own: {error}")))
            .err()
    }

    /// Returns the resolver that its name look-ups need, and writes the `resolv.conf` that names it; none for who looks nobody up.
    fn resolver(self, port: u16, conf: &Path) -> Option<Resolver> {
        matches!(self, Self::Hybrid).then(|| {
            let resolver = Resolver::start(port).unwrap();
            private::write(conf, &resolver.conf());
            resolver
        })
    }
}

/// Gives a folder to who runs servers.
pub(crate) fn hand_over(folder: &Path) {
    if is_root() {
        chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

/// Returns a port that is free for a server as soon as this returns.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Returns whether a server listens. It is asked from an address of its own: who comes next from one is too fast for some.
pub(crate) fn listens(port: u16) -> bool {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let (here, there) = ([127, 53, 0, 1], [127, 0, 0, 1]);
    socket.bind(&SocketAddr::from((here, 0)).into()).unwrap();
    let there = SocketAddr::from((there, port));
    socket.connect(&there.into()).is_ok()
}

/// Says that something that is not installed is passed over.
///
/// # Panics
///
/// Where a pipeline insists on it.
pub(crate) fn skip_missing(name: &str) {
    let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "1" || ci == "true");
    assert!(!is_ci, "{name} is not installed");
    eprintln!("skipped: {name} not installed");
}

/// Starts a server, or returns `None` where it is not installed and nobody insists on it, or where this machine has no place for it.
pub(crate) fn launch(server: Server, limits: Limits) -> Option<Launched> {
    launch_with(server, limits, &[])
}

/// Starts a server in whose configuration stand words to be replaced; each comes with what replaces it.
pub(crate) fn launch_with(
    server: Server,
    limits: Limits,
    words: &[(&str, String)],
) -> Option<Launched> {
    let Some(program) = server.program() else {
        skip_missing(server.name());
        return None;
    };
    if let Some(hindrance) = server.hindrance() {
        eprintln!("skipped: {}: {hindrance}", server.name());
        return None;
    }
    for _ in 0..TRIES_MAX {
        if let Some(launched) = start(server, limits, &program, words) {
            return Some(launched);
        }
    }
    panic!("{} did not listen in {TRIES_MAX} tries", server.name());
}

fn start(
    server: Server,
    limits: Limits,
    program: &Path,
    words: &[(&str, String)],
) -> Option<Launched> {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    hand_over(path);
    let port = free_port();
    let mut config = config(server, limits)
        .replace("@PORT@", &port.to_string())
        .replace("@FOLDER@", path.to_str().unwrap());
    for (word, replacement) in words {
        config = config.replace(word, replacement);
    }
    std::fs::write(path.join("ircd.conf"), config).unwrap();
    std::fs::write(path.join("motd"), "For tests alone.\n").unwrap();
    let resolver = server.resolver(port, &path.join(RESOLV_CONF));
    let mut command = command(server, limits, program, path, port);
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
        if listens(port) {
            return Some(Launched {
                target: format!("irc://127.0.0.1:{port}"),
                process: Arc::new(Mutex::new(process)),
                _resolver: resolver,
                _folder: folder,
            });
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    None
}
