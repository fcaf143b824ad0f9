//! The simulated network run from outside, and clients of it.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::TcpStream;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

/// How long a line may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A simulated network that listens; it does not outlive its test.
pub(crate) struct Served {
    pub(crate) address: String,
    child: Child,
}

impl Served {
    pub(crate) fn start() -> Self {
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_splitstorm")])
            .args(["network", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        Self {
            address: address.trim().to_owned(),
            child,
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client in the channel `#wood`.
pub(crate) struct Client {
    pub(crate) nick: &'static str,
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Registers and joins.
    pub(crate) fn join(address: &str, nick: &'static str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = Self {
            nick,
            stream: BufReader::new(stream),
        };
        client.send(&format!("NICK {nick}"));
        client.send(&format!("USER {nick} 0 * :{nick}"));
        client.until(" 001 ", 1);
        client.send("JOIN #wood");
        client.until(" 366 ", 1);
        client
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.send(&format!("PRIVMSG #wood :{text}"));
    }

    /// Waits for so many messages of others.
    pub(crate) fn hear(&mut self, count: u32) {
        self.until(" PRIVMSG ", count);
    }

    /// Leaves and waits for the end.
    pub(crate) fn quit(mut self) {
        self.send("QUIT :bye");
        let mut line = String::new();
        while self.stream.read_line(&mut line).unwrap() > 0 {}
    }

    fn send(&mut self, line: &str) {
        let mut stream = self.stream.get_ref();
        stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
    }

    fn until(&mut self, word: &str, count: u32) {
        let mut found = 0;
        while found < count {
            let mut line = String::new();
            assert!(self.stream.read_line(&mut line).unwrap() > 0, "no {word}");
            found += u32::from(line.contains(word));
        }
    }
}
