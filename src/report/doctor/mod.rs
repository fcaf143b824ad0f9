//! What the doctor found: of this host, and between two snapshots of hosts.

pub mod difference;
pub mod host;
pub mod snapshot;
