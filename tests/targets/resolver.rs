//! A resolver that knows no name and says so at once, for servers that look up every client.

use std::io;
use std::net::Ipv4Addr;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

/// The port of resolvers: a `resolv.conf` can name no other.
const PORT: u16 = 53;
/// Longest question taken (RFC 1035, 4.2.1).
const BYTES_MAX: usize = 512;
/// How soon the thread sees that it is no longer wanted.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Identifier, flags, and four counts.
const HEADER_BYTES: usize = 12;

/// The resolver, which ends with this.
pub(crate) struct Resolver {
    address: Ipv4Addr,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Resolver {
    /// Starts the resolver of the server on `port`: each has an address of its own, since tests run beside each other.
    ///
    /// # Errors
    ///
    /// When this user may not listen on that port, or somebody already does.
    pub(crate) fn start(port: u16) -> io::Result<Self> {
        let [high, low] = port.to_be_bytes();
        let address = Ipv4Addr::new(127, 53, high, low);
        let socket = UdpSocket::bind((address, PORT))?;
        socket.set_read_timeout(Some(LOOK_EVERY))?;
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let mut question = [0; BYTES_MAX];
            while !seen.load(Ordering::Relaxed) {
                let Ok((count, asker)) = socket.recv_from(&mut question) else {
                    continue;
                };
                if let Some(answer) = question.get(..count).and_then(deny) {
                    // Who is gone needs no answer.
                    let _ = socket.send_to(&answer, asker);
                }
            }
        });
        Ok(Self {
            address,
            is_over,
            thread: Some(thread),
        })
    }

    /// Returns the `resolv.conf` that names it.
    pub(crate) fn conf(&self) -> String {
        format!("nameserver {}\n", self.address)
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Returns the answer that there is no such name, or `None` where nothing whole was asked.
fn deny(question: &[u8]) -> Option<Vec<u8>> {
    let (header, asked) = question.split_at_checked(HEADER_BYTES)?;
    let mut answer = header.to_vec();
    // A response to a standard query, recursion wanted and available, NXDOMAIN; the question comes along, and no record.
    answer.splice(2..4, [0x81, 0x83]);
    answer.splice(6.., [0; 6]);
    answer.extend(asked);
    Some(answer)
}
