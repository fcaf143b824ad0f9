//! Families of servers: what differs between them when links break and are made, nicks collide and servers stop.
//!
//! What is here was read off recordings of `InspIRCd` 3.15, `ngIRCd` 26.1 and `ircd-hybrid` 8.2.43, and is held against them by
//! `tests/parity.rs`; the texts of collisions, bans, look-ups and of a nick in use, which no
//! recording has, are those of the servers' sources.

use crate::irc::network::caps::Caps;

/// Whose manners a simulated network has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Its own: everything that a client may meet, netsplits and netjoins in batches among it.
    #[default]
    Splitstorm,
    /// `InspIRCd` 3.
    InspIrcd,
    /// `ngIRCd` 26.
    Ngircd,
    /// `ircd-hybrid` 8.
    Hybrid,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Splitstorm, Self::InspIrcd, Self::Ngircd, Self::Hybrid];

    /// Returns the name by which a person chooses it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Splitstorm => "splitstorm",
            Self::InspIrcd => "inspircd",
            Self::Ngircd => "ngircd",
            Self::Hybrid => "hybrid",
        }
    }

    /// Returns the family called `name`, or `None` if there is none.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name() == name)
    }

    /// Returns the capabilities that its servers offer, as far as the simulated network knows them.
    pub fn caps(self) -> Caps {
        match self {
            Self::Splitstorm => Caps::all(),
            Self::InspIrcd => Caps::all().without(Caps::SETNAME),
            Self::Ngircd => Caps::MULTI_PREFIX,
            Self::Hybrid => Caps::AWAY_NOTIFY
                .with(Caps::ACCOUNT_NOTIFY)
                .with(Caps::CAP_NOTIFY)
                .with(Caps::CHGHOST)
                .with(Caps::EXTENDED_JOIN)
                .with(Caps::INVITE_NOTIFY)
                .with(Caps::MULTI_PREFIX)
                .with(Caps::USERHOST_IN_NAMES),
        }
    }

    pub(super) fn manners(self) -> &'static Manners {
        match self {
            Self::Splitstorm => &SPLITSTORM,
            Self::InspIrcd => &INSPIRCD,
            Self::Ngircd => &NGIRCD,
            Self::Hybrid => &HYBRID,
        }
    }
}

/// What differs between families.
#[derive(Debug)]
pub(super) struct Manners {
    /// Whether QUITs of a split and JOINs of its end come in a batch to those who take batches.
    pub(super) has_link_batches: bool,
    /// In which order users and members are told of.
    pub(super) order: Order,
    pub(super) statuses: Statuses,
    /// Whether the older half of a channel has its modes and operators prevail; else each half keeps its own.
    pub(super) has_ages: bool,
    pub(super) collision: Collision,
    /// The reason that others read when somebody goes for its nick's sake, and the user itself in its ERROR.
    pub(super) collision_text: &'static str,
    pub(super) nick_in_use: &'static str,
    pub(super) colons: Colons,
    /// The modes of a new channel, and whether its first member reads them in a MODE.
    pub(super) new_channel: NewChannel,
    pub(super) farewell: Farewell,
    pub(super) closing: Closing,
    pub(super) denials: Denials,
    pub(super) look_ups: LookUpTexts,
}

/// In which order those on one side of a link are told to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// In that of the network's own tables.
    Tables,
    /// The newest channel, the oldest member; users in that of the tables.
    OldestFirst,
    /// The newest channel, the newest member, and at a split whoever a server was told of last: lists that grow at their head.
    NewestFirst,
}

/// When a heal tells of operators and voices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Statuses {
    /// After the JOINs of all channels: operators, then voices.
    AfterAll,
    /// After so many JOINs of a channel, for those who joined.
    AfterJoins(usize),
}

/// What becomes of users of one nick when sides meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Collision {
    /// The later one, or both of the same age, get an id of these digits for a nick.
    Renamed(&'static [u8; 36]),
    /// The later one, or both of the same age, are closed, after 436.
    LaterClosed,
    /// Both are closed, whatever their age.
    BothClosed,
}

/// Before which last parameters a colon stands that the protocol does not need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colons {
    pub(super) before_join: bool,
    pub(super) before_mode: bool,
}

/// What a new channel is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NewChannel {
    pub(super) flags: &'static [u8],
    pub(super) is_told: bool,
}

/// What a server that stops in good order says to its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Farewell {
    /// Nothing: they read the end of their connection.
    Silent,
    /// Closes one after the other, who stays reading the QUIT of who went: the newest first.
    NewestFirst(&'static str),
    /// The same, the oldest first.
    OldestFirst(&'static str),
    /// A NOTICE to everybody, and nobody's QUIT.
    Notice(&'static str),
}

/// How a server closes a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// `ERROR :Closing link: (user@host) [reason]`.
    Bracketed,
    /// `ERROR :Closing Link: host (reason)`.
    Parenthesised,
    /// A NOTICE with statistics of the connection, then `ERROR :reason`.
    Counted,
}

/// How a server refuses clients.
#[derive(Debug)]
pub(super) struct Denials {
    /// Too many clients from an address.
    pub(super) clone_limit: CloneLimit,
    /// What a banned client reads in 465.
    pub(super) ban_numeric: BanText,
    /// The reason in its ERROR, and in the QUIT that others read.
    pub(super) ban_reason: BanText,
}

/// How the refusal of one client too many is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloneLimit {
    /// As the reason for which the link is closed.
    Reason(&'static str),
    /// As all that ERROR says.
    Whole(&'static str),
}

/// A text about a ban.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BanText {
    /// Without the ban's reason.
    Alone(&'static str),
    /// Before the ban's reason.
    Before(&'static str),
}

impl BanText {
    pub(super) fn with(self, reason: &[u8]) -> Vec<u8> {
        match self {
            Self::Alone(text) => text.as_bytes().to_vec(),
            Self::Before(text) => [text.as_bytes(), reason].concat(),
        }
    }
}

/// What newcomers read of look-ups; `{}` stands for the host or the user name.
#[derive(Debug)]
pub(super) struct LookUpTexts {
    pub(super) host_begins: &'static str,
    pub(super) host_unknown: &'static str,
    /// Empty where nothing is said.
    pub(super) ident_begins: &'static str,
    pub(super) ident_found: &'static str,
    pub(super) ident_unknown: &'static str,
}

const BASE_36: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// In the order in which ids are given: `001AAAAAA`, `001AAAAAB`.
const BASE_36_LETTERS_FIRST: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// So many members fit into one line between servers, as recorded: 31, then their MODEs, then the next.
const INSPIRCD_JOINS: usize = 31;

/// So many members fit into one line between servers: an id takes nine bytes, with status and space eleven.
const HYBRID_JOINS: usize = 40;

const SPLITSTORM: Manners = Manners {
    has_link_batches: true,
    order: Order::Tables,
    statuses: Statuses::AfterAll,
    has_ages: true,
    collision: Collision::Renamed(BASE_36),
    collision_text: "Nickname collision",
    nick_in_use: "Nickname is already in use",
    colons: Colons {
        before_join: false,
        before_mode: false,
    },
    new_channel: NewChannel {
        flags: b"nt",
        is_told: false,
    },
    farewell: Farewell::Silent,
    closing: Closing::Bracketed,
    denials: Denials {
        clone_limit: CloneLimit::Reason("No more connections allowed from your host"),
        ban_numeric: BanText::Before("You are banned from this server- "),
        ban_reason: BanText::Alone("K-Lined"),
    },
    look_ups: LookUpTexts {
        host_begins: "*** Looking up your hostname...",
        host_unknown: "*** Couldn't look up your hostname",
        ident_begins: "*** Checking Ident",
        ident_found: "*** Got Ident response",
        ident_unknown: "*** No Ident response",
    },
};

const INSPIRCD: Manners = Manners {
    has_link_batches: false,
    // Recorded is the order of its hash tables, which only leans to this.
    order: Order::OldestFirst,
    statuses: Statuses::AfterJoins(INSPIRCD_JOINS),
    has_ages: true,
    collision: Collision::Renamed(BASE_36_LETTERS_FIRST),
    collision_text: "Nickname collision",
    nick_in_use: "Nickname is already in use.",
    colons: Colons {
        before_join: true,
        before_mode: true,
    },
    new_channel: NewChannel {
        flags: b"nt",
        is_told: false,
    },
    farewell: Farewell::NewestFirst("Server shutting down"),
    closing: Closing::Bracketed,
    denials: Denials {
        clone_limit: CloneLimit::Reason(
            "No more connections allowed from your host via this connect class (local)",
        ),
        ban_numeric: BanText::Alone("You're banned!"),
        ban_reason: BanText::Before("K-lined: "),
    },
    look_ups: LookUpTexts {
        host_begins: "*** Looking up your hostname...",
        host_unknown: "*** Could not resolve your hostname: Request timed out; using your IP address ({}) instead.",
        ident_begins: "*** Looking up your ident...",
        ident_found: "*** Found your ident, '{}'",
        ident_unknown: "*** Could not find your ident, using {} instead.",
    },
};

const NGIRCD: Manners = Manners {
    has_link_batches: false,
    order: Order::NewestFirst,
    statuses: Statuses::AfterJoins(1),
    has_ages: false,
    collision: Collision::BothClosed,
    collision_text: "Nick collision",
    nick_in_use: "Nickname already in use",
    colons: Colons {
        before_join: true,
        before_mode: false,
    },
    new_channel: NewChannel {
        flags: b"",
        is_told: false,
    },
    farewell: Farewell::OldestFirst("Server going down"),
    closing: Closing::Counted,
    denials: Denials {
        clone_limit: CloneLimit::Whole(
            "Connection refused, too many connections from your IP address",
        ),
        // Not recorded, and not looked up: the words of RFC 2812.
        ban_numeric: BanText::Alone("You are banned from this server"),
        ban_reason: BanText::Before("K-Lined: "),
    },
    look_ups: LookUpTexts {
        host_begins: "*** Looking up your hostname",
        // It says nothing of a name that it does not find; clients wait for the end of a look-up all the same.
        host_unknown: "*** Couldn't look up your hostname",
        ident_begins: "",
        ident_found: "*** Got ident response: {}",
        ident_unknown: "*** Got no ident response",
    },
};

const HYBRID: Manners = Manners {
    has_link_batches: false,
    order: Order::NewestFirst,
    // The one recording there is, of a server that was killed, has none: its half of every channel was the younger, and lost them. Of halves of
    // one age it is assumed.
    statuses: Statuses::AfterJoins(HYBRID_JOINS),
    has_ages: true,
    collision: Collision::LaterClosed,
    collision_text: "Nick collision",
    nick_in_use: "Nickname is already in use.",
    colons: Colons {
        before_join: true,
        before_mode: false,
    },
    new_channel: NewChannel {
        flags: b"nt",
        is_told: true,
    },
    farewell: Farewell::Notice("Server Terminating. Received signal SIGTERM"),
    closing: Closing::Parenthesised,
    denials: Denials {
        clone_limit: CloneLimit::Reason("No more connections allowed on that IP"),
        ban_numeric: BanText::Before("You are banned from this server- "),
        ban_reason: BanText::Alone("K-lined"),
    },
    look_ups: LookUpTexts {
        host_begins: "*** Looking up your hostname",
        host_unknown: "*** Couldn't look up your hostname",
        ident_begins: "*** Checking Ident",
        ident_found: "*** Got Ident response",
        ident_unknown: "*** No Ident response",
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_its_family() {
        for family in Family::ALL {
            assert_eq!(Family::named(family.name()), Some(family));
        }
        assert_eq!(Family::named("unreal"), None);
    }
}
