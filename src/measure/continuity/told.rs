//! What either end of a bouncer run tells the judge: what was written and received upstream, what was said and read downstream.

use crate::measure::continuity::backlog::Detached;
use crate::measure::continuity::line::LineId;
use crate::measure::continuity::line::Verb;
use crate::measure::continuity::policy::LineKind;
use crate::measure::ledger::MessageKey;
use crate::units::id::ChannelId;
use crate::units::id::SeatId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// Something that one end did or saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// When. For what was read, when the kernel had it; for what was written, before the kernel took it.
    pub at: Offset,
    /// What.
    pub deed: Deed,
}

/// A message as it was said, by a member of a network or through a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// What it says.
    pub line: LineId,
    /// Its place in the plan.
    pub key: MessageKey,
    /// Who says it, by the plan.
    pub sender: UserId,
    /// Whether it is said through a client of the bouncer.
    pub is_by_client: bool,
    /// Length of its text in bytes.
    pub bytes: u16,
    /// When it was meant to be said.
    pub intended: Offset,
    /// When it was handed to its connection, or to the network.
    pub attempt: Offset,
    /// When the kernel, or the network, had it.
    pub accepted: Offset,
}

/// To which stream of a seat a line belongs. Order is owed within a stream alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// A channel: talk, and who comes and goes in it.
    Channel(ChannelId),
    /// Private messages of one nick, by its number.
    Query(u64),
    /// What others do in no channel: QUIT and NICK.
    Presence,
}

/// What one end did or saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A message was said.
    Said(Said),
    /// The network wrote a line to a seat's connection.
    Written {
        /// Whose connection.
        seat: SeatId,
        /// Which stream it is of.
        stream: Stream,
        /// What it says.
        line: LineId,
        /// What kind of line it is; never an own one.
        kind: LineKind,
        /// When the network said it, by the line's own stamp; on a slow link long before it was written.
        stamped: Option<Offset>,
    },
    /// The network read a seat's own message.
    Received {
        /// Whose connection.
        seat: SeatId,
        /// What it says.
        line: LineId,
    },
    /// A seat's connection to its network ended.
    UpstreamLost {
        /// Whose connection.
        seat: SeatId,
    },
    /// The bouncer came to an end.
    BouncerDown,
    /// A client's connection ended before it was welcomed: the bouncer may have played back to it.
    Doubt {
        /// Where it sits.
        seat: SeatId,
    },
    /// A client has been welcomed.
    Attached {
        /// Which client.
        client: UserId,
        /// Where it sits.
        seat: SeatId,
    },
    /// A client read that it is in a channel.
    Joined {
        /// Which client.
        client: UserId,
        /// Where it sits.
        seat: SeatId,
        /// The channel.
        channel: ChannelId,
    },
    /// A client's message was handed to its connection.
    Spoke {
        /// Which client.
        client: UserId,
        /// Where it sits.
        seat: SeatId,
        /// Which stream it is of.
        stream: Stream,
        /// What it says.
        line: LineId,
    },
    /// The bouncer said that it could not hand on what a client sent last there.
    Refused {
        /// Which client.
        client: UserId,
        /// Where it sits.
        seat: SeatId,
        /// Which stream it was of.
        stream: Stream,
    },
    /// A client read a line.
    Read {
        /// Which client.
        client: UserId,
        /// Where it sits.
        seat: SeatId,
        /// Which stream it is of; `None` for a channel that is none of the seat's.
        stream: Option<Stream>,
        /// What it says.
        line: LineId,
        /// Whether it bears the user's own nick.
        is_own: bool,
        /// Whether its text is long enough to tell it from every other.
        is_telling: bool,
        /// Whether the bouncer marked it as played back.
        is_replayed: bool,
        /// When it was said, by what the bouncer says.
        stamp: Option<Offset>,
    },
    /// A client is to read all that is kept for it.
    ReadingDue,
    /// A client has read all that is kept for it, or has attached anew and is told it.
    ReadingMade,
    /// A client begins to read a channel page by page.
    PagesBegun {
        /// Which client.
        client: UserId,
        /// Where it sits.
        seat: SeatId,
        /// The channel.
        channel: ChannelId,
    },
    /// A client read a line of a page.
    Paged {
        /// Which client.
        client: UserId,
        /// Where it sits.
        seat: SeatId,
        /// The channel.
        channel: ChannelId,
        /// What it says.
        line: LineId,
    },
    /// A client has read a channel to its first line.
    PagesEnded {
        /// Which client.
        client: UserId,
        /// Where it sits.
        seat: SeatId,
        /// The channel.
        channel: ChannelId,
    },
    /// A client's session ended.
    Detached {
        /// Which client.
        client: UserId,
        /// Where it sits.
        seat: SeatId,
        /// How.
        how: Detached,
    },
}

impl Stream {
    /// Returns the stream of what is said in private with a nick.
    pub fn of_query(nick: &[u8]) -> Self {
        Self::Query(LineId::of(Verb::Nick, &nick.to_ascii_lowercase(), b"").0)
    }
}

impl Deed {
    /// Returns which of two deeds of one moment comes first: what is written before what is read.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Said(_) => 0,
            Self::Spoke { .. } | Self::Written { .. } => 1,
            Self::Received { .. }
            | Self::UpstreamLost { .. }
            | Self::BouncerDown
            | Self::ReadingDue
            | Self::ReadingMade
            | Self::Doubt { .. } => 2,
            Self::Attached { .. } => 3,
            Self::Joined { .. }
            | Self::Refused { .. }
            | Self::Read { .. }
            | Self::PagesBegun { .. }
            | Self::Paged { .. }
            | Self::PagesEnded { .. } => 4,
            Self::Detached { .. } => 5,
        }
    }
}
