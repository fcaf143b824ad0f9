//! This machine as the generator's own limit: descriptors, ports, CPU time, TCP counters.

pub mod counters;
pub mod limits;
pub mod listener;
