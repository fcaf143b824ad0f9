//! What this machine lets one process have, checked before a run instead of found out in it.

use std::net::SocketAddr;

use nix::sys::resource::Resource;
use nix::sys::resource::getrlimit;
use nix::sys::resource::setrlimit;

use crate::drive::host::kernel;
use crate::drive::transport::address;

/// Descriptors a process needs beside its connections: files, timers, event queues, and room for the embedded target's listeners.
pub const DESCRIPTORS_SPARE: u64 = 500;
/// Ports that the kernel gives out by default to connections from one address to one target.
const PORTS_PER_SOURCE: u64 = 28_000;

/// Whether users share an address to connect from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sources {
    /// The kernel chooses one for all.
    Shared,
    /// Each user has one of its own.
    Own,
}

impl Sources {
    /// Returns the sources of a run at `target` whose scenario asks to spread them, or does not.
    pub fn at(target: &SocketAddr, is_spread: bool) -> Self {
        if is_spread && address::is_loopback(target) && target.is_ipv4() {
            Self::Own
        } else {
            Self::Shared
        }
    }
}

/// What a run asks of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Descriptors of this process.
    pub descriptors: u64,
    /// Ports of its busiest source address; `None` where each user has an address of its own.
    pub ports: Option<u64>,
}

impl Demand {
    /// Returns what a run of so many connections asks for, with `ends` of each in this process.
    pub fn new(connections: u64, ends: u64, sources: Sources) -> Self {
        Self {
            descriptors: connections
                .saturating_mul(ends)
                .saturating_add(DESCRIPTORS_SPARE),
            ports: (sources == Sources::Shared).then_some(connections),
        }
    }
}

/// Why a run would not fit this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostLimit {
    /// Too few descriptors.
    #[error("{wanted} descriptors needed, but this process may have {allowed}")]
    Descriptors {
        /// How many the run needs.
        wanted: u64,
        /// How many there are.
        allowed: u64,
    },
    /// Too few ports.
    #[error("{wanted} connections from one address, but only about {allowed} ports")]
    Ports {
        /// How many the run needs.
        wanted: u64,
        /// How many there are.
        allowed: u64,
    },
}

impl HostLimit {
    /// Returns what to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Descriptors { .. } => {
                "raise the limit (`ulimit -n`), or ask for fewer users (`--set population.users=…`)"
            }
            Self::Ports { .. } => {
                "spread the sources ([target] spread_sources = true), or ask for fewer users"
            }
        }
    }
}

/// Raises this process's descriptors as far as it may, for what does not know how many it will need.
pub fn raise_descriptors() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // As far as it goes: who needs more than that is told when there are none left.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Returns the descriptors that this process may have, and how far it may raise that.
pub fn descriptors() -> Option<(u64, u64)> {
    getrlimit(Resource::RLIMIT_NOFILE).ok()
}

/// Returns the first and the last port that the kernel gives out to connections, where it says so.
pub fn ports() -> Option<(u64, u64)> {
    let text = kernel::sysctl("net.ipv4.ip_local_port_range")?;
    let mut ends = text.split_whitespace().map(str::parse);
    Some((ends.next()?.ok()?, ends.next()?.ok()?))
}

/// Raises this process's descriptors as far as it may and checks that what a run asks for fits.
///
/// # Errors
///
/// Returns the first limit that is too low.
pub fn check(demand: Demand) -> Result<(), HostLimit> {
    let wanted = demand.descriptors;
    // Where the system does not say, nothing can be promised.
    let (soft, hard) = descriptors().unwrap_or((0, 0));
    if wanted > soft {
        if wanted > hard {
            return Err(HostLimit::Descriptors {
                wanted,
                allowed: hard,
            });
        }
        // As far as it goes: a later connect says if it was not far enough.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
    let allowed = ports().map_or(PORTS_PER_SOURCE, |(first, last)| {
        (last + 1).saturating_sub(first)
    });
    match demand.ports {
        Some(wanted) if wanted > allowed => Err(HostLimit::Ports { wanted, allowed }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_connection_count_where_both_are_ours() {
        let shared = Demand::new(1_000, 2, Sources::Shared);
        assert_eq!(shared.descriptors, 2_000 + DESCRIPTORS_SPARE);
        assert_eq!(shared.ports, Some(1_000));
        let loopback = "127.0.0.1:6667".parse().unwrap();
        let elsewhere = "192.0.2.1:6667".parse().unwrap();
        assert_eq!(Sources::at(&loopback, true), Sources::Own);
        assert_eq!(Sources::at(&loopback, false), Sources::Shared);
        assert_eq!(Sources::at(&elsewhere, true), Sources::Shared);
        assert_eq!(Demand::new(1_000, 1, Sources::Own).ports, None);
    }
}
