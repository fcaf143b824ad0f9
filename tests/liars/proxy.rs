//! A proxy between the program and an honest network that lies to each client on the way down.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::time::Duration;
use std::time::Instant;

use splitstorm::irc::fault::lie::Liar;
use splitstorm::irc::fault::lie::Lie;

use crate::told::Told;

/// From the first welcome to the first lie: by then everybody has joined.
const HONEST_FOR: Duration = Duration::from_secs(2);
/// How long a message is held back to be overtaken; less than the scenarios' `settle`.
const HOLD: Duration = Duration::from_secs(1);
/// How often a silent connection is looked at for what is held.
const LOOK: Duration = Duration::from_millis(100);

/// What all connections share.
struct Shared {
    lie: Lie,
    one_in: u32,
    upstream: SocketAddr,
    began: OnceLock<Instant>,
    told: Mutex<Vec<Told>>,
}

/// A proxy that listens.
pub(crate) struct Proxy {
    /// Its address for `--target`.
    pub(crate) target: String,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Starts a proxy to `upstream` that tells `lie` to each client on every `one_in`-th line that can carry it.
    pub(crate) fn start(upstream: SocketAddr, lie: Lie, one_in: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = format!("irc://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            lie,
            one_in,
            upstream,
            began: OnceLock::new(),
            told: Mutex::new(Vec::new()),
        });
        let accepting = Arc::clone(&shared);
        // Ends with the test's process: nobody connects any more once its run is over.
        std::thread::spawn(move || {
            for down in listener.incoming() {
                let (shared, down) = (Arc::clone(&accepting), down.unwrap());
                let up = TcpStream::connect(shared.upstream).unwrap();
                up.set_nodelay(true).unwrap();
                down.set_nodelay(true).unwrap();
                let (from, to) = (down.try_clone().unwrap(), up.try_clone().unwrap());
                std::thread::spawn(move || carry_up(from, &to));
                std::thread::spawn(move || carry_down(up, &down, &shared));
            }
        });
        Self { target, shared }
    }

    /// Returns the lies told so far.
    pub(crate) fn told(&self) -> Vec<Told> {
        let mut told = self.shared.told.lock().unwrap().clone();
        told.retain(Told::is_of_the_run);
        told
    }
}

fn carry_up(mut from: TcpStream, mut to: &TcpStream) {
    let mut bytes = [0; 4096];
    while let Ok(count) = from.read(&mut bytes) {
        if count == 0 || to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn carry_down(up: TcpStream, down: &TcpStream, shared: &Shared) {
    up.set_read_timeout(Some(LOOK)).unwrap();
    let mut reader = BufReader::new(up);
    let mut liar = Liar::new(shared.lie, shared.one_in);
    let mut nick = String::new();
    let mut line = Vec::new();
    let mut released = Instant::now();
    let mut send = |line: &[u8]| {
        // Whoever has gone misses nothing.
        let mut down = down;
        let _ = down.write_all(&[line, b"\r\n"].concat());
    };
    loop {
        match reader.read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(_) if line.ends_with(b"\n") => {
                let whole = line.trim_ascii_end().to_vec();
                line.clear();
                if let Some(welcome) = welcomed(&whole) {
                    nick = welcome;
                    let _ = shared.began.set(Instant::now());
                }
                let may_lie = shared
                    .began
                    .get()
                    .is_some_and(|began| began.elapsed() >= HONEST_FOR);
                if !may_lie {
                    send(&whole);
                } else if let Some(told) = liar.relay(&whole, &mut send) {
                    shared.told.lock().unwrap().push(Told {
                        kind: format!("{:?}", told.lie),
                        receiver: nick.clone(),
                        line: String::from_utf8(told.line).unwrap(),
                    });
                }
            }
            // The rest of a line is still to come.
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
        if released.elapsed() >= HOLD {
            released = Instant::now();
            liar.release(&mut send);
        }
    }
    let _ = down.shutdown(Shutdown::Both);
}

/// Returns the nick that a 001 is for.
fn welcomed(line: &[u8]) -> Option<String> {
    let mut words = line
        .split(|&byte| byte == b' ')
        .skip_while(|word| word.starts_with(b"@"))
        .skip(1);
    (words.next() == Some(b"001")).then(|| String::from_utf8(words.next()?.to_vec()).ok())?
}
