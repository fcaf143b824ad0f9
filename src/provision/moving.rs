//! How an account moves from one bouncer to another of its kind: what an operator tells either.

use crate::provision::Family;
use crate::provision::ProvisionError;
use crate::provision::Secret;
use crate::provision::Site;
use crate::provision::upstream;
use crate::provision::znc;
use crate::roster::Account;
use crate::roster::name::User;

/// Who may move accounts: a user of the bouncer beside those of the roster.
#[derive(Clone, Debug)]
pub struct Operator {
    /// Its name.
    pub name: User,
    /// Its password.
    pub secret: Secret,
}

/// What an operator tells two bouncers to move an account. It holds a password, and is shown nowhere.
#[derive(Clone)]
pub struct Move {
    /// To whom it is told.
    pub module: &'static str,
    /// What makes the account where it goes, and has it dial its networks.
    pub arrival: Vec<Vec<u8>>,
    /// What ends it where it was, with everything that was kept for it.
    pub departure: Vec<Vec<u8>>,
    /// Whom to tell that all of it has to outlive the bouncer, and how.
    pub keep: (&'static str, Vec<u8>),
}

/// Returns how an account is moved between bouncers of a kind; `None` for a kind that takes no such commands.
///
/// # Errors
///
/// Returns what is missing, or can't be told in a command.
pub fn of(
    family: Family,
    account: &Account<'_>,
    site: &Site,
    secret: &Secret,
) -> Result<Option<Move>, ProvisionError> {
    let user = account.user;
    if family != Family::Znc {
        return Ok(None);
    }
    if secret.bytes().contains(&b' ') {
        return Err(ProvisionError::Untellable(account.secret_env.clone()));
    }
    let add = [b"AddUser ", user.as_str().as_bytes(), b" ", secret.bytes()].concat();
    let mut arrival = vec![add];
    let mut tell = |command: String| arrival.push(command.into_bytes());
    for (key, value) in znc::user_settings(account, site) {
        tell(format!("Set {key} {user} {value}"));
    }
    for row in &account.rows {
        let network = &row.network;
        tell(format!("AddNetwork {user} {network}"));
        for (key, value) in znc::network_settings(row, site) {
            tell(format!("SetNetwork {key} {user} {network} {value}"));
        }
        let server = upstream(site, row)?;
        // There is no command that trusts one certificate.
        if server.certificate.is_some() {
            tell(format!("SetNetwork TrustAllCerts {user} {network} true"));
        }
        for channel in &row.channels {
            tell(format!("AddChan {user} {network} {channel}"));
        }
        // It dials as soon as it knows where.
        let plus = if server.is_secure { "+" } else { "" };
        let (host, port) = (&server.host, server.port);
        tell(format!("AddServer {user} {network} {host} {plus}{port}"));
    }
    Ok(Some(Move {
        module: znc::OPERATORS_MODULE,
        arrival,
        departure: vec![format!("DelUser {user}").into_bytes()],
        keep: ("*status", b"SaveConfig".to_vec()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::Limits;
    use crate::provision::tests::roster;
    use crate::provision::tests::secrets;
    use crate::provision::tests::site;

    #[test]
    fn an_account_moves_with_its_networks_and_channels() {
        let (roster, secrets) = (roster(), secrets());
        let accounts = roster.accounts();
        let account = &accounts[0];
        let secret = &secrets[account.secret_env];
        let made = of(Family::Znc, account, &site(Limits::Lifted), secret);
        let made = made.unwrap().unwrap();
        let told: Vec<String> = [made.arrival, made.departure]
            .concat()
            .into_iter()
            .map(|command| String::from_utf8(command).unwrap())
            .collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn a_kind_without_commands_moves_nobody_and_a_password_has_to_be_tellable() {
        let (roster, secrets) = (roster(), secrets());
        let accounts = roster.accounts();
        let site = site(Limits::Left);
        let secret = &secrets[accounts[0].secret_env];
        let bip = of(Family::Bip, &accounts[0], &site, secret).unwrap();
        assert!(bip.is_none());
        let spaced = Secret::new(b"two words".to_vec()).unwrap();
        let error = of(Family::Znc, &accounts[0], &site, &spaced).err();
        let told = "the password in `PW_OAK` has a space, and no command can hold it";
        assert_eq!(error.map(|error| error.to_string()).as_deref(), Some(told));
    }
}
