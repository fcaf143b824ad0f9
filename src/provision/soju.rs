//! soju 0.9: `soju.conf`, the commands that make its users and their networks, and a script of both that starts it.

use std::fmt::Write;

use crate::provision::Configuration;
use crate::provision::Document;
use crate::provision::ProvisionError;
use crate::provision::Site;
use crate::provision::upstream;
use crate::roster::Account;
use crate::roster::Roster;
use crate::roster::Row;
use crate::roster::name::Channel;

/// Channels in one JOIN, so that the line stays below the 512 bytes of the protocol: seven names of 60 bytes fit.
const CHANNELS_PER_JOIN: usize = 7;
/// Most lines of a channel or query that soju 0.9 plays back; nothing of its configuration changes that.
pub const BACKLOG_LINES: u32 = 4_000;
/// The name of the socket through which `sojuctl` reaches it, within its folder. One that was killed leaves it, and none starts over it.
pub const ADMIN_SOCKET: &str = "admin";

/// Returns the configuration for the users of a roster. Passwords are hashed by soju itself, which reads them from the script's
/// environment.
///
/// # Errors
///
/// Returns what is missing.
pub(super) fn configuration(roster: &Roster, site: &Site) -> Result<Configuration, ProvisionError> {
    let folder = &site.folder;
    // Of its three stores: what is in memory is gone when it is killed, and nobody can page it; its database tells lines of one
    // millisecond in any order. Files lose neither, at the cost of hosts and of stamps below a second.
    let config = format!(
        "listen irc+insecure://{}\n\
         listen unix+admin://{folder}/{ADMIN_SOCKET}\n\
         hostname bouncer.splitstorm.test\n\
         db sqlite3 {folder}/soju.db\n\
         message-store fs {folder}/logs\n",
        site.listen,
    );
    Ok(Configuration {
        files: vec![
            Document {
                path: "soju.conf",
                text: config,
            },
            Document {
                path: "start.sh",
                text: script(roster, site)?,
            },
        ],
        folders: &[],
        start: format!("sh {folder}/start.sh"),
        notes: vec![
            "It needs sojudb and sojuctl (soju-utils), and the passwords in its environment or in secrets.env. Users and networks are made once, and later starts start soju alone.",
            "A client that names a network which soju does not know has it dial that name as a host, on port 6697: let nobody in before the script says nothing more.",
            "soju dials from addresses of its own choice (upstream-user-ip), and plays back 4,000 lines at most: the roster's egress addresses are left out, and so is --buffer.",
        ],
    })
}

/// Returns the script that makes what is not made yet, and then is soju's own parent: it ends with it, and ends it.
fn script(roster: &Roster, site: &Site) -> Result<String, ProvisionError> {
    let folder = &site.folder;
    let mut script = format!(
        "#!/bin/sh\n\
         # Makes soju's users and their networks, once, and leaves soju running; later it starts soju alone. Passwords come from the\n\
         # environment and go through pipes.\n\
         set -eu\n\
         config={folder}/soju.conf\n\
         umask 077\n\
         [ ! -f {folder}/secrets.env ] || {{ set -a; . {folder}/secrets.env; set +a; }}\n\
         # A soju that was killed leaves its socket, and none starts over it.\n\
         rm -f {folder}/{ADMIN_SOCKET}\n\
         [ -f {folder}/made ] || {{\n    rm -f {folder}/soju.db {folder}/soju.db-wal {folder}/soju.db-shm\n"
    );
    for account in &roster.accounts() {
        // `printf` is the shell's own: no process has the password among its arguments.
        let _ = writeln!(
            script,
            "    printf '%s\\n' \"${{{variable}:?}}\" | sojudb -config \"$config\" create-user {user}",
            variable = account.secret_env,
            user = account.user,
        );
    }
    let _ = write!(
        script,
        "}}\n\
         soju -config \"$config\" &\n\
         soju=$!\n\
         trap 'kill \"$soju\" 2>/dev/null || :' EXIT\n\
         trap 'exit 143' INT TERM\n\
         until [ -S {folder}/{ADMIN_SOCKET} ]; do kill -0 \"$soju\"; sleep 0.1; done\n\
         [ -f {folder}/made ] || {{\n"
    );
    for account in &roster.accounts() {
        for made in networks_of(account, site)? {
            script.push_str("    sojuctl -config \"$config\"");
            for word in &made.words {
                let quote = if word.contains(' ') { "'" } else { "" };
                let _ = write!(script, " {quote}{word}{quote}");
            }
            script.push('\n');
        }
    }
    let _ = write!(script, "    : > {folder}/made\n}}\nwait \"$soju\"\n");
    Ok(script)
}

/// A network of a user, to be made by `sojuctl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The words behind `sojuctl -config FILE`; none has a quote.
    pub words: Vec<String>,
    /// What it says when the network is made. A client that attaches to one that is not has soju dial its name.
    pub confirmation: String,
}

/// Returns what makes the networks of every user of a roster, in its order.
///
/// # Errors
///
/// Returns what is missing.
pub fn networks(roster: &Roster, site: &Site) -> Result<Vec<Made>, ProvisionError> {
    let mut networks = Vec::new();
    for account in &roster.accounts() {
        networks.extend(networks_of(account, site)?);
    }
    Ok(networks)
}

fn networks_of(account: &Account<'_>, site: &Site) -> Result<Vec<Made>, ProvisionError> {
    let rows = account.rows.iter();
    rows.map(|row| network(row, site)).collect()
}

fn network(row: &Row, site: &Site) -> Result<Made, ProvisionError> {
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
    let mut words: Vec<String> = ["user", "run", row.user.as_str(), "network", "create"]
        .map(ToOwned::to_owned)
        .into();
    words.extend([
        "-name".to_owned(),
        row.network.to_string(),
        "-addr".to_owned(),
        format!("{scheme}://{host}:{}", server.port),
    ]);
    for channels in row.channels.chunks(CHANNELS_PER_JOIN) {
        let names: Vec<&str> = channels.iter().map(Channel::as_str).collect();
        words.extend([
            "-connect-command".to_owned(),
            format!("JOIN {}", names.join(",")),
        ]);
    }
    Ok(Made {
        words,
        confirmation: format!("created network \"{}\"", row.network),
    })
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
