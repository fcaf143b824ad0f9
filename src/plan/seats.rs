//! Who sits at a bouncer: each user's place on each network, its clients, and the channels of all networks.
//!
//! The clients come first among a plan's users; the members of the networks whom no bouncer holds come behind them.

use std::collections::HashMap;
use std::ops::Range;

use crate::plan::names::Given;
use crate::roster::Account;
use crate::roster::Roster;
use crate::roster::Row;
use crate::units::id::ChannelId;
use crate::units::id::SeatId;
use crate::units::id::UserId;

/// One user's place on one network.
#[derive(Clone, Debug)]
pub struct Seat {
    /// The user's name, which is its nick.
    pub user: String,
    /// The number of its network.
    pub network: u16,
    /// The network's name.
    pub network_name: String,
    /// Its channels, in order.
    pub channels: Vec<ChannelId>,
    /// Its clients.
    pub clients: Range<u32>,
}

/// One user of a bouncer, with all of its places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The user's name.
    pub user: String,
    /// How many channels it is in, on all networks together.
    pub channel_count: usize,
}

/// Everybody who sits at a bouncer.
#[derive(Clone, Debug, Default)]
pub struct Seats {
    rows: Vec<Seat>,
    /// The users, as they signed up.
    holders: Vec<Holder>,
    /// By client.
    of_client: Vec<SeatId>,
    networks: Vec<String>,
    /// The network of each channel.
    network_of: Vec<u16>,
    channel_names: Vec<String>,
    by_name: HashMap<(u16, String), ChannelId>,
}

impl Seats {
    /// Returns the seats of a roster, a row each and in its order. Rows that are not attached have no clients.
    pub fn new(roster: &Roster) -> Self {
        let mut seats = Self {
            networks: roster.networks().iter().map(ToString::to_string).collect(),
            holders: holders(roster),
            ..Self::default()
        };
        for row in roster.rows() {
            seats.push(row);
        }
        seats
    }

    fn push(&mut self, row: &Row) {
        let name = row.network.as_str();
        let network = self.networks.iter().position(|known| known == name);
        let network = network.and_then(|place| u16::try_from(place).ok());
        let network = network.unwrap_or(0);
        let mut channels: Vec<ChannelId> = row
            .channels
            .iter()
            .map(|channel| self.enter(network, channel.as_str()))
            .collect();
        channels.sort_unstable();
        channels.dedup();
        let first = self.client_count();
        let count = if row.is_attached { row.clients } else { 0 };
        let seat = SeatId(u32::try_from(self.rows.len()).unwrap_or(u32::MAX));
        self.of_client.extend((0..count).map(|_| seat));
        self.rows.push(Seat {
            user: row.user.to_string(),
            network,
            network_name: name.to_owned(),
            channels,
            clients: first..first + count,
        });
    }

    fn enter(&mut self, network: u16, name: &str) -> ChannelId {
        let next = ChannelId(u32::try_from(self.network_of.len()).unwrap_or(u32::MAX));
        let key = (network, name.to_ascii_lowercase());
        let channel = *self.by_name.entry(key).or_insert(next);
        if channel == next {
            self.network_of.push(network);
            self.channel_names.push(name.to_owned());
        }
        channel
    }

    /// Returns the seats, in the roster's order.
    pub fn seats(&self) -> &[Seat] {
        &self.rows
    }

    /// Returns a seat.
    pub fn seat(&self, seat: SeatId) -> Option<&Seat> {
        self.rows.get(seat.index())
    }

    /// Returns the users, as they signed up: by their dates, those without one last and in the roster's order.
    pub fn holders(&self) -> &[Holder] {
        &self.holders
    }

    /// Returns where each client sits.
    pub fn of_clients(&self) -> &[SeatId] {
        &self.of_client
    }

    /// Returns where a client sits; `None` for who is no client.
    pub fn of_client(&self, client: UserId) -> Option<SeatId> {
        self.of_client.get(client.index()).copied()
    }

    /// Returns the number of clients. They are the plan's first users.
    pub fn client_count(&self) -> u32 {
        u32::try_from(self.of_client.len()).unwrap_or(u32::MAX)
    }

    /// Returns the networks' names, by number.
    pub fn networks(&self) -> &[String] {
        &self.networks
    }

    /// Returns the number of channels on all networks.
    pub fn channel_count(&self) -> u32 {
        u32::try_from(self.network_of.len()).unwrap_or(u32::MAX)
    }

    /// Returns the number of a channel's network.
    pub fn network_of(&self, channel: ChannelId) -> Option<u16> {
        self.network_of.get(channel.index()).copied()
    }

    /// Returns the channel that is called `name` on a network.
    pub fn channel(&self, network: u16, name: &[u8]) -> Option<ChannelId> {
        let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
        self.by_name.get(&(network, name)).copied()
    }

    /// Returns the names that the roster gives to clients and channels.
    pub(crate) fn given(&self) -> Given {
        let nick = |seat: &SeatId| self.rows.get(seat.index()).map(|seat| seat.user.clone());
        Given {
            nicks: self.of_client.iter().filter_map(nick).collect(),
            channels: self.channel_names.clone(),
        }
    }
}

fn holders(roster: &Roster) -> Vec<Holder> {
    let mut accounts = roster.accounts();
    accounts.sort_by_key(|account| {
        let date = account.rows.iter().find_map(|row| row.signed_up);
        (date.is_none(), date)
    });
    let holder = |account: &Account<'_>| Holder {
        user: account.user.to_string(),
        channel_count: account.rows.iter().map(|row| row.channels.len()).sum(),
    };
    accounts.iter().map(holder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::file;

    #[test]
    fn users_stand_in_the_order_in_which_they_signed_up() {
        let text = "user,secret_env,signed_up,network,egress,channels,attached,clients,history_bytes\n\
            fir,PW,,one,,#a,yes,1,0\n\
            oak,PW,2015-01-01,one,,#a #b,yes,2,0\n\
            elm,PW,2012-01-01,one,,,yes,1,0\n\
            oak,PW,2015-01-01,two,,#a,no,1,0\n";
        let seats = Seats::new(&file::read("r.csv", text.as_bytes()).unwrap());
        let holders = seats.holders().iter();
        let told: Vec<(&str, usize)> = holders
            .map(|holder| (holder.user.as_str(), holder.channel_count))
            .collect();
        assert_eq!(told, [("elm", 0), ("oak", 3), ("fir", 1)]);
    }

    #[test]
    fn clients_come_in_the_order_of_rows_and_channels_belong_to_their_network() {
        let text = "user,secret_env,signed_up,network,egress,channels,attached,clients,history_bytes\n\
            oak,PW,,one,,#a #b,yes,2,0\n\
            oak,PW,,two,,#a,no,1,0\n\
            elm,PW,,one,,#B,yes,1,0\n";
        let seats = Seats::new(&file::read("r.csv", text.as_bytes()).unwrap());
        assert_eq!(seats.client_count(), 3);
        assert_eq!(seats.of_client(UserId(2)), Some(SeatId(2)));
        assert_eq!(seats.of_client(UserId(3)), None);
        assert_eq!(seats.channel_count(), 3);
        assert_eq!(seats.channel(0, b"#A"), Some(ChannelId(0)));
        assert_eq!(seats.channel(1, b"#a"), Some(ChannelId(2)));
        assert_eq!(seats.channel(1, b"#b"), None);
        assert_eq!(seats.seats()[2].channels, [ChannelId(1)]);
        assert_eq!(seats.given().nicks, ["oak", "oak", "elm"]);
    }
}
