//! When a client logs in to its account, and what a server's answers mean for it.

use crate::irc::session::Context;
use crate::irc::session::Session;
use crate::irc::session::event::Event;
use crate::irc::session::refusal::Refusal;
use crate::irc::session::sasl;
use crate::irc::session::sasl::Exchange;
use crate::irc::session::sasl::Mechanism;
use crate::irc::wire::compose::Line;
use crate::irc::wire::message::Message;
use crate::irc::wire::numeric;
use crate::units::offset::Offset;

/// The nick of the service that keeps accounts.
const SERVICE: &[u8] = b"NickServ";
/// What the service says when it takes a password, lower case.
const TAKEN_SIGNS: &[&str] = &[
    "now identified",
    "now logged in",
    "password accepted",
    "recognized",
];
/// What it says when it does not.
const REFUSED_SIGNS: &[&str] = &[
    "incorrect",
    "invalid password",
    "not registered",
    "isn't registered",
    "not a registered",
    "failed",
];

/// How clients log in to their accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginManner {
    /// By which way.
    pub way: LoginWay,
    /// Whether who can't log in does without the server.
    pub is_required: bool,
}

/// A way to log in to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginWay {
    /// SASL, before the registration ends.
    Sasl(Mechanism),
    /// A message to `NickServ` once it has ended.
    NickServ,
}

impl Default for LoginManner {
    fn default() -> Self {
        Self {
            way: LoginWay::Sasl(Mechanism::Plain),
            is_required: true,
        }
    }
}

/// How far a login is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoginState {
    /// Nothing has been done about it.
    Open,
    /// The capability is asked for.
    Asked,
    /// An answer of the service is waited for.
    UnderWay,
    /// Logged in, or not to be.
    Over,
    /// Refused to who must log in: the connection is of no use.
    Refused,
}

impl Session {
    /// Returns the mechanism by which this client wants to log in before it is registered.
    fn mechanism(cx: &Context<'_>) -> Option<Mechanism> {
        match cx.config.login.way {
            LoginWay::Sasl(mechanism) => cx.identity.login().map(|_| mechanism),
            LoginWay::NickServ => None,
        }
    }

    /// Returns whether a list of capabilities offers the login that is wanted.
    pub(super) fn is_login_offered(list: &[u8], cx: &Context<'_>) -> bool {
        let Some(mechanism) = Self::mechanism(cx) else {
            return false;
        };
        let mut offers = list.split(|&byte| byte == b' ');
        offers.any(|offer| match offer.strip_prefix(b"sasl") {
            Some(b"") => true,
            Some([b'=', mechanisms @ ..]) => mechanisms
                .split(|&byte| byte == b',')
                .any(|name| name.eq_ignore_ascii_case(mechanism.name().as_bytes())),
            _ => false,
        })
    }

    /// Returns whether the registration waits for a login.
    pub(super) fn is_logging_in(&self) -> bool {
        matches!(self.login, LoginState::Asked | LoginState::UnderWay)
    }

    /// Begins to log in: the server has granted the capability.
    pub(super) fn begin_login(&mut self, now: Offset, cx: &mut Context<'_>) {
        let Some(mechanism) = Self::mechanism(cx).filter(|_| self.login == LoginState::Asked)
        else {
            return;
        };
        self.login = LoginState::UnderWay;
        self.login_since = now;
        self.exchange = Some(Box::new(Exchange::new(mechanism)));
        Line::with_command(cx.out, b"AUTHENTICATE")
            .param(mechanism.name().as_bytes())
            .end();
    }

    /// Answers a challenge.
    pub(super) fn handle_authenticate(
        &mut self,
        now: Offset,
        message: &Message<'_>,
        cx: &mut Context<'_>,
    ) -> Event<'static> {
        let piece = message.params.get(0).unwrap_or_default();
        let (Some(exchange), Some(login)) = (&mut self.exchange, cx.identity.login()) else {
            return Event::Nothing;
        };
        match exchange.answer(
            piece,
            login,
            now.as_nanos().unsigned_abs(),
            &mut self.salted,
        ) {
            Ok(None) => Event::Nothing,
            Ok(Some(answer)) => {
                for piece in sasl::pieces(&answer) {
                    Line::with_command(cx.out, b"AUTHENTICATE")
                        .param(&piece)
                        .end();
                }
                Event::Nothing
            }
            Err(sasl::Broken) => {
                Line::with_command(cx.out, b"AUTHENTICATE")
                    .param(b"*")
                    .end();
                self.fail_login(cx)
            }
        }
    }

    /// Takes a numeric about the login; `None` if it is about something else.
    pub(super) fn handle_login_numeric(
        &mut self,
        number: u16,
        cx: &mut Context<'_>,
    ) -> Option<Event<'static>> {
        match number {
            numeric::RPL_SASLSUCCESS | numeric::ERR_SASLALREADY => {
                let event = self.succeed();
                self.go_on(cx);
                Some(event)
            }
            numeric::ERR_NICKLOCKED
            | numeric::ERR_SASLFAIL
            | numeric::ERR_SASLTOOLONG
            | numeric::ERR_SASLABORTED => Some(self.fail_login(cx)),
            _ => None,
        }
    }

    /// Notes that there is no way to log in. Who must, gives the server up.
    pub(super) fn fail_login(&mut self, cx: &mut Context<'_>) -> Event<'static> {
        if matches!(self.login, LoginState::Over | LoginState::Refused) {
            return Event::Nothing;
        }
        self.exchange = None;
        if cx.config.login.is_required {
            self.login = LoginState::Refused;
            return Event::LoginFailed;
        }
        self.login = LoginState::Over;
        self.go_on(cx);
        Event::Refused {
            refusal: Refusal::Auth,
            target: None,
        }
    }

    /// Returns whether the server let the client in without the login that it must have.
    pub(super) fn lacks_login(&self, cx: &Context<'_>) -> bool {
        let is_over = matches!(self.login, LoginState::Over | LoginState::Refused);
        Self::mechanism(cx).is_some() && !is_over
    }

    fn succeed(&mut self) -> Event<'static> {
        if self.login != LoginState::UnderWay {
            return Event::Nothing;
        }
        self.login = LoginState::Over;
        self.exchange = None;
        Event::LoggedIn {
            since: self.login_since,
        }
    }

    /// Goes on with the registration that waited.
    fn go_on(&mut self, cx: &mut Context<'_>) {
        if !self.is_registering() {
            return;
        }
        if cx.config.manners.awaits_caps {
            self.end_caps_if_answered(cx);
        } else if !self.has_ended_cap {
            self.end_caps(cx);
        }
    }

    /// Tells the service who it is, if that is the way.
    pub(super) fn tell_service(&mut self, now: Offset, cx: &mut Context<'_>) {
        let Some(login) = cx.identity.login() else {
            return;
        };
        if cx.config.login.way != LoginWay::NickServ || self.login != LoginState::Open {
            return;
        }
        self.login = LoginState::UnderWay;
        self.login_since = now;
        let text = [b"IDENTIFY", login.account, login.password].join(&b' ');
        Line::with_command(cx.out, b"PRIVMSG")
            .param(SERVICE)
            .trailing(&text);
    }

    /// Takes what the service says; `None` if it is not about the login.
    pub(super) fn hear_service(
        &mut self,
        message: &Message<'_>,
        cx: &mut Context<'_>,
    ) -> Option<Event<'static>> {
        if self.login != LoginState::UnderWay || cx.config.login.way != LoginWay::NickServ {
            return None;
        }
        if message.numeric() == Some(numeric::RPL_LOGGEDIN) {
            return Some(self.succeed());
        }
        let is_absent = message.numeric() == Some(numeric::ERR_NOSUCHNICK)
            && message
                .params
                .get(1)
                .is_some_and(|nick| nick.eq_ignore_ascii_case(SERVICE));
        let is_service = message
            .source
            .is_some_and(|source| source.nick.eq_ignore_ascii_case(SERVICE));
        let is_notice = is_service && message.is(b"NOTICE");
        if !is_absent && !is_notice {
            return None;
        }
        let text = message.params.last().unwrap_or_default();
        let text = String::from_utf8_lossy(text).to_ascii_lowercase();
        let says = |signs: &[&str]| signs.iter().any(|sign| text.contains(sign));
        // The refusals first: "not identified" holds what a success says.
        if is_absent || says(REFUSED_SIGNS) {
            Some(self.fail_login(cx))
        } else if says(TAKEN_SIGNS) {
            Some(self.succeed())
        } else {
            None
        }
    }
}
