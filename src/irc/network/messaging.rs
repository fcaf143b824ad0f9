//! PRIVMSG, NOTICE and TAGMSG.

use crate::irc::network::Network;
use crate::irc::network::caps::Caps;
use crate::irc::network::channels::ChannelIx;
use crate::irc::network::channels::Status;
use crate::irc::network::client::Client;
use crate::irc::network::client::ClientId;
use crate::irc::network::relay::Relay;
use crate::irc::wire::action;
use crate::irc::wire::message::Message;
use crate::irc::wire::numeric::ERR_CANNOTSENDTOCHAN;
use crate::irc::wire::numeric::ERR_NORECIPIENT;
use crate::irc::wire::numeric::ERR_NOSUCHCHANNEL;
use crate::irc::wire::numeric::ERR_NOSUCHNICK;
use crate::irc::wire::numeric::ERR_NOTEXTTOSEND;
use crate::irc::wire::numeric::ERR_TOOMANYTARGETS;
use crate::irc::wire::numeric::RPL_AWAY;

/// What kind of message; errors and away replies answer PRIVMSG and TAGMSG only (RFC 2812, 3.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Privmsg,
    Notice,
    Tagmsg,
}

impl Kind {
    fn command(self) -> &'static [u8] {
        match self {
            Self::Privmsg => b"PRIVMSG",
            Self::Notice => b"NOTICE",
            Self::Tagmsg => b"TAGMSG",
        }
    }

    fn needed_cap(self) -> Caps {
        match self {
            Self::Privmsg | Self::Notice => Caps::NONE,
            Self::Tagmsg => Caps::MESSAGE_TAGS,
        }
    }
}

/// One message on its way to one target.
#[derive(Clone, Copy)]
struct Sending<'a> {
    from: ClientId,
    message: &'a Message<'a>,
    kind: Kind,
    target: &'a [u8],
    text: &'a [u8],
}

impl Network {
    pub(super) fn message(&mut self, from: ClientId, message: &Message<'_>, kind: Kind) {
        if kind == Kind::Tagmsg && !self.ports.has(from, Caps::MESSAGE_TAGS) {
            return;
        }
        let targets = message.params.get(0).unwrap_or_default();
        let text = message.params.get(1).unwrap_or_default();
        if targets.is_empty() {
            let command = String::from_utf8_lossy(kind.command());
            let sentence = format!("No recipient given ({command})");
            return self.object(from, kind, ERR_NORECIPIENT, &[], &sentence);
        }
        if text.is_empty() && kind != Kind::Tagmsg {
            return self.object(from, kind, ERR_NOTEXTTOSEND, &[], "No text to send");
        }
        self.directory.client_mut(from).spoke = self.now;
        let mut targets = targets
            .split(|&byte| byte == b',')
            .filter(|target| !target.is_empty());
        for target in targets.by_ref().take(self.config.limits.targets_max) {
            let sending = Sending {
                from,
                message,
                kind,
                target,
                text,
            };
            match target.iter().position(|&byte| byte == b'#') {
                Some(prefixes) if target[..prefixes].iter().all(|byte| b"@+".contains(byte)) => {
                    self.message_channel(&sending, prefixes);
                }
                _ if self.message_service(from, target, text) => {}
                _ => self.message_user(&sending),
            }
        }
        if let Some(target) = targets.next() {
            self.object(
                from,
                kind,
                ERR_TOOMANYTARGETS,
                &[target],
                "Too many targets",
            );
        }
    }

    fn message_channel(&mut self, sending: &Sending<'_>, prefix_count: usize) {
        let &Sending {
            from, kind, target, ..
        } = sending;
        let (prefixes, name) = target.split_at(prefix_count);
        let Some(ix) = self.channels.find(self.directory.side_of(from), name) else {
            return self.object(from, kind, ERR_NOSUCHCHANNEL, &[name], "No such channel");
        };
        if !self.may_speak(from, ix) {
            let text = "Cannot send to channel";
            return self.object(from, kind, ERR_CANNOTSENDTOCHAN, &[name], text);
        }
        let wanted = match prefixes {
            [] => None,
            _ if prefixes.contains(&b'+') => Some(Status::OPERATOR.with(Status::VOICE)),
            _ => Some(Status::OPERATOR),
        };
        let name = &self.channels.channel(ix).name;
        let who = self.directory.client(from);
        if prefixes.is_empty() {
            compose(&mut self.relay, who, name, sending);
        } else {
            compose(&mut self.relay, who, &[prefixes, name].concat(), sending);
        }
        let cap = kind.needed_cap();
        for member in self.channels.channel(ix).listeners() {
            let is_addressed =
                member.client != from && wanted.is_none_or(|wanted| member.status.has_any(wanted));
            if is_addressed && self.ports.has(member.client, cap) {
                self.ports.relay(member.client, &mut self.relay);
            }
        }
        self.echo(from);
        // Who reads it later is not asked.
        let is_query = action::is_query(sending.text);
        if prefix_count == 0 && kind != Kind::Tagmsg && !is_query {
            self.keep_line(ix);
        }
    }

    fn message_user(&mut self, sending: &Sending<'_>) {
        let &Sending {
            from, kind, target, ..
        } = sending;
        let Some(to) = self.directory.find(self.directory.side_of(from), target) else {
            return self.object(
                from,
                kind,
                ERR_NOSUCHNICK,
                &[target],
                "No such nick/channel",
            );
        };
        let who = self.directory.client(from);
        compose(
            &mut self.relay,
            who,
            &self.directory.client(to).nick,
            sending,
        );
        if self.ports.has(to, kind.needed_cap()) {
            self.ports.relay(to, &mut self.relay);
        }
        if to != from {
            self.echo(from);
        }
        if kind == Kind::Privmsg {
            self.send_away(from, to, RPL_AWAY);
        }
    }

    fn echo(&mut self, from: ClientId) {
        if self.ports.has(from, Caps::ECHO_MESSAGE) {
            self.ports.relay(from, &mut self.relay);
        }
    }

    fn may_speak(&self, from: ClientId, ix: ChannelIx) -> bool {
        let member = self.channels.member(&self.directory, ix, from);
        let modes = &self.channels.channel(ix).modes;
        let status = member.map_or(Status::NONE, |member| member.status);
        if status != Status::NONE {
            return true;
        }
        (member.is_some() || !modes.has(b'n'))
            && !modes.has(b'm')
            && (modes.bans.is_empty() || !self.is_banned(from, ix))
    }

    fn object(&mut self, from: ClientId, kind: Kind, number: u16, about: &[&[u8]], text: &str) {
        if kind != Kind::Notice {
            self.fail(from, number, about, text);
        }
    }

    /// Returns the user called `nick`, or tells the asker that there is none.
    pub(super) fn find_for(&mut self, asker: ClientId, nick: &[u8]) -> Option<ClientId> {
        let found = self.directory.find(self.directory.side_of(asker), nick);
        if found.is_none() {
            self.fail(asker, ERR_NOSUCHNICK, &[nick], "No such nick/channel");
        }
        found
    }
}

fn compose(relay: &mut Relay, who: &Client, target: &[u8], sending: &Sending<'_>) {
    let line = relay
        .begin_from(who)
        .command(sending.kind.command())
        .param(target);
    if sending.kind == Kind::Tagmsg {
        line.end();
    } else {
        line.trailing(sending.text);
    }
    relay.cut();
    relay.take_client_tags(sending.message);
}
