//! Lines to a registered client, and what each means to its user.

use crate::irc::session::Context;
use crate::irc::session::Session;
use crate::irc::session::event::Change;
use crate::irc::session::event::Event;
use crate::irc::session::refusal;
use crate::irc::session::refusal::Refusal;
use crate::irc::wire::compose::Line;
use crate::irc::wire::message::Message;
use crate::irc::wire::message::Source;
use crate::irc::wire::numeric;
use crate::units::offset::Offset;

impl Session {
    /// Asks for a proof that the server has processed what was sent before: a PING of its own, answered in order.
    pub fn prove(number: u64, cx: &mut Context<'_>) {
        push_ping(*b"proof-0000000000000000", number, cx.out);
    }

    /// Asks for an answer that comes when the server gets to this connection's next line.
    pub fn time_queue(number: u64, cx: &mut Context<'_>) {
        push_ping(*b"queue-0000000000000000", number, cx.out);
    }

    pub(super) fn handle_online<'a>(
        &mut self,
        message: &Message<'a>,
        cx: &Context<'_>,
    ) -> Event<'a> {
        if let Some(number) = message.numeric() {
            return self.handle_numeric(number, message);
        }
        let params = &message.params;
        let Some(source) = message.source else {
            return self.handle_sourceless(message);
        };
        let case_mapping = cx.isupport.case_mapping;
        let is_own = self.is_own(source.nick, case_mapping);
        let first = params.get(0);
        // Servers write commands in upper case; folding every line would cost more than it could find.
        match (message.command, first) {
            (b"PRIVMSG" | b"NOTICE", _) => self.hear_talk(&source, message, false, cx),
            (b"JOIN", Some(channel)) if is_own => {
                let playback = cx.config.playback.as_ref();
                let stand_in = playback.and_then(|playback| playback.joins_from);
                if !stand_in.is_some_and(|mask| mask.has(&source)) {
                    self.note_source(&source);
                }
                Event::Joined { channel }
            }
            (b"PART", Some(channel)) if is_own => Event::Parted { channel },
            // bip tells a client its nick on every attach, whatever it is.
            (b"NICK", Some(nick)) if is_own && nick == self.nick => Event::Nothing,
            (b"NICK", Some(nick)) if is_own => {
                self.take_nick(nick);
                self.generation = self.generation.wrapping_add(1);
                self.note_source(&Source { nick, ..source });
                Event::Renamed
            }
            (b"KICK", Some(channel)) => {
                let victim = params.get(1).unwrap_or_default();
                if self.is_own(victim, case_mapping) {
                    self.note_kick(&source, cx.config);
                    Event::Kicked { channel }
                } else if is_own {
                    Event::KickDone { channel, victim }
                } else {
                    Event::Other {
                        nick: victim,
                        change: Change::Kick,
                        channel: Some(channel),
                    }
                }
            }
            // A client's own modes are no channel's.
            (b"MODE", Some(target)) if is_own && !self.is_own(target, case_mapping) => {
                Event::ModeDone { channel: target }
            }
            (b"TOPIC", Some(channel)) if is_own => Event::TopicDone { channel },
            (b"JOIN", channel) => Event::Other {
                nick: source.nick,
                change: Change::Join,
                channel,
            },
            (b"PART", channel) => Event::Other {
                nick: source.nick,
                change: Change::Part,
                channel,
            },
            (b"QUIT", _) if !is_own => Event::Other {
                nick: source.nick,
                change: Change::Quit,
                channel: None,
            },
            (b"NICK", _) => Event::Other {
                nick: source.nick,
                change: Change::Nick,
                channel: None,
            },
            (b"PONG", _) => self.handle_pong(message),
            _ => Event::Nothing,
        }
    }

    fn handle_sourceless<'a>(&mut self, message: &Message<'a>) -> Event<'a> {
        if message.is(b"PONG") {
            self.handle_pong(message)
        } else {
            Event::Nothing
        }
    }

    /// Servers put the token first, last, or alone: it is looked for everywhere.
    fn handle_pong(&mut self, message: &Message<'_>) -> Event<'static> {
        let number = |prefix: &[u8]| {
            let mut params = message.params.iter();
            params.find_map(|param| read_hex(param.strip_prefix(prefix)?))
        };
        if let Some(number) = number(b"proof-") {
            return Event::Proved { number };
        }
        if let Some(number) = number(b"queue-") {
            return Event::Timed { number };
        }
        let mut token = *b"storm-0000000000000000";
        write_hex(u64::from(self.ping_token), &mut token);
        if self.ping_sent == Offset::NEVER || !message.params.iter().any(|param| param == token) {
            return Event::Nothing;
        }
        let sent = self.ping_sent;
        self.ping_sent = Offset::NEVER;
        Event::Pong { sent }
    }

    fn handle_numeric<'a>(&mut self, number: u16, message: &Message<'a>) -> Event<'a> {
        let target = message.params.get(1);
        match (number, target) {
            // A bouncer welcomes again when its upstream is back; the nick may have changed.
            (numeric::RPL_WELCOME, _) => {
                if let Some(nick) = message.params.get(0) {
                    self.take_nick(nick);
                }
                self.regain_upstream().unwrap_or(Event::Nothing)
            }
            (
                numeric::ERR_NOSUCHCHANNEL
                | numeric::ERR_TOOMANYCHANNELS
                | numeric::ERR_TOOMANYTARGETS
                | numeric::ERR_CHANNELISFULL
                | numeric::ERR_INVITEONLYCHAN
                | numeric::ERR_BANNEDFROMCHAN
                | numeric::ERR_BADCHANNELKEY
                | numeric::ERR_BADCHANMASK,
                Some(channel),
            ) => Event::JoinRefused {
                channel,
                refusal: Refusal::ChannelLimit,
            },
            (numeric::ERR_UNAVAILRESOURCE, Some(channel))
                if channel.first().is_some_and(|byte| b"#&!+".contains(byte)) =>
            {
                Event::JoinRefused {
                    channel,
                    refusal: Refusal::ChannelLimit,
                }
            }
            (
                numeric::ERR_NICKNAMEINUSE
                | numeric::ERR_ERRONEUSNICKNAME
                | numeric::ERR_UNAVAILRESOURCE,
                _,
            ) => Event::Refused {
                refusal: Refusal::NickInUse,
                target: None,
            },
            (
                numeric::ERR_CANNOTSENDTOCHAN
                | numeric::ERR_NOTONCHANNEL
                | numeric::ERR_USERNOTINCHANNEL
                | numeric::ERR_CHANOPRIVSNEEDED,
                target,
            ) => Event::Refused {
                refusal: Refusal::CannotSend,
                target,
            },
            (numeric::ERR_NOSUCHNICK, Some(nick)) => Event::NoSuchNick { nick },
            (numeric::RPL_TRYAGAIN, target) => Event::Refused {
                refusal: Refusal::Throttle,
                target,
            },
            // Of the command that stands where others have a target: soju says so of talk while its network is gone.
            (numeric::ERR_UNKNOWNERROR, Some(b"PRIVMSG" | b"NOTICE")) => Event::Refused {
                refusal: Refusal::CannotSend,
                target: None,
            },
            (numeric::ERR_INPUTTOOLONG, _) => Event::Refused {
                refusal: Refusal::RecvQ,
                target: None,
            },
            // 439 and 263 alike ask for patience; the text decides for other servers' own numerics.
            (439, target) => Event::Refused {
                refusal: refusal::classify(message.params.last().unwrap_or_default()),
                target,
            },
            _ => Event::Nothing,
        }
    }

    fn note_source(&mut self, source: &Source<'_>) {
        let bytes = source.nick.len()
            + source.user.map_or(0, |user| user.len() + 1)
            + source.host.map_or(0, |host| host.len() + 1);
        self.source_bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
    }
}

/// Digits of a number in a token.
const HEX_DIGITS: usize = 16;

/// Writes a PING whose token ends in a number.
pub(super) fn push_ping<const N: usize>(mut token: [u8; N], number: u64, out: &mut Vec<u8>) {
    write_hex(number, &mut token);
    Line::with_command(out, b"PING").trailing(&token);
}

/// Writes a number into the digits at the end of a token.
fn write_hex(number: u64, token: &mut [u8]) {
    let mut number = number;
    for digit in token.iter_mut().rev().take(HEX_DIGITS) {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

fn read_hex(digits: &[u8]) -> Option<u64> {
    if digits.len() != HEX_DIGITS {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
