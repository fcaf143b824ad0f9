//! Phases: the parts of a scenario and when each begins.

use std::time::Duration;

use crate::units::id::PhaseId;
use crate::units::rate::Rate;

/// One part of a scenario.
#[derive(Clone, Debug)]
pub struct Phase {
    /// Its name: the key in the file.
    pub name: String,
    /// What happens in it.
    pub kind: PhaseKind,
    /// When it begins.
    pub begins: Begins,
}

/// What a phase does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PhaseKind {
    /// The population comes online at an even rate.
    Ramp {
        /// Connections per second.
        rate: Rate,
    },
    /// Traffic as the profile has it.
    Steady {
        /// How long.
        duration: Duration,
    },
    /// A server's link breaks and heals.
    Netsplit {
        /// Share of the users that sit on the far server; 0..1.
        fraction: f64,
        /// Time from break to heal.
        lasts: Duration,
        /// What breaks.
        by: SplitBy,
    },
    /// A share of the users loses its connections at once and returns.
    MassDisconnect {
        /// Share of the users hit; 0..=1.
        fraction: f64,
        /// Time from the loss to the first return.
        reconnect_after: Duration,
        /// Span over which the returns spread evenly.
        reconnect_over: Duration,
    },
    /// Everybody leaves with a QUIT, at an even rate.
    Quit {
        /// Departures per second.
        rate: Rate,
    },
}

impl PhaseKind {
    /// Returns the kind's name in scenario files.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ramp { .. } => "ramp",
            Self::Steady { .. } => "steady",
            Self::Netsplit { .. } => "netsplit",
            Self::MassDisconnect { .. } => "mass_disconnect",
            Self::Quit { .. } => "quit",
        }
    }
}

/// What a netsplit breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitBy {
    /// The link between two servers of a network that we run; both sides live on.
    Links,
    /// The connections of the far side's users, as a lone server's operator sees a far server die; all return in one tick.
    Clients,
}

impl SplitBy {
    /// Returns the name in scenario files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Links => "links",
            Self::Clients => "clients",
        }
    }
}

/// When a phase begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// With the run.
    AtStart,
    /// A delay after another phase has ended.
    After(PhaseId, Duration),
    /// A delay after another phase has begun: the two overlap.
    During(PhaseId, Duration),
}
