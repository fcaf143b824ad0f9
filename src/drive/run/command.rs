//! Commands of the operator's that a scenario names, run through the shell.

use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::process::Stdio;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process_group;

/// Most bytes of a command's own words that are read: the last ones.
const WORDS_BYTES_MAX: u64 = 400;

/// A command that runs.
pub(crate) struct Command {
    line: String,
    child: Child,
    /// What it says, and what it complains of.
    answer: File,
    complaint: File,
}

impl Command {
    /// Starts a command apart from our terminal: Ctrl-C is for us alone. An error is told as a sentence.
    pub(crate) fn start(line: &str) -> Result<Self, String> {
        let start = || -> io::Result<Self> {
            let (answer, complaint) = (tempfile::tempfile()?, tempfile::tempfile()?);
            let child = std::process::Command::new("sh")
                .arg("-c")
                .arg(line)
                .stdin(Stdio::null())
                .stdout(answer.try_clone()?)
                .stderr(complaint.try_clone()?)
                .process_group(0)
                .spawn()?;
            Ok(Self {
                line: line.to_owned(),
                child,
                answer,
                complaint,
            })
        };
        start().map_err(|error| format!("`{line}` can't be run: {error}"))
    }

    /// Returns what it said once it has ended well, or a sentence on why it did not; `None` while it runs.
    pub(crate) fn look(&mut self) -> Option<Result<String, String>> {
        let line = &self.line;
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) if status.success() => Some(
                last_words(&mut self.answer)
                    .map_err(|error| format!("what `{line}` said can't be read: {error}")),
            ),
            Ok(Some(status)) => {
                let words = last_words(&mut self.complaint)
                    .ok()
                    .filter(|words| !words.is_empty())
                    .unwrap_or_else(|| "it said nothing".to_owned());
                Some(Err(format!("`{line}` ended with {status}: {words}")))
            }
            Err(error) => Some(Err(format!("`{line}` can't be waited for: {error}"))),
        }
    }

    /// Ends it and what it started: nobody waits for it any more. Returns that as a sentence.
    pub(crate) fn kill(mut self) -> String {
        // It may have ended this moment.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
        format!(
            "`{}` had not ended by the end of the run; it was killed",
            self.line
        )
    }
}

/// Returns the end of what a command had to say.
fn last_words(words: &mut File) -> io::Result<String> {
    let length = words.seek(io::SeekFrom::End(0))?;
    words.seek(io::SeekFrom::Start(length.saturating_sub(WORDS_BYTES_MAX)))?;
    let mut bytes = Vec::new();
    words.take(WORDS_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}
