//! Counters on a page of metrics, fetched over plain HTTP.

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;

use crate::drive::clock::Clock;
use crate::drive::counters::ANSWER_TIMEOUT;
use crate::drive::counters::CountersError;
use crate::drive::doctor::probe::ProbeError;
use crate::drive::transport::tcp;
use crate::traffic::capture::counters::Reading;
use crate::traffic::capture::counters::http;
use crate::traffic::capture::counters::http::ANSWER_BYTES_MAX;
use crate::traffic::capture::counters::http::Fault;
use crate::traffic::capture::counters::metrics;

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

/// Where a page of metrics is, and what on it counts.
#[derive(Clone, Debug)]
pub struct PageOptions {
    /// Where its server is.
    pub address: SocketAddr,
    /// Host and port, as the request names them.
    pub host: String,
    /// The page.
    pub path: String,
    /// The metric picked by hand.
    pub metric: Option<String>,
}

/// Fetches the page once.
pub(crate) fn poll(options: &PageOptions, clock: Clock) -> Result<Reading, CountersError> {
    let answer = fetch(options, clock)?;
    let text = http::text(&answer).map_err(CountersError::Page)?;
    metrics::read(&text, options.metric.as_deref()).map_err(CountersError::Metrics)
}

fn fetch(options: &PageOptions, clock: Clock) -> Result<Vec<u8>, CountersError> {
    let address = options.address;
    let lost = |reason: io::Error| match reason.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => CountersError::Silent,
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            CountersError::Page(Fault::Cut)
        }
        _ => CountersError::Connection(ProbeError::Unreachable { address, reason }),
    };
    let asked = clock.now();
    let mut stream = tcp::connect_blocking(address, None, ANSWER_TIMEOUT).map_err(lost)?;
    stream
        .set_read_timeout(Some(ANSWER_TIMEOUT))
        .and_then(|()| stream.set_write_timeout(Some(ANSWER_TIMEOUT)))
        .map_err(lost)?;
    stream
        .write_all(&http::request(&options.host, &options.path))
        .map_err(lost)?;
    let mut answer = Vec::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = match stream.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(lost(error)),
        };
        if count == 0 {
            return Ok(answer);
        }
        answer.extend_from_slice(buffer.get(..count).unwrap_or_default());
        if answer.len() > ANSWER_BYTES_MAX {
            return Err(CountersError::Page(Fault::TooLong));
        }
        // One that trickles is as good as silent.
        if clock.now().since(asked) > ANSWER_TIMEOUT {
            return Err(CountersError::Silent);
        }
    }
}
