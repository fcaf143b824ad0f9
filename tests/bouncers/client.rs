//! A client that reads lines one by one.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client that is logged in.
pub(crate) struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    /// Logs in with these lines.
    pub(crate) fn log_in(address: &str, hello: &[&str]) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let mut client = Self {
            reader: BufReader::new(stream),
        };
        for line in hello {
            client.send(line);
        }
        client.wait_for(|line| line.contains(" 001 "));
        client
    }

    /// Sends a line.
    pub(crate) fn send(&mut self, line: &str) {
        let stream = self.reader.get_mut();
        write!(stream, "{line}\r\n").unwrap();
    }

    /// Returns the first line that is the wanted one; PINGs are answered.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, is_wanted: impl Fn(&str) -> bool) -> String {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            let read = self.reader.read_line(&mut line);
            assert!(read.is_ok_and(|count| count > 0), "only this came: {seen}");
            if is_wanted(&line) {
                return line;
            }
            if let Some(token) = line.strip_prefix("PING ") {
                let token = token.trim().to_owned();
                self.send(&format!("PONG {token}"));
            }
            seen.push_str(&line);
        }
    }

    /// Returns how many users the server counts.
    pub(crate) fn user_count(&mut self) -> usize {
        self.send("LUSERS");
        let line = self.wait_for(|line| line.contains(" 265 "));
        let (_, told) = line.split_once("users: ").unwrap();
        told.split(' ').next().unwrap().parse().unwrap()
    }
}
