//! Where accounts live while they are moved between servers: each is let in at its home alone.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::time::Duration;

use crate::irc::network::Network;
use crate::irc::network::client::ClientId;
use crate::units::id::ServerId;
use crate::units::offset::Offset;

/// For how long whoever was turned away is counted.
const KNOCK_COUNTED: Duration = Duration::from_secs(1);

/// The homes of accounts. An account is told by its user name.
#[derive(Debug)]
pub(super) struct Homes {
    /// Where accounts live that have not been moved.
    first: ServerId,
    /// Those that were, and those under way, which live nowhere.
    moved: HashMap<Box<[u8]>, Option<ServerId>>,
    /// Whether that server takes nobody any more, whoever lives there.
    is_shut: bool,
    /// When somebody was turned away.
    knocks: VecDeque<Offset>,
}

/// What is read at a server that takes nobody any more.
const SHUT: &[u8] = b"This server has been shut, and its accounts are being moved";

impl Homes {
    fn forget_knocks(&mut self, now: Offset) {
        let is_old = |&at: &Offset| at + KNOCK_COUNTED < now;
        while self.knocks.front().is_some_and(is_old) {
            self.knocks.pop_front();
        }
    }
}

impl Network {
    /// Lets accounts in at their home alone from now on: at `first`, until they are moved. Where that holds already it goes on.
    pub fn keep_homes(&mut self, first: ServerId) {
        self.homes.get_or_insert_with(|| Homes {
            first,
            moved: HashMap::new(),
            is_shut: false,
            knocks: VecDeque::new(),
        });
    }

    /// Keeps the accounts that a network had before it was started again, and their homes: they outlive their servers' memory.
    pub fn keep_accounts_of(&mut self, old: &mut Self) {
        self.homes = old.homes.take();
        self.config.services = old.config.services.take();
        self.services.logins = old.services.logins;
    }

    /// Lets go of everybody at the first home of accounts, and of whoever comes there; or lets people in there again.
    pub fn shut_first_home(&mut self, now: Offset, is_shut: bool) {
        self.tick(now);
        let Some(homes) = &mut self.homes else {
            return;
        };
        homes.is_shut = is_shut;
        let first = homes.first;
        if is_shut {
            let mut ids: Vec<ClientId> = self.directory.ids().collect();
            ids.retain(|&id| self.directory.client(id).server == first && self.ports.is_open(id));
            for id in ids {
                self.drop_client(id, SHUT);
            }
        }
        self.settle();
    }

    /// Takes an account from its home: whoever is logged in to it is closed, and nobody is let in until [`Self::settle_account`].
    pub fn unsettle_account(&mut self, now: Offset, account: &[u8]) {
        self.tick(now);
        if let Some(homes) = &mut self.homes {
            homes.moved.insert(account.into(), None);
        }
        let ids: Vec<ClientId> = self.directory.ids().collect();
        for id in ids {
            let user = &self.directory.client(id).user[..];
            let user = user.strip_prefix(b"~").unwrap_or(user);
            if self.ports.is_open(id) && user == account {
                self.drop_client(id, b"This account is being moved to another server");
            }
        }
        self.settle();
    }

    /// Gives an account its home.
    pub fn settle_account(&mut self, account: &[u8], home: ServerId) {
        if let Some(homes) = &mut self.homes {
            homes.moved.insert(account.into(), Some(home));
        }
    }

    /// Returns how many users a server has.
    ///
    /// # Panics
    ///
    /// If there is no such server.
    pub fn users_of(&self, server: ServerId) -> u64 {
        self.directory.servers[server.index()].user_count
    }

    /// Returns how many were turned away from where their account is not, in the second before `now`.
    pub fn knocks(&mut self, now: Offset) -> u64 {
        let Some(homes) = &mut self.homes else {
            return 0;
        };
        homes.forget_knocks(now);
        homes.knocks.len() as u64
    }

    /// Returns why a client is turned away as it registers, if its account lives elsewhere.
    pub(super) fn turned_away(&mut self, id: ClientId) -> Option<&'static [u8]> {
        let client = self.directory.client(id);
        let homes = self.homes.as_mut()?;
        let home = match homes.moved.get(&client.user[..]) {
            Some(&home) => home,
            None => Some(homes.first),
        };
        let is_shut = homes.is_shut && client.server == homes.first;
        if home == Some(client.server) && !is_shut {
            return None;
        }
        homes.forget_knocks(self.now);
        homes.knocks.push_back(self.now);
        Some(match home {
            _ if is_shut => SHUT,
            None => b"This account is being moved to another server",
            Some(home) if home == homes.first => b"This account is not on this server yet",
            Some(_) => b"This account has moved to another server",
        })
    }
}
