//! A bouncer started with what `provision` wrote, in a folder of its own, unprivileged, stopped with its test.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use tempfile::TempDir;

use crate::command;
use crate::launch;
use crate::launch::commands::NOBODY;
use crate::launch::commands::is_root;
use crate::launch::commands::unprivileged;
use crate::launch::unpacked;
use crate::process::Process;
use crate::process::bound;

/// How long a bouncer may take until it listens.
const PATIENCE: Duration = Duration::from_secs(10);

/// A family of bouncers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Family {
    Znc,
    Bip,
}

/// A bouncer that listens.
pub(crate) struct Bouncer {
    /// Its address.
    pub(crate) address: String,
    folder: TempDir,
    _process: Process,
}

impl Family {
    fn name(self) -> &'static str {
        match self {
            Self::Znc => "znc",
            Self::Bip => "bip",
        }
    }

    /// Returns where its program is for who runs it, or `None` where it is not to be had.
    fn program(self, folder: &Path) -> Option<PathBuf> {
        let installed = Path::new("/usr/bin").join(self.name());
        if installed.exists() {
            return Some(installed);
        }
        let below = Path::new("usr/bin").join(self.name());
        if !unpacked::root(self.name()).join(&below).exists() {
            return None;
        }
        Some(unpacked::copy(self.name(), folder).join(below))
    }
}

impl Bouncer {
    /// Starts a bouncer of so many users on these networks; `None` where it is not installed and nobody insists on it.
    pub(crate) fn start(family: Family, users: usize, networks: &[(&str, &str)]) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        launch::hand_over(folder.path());
        let Some(program) = family.program(folder.path()) else {
            launch::skip_missing(family.name());
            return None;
        };
        let port = launch::free_port();
        let address = format!("127.0.0.1:{port}");
        let mut flags: Vec<String> = ["provision", family.name(), "-o", "home", "--listen"]
            .map(str::to_owned)
            .to_vec();
        flags.extend([address.clone(), "--users".to_owned(), users.to_string()]);
        for (name, network) in networks {
            flags.extend(["--network".to_owned(), format!("{name}={network}")]);
        }
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let output = command::splitstorm(folder.path(), &flags);
        assert!(output.status.success(), "{output:?}");
        let home = folder.path().join("home");
        if is_root() {
            let owner = format!("{NOBODY}:{NOBODY}");
            let owned = Command::new("chown")
                .arg("-R")
                .arg(owner)
                .arg(&home)
                .status();
            assert!(owned.unwrap().success());
        }

        // The command as it was printed, from the shell's first word on.
        let printed = String::from_utf8(output.stdout).unwrap();
        let mut words = printed.split_whitespace();
        assert_eq!(words.next(), Some(family.name()));
        let out = std::fs::File::create(folder.path().join("out")).unwrap();
        let mut process = Process(
            unprivileged(bound("setpriv"))
                .arg(program)
                .args(words)
                .current_dir(folder.path())
                .env("HOME", folder.path())
                .stdin(Stdio::null())
                .stdout(out.try_clone().unwrap())
                .stderr(out)
                .spawn()
                .unwrap(),
        );
        let began = Instant::now();
        while !launch::listens(port) {
            let is_over = process.0.try_wait().unwrap().is_some();
            assert!(
                !is_over && began.elapsed() < PATIENCE,
                "{family:?} does not listen: {}",
                std::fs::read_to_string(folder.path().join("out")).unwrap()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(Self {
            address,
            folder,
            _process: process,
        })
    }

    /// Returns its users' password.
    pub(crate) fn password(&self) -> String {
        let text = std::fs::read_to_string(self.folder.path().join("home/secrets.env")).unwrap();
        let password = text.trim().strip_prefix("BOUNCER_SECRET=");
        password.unwrap().to_owned()
    }

    /// Returns its first user and a channel of it on its first network.
    pub(crate) fn first_user(&self) -> (String, String) {
        let text = std::fs::read_to_string(self.folder.path().join("home/roster.csv")).unwrap();
        let row: Vec<&str> = text.lines().nth(2).unwrap().split(',').collect();
        let channel = row[5].split(' ').next().unwrap();
        (row[0].to_owned(), channel.to_owned())
    }
}
