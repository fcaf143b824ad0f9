//! Warnings about the measurement itself: a closed list that every report shows.

use std::fmt;
use std::time::Duration;

use crate::measure::welcome::WelcomeWait;

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
        /// Connections for which a listen queue of this machine had no room: the target's, if it is on this machine.
        overflows: u64,
    },
    /// Registrations waited for something of the target's own.
    WelcomeWait(WelcomeWait),
    /// The target held senders back on purpose.
    FakeLag {
        /// Senders found held back, each once in ten seconds.
        found: u64,
        /// Lines kept out of the latencies.
        lines: u64,
        /// Their median, in microseconds.
        median_us: u64,
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
            Self::ListenOverflow {
                retransmits,
                overflows: 0,
            } => write!(
                f,
                "{retransmits} SYNs were sent again: connect times include the target's full listen queue"
            ),
            Self::ListenOverflow {
                retransmits,
                overflows,
            } => write!(
                f,
                "the target's listen queue had no room {overflows} times, and {retransmits} SYNs were sent again: connect times include \
                 whole seconds of waiting to try again"
            ),
            Self::WelcomeWait(WelcomeWait::Tick) => f.write_str(
                "registrations ended on the target's own tick of 1 s: connect.registered is no measure of load",
            ),
            Self::WelcomeWait(WelcomeWait::LookUp(median)) => write!(
                f,
                "the target looked up each client's name before it let them in, {:.1} s at the median: connect.registered is no \
                 measure of load",
                median.as_secs_f64()
            ),
            Self::WelcomeWait(WelcomeWait::Unknown(median)) => write!(
                f,
                "registrations took {:.1} s at the median while the target answered those who were in at once: does it look up names or \
                 idents?",
                median.as_secs_f64()
            ),
            Self::FakeLag {
                found,
                lines,
                median_us,
            } => write!(
                f,
                "the target held senders back on purpose (fake lag), {found} times found: {lines} lines, {:.1} s at the median, count as \
                 `held` and not as latency",
                seconds(*median_us)
            ),
            Self::TargetDescriptors { limit, needed } => write!(
                f,
                "the target's process may have {limit} descriptors and needs {needed} to hold all users"
            ),
            Self::Unproved => f.write_str("control of the target is not proved: small caps held"),
        }
    }
}

fn seconds(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64()
}
