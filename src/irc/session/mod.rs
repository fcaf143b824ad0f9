//! The client side of one connection, sans-IO: registration, liveness, and what each line means to its user.
//!
//! A session knows its own nick and state and nothing of its channels' members. Lines and times go in, lines and one event
//! per line come out; it never waits for anything a server may leave out.

pub mod backoff;
mod bouncer;
pub mod console;
pub mod event;
pub mod login;
mod online;
pub mod playback;
pub mod refusal;
mod registration;
pub mod sasl;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::irc::session::bouncer::Opened;
use crate::irc::session::bouncer::Upstream;
use crate::irc::session::event::Event;
use crate::irc::session::login::LoginManner;
use crate::irc::session::login::LoginState;
use crate::irc::session::playback::Playback;
use crate::irc::session::refusal::Refusal;
use crate::irc::session::sasl::Exchange;
use crate::irc::session::sasl::Login;
use crate::irc::session::sasl::Salted;
use crate::irc::wire::casemapping::CaseMapping;
use crate::irc::wire::compose::Line;
use crate::irc::wire::isupport::Isupport;
use crate::irc::wire::message::Message;
use crate::units::offset::Offset;

/// How long a PONG may take.
pub const PONG_TIMEOUT: Duration = Duration::from_mins(1);
/// How long after 001 a server may take to send its MOTD's end; some send neither 376 nor 422.
pub const MOTD_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a client waits for answers about capabilities. A server that has said nothing by then will not, and nobody is kept out.
pub const CAPS_TIMEOUT: Duration = Duration::from_secs(5);
/// Most nicks tried in one registration. A server that refuses so many refuses them all.
pub const NICK_TRIES_MAX: u8 = 12;
/// Longest nick kept; servers that rename a user may exceed their own NICKLEN, none this.
const NICK_BYTES_MAX: usize = 64;

/// Who the client says it is. Implemented by the owner of all names, so that no session stores a name but its present nick.
pub trait Identity {
    /// Appends the nick of that generation; generation 0 has at most 9 bytes, the RFC's limit, since NICKLEN comes later.
    fn nick(&self, generation: u8, out: &mut Vec<u8>);
    /// Appends the user name.
    fn user(&self, out: &mut Vec<u8>);
    /// Appends the real name.
    fn realname(&self, out: &mut Vec<u8>);
    /// Returns the account that it logs in to, if it has one.
    fn login(&self) -> Option<Login<'_>>;
    /// Appends the server password that is this client's alone, as bouncers want it; nothing for the one that all have.
    fn server_password(&self, _out: &mut Vec<u8>) {}
}

/// What all sessions of a run share.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// Capabilities asked for where offered.
    pub capabilities: Vec<Vec<u8>>,
    /// The server password of all who have none of their own.
    pub password: Option<Vec<u8>>,
    /// How long a registration may take from the connect on.
    pub register_timeout: Duration,
    /// Time between the client's own PINGs.
    pub ping_every: Duration,
    /// How those who have an account log in to it.
    pub login: LoginManner,
    /// In what programs differ.
    pub manners: Manners,
    /// The kind of bouncer that it is a client of; `None` for a server. Without it, what was said before is left out.
    pub playback: Option<Playback>,
}

/// How a program registers and makes sure of its server. By default a client waits for nothing.
#[derive(Clone, Debug)]
pub struct Manners {
    /// Whether it asks for all capabilities in one line and ends the negotiation when that is answered.
    pub awaits_caps: bool,
    /// Whether NICK and USER follow the end of the negotiation.
    pub nick_waits: bool,
    /// A line behind the first, whatever the server makes of it.
    pub probe: Option<Vec<u8>>,
    /// From its welcome to its first PING; `None` for anywhere in the first period.
    pub first_ping: Option<Duration>,
    /// How long it waits for a PONG.
    pub pong_timeout: Duration,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            awaits_caps: false,
            nick_waits: false,
            probe: None,
            first_ping: None,
            pong_timeout: PONG_TIMEOUT,
        }
    }
}

/// A capability on whose presence it depends what a client sends or is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Taken {
    /// `echo-message`.
    Echo = 1,
    /// `message-tags`.
    Tags = 2,
    /// `away-notify`.
    AwayNotify = 4,
    /// `draft/chathistory`.
    ChatHistory = 8,
}

/// What a session needs for one call.
pub struct Context<'a> {
    /// Who it is.
    pub identity: &'a dyn Identity,
    /// What all sessions share.
    pub config: &'a SessionConfig,
    /// The target's limits: one table for all sessions of a run.
    pub isupport: &'a mut Isupport,
    /// Where lines to the server go.
    pub out: &'a mut Vec<u8>,
}

/// How a transport ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The other side closed it.
    Eof,
    /// The other side reset it.
    Reset,
    /// Our own side ended it.
    Local,
    /// The two sides did not agree on TLS, or one broke it.
    Insecure,
}

/// What an end meant to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The user had asked for it.
    Asked,
    /// Closed without a word.
    Eof,
    /// Reset.
    Reset,
    /// Reset before the server had said anything.
    ResetBeforeFirstByte,
    /// The server said ERROR first.
    ErrorLine(Refusal),
    /// The server did not answer a PING.
    PingTimeout,
    /// The server did not complete the registration in time.
    RegisterTimeout,
    /// The login to the account was refused, and there is no doing without.
    LoginRefused,
    /// The server did not answer a login in time, and not complete the registration for it.
    LoginTimeout,
    /// The server sent a line longer than any may be.
    LineTooLong,
    /// The two sides did not agree on TLS, or one broke it.
    Insecure,
    /// Our own side ended it, as the plan wanted.
    Local,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No transport.
    Offline,
    /// Connected, not yet welcomed.
    Registering,
    /// Welcomed by 001; the MOTD may still come.
    Welcomed,
    Online,
    /// QUIT is sent, or our side is closed.
    Leaving,
}

/// One connection's client.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts of one connection; a byte each, and a million sessions"
)]
#[derive(Debug)]
pub struct Session {
    state: State,
    nick: Vec<u8>,
    generation: u8,
    nick_tries: u8,
    /// The capabilities taken, of those that matter: bits of [`Taken`].
    taken: u8,
    /// CAP REQs not yet answered.
    requests_open: u8,
    /// Whether the list of capabilities has come whole.
    has_listed: bool,
    /// Whether NICK and USER are sent.
    has_identified: bool,
    has_ended_cap: bool,
    has_heard: bool,
    is_line_too_long: bool,
    /// Length of `nick!user@host` as the server shows it; 0 until seen.
    source_bytes: u16,
    since: Offset,
    last_heard: Offset,
    ping_sent: Offset,
    ping_token: u32,
    next_ping: Offset,
    /// What is open of what was said before.
    opened: Opened,
    /// What the last batch of what was said before was of.
    replayed: Vec<u8>,
    /// The time of the attach, in microseconds since 1970 UTC, while what follows it may have been said before; far past otherwise.
    attached_us: i64,
    upstream: Upstream,
    /// How far the login to the account is.
    login: LoginState,
    login_since: Offset,
    /// When the server said that it looks up the client's name.
    lookup_since: Offset,
    exchange: Option<Box<Exchange>>,
    /// What the password was hashed to last, kept from connection to connection.
    salted: Option<Box<Salted>>,
    /// What the server's ERROR said.
    error: Option<Refusal>,
    /// Whether the owner has been told to close the connection; there is nothing left to wait for.
    is_timed_out: bool,
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl Session {
    /// Returns a session without a connection.
    pub const fn new() -> Self {
        Self {
            state: State::Offline,
            nick: Vec::new(),
            generation: 0,
            nick_tries: 0,
            taken: 0,
            requests_open: 0,
            has_listed: false,
            has_identified: false,
            has_ended_cap: false,
            has_heard: false,
            is_line_too_long: false,
            source_bytes: 0,
            since: Offset::ZERO,
            last_heard: Offset::ZERO,
            ping_sent: Offset::NEVER,
            ping_token: 0,
            next_ping: Offset::NEVER,
            opened: Opened::Nothing,
            replayed: Vec::new(),
            attached_us: i64::MIN,
            upstream: Upstream::There,
            login: LoginState::Open,
            login_since: Offset::NEVER,
            lookup_since: Offset::NEVER,
            exchange: None,
            salted: None,
            error: None,
            is_timed_out: false,
        }
    }

    /// Returns whether registration is complete and no leave has begun.
    pub fn is_online(&self) -> bool {
        self.state == State::Online
    }

    /// Returns whether a registration is under way.
    pub fn is_registering(&self) -> bool {
        matches!(self.state, State::Registering | State::Welcomed)
    }

    /// Returns whether there is no transport.
    pub fn is_offline(&self) -> bool {
        self.state == State::Offline
    }

    /// Returns whether the user has asked for the end.
    pub fn is_leaving(&self) -> bool {
        self.state == State::Leaving
    }

    /// Returns the present nick.
    pub fn nick(&self) -> &[u8] {
        &self.nick
    }

    /// Returns the generation of the present nick.
    pub fn generation(&self) -> u8 {
        self.generation
    }

    /// Returns whether the server sends this connection its own messages back.
    pub fn has_echo(&self) -> bool {
        self.has_taken(Taken::Echo)
    }

    /// Returns whether the server has given this connection a capability.
    pub fn has_taken(&self, capability: Taken) -> bool {
        self.taken & capability as u8 != 0
    }

    /// Holds the next PING back until `moment`: some programs send none while lines of their own wait.
    pub fn postpone_ping(&mut self, moment: Offset) {
        if self.state == State::Online && self.ping_sent == Offset::NEVER {
            self.next_ping = self.next_ping.max(moment);
        }
    }

    /// Returns the length of `nick!user@host` as others see it; the longest there can be until the server has shown it.
    pub fn source_bytes(&self) -> usize {
        if self.source_bytes == 0 {
            self.nick.len() + "!~".len() + 10 + "@".len() + 63
        } else {
            usize::from(self.source_bytes)
        }
    }

    /// Begins registration on a fresh transport.
    pub fn handle_connected(&mut self, now: Offset, cx: &mut Context<'_>) {
        let generation = self.generation;
        let salted = self.salted.take();
        *self = Self {
            state: State::Registering,
            generation,
            salted,
            since: now,
            last_heard: now,
            ..Self::new()
        };
        self.begin_registration(cx);
    }

    /// Handles a line from the server.
    pub fn handle_line<'a>(
        &mut self,
        now: Offset,
        message: &Message<'a>,
        cx: &mut Context<'_>,
    ) -> Event<'a> {
        self.has_heard = true;
        self.last_heard = now;
        if message.is(b"PING") {
            // A server reads nothing after QUIT: an answer would be a line that was sent and never heard.
            if self.state == State::Leaving {
                return Event::Nothing;
            }
            let token = message.params.get(0).unwrap_or_default();
            Line::with_command(cx.out, b"PONG").trailing(token);
            return Event::Nothing;
        }
        if message.is(b"ERROR") {
            let text = message.params.last().unwrap_or_default();
            if let Some(event) = self.hear_forwarded_error(text, cx.config) {
                return event;
            }
            self.error = Some(refusal::classify(text));
            return Event::Nothing;
        }
        if message.numeric() == Some(crate::irc::wire::numeric::RPL_ISUPPORT) {
            cx.isupport.handle_005(message);
            return Event::Nothing;
        }
        if self.ends_batch(message, cx.config) && self.is_online() {
            return Event::ReplayEnded;
        }
        let is_in_batch = self.is_in_batch(message);
        self.note_attach(message, cx);
        match self.state {
            State::Offline => Event::Nothing,
            State::Welcomed | State::Online | State::Leaving if is_in_batch => {
                self.hear_batched(message, cx)
            }
            State::Registering | State::Welcomed => self.handle_registration(now, message, cx),
            State::Online | State::Leaving => {
                let about_login = self.hear_service(message, cx);
                about_login.unwrap_or_else(|| self.handle_online(message, cx))
            }
        }
    }

    /// Notes that the server sent a line longer than any may be.
    pub fn handle_line_too_long(&mut self) {
        self.is_line_too_long = true;
    }

    /// Handles the passing of time. Says once that the connection has timed out.
    pub fn handle_timer(&mut self, now: Offset, cx: &mut Context<'_>) -> Event<'static> {
        match self.state {
            _ if self.is_timed_out => Event::Nothing,
            State::Registering if now >= self.since + cx.config.register_timeout => {
                self.is_timed_out = true;
                Event::TimedOut
            }
            State::Registering if self.is_held_up() && now >= self.since + CAPS_TIMEOUT => {
                self.end_caps(cx);
                Event::Nothing
            }
            State::Welcomed if now >= self.since + MOTD_TIMEOUT => self.become_online(now, cx),
            State::Online => self.handle_liveness(now, cx),
            State::Offline | State::Leaving | State::Registering | State::Welcomed => {
                Event::Nothing
            }
        }
    }

    fn handle_liveness(&mut self, now: Offset, cx: &mut Context<'_>) -> Event<'static> {
        if self.ping_sent != Offset::NEVER {
            if now >= self.ping_sent.max(self.last_heard) + cx.config.manners.pong_timeout {
                self.is_timed_out = true;
                return Event::TimedOut;
            }
        } else if now >= self.next_ping {
            self.ping_token = self.ping_token.wrapping_add(1);
            self.ping_sent = now;
            self.next_ping = now + cx.config.ping_every;
            let token = u64::from(self.ping_token);
            online::push_ping(*b"storm-0000000000000000", token, cx.out);
        }
        Event::Nothing
    }

    /// Returns when `handle_timer` next has something to do; `NEVER` for nothing.
    pub fn next_timer(&self, config: &SessionConfig) -> Offset {
        match self.state {
            _ if self.is_timed_out => Offset::NEVER,
            State::Offline | State::Leaving => Offset::NEVER,
            State::Registering if self.is_held_up() => {
                self.since + config.register_timeout.min(CAPS_TIMEOUT)
            }
            State::Registering => self.since + config.register_timeout,
            State::Welcomed => self.since + MOTD_TIMEOUT,
            State::Online if self.ping_sent == Offset::NEVER => self.next_ping,
            State::Online => self.ping_sent.max(self.last_heard) + config.manners.pong_timeout,
        }
    }

    /// Asks for the nick of the next generation; the present one holds until the server agrees.
    pub fn rename(&mut self, cx: &mut Context<'_>) {
        let line = Line::with_command(cx.out, b"NICK");
        let mut nick = Vec::with_capacity(NICK_BYTES_MAX);
        cx.identity.nick(self.generation.wrapping_add(1), &mut nick);
        line.param(&nick).end();
    }

    /// Asks for the end.
    pub fn quit(&mut self, reason: &[u8], cx: &mut Context<'_>) {
        Line::with_command(cx.out, b"QUIT").trailing(reason);
        self.state = State::Leaving;
    }

    /// Notes that our side of the transport is being closed without a QUIT, as planned.
    pub fn drop_link(&mut self) {
        self.state = State::Leaving;
    }

    /// Handles the transport's end, and returns what it meant.
    pub fn handle_closed(&mut self, closed: Closed) -> End {
        let end = match (self.state, closed) {
            (State::Leaving, _) => End::Asked,
            _ if self.is_line_too_long => End::LineTooLong,
            (State::Online, _) if self.is_timed_out => End::PingTimeout,
            _ if self.error.is_some() => End::ErrorLine(self.error.unwrap_or(Refusal::Other)),
            _ if self.login == LoginState::Refused => End::LoginRefused,
            _ if self.is_timed_out && self.login == LoginState::UnderWay => End::LoginTimeout,
            _ if self.is_timed_out => End::RegisterTimeout,
            (_, Closed::Local) => End::Local,
            (_, Closed::Insecure) => End::Insecure,
            (_, Closed::Eof) => End::Eof,
            (_, Closed::Reset) if !self.has_heard => End::ResetBeforeFirstByte,
            (_, Closed::Reset) => End::Reset,
        };
        self.state = State::Offline;
        end
    }

    fn is_own(&self, nick: &[u8], case_mapping: CaseMapping) -> bool {
        case_mapping.eq(nick, &self.nick)
    }

    fn take_nick(&mut self, nick: &[u8]) {
        self.nick.clear();
        self.nick
            .extend_from_slice(&nick[..nick.len().min(NICK_BYTES_MAX)]);
    }
}
