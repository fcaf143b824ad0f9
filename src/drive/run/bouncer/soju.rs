//! A soju of the run's own: its users are made before it starts, and their networks, each confirmed, before anybody attaches.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use crate::drive::clock::Clock;
use crate::drive::interrupt::Interrupt;
use crate::drive::run::bouncer::process;
use crate::drive::run::bouncer::process::BouncerProcess;
use crate::drive::run::bouncer::system;
use crate::drive::run::error::RunError;
use crate::provision::Secret;
use crate::provision::Secrets;
use crate::provision::soju::ADMIN_SOCKET;
use crate::provision::soju::Made;
use crate::roster::Roster;

/// What an upstream says in 005 to a soju that is not to pace its lines: ten at once, then one every two seconds.
pub(super) const SAFE_RATE: &str = "soju.im/SAFERATE";
/// Its tools, which another package holds.
pub(super) const TOOLS: [&str; 2] = [MAKES_USERS, MAKES_NETWORKS];
const MAKES_USERS: &str = "sojudb";
const MAKES_NETWORKS: &str = "sojuctl";
/// How long one of its tools, or its start, may take: a password is hashed in 60 ms, and another may have its database locked.
const STEP_TIMEOUT: Duration = Duration::from_secs(30);
/// Time between looks whether it is done.
const STEP_LOOK: Duration = Duration::from_millis(5);
/// Most bytes of a tool's own words that are told.
const WORDS_BYTES_MAX: usize = 400;

/// A soju that is being made in a folder.
pub(super) struct Making<'a> {
    pub(super) folder: &'a Path,
    pub(super) interrupt: &'a Interrupt,
}

impl Making<'_> {
    /// Makes the users in the database of one that does not run. Passwords go through pipes.
    pub(super) fn users(&self, roster: &Roster, secrets: &Secrets) -> Result<(), RunError> {
        let accounts = roster.accounts();
        for (count, account) in accounts.iter().enumerate() {
            self.go_on(count, accounts.len(), "users")?;
            let secret = secrets
                .get(account.secret_env)
                .map_or(&[][..], Secret::bytes);
            let words = ["create-user", account.user.as_str()];
            let input = [secret, b"\n"].concat();
            self.step(MAKES_USERS, &words, &input)?;
        }
        Ok(())
    }

    /// Makes the networks of the users of one that was started.
    pub(super) fn networks(
        &self,
        ours: &mut BouncerProcess,
        networks: &[Made],
    ) -> Result<(), RunError> {
        self.await_socket(ours)?;
        for (count, made) in networks.iter().enumerate() {
            self.go_on(count, networks.len(), "networks")?;
            let words: Vec<&str> = made.words.iter().map(String::as_str).collect();
            let said = self.step(MAKES_NETWORKS, &words, &[])?;
            // Who attaches to a network that it does not know has it dial that name.
            if !said.contains(&made.confirmation) {
                return Err(RunError::BouncerStep {
                    step: step_name(MAKES_NETWORKS, &words),
                    words: format!("said `{said}` and not `{}`", made.confirmation),
                });
            }
        }
        Ok(())
    }

    fn await_socket(&self, ours: &mut BouncerProcess) -> Result<(), RunError> {
        let clock = Clock::start();
        let begun = clock.now();
        while !self.folder.join(ADMIN_SOCKET).exists() {
            if let Some(words) = ours.ended() {
                return Err(RunError::BouncerEnded(words));
            }
            self.go_on(0, 1, "starts")?;
            if clock.now().since(begun) > STEP_TIMEOUT {
                let what = "soju has no socket for its administrator";
                return Err(RunError::BouncerNotReady(what.to_owned()));
            }
            std::thread::sleep(STEP_LOOK);
        }
        Ok(())
    }

    fn go_on(&self, count: usize, all: usize, what: &str) -> Result<(), RunError> {
        if self.interrupt.is_asked() {
            let so_far = format!("{count} of {all} {what} of soju were made");
            return Err(RunError::Interrupted(so_far));
        }
        Ok(())
    }

    /// Runs a tool to its end, and returns what it said.
    fn step(&self, tool: &str, words: &[&str], input: &[u8]) -> Result<String, RunError> {
        let mut command = Command::new(tool);
        command
            .arg("-config")
            .arg(self.folder.join("soju.conf"))
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        process::settle(&mut command, self.folder);
        let mut child = command
            .spawn()
            .map_err(system("starting a tool of soju's"))?;
        if let Some(mut pipe) = child.stdin.take() {
            // It may have ended without reading; then it says why.
            let _ = pipe.write_all(input);
        }
        let clock = Clock::start();
        let begun = clock.now();
        let failed = |said: String| RunError::BouncerStep {
            step: step_name(tool, words),
            words: said,
        };
        while child
            .try_wait()
            .map_err(system("waiting for a tool of soju's"))?
            .is_none()
        {
            if clock.now().since(begun) > STEP_TIMEOUT {
                // It may end this moment.
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(format!("did not end within {STEP_TIMEOUT:?}")));
            }
            std::thread::sleep(STEP_LOOK);
        }
        let output = child
            .wait_with_output()
            .map_err(system("reading a tool of soju's"))?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let said: String = said.trim().chars().take(WORDS_BYTES_MAX).collect();
        if output.status.success() {
            Ok(said)
        } else {
            Err(failed(format!("ended with {}: {said}", output.status)))
        }
    }
}

/// Names a step by its first words: the rest is long, and says where everything is.
fn step_name(tool: &str, words: &[&str]) -> String {
    let words = words.iter().take_while(|word| !word.starts_with('-'));
    std::iter::once(&tool)
        .chain(words)
        .copied()
        .collect::<Vec<_>>()
        .join(" ")
}
