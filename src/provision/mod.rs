//! Configurations of bouncers for the users of a roster: complete files, with hashes of passwords and no password.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use rand::Rng;

use crate::provision::moving::Operator;
use crate::roster::Account;
use crate::roster::Roster;
use crate::roster::Row;
use crate::roster::name::Network;
use crate::roster::name::SecretEnv;

pub mod bip;
pub mod moving;
pub mod soju;
pub mod znc;

/// Most lines of backlog that a buffer is given; ZNC holds them all in memory.
pub const BUFFER_LINES_MAX: u32 = 100_000;

/// A family of bouncers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// ZNC 1.8.
    Znc,
    /// bip 0.9.
    Bip,
    /// soju 0.9.
    Soju,
}

/// What becomes of a bouncer's own limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limits {
    /// They are lifted as far as settings do.
    Lifted,
    /// They are as shipped.
    Left,
}

/// Where a network is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    host: String,
    port: u16,
    is_secure: bool,
    /// The one certificate that is trusted there; `None` for whom the bouncer trusts by itself.
    pub certificate: Option<Certificate>,
    /// The password of the accounts, one for each user by its name, that the bouncer is to log in to there; `None` where users have none.
    pub account_password: Option<Secret>,
}

/// A certificate of a network's servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// It, in PEM.
    pub pem: String,
    /// It, in DER.
    pub der: Vec<u8>,
}

impl Upstream {
    /// Returns a network's server, or `None` if a configuration can't hold its host: letters, digits, dots, hyphens and colons alone.
    pub fn new(host: &str, port: u16, is_secure: bool) -> Option<Self> {
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
        (!host.is_empty() && host.bytes().all(is_plain)).then(|| Self {
            host: host.to_owned(),
            port,
            is_secure,
            certificate: None,
            account_password: None,
        })
    }
}

/// What a bouncer is to be, its users apart.
#[derive(Clone, Debug)]
pub struct Site {
    /// Where clients reach it.
    pub listen: SocketAddr,
    /// The networks' servers.
    pub upstreams: BTreeMap<Network, Upstream>,
    /// What becomes of its limits.
    pub limits: Limits,
    /// Lines of backlog for each channel.
    pub buffer_lines: u32,
    /// Whether it plays back what was read too, where the family can be told to.
    pub keeps_read: bool,
    /// The folder of its files, from the root: some configurations name it.
    pub folder: String,
    /// Who may move accounts to it and from it, where that is to be done and it can be.
    pub operator: Option<Operator>,
}

/// A password. It is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Returns a password, or `None` for one that no client could send: an empty one, or one with an end of line or a zero byte.
    pub fn new(password: Vec<u8>) -> Option<Self> {
        let is_sendable = |byte: &u8| !matches!(byte, b'\0' | b'\r' | b'\n');
        (!password.is_empty() && password.iter().all(is_sendable)).then_some(Self(password))
    }
}

impl Secret {
    /// Returns the password, to be sent.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The passwords of a roster's users, by their variables.
pub type Secrets = BTreeMap<SecretEnv, Secret>;

/// A file of a configuration, not yet written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its path below the bouncer's folder.
    pub path: String,
    /// Its content.
    pub text: String,
}

/// A whole configuration.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Its files; they hold hashes of passwords, or those of accounts, and are for who runs the bouncer alone.
    pub files: Vec<Document>,
    /// Folders below the bouncer's that must be there, each behind the one that it is in.
    pub folders: Vec<String>,
    /// The command that starts it, in one line for a shell.
    pub start: String,
    /// What people should know of it, a sentence or two each.
    pub notes: Vec<&'static str>,
}

/// Why there is no configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisionError {
    /// Nobody said where a network is.
    #[error("nobody said where the network `{0}` is")]
    NoUpstream(Network),
    /// A variable has no password.
    #[error("there is no password for `{0}`")]
    NoSecret(SecretEnv),
    /// A command can't hold a password.
    #[error("the password in `{0}` has a space, and no command can hold it")]
    Untellable(SecretEnv),
    /// The folder's name can't stand in a configuration.
    #[error("expected a folder without spaces, quotes or dollar signs in its path, found `{0}`")]
    Folder(String),
    /// A bouncer can't log in to accounts.
    #[error("bip logs in to no accounts, and users have some on `{0}`")]
    Accounts(Network),
}

/// Returns the configuration of a bouncer of that family. `rng` draws the salts of the hashes.
///
/// # Errors
///
/// Returns what is missing.
pub fn configuration(
    family: Family,
    roster: &Roster,
    site: &Site,
    secrets: &Secrets,
    rng: &mut impl Rng,
) -> Result<Configuration, ProvisionError> {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@".contains(&byte) || !byte.is_ascii();
    if !site.folder.bytes().all(is_plain) {
        return Err(ProvisionError::Folder(site.folder.clone()));
    }
    match family {
        Family::Znc => znc::configuration(roster, site, secrets, rng),
        Family::Bip => bip::configuration(roster, site, secrets, rng),
        Family::Soju => soju::configuration(roster, site),
    }
}

fn upstream<'a>(site: &'a Site, row: &Row) -> Result<&'a Upstream, ProvisionError> {
    let found = site.upstreams.get(&row.network);
    found.ok_or_else(|| ProvisionError::NoUpstream(row.network.clone()))
}

/// Hashes each password that the roster needs once, then hands over each account with its hash.
fn each_hashed<T>(
    roster: &Roster,
    secrets: &Secrets,
    mut hash: impl FnMut(&Secret) -> T,
    mut push: impl FnMut(&Account<'_>, &T) -> Result<(), ProvisionError>,
) -> Result<(), ProvisionError> {
    let missing = |variable: &SecretEnv| ProvisionError::NoSecret(variable.clone());
    let mut hashes = BTreeMap::new();
    for variable in roster.secrets() {
        let secret = secrets.get(variable).ok_or_else(|| missing(variable))?;
        hashes.insert(variable, hash(secret));
    }
    for account in roster.accounts() {
        let hash = hashes.get(account.secret_env);
        push(&account, hash.ok_or_else(|| missing(account.secret_env))?)?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    use super::*;
    use crate::roster::file;

    /// A roster of two users, one of them on two networks.
    pub(crate) fn roster() -> Roster {
        let text = "user,secret_env,signed_up,network,egress,channels,attached,clients,history_bytes\n\
            oak,PW_OAK,,one,127.0.0.5,#a #b,no,1,0\n\
            oak,PW_OAK,,two,,#a,no,1,0\n\
            elm,PW_ELM,,one,,,no,1,0\n";
        file::read("r.csv", text.as_bytes()).unwrap()
    }

    pub(crate) fn site(limits: Limits) -> Site {
        let upstream = |port, is_secure| Upstream::new("127.0.0.1", port, is_secure).unwrap();
        let network = |name| Network::parse(name).unwrap();
        Site {
            listen: "127.0.0.1:6700".parse().unwrap(),
            upstreams: [
                (network("one"), upstream(6667, false)),
                (network("two"), upstream(6697, true)),
            ]
            .into(),
            limits,
            buffer_lines: 500,
            keeps_read: false,
            folder: "/srv/bouncer".to_owned(),
            operator: None,
        }
    }

    /// The same with a certificate of the networks' own and accounts on one of them, over IPv6.
    pub(crate) fn strict_site() -> Site {
        let mut site = site(Limits::Lifted);
        for (upstream, password) in site.upstreams.values_mut().zip(["acc_1", ""]) {
            upstream.host = "::1".to_owned();
            upstream.is_secure = true;
            upstream.certificate = Some(Certificate {
                pem: "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n".to_owned(),
                der: b"oak".to_vec(),
            });
            upstream.account_password = Secret::new(password.into());
        }
        site
    }

    /// Returns every file of a configuration.
    pub(crate) fn shown(made: Configuration) -> String {
        let files = made.files.into_iter();
        let texts: Vec<String> = files
            .map(|file| format!("{}:\n{}", file.path, file.text))
            .collect();
        texts.join("----\n")
    }

    pub(crate) fn secrets() -> Secrets {
        let secret = |variable, password: &str| {
            let variable = SecretEnv::parse(variable).unwrap();
            (variable, Secret::new(password.into()).unwrap())
        };
        [secret("PW_OAK", "leaves"), secret("PW_ELM", "needles")].into()
    }

    #[test]
    fn what_is_missing_is_named_and_passwords_are_not_shown() {
        let mut rng = ChaCha8Rng::from_seed([0; 32]);
        let mut check = |site: &Site, secrets: &Secrets, want: &str| {
            for family in [Family::Znc, Family::Bip] {
                let error = configuration(family, &roster(), site, secrets, &mut rng).unwrap_err();
                assert_eq!(error.to_string(), want);
            }
        };
        let whole = site(Limits::Lifted);
        let mut without = whole.clone();
        without.upstreams.pop_last();
        check(
            &without,
            &secrets(),
            "nobody said where the network `two` is",
        );
        let mut few = secrets();
        few.pop_last();
        check(&whole, &few, "there is no password for `PW_OAK`");
        let spaced = Site {
            folder: "/srv/a b".to_owned(),
            ..whole
        };
        check(
            &spaced,
            &secrets(),
            "expected a folder without spaces, quotes or dollar signs in its path, found `/srv/a b`",
        );
        assert!(!format!("{:?}", secrets()).contains("leaves"));
    }

    #[test]
    fn hosts_and_passwords_can_break_no_configuration() {
        for host in ["", "a b", "a\"", "a\n", "a;b"] {
            assert_eq!(Upstream::new(host, 1, false), None, "{host}");
        }
        for password in ["", "a\nb", "a\0"] {
            assert!(Secret::new(password.into()).is_none());
        }
    }
}
