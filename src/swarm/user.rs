//! One user of a shard: its session, its outbox, and what the plan wants of it.

use std::collections::VecDeque;

use crate::irc::session::Identity;
use crate::irc::session::Session;
use crate::irc::session::playback::Hello;
use crate::irc::session::sasl::Login;
use crate::measure::ledger::MessageKey;
use crate::plan::clients::ClientIx;
use crate::plan::names::Names;
use crate::swarm::chores::Chores;
use crate::swarm::credentials::Accounts;
use crate::swarm::outbox::Outbox;
use crate::swarm::pace::Pace;
use crate::units::id::ChannelId;
use crate::units::id::PhaseId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// Private messages remembered per user for their refusal: more are hardly under way at once.
pub(crate) const PRIVATES_KEPT: usize = 4;

/// The state of a user's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    Down,
    Connecting,
    Up,
}

/// A channel in which a script wants a user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) channel: ChannelId,
    /// When its JOIN was due.
    pub(crate) intended: Offset,
    /// Whether its JOIN counts as an act, and is still to be sent.
    pub(crate) is_owed: bool,
}

/// A mass event that took a user's connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    pub(crate) phase: PhaseId,
    /// When.
    pub(crate) at: Offset,
    /// Whether the user's program has still to notice and to come back by itself.
    pub(crate) is_unnoticed: bool,
}

#[derive(Debug)]
pub(crate) struct User {
    pub(crate) id: UserId,
    /// The program it has.
    pub(crate) client: ClientIx,
    pub(crate) session: Session,
    pub(crate) outbox: Outbox,
    /// What its program is to do by itself.
    pub(crate) chores: Chores,
    pub(crate) link: Link,
    /// Whether the plan wants it online.
    pub(crate) is_wanted: bool,
    /// Whether the plan wants it in its channels.
    pub(crate) wants_channels: bool,
    pub(crate) has_flush_queued: bool,
    /// The channels in which a script wants it.
    pub(crate) wanted: Vec<Wanted>,
    /// Failed tries since it was last online.
    pub(crate) tries: u32,
    /// Own JOINs whose echo is outstanding.
    pub(crate) joins_pending: u32,
    pub(crate) connect_intended: Offset,
    pub(crate) connect_attempt: Offset,
    pub(crate) connect_by: Offset,
    pub(crate) reconnect_at: Offset,
    pub(crate) close_by: Offset,
    pub(crate) quit_sent: Offset,
    pub(crate) rename_sent: Offset,
    /// When the last MODE, TOPIC or KICK was sent.
    pub(crate) change_sent: Offset,
    pub(crate) last_said: Offset,
    /// How far ahead of a line a second it is.
    pub(crate) pace: Pace,
    pub(crate) rejoin: Option<(ChannelId, Offset)>,
    /// The mass event that hit it, until it is whole again.
    pub(crate) hit_by: Option<Hit>,
    /// The private messages sent last, the latest last, for a refusal that names only its addressee.
    pub(crate) privates: VecDeque<(MessageKey, UserId)>,
    /// When the earliest timer in the queue that counts will fire.
    pub(crate) timer_at: Offset,
}

impl User {
    /// Returns whether the present connect was given up because it took too long.
    pub(crate) fn has_connect_timed_out(&self) -> bool {
        self.connect_by == Offset::NEVER
    }

    pub(crate) fn new(id: UserId, client: ClientIx) -> Self {
        Self {
            id,
            client,
            session: Session::new(),
            outbox: Outbox::default(),
            chores: Chores::default(),
            link: Link::Down,
            is_wanted: false,
            wants_channels: false,
            has_flush_queued: false,
            wanted: Vec::new(),
            tries: 0,
            joins_pending: 0,
            connect_intended: Offset::NEVER,
            connect_attempt: Offset::NEVER,
            connect_by: Offset::NEVER,
            reconnect_at: Offset::NEVER,
            close_by: Offset::NEVER,
            quit_sent: Offset::NEVER,
            rename_sent: Offset::NEVER,
            change_sent: Offset::NEVER,
            last_said: Offset::ALWAYS,
            pace: Pace::default(),
            rejoin: None,
            hit_by: None,
            privates: VecDeque::new(),
            timer_at: Offset::NEVER,
        }
    }
}

/// A user's names, made when asked for.
pub(crate) struct Named<'a> {
    pub(crate) names: &'a Names,
    pub(crate) user: UserId,
    pub(crate) accounts: Option<&'a Accounts>,
    /// What it says to a bouncer.
    pub(crate) hello: Option<&'a Hello>,
}

impl Identity for Named<'_> {
    fn nick(&self, generation: u8, out: &mut Vec<u8>) {
        self.names.push_nick(self.user, generation, out);
    }

    fn user(&self, out: &mut Vec<u8>) {
        if let Some(hello) = self.hello {
            return out.extend_from_slice(&hello.user);
        }
        self.names.push_nick(self.user, 0, out);
    }

    fn realname(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"splitstorm virtual user");
    }

    fn login(&self) -> Option<Login<'_>> {
        self.accounts?.login(self.user)
    }

    fn server_password(&self, out: &mut Vec<u8>) {
        if let Some(hello) = self.hello {
            out.extend_from_slice(&hello.pass);
        }
    }
}
