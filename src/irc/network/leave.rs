//! Ways out: QUIT, PART, KICK, closed and refused connections.

use crate::irc::network::Network;
use crate::irc::network::caps::Caps;
use crate::irc::network::channels::ChannelIx;
use crate::irc::network::channels::Status;
use crate::irc::network::client::ClientId;
use crate::irc::network::client::Stage;
use crate::irc::network::ports::PortState;
use crate::irc::wire::message::Message;
use crate::irc::wire::numeric::ERR_CHANOPRIVSNEEDED;
use crate::irc::wire::numeric::ERR_NOSUCHCHANNEL;
use crate::irc::wire::numeric::ERR_NOTONCHANNEL;
use crate::irc::wire::numeric::ERR_USERNOTINCHANNEL;

/// Longest reason of a QUIT, as most servers have it; longer ones are cut.
const REASON_BYTES_MAX: usize = 255;

impl Network {
    pub(super) fn quit_command(&mut self, id: ClientId, message: &Message<'_>) {
        let text = message.params.get(0).unwrap_or_default();
        let text = &text[..text.len().min(REASON_BYTES_MAX)];
        if text.is_empty() {
            self.drop_client(id, b"Client Quit");
        } else {
            self.drop_client(id, &[b"Quit: ", text].concat());
        }
    }

    /// Takes a client off the network and closes its connection, or frees it at once if it has none.
    pub(super) fn drop_client(&mut self, id: ClientId, reason: &[u8]) {
        match self.ports.port(id).state {
            PortState::Open => {
                self.send_error(id, reason);
                self.depart(id, reason);
                self.clear_deadline(id);
                self.ports.close(id);
            }
            PortState::Synthetic => {
                self.depart(id, reason);
                self.release(id);
            }
            PortState::Free | PortState::Closing => {}
        }
    }

    /// Takes a client off the network; those who shared a channel with it read its QUIT, once each.
    pub(super) fn depart(&mut self, id: ClientId, reason: &[u8]) {
        if self.directory.client(id).is_registered() {
            self.remember_nick(id);
            self.tell_offline(id);
            let client = self.directory.client(id);
            self.relay
                .begin_from(client)
                .command(b"QUIT")
                .trailing(reason);
            self.relay.cut();
            self.relay_to_peers(id, Caps::NONE);
            while let Some(membership) = self.directory.client(id).memberships.last() {
                let ix = membership.channel;
                self.channels.leave(&mut self.directory, ix, id);
            }
        }
        self.directory.drop_nick(id);
        self.directory.set_stage(id, Stage::Gone);
    }

    /// Frees the id of a client that has departed.
    pub(super) fn release(&mut self, id: ClientId) {
        self.clear_deadline(id);
        self.leave_door(id);
        self.monitors.forget(id);
        self.ports.release(id);
        self.directory.release(id);
    }

    /// Ends what is counted of a connection.
    fn leave_door(&mut self, id: ClientId) {
        let port = self.ports.port(id);
        let Some((source, sighting)) = port.door() else {
            return;
        };
        let user = port.is_user().then(|| &self.directory.client(id).user[..]);
        self.doors
            .leave(&self.config.limits, self.now, source, user);
        if port.is_let_in() {
            let counts = self.saw.counts_mut(sighting);
            counts.connections = counts.connections.saturating_sub(1);
        }
    }

    /// Sends the relay's line to everybody without `cap` who shares a channel with `id`, once each and not to `id` itself.
    pub(super) fn relay_to_peers_without(&mut self, id: ClientId, cap: Caps) {
        self.ports.begin_round();
        self.ports.is_first(id);
        for membership in &self.directory.client(id).memberships {
            for member in self.channels.channel(membership.channel).listeners() {
                if self.ports.is_first(member.client) && !self.ports.has(member.client, cap) {
                    self.ports.relay(member.client, &mut self.relay);
                }
            }
        }
    }

    /// Sends the relay's line to everybody with `cap` who shares a channel with `id`, once each and not to `id` itself.
    pub(super) fn relay_to_peers(&mut self, id: ClientId, cap: Caps) {
        self.ports.begin_round();
        self.ports.is_first(id);
        for membership in &self.directory.client(id).memberships {
            for member in self.channels.channel(membership.channel).listeners() {
                if self.ports.is_first(member.client) && self.ports.has(member.client, cap) {
                    self.ports.relay(member.client, &mut self.relay);
                }
            }
        }
    }

    /// Sends the relay's line to every member of a channel.
    pub(super) fn relay_to_channel(&mut self, ix: ChannelIx) {
        for member in self.channels.channel(ix).listeners() {
            self.ports.relay(member.client, &mut self.relay);
        }
    }

    pub(super) fn part_command(&mut self, id: ClientId, message: &Message<'_>) {
        let Some(names) = message.params.get(0) else {
            return self.fail_for_params(id, b"PART");
        };
        let reason = message.params.get(1).unwrap_or_default();
        for name in names
            .split(|&byte| byte == b',')
            .filter(|name| !name.is_empty())
        {
            let Some(ix) = self.channels.find(self.directory.side_of(id), name) else {
                self.fail(id, ERR_NOSUCHCHANNEL, &[name], "No such channel");
                continue;
            };
            if self.channels.member(&self.directory, ix, id).is_none() {
                self.fail(id, ERR_NOTONCHANNEL, &[name], "You're not on that channel");
                continue;
            }
            self.part(id, ix, reason);
        }
    }

    pub(super) fn part(&mut self, id: ClientId, ix: ChannelIx, reason: &[u8]) {
        let line = self
            .relay
            .begin_from(self.directory.client(id))
            .command(b"PART")
            .param(&self.channels.channel(ix).name);
        if reason.is_empty() {
            line.end();
        } else {
            line.trailing(reason);
        }
        self.relay.cut();
        self.relay_to_channel(ix);
        self.channels.leave(&mut self.directory, ix, id);
    }

    pub(super) fn kick_command(&mut self, id: ClientId, message: &Message<'_>) {
        let (Some(name), Some(nicks)) = (message.params.get(0), message.params.get(1)) else {
            return self.fail_for_params(id, b"KICK");
        };
        let side = self.directory.side_of(id);
        let Some(ix) = self.channels.find(side, name) else {
            return self.fail(id, ERR_NOSUCHCHANNEL, &[name], "No such channel");
        };
        let Some(member) = self.channels.member(&self.directory, ix, id) else {
            return self.fail(id, ERR_NOTONCHANNEL, &[name], "You're not on that channel");
        };
        if !member.status.has_any(Status::OPERATOR) {
            return self.fail(
                id,
                ERR_CHANOPRIVSNEEDED,
                &[name],
                "You're not a channel operator",
            );
        }
        let kicker = self.directory.client(id).nick.clone();
        let reason = message
            .params
            .get(2)
            .filter(|text| !text.is_empty())
            .unwrap_or(&kicker);
        let reason = &reason[..reason.len().min(self.config.limits.kick_len)];
        let targets = nicks
            .split(|&byte| byte == b',')
            .take(self.config.limits.targets_max);
        for nick in targets.filter(|nick| !nick.is_empty()) {
            let Some(target) = self.find_for(id, nick) else {
                continue;
            };
            if self.channels.member(&self.directory, ix, target).is_none() {
                self.fail(
                    id,
                    ERR_USERNOTINCHANNEL,
                    &[nick, name],
                    "They are not on that channel",
                );
                continue;
            }
            self.relay
                .begin_from(self.directory.client(id))
                .command(b"KICK")
                .param(&self.channels.channel(ix).name)
                .param(&self.directory.client(target).nick)
                .trailing(reason);
            self.relay.cut();
            self.relay_to_channel(ix);
            self.channels.leave(&mut self.directory, ix, target);
            if target == id {
                // The kicker is gone, and perhaps the channel too.
                return;
            }
        }
    }
}
