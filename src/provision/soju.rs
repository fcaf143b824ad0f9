//! soju 0.9: `soju.conf`, the commands that make its users and their networks, and a script of both that starts it.

use std::fmt::Write;

use sha2::Digest;
use sha2::Sha512;

use crate::provision::Configuration;
use crate::provision::Document;
use crate::provision::ProvisionError;
use crate::provision::Secret;
use crate::provision::Site;
use crate::provision::Upstream;
use crate::provision::upstream;
use crate::roster::Account;
use crate::roster::Roster;
use crate::roster::Row;
use crate::roster::name::Channel;
use crate::units::hex;

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
    let mut notes = vec![
        "It needs sojudb and sojuctl (soju-utils), and the passwords in its environment or in secrets.env. Users and networks are made once, and later starts start soju alone.",
        "A client that names a network which soju does not know has it dial that name as a host, on port 6697: let nobody in before the script says nothing more.",
        "soju dials from addresses of its own choice (upstream-user-ip), and plays back 4,000 lines at most: the roster's egress addresses are left out, and so is --buffer.",
    ];
    let mut upstreams = site.upstreams.values();
    if upstreams.any(|upstream| upstream.account_password.is_some()) {
        notes.push("sojuctl takes passwords of accounts on networks as arguments, which others on this machine can read meanwhile.");
    }
    let files = [("soju.conf", config), ("start.sh", script(roster, site)?)];
    Ok(Configuration {
        files: files
            .map(|(path, text)| Document {
                path: path.to_owned(),
                text,
            })
            .into(),
        folders: Vec::new(),
        start: format!("sh {folder}/start.sh"),
        notes,
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
                let _ = write!(script, " {}", quoted(word));
            }
            script.push('\n');
        }
    }
    let _ = write!(script, "    : > {folder}/made\n}}\nwait \"$soju\"\n");
    Ok(script)
}

/// A step of making a user's network, to be done by `sojuctl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The words behind `sojuctl -config FILE`.
    pub words: Vec<String>,
    /// What it says when that is done. A client that attaches to a network that is not made has soju dial its name.
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
    let mut made = Vec::new();
    for row in &account.rows {
        let server = upstream(site, row)?;
        made.push(network(row, server));
        if let Some(password) = &server.account_password {
            made.extend(login(row, password));
        }
    }
    Ok(made)
}

fn network(row: &Row, server: &Upstream) -> Made {
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
    let mut words = run_as(row, &["network", "create", "-name", row.network.as_str()]);
    words.extend([
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
    if let Some(certificate) = &server.certificate {
        let fingerprint = hex::text(&Sha512::digest(&certificate.der));
        words.extend(["-certfp".to_owned(), fingerprint]);
    }
    if server.account_password.is_some() {
        // It dials as soon as a network is enabled, and is to have its account by then.
        words.extend(["-enabled", "false"].map(ToOwned::to_owned));
    }
    Made {
        words,
        confirmation: format!("created network \"{}\"", row.network),
    }
}

/// Returns what gives a user its account on a network, and has it dialled.
fn login(row: &Row, password: &Secret) -> [Made; 2] {
    let (user, network) = (row.user.as_str(), row.network.as_str());
    let password = String::from_utf8_lossy(password.bytes()).into_owned();
    let plain = ["sasl", "set-plain", "-network", network, user, &password];
    let enabled = ["network", "update", network, "-enabled", "true"];
    [&plain[..], &enabled].map(|words| Made {
        words: run_as(row, words),
        confirmation: String::new(),
    })
}

fn run_as(row: &Row, words: &[&str]) -> Vec<String> {
    let run = ["user", "run", row.user.as_str()];
    run.iter().chain(words).map(ToString::to_string).collect()
}

/// Returns a word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:+,@=".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
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
