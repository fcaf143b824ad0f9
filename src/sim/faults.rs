//! Faults of a virtual run, drawn from a seed, and the truth about those that struck.

use std::time::Duration;

use rand::Rng;

use crate::irc::fault::lie::Lie;
use crate::irc::fault::link::Delay;
use crate::irc::fault::link::LinkFault;
use crate::plan::streams::Purpose;
use crate::plan::streams::StreamId;
use crate::plan::streams::Streams;
use crate::plan::streams::below;
use crate::units::id::Seed;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// What goes wrong in a virtual run.
#[derive(Clone, Debug)]
pub struct FaultPlan {
    /// The seed of delays and faults.
    pub seed: Seed,
    /// How long bytes take.
    pub delay: Delay,
    /// Share of the users whose link stalls or is reset; 0..=1.
    pub link_fault_share: f64,
    /// Share of the users whose link goes half open instead: what the network sends is gone, and nobody is told; 0..=1.
    pub half_open_share: f64,
    /// When link faults strike: between these.
    pub window: (Offset, Offset),
    /// Share of connects that are refused within the window; 0..=1.
    pub refused_share: f64,
    /// How the server lies, and on which line of those that can carry the lie.
    pub lie: Option<(Lie, u32)>,
}

impl FaultPlan {
    /// Returns a world in which nothing goes wrong and bytes take about a millisecond.
    pub fn none(seed: Seed) -> Self {
        Self {
            seed,
            delay: Delay {
                base: Duration::from_micros(200),
                spread: Duration::from_micros(800),
                sigma: 0.8,
            },
            link_fault_share: 0.0,
            half_open_share: 0.0,
            window: (Offset::ZERO, Offset::ZERO),
            refused_share: 0.0,
            lie: None,
        }
    }

    /// Returns the fault of a user's link, if it has one.
    pub(crate) fn link_fault(&self, streams: &Streams, user: UserId) -> Option<LinkFault> {
        let mut rng = streams.rng(StreamId::of_user(Purpose::Fault, 0, user));
        let is_half_open = strikes(rng.next_u64(), self.half_open_share);
        if !is_half_open && !strikes(rng.next_u64(), self.link_fault_share) {
            return None;
        }
        let span_millis = self.window.1.since(self.window.0).as_millis();
        let millis = below(
            rng.next_u64(),
            u32::try_from(span_millis).unwrap_or(u32::MAX),
        );
        let at = self.window.0 + Duration::from_millis(u64::from(millis));
        let lasts = Duration::from_millis(u64::from(below(rng.next_u64(), 3_000)));
        Some(match below(rng.next_u64(), 2) {
            _ if is_half_open => LinkFault::HalfOpen { at },
            0 => LinkFault::Stall { at, lasts },
            _ => LinkFault::Reset { at },
        })
    }

    /// Returns whether a user's connect at `now` is refused.
    pub(crate) fn refuses(&self, streams: &Streams, user: UserId, now: Offset) -> bool {
        let moment = u32::try_from(now.as_nanos() >> 10 & 0xfff_ffff).unwrap_or(0);
        now >= self.window.0
            && now < self.window.1
            && strikes(
                streams.draw(StreamId::of_user(Purpose::Fault, moment | 1, user)),
                self.refused_share,
            )
    }
}

fn strikes(draw: u64, share: f64) -> bool {
    crate::traffic::profile::distribution::uniform(draw) < share
}

/// What the world itself did, to hold the ledger against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Lies told to a receiver, by kind.
    pub lies: [u64; Lie::ALL.len()],
    /// Link faults that struck a standing connection.
    pub link_faults: u64,
    /// Connects refused.
    pub refused: u64,
    /// Users whose link went half open.
    pub half_open: Vec<UserId>,
    /// The texts of messages that were lied about, with their receiver, to find in the evidence.
    pub told: Vec<(UserId, Vec<u8>)>,
}
