//! What a target asks of those who come: its password, and the accounts of users.

use std::fmt;
use std::sync::Arc;

use crate::irc::session::login::LoginManner;
use crate::irc::session::login::LoginWay;
use crate::irc::session::playback::Hello;
use crate::irc::session::playback::Playback;
use crate::irc::session::sasl::Login;
use crate::irc::session::sasl::Mechanism;
use crate::scenario::accounts;
use crate::units::id::UserId;

/// Everything secret that a shard needs.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// The server's password.
    pub password: Option<Password>,
    /// The users' accounts.
    pub accounts: Option<Arc<Accounts>>,
    /// What each client says to attach, where the target is a bouncer.
    pub hellos: Option<Arc<Hellos>>,
    /// How that bouncer plays back.
    pub playback: Option<Playback>,
}

/// What each client says to attach, by client.
pub type Hellos = Vec<Hello>;

/// A password: nobody's to read.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub Vec<u8>);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// An account that a user logs in to.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name.
    pub name: Vec<u8>,
    /// Its password.
    pub password: Password,
}

/// The accounts of a run, the first for the first user.
#[derive(Clone, Debug)]
pub struct Accounts {
    /// How they are logged in to.
    pub way: accounts::LoginWay,
    /// Whether who can't log in does without the server.
    pub is_required: bool,
    /// One each.
    pub accounts: Vec<Account>,
}

impl Accounts {
    /// Returns what a user logs in with.
    pub(super) fn login(&self, user: UserId) -> Option<Login<'_>> {
        let account = self.accounts.get(user.index())?;
        Some(Login {
            account: &account.name,
            password: &account.password.0,
        })
    }

    /// Returns how sessions log in.
    pub(super) fn manner(&self) -> LoginManner {
        LoginManner {
            way: match self.way {
                accounts::LoginWay::Plain => LoginWay::Sasl(Mechanism::Plain),
                accounts::LoginWay::External => LoginWay::Sasl(Mechanism::External),
                accounts::LoginWay::ScramSha256 => LoginWay::Sasl(Mechanism::ScramSha256),
                accounts::LoginWay::NickServ => LoginWay::NickServ,
            },
            is_required: self.is_required,
        }
    }
}
