//! A witness between a tap and a server, and a client that talks to itself: what each of them sent and received.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::Domain;
use socket2::Socket;
use socket2::Type;

use crate::passed::Pace;
use crate::passed::Passed;
use crate::passed::Passing;
use crate::passed::filler;

/// How long a read or a write may wait.
const PATIENCE: Duration = Duration::from_secs(20);

/// What went to the server, and what came from it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Both {
    pub(crate) up: Passed,
    pub(crate) down: Passed,
}

/// Passes the first connection on to `server` that says anything, and hashes both its directions. Returns its address.
pub(crate) fn relay(server: &str) -> (String, JoinHandle<Both>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = server.to_owned();
    let thread = std::thread::spawn(move || {
        for near in listener.incoming() {
            let near = patient(near.unwrap());
            // A tap looks once whether anybody is there.
            if near.peek(&mut [0]).unwrap() > 0 {
                return pass_on(&near, &patient(TcpStream::connect(server).unwrap()));
            }
        }
        unreachable!("a listener never ends")
    });
    (address, thread)
}

fn pass_on(near: &TcpStream, far: &TcpStream) -> Both {
    std::thread::scope(|scope| {
        let up = scope.spawn(|| {
            let up = Passing::default().receive(near, Some(far));
            // The server may have ended it before.
            let _ = far.shutdown(Shutdown::Write);
            up
        });
        let down = Passing::default().receive(far, Some(near));
        near.shutdown(Shutdown::Write).unwrap();
        Both {
            up: up.join().unwrap(),
            down,
        }
    })
}

/// Sends messages to itself through `address` at a pace, and leaves once the server has heard all.
pub(crate) fn talk_to_oneself(address: &str, pace: Pace) -> Both {
    let stream = patient(TcpStream::connect(address).unwrap());
    let (mut up, mut down) = (Passing::default(), Passing::default());
    up.write(&stream, b"NICK alder\r\nUSER alder 0 * :alder\r\n");
    let (mut heard, mut room) = (Vec::new(), [0; 4_096]);
    while !heard.windows(5).any(|word| word == b" 001 ") {
        let count = down.read(&stream, &mut room);
        assert!(count > 0, "{}", String::from_utf8_lossy(&heard));
        heard.extend_from_slice(&room[..count]);
    }
    std::thread::scope(|scope| {
        let down = scope.spawn(|| down.receive(&stream, None));
        up.send(&stream, pace, |number| {
            format!("PRIVMSG alder :{number} {}\r\n", filler(number))
        });
        up.write(&stream, b"QUIT :heard\r\n");
        let down = down.join().unwrap();
        // The end of the connection is for the other side to read.
        drop(stream.shutdown(Shutdown::Both));
        Both { up: up.end(), down }
    })
}

/// Logs in from an address of this machine and returns the server's welcome.
pub(crate) fn welcome_of(source: &str, address: &str) -> String {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let source: SocketAddr = format!("{source}:0").parse().unwrap();
    let address: SocketAddr = address.parse().unwrap();
    socket.bind(&source.into()).unwrap();
    socket.connect(&address.into()).unwrap();
    let mut stream = patient(socket.into());
    stream
        .write_all(b"NICK alder\r\nUSER alder 0 * :alder\r\n")
        .unwrap();
    let lines = BufReader::new(stream).lines();
    lines
        .map(Result::unwrap)
        .find(|line| line.contains(" 001 "))
        .unwrap()
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}
