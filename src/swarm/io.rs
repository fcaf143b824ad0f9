//! What a shard asks of its shell, and what shards tell each other.

use crate::measure::ledger::facts::Facts;
use crate::plan::action::Upheaval;
use crate::units::id::PhaseId;
use crate::units::id::ServerId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// Something the shell has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Io {
    /// Connect a user; answered by `handle_reached` for each step and `handle_connected`, or by
    /// `handle_connect_failed`.
    Connect {
        /// Who.
        user: UserId,
        /// To which server of the network.
        server: ServerId,
    },
    /// Write what is outgoing; answered by `handle_accepted` as far as the kernel takes it.
    Flush {
        /// Whose.
        user: UserId,
    },
    /// Write what is outgoing, then close our side; the other side's end is answered by `handle_closed`.
    Finish {
        /// Whose.
        user: UserId,
    },
    /// Close the connection, or give up the attempt; answered by `handle_closed` or `handle_connect_failed`.
    Close {
        /// Whose.
        user: UserId,
    },
    /// Read what has come, then reset the connection; answered by `handle_closed`.
    Reset {
        /// Whose.
        user: UserId,
    },
    /// Leave the connection standing, to be read and closed by nobody while the run lasts; answered by `handle_closed`.
    Abandon {
        /// Whose.
        user: UserId,
    },
    /// Do something to the whole target; how splits and heals go is told to every shard by `handle_split`, and that the target is up
    /// again by `handle_up`.
    Upheave {
        /// The phase that does it.
        phase: PhaseId,
        /// What.
        upheaval: Upheaval,
    },
}

/// What other shards must know of a user to write to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerFact {
    /// Who.
    pub user: UserId,
    /// The generation of its nick.
    pub generation: u8,
    /// Whether it is online.
    pub is_online: bool,
}

/// A user of whom a line was late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Suspect {
    /// Who.
    pub user: UserId,
    /// When it sent the line.
    pub sent: Offset,
    /// Whether others' lines through the same server passed at once meanwhile.
    pub is_beside_prompt: bool,
}

/// Whether a sender was found to be held back by the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaceFact {
    /// Who.
    pub user: UserId,
    /// Whether it is held back.
    pub is_held: bool,
    /// When that was found.
    pub at: Offset,
}

/// Everything one shard tells the others at the edge of an interval.
#[derive(Clone, Debug, Default)]
pub struct ShardFacts {
    /// For their ledgers.
    pub ledger: Facts,
    /// For their private messages.
    pub peers: Vec<PeerFact>,
    /// Users of whom a line was late: does the target hold them back?
    pub suspects: Vec<Suspect>,
    /// What was found of such users.
    pub paces: Vec<PaceFact>,
}

impl ShardFacts {
    /// Returns whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.ledger.is_empty()
            && self.peers.is_empty()
            && self.suspects.is_empty()
            && self.paces.is_empty()
    }
}
