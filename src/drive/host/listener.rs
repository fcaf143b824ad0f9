//! Which process of this machine listens on an address, from what the kernel shows this user.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::Path;

use crate::drive::transport::address;

/// The state of a listening socket in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// Returns the processes that listen on some addresses, where they are on this machine and can be seen.
pub fn listening_pids(addresses: &[SocketAddr]) -> Vec<Option<u32>> {
    let pids = addresses
        .iter()
        .map(|&at| listening_pid(at).filter(|_| address::is_loopback(&at)));
    pids.collect()
}

/// Returns the id of the process that listens on an address of this machine: the lowest, where several share the socket; `None`
/// where nobody listens, or where it belongs to another user, whose descriptors are not shown.
fn listening_pid(address: SocketAddr) -> Option<u32> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let inodes: Vec<u64> = tables
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .flat_map(|table| inodes(&table, address))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    let pids = std::fs::read_dir("/proc").ok()?.flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&pid| holds(pid, &inodes))
        .min()
}

/// Says whether a process has one of these sockets open.
fn holds(pid: u32, inodes: &[u64]) -> bool {
    // It may have ended meanwhile, or be another user's.
    let folder = Path::new("/proc").join(pid.to_string()).join("fd");
    let Ok(descriptors) = std::fs::read_dir(folder) else {
        return false;
    };
    descriptors.flatten().any(|descriptor| {
        std::fs::read_link(descriptor.path())
            .ok()
            .and_then(|link| inode_of(link.to_str()?))
            .is_some_and(|inode| inodes.contains(&inode))
    })
}

/// Returns the socket that a descriptor's link names: `socket:[4711]`.
fn inode_of(link: &str) -> Option<u64> {
    let text = link.strip_prefix("socket:[")?.strip_suffix(']')?;
    text.parse().ok()
}

/// Returns the sockets of a table that take what is sent to `address`: those that listen there, or on every address.
fn inodes(table: &str, address: SocketAddr) -> Vec<u64> {
    let rows = table.lines().skip(1);
    rows.filter_map(|row| {
        let words: Vec<&str> = row.split_whitespace().collect();
        let (host, port) = words.get(1)?.split_once(':')?;
        let takes = *words.get(3)? == LISTENING
            && u16::from_str_radix(port, 16).ok()? == address.port()
            && (host.bytes().all(|digit| digit == b'0') || host == hex(address.ip()));
        takes.then_some(())?;
        words.get(9)?.parse().ok()
    })
    .collect()
}

/// Returns an address as the kernel's tables write it: words of four bytes, each in the machine's own order.
fn hex(ip: IpAddr) -> String {
    let bytes = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words = bytes.chunks_exact(4).map(|word| {
        let word: [u8; 4] = word.try_into().unwrap_or_default();
        format!("{:08X}", u32::from_ne_bytes(word))
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1A0B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1 0 100 0 0 10 0
   1: 00000000:1A0C 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 102 1 0 100 0 0 10 0
   2: 0100007F:1A0B 0100007F:9000 01 00000000:00000000 00:00000000 00000000     0        0 103 1 0 100 0 0 10 0
   3: 0200007F:1A0B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 104 1 0 100 0 0 10 0
   4: short
";

    #[test]
    fn a_row_counts_that_listens_on_the_address_or_on_all() {
        let inodes = |address: &str| inodes(TABLE, address.parse().unwrap());
        if cfg!(target_endian = "little") {
            assert_eq!(inodes("127.0.0.1:6667"), [101]);
            assert_eq!(inodes("127.0.0.2:6667"), [104]);
        }
        assert_eq!(inodes("127.0.0.1:6668"), [102]);
        assert_eq!(inodes("127.0.0.1:6669"), Vec::<u64>::new());
    }

    #[test]
    fn a_listener_of_ours_is_this_process_and_none_is_nobody() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(listening_pid(address), Some(std::process::id()));
        drop(listener);
        assert_eq!(listening_pid(address), None);
    }
}
