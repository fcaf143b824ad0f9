//! Bytes that pass, counted and hashed; lines sent at a steady pace.

use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;

use sha2::Digest as _;
use sha2::Sha256;

/// Lines written at once; the pace is kept by waits between.
const BURST: u32 = 10;

/// How much is sent each way.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) per_second: u32,
    pub(crate) count: u32,
}

/// What went out or came in: bytes and their digest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) bytes: u64,
    digest: Vec<u8>,
}

/// What goes out or comes in, until it is over.
#[derive(Default)]
pub(crate) struct Passing {
    bytes: u64,
    digest: Sha256,
}

impl Passing {
    /// Writes bytes.
    pub(crate) fn write(&mut self, mut stream: &TcpStream, bytes: &[u8]) {
        self.note(bytes);
        stream.write_all(bytes).unwrap();
    }

    /// Reads what is there, and returns how much; 0 at the end.
    pub(crate) fn read(&mut self, mut stream: &TcpStream, room: &mut [u8]) -> usize {
        let count = stream.read(room).unwrap();
        self.note(&room[..count]);
        count
    }

    /// Writes lines at a pace.
    pub(crate) fn send(&mut self, stream: &TcpStream, pace: Pace, line: impl Fn(u32) -> String) {
        let began = Instant::now();
        for first in (0..pace.count).step_by(BURST as usize) {
            let due = Duration::from_secs(1) * first / pace.per_second;
            std::thread::sleep(due.saturating_sub(began.elapsed()));
            let burst: String = (first..first + BURST).map(&line).collect();
            self.write(stream, burst.as_bytes());
        }
    }

    /// Reads to the end, and writes what was read to `to` if there is one.
    pub(crate) fn receive(mut self, from: &TcpStream, to: Option<&TcpStream>) -> Passed {
        let mut room = vec![0; 65_536];
        loop {
            let count = self.read(from, &mut room);
            if count == 0 {
                return self.end();
            }
            if let Some(mut to) = to {
                to.write_all(&room[..count]).unwrap();
            }
        }
    }

    /// Returns what it came to.
    pub(crate) fn end(self) -> Passed {
        Passed {
            bytes: self.bytes,
            digest: self.digest.finalize().to_vec(),
        }
    }

    fn note(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.digest.update(bytes);
    }
}

/// Returns a text whose length and content depend on the number.
pub(crate) fn filler(number: u32) -> String {
    let length = 10 + (number * 37) as usize % 180;
    let letter = char::from(b'a' + (number % 26) as u8);
    std::iter::repeat_n(letter, length).collect()
}
