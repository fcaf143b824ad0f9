//! soju 0.7: `soju.conf`, and a script of the commands that make its users. A recipe from its manual; no test runs it.

use std::fmt::Write;

use crate::provision::Configuration;
use crate::provision::Document;
use crate::provision::ProvisionError;
use crate::provision::Site;
use crate::provision::upstream;
use crate::roster::Account;
use crate::roster::Roster;
use crate::roster::name::Channel;

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
    Ok(Configuration {
        files: vec![
            Document {
                path: "soju.conf",
                text: config,
            },
            Document {
                path: "start.sh",
                text: script,
            },
        ],
        folders: &[],
        start: format!("sh {folder}/start.sh"),
        notes: vec![
            "A recipe written from soju's manual, which was never run. It needs sojudb and sojuctl, and the passwords in its environment or in secrets.env.",
            "soju dials from addresses of its own choice (upstream-user-ip): the roster's egress addresses are left out, and so is --buffer.",
        ],
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
        script.push('\n');
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::Limits;
    use crate::provision::tests::roster;
    use crate::provision::tests::site;

    #[test]
    fn a_recipe_has_no_password_among_its_arguments() {
        let made = configuration(&roster(), &site(Limits::Lifted)).unwrap();
        let texts: Vec<String> = made.files.into_iter().map(|file| file.text).collect();
        insta::assert_snapshot!(texts.join("----\n"));
    }
}
