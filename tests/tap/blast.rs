//! Lines at a steady pace in both directions at once, through whatever lies between, compared byte by byte.

use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;

use sha2::Digest as _;
use sha2::Sha256;

/// Lines written at once; the pace is kept by waits between.
const BURST: u32 = 10;

/// What a server tells a client that is then in the channel of the lines.
pub(crate) const GREETING: &[u8] = b":irc.test 001 alder :Welcome\r\n:alder!a@h JOIN #wood\r\n";

/// What went out or came in: bytes and their digest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    bytes: u64,
    digest: Vec<u8>,
}

/// How much is sent each way.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) per_second: u32,
    pub(crate) count: u32,
}

/// Sends lines of both directions through `tap`, whose way ends at `listener`, and checks that the same bytes arrive.
#[track_caller]
pub(crate) fn check_passes(tap: &str, listener: &TcpListener, pace: Pace) {
    let client = TcpStream::connect(tap).unwrap();
    // A server is only connected to once a client has come.
    let (server, _) = listener.accept().unwrap();
    (&server).write_all(GREETING).unwrap();
    let mut greeting = vec![0; GREETING.len()];
    (&client).read_exact(&mut greeting).unwrap();
    let up = |number: u32| format!("PRIVMSG #wood :up {number} {}\r\n", filler(number));
    let down = |number: u32| {
        format!(
            ":birch!b@h PRIVMSG #wood :down {number} {}\r\n",
            filler(number)
        )
    };
    let (sent_up, sent_down, got_up, got_down) = std::thread::scope(|scope| {
        let sent_up = scope.spawn(|| send(&client, pace, up));
        let sent_down = scope.spawn(|| send(&server, pace, down));
        let got_up = scope.spawn(|| receive(&server));
        let got_down = scope.spawn(|| receive(&client));
        (
            sent_up.join().unwrap(),
            sent_down.join().unwrap(),
            got_up.join().unwrap(),
            got_down.join().unwrap(),
        )
    });
    assert_eq!(got_up, sent_up);
    assert_eq!(got_down, sent_down);
}

/// Returns a text whose length and content depend on the number.
fn filler(number: u32) -> String {
    let length = 10 + (number * 37) as usize % 180;
    let letter = char::from(b'a' + (number % 26) as u8);
    std::iter::repeat_n(letter, length).collect()
}

fn send(mut stream: &TcpStream, pace: Pace, line: impl Fn(u32) -> String) -> Passed {
    let mut digest = Sha256::new();
    let mut bytes = 0;
    let began = Instant::now();
    for first in (0..pace.count).step_by(BURST as usize) {
        let due = Duration::from_secs(1) * first / pace.per_second;
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        let burst: String = (first..first + BURST).map(&line).collect();
        digest.update(&burst);
        bytes += burst.len() as u64;
        stream.write_all(burst.as_bytes()).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    Passed {
        bytes,
        digest: digest.finalize().to_vec(),
    }
}

fn receive(mut stream: &TcpStream) -> Passed {
    let mut digest = Sha256::new();
    let mut bytes = 0;
    let mut room = vec![0; 65_536];
    loop {
        let count = stream.read(&mut room).unwrap();
        if count == 0 {
            break;
        }
        digest.update(&room[..count]);
        bytes += count as u64;
    }
    Passed {
        bytes,
        digest: digest.finalize().to_vec(),
    }
}
