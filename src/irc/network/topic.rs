//! TOPIC.

use crate::irc::network::Network;
use crate::irc::network::channels::ChannelIx;
use crate::irc::network::channels::Status;
use crate::irc::network::channels::Topic;
use crate::irc::network::client::ClientId;
use crate::irc::wire::message::Message;
use crate::irc::wire::numeric::ERR_CHANOPRIVSNEEDED;
use crate::irc::wire::numeric::ERR_NOSUCHCHANNEL;
use crate::irc::wire::numeric::ERR_NOTONCHANNEL;
use crate::irc::wire::numeric::RPL_NOTOPIC;
use crate::irc::wire::numeric::RPL_TOPIC;
use crate::irc::wire::numeric::RPL_TOPICWHOTIME;

impl Network {
    pub(super) fn topic_command(&mut self, id: ClientId, message: &Message<'_>) {
        let Some(name) = message.params.get(0) else {
            return self.fail_for_params(id, b"TOPIC");
        };
        let Some(ix) = self.visible_channel(id, name) else {
            return self.fail(id, ERR_NOSUCHCHANNEL, &[name], "No such channel");
        };
        let Some(text) = message.params.get(1) else {
            return self.send_topic(id, ix);
        };
        let Some(member) = self.channels.member(&self.directory, ix, id) else {
            return self.fail(id, ERR_NOTONCHANNEL, &[name], "You're not on that channel");
        };
        let is_locked = self.channels.channel(ix).modes.has(b't');
        if is_locked && !member.status.has_any(Status::OPERATOR) {
            return self.fail(
                id,
                ERR_CHANOPRIVSNEEDED,
                &[name],
                "You're not a channel operator",
            );
        }
        let text = &text[..text.len().min(self.config.limits.topic_len)];
        let by = self.directory.client(id).mask.clone();
        let at = self.unix_secs();
        let topic = (!text.is_empty()).then(|| Topic {
            text: text.to_vec(),
            by: by.clone(),
            at,
        });
        self.set_topic(ix, topic, &by);
    }

    /// Changes a channel's topic and tells its members.
    pub(super) fn set_topic(&mut self, ix: ChannelIx, topic: Option<Topic>, source: &[u8]) {
        let account = self.account_of(ix, source);
        let channel = self.channels.channel_mut(ix);
        let text = topic.as_ref().map_or(&b""[..], |topic| &topic.text);
        self.relay
            .begin_as(source, account.as_deref())
            .command(b"TOPIC")
            .param(&channel.name)
            .trailing(text);
        self.relay.cut();
        channel.topic = topic;
        self.relay_to_channel(ix);
    }

    pub(super) fn send_topic(&mut self, id: ClientId, ix: ChannelIx) {
        let channel = self.channels.channel(ix);
        let Some(topic) = &channel.topic else {
            self.ports
                .numeric(&self.directory, id, RPL_NOTOPIC)
                .param(&channel.name)
                .trailing(b"No topic is set");
            return;
        };
        self.ports
            .numeric(&self.directory, id, RPL_TOPIC)
            .param(&channel.name)
            .trailing(&topic.text);
        self.ports
            .numeric(&self.directory, id, RPL_TOPICWHOTIME)
            .param(&channel.name)
            .param(&topic.by)
            .number(topic.at)
            .end();
    }

    /// Returns a channel unless it is secret and the asker not on it.
    pub(super) fn visible_channel(&self, id: ClientId, name: &[u8]) -> Option<ChannelIx> {
        self.channels
            .find(self.directory.side_of(id), name)
            .filter(|&ix| self.sees(id, ix))
    }

    pub(super) fn sees(&self, id: ClientId, ix: ChannelIx) -> bool {
        let modes = &self.channels.channel(ix).modes;
        let is_hidden = modes.has(b's') || modes.has(b'p');
        !is_hidden || self.channels.member(&self.directory, ix, id).is_some()
    }
}
