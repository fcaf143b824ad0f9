//! MODE: of channels and of oneself.

use crate::irc::network::Network;
use crate::irc::network::channels::Ban;
use crate::irc::network::channels::ChannelIx;
use crate::irc::network::channels::Status;
use crate::irc::network::client::ClientId;
use crate::irc::network::mask;
use crate::irc::wire::compose::push_number;
use crate::irc::wire::message::Message;
use crate::irc::wire::modes::ModeChange;
use crate::irc::wire::modes::ModeChanges;
use crate::irc::wire::modes::Sign;
use crate::irc::wire::numeric::ERR_BANLISTFULL;
use crate::irc::wire::numeric::ERR_CHANOPRIVSNEEDED;
use crate::irc::wire::numeric::ERR_NOSUCHCHANNEL;
use crate::irc::wire::numeric::ERR_UMODEUNKNOWNFLAG;
use crate::irc::wire::numeric::ERR_UNKNOWNMODE;
use crate::irc::wire::numeric::ERR_USERNOTINCHANNEL;
use crate::irc::wire::numeric::ERR_USERSDONTMATCH;
use crate::irc::wire::numeric::RPL_BANLIST;
use crate::irc::wire::numeric::RPL_CHANNELMODEIS;
use crate::irc::wire::numeric::RPL_CREATIONTIME;
use crate::irc::wire::numeric::RPL_ENDOFBANLIST;
use crate::irc::wire::numeric::RPL_UMODEIS;

/// Most bytes of letters and parameters in one relayed MODE, so that it fits in a line with the longest names.
const CHANGES_BYTES_MAX: usize = 300;

/// Longest key of a channel.
const KEY_BYTES_MAX: usize = 32;

/// Longest mask of a ban.
const MASK_BYTES_MAX: usize = 150;

/// A change of a channel's modes that has been made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) sign: Sign,
    pub(super) letter: u8,
    pub(super) param: Option<Vec<u8>>,
}

impl Network {
    pub(super) fn mode_command(&mut self, id: ClientId, message: &Message<'_>) {
        let Some(target) = message.params.get(0) else {
            return self.fail_for_params(id, b"MODE");
        };
        if target.first() != Some(&b'#') {
            return self.user_mode(id, message, target);
        }
        let Some(ix) = self.channels.find(self.directory.side_of(id), target) else {
            return self.fail(id, ERR_NOSUCHCHANNEL, &[target], "No such channel");
        };
        if message.params.len() == 1 {
            return self.send_channel_modes(id, ix);
        }
        // One line holds no more changes than bytes.
        let asked: Vec<ModeChange<'_>> =
            ModeChanges::new(&self.isupport, &message.params, 1).collect();
        let mut made = Vec::with_capacity(asked.len());
        let mut param_count = 0;
        let mut was_denied = false;
        for change in &asked {
            if change.letter == b'b' && change.param.is_none() {
                self.send_bans(id, ix);
                continue;
            }
            let status = self.channels.status(&self.directory, ix, id);
            if !status.has_any(Status::OPERATOR) {
                if !was_denied {
                    let text = "You're not a channel operator";
                    self.fail(id, ERR_CHANOPRIVSNEEDED, &[target], text);
                }
                was_denied = true;
                continue;
            }
            param_count += usize::from(change.param.is_some());
            if change.param.is_some() && param_count > self.config.limits.modes_max {
                continue;
            }
            made.extend(self.make_change(id, ix, change));
        }
        let source = self.directory.client(id).mask.clone();
        self.announce_modes(ix, &source, &made);
    }

    fn make_change(
        &mut self,
        id: ClientId,
        ix: ChannelIx,
        change: &ModeChange<'_>,
    ) -> Option<Change> {
        let is_set = change.sign == Sign::Set;
        let param = match (change.letter, change.param) {
            (b'o', Some(nick)) => self.change_status(id, ix, nick, (Status::OPERATOR, is_set))?,
            (b'v', Some(nick)) => self.change_status(id, ix, nick, (Status::VOICE, is_set))?,
            (b'b', Some(mask)) => self.change_ban(id, ix, mask, is_set)?,
            (b'k', Some(key)) => self.change_key(ix, key, is_set)?,
            (b'l', limit) => return self.change_limit(ix, limit, change.sign),
            (b'i' | b'm' | b'n' | b'p' | b's' | b't', _) => {
                let modes = &mut self.channels.channel_mut(ix).modes;
                return modes.set_flag(change.letter, is_set).then_some(Change {
                    sign: change.sign,
                    letter: change.letter,
                    param: None,
                });
            }
            (b'o' | b'v' | b'k', None) => return None,
            (letter, _) => {
                self.fail(
                    id,
                    ERR_UNKNOWNMODE,
                    &[&[letter]],
                    "is unknown mode char to me",
                );
                return None;
            }
        };
        Some(Change {
            sign: change.sign,
            letter: change.letter,
            param: Some(param),
        })
    }

    fn change_status(
        &mut self,
        id: ClientId,
        ix: ChannelIx,
        nick: &[u8],
        (status, is_set): (Status, bool),
    ) -> Option<Vec<u8>> {
        let target = self.find_for(id, nick)?;
        let Some(member) = self.channels.member(&self.directory, ix, target) else {
            let name = self.channels.channel(ix).name.clone();
            let text = "They are not on that channel";
            self.fail(id, ERR_USERNOTINCHANNEL, &[nick, &name], text);
            return None;
        };
        let was = member.status;
        let is = if is_set {
            was.with(status)
        } else {
            was.without(status)
        };
        self.channels.set_status(&self.directory, ix, target, is);
        (was != is).then(|| self.directory.client(target).nick.clone())
    }

    fn change_ban(
        &mut self,
        id: ClientId,
        ix: ChannelIx,
        text: &[u8],
        is_set: bool,
    ) -> Option<Vec<u8>> {
        let mask = mask::normal(&text[..text.len().min(MASK_BYTES_MAX)]);
        let (by, at) = (self.directory.client(id).mask.clone(), self.unix_secs());
        let channel = self.channels.channel_mut(ix);
        let bans = &mut channel.modes.bans;
        let place = bans.iter().position(|ban| ban.mask == mask);
        match (place, is_set) {
            (Some(place), false) => {
                bans.remove(place);
            }
            (None, true) if bans.len() >= self.config.limits.bans_max => {
                let name = channel.name.clone();
                self.fail(
                    id,
                    ERR_BANLISTFULL,
                    &[&name, &mask],
                    "Channel ban list is full",
                );
                return None;
            }
            (None, true) => bans.push(Ban {
                mask: mask.clone(),
                by,
                at,
            }),
            _ => return None,
        }
        Some(mask)
    }

    fn change_key(&mut self, ix: ChannelIx, key: &[u8], is_set: bool) -> Option<Vec<u8>> {
        let modes = &mut self.channels.channel_mut(ix).modes;
        if !is_set {
            return modes.key.take();
        }
        let is_key = key.len() <= KEY_BYTES_MAX
            && !key.is_empty()
            && !key
                .iter()
                .any(|&byte| byte <= b' ' || byte == b',' || byte == b':');
        if !is_key || modes.key.as_deref() == Some(key) {
            return None;
        }
        modes.key = Some(key.to_vec());
        Some(key.to_vec())
    }

    fn change_limit(&mut self, ix: ChannelIx, limit: Option<&[u8]>, sign: Sign) -> Option<Change> {
        let modes = &mut self.channels.channel_mut(ix).modes;
        let was = modes.limit;
        let mut param = None;
        if sign == Sign::Set {
            let limit: u32 = std::str::from_utf8(limit?).ok()?.parse().ok()?;
            modes.limit = (limit > 0).then_some(limit).or(was);
            let mut text = Vec::new();
            push_number(u64::from(limit), &mut text);
            param = Some(text);
        } else {
            modes.limit = None;
        }
        (was != modes.limit).then_some(Change {
            sign,
            letter: b'l',
            param,
        })
    }

    /// Tells a channel's members of changes, in as many lines as they need.
    pub(super) fn announce_modes(&mut self, ix: ChannelIx, source: &[u8], changes: &[Change]) {
        let mut rest = changes;
        while !rest.is_empty() {
            let (mut letters, mut params): (Vec<u8>, Vec<&[u8]>) = (Vec::new(), Vec::new());
            let (mut sign, mut byte_count, mut taken) = (None, 0, 0);
            for change in rest {
                let param = change.param.as_deref();
                byte_count += 2 + param.map_or(0, |param| param.len() + 1);
                let is_full = byte_count > CHANGES_BYTES_MAX
                    || (param.is_some() && params.len() >= self.config.limits.modes_max);
                if is_full && taken > 0 {
                    break;
                }
                if sign != Some(change.sign) {
                    sign = Some(change.sign);
                    letters.push(if change.sign == Sign::Set { b'+' } else { b'-' });
                }
                letters.push(change.letter);
                params.extend(param);
                taken += 1;
            }
            rest = &rest[taken..];
            let words: Vec<&[u8]> = std::iter::once(&letters[..]).chain(params).collect();
            self.relay_mode(ix, source, &words);
        }
    }

    /// Sends a MODE of letters and their parameters to a channel's members.
    pub(super) fn relay_mode(&mut self, ix: ChannelIx, source: &[u8], words: &[&[u8]]) {
        self.compose_mode(ix, source, words);
        self.relay_to_channel(ix);
    }

    /// Makes a MODE ready to be relayed.
    pub(super) fn compose_mode(&mut self, ix: ChannelIx, source: &[u8], words: &[&[u8]]) {
        let account = self.account_of(ix, source);
        let has_colon = self.manners().colons.before_mode;
        let name = &self.channels.channel(ix).name;
        let mut line = self
            .relay
            .begin_as(source, account.as_deref())
            .command(b"MODE")
            .param(name);
        if let Some((last, before)) = words.split_last() {
            for word in before {
                line = line.param(word);
            }
            if has_colon {
                line.trailing(last);
            } else {
                line.param(last).end();
            }
        }
        self.relay.cut();
    }

    /// Returns the account of who changes a channel, if it is a user who is logged in.
    pub(super) fn account_of(&self, ix: ChannelIx, source: &[u8]) -> Option<Vec<u8>> {
        let end = memchr::memchr(b'!', source)?;
        let side = self.channels.channel(ix).side;
        let found = self.directory.find(side, &source[..end])?;
        self.directory.client(found).account.clone()
    }

    /// Tells the members of a channel its modes without bans, even if it has none.
    pub(super) fn tell_modes(&mut self, ix: ChannelIx, source: &[u8]) {
        let modes = &self.channels.channel(ix).modes;
        let mut words = vec![[b"+", &modes.flags[..]].concat()];
        if let Some(key) = modes.key.clone() {
            words[0].push(b'k');
            words.push(key);
        }
        if let Some(limit) = modes.limit {
            let mut text = Vec::new();
            push_number(u64::from(limit), &mut text);
            words[0].push(b'l');
            words.push(text);
        }
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        self.relay_mode(ix, source, &words);
    }

    fn send_channel_modes(&mut self, id: ClientId, ix: ChannelIx) {
        let channel = self.channels.channel(ix);
        let modes = &channel.modes;
        let is_member = self.channels.member(&self.directory, ix, id).is_some();
        let mut letters = [b"+", &modes.flags[..]].concat();
        letters.extend(modes.key.iter().map(|_| b'k'));
        letters.extend(modes.limit.iter().map(|_| b'l'));
        let mut line = self
            .ports
            .numeric(&self.directory, id, RPL_CHANNELMODEIS)
            .param(&channel.name)
            .param(&letters);
        if let Some(key) = &modes.key {
            // Strangers may know that there is a key, but not which.
            line = line.param(if is_member { key } else { b"*" });
        }
        if let Some(limit) = modes.limit {
            line = line.number(u64::from(limit));
        }
        line.end();
        self.ports
            .numeric(&self.directory, id, RPL_CREATIONTIME)
            .param(&channel.name)
            .number(channel.created)
            .end();
    }

    fn send_bans(&mut self, id: ClientId, ix: ChannelIx) {
        let channel = self.channels.channel(ix);
        for ban in &channel.modes.bans {
            self.ports
                .numeric(&self.directory, id, RPL_BANLIST)
                .param(&channel.name)
                .param(&ban.mask)
                .param(&ban.by)
                .number(ban.at)
                .end();
        }
        self.ports
            .numeric(&self.directory, id, RPL_ENDOFBANLIST)
            .param(&channel.name)
            .trailing(b"End of channel ban list");
    }

    fn user_mode(&mut self, id: ClientId, message: &Message<'_>, target: &[u8]) {
        let Some(found) = self.find_for(id, target) else {
            return;
        };
        if found != id {
            return self.fail(
                id,
                ERR_USERSDONTMATCH,
                &[],
                "Can't change mode for other users",
            );
        }
        let Some(asked) = message.params.get(1) else {
            let client = self.directory.client(id);
            let mut letters = b"+".to_vec();
            letters.extend(client.modes.is_invisible.then_some(b'i'));
            letters.extend(client.modes.wants_wallops.then_some(b'w'));
            self.ports
                .numeric(&self.directory, id, RPL_UMODEIS)
                .param(&letters)
                .end();
            return;
        };
        let (mut is_set, mut has_unknown) = (true, false);
        let mut made = Vec::new();
        for &letter in asked {
            let client = self.directory.client_mut(id);
            let was = match letter {
                b'+' | b'-' => {
                    is_set = letter == b'+';
                    continue;
                }
                b'i' => client.modes.is_invisible,
                b'w' => client.modes.wants_wallops,
                _ => {
                    has_unknown = true;
                    continue;
                }
            };
            if was != is_set {
                made.extend([if is_set { b'+' } else { b'-' }, letter]);
            }
            if letter == b'i' {
                self.directory.set_invisible(id, is_set);
            } else {
                client.modes.wants_wallops = is_set;
            }
        }
        if has_unknown {
            self.fail(id, ERR_UMODEUNKNOWNFLAG, &[], "Unknown MODE flag");
        }
        if !made.is_empty() {
            let client = self.directory.client(id);
            self.ports
                .line(id)
                .source(&client.mask)
                .command(b"MODE")
                .param(&client.nick)
                .trailing(&made);
        }
    }
}
