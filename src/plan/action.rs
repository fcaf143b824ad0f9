//! Actions: what a plan asks for, when, in which order.

use std::time::Duration;

use crate::measure::ledger::MessageKey;
use crate::measure::ledger::PlannedMessage;
use crate::plan::streams::StreamId;
use crate::scenario::phase::Cut;
use crate::scenario::phase::ReadBy;
use crate::traffic::profile::talk::TalkKind;
use crate::units::id::ChannelId;
use crate::units::id::PhaseId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// An action with its intended time and its place in the order of all actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The intended time.
    pub at: Offset,
    /// The stream that made it; sets actions of one moment in order.
    pub stream: StreamId,
    /// Its number in that stream.
    pub sequence: u32,
    /// What is to be done.
    pub action: Action,
}

impl Planned {
    /// Puts the action off, with what was planned by it.
    pub fn delay(&mut self, by: Duration) {
        self.at += by;
        if let Action::Say { message, .. } = &mut self.action {
            message.intended += by;
        }
    }

    /// Returns what actions are sorted by.
    pub fn order(&self) -> (Offset, StreamId, u32) {
        (self.at, self.stream, self.sequence)
    }
}

/// How a stay online ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeaveHow {
    /// With QUIT.
    Quit,
    /// With PART of every channel; the connection stays.
    Part,
    /// Without a word.
    Cut(Cut),
}

impl LeaveHow {
    /// Returns the name in previews.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quit => "quit",
            Self::Part => "part",
            Self::Cut(cut) => cut.name(),
        }
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Connect, register and join; or join, where the connection stands. In a script, connect and register.
    Arrive {
        /// Who.
        user: UserId,
        /// The mass event whose return it is.
        event: Option<PhaseId>,
    },
    /// Leave.
    Leave {
        /// Who.
        user: UserId,
        /// How.
        how: LeaveHow,
        /// The mass event that makes it.
        event: Option<PhaseId>,
        /// Whether no trace tells of it: the seam of a replay that begins anew makes it.
        is_synthetic: bool,
    },
    /// Lose the connection without having wanted to, and come back by the program's own back-off.
    Lose {
        /// Who.
        user: UserId,
        /// How the connection ends.
        cut: Cut,
        /// The mass event that makes it.
        event: PhaseId,
    },
    /// Read all that a bouncer keeps.
    ReadBack {
        /// Who.
        user: UserId,
        /// How.
        by: ReadBy,
    },
    /// Join one channel, as a script has it.
    Join {
        /// Who.
        user: UserId,
        /// Which.
        channel: ChannelId,
        /// Whether no trace tells of it: what the user does next needs it.
        is_synthetic: bool,
    },
    /// Leave one channel, as a script has it.
    Part {
        /// Who.
        user: UserId,
        /// Which.
        channel: ChannelId,
        /// Whether no trace tells of it.
        is_synthetic: bool,
    },
    /// Change nick.
    Rename {
        /// Who.
        user: UserId,
    },
    /// Set a channel mode.
    Mode {
        /// Who.
        user: UserId,
        /// Where.
        channel: ChannelId,
    },
    /// Set the topic.
    Topic {
        /// Who.
        user: UserId,
        /// Where.
        channel: ChannelId,
    },
    /// Kick.
    Kick {
        /// Who.
        user: UserId,
        /// Where.
        channel: ChannelId,
        /// Whom.
        victim: UserId,
    },
    /// Say something.
    Say {
        /// Which message of which channel's stream.
        key: MessageKey,
        /// The message.
        message: PlannedMessage,
        /// Its kind.
        kind: TalkKind,
    },
    /// A channel's turn to speak found nobody present.
    Unspoken {
        /// The channel.
        channel: ChannelId,
    },
    /// Do something to the whole target.
    Upheave {
        /// The phase that does it.
        phase: PhaseId,
        /// What.
        upheaval: Upheaval,
    },
}

/// What a phase does to the whole target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upheaval {
    /// Break the link of a netsplit.
    Split,
    /// Heal it.
    Heal,
    /// Take the target down, as a restart begins.
    Stop,
    /// Have it up again.
    Start,
    /// Begin to move accounts.
    Migrate,
    /// Send whoever dials to where accounts move.
    Redirect,
    /// Begin to move accounts back, and send whoever dials there at once.
    RollBack,
    /// Move no more accounts.
    Cease,
}

impl Upheaval {
    /// Returns the name in previews.
    pub fn name(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::Heal => "heal",
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Migrate => "migrate",
            Self::Redirect => "redirect",
            Self::RollBack => "roll_back",
            Self::Cease => "cease",
        }
    }
}

impl Action {
    /// Returns the user who acts, if it is one.
    pub fn user(&self) -> Option<UserId> {
        match *self {
            Self::Arrive { user, .. }
            | Self::Leave { user, .. }
            | Self::Lose { user, .. }
            | Self::ReadBack { user, .. }
            | Self::Join { user, .. }
            | Self::Part { user, .. }
            | Self::Rename { user }
            | Self::Mode { user, .. }
            | Self::Topic { user, .. }
            | Self::Kick { user, .. } => Some(user),
            Self::Say { message, .. } => Some(message.sender),
            Self::Unspoken { .. } | Self::Upheave { .. } => None,
        }
    }

    /// Returns the name in previews.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Arrive { .. } => "arrive",
            Self::Leave { .. } => "leave",
            Self::Lose { .. } => "lose",
            Self::ReadBack { .. } => "read_back",
            Self::Join { .. } => "join",
            Self::Part { .. } => "part",
            Self::Rename { .. } => "nick",
            Self::Mode { .. } => "mode",
            Self::Topic { .. } => "topic",
            Self::Kick { .. } => "kick",
            Self::Say { kind, .. } => kind.as_str(),
            Self::Unspoken { .. } => "unspoken",
            Self::Upheave { upheaval, .. } => upheaval.name(),
        }
    }
}
