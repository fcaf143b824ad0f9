//! Mass events of a profile: many connections that broke at once, and when each came back.

use crate::traffic::trace::cause::LeaveCause;

/// A mass event: a split, an outage of a host, a bouncer that fell.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// When it began, in seconds of the cycle.
    pub at_secs: f64,
    /// Who it hit, in order of their leaving.
    pub victims: Vec<Victim>,
}

/// A connection that a mass event broke.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Victim {
    /// The index of the user.
    pub user: u32,
    /// Seconds from the event's beginning until the user left.
    pub quit_secs: f64,
    /// Seconds from the event's beginning until the user was back; `None` for one who did not return within a day.
    pub back_secs: Option<f64>,
    /// Why the user left.
    pub cause: LeaveCause,
}
