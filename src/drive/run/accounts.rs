//! The accounts that a run's users log in to: read, or made of a pattern, and told to the embedded network.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use crate::drive::run::error::RunError;
use crate::drive::transport::tls::ClientIdentity;
use crate::irc::network::services::ServicesConfig;
use crate::place::Misread;
use crate::place::Place;
use crate::place::table::Column;
use crate::place::table::Content;
use crate::place::table::Table;
use crate::scenario::Scenario;
use crate::scenario::accounts::AccountSource;
use crate::scenario::accounts::LoginWay;
use crate::swarm::credentials::Account;
use crate::swarm::credentials::Accounts;
use crate::swarm::credentials::Password;
use crate::units::id::Seed;

/// Accounts, and what their users show over TLS.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prepared {
    pub(crate) accounts: Option<Arc<Accounts>>,
    /// The certificate of each user, the first user's first; empty where nobody has one of its own.
    pub(crate) identities: Arc<Vec<Option<ClientIdentity>>>,
}

/// The columns of the file.
const COLUMNS: &[Column] = &[
    Column {
        name: "account",
        is_required: true,
    },
    optional("password"),
    optional("certificate"),
    optional("key"),
];

const fn optional(name: &'static str) -> Column {
    Column {
        name,
        is_required: false,
    }
}

/// Makes `count` accounts ready. `folder` is the scenario's; `seed` is set for the embedded network, which takes whatever password.
pub(crate) fn prepare(
    scenario: &Scenario,
    folder: &Path,
    count: u32,
    seed: Option<Seed>,
) -> Result<Prepared, RunError> {
    let Some(accounts) = &scenario.accounts else {
        return Ok(Prepared::default());
    };
    let (list, identities) = match &accounts.source {
        AccountSource::Pattern { name, password_env } => {
            let password = match (password_env, seed) {
                (Some(variable), _) => secret(variable)?,
                (None, Some(seed)) => format!("seed-{}", seed.0).into_bytes(),
                (None, None) if accounts.way == LoginWay::External => Vec::new(),
                (None, None) => return Err(RunError::NoAccountPassword),
            };
            let account = |user: u32| Account {
                name: name.replace("{n}", &user.to_string()).into_bytes(),
                password: Password(password.clone()),
            };
            ((0..count).map(account).collect(), Vec::new())
        }
        AccountSource::Csv { path, place } => read_file(&folder.join(path), place)?,
    };
    if list.len() < count as usize {
        return Err(RunError::TooFewAccounts {
            found: list.len(),
            needed: count,
        });
    }
    Ok(Prepared {
        accounts: Some(Arc::new(Accounts {
            way: accounts.way,
            is_required: accounts.is_required,
            accounts: list,
        })),
        identities: Arc::new(identities),
    })
}

/// Returns the value of a variable of the environment that holds a secret.
///
/// # Errors
///
/// When there is no such variable.
pub fn secret(variable: &str) -> Result<Vec<u8>, RunError> {
    match std::env::var(variable) {
        Ok(password) => Ok(password.into_bytes()),
        Err(_) => Err(RunError::NoPassword(variable.to_owned())),
    }
}

/// Returns how the embedded network keeps these accounts.
pub(crate) fn services(scenario: &Scenario, prepared: &Prepared) -> Option<ServicesConfig> {
    let accounts = prepared.accounts.as_ref()?;
    let passwords: BTreeMap<_, _> = accounts
        .accounts
        .iter()
        .map(|account| (account.name.clone(), account.password.0.clone()))
        .collect();
    let services = &scenario.services;
    Some(ServicesConfig {
        passwords,
        cost: services.cost,
        delay: services.delay,
        queue_max: services.queue,
        restart: services.restart,
    })
}

/// Returns how a network keeps the accounts of a file, at once.
///
/// # Errors
///
/// Returns what is wrong with the file; `place` is where it was named.
pub fn services_of(path: &Path, place: &Place) -> Result<ServicesConfig, RunError> {
    let (accounts, _) = read_file(path, place)?;
    let passwords = accounts
        .into_iter()
        .map(|account| (account.name, account.password.0));
    Ok(ServicesConfig {
        passwords: passwords.collect(),
        ..ServicesConfig::default()
    })
}

type Rows = (Vec<Account>, Vec<Option<ClientIdentity>>);

fn read_file(path: &Path, place: &Place) -> Result<Rows, RunError> {
    let shown = path.display().to_string();
    let misread = |what: &str, place: Place| Misread::new(what, place);
    let text = fs::read_to_string(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => misread(
            &format!("expected a file of accounts, found no `{shown}`"),
            place.clone(),
        )
        .with_help("a CSV with the columns account,password beside the scenario")
        .into(),
        ErrorKind::InvalidData => {
            misread("expected a file of accounts in UTF-8", Place::file(&shown)).into()
        }
        _ => file_error(path, source),
    })?;
    // No error shows what stands in the file: it holds passwords.
    let table = Table::read(&shown, &text, COLUMNS, Content::Secret)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let (mut accounts, mut identities) = (Vec::new(), Vec::new());
    for row in table.rows() {
        let identity = match (row.cell("certificate"), row.cell("key")) {
            ("", _) | (_, "") => None,
            (certificate, key) => Some(identity(folder, certificate, key)?),
        };
        identities.push(identity);
        accounts.push(Account {
            name: row.cell("account").as_bytes().to_vec(),
            password: Password(row.cell("password").as_bytes().to_vec()),
        });
    }
    Ok((accounts, identities))
}

fn identity(folder: &Path, certificate: &str, key: &str) -> Result<ClientIdentity, RunError> {
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read(&path).map_err(|source| file_error(&path, source))
    };
    let identity = ClientIdentity {
        certificates: read(certificate)?,
        key: read(key)?,
    };
    identity.check()?;
    Ok(identity)
}

fn file_error(path: &Path, source: std::io::Error) -> RunError {
    RunError::File {
        doing: "reading",
        path: path.to_owned(),
        source,
    }
}
