//! Probes of the target before a run.

pub mod probe;
