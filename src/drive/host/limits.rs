//! What this machine lets one process have, checked before a run instead of found out in it.

use std::net::SocketAddr;

use nix::sys::resource::Resource;
use nix::sys::resource::getrlimit;
use nix::sys::resource::setrlimit;

use crate::drive::transport::address;

/// Descriptors a process needs beside its connections: files, timers, event queues, and room for the embedded target's listeners.
pub const DESCRIPTORS_SPARE: u64 = 500;
/// Ports that the kernel gives out by default to connections from one address to one target.
const PORTS_PER_SOURCE: u64 = 28_000;

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

/// Raises this process's descriptors as far as it may and checks that a run's connections fit.
///
/// # Errors
///
/// Returns the first limit that is too low.
pub fn check(
    connections: u64,
    descriptors_each: u64,
    target: &SocketAddr,
    is_spread: bool,
) -> Result<(), HostLimit> {
    let wanted = connections * descriptors_each + DESCRIPTORS_SPARE;
    // Where the system does not say, nothing can be promised.
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((0, 0));
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
    let has_own_sources = is_spread && address::is_loopback(target) && target.is_ipv4();
    if !has_own_sources && connections > PORTS_PER_SOURCE {
        return Err(HostLimit::Ports {
            wanted: connections,
            allowed: PORTS_PER_SOURCE,
        });
    }
    Ok(())
}
