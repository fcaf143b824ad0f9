//! Registration: CAP without waiting for it, PASS, NICK, USER, and every way in which servers end it.

use std::time::Duration;

use crate::irc::session::Context;
use crate::irc::session::Event;
use crate::irc::session::NICK_BYTES_MAX;
use crate::irc::session::NICK_TRIES_MAX;
use crate::irc::session::Session;
use crate::irc::session::State;
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
        if let Some(password) = &cx.config.password {
            Line::with_command(cx.out, b"PASS").last(password);
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
            self.handle_cap(message, cx);
            return Event::Nothing;
        }
        match message.numeric() {
            Some(numeric::RPL_WELCOME) => {
                if let Some(nick) = message.params.get(0) {
                    self.take_nick(nick);
                }
                self.state = State::Welcomed;
                self.since = now;
                Event::Nothing
            }
            Some(numeric::RPL_ENDOFMOTD | numeric::ERR_NOMOTD) if self.state == State::Welcomed => {
                self.become_online(now, cx.config.ping_every)
            }
            Some(
                numeric::ERR_NICKNAMEINUSE
                | numeric::ERR_ERRONEUSNICKNAME
                | numeric::ERR_UNAVAILRESOURCE
                | numeric::ERR_NICKCOLLISION,
            ) if self.state == State::Registering => self.try_next_nick(cx),
            Some(numeric::ERR_PASSWDMISMATCH) => self.refuse(Refusal::Auth),
            Some(numeric::ERR_YOUREBANNEDCREEP) => self.refuse(Refusal::Ban),
            // Once welcomed, others can write to the user, MOTD or not.
            None if self.state == State::Welcomed => {
                self.handle_online(now, message, cx.isupport.case_mapping)
            }
            _ => Event::Nothing,
        }
    }

    pub(super) fn become_online(&mut self, now: Offset, ping_every: Duration) -> Event<'static> {
        self.state = State::Online;
        // Spread over the period, so that clients that came together do not ping together; the nick is as good as a draw.
        let spread = self.nick.iter().fold(0u32, |sum, &byte| {
            sum.wrapping_mul(31).wrapping_add(u32::from(byte))
        }) % 64;
        self.next_ping = now + ping_every * (spread + 1) / 64;
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

    fn handle_cap(&mut self, message: &Message<'_>, cx: &mut Context<'_>) {
        let Some(subcommand) = message.params.get(1) else {
            return;
        };
        let list = message.params.last().unwrap_or_default();
        if subcommand.eq_ignore_ascii_case(b"LS") && !self.has_ended_cap {
            // `CAP REQ` is all or nothing: each capability offered is asked for alone.
            for offered in list.split(|&byte| byte == b' ') {
                let name = offered
                    .split(|&byte| byte == b'=')
                    .next()
                    .unwrap_or_default();
                if cx.config.capabilities.iter().any(|wanted| wanted == name) {
                    Line::with_command(cx.out, b"CAP")
                        .param(b"REQ")
                        .trailing(name);
                }
            }
            let is_more_to_come = message.params.get(2) == Some(b"*") && message.params.len() > 3;
            if !is_more_to_come {
                self.has_ended_cap = true;
                Line::with_command(cx.out, b"CAP").param(b"END").end();
            }
        } else if subcommand.eq_ignore_ascii_case(b"ACK") {
            self.has_echo |= list
                .split(|&byte| byte == b' ')
                .any(|name| name == b"echo-message");
        }
    }
}
