//! What was really said in channels: who, where, when and how long, for a comparison with the profile.

use crate::units::id::ChannelId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// Messages that one shard keeps: 7 MB of them, and more than are needed to tell talk from its profile; draws of as many take two
/// seconds. What comes later is not compared.
const SAID_MAX: usize = 300_000;

/// A message in a channel that the kernel took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// Where.
    pub channel: ChannelId,
    /// By whom.
    pub sender: UserId,
    /// Bytes of its text.
    pub bytes: u16,
    /// When it was handed to its connection.
    pub at: Offset,
}

/// The first messages that were said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SaidLog {
    said: Vec<Said>,
    /// From when on messages are missing.
    full_at: Option<Offset>,
}

impl SaidLog {
    /// Adds a message, if there is room.
    pub fn add(&mut self, said: Said) {
        if self.said.len() < SAID_MAX {
            self.said.push(said);
        } else {
            self.full_at.get_or_insert(said.at);
        }
    }

    /// Adds what another shard's users said.
    pub fn merge(&mut self, other: &Self) {
        self.said.extend_from_slice(&other.said);
        self.full_at = match (self.full_at, other.full_at) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
    }

    /// Returns until when everything is there, if not to the end.
    pub fn full_at(&self) -> Option<Offset> {
        self.full_at
    }

    /// Returns the messages, in no order.
    pub fn messages(&self) -> &[Said] {
        &self.said
    }
}
