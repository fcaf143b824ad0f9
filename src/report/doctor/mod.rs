//! What the doctor found: of this host, of a target, and between two snapshots of hosts or two targets.

pub mod difference;
pub mod host;
pub mod pair;
pub mod probe;
mod sides;
pub mod snapshot;
pub mod target;
