//! WHO, WHOX and WHOIS.

use crate::irc::network::Network;
use crate::irc::network::caps::Caps;
use crate::irc::network::channels::ChannelIx;
use crate::irc::network::channels::Status;
use crate::irc::network::client::ClientId;
use crate::irc::network::mask;
use crate::irc::wire::compose::push_number;
use crate::irc::wire::message::Message;
use crate::irc::wire::numeric::ERR_NONICKNAMEGIVEN;
use crate::irc::wire::numeric::RPL_AWAY;
use crate::irc::wire::numeric::RPL_ENDOFWHO;
use crate::irc::wire::numeric::RPL_ENDOFWHOIS;
use crate::irc::wire::numeric::RPL_WHOISACCOUNT;
use crate::irc::wire::numeric::RPL_WHOISCHANNELS;
use crate::irc::wire::numeric::RPL_WHOISIDLE;
use crate::irc::wire::numeric::RPL_WHOISSERVER;
use crate::irc::wire::numeric::RPL_WHOISUSER;
use crate::irc::wire::numeric::RPL_WHOREPLY;
use crate::irc::wire::numeric::RPL_WHOSPCRPL;

/// Most users in the answer to a WHO with a mask; a channel is answered whole.
const MASK_REPLIES_MAX: usize = 500;

/// The fields of WHOX in the order in which they are answered.
const WHOX_FIELDS: &[u8] = b"tcuihsnfdlaor";

/// Most bytes of channels in one line of WHOIS.
const WHOIS_CHANNELS_BYTES_MAX: usize = 350;

/// The form of a reply to WHO.
#[derive(Clone, Copy)]
enum Form<'a> {
    Plain,
    /// The fields asked for, and the token.
    Extended(&'a [u8], &'a [u8]),
}

impl Network {
    pub(super) fn who(&mut self, id: ClientId, message: &Message<'_>) {
        let mask = message.params.get(0).filter(|mask| !mask.is_empty());
        let target = mask.unwrap_or(b"*");
        let options = message.params.get(1).unwrap_or_default();
        // Operators of servers, whom it has none of.
        if options == b"o" {
            return self.fail(id, RPL_ENDOFWHO, &[target], "End of WHO list");
        }
        let form = match options.iter().position(|&byte| byte == b'%') {
            Some(at) => {
                let mut parts = options[at + 1..].splitn(2, |&byte| byte == b',');
                let fields = parts.next().unwrap_or_default();
                Form::Extended(fields, parts.next().unwrap_or(b"0"))
            }
            None => Form::Plain,
        };
        if target.first() == Some(&b'#') {
            if let Some(ix) = self.visible_channel(id, target) {
                let is_member = self.channels.member(&self.directory, ix, id).is_some();
                for place in 0..self.channels.channel(ix).members().len() {
                    let member = self.channels.channel(ix).members()[place].client;
                    if is_member || !self.directory.client(member).modes.is_invisible {
                        self.who_reply(id, member, Some(ix), form);
                    }
                }
            }
        } else {
            let all = if target == b"0" { b"*" } else { target };
            self.who_matching(id, all, form);
        }
        self.fail(id, RPL_ENDOFWHO, &[target], "End of WHO list");
    }

    fn who_matching(&mut self, id: ClientId, target: &[u8], form: Form<'_>) {
        let side = self.directory.side_of(id);
        if let Some(found) = self.directory.find(side, target) {
            let ix = self.shown_channel(id, found);
            return self.who_reply(id, found, ix, form);
        }
        if !target.iter().any(|byte| b"*?".contains(byte)) {
            return;
        }
        let is_match = |&other: &ClientId| {
            let client = self.directory.client(other);
            client.is_registered()
                && !client.modes.is_invisible
                && self.directory.side(client.server) == side
                && (mask::matches(target, &client.nick) || mask::matches(target, &client.host))
        };
        let matching: Vec<ClientId> = self
            .directory
            .ids()
            .filter(is_match)
            .take(MASK_REPLIES_MAX)
            .collect();
        for other in matching {
            let ix = self.shown_channel(id, other);
            self.who_reply(id, other, ix, form);
        }
    }

    /// Returns a channel of `about` that `asker` may see.
    fn shown_channel(&self, asker: ClientId, about: ClientId) -> Option<ChannelIx> {
        let memberships = &self.directory.client(about).memberships;
        memberships
            .iter()
            .map(|membership| membership.channel)
            .find(|&ix| self.sees(asker, ix))
    }

    fn who_reply(&mut self, to: ClientId, about: ClientId, ix: Option<ChannelIx>, form: Form<'_>) {
        let client = self.directory.client(about);
        let server = self.directory.server_of(about);
        let status = ix.map_or(Status::NONE, |ix| {
            self.channels.status(&self.directory, ix, about)
        });
        let channel = ix.map_or(&b"*"[..], |ix| &self.channels.channel(ix).name);
        let is_multi = self.ports.has(to, Caps::MULTI_PREFIX);
        let presence: &[u8] = if client.away.is_some() { b"G" } else { b"H" };
        let flags = [presence, status.symbols(is_multi)].concat();
        let hops = u64::from(client.server != self.directory.client(to).server);
        let Form::Extended(wanted, token) = form else {
            let mut text = Vec::with_capacity(4 + client.real_name.len());
            push_number(hops, &mut text);
            text.push(b' ');
            text.extend_from_slice(&client.real_name);
            self.ports
                .numeric(&self.directory, to, RPL_WHOREPLY)
                .param(channel)
                .param(&client.user)
                .param(&client.host)
                .param(&server.name)
                .param(&client.nick)
                .param(&flags)
                .trailing(&text);
            return;
        };
        let idle = self.now.since(client.spoke).as_secs();
        let mut line = self.ports.numeric(&self.directory, to, RPL_WHOSPCRPL);
        for field in WHOX_FIELDS.iter().filter(|field| wanted.contains(field)) {
            line = match field {
                b't' => line.param(token),
                b'c' => line.param(channel),
                b'u' => line.param(&client.user),
                b'i' => line.param(b"255.255.255.255"),
                b'h' => line.param(&client.host),
                b's' => line.param(&server.name),
                b'n' => line.param(&client.nick),
                b'f' => line.param(&flags),
                b'd' => line.number(hops),
                b'l' => line.number(idle),
                b'a' => line.param(client.account.as_deref().unwrap_or(b"0")),
                b'o' => line.param(b"n/a"),
                _ => return line.trailing(&client.real_name),
            };
        }
        line.end();
    }

    pub(super) fn whois(&mut self, id: ClientId, message: &Message<'_>) {
        // `WHOIS server nick` asks for the idle time; here it is always known.
        let Some(nick) = message.params.get(1).or_else(|| message.params.get(0)) else {
            return self.fail(id, ERR_NONICKNAMEGIVEN, &[], "No nickname given");
        };
        if let Some(found) = self.find_for(id, nick) {
            let client = self.directory.client(found);
            self.ports
                .numeric(&self.directory, id, RPL_WHOISUSER)
                .param(&client.nick)
                .param(&client.user)
                .param(&client.host)
                .param(b"*")
                .trailing(&client.real_name);
            self.whois_channels(id, found);
            let client = self.directory.client(found);
            self.ports
                .numeric(&self.directory, id, RPL_WHOISSERVER)
                .param(&client.nick)
                .param(&self.directory.server_of(found).name)
                .trailing(self.config.name.as_bytes());
            self.send_away(id, found, RPL_AWAY);
            let client = self.directory.client(found);
            if let Some(account) = &client.account {
                self.ports
                    .numeric(&self.directory, id, RPL_WHOISACCOUNT)
                    .param(&client.nick)
                    .param(account)
                    .trailing(b"is logged in as");
            }
            let signed_on = (i64::try_from(self.start_unix_micros).unwrap_or(i64::MAX))
                .saturating_add(client.signed_on.as_micros())
                / 1_000_000;
            self.ports
                .numeric(&self.directory, id, RPL_WHOISIDLE)
                .param(&client.nick)
                .number(self.now.since(client.spoke).as_secs())
                .number(u64::try_from(signed_on).unwrap_or(0))
                .trailing(b"seconds idle, signon time");
        }
        self.fail(id, RPL_ENDOFWHOIS, &[nick], "End of /WHOIS list.");
    }

    fn whois_channels(&mut self, to: ClientId, about: ClientId) {
        let is_multi = self.ports.has(to, Caps::MULTI_PREFIX);
        let client = self.directory.client(about);
        let mut text = Vec::new();
        for membership in &client.memberships {
            let ix = membership.channel;
            if !self.sees(to, ix) {
                continue;
            }
            let name = &self.channels.channel(ix).name;
            if text.len() + name.len() > WHOIS_CHANNELS_BYTES_MAX {
                self.ports
                    .numeric(&self.directory, to, RPL_WHOISCHANNELS)
                    .param(&client.nick)
                    .trailing(&text);
                text.clear();
            }
            if !text.is_empty() {
                text.push(b' ');
            }
            let status = self.channels.status(&self.directory, ix, about);
            text.extend_from_slice(status.symbols(is_multi));
            text.extend_from_slice(name);
        }
        if !text.is_empty() {
            self.ports
                .numeric(&self.directory, to, RPL_WHOISCHANNELS)
                .param(&client.nick)
                .trailing(&text);
        }
    }
}
