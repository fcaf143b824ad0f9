//! Clients of the simulated network.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

/// How long a line may take.
const PATIENCE: Duration = Duration::from_secs(10);

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
