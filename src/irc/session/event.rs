//! What a session makes of a line, or of the passing of time.

use crate::irc::session::playback::Replay;
use crate::irc::session::refusal::Refusal;
use crate::irc::wire::message::Source;
use crate::units::offset::Offset;

/// What a line, or the passing of time, meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Nothing that concerns the user.
    Nothing,
    /// Registration is complete.
    Registered,
    /// The account is logged in to.
    LoggedIn {
        /// When the client began to.
        since: Offset,
    },
    /// The account can't be logged in to, and the connection must be closed.
    LoginFailed,
    /// The user's own JOIN.
    Joined {
        /// The channel.
        channel: &'a [u8],
    },
    /// The user's own PART.
    Parted {
        /// The channel.
        channel: &'a [u8],
    },
    /// The user was kicked.
    Kicked {
        /// The channel.
        channel: &'a [u8],
    },
    /// The user's own NICK.
    Renamed,
    /// The user's own KICK of another.
    KickDone {
        /// The channel.
        channel: &'a [u8],
        /// The nick of the one kicked.
        victim: &'a [u8],
    },
    /// The user's own MODE of a channel.
    ModeDone {
        /// The channel.
        channel: &'a [u8],
    },
    /// The user's own TOPIC.
    TopicDone {
        /// The channel.
        channel: &'a [u8],
    },
    /// Another's JOIN, PART, QUIT, NICK or KICK.
    Other {
        /// Its nick before the change.
        nick: &'a [u8],
        /// What changed.
        change: Change,
        /// The channel, where it concerns one.
        channel: Option<&'a [u8]>,
    },
    /// A PRIVMSG or NOTICE.
    Talk {
        /// Who it is from, as the line says.
        from: Source<'a>,
        /// Where it went, as the line says.
        target: &'a [u8],
        /// Its text, without the wrapping of an ACTION and without a clock that a bouncer put before it.
        text: &'a [u8],
        /// Whether it bears the user's own nick.
        is_own: bool,
        /// Whether a bouncer played it back, as far as it can be told; `None` for what is live.
        replay: Option<Replay>,
    },
    /// A batch of what was said before has ended: [`replayed`](crate::irc::session::Session::replayed) is what it was of.
    ReplayEnded,
    /// A bouncer's own words, which mean nothing else.
    Bouncer {
        /// What it says.
        text: &'a [u8],
    },
    /// A bouncer lost its network, or has it back; told once. It answers PINGs in between, and stays.
    Upstream {
        /// Whether the network is there.
        is_up: bool,
    },
    /// The answer to the session's PING.
    Pong {
        /// When the PING was sent.
        sent: Offset,
    },
    /// The answer to a PING that followed something sent: the server has processed that.
    Proved {
        /// The number given to [`prove`](crate::irc::session::Session::prove).
        number: u64,
    },
    /// The answer to a PING that timed how long this connection's lines wait.
    Timed {
        /// The number given to [`time_queue`](crate::irc::session::Session::time_queue).
        number: u64,
    },
    /// The server is done with looking up the client's name.
    LookedUp {
        /// When it said that it would.
        since: Offset,
    },
    /// A JOIN was refused.
    JoinRefused {
        /// The channel.
        channel: &'a [u8],
        /// Why.
        refusal: Refusal,
    },
    /// A message or change was refused.
    Refused {
        /// Why.
        refusal: Refusal,
        /// Its target, where the server names it.
        target: Option<&'a [u8]>,
    },
    /// The server knows nobody of that nick: a message to it reached nobody.
    NoSuchNick {
        /// The nick.
        nick: &'a [u8],
    },
    /// The connection must be closed: the server is silent, or the registration takes too long.
    TimedOut,
}

/// What changed about another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// JOIN.
    Join,
    /// PART.
    Part,
    /// QUIT.
    Quit,
    /// NICK.
    Nick,
    /// Kicked.
    Kick,
}
