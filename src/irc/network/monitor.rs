//! MONITOR: clients that are told when nicks come and go.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use siphasher::sip::SipHasher13;

use crate::irc::network::Network;
use crate::irc::network::client::ClientId;
use crate::irc::network::directory::HUB;
use crate::irc::network::names::CASE_MAPPING;
use crate::irc::wire::message::Message;
use crate::irc::wire::numeric::ERR_MONLISTFULL;
use crate::irc::wire::numeric::RPL_ENDOFMONLIST;
use crate::irc::wire::numeric::RPL_MONLIST;
use crate::irc::wire::numeric::RPL_MONOFFLINE;
use crate::irc::wire::numeric::RPL_MONONLINE;
use crate::units::id::ServerId;

/// Most nicks that one client may monitor, as most servers have it.
pub(super) const MONITOR_MAX: usize = 100;

/// Most bytes of nicks or masks in one line of an answer.
const TARGETS_BYTES_MAX: usize = 380;

/// Who monitors whom.
#[derive(Debug, Default)]
pub(super) struct Monitors {
    /// Nicks as they were asked for, by the client that did; at most [`MONITOR_MAX`] each.
    lists: HashMap<ClientId, Vec<Vec<u8>>>,
    /// By folded nick, in the order in which they asked.
    watchers: HashMap<Vec<u8>, Vec<ClientId>, BuildHasherDefault<SipHasher13>>,
}

/// What came of a nick that a client wants to monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Added {
    New,
    /// It was on the list.
    Known,
    /// The list has no room.
    Full,
}

impl Monitors {
    fn list(&self, id: ClientId) -> &[Vec<u8>] {
        self.lists.get(&id).map_or(&[], Vec::as_slice)
    }

    fn watchers_of(&self, nick: &[u8]) -> &[ClientId] {
        if self.watchers.is_empty() {
            return &[];
        }
        self.watchers
            .get(&CASE_MAPPING.fold(nick))
            .map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, id: ClientId, nick: &[u8]) -> Added {
        let list = self.lists.entry(id).or_default();
        if list.iter().any(|known| CASE_MAPPING.eq(known, nick)) {
            return Added::Known;
        }
        if list.len() >= MONITOR_MAX {
            return Added::Full;
        }
        list.push(nick.to_vec());
        let watchers = self.watchers.entry(CASE_MAPPING.fold(nick)).or_default();
        watchers.push(id);
        Added::New
    }

    fn remove(&mut self, id: ClientId, nick: &[u8]) {
        if let Some(list) = self.lists.get_mut(&id) {
            list.retain(|known| !CASE_MAPPING.eq(known, nick));
        }
        let folded = CASE_MAPPING.fold(nick);
        if let Some(watchers) = self.watchers.get_mut(&folded) {
            watchers.retain(|&watcher| watcher != id);
            if watchers.is_empty() {
                self.watchers.remove(&folded);
            }
        }
    }

    /// Forgets a client and what it asked for.
    pub(super) fn forget(&mut self, id: ClientId) {
        for nick in self.lists.remove(&id).unwrap_or_default() {
            self.remove(id, &nick);
        }
    }
}

impl Network {
    pub(super) fn monitor(&mut self, id: ClientId, message: &Message<'_>) {
        let Some(sign) = message.params.get(0).and_then(<[u8]>::first) else {
            return self.fail_for_params(id, b"MONITOR");
        };
        let nicks = message.params.get(1).unwrap_or_default();
        let nicks = nicks
            .split(|&byte| byte == b',')
            .filter(|nick| !nick.is_empty());
        match sign.to_ascii_lowercase() {
            b'+' => self.monitor_more(id, nicks),
            b'-' => nicks.for_each(|nick| self.monitors.remove(id, nick)),
            b'c' => self.monitors.forget(id),
            b'l' => {
                let list = self.monitors.list(id).to_vec();
                self.tell_targets(id, RPL_MONLIST, &list);
                self.tell(id, RPL_ENDOFMONLIST, "End of MONITOR list");
            }
            b's' => {
                let list = self.monitors.list(id).to_vec();
                self.tell_presence(id, &list);
            }
            _ => {}
        }
    }

    fn monitor_more<'a>(&mut self, id: ClientId, nicks: impl Iterator<Item = &'a [u8]>) {
        let (mut added, mut refused) = (Vec::new(), Vec::new());
        for nick in nicks.filter(|nick| self.is_nick(nick)).collect::<Vec<_>>() {
            match self.monitors.add(id, nick) {
                Added::New => added.push(nick.to_vec()),
                Added::Known => {}
                Added::Full => refused.push(nick),
            }
        }
        self.tell_presence(id, &added);
        if !refused.is_empty() {
            let mut text = refused.join(&b',');
            text.truncate(TARGETS_BYTES_MAX);
            self.ports
                .numeric(&self.directory, id, ERR_MONLISTFULL)
                .number(MONITOR_MAX as u64)
                .param(&text)
                .trailing(b"Monitor list is full.");
        }
    }

    /// Tells a client which of some nicks are there, and which are not.
    fn tell_presence(&mut self, id: ClientId, nicks: &[Vec<u8>]) {
        let side = self.directory.side_of(id);
        let (mut online, mut offline) = (Vec::new(), Vec::new());
        for nick in nicks {
            match self.directory.find(side, nick) {
                Some(found) => online.push(self.directory.client(found).mask.clone()),
                None => offline.push(nick.clone()),
            }
        }
        self.tell_targets(id, RPL_MONONLINE, &online);
        self.tell_targets(id, RPL_MONOFFLINE, &offline);
    }

    fn tell_targets(&mut self, id: ClientId, number: u16, targets: &[Vec<u8>]) {
        let mut text = Vec::new();
        for target in targets {
            if !text.is_empty() && text.len() + 1 + target.len() > TARGETS_BYTES_MAX {
                self.ports
                    .numeric(&self.directory, id, number)
                    .trailing(&text);
                text.clear();
            }
            if !text.is_empty() {
                text.push(b',');
            }
            text.extend_from_slice(target);
        }
        if !text.is_empty() {
            self.ports
                .numeric(&self.directory, id, number)
                .trailing(&text);
        }
    }

    /// Tells those who monitor a user's nick, on its side, that it has come.
    pub(super) fn tell_online(&mut self, id: ClientId) {
        self.tell_watchers(id, RPL_MONONLINE, |network, watcher| {
            network.directory.side_of(watcher) == network.directory.side_of(id)
        });
    }

    /// Tells those who monitor a user's nick, on its side, that it goes.
    pub(super) fn tell_offline(&mut self, id: ClientId) {
        self.tell_watchers(id, RPL_MONOFFLINE, |network, watcher| {
            network.directory.side_of(watcher) == network.directory.side_of(id)
        });
    }

    /// Tells watchers on each side of a link that breaks or is made of the users on the other; the link counts as there.
    pub(super) fn tell_of_link(&mut self, far: ServerId, is_made: bool) {
        if self.monitors.watchers.is_empty() {
            return;
        }
        let number = if is_made {
            RPL_MONONLINE
        } else {
            RPL_MONOFFLINE
        };
        let ids: Vec<ClientId> = self.directory.ids().collect();
        for id in ids {
            let client = self.directory.client(id);
            if !client.is_registered() || self.directory.side(client.server) != HUB {
                continue;
            }
            self.tell_watchers(id, number, |network, watcher| {
                network.directory.side_of(watcher) == HUB
                    && network.part_of(watcher, far) != network.part_of(id, far)
            });
        }
    }

    fn tell_watchers(
        &mut self,
        id: ClientId,
        number: u16,
        is_told: impl Fn(&Self, ClientId) -> bool,
    ) {
        let client = self.directory.client(id);
        let watchers = self.monitors.watchers_of(&client.nick);
        if watchers.is_empty() {
            return;
        }
        let target = if number == RPL_MONONLINE {
            client.mask.clone()
        } else {
            client.nick.clone()
        };
        for &watcher in watchers {
            if self.ports.is_open(watcher) && is_told(self, watcher) {
                self.ports
                    .numeric(&self.directory, watcher, number)
                    .trailing(&target);
            }
        }
    }
}
