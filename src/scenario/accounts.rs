//! The accounts of users, and the service that keeps those of the embedded network.

use std::time::Duration;

use crate::place::Misread;
use crate::place::Place;
use crate::scenario::reader::Table;
use crate::scenario::value;

/// The accounts that users log in to, one each.
#[derive(Clone, Debug)]
pub struct Accounts {
    /// Where they come from.
    pub source: AccountSource,
    /// How users log in.
    pub way: LoginWay,
    /// Whether who can't log in closes the connection and comes back later, as clients do that insist on it; else it goes on without.
    pub is_required: bool,
}

/// Where accounts come from.
#[derive(Clone, Debug)]
pub enum AccountSource {
    /// A CSV with the columns `account,password`, and perhaps `certificate,key`.
    Csv {
        /// The file, as written: from the scenario's folder.
        path: String,
        /// Where it was written.
        place: Place,
    },
    /// Names made of a pattern, all with one password.
    Pattern {
        /// The name, with `{n}` for the number of the user, from 0 on.
        name: String,
        /// The environment variable that holds the password; without one only the embedded network knows it.
        password_env: Option<String>,
    },
}

/// How users log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginWay {
    /// SASL PLAIN.
    Plain,
    /// SASL EXTERNAL: by the certificate of the connection.
    External,
    /// SASL SCRAM-SHA-256.
    ScramSha256,
    /// A message to `NickServ` after the registration.
    NickServ,
}

impl LoginWay {
    /// Every way.
    pub const ALL: [Self; 4] = [
        Self::Plain,
        Self::External,
        Self::ScramSha256,
        Self::NickServ,
    ];

    /// Returns the name in scenario files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::External => "EXTERNAL",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::NickServ => "NickServ",
        }
    }
}

/// The service that keeps the accounts of the embedded network: one at a time, like those of real ones.
#[derive(Clone, Copy, Debug)]
pub struct Services {
    /// How long it works at one login.
    pub cost: Duration,
    /// How long a word takes to it and back.
    pub delay: Duration,
    /// Most logins that may wait; one more and it goes down, and forgets those that waited. `None` for as many as there are.
    pub queue: Option<u32>,
    /// How long it is down then.
    pub restart: Duration,
}

/// Reads the accounts, if there are any.
pub(super) fn accounts(mut table: Table<'_>) -> Result<Option<Accounts>, Misread> {
    let file = table.optional_placed("file", value::text)?;
    let pattern = table.optional_placed("pattern", value::text)?;
    let password_env = table.optional("password_env", value::text)?;
    let way = table.optional("login", value::login_way)?;
    let is_required = table.optional("required", value::boolean)?;
    let whole = table.place().clone();
    table.finish()?;
    let source = match (file, pattern) {
        (Some((path, place)), None) => AccountSource::Csv { path, place },
        (None, Some((name, place))) => {
            if !name.contains("{n}") {
                let misread =
                    Misread::new("expected `{n}` for the user's number in a pattern", place);
                return Err(misread.with_help("such as pattern = \"storm{n}\""));
            }
            AccountSource::Pattern { name, password_env }
        }
        (None, None) if password_env.is_none() && way.is_none() && is_required.is_none() => {
            return Ok(None);
        }
        _ => {
            let misread = Misread::new("expected either `file` or `pattern` for accounts", whole);
            return Err(misread
                .with_help("a CSV with the columns account,password, or pattern = \"storm{n}\""));
        }
    };
    Ok(Some(Accounts {
        source,
        way: way.unwrap_or(LoginWay::Plain),
        is_required: is_required.unwrap_or(true),
    }))
}

/// Reads how the embedded network keeps accounts.
pub(super) fn services(mut table: Table<'_>) -> Result<Services, Misread> {
    let cost = table.with_default("cost", Duration::ZERO, value::duration)?;
    let delay = table.with_default("delay", Duration::ZERO, value::duration)?;
    let queue = table.optional("queue", value::count)?;
    let restart = table.with_default("restart", Duration::from_mins(1), value::duration)?;
    table.finish()?;
    Ok(Services {
        cost,
        delay,
        queue,
        restart,
    })
}
