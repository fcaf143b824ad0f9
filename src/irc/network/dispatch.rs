//! From a client's line to the command it names.

use crate::irc::network::Network;
use crate::irc::network::client::ClientId;
use crate::irc::network::config::LongLine;
use crate::irc::network::messaging::Kind;
use crate::irc::network::ports::PortState;
use crate::irc::network::relay::RELAYED_BYTES_MAX;
use crate::irc::wire::message::Message;
use crate::irc::wire::numeric::ERR_INPUTTOOLONG;
use crate::irc::wire::numeric::ERR_NEEDMOREPARAMS;
use crate::irc::wire::numeric::ERR_NOTREGISTERED;
use crate::irc::wire::numeric::ERR_UNKNOWNCOMMAND;

/// Longest line from a client, tags and line ending apart.
const LINE_BODY_BYTES_MAX: usize = RELAYED_BYTES_MAX - 2;

/// Most bytes of a parameter shown in an error about it, so that the error fits in a line.
const SHOWN_BYTES_MAX: usize = 100;

/// Longest command, by which the others are unknown.
const COMMAND_BYTES_MAX: usize = 12;

/// Most bytes of a client's tags (`message-tags`): what is more is a line too long.
const CLIENT_TAG_BYTES_MAX: usize = 4_094;

impl Network {
    pub(super) fn takes_lines(&self, id: ClientId) -> bool {
        matches!(
            self.ports.port(id).state,
            PortState::Open | PortState::Synthetic
        )
    }

    pub(super) fn handle_line(&mut self, id: ClientId, line: &[u8]) {
        if self.takes_lines(id) && self.admit(id, line) {
            self.act_on(id, line);
        }
    }

    /// Acts on a line that the flood limit has let through.
    pub(super) fn act_on(&mut self, id: ClientId, line: &[u8]) {
        let Ok(mut message) = Message::parse(line) else {
            return;
        };
        let tags = message.tags.as_bytes();
        let body_start = if tags.is_empty() { 0 } else { tags.len() + 2 };
        if tags.len() > CLIENT_TAG_BYTES_MAX {
            return self.handle_endless_line(id);
        }
        if line.len() > body_start + LINE_BODY_BYTES_MAX {
            if self.config.limits.long_line != LongLine::Cut {
                self.handle_endless_line(id);
                return;
            }
            let Ok(cut) = Message::parse(&line[..body_start + LINE_BODY_BYTES_MAX]) else {
                return;
            };
            message = cut;
        }
        let Some(label) = self.label_of(id, &message) else {
            return self.dispatch(id, &message);
        };
        let kept = self.ports.port(id).outbox.len();
        self.dispatch(id, &message);
        self.label_answer(id, &label, kept);
    }

    pub(super) fn handle_endless_line(&mut self, id: ClientId) {
        if !self.takes_lines(id) {
            return;
        }
        if self.config.limits.long_line == LongLine::Close {
            self.drop_client(id, b"Request too long");
        } else {
            self.fail(id, ERR_INPUTTOOLONG, &[], "Input line was too long");
        }
    }

    /// Sends an error numeric: what it is about, then the sentence.
    pub(super) fn fail(&mut self, id: ClientId, number: u16, about: &[&[u8]], text: &str) {
        let mut line = self.ports.numeric(&self.directory, id, number);
        for part in about {
            line = line.param(&part[..part.len().min(SHOWN_BYTES_MAX)]);
        }
        line.trailing(text.as_bytes());
    }

    pub(super) fn fail_for_params(&mut self, id: ClientId, command: &[u8]) {
        self.fail(id, ERR_NEEDMOREPARAMS, &[command], "Not enough parameters");
    }

    pub(super) fn unknown_command(&mut self, id: ClientId, command: &[u8]) {
        self.fail(id, ERR_UNKNOWNCOMMAND, &[command], "Unknown command");
    }

    fn dispatch(&mut self, id: ClientId, message: &Message<'_>) {
        let mut word = [0; COMMAND_BYTES_MAX];
        let upper = word.get_mut(..message.command.len()).unwrap_or_default();
        for (to, from) in upper.iter_mut().zip(message.command) {
            *to = from.to_ascii_uppercase();
        }
        let command = &*upper;
        self.directory.server_of_mut(id).commands.note(command);
        match command {
            b"CAP" => return self.cap(id, message),
            b"NICK" => return self.nick_command(id, message),
            b"USER" => return self.user(id, message),
            b"PASS" => return self.pass(id, message),
            b"PING" => return self.ping(id, message),
            b"AUTHENTICATE" => return self.authenticate(id, message),
            b"QUIT" => return self.quit_command(id, message),
            // Having been heard is all that a PONG is for.
            b"PONG" => return,
            _ => {}
        }
        if !self.directory.client(id).is_registered() {
            self.fail(id, ERR_NOTREGISTERED, &[], "You have not registered");
            return;
        }
        match command {
            b"PRIVMSG" => self.message(id, message, Kind::Privmsg),
            b"NOTICE" => self.message(id, message, Kind::Notice),
            b"TAGMSG" => self.message(id, message, Kind::Tagmsg),
            b"JOIN" => self.join_command(id, message),
            b"PART" => self.part_command(id, message),
            b"MODE" => self.mode_command(id, message),
            b"TOPIC" => self.topic_command(id, message),
            b"KICK" => self.kick_command(id, message),
            b"INVITE" => self.invite_command(id, message),
            b"NAMES" => self.names_command(id, message),
            b"LIST" => self.list(id, message),
            b"WHO" => self.who(id, message),
            b"WHOIS" => self.whois(id, message),
            b"WHOWAS" => self.whowas(id, message),
            b"USERHOST" => self.userhost(id, message),
            b"ISON" => self.ison(id, message),
            b"AWAY" => self.away_command(id, message),
            b"SETNAME" => self.setname(id, message),
            b"MOTD" => self.motd(id),
            b"LUSERS" => self.lusers(id),
            b"VERSION" => self.version(id),
            b"TIME" => self.time(id),
            b"ADMIN" => self.admin(id),
            b"INFO" => self.info(id),
            b"STATS" => self.stats(id, message),
            b"MONITOR" => self.monitor(id, message),
            b"CHATHISTORY" => self.chathistory(id, message),
            _ => self.unknown_command(id, message.command),
        }
    }
}
