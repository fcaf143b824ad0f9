//! Whether a host is fit for what is asked of it: findings, snapshots of hosts, and what of two snapshots matters.

pub mod cgroup;
pub mod config;
pub mod difference;
pub mod figures;
pub mod finding;
pub mod host;
pub mod need;
pub mod snapshot;
pub mod target;
