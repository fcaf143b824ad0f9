//! Registration: CAP without waiting for it, PASS, NICK, USER, and every way in which servers end it.

use crate::irc::session::Context;
use crate::irc::session::NICK_BYTES_MAX;
use crate::irc::session::NICK_TRIES_MAX;
use crate::irc::session::Session;
use crate::irc::session::State;
use crate::irc::session::Taken;
use crate::irc::session::event::Event;
use crate::irc::session::login::LoginState;
use crate::irc::session::refusal;
use crate::irc::session::refusal::Refusal;
use crate::irc::wire::compose::Line;
use crate::irc::wire::message::Message;
use crate::irc::wire::numeric;
use crate::units::offset::Offset;

impl Session {
    pub(super) fn begin_registration(&mut self, cx: &mut Context<'_>) {
        // Sent at once, not after an answer: servers without CAP never give one.
        Line::with_command(cx.out, b"CAP")
            .param(b"LS")
            .param(b"302")
            .end();
        if let Some(probe) = &cx.config.manners.probe {
            cx.out.extend_from_slice(probe);
            cx.out.extend_from_slice(b"\r\n");
        }
        if !cx.config.manners.nick_waits {
            self.identify(cx);
        }
    }

    fn identify(&mut self, cx: &mut Context<'_>) {
        self.has_identified = true;
        let mut password = Vec::new();
        cx.identity.server_password(&mut password);
        if password.is_empty() {
            password.extend(cx.config.password.iter().flatten());
        }
        if !password.is_empty() {
            Line::with_command(cx.out, b"PASS").last(&password);
        }
        self.send_nick(cx);
        let (mut user, mut realname) = (Vec::new(), Vec::new());
        cx.identity.user(&mut user);
        cx.identity.realname(&mut realname);
        Line::with_command(cx.out, b"USER")
            .param(&user)
            .param(b"0")
            .param(b"*")
            .trailing(&realname);
    }

    fn send_nick(&mut self, cx: &mut Context<'_>) {
        let mut nick = Vec::with_capacity(NICK_BYTES_MAX);
        cx.identity.nick(self.generation, &mut nick);
        Line::with_command(cx.out, b"NICK").param(&nick).end();
        self.take_nick(&nick);
    }

    pub(super) fn handle_registration<'a>(
        &mut self,
        now: Offset,
        message: &Message<'a>,
        cx: &mut Context<'_>,
    ) -> Event<'a> {
        if message.is(b"CAP") {
            return self.handle_cap(now, message, cx);
        }
        if message.is(b"AUTHENTICATE") {
            return self.handle_authenticate(now, message, cx);
        }
        let about_login = message
            .numeric()
            .and_then(|number| self.handle_login_numeric(number, cx));
        if let Some(event) = about_login {
            return event;
        }
        if self.state == State::Registering && message.is(b"NOTICE") {
            return match Self::hear_turned_away(message, cx.config) {
                Some(refusal) => self.refuse(refusal),
                None => self.handle_lookup(now, message),
            };
        }
        match message.numeric() {
            Some(numeric::RPL_WELCOME) => {
                if let Some(nick) = message.params.get(0) {
                    self.take_nick(nick);
                }
                self.state = State::Welcomed;
                self.since = now;
                if self.lacks_login(cx) {
                    return self.fail_login(cx);
                }
                // A bouncer without an upstream has nothing more to say: there is no MOTD to wait for.
                if self.is_welcomed_alone(message, cx.config) {
                    return self.become_online(now, cx);
                }
                Event::Nothing
            }
            Some(numeric::RPL_ENDOFMOTD | numeric::ERR_NOMOTD) if self.state == State::Welcomed => {
                self.become_online(now, cx)
            }
            Some(
                numeric::ERR_NICKNAMEINUSE
                | numeric::ERR_ERRONEUSNICKNAME
                | numeric::ERR_UNAVAILRESOURCE
                | numeric::ERR_NICKCOLLISION,
            ) if self.state == State::Registering => self.try_next_nick(cx),
            // A server that knows no CAP, or none before a registration, says no to it or to the probe behind it.
            Some(numeric::ERR_UNKNOWNCOMMAND | numeric::ERR_NOTREGISTERED)
                if !self.has_identified && !self.has_negotiated() =>
            {
                self.identify(cx);
                Event::Nothing
            }
            Some(numeric::ERR_PASSWDMISMATCH) => {
                let text = message.params.last().unwrap_or_default();
                self.refuse(match refusal::classify(text) {
                    Refusal::Other => Refusal::Auth,
                    // ZNC turns away with it those who are too many, too.
                    told => told,
                })
            }
            Some(numeric::ERR_YOUREBANNEDCREEP) => self.refuse(Refusal::Ban),
            // Once welcomed, others can write to the user, MOTD or not.
            None if self.state == State::Welcomed => self.handle_online(message, cx),
            _ => Event::Nothing,
        }
    }

    /// Notes when the server looks up the client's name, and when it has done so; in its words, which are much the same everywhere.
    fn handle_lookup(&mut self, now: Offset, message: &Message<'_>) -> Event<'static> {
        let text = message.params.last().unwrap_or_default();
        if !contains(text, b"your hostname") {
            return Event::Nothing;
        }
        if contains(text, b"Looking up") {
            self.lookup_since = now;
            return Event::Nothing;
        }
        match std::mem::replace(&mut self.lookup_since, Offset::NEVER) {
            Offset::NEVER => Event::Nothing,
            since => Event::LookedUp { since },
        }
    }

    pub(super) fn become_online(&mut self, now: Offset, cx: &mut Context<'_>) -> Event<'static> {
        self.state = State::Online;
        self.tell_service(now, cx);
        let config = cx.config;
        // Spread over the period, so that clients that came together do not ping together; the nick is as good as a draw.
        let spread = self.nick.iter().fold(0u32, |sum, &byte| {
            sum.wrapping_mul(31).wrapping_add(u32::from(byte))
        }) % 64;
        let first = config.manners.first_ping;
        self.next_ping = now + first.unwrap_or(config.ping_every * (spread + 1) / 64);
        Event::Registered
    }

    fn try_next_nick(&mut self, cx: &mut Context<'_>) -> Event<'static> {
        self.nick_tries += 1;
        if self.nick_tries >= NICK_TRIES_MAX {
            return self.refuse(Refusal::NickInUse);
        }
        self.generation = self.generation.wrapping_add(1);
        self.send_nick(cx);
        Event::Nothing
    }

    /// Notes why the server will close the connection, or why it is of no use.
    fn refuse(&mut self, refusal: Refusal) -> Event<'static> {
        self.error = Some(refusal);
        Event::Nothing
    }

    fn handle_cap(
        &mut self,
        now: Offset,
        message: &Message<'_>,
        cx: &mut Context<'_>,
    ) -> Event<'static> {
        let Some(subcommand) = message.params.get(1) else {
            return Event::Nothing;
        };
        let list = message.params.last().unwrap_or_default();
        if subcommand.eq_ignore_ascii_case(b"LS") && !self.has_ended_cap {
            let is_more_to_come = message.params.get(2) == Some(b"*") && message.params.len() > 3;
            let can_log_in = Self::is_login_offered(list, cx);
            if can_log_in && self.login == LoginState::Open {
                self.login = LoginState::Asked;
            }
            if cx.config.manners.awaits_caps {
                self.request_together(list, can_log_in, cx);
                self.has_listed |= !is_more_to_come;
                self.end_caps_if_answered(cx);
            } else {
                request_each(list, can_log_in, cx);
                if !is_more_to_come && !self.is_logging_in() {
                    self.end_caps(cx);
                }
            }
            if !is_more_to_come && self.lacks_login(cx) && !self.is_logging_in() {
                return self.fail_login(cx);
            }
        } else if subcommand.eq_ignore_ascii_case(b"ACK") {
            for name in list.split(|&byte| byte == b' ') {
                self.taken |= match name {
                    b"echo-message" => Taken::Echo as u8,
                    b"message-tags" => Taken::Tags as u8,
                    b"away-notify" => Taken::AwayNotify as u8,
                    b"draft/chathistory" => Taken::ChatHistory as u8,
                    _ => 0,
                };
                if name == LOGIN_CAP {
                    self.begin_login(now, cx);
                }
            }
            self.handle_cap_answer(cx);
        } else if subcommand.eq_ignore_ascii_case(b"NAK") {
            let is_login_refused =
                self.login == LoginState::Asked && names(list).any(|name| name == LOGIN_CAP);
            let event = if is_login_refused {
                self.fail_login(cx)
            } else {
                Event::Nothing
            };
            self.handle_cap_answer(cx);
            return event;
        }
        Event::Nothing
    }

    /// Asks for all that is wanted and offered, in the order in which it is wanted.
    fn request_together(&mut self, offered: &[u8], can_log_in: bool, cx: &mut Context<'_>) {
        let is_offered = |wanted: &[u8]| names(offered).any(|name| name == wanted);
        let mut wanted = Vec::new();
        for name in &cx.config.capabilities {
            if !is_offered(name) || wanted.len() + name.len() >= REQUEST_BYTES_MAX {
                continue;
            }
            if !wanted.is_empty() {
                wanted.push(b' ');
            }
            wanted.extend_from_slice(name);
        }
        if can_log_in {
            if !wanted.is_empty() {
                wanted.push(b' ');
            }
            wanted.extend_from_slice(LOGIN_CAP);
        }
        if !wanted.is_empty() {
            self.requests_open = self.requests_open.saturating_add(1);
            Line::with_command(cx.out, b"CAP")
                .param(b"REQ")
                .trailing(&wanted);
        }
    }

    fn handle_cap_answer(&mut self, cx: &mut Context<'_>) {
        self.requests_open = self.requests_open.saturating_sub(1);
        self.end_caps_if_answered(cx);
    }

    pub(super) fn end_caps_if_answered(&mut self, cx: &mut Context<'_>) {
        let is_answered = self.has_listed && self.requests_open == 0 && !self.is_logging_in();
        if is_answered && !self.has_ended_cap {
            self.end_caps(cx);
        }
    }

    /// Ends the negotiation, if there was any, and says who the client is, if it has not.
    pub(super) fn end_caps(&mut self, cx: &mut Context<'_>) {
        if self.has_negotiated() || !cx.config.manners.awaits_caps {
            self.has_ended_cap = true;
            Line::with_command(cx.out, b"CAP").param(b"END").end();
        }
        if !self.has_identified {
            self.identify(cx);
        }
    }

    fn has_negotiated(&self) -> bool {
        self.has_listed || self.requests_open > 0
    }

    /// Returns whether the registration waits for an answer about capabilities.
    pub(super) fn is_held_up(&self) -> bool {
        !self.is_logging_in()
            && (!self.has_identified || self.has_negotiated() && !self.has_ended_cap)
    }
}

/// Longest list of capabilities asked for in one line: it fits in 512 bytes with all around it.
const REQUEST_BYTES_MAX: usize = 450;

/// The capability of logging in before the registration ends.
const LOGIN_CAP: &[u8] = b"sasl";

/// Asks for each capability alone: `CAP REQ` is all or nothing.
fn request_each(offered: &[u8], can_log_in: bool, cx: &mut Context<'_>) {
    for name in names(offered) {
        let is_wanted = cx.config.capabilities.iter().any(|wanted| wanted == name);
        if is_wanted || can_log_in && name == LOGIN_CAP {
            Line::with_command(cx.out, b"CAP")
                .param(b"REQ")
                .trailing(name);
        }
    }
}

/// Returns the names of capabilities in a list, without their values.
fn names(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&byte| byte == b' ').map(|offered| {
        offered
            .split(|&byte| byte == b'=')
            .next()
            .unwrap_or_default()
    })
}

fn contains(text: &[u8], words: &[u8]) -> bool {
    memchr::memmem::find(text, words).is_some()
}
