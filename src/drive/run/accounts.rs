//! The accounts that a run's users log in to: read, or made of a pattern, and told to the embedded network.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use crate::drive::run::error::RunError;
use crate::drive::transport::tls::ClientIdentity;
use crate::irc::network::services::ServicesConfig;
use crate::place::Misread;
use crate::place::Place;
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

/// A row of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    account: String,
    #[serde(default)]
    password: String,
    certificate: Option<String>,
    key: Option<String>,
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
    let text = fs::read(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => Misread::new(
            format!("expected a file of accounts, found no `{}`", path.display()),
            place.clone(),
        )
        .with_help("a CSV with the columns account,password beside the scenario")
        .into(),
        _ => file_error(path, source),
    })?;
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(&text[..]);
    let folder = path.parent().unwrap_or(Path::new("."));
    let (mut accounts, mut identities) = (Vec::new(), Vec::new());
    for row in reader.deserialize::<Row>() {
        let row = row.map_err(|error| misread(path, &error))?;
        let identity = match (&row.certificate, &row.key) {
            (Some(certificate), Some(key)) => Some(identity(folder, certificate, key)?),
            _ => None,
        };
        identities.push(identity);
        accounts.push(Account {
            name: row.account.into_bytes(),
            password: Password(row.password.into_bytes()),
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

/// Tells which line of the file is no account; never what stands there.
fn misread(path: &Path, error: &csv::Error) -> RunError {
    let line = error.position().map_or(1, csv::Position::line);
    let what = match error.kind() {
        csv::ErrorKind::Deserialize { err, .. } => format!("expected an account, {}", err.kind()),
        _ => "expected rows with as many fields as the first".to_owned(),
    };
    let place = Place::file(format!("{}:{line}", path.display()));
    Misread::new(what, place)
        .with_help("the columns are account,password and perhaps certificate,key")
        .into()
}
