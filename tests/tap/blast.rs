//! Lines at a steady pace in both directions at once, through whatever lies between, compared byte by byte.

use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;

use crate::passed::Pace;
use crate::passed::Passed;
use crate::passed::Passing;
use crate::passed::filler;

/// What a server tells a client that is then in the channel of the lines.
pub(crate) const GREETING: &[u8] = b":irc.test 001 alder :Welcome\r\n:alder!a@h JOIN #wood\r\n";

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
        let got_up = scope.spawn(|| Passing::default().receive(&server, None));
        let got_down = scope.spawn(|| Passing::default().receive(&client, None));
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

fn send(stream: &TcpStream, pace: Pace, line: impl Fn(u32) -> String) -> Passed {
    let mut passing = Passing::default();
    passing.send(stream, pace, line);
    stream.shutdown(Shutdown::Write).unwrap();
    passing.end()
}
