//! Faults of a link: bytes come late, not at all, or the connection ends.

use std::time::Duration;

use crate::units::offset::Offset;

/// A fault of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkFault {
    /// Nothing passes for a while; then all of it does.
    Stall {
        /// From when.
        at: Offset,
        /// For how long.
        lasts: Duration,
    },
    /// Both ends see a reset; what was under way is gone.
    Reset {
        /// When.
        at: Offset,
    },
    /// What the far side sends no longer arrives, and nobody is told.
    HalfOpen {
        /// From when.
        at: Offset,
    },
}

impl LinkFault {
    /// Returns when the fault strikes.
    pub fn at(&self) -> Offset {
        match *self {
            Self::Stall { at, .. } | Self::Reset { at } | Self::HalfOpen { at } => at,
        }
    }
}

/// How long bytes take on a link: a fixed part and a spread whose logarithm is normal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delay {
    /// The least.
    pub base: Duration,
    /// Median of what comes on top.
    pub spread: Duration,
    /// σ of its logarithm.
    pub sigma: f64,
}
