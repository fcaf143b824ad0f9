//! Counters of this machine and this process: CPU time by thread, TCP retransmissions.

use std::time::Duration;

use rustix::time::ClockId;

/// Returns the CPU time of the calling thread.
pub fn thread_cpu() -> Duration {
    time_of(ClockId::ThreadCPUTime)
}

/// Returns the CPU time of this process.
pub fn process_cpu() -> Duration {
    time_of(ClockId::ProcessCPUTime)
}

fn time_of(clock: ClockId) -> Duration {
    let now = rustix::time::clock_gettime(clock);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// What became of connects on this machine since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connects {
    /// SYNs sent again.
    pub syn_retransmits: u64,
    /// Connections for which a listen queue had no room.
    pub listen_overflows: u64,
}

/// Returns what became of connects; `None` where the kernel does not say.
pub fn connects() -> Option<Connects> {
    let text = std::fs::read_to_string("/proc/net/netstat").ok()?;
    Some(Connects {
        syn_retransmits: value_of(&text, "TcpExt:", "TCPSynRetrans")?,
        listen_overflows: value_of(&text, "TcpExt:", "ListenOverflows")?,
    })
}

/// Returns the value under `name` in a table of `/proc/net/netstat`: a line of names, then a line of values.
fn value_of(text: &str, table: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with(table));
    let (names, values) = (lines.next()?, lines.next()?);
    let at = names.split_whitespace().position(|found| found == name)?;
    values.split_whitespace().nth(at)?.parse().ok()
}

/// Returns how this machine's TCP paces itself; `None` where the kernel does not say.
pub fn congestion_control() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control").ok()?;
    Some(text.trim().to_owned())
}

/// Returns the kernel's release and the number of processors, for reports.
pub fn machine() -> (String, usize) {
    let kernel = rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned();
    (
        kernel,
        std::thread::available_parallelism().map_or(1, usize::from),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_found_under_its_name() {
        let text = "TcpExt: A B C\nTcpExt: 1 2 3\nIpExt: A\nIpExt: 9\n";
        assert_eq!(value_of(text, "TcpExt:", "B"), Some(2));
        assert_eq!(value_of(text, "TcpExt:", "D"), None);
        assert_eq!(value_of("", "TcpExt:", "B"), None);
    }
}
