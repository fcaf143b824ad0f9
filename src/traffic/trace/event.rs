//! One event of a trace, and what holds for all events of one.

use std::sync::Arc;

/// Version of the trace format; a reader refuses any other.
pub const SCHEMA: u32 = 1;

/// First words of a trace file, before the schema's number.
pub const MAGIC: &str = "splitstorm trace, schema";

/// Columns of a trace, in order; a trace with kept text has [`TEXT_COLUMN`] besides.
pub const COLUMNS: [&str; 8] = [
    "at_us", "event", "network", "channel", "user", "peer", "bytes", "detail",
];

/// Column that only a trace with kept text has.
pub const TEXT_COLUMN: &str = "text";

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// A PRIVMSG.
    Message,
    /// A PRIVMSG that carries a CTCP ACTION.
    Action,
    /// A NOTICE of a user.
    Notice,
    /// A JOIN.
    Join,
    /// A PART.
    Part,
    /// A QUIT.
    Quit,
    /// A NICK.
    Nick,
    /// A KICK.
    Kick,
    /// A change of channel modes.
    Mode,
    /// A change of the topic.
    Topic,
    /// Anything else; the detail names it.
    Other,
}

impl EventKind {
    /// Every kind, in the order in which reports list them.
    pub const ALL: [Self; 11] = [
        Self::Message,
        Self::Action,
        Self::Notice,
        Self::Join,
        Self::Part,
        Self::Quit,
        Self::Nick,
        Self::Kick,
        Self::Mode,
        Self::Topic,
        Self::Other,
    ];

    /// Returns the word for the kind in a trace.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Action => "action",
            Self::Notice => "notice",
            Self::Join => "join",
            Self::Part => "part",
            Self::Quit => "quit",
            Self::Nick => "nick",
            Self::Kick => "kick",
            Self::Mode => "mode",
            Self::Topic => "topic",
            Self::Other => "other",
        }
    }

    /// Returns the kind that `word` names, or `None`.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Returns whether the event is talk: a message, an action or a notice.
    pub fn is_talk(self) -> bool {
        matches!(self, Self::Message | Self::Action | Self::Notice)
    }
}

/// Detail of a message that begins with the nick of its peer.
pub const DETAIL_REPLY: &str = "reply";

/// Detail of a NICK from or to a name that a service or web client hands out, which tells nothing about a person.
pub const DETAIL_GUEST: &str = "guest";

/// Detail of an [`EventKind::Other`] that tells that the user is a member: a line of NAMES.
pub const DETAIL_NAMES: &str = "names";

/// Detail of an [`EventKind::Other`] that tells that the user is a member no more, though nobody saw them leave.
pub const DETAIL_GONE: &str = "gone";

/// One event. Empty texts mean that there is nothing to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, in microseconds since 1970 UTC.
    pub at_us: i64,
    /// What.
    pub kind: EventKind,
    /// The network.
    pub network: Arc<str>,
    /// The channel; empty for what belongs to none.
    pub channel: Arc<str>,
    /// The connection that acts, kept across NICK: the name under which it was first seen.
    pub user: Arc<str>,
    /// The kicked user, the new nick, the addressee, or the member whose mode is set.
    pub peer: Arc<str>,
    /// Bytes of the text.
    pub bytes: u32,
    /// The cause of a QUIT, mode letters, `reply`, or what an `other` event is.
    pub detail: Arc<str>,
    /// The text, where it was kept.
    pub text: Box<str>,
}

impl Event {
    /// Returns the event with its names lent.
    pub fn view(&self) -> EventView<'_> {
        EventView {
            at_us: self.at_us,
            kind: self.kind,
            network: &self.network,
            channel: &self.channel,
            user: &self.user,
            peer: &self.peer,
            bytes: self.bytes,
            detail: &self.detail,
            text: &self.text,
        }
    }
}

/// An [`Event`] whose names somebody else keeps: what is looked at once and written need not count who holds each name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventView<'a> {
    /// When, in microseconds since 1970 UTC.
    pub at_us: i64,
    /// What.
    pub kind: EventKind,
    /// The network.
    pub network: &'a str,
    /// The channel; empty for what belongs to none.
    pub channel: &'a str,
    /// The connection that acts.
    pub user: &'a str,
    /// The kicked user, the new nick, the addressee, or the member whose mode is set.
    pub peer: &'a str,
    /// Bytes of the text.
    pub bytes: u32,
    /// The cause of a QUIT, mode letters, `reply`, or what an `other` event is.
    pub detail: &'a str,
    /// The text, where it was kept.
    pub text: &'a str,
}

/// What holds for all events of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceMeta {
    /// Version of the tool that wrote the trace.
    pub tool: String,
    /// The time zone of the log; `assumed` if it named none and UTC was taken.
    pub zone: String,
    /// The log's clock tick in microseconds: events of one tick have an order but no distance.
    pub tick_us: u32,
    /// Whether names are as they were; else they are keyed hashes.
    pub has_names: bool,
    /// Whether texts were kept; else only their lengths were.
    pub has_text: bool,
    /// Channels that several loggers logged, and how many: each of their events counts once.
    pub overlaps: Vec<(Arc<str>, u32)>,
}

/// Zone of a trace whose log named none.
pub const ZONE_ASSUMED: &str = "assumed";

impl TraceMeta {
    /// Returns whether the log named no zone, so that UTC was taken for it.
    pub fn is_zone_assumed(&self) -> bool {
        self.zone == ZONE_ASSUMED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_names_its_kind() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::from_word(kind.as_str()), Some(kind));
        }
        assert_eq!(EventKind::from_word("wave"), None);
    }
}
