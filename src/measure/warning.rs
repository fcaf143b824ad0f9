//! Warnings about the measurement itself: a closed list that every report shows.

use std::fmt;

/// Something a reader must know before trusting a number.
#[derive(Clone, Debug, PartialEq)]
pub enum Warning {
    /// The generator sent late: the share of intervals whose lateness was over its limit.
    GeneratorLate {
        /// Share of the intervals; 0..=1.
        share: f64,
    },
    /// A shard's thread had no time to spare: the share of intervals in which it was over its limit.
    GeneratorBusy {
        /// Share of the intervals; 0..=1.
        share: f64,
    },
    /// The channels talk hotter than live ones.
    Heated {
        /// How much.
        heat: f64,
    },
    /// A trace was played at another speed than its own: stress, not what happened.
    Stress {
        /// How much faster.
        speed: f64,
    },
    /// The profile was fitted from too short a capture.
    ProfileShort,
    /// The netsplit was played by the clients of the far side, since the target's links are not ours to break.
    SplitByClients {
        /// The phase.
        phase: String,
    },
    /// Values over an hour were counted as an hour.
    Saturated {
        /// How many.
        count: u64,
    },
    /// Nobody in the channel was there to speak.
    Unspoken {
        /// Share of the messages planned; 0..=1.
        share: f64,
    },
    /// TCP connections to the target needed retries: its listen queue overflowed.
    ListenOverflow {
        /// SYNs sent again during the run.
        retransmits: u64,
    },
    /// Control of a target off loopback is not proved: small caps held.
    Unproved,
    /// The target's process may have fewer descriptors than the scenario has users.
    TargetDescriptors {
        /// What it may have.
        limit: u64,
        /// What it needs.
        needed: u64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GeneratorLate { share } => write!(
                f,
                "the generator sent late in {:.1} % of intervals",
                share * 100.0
            ),
            Self::GeneratorBusy { share } => write!(
                f,
                "a generator thread was saturated in {:.1} % of intervals",
                share * 100.0
            ),
            Self::Heated { heat } => {
                write!(
                    f,
                    "heated ×{heat}{}",
                    if *heat > 3.0 {
                        ", extrapolated beyond what was ever seen live"
                    } else {
                        ""
                    }
                )
            }
            Self::Stress { speed } => write!(
                f,
                "stress: the trace was played at {speed} times its speed, which is not what happened"
            ),
            Self::ProfileShort => f.write_str(
                "the profile was fitted from under four weeks of capture: its week is a guess",
            ),
            Self::SplitByClients { phase } => {
                write!(
                    f,
                    "netsplit `{phase}` was played by disconnecting the far side's clients: the target's links are its own"
                )
            }
            Self::Saturated { count } => {
                write!(f, "{count} durations over an hour count as an hour")
            }
            Self::Unspoken { share } => write!(
                f,
                "{:.1} % of planned messages found nobody present to speak",
                share * 100.0
            ),
            Self::ListenOverflow { retransmits } => {
                write!(
                    f,
                    "{retransmits} SYNs were sent again: connect times include the target's full listen queue"
                )
            }
            Self::TargetDescriptors { limit, needed } => write!(
                f,
                "the target's process may have {limit} descriptors and needs {needed} to hold all users"
            ),
            Self::Unproved => f.write_str("control of the target is not proved: small caps held"),
        }
    }
}
