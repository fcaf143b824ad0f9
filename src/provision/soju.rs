//! soju 0.7: `soju.conf`, and a script of the commands that make its users. A recipe from its manual; no test runs it.

use std::fmt::Write;

use sha2::Digest;
use sha2::Sha512;

use crate::provision::Configuration;
use crate::provision::Document;
use crate::provision::ProvisionError;
use crate::provision::Secret;
use crate::provision::Site;
use crate::provision::upstream;
use crate::roster::Account;
use crate::roster::Roster;
use crate::roster::name::Channel;
use crate::units::hex;

/// Channels in one JOIN, so that the line stays below the 512 bytes of the protocol: seven names of 60 bytes fit.
const CHANNELS_PER_JOIN: usize = 7;

/// Returns the configuration for the users of a roster. Passwords are hashed by soju itself, which reads them from the script's
/// environment.
///
/// # Errors
///
/// Returns what is missing.
pub(super) fn configuration(roster: &Roster, site: &Site) -> Result<Configuration, ProvisionError> {
    let folder = &site.folder;
    let config = format!(
        "listen irc+insecure://{}\n\
         listen unix+admin://{folder}/admin\n\
         hostname bouncer.splitstorm.test\n\
         db sqlite3 {folder}/soju.db\n\
         message-store memory\n",
        site.listen,
    );
    let mut script = format!(
        "#!/bin/sh\n\
         # Makes soju's users, then their networks, and leaves soju running. Passwords come from the environment and go through pipes.\n\
         set -eu\n\
         config={folder}/soju.conf\n\
         umask 077\n\
         [ ! -f {folder}/secrets.env ] || {{ set -a; . {folder}/secrets.env; set +a; }}\n\n"
    );
    let accounts = roster.accounts();
    for account in &accounts {
        // `printf` is the shell's own: no process has the password among its arguments.
        let _ = writeln!(
            script,
            "printf '%s\\n' \"${{{variable}:?}}\" | sojudb -config \"$config\" create-user {user}",
            variable = account.secret_env,
            user = account.user,
        );
    }
    let _ = write!(
        script,
        "\nsoju -config \"$config\" &\n\
         until [ -S {folder}/admin ]; do sleep 0.1; done\n\n"
    );
    for account in &accounts {
        push_networks(&mut script, account, site)?;
    }
    script.push_str("\nwait\n");
    let mut notes = vec![
        "A recipe written from soju's manual, which was never run. It needs sojudb and sojuctl, and the passwords in its environment or in secrets.env.",
        "soju dials from addresses of its own choice (upstream-user-ip): the roster's egress addresses are left out, and so is --buffer.",
    ];
    let mut upstreams = site.upstreams.values();
    if upstreams.any(|upstream| upstream.account_password.is_some()) {
        notes.push("sojuctl takes passwords of accounts on networks as arguments, which others on this machine can read meanwhile.");
    }
    let files = [("soju.conf", config), ("start.sh", script)].map(|(path, text)| Document {
        path: path.to_owned(),
        text,
    });
    Ok(Configuration {
        files: files.into(),
        folders: Vec::new(),
        start: format!("sh {folder}/start.sh"),
        notes,
    })
}

fn push_networks(
    script: &mut String,
    account: &Account<'_>,
    site: &Site,
) -> Result<(), ProvisionError> {
    for row in &account.rows {
        let server = upstream(site, row)?;
        let scheme = if server.is_secure {
            "ircs"
        } else {
            "irc+insecure"
        };
        let host = if server.host.contains(':') {
            format!("[{}]", server.host)
        } else {
            server.host.clone()
        };
        let _ = write!(
            script,
            "sojuctl -config \"$config\" user run {} network create -name {} -addr {scheme}://{host}:{}",
            account.user, row.network, server.port,
        );
        for channels in row.channels.chunks(CHANNELS_PER_JOIN) {
            let names: Vec<&str> = channels.iter().map(Channel::as_str).collect();
            let _ = write!(script, " -connect-command 'JOIN {}'", names.join(","));
        }
        if let Some(certificate) = &server.certificate {
            let fingerprint = hex::text(&Sha512::digest(&certificate.der));
            let _ = write!(script, " -certfp {fingerprint}");
        }
        if let Some(password) = &server.account_password {
            // It dials as soon as a network is enabled, and is to have its account by then.
            let _ = write!(
                script,
                " -enabled false\n\
                 sojuctl -config \"$config\" user run {user} sasl set-plain -network {network} {user} \"$(printf '{password}')\"\n\
                 sojuctl -config \"$config\" user run {user} network update {network} -enabled true",
                user = account.user,
                network = row.network,
                password = octal(password),
            );
        }
        script.push('\n');
    }
    Ok(())
}

/// Returns a password as a format of `printf`, whatever its bytes.
fn octal(password: &Secret) -> String {
    let mut text = String::new();
    for byte in password.bytes() {
        // Writing to a String cannot fail.
        let _ = write!(text, "\\{byte:03o}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::Limits;
    use crate::provision::tests::roster;
    use crate::provision::tests::shown;
    use crate::provision::tests::site;
    use crate::provision::tests::strict_site;

    #[test]
    fn a_recipe_has_no_password_among_its_arguments() {
        let made = configuration(&roster(), &site(Limits::Lifted)).unwrap();
        let texts: Vec<String> = made.files.into_iter().map(|file| file.text).collect();
        insta::assert_snapshot!(texts.join("----\n"));
    }

    #[test]
    fn accounts_are_told_before_a_network_is_dialled() {
        let made = configuration(&roster(), &strict_site()).unwrap();
        assert!(made.notes.len() > 2);
        insta::assert_snapshot!(shown(made));
    }
}
