//! The control socket of a run that goes on: a person asks, the run answers.
//!
//! A Unix socket in the run's folder, for its owner alone. A request is one line of JSON, and so is its answer; then the connection
//! ends.

pub mod wire;

use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use crate::drive::control::wire::Answer;
use crate::drive::control::wire::Request;

/// Name of the socket in a run's folder.
pub const SOCKET: &str = "control.sock";
/// Requests that wait for the run to look: people send one at a time.
const REQUESTS_MAX: usize = 16;
/// Longest request.
const REQUEST_BYTES_MAX: u64 = 4_096;
/// Longest answer.
const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(5);

/// The run's end of the socket. The socket goes with it.
#[derive(Debug)]
pub struct Control {
    requests: Receiver<Asked>,
    path: PathBuf,
}

/// A request that waits for its answer.
#[derive(Debug)]
pub struct Asked {
    /// What is asked for.
    pub request: Request,
    answer: SyncSender<Answer>,
}

impl Asked {
    /// Answers.
    pub fn answer(self, answer: Answer) {
        // Whoever asked may have lost patience.
        let _ = self.answer.send(answer);
    }
}

impl Control {
    /// Listens in a run's folder.
    ///
    /// # Errors
    ///
    /// Returns why it can't: a path of over a hundred bytes is too long for a socket.
    pub fn listen(folder: &Path) -> io::Result<Self> {
        let path = folder.join(SOCKET);
        if UnixStream::connect(&path).is_err() {
            // There is none, or a run that was killed has left it: nobody listens.
            let _ = std::fs::remove_file(&path);
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let (to_run, requests) = sync_channel(REQUESTS_MAX);
        std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || {
                for stream in listener.incoming().flatten() {
                    // One after the other: an answer takes a twentieth of a second.
                    let _ = serve(&stream, &to_run);
                }
            })?;
        Ok(Self { requests, path })
    }

    /// Returns the next request, if one waits.
    pub fn poll(&self) -> Option<Asked> {
        self.requests.try_recv().ok()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Somebody may have removed the folder.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn serve(stream: &UnixStream, to_run: &SyncSender<Asked>) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(stream)
        .take(REQUEST_BYTES_MAX)
        .read_line(&mut line)?;
    let answer = match Request::read(&line) {
        Err(problem) => Answer::refused(problem),
        Ok(request) => {
            let (answer, answered) = sync_channel(1);
            // A run that is ending looks no more; then the question is dropped, or lies until we lose patience.
            let sent = to_run.send(Asked { request, answer }).ok();
            let answer = sent.and_then(|()| answered.recv_timeout(PATIENCE).ok());
            answer.unwrap_or_else(|| Answer::refused("the run is ending".to_owned()))
        }
    };
    let mut text = answer.to_json();
    text.push('\n');
    let mut stream = stream;
    stream.write_all(text.as_bytes())
}

/// Asks the run whose folder, or socket, is at `path`.
///
/// # Errors
///
/// Returns why nobody answers there.
pub fn ask(path: &Path, request: &Request) -> io::Result<Answer> {
    let socket = if path.is_dir() {
        path.join(SOCKET)
    } else {
        path.to_owned()
    };
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE * 2))?;
    let mut text = request.to_json();
    text.push('\n');
    stream.write_all(text.as_bytes())?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    Answer::read(&answer).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        drop(UnixListener::bind(folder.path().join(SOCKET)).unwrap());
        let control = Control::listen(folder.path()).unwrap();
        // One run a folder: a second one does not take the socket of a first that lives.
        assert!(Control::listen(folder.path()).is_err());
        drop(control);
        assert!(!folder.path().join(SOCKET).exists());
    }
}
