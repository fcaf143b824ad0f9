//! What one shard's ledger tells the others at the edge of an interval.

use crate::measure::ledger::MessageKey;
use crate::measure::ledger::presence::PresenceFact;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// When a message was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentFact {
    /// Which.
    pub key: MessageKey,
    /// When the pacer handed it to its connection.
    pub attempt: Offset,
    /// When the kernel took its last byte.
    pub accepted: Offset,
}

/// When a message was first seen by one of a shard's users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenFact {
    /// Which.
    pub key: MessageKey,
    /// When.
    pub first_seen: Offset,
}

/// When a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndFact {
    /// Whose.
    pub user: UserId,
    /// When its end was read.
    pub at: Offset,
}

/// Everything a shard has to tell.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Messages sent.
    pub sent: Vec<SentFact>,
    /// Messages that nobody is owed.
    pub holes: Vec<MessageKey>,
    /// First sightings.
    pub seen: Vec<SeenFact>,
    /// Ends of the connections of the shard's users.
    pub ends: Vec<EndFact>,
    /// Presence changes of the shard's users.
    pub presence: Vec<PresenceFact>,
    /// First sightings not yet written out.
    pub(crate) fresh: Vec<MessageKey>,
}

impl Facts {
    /// Returns whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.sent.is_empty()
            && self.holes.is_empty()
            && self.seen.is_empty()
            && self.ends.is_empty()
            && self.presence.is_empty()
    }
}
