//! This machine and processes on it: descriptors, ports, CPU time, TCP counters, limits, hiccups, snapshots.

pub mod cgroup;
pub mod counters;
pub mod figures;
pub mod hiccup;
mod kernel;
pub mod limits;
pub mod listener;
mod program;
pub mod random;
pub mod snapshot;
pub mod watched;
