//! Ways in: JOIN and INVITE.

use crate::irc::network::Network;
use crate::irc::network::caps::Caps;
use crate::irc::network::channels::ChannelIx;
use crate::irc::network::channels::Entry;
use crate::irc::network::channels::Status;
use crate::irc::network::client::ClientId;
use crate::irc::network::mask;
use crate::irc::network::names::CASE_MAPPING;
use crate::irc::network::ports::PortState;
use crate::irc::network::ports::Ports;
use crate::irc::network::relay::Relay;
use crate::irc::wire::message::Message;
use crate::irc::wire::numeric::ERR_BADCHANNELKEY;
use crate::irc::wire::numeric::ERR_BANNEDFROMCHAN;
use crate::irc::wire::numeric::ERR_CHANNELISFULL;
use crate::irc::wire::numeric::ERR_CHANOPRIVSNEEDED;
use crate::irc::wire::numeric::ERR_INVITEONLYCHAN;
use crate::irc::wire::numeric::ERR_NOSUCHCHANNEL;
use crate::irc::wire::numeric::ERR_NOTONCHANNEL;
use crate::irc::wire::numeric::ERR_TOOMANYCHANNELS;
use crate::irc::wire::numeric::ERR_USERONCHANNEL;
use crate::irc::wire::numeric::RPL_AWAY;
use crate::irc::wire::numeric::RPL_INVITING;

/// Most invitations of one user that are remembered; the oldest goes first.
const INVITES_MAX: usize = 16;

impl Network {
    pub(super) fn join_command(&mut self, id: ClientId, message: &Message<'_>) {
        let Some(names) = message.params.get(0) else {
            return self.fail_for_params(id, b"JOIN");
        };
        if names == b"0" {
            while let Some(membership) = self.directory.client(id).memberships.last() {
                self.part(id, membership.channel, b"");
            }
            return;
        }
        let mut keys = message
            .params
            .get(1)
            .unwrap_or_default()
            .split(|&byte| byte == b',');
        for name in names.split(|&byte| byte == b',') {
            let key = keys.next().unwrap_or_default();
            if !name.is_empty() {
                self.join(id, name, key);
            }
        }
    }

    fn join(&mut self, id: ClientId, name: &[u8], key: &[u8]) {
        if !self.is_channel_name(name) {
            return self.fail(id, ERR_NOSUCHCHANNEL, &[name], "No such channel");
        }
        let client = self.directory.client(id);
        let found = self.channels.find(self.directory.side(client.server), name);
        if found.is_some_and(|ix| self.channels.member(&self.directory, ix, id).is_some()) {
            return;
        }
        let max = self.config.limits.channels_per_user_max;
        if max.is_some_and(|max| client.memberships.len() >= max) {
            let text = "You have joined too many channels";
            return self.fail(id, ERR_TOOMANYCHANNELS, &[name], text);
        }
        if let Some((number, text)) = found.and_then(|ix| self.objection(id, ix, key)) {
            return self.fail(id, number, &[name], text);
        }
        let (ix, status) = if let Some(ix) = found {
            (ix, Status::NONE)
        } else {
            let side = self.directory.side_of(id);
            let ix = self.channels.add(side, name, self.unix_secs());
            let flags = self.manners().new_channel.flags.to_vec();
            self.channels.channel_mut(ix).modes.flags = flags;
            (ix, Status::OPERATOR)
        };
        let entry = Entry {
            client: id,
            status,
            joined: self.next_turn(),
            is_listening: self.ports.port(id).state == PortState::Open,
        };
        self.channels.join(&mut self.directory, ix, entry);
        let invites = &mut self.directory.client_mut(id).invites;
        invites.retain(|invite| !CASE_MAPPING.eq(invite, name));

        self.compose_join(id, ix);
        for member in self.channels.channel(ix).listeners() {
            relay_join(
                &mut self.ports,
                &mut self.relay,
                &mut self.extended,
                member.client,
            );
        }
        if self.compose_away(id) {
            let mut readers = self.listeners_of(ix);
            // It knows.
            readers.retain(|&reader| reader != id);
            self.relay_away(&readers);
        }
        if found.is_none() && self.manners().new_channel.is_told {
            let server = self.directory.server_of(id).name.clone();
            self.tell_modes(ix, &server);
        }
        if entry.is_listening {
            if self.channels.channel(ix).topic.is_some() {
                self.send_topic(id, ix);
            }
            self.send_names(id, ix);
        }
    }

    /// Returns why a client may not join a channel, if so. An invitation overrides all but nothing.
    fn objection(&self, id: ClientId, ix: ChannelIx, key: &[u8]) -> Option<(u16, &'static str)> {
        let channel = self.channels.channel(ix);
        let client = self.directory.client(id);
        let modes = &channel.modes;
        if client
            .invites
            .iter()
            .any(|invite| CASE_MAPPING.eq(invite, &channel.name))
        {
            return None;
        }
        if modes.has(b'i') {
            return Some((ERR_INVITEONLYCHAN, "Cannot join channel (+i)"));
        }
        if modes.key.as_ref().is_some_and(|wanted| wanted != key) {
            return Some((ERR_BADCHANNELKEY, "Cannot join channel (+k)"));
        }
        let count = channel.members().len();
        if modes.limit.is_some_and(|limit| count >= limit as usize) {
            return Some((ERR_CHANNELISFULL, "Cannot join channel (+l)"));
        }
        if self.is_banned(id, ix) {
            return Some((ERR_BANNEDFROMCHAN, "Cannot join channel (+b)"));
        }
        None
    }

    pub(super) fn is_banned(&self, id: ClientId, ix: ChannelIx) -> bool {
        let who = &self.directory.client(id).mask;
        let bans = &self.channels.channel(ix).modes.bans;
        bans.iter().any(|ban| mask::matches(&ban.mask, who))
    }

    pub(super) fn is_channel_name(&self, name: &[u8]) -> bool {
        name.first() == Some(&b'#')
            && name.len() <= self.config.limits.channel_len
            && !name.iter().any(|&byte| byte <= b' ' || byte == b',')
    }

    /// Makes the two forms of a JOIN ready to be relayed.
    pub(super) fn compose_join(&mut self, id: ClientId, ix: ChannelIx) {
        let client = self.directory.client(id);
        let name = &self.channels.channel(ix).name;
        let has_colon = self.manners().colons.before_join;
        let line = self.relay.begin_from(client).command(b"JOIN");
        if has_colon {
            line.trailing(name);
        } else {
            line.param(name).end();
        }
        self.extended
            .begin_from(client)
            .command(b"JOIN")
            .param(name)
            .param(client.account.as_deref().unwrap_or(b"*"))
            .trailing(&client.real_name);
        self.extended.cut();
    }

    pub(super) fn invite_command(&mut self, id: ClientId, message: &Message<'_>) {
        let (Some(nick), Some(name)) = (message.params.get(0), message.params.get(1)) else {
            return self.fail_for_params(id, b"INVITE");
        };
        let Some(target) = self.find_for(id, nick) else {
            return;
        };
        let Some(ix) = self.channels.find(self.directory.side_of(id), name) else {
            return self.fail(id, ERR_NOSUCHCHANNEL, &[name], "No such channel");
        };
        let Some(member) = self.channels.member(&self.directory, ix, id) else {
            return self.fail(id, ERR_NOTONCHANNEL, &[name], "You're not on that channel");
        };
        let is_operator = member.status.has_any(Status::OPERATOR);
        if self.channels.channel(ix).modes.has(b'i') && !is_operator {
            return self.fail(
                id,
                ERR_CHANOPRIVSNEEDED,
                &[name],
                "You're not a channel operator",
            );
        }
        if self.channels.member(&self.directory, ix, target).is_some() {
            return self.fail(
                id,
                ERR_USERONCHANNEL,
                &[nick, name],
                "is already on channel",
            );
        }
        let name = self.channels.channel(ix).name.clone();
        self.ports
            .numeric(&self.directory, id, RPL_INVITING)
            .param(&self.directory.client(target).nick)
            .last(&name);
        self.send_away(id, target, RPL_AWAY);
        self.relay
            .begin_from(self.directory.client(id))
            .command(b"INVITE")
            .param(&self.directory.client(target).nick)
            .trailing(&name);
        self.ports.relay(target, &mut self.relay);
        for member in self.channels.channel(ix).listeners() {
            if member.client != id && self.ports.has(member.client, Caps::INVITE_NOTIFY) {
                self.ports.relay(member.client, &mut self.relay);
            }
        }
        let invites = &mut self.directory.client_mut(target).invites;
        invites.retain(|invite| !CASE_MAPPING.eq(invite, &name));
        if invites.len() == INVITES_MAX {
            invites.remove(0);
        }
        invites.push(name);
    }
}

/// Copies a JOIN to one client in the form it takes.
pub(super) fn relay_join(ports: &mut Ports, plain: &mut Relay, extended: &mut Relay, to: ClientId) {
    let relay = if ports.has(to, Caps::EXTENDED_JOIN) {
        extended
    } else {
        plain
    };
    ports.relay(to, relay);
}
