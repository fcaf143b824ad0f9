//! From a connection to a user: CAP, PASS, NICK, USER, the welcome; and NICK later on.

use crate::irc::network::Network;
use crate::irc::network::away::REAL_NAME_BYTES_MAX;
use crate::irc::network::caps::Caps;
use crate::irc::network::client::ClientId;
use crate::irc::network::client::Stage;
use crate::irc::network::names::CASE_MAPPING;
use crate::irc::network::names::NAME_BYTES_MAX;
use crate::irc::wire::message::Message;
use crate::irc::wire::numeric::ERR_ALREADYREGISTRED;
use crate::irc::wire::numeric::ERR_ERRONEUSNICKNAME;
use crate::irc::wire::numeric::ERR_INVALIDCAPCMD;
use crate::irc::wire::numeric::ERR_NICKNAMEINUSE;
use crate::irc::wire::numeric::ERR_NONICKNAMEGIVEN;
use crate::irc::wire::numeric::ERR_NOORIGIN;
use crate::irc::wire::numeric::ERR_PASSWDMISMATCH;

/// Longest token answered by PONG, and longest list of capabilities answered, so that the answer fits in a line.
const ECHOED_BYTES_MAX: usize = 400;

/// The version of capability negotiation from which cap-notify is implied.
const CAP_VERSION_NOTIFYING: u32 = 302;

impl Network {
    pub(super) fn cap(&mut self, id: ClientId, message: &Message<'_>) {
        let subcommand = message.params.get(0).unwrap_or_default();
        let registers = !self.directory.client(id).is_registered();
        match subcommand.to_ascii_uppercase().as_slice() {
            b"LS" => {
                self.directory.client_mut(id).registration.is_negotiating = registers;
                let version = message
                    .params
                    .get(1)
                    .and_then(|text| std::str::from_utf8(text).ok());
                let is_notifying = version
                    .and_then(|text| text.parse::<u32>().ok())
                    .is_some_and(|version| version >= CAP_VERSION_NOTIFYING);
                let offered = self.offered_caps();
                if is_notifying && offered.has(Caps::CAP_NOTIFY) {
                    let port = self.ports.port_mut(id);
                    port.caps = port.caps.with(Caps::CAP_NOTIFY);
                }
                self.send_caps(id, b"LS", &Self::shown_caps(offered, is_notifying));
            }
            b"LIST" => {
                let caps = self.ports.port(id).caps;
                self.send_caps(id, b"LIST", &Self::shown_caps(caps, false));
            }
            b"REQ" => {
                self.directory.client_mut(id).registration.is_negotiating = registers;
                let wanted = message.params.get(1).unwrap_or_default();
                let shown = &wanted[..wanted.len().min(ECHOED_BYTES_MAX)];
                let answer: &[u8] = match self.changed_caps(id, wanted) {
                    Some(caps) if shown.len() == wanted.len() => {
                        self.ports.port_mut(id).caps = caps;
                        b"ACK"
                    }
                    _ => b"NAK",
                };
                self.send_caps(id, answer, shown);
            }
            b"END" => {
                self.directory.client_mut(id).registration.is_negotiating = false;
                self.register_if_complete(id);
            }
            _ => self.fail(id, ERR_INVALIDCAPCMD, &[subcommand], "Invalid CAP command"),
        }
    }

    pub(super) fn send_caps(&mut self, id: ClientId, subcommand: &[u8], text: &[u8]) {
        self.ports
            .line(id)
            .source(&self.directory.server_of(id).name)
            .command(b"CAP")
            .param(self.directory.client(id).addressee())
            .param(subcommand)
            .trailing(text);
    }

    /// Returns a client's capabilities after a request, or `None` if any of it can't be granted.
    fn changed_caps(&self, id: ClientId, wanted: &[u8]) -> Option<Caps> {
        let mut words = wanted
            .split(|&byte| byte == b' ')
            .filter(|word| !word.is_empty());
        words.try_fold(self.ports.port(id).caps, |caps, word| {
            let (name, is_removed) = match word.strip_prefix(b"-") {
                Some(name) => (name, true),
                None => (word, false),
            };
            let cap = Caps::named(name).filter(|&cap| self.offered_caps().has(cap))?;
            Some(if is_removed {
                caps.without(cap)
            } else {
                caps.with(cap)
            })
        })
    }

    pub(super) fn pass(&mut self, id: ClientId, message: &Message<'_>) {
        if self.directory.client(id).is_registered() {
            return self.fail(id, ERR_ALREADYREGISTRED, &[], "You may not reregister");
        }
        let Some(given) = message.params.get(0) else {
            return self.fail_for_params(id, b"PASS");
        };
        let wanted = self.config.password.as_ref();
        let is_right = wanted.is_some_and(|wanted| wanted.as_bytes() == given);
        self.directory.client_mut(id).registration.has_password = is_right;
    }

    pub(super) fn user(&mut self, id: ClientId, message: &Message<'_>) {
        let client = self.directory.client(id);
        if client.is_registered() || !client.user.is_empty() {
            return self.fail(id, ERR_ALREADYREGISTRED, &[], "You may not reregister");
        }
        let (Some(user), Some(real_name)) = (message.params.get(0), message.params.get(3)) else {
            return self.fail_for_params(id, b"USER");
        };
        // A user name is part of masks, and may hold nothing that ends one.
        let user: Vec<u8> = user
            .iter()
            .copied()
            .filter(|byte| byte.is_ascii_graphic() && !b"!@*?:".contains(byte))
            .take(self.config.limits.user_len)
            .collect();
        if user.is_empty() {
            return self.fail_for_params(id, b"USER");
        }
        let client = self.directory.client_mut(id);
        client.user = user;
        client.real_name = real_name[..real_name.len().min(REAL_NAME_BYTES_MAX)].to_vec();
        self.register_if_complete(id);
    }

    pub(super) fn nick_command(&mut self, id: ClientId, message: &Message<'_>) {
        let nick = message.params.get(0).unwrap_or_default();
        if nick.is_empty() {
            return self.fail(id, ERR_NONICKNAMEGIVEN, &[], "No nickname given");
        }
        if !self.is_nick(nick) {
            return self.fail(id, ERR_ERRONEUSNICKNAME, &[nick], "Erroneous nickname");
        }
        let client = self.directory.client(id);
        if client.nick == nick {
            return;
        }
        let holder = self
            .directory
            .holder(self.directory.side(client.server), nick);
        if holder.is_some_and(|holder| holder != id) {
            let text = self.manners().nick_in_use;
            return self.fail(id, ERR_NICKNAMEINUSE, &[nick], text);
        }
        if client.is_registered() {
            self.rename(id, nick);
        } else {
            self.directory.set_nick(id, nick, self.now);
            self.register_if_complete(id);
        }
    }

    /// Gives a user another nick, and tells it and all who share a channel with it.
    pub(super) fn rename(&mut self, id: ClientId, nick: &[u8]) {
        let is_other = !CASE_MAPPING.eq(&self.directory.client(id).nick, nick);
        if is_other {
            self.remember_nick(id);
            self.tell_offline(id);
        }
        self.relay
            .begin_from(self.directory.client(id))
            .command(b"NICK")
            .trailing(nick);
        self.ports.relay(id, &mut self.relay);
        self.relay_to_peers(id, Caps::NONE);
        self.directory.set_nick(id, nick, self.now);
        if is_other {
            self.tell_online(id);
        }
    }

    /// Says whether a nick has an allowed form (RFC 2812, 2.3.1) and length.
    pub(super) fn is_nick(&self, nick: &[u8]) -> bool {
        let is_inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"[]\\`_^{|}-".contains(byte);
        let begins_well = |byte: &u8| !byte.is_ascii_digit() && *byte != b'-';
        nick.len() <= self.config.limits.nick_len.min(NAME_BYTES_MAX)
            && nick.first().is_some_and(begins_well)
            && nick.iter().all(is_inner)
    }

    pub(super) fn ping(&mut self, id: ClientId, message: &Message<'_>) {
        let Some(token) = message.params.get(0) else {
            return self.fail(id, ERR_NOORIGIN, &[], "No origin specified");
        };
        let server = &self.directory.server_of(id).name;
        self.ports
            .line(id)
            .source(server)
            .command(b"PONG")
            .param(server)
            .trailing(&token[..token.len().min(ECHOED_BYTES_MAX)]);
    }

    pub(super) fn register_if_complete(&mut self, id: ClientId) {
        let client = self.directory.client(id);
        let is_complete = !client.nick.is_empty()
            && !client.user.is_empty()
            && !client.registration.is_negotiating
            && self.next_look_up(id).is_none();
        if client.stage != Stage::Registering || !is_complete {
            return;
        }
        if self.config.password.is_some() && !client.registration.has_password {
            self.fail(id, ERR_PASSWDMISMATCH, &[], "Password incorrect");
            return self.drop_client(id, b"Access denied: bad password");
        }
        if let Some(reason) = self.turned_away(id) {
            return self.drop_client(id, reason);
        }
        self.mark_user_name(id);
        if !self.may_register(id) {
            return;
        }
        self.directory.client_mut(id).rebuild_mask();
        self.directory.client_mut(id).signed_on = self.now;
        self.directory.client_mut(id).spoke = self.now;
        self.enlist(id);
        self.set_deadline(id);
        self.welcome(id);
    }

    pub(super) fn note_user_count(&mut self) {
        self.user_count_max = self.user_count_max.max(self.user_count());
    }
}
