//! Who a bouncer's users are: their networks, channels and clients, a row for each user and network.
//!
//! [`mod@file`] reads and writes `roster.csv`, [`model`] makes a roster of nobody, and [`limits`] computes what it asks of networks.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::civil::Date;

use crate::roster::name::Channel;
use crate::roster::name::Network;
use crate::roster::name::SecretEnv;
use crate::roster::name::User;

pub mod file;
pub mod limits;
pub mod model;
pub mod name;

/// Most rows of a roster: ten times the largest bouncer that is known, and a few hundred megabytes here.
pub const ROWS_MAX: usize = 1_000_000;

/// Most channels of a user on a network; servers known here let a user into 10 to 120 of them.
pub const CHANNELS_MAX: usize = 1_000;

/// Most clients of a user at once on a network; a person has a handful.
pub const CLIENTS_MAX: u32 = 1_000;

/// One user on one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The user, at the bouncer and as a nick.
    pub user: User,
    /// The environment variable with the user's password at the bouncer.
    pub secret_env: SecretEnv,
    /// When the user signed up, where that is known.
    pub signed_up: Option<Date>,
    /// The network.
    pub network: Network,
    /// The address from which the bouncer dials the network for this user; `None` for its default one.
    pub egress: Option<IpAddr>,
    /// The user's channels there.
    pub channels: Vec<Channel>,
    /// Whether a client of the user's is there, usually.
    pub is_attached: bool,
    /// How many clients at once, when any is.
    pub clients: u32,
    /// Stored backlog, in bytes.
    pub history_bytes: u64,
}

/// The users of a bouncer. No user is on a network twice, and each has one password and one date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    rows: Vec<Row>,
    /// The rows of each user, by its name as networks compare nicks.
    by_user: BTreeMap<String, Vec<usize>>,
}

/// Why a row can't stand beside the others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Clash {
    /// The user is on that network already.
    #[error("`{user}` is on `{network}` already")]
    Twice {
        /// The user.
        user: User,
        /// The network.
        network: Network,
    },
    /// Another user's name is the same but for its case.
    #[error("`{user}` is `{other}` in another case")]
    Case {
        /// The user.
        user: User,
        /// Who was first.
        other: User,
    },
    /// The user's rows differ in what a user has one of.
    #[error("`{user}` has another {what} in another row")]
    Differs {
        /// The user.
        user: User,
        /// The column.
        what: &'static str,
    },
    /// There are too many rows.
    #[error("expected at most {ROWS_MAX} rows")]
    TooMany,
}

/// One user with all its networks.
#[derive(Clone, Debug)]
pub struct Account<'a> {
    /// The user.
    pub user: &'a User,
    /// The environment variable with its password.
    pub secret_env: &'a SecretEnv,
    /// Its rows, in the roster's order; there is one at least.
    pub rows: Vec<&'a Row>,
}

impl Roster {
    /// Adds a row.
    ///
    /// # Errors
    ///
    /// Returns why it can't stand beside the others.
    pub fn push(&mut self, row: Row) -> Result<(), Clash> {
        if self.rows.len() >= ROWS_MAX {
            return Err(Clash::TooMany);
        }
        // Servers fold more than ASCII's letters, but names of users have no others.
        let key = row.user.as_str().to_ascii_lowercase();
        let indices = self.by_user.get(&key).map_or(&[][..], Vec::as_slice);
        for other in indices.iter().filter_map(|&index| self.rows.get(index)) {
            check_beside(&row, other)?;
        }
        self.by_user.entry(key).or_default().push(self.rows.len());
        self.rows.push(row);
        Ok(())
    }

    /// Returns the rows, in order.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Returns how many users there are.
    pub fn user_count(&self) -> usize {
        self.by_user.len()
    }

    /// Returns the users in the order of their first rows.
    pub fn accounts(&self) -> Vec<Account<'_>> {
        let mut firsts: Vec<&Vec<usize>> = self.by_user.values().collect();
        firsts.sort_unstable();
        let account = |indices: &Vec<usize>| {
            let rows: Vec<&Row> = indices
                .iter()
                .filter_map(|&index| self.rows.get(index))
                .collect();
            let first = rows.first().copied()?;
            Some(Account {
                user: &first.user,
                secret_env: &first.secret_env,
                rows,
            })
        };
        firsts.into_iter().filter_map(account).collect()
    }

    /// Returns the networks, sorted.
    pub fn networks(&self) -> BTreeSet<&Network> {
        self.rows.iter().map(|row| &row.network).collect()
    }

    /// Returns the variables with passwords, sorted.
    pub fn secrets(&self) -> BTreeSet<&SecretEnv> {
        self.rows.iter().map(|row| &row.secret_env).collect()
    }
}

fn check_beside(row: &Row, other: &Row) -> Result<(), Clash> {
    let user = row.user.clone();
    if row.user != other.user {
        let other = other.user.clone();
        return Err(Clash::Case { user, other });
    }
    if row.network == other.network {
        let network = row.network.clone();
        return Err(Clash::Twice { user, network });
    }
    let what = if row.secret_env != other.secret_env {
        "secret_env"
    } else if row.signed_up != other.signed_up {
        "signed_up"
    } else {
        return Ok(());
    };
    Err(Clash::Differs { user, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(user: &str, network: &str) -> Row {
        Row {
            user: User::parse(user).unwrap(),
            secret_env: SecretEnv::parse("SECRET").unwrap(),
            signed_up: None,
            network: Network::parse(network).unwrap(),
            egress: None,
            channels: Vec::new(),
            is_attached: false,
            clients: 1,
            history_bytes: 0,
        }
    }

    #[test]
    fn a_user_of_two_networks_is_one_account_in_the_order_of_its_first_row() {
        let mut roster = Roster::default();
        for (user, network) in [("oak", "one"), ("elm", "one"), ("oak", "two")] {
            roster.push(row(user, network)).unwrap();
        }
        let accounts: Vec<(&str, usize)> = roster
            .accounts()
            .iter()
            .map(|account| (account.user.as_str(), account.rows.len()))
            .collect();
        assert_eq!(accounts, [("oak", 2), ("elm", 1)]);
        assert_eq!((roster.user_count(), roster.networks().len()), (2, 2));
    }

    #[test]
    fn rows_that_contradict_each_other_are_refused() {
        let mut roster = Roster::default();
        roster.push(row("oak", "one")).unwrap();
        let other_secret = Row {
            secret_env: SecretEnv::parse("OTHER").unwrap(),
            ..row("oak", "two")
        };
        for (row, want) in [
            (row("oak", "one"), "`oak` is on `one` already"),
            (row("Oak", "two"), "`Oak` is `oak` in another case"),
            (other_secret, "`oak` has another secret_env in another row"),
        ] {
            assert_eq!(roster.push(row).unwrap_err().to_string(), want);
        }
        assert_eq!(roster.rows().len(), 1);
    }
}
