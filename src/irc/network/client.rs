//! One client of the network: who it is and where it has joined.

use crate::irc::network::channels::ChannelIx;
use crate::units::id::ServerId;
use crate::units::offset::Offset;

/// A client of a network; dense from zero, used again after the client is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u32);

impl ClientId {
    /// Returns the number as an index into a dense table.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// How far a client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The id is free.
    Free,
    /// Connected, not yet registered.
    Registering,
    /// A user of the network.
    Registered,
    /// Has left the network; its connection is about to close.
    Gone,
}

/// What the network knows about a client, its connection apart.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) server: ServerId,
    pub(super) stage: Stage,
    /// Empty until NICK.
    pub(super) nick: Vec<u8>,
    /// Empty until USER.
    pub(super) user: Vec<u8>,
    /// As others see it.
    pub(super) host: Vec<u8>,
    /// From where it came, whatever host it was given since.
    pub(super) address: Vec<u8>,
    pub(super) real_name: Vec<u8>,
    /// The account that it is logged in to.
    pub(super) account: Option<Vec<u8>>,
    /// `nick!user@host`, once registered.
    pub(super) mask: Vec<u8>,
    /// When the nick was taken: at a collision the older keeps it.
    pub(super) nick_since: Offset,
    pub(super) signed_on: Offset,
    /// Its turn among those who became users; of the network's own count.
    pub(super) enlisted: u64,
    /// Its turn among those whom the server at the other end of the link was told of, anew after each heal.
    pub(super) introduced: u64,
    pub(super) spoke: Offset,
    pub(super) away: Option<Vec<u8>>,
    pub(super) modes: UserModes,
    pub(super) registration: Registration,
    /// Bounded by the limit of channels per user, or by the channels there are.
    pub(super) memberships: Vec<Membership>,
    /// Names of channels to which the user was invited, at most `INVITES_MAX`.
    pub(super) invites: Vec<Vec<u8>>,
}

/// The modes of a user.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UserModes {
    pub(super) is_invisible: bool,
    pub(super) wants_wallops: bool,
}

/// What registration waits for, nick and user apart.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Registration {
    pub(super) is_negotiating: bool,
    pub(super) has_password: bool,
    /// When the look-up of its host ends, if it has not.
    pub(super) host_due: Option<Offset>,
    /// When the look-up of its user name ends, if it has not.
    pub(super) ident_due: Option<Offset>,
}

/// A channel that a client is on, and the place of its row there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) channel: ChannelIx,
    pub(super) slot: u32,
}

impl Client {
    pub(super) fn new(server: ServerId, host: &[u8], now: Offset) -> Self {
        Self {
            server,
            stage: Stage::Registering,
            nick: Vec::new(),
            user: Vec::new(),
            host: host.to_vec(),
            address: host.to_vec(),
            real_name: Vec::new(),
            account: None,
            mask: Vec::new(),
            nick_since: now,
            signed_on: now,
            enlisted: 0,
            introduced: 0,
            spoke: now,
            away: None,
            modes: UserModes::default(),
            registration: Registration::default(),
            memberships: Vec::new(),
            invites: Vec::new(),
        }
    }

    pub(super) fn is_registered(&self) -> bool {
        self.stage == Stage::Registered
    }

    /// Returns the nick as numerics address it.
    pub(super) fn addressee(&self) -> &[u8] {
        if self.nick.is_empty() {
            b"*"
        } else {
            &self.nick
        }
    }

    pub(super) fn rebuild_mask(&mut self) {
        self.mask.clear();
        for part in [&self.nick[..], b"!", &self.user, b"@", &self.host] {
            self.mask.extend_from_slice(part);
        }
    }
}
