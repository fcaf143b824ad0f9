//! ZNC 1.8: `configs/znc.conf`.

use std::fmt::Write;

use rand::Rng;
use sha2::Digest;
use sha2::Sha256;

use crate::provision::Certificate;
use crate::provision::Configuration;
use crate::provision::Document;
use crate::provision::Limits;
use crate::provision::ProvisionError;
use crate::provision::Secret;
use crate::provision::Secrets;
use crate::provision::Site;
use crate::provision::each_hashed;
use crate::provision::moving::Operator;
use crate::provision::upstream;
use crate::roster::Account;
use crate::roster::Roster;
use crate::roster::Row;
use crate::units::hex;

/// Letters of a salt, as `znc --makepass` draws it.
const SALT_LETTERS: usize = 20;

/// Lines of a buffer that ZNC takes as it is shipped (`MaxBufferSize`).
const BUFFER_LINES_SHIPPED: u32 = 500;

/// What takes an operator's commands.
pub(super) const OPERATORS_MODULE: &str = "*controlpanel";

/// A password as ZNC keeps it: the SHA-256 of the password with the salt behind it, in hexadecimal.
struct Hash {
    digest: String,
    salt: String,
}

impl Hash {
    fn new(secret: &Secret, rng: &mut impl Rng) -> Self {
        let salt: String = (0..SALT_LETTERS).map(|_| letter(rng)).collect();
        let digest = Sha256::new()
            .chain_update(&secret.0)
            .chain_update(&salt)
            .finalize();
        Self {
            digest: hex::text(&digest),
            salt,
        }
    }
}

/// Returns a letter; the first are likelier than the last by less than one in 2^27.
fn letter(rng: &mut impl Rng) -> char {
    let index = rng.next_u32() % 26;
    char::from(b'a' + u8::try_from(index).unwrap_or(0))
}

/// Returns the configuration for the users of a roster.
///
/// # Errors
///
/// Returns what is missing.
pub(super) fn configuration(
    roster: &Roster,
    site: &Site,
    secrets: &Secrets,
    rng: &mut impl Rng,
) -> Result<Configuration, ProvisionError> {
    let mut text = head(site);
    if let Some(operator) = &site.operator {
        let hash = Hash::new(&operator.secret, rng);
        push_operator(&mut text, operator, &hash);
    }
    let mut logins = Logins::default();
    each_hashed(
        roster,
        secrets,
        |secret| Hash::new(secret, rng),
        |account, hash| {
            logins.add(account, site)?;
            push_user(&mut text, account, site, hash)
        },
    )?;
    let mut notes = vec![
        "ZNC refuses root: give the folder to another user first (chown -R), and start it as that user (setpriv, sudo -u).",
        "It dials one network of one user a second at best. Clients log in with PASS user/network:password.",
    ];
    if site.limits == Limits::Left {
        notes.push("Its limits are as shipped: it dials one server every 30 seconds, and lets in ten anonymous connections of an address at once.");
    }
    let configuration = Document {
        path: "configs/znc.conf".to_owned(),
        text,
    };
    let folders = ["configs", "moddata", "users"].map(str::to_owned);
    Ok(Configuration {
        files: std::iter::once(configuration).chain(logins.files).collect(),
        folders: folders.into_iter().chain(logins.folders).collect(),
        start: format!("znc --foreground --datadir={}", site.folder),
        notes,
    })
}

/// What the module `sasl` keeps for each user's place on a network: its account, and that there is no connection without it.
#[derive(Default)]
struct Logins {
    files: Vec<Document>,
    folders: Vec<String>,
}

impl Logins {
    fn add(&mut self, account: &Account<'_>, site: &Site) -> Result<(), ProvisionError> {
        for row in &account.rows {
            let Some(password) = &upstream(site, row)?.account_password else {
                continue;
            };
            let mut folder = "users".to_owned();
            let network = row.network.as_str();
            for part in [
                account.user.as_str(),
                "networks",
                network,
                "moddata",
                "sasl",
            ] {
                folder = format!("{folder}/{part}");
                // A user of two networks has one folder.
                if !self.folders.contains(&folder) {
                    self.folders.push(folder.clone());
                }
            }
            self.files.push(Document {
                path: format!("{folder}/.registry"),
                text: format!(
                    "mechanisms PLAIN\npassword {}\n{} yes\nusername {}\n",
                    encoded(password.bytes()),
                    encoded(b"require_auth"),
                    encoded(account.user.as_str().as_bytes()),
                ),
            });
        }
        Ok(())
    }
}

/// Returns a word as modules of ZNC keep it: what is no letter or digit as `%2d;`.
fn encoded(word: &[u8]) -> String {
    let mut text = String::new();
    for &byte in word {
        if byte.is_ascii_alphanumeric() {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02x};");
        }
    }
    text
}

/// Returns the SHA-256 of a certificate as ZNC compares it.
fn fingerprint(certificate: &Certificate) -> String {
    let digest = Sha256::digest(&certificate.der);
    let bytes: Vec<String> = digest.iter().map(|byte| hex::text(&[*byte])).collect();
    bytes.join(":")
}

fn head(site: &Site) -> String {
    let (address, port) = (site.listen.ip(), site.listen.port());
    let mut text = "Version = 1.8.2\nSkin = _default_\nStatusPrefix = *\n".to_owned();
    if site.limits == Limits::Lifted {
        text.push_str("ConnectDelay = 0\nServerThrottle = 0\nAnonIPLimit = 0\n");
    }
    let buffer = site.buffer_lines.max(BUFFER_LINES_SHIPPED);
    // Writing to a String cannot fail, here and below.
    let _ = write!(
        text,
        "MaxBufferSize = {buffer}\n\
         \n<Listener clients>\n\
         \tAllowIRC = true\n\
         \tAllowWeb = false\n\
         \tHost = {address}\n\
         \tIPv4 = {}\n\
         \tIPv6 = {}\n\
         \tPort = {port}\n\
         \tSSL = false\n\
         </Listener>\n",
        address.is_ipv4(),
        address.is_ipv6(),
    );
    text
}

/// Returns what is set of a user, by names that configurations and the operator's module share.
pub(super) fn user_settings(account: &Account<'_>, site: &Site) -> Vec<(&'static str, String)> {
    let (user, lines) = (account.user, site.buffer_lines.to_string());
    let mut settings = vec![
        ("Nick", user.to_string()),
        ("AltNick", format!("{user}_")),
        ("Ident", user.to_string()),
        ("RealName", user.to_string()),
        ("ChanBufferSize", lines.clone()),
        ("QueryBufferSize", lines),
        ("MaxNetworks", account.rows.len().to_string()),
        ("MultiClients", "true".to_owned()),
        ("DenySetBindHost", "false".to_owned()),
    ];
    if site.keeps_read {
        settings.push(("AutoClearChanBuffer", "false".to_owned()));
        settings.push(("AutoClearQueryBuffer", "false".to_owned()));
    }
    if site.limits == Limits::Lifted {
        settings.push(("MaxJoins", "0".to_owned()));
    }
    settings
}

/// Returns what is set of a user's network, its servers apart.
pub(super) fn network_settings(row: &Row, site: &Site) -> Vec<(&'static str, String)> {
    let bind_host = row.egress.map(|egress| ("BindHost", egress.to_string()));
    let mut settings: Vec<_> = bind_host.into_iter().collect();
    if site.limits == Limits::Lifted {
        settings.extend([
            ("FloodBurst", "9999".to_owned()),
            ("FloodRate", "9999.00".to_owned()),
            ("JoinDelay", "0".to_owned()),
        ]);
    }
    settings
}

fn push_user(
    text: &mut String,
    account: &Account<'_>,
    site: &Site,
    hash: &Hash,
) -> Result<(), ProvisionError> {
    let _ = write!(text, "\n<User {}>\n\tAdmin = false\n", account.user);
    for (key, value) in user_settings(account, site) {
        let _ = writeln!(text, "\t{key} = {value}");
    }
    for row in &account.rows {
        push_network(text, row, site)?;
    }
    push_password(text, hash);
    Ok(())
}

fn push_operator(text: &mut String, operator: &Operator, hash: &Hash) {
    let (name, module) = (&operator.name, OPERATORS_MODULE.trim_start_matches('*'));
    let _ = write!(
        text,
        "\n<User {name}>\n\tAdmin = true\n\tLoadModule = {module}\n"
    );
    push_password(text, hash);
}

/// Adds a user's password, and ends the user.
fn push_password(text: &mut String, hash: &Hash) {
    let _ = write!(
        text,
        "\t<Pass password>\n\
         \t\tMethod = sha256\n\
         \t\tHash = {}\n\
         \t\tSalt = {}\n\
         \t</Pass>\n\
         </User>\n",
        hash.digest, hash.salt,
    );
}

fn push_network(text: &mut String, row: &Row, site: &Site) -> Result<(), ProvisionError> {
    let server = upstream(site, row)?;
    let plus = if server.is_secure { "+" } else { "" };
    let _ = write!(
        text,
        "\t<Network {}>\n\
         \t\tIRCConnectEnabled = true\n\
         \t\tServer = {} {plus}{}\n",
        row.network, server.host, server.port,
    );
    if let Some(certificate) = &server.certificate {
        let fingerprint = fingerprint(certificate);
        let _ = writeln!(text, "\t\tTrustedServerFingerprint = {fingerprint}");
    }
    if server.account_password.is_some() {
        text.push_str("\t\tLoadModule = sasl\n");
    }
    for (key, value) in network_settings(row, site) {
        let _ = writeln!(text, "\t\t{key} = {value}");
    }
    for channel in &row.channels {
        let _ = write!(text, "\t\t<Chan {channel}>\n\t\t</Chan>\n");
    }
    text.push_str("\t</Network>\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    use super::*;
    use crate::provision::tests::roster;
    use crate::provision::tests::secrets;
    use crate::provision::tests::shown;
    use crate::provision::tests::site;
    use crate::provision::tests::strict_site;

    fn text(limits: Limits) -> String {
        let mut rng = ChaCha8Rng::from_seed([7; 32]);
        let made = configuration(&roster(), &site(limits), &secrets(), &mut rng).unwrap();
        made.files.into_iter().next().unwrap().text
    }

    #[test]
    fn a_configuration_with_its_limits_lifted() {
        insta::assert_snapshot!(text(Limits::Lifted));
    }

    #[test]
    fn networks_with_tls_and_accounts_are_trusted_and_logged_in_to() {
        let mut rng = ChaCha8Rng::from_seed([7; 32]);
        let made = configuration(&roster(), &strict_site(), &secrets(), &mut rng).unwrap();
        assert_eq!(
            made.folders[3..],
            [
                "users/oak",
                "users/oak/networks",
                "users/oak/networks/one",
                "users/oak/networks/one/moddata",
                "users/oak/networks/one/moddata/sasl",
                "users/elm",
                "users/elm/networks",
                "users/elm/networks/one",
                "users/elm/networks/one/moddata",
                "users/elm/networks/one/moddata/sasl",
            ]
        );
        insta::assert_snapshot!(shown(made));
    }

    #[test]
    fn a_word_is_kept_as_modules_keep_it() {
        // Of ZNC 1.8.2, Debian 12.
        assert_eq!(encoded(b"p-w_d.9:%"), "p%2d;w%5f;d%2e;9%3a;%25;");
    }

    #[test]
    fn limits_that_are_left_are_not_written() {
        let text = text(Limits::Left);
        for setting in [
            "ConnectDelay",
            "AnonIPLimit",
            "Flood",
            "JoinDelay",
            "MaxJoins",
        ] {
            assert!(!text.contains(setting), "{setting}");
        }
        // A user has all of its networks whatever the limits.
        assert!(text.contains("MaxNetworks = 2\n"));
    }

    #[test]
    fn a_hash_is_of_the_password_with_its_salt() {
        let mut rng = ChaCha8Rng::from_seed([7; 32]);
        let hash = Hash::new(&Secret::new(b"pw".to_vec()).unwrap(), &mut rng);
        assert_eq!(hash.salt.len(), 20);
        let again = Sha256::digest(format!("pw{}", hash.salt));
        assert_eq!(hash.digest, hex::text(&again));
    }
}
