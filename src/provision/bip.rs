//! bip 0.9: `bip.conf`.

use std::collections::BTreeSet;
use std::fmt::Write;

use md5::Digest;
use md5::Md5;
use rand::Rng;

use crate::provision::Configuration;
use crate::provision::Document;
use crate::provision::Limits;
use crate::provision::ProvisionError;
use crate::provision::Secret;
use crate::provision::Secrets;
use crate::provision::Site;
use crate::provision::each_hashed;
use crate::provision::upstream;
use crate::roster::Account;
use crate::roster::Roster;
use crate::units::hex;

/// The file of the certificates that are trusted.
const CERTIFICATES: &str = "networks.pem";

/// Bytes of the seed that a hash begins with.
const SEED_BYTES: usize = 4;

/// Returns a password as `bipmkpw` prints it: the seed, then the MD5 of the seed and of the MD5 of the seed and the password, in hexadecimal.
fn hash(secret: &Secret, seed: [u8; SEED_BYTES]) -> String {
    let inner = Md5::new().chain_update(seed).chain_update(&secret.0);
    let outer = Md5::new().chain_update(seed).chain_update(inner.finalize());
    hex::text(&seed) + &hex::text(&outer.finalize())
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
    for (network, server) in &site.upstreams {
        if server.account_password.is_some() {
            return Err(ProvisionError::Accounts(network.clone()));
        }
        let tls = if server.is_secure { " ssl = true;" } else { "" };
        let _ = writeln!(
            text,
            "network {{ name = \"{network}\";{tls} server {{ host = \"{}\"; port = {}; }}; }};",
            server.host, server.port,
        );
    }
    each_hashed(
        roster,
        secrets,
        |secret| hash(secret, rng.next_u32().to_be_bytes()),
        |account, hash| push_user(&mut text, account, site, hash),
    )?;
    let mut notes = vec![
        "bip refuses root: give the folder to another user first (chown -R), and start it as that user (setpriv, sudo -u).",
        "Clients log in with PASS user:password:network.",
    ];
    if site.limits == Limits::Lifted {
        notes.push("bip has no setting that lifts its pace: it sends a network about a line in 1.2 seconds, JOINs included.");
    }
    let configuration = Document {
        path: "bip.conf".to_owned(),
        text,
    };
    let certificates = Document {
        path: CERTIFICATES.to_owned(),
        text: certificates(site),
    };
    let certificates = Some(certificates).filter(|file| !file.text.is_empty());
    Ok(Configuration {
        files: std::iter::once(configuration).chain(certificates).collect(),
        folders: vec!["logs".to_owned()],
        start: format!("bip -n -f {0}/bip.conf -s {0}", site.folder),
        notes,
    })
}

/// Returns the certificates that are trusted, one after the other in PEM, each once; empty without any.
fn certificates(site: &Site) -> String {
    let upstreams = site.upstreams.values();
    let certificates = upstreams.filter_map(|upstream| upstream.certificate.as_ref());
    let pems: BTreeSet<&str> = certificates.map(|one| one.pem.as_str()).collect();
    pems.into_iter().collect()
}

/// With a bound of lines bip 0.9.3 plays back the last one alone; without, all since the last client left, as its log has them.
fn head(site: &Site) -> String {
    format!(
        "ip = \"{}\";\n\
         port = {};\n\
         client_side_ssl = false;\n\
         log = true;\n\
         log_root = \"{folder}/logs\";\n\
         log_system = false;\n\
         pid_file = \"{folder}/bip.pid\";\n\
         backlog = true;\n\
         backlog_lines = 0;\n\
         backlog_always = false;\n\
         backlog_reset_on_talk = false;\n",
        site.listen.ip(),
        site.listen.port(),
        folder = site.folder,
    )
}

fn push_user(
    text: &mut String,
    account: &Account<'_>,
    site: &Site,
    hash: &str,
) -> Result<(), ProvisionError> {
    let user = account.user;
    let checks = if certificates(site).is_empty() {
        "\tssl_check_mode = \"none\";\n".to_owned()
    } else {
        format!(
            "\tssl_check_mode = \"basic\";\n\tssl_check_store = \"{}/{CERTIFICATES}\";\n",
            site.folder
        )
    };
    // Writing to a String cannot fail, here and below.
    let _ = write!(
        text,
        "user {{\n\
         \tname = \"{user}\";\n\
         \tpassword = \"{hash}\";\n\
         {checks}\
         \tdefault_nick = \"{user}\";\n\
         \tdefault_user = \"{user}\";\n\
         \tdefault_realname = \"{user}\";\n",
    );
    for row in &account.rows {
        upstream(site, row)?;
        let network = &row.network;
        let _ = write!(
            text,
            "\tconnection {{\n\
             \t\tname = \"{network}\";\n\
             \t\tnetwork = \"{network}\";\n\
             \t\tuser = \"{user}\";\n\
             \t\tnick = \"{user}\";\n\
             \t\trealname = \"{user}\";\n",
        );
        if let Some(egress) = row.egress {
            let _ = writeln!(text, "\t\tvhost = \"{egress}\";");
        }
        for channel in &row.channels {
            let _ = writeln!(text, "\t\tchannel {{ name = \"{channel}\"; }};");
        }
        text.push_str("\t};\n");
    }
    text.push_str("};\n");
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

    #[test]
    fn a_hash_is_as_bipmkpw_prints_it() {
        // Of bip 0.9.3, Debian 12.
        let secret = |password: &str| Secret::new(password.into()).unwrap();
        assert_eq!(
            hash(&secret("pw"), [0x29, 0x9e, 0xfb, 0xa5]),
            "299efba5b1988c7ef7f510d89f37c7d2c7d85801"
        );
    }

    #[test]
    fn a_configuration_with_every_block() {
        let mut rng = ChaCha8Rng::from_seed([7; 32]);
        let site = site(Limits::Lifted);
        let made = configuration(&roster(), &site, &secrets(), &mut rng).unwrap();
        insta::assert_snapshot!(made.files[0].text);
    }

    #[test]
    fn a_certificate_is_trusted_and_accounts_are_refused() {
        let mut rng = ChaCha8Rng::from_seed([7; 32]);
        let mut site = strict_site();
        let mut make = |site: &Site| configuration(&roster(), site, &secrets(), &mut rng);
        let error = make(&site).unwrap_err().to_string();
        assert_eq!(
            error,
            "bip logs in to no accounts, and users have some on `one`"
        );
        for upstream in site.upstreams.values_mut() {
            upstream.account_password = None;
        }
        insta::assert_snapshot!(shown(make(&site).unwrap()));
    }
}
