//! Accounts and the service that keeps them, as scripts.

use std::time::Duration;

use crate::irc::network::config::NetworkConfig;
use crate::irc::network::services::Logins;
use crate::irc::network::services::ServicesConfig;
use crate::irc::network::tests::harness::Player;
use crate::irc::network::tests::harness::config;

/// `\0alder\0bark` in base64.
const RIGHT: &str = "AGFsZGVyAGJhcms=";
/// `\0alder\0moss` in base64.
const WRONG: &str = "AGFsZGVyAG1vc3M=";

fn keeping(services: &ServicesConfig) -> Player {
    let passwords = [(b"alder".to_vec(), b"bark".to_vec())].into();
    Player::new(NetworkConfig {
        services: Some(ServicesConfig {
            passwords,
            ..services.clone()
        }),
        ..config()
    })
}

#[track_caller]
fn check(player: &mut Player, steps: &[&str], want: &[&str]) {
    player.record.clear();
    for step in steps {
        player.step(step);
    }
    assert_eq!(player.record, want);
}

#[test]
fn who_knows_the_password_is_logged_in_before_the_registration() {
    let mut player = keeping(&ServicesConfig::default());
    check(
        &mut player,
        &[
            "?alder",
            "alder: CAP LS 302",
            "alder: CAP REQ :sasl",
            "alder: AUTHENTICATE plain",
            &format!("alder: AUTHENTICATE {WRONG}"),
            "alder: AUTHENTICATE PLAIN",
            &format!("alder: AUTHENTICATE {RIGHT}"),
            "alder: AUTHENTICATE PLAIN",
        ],
        &[
            "alder| :hub.test CAP * LS :account-notify account-tag away-notify batch cap-notify chghost echo-message extended-join invite-notify labeled-response message-tags multi-prefix sasl=PLAIN,SCRAM-SHA-256 server-time setname userhost-in-names",
            "alder| :hub.test CAP * ACK :sasl",
            "alder| AUTHENTICATE +",
            "alder| :hub.test 904 * :SASL authentication failed",
            "alder| AUTHENTICATE +",
            "alder| :hub.test 900 * * alder :You are now logged in as alder",
            "alder| :hub.test 903 * :SASL authentication successful",
            "alder| :hub.test 907 * :You have already authenticated using SASL",
        ],
    );
}

#[test]
fn what_is_no_login_is_refused() {
    let mut player = keeping(&ServicesConfig::default());
    check(
        &mut player,
        &[
            "?birch",
            "birch: AUTHENTICATE PLAIN",
            "birch: CAP REQ :sasl",
            "birch: AUTHENTICATE KERBEROS_V4",
            "birch: AUTHENTICATE PLAIN",
            "birch: AUTHENTICATE *",
            "birch: AUTHENTICATE PLAIN",
            "birch: AUTHENTICATE !!!",
        ],
        &[
            "birch| :hub.test 904 * :SASL authentication failed",
            "birch| :hub.test CAP * ACK :sasl",
            "birch| :hub.test 908 * PLAIN,SCRAM-SHA-256 :are available SASL mechanisms",
            "birch| :hub.test 904 * :SASL authentication failed",
            "birch| AUTHENTICATE +",
            "birch| :hub.test 906 * :SASL authentication aborted",
            "birch| AUTHENTICATE +",
            "birch| :hub.test 904 * :SASL authentication failed",
        ],
    );
}

#[test]
fn one_login_is_worked_at_after_the_other_and_who_leaves_is_forgotten() {
    let mut player = keeping(&ServicesConfig {
        cost: Duration::from_secs(2),
        delay: Duration::from_secs(1),
        ..ServicesConfig::default()
    });
    player.step("+alder");
    player.step("+birch");
    player.step("+cedar");
    check(
        &mut player,
        &[
            "alder: PRIVMSG NickServ :IDENTIFY alder bark",
            "birch: PRIVMSG nickserv :identify alder moss",
            "cedar: PRIVMSG NickServ :IDENTIFY alder bark",
            "close cedar eof",
            "wait 3",
        ],
        &[
            "alder| :hub.test 900 alder alder!alder@alder.test alder :You are now logged in as alder",
            "alder| :NickServ!services@services.splitstorm.test NOTICE alder :You are now identified.",
        ],
    );
    check(
        &mut player,
        &["wait 2"],
        &["birch| :NickServ!services@services.splitstorm.test NOTICE birch :Password incorrect."],
    );
    check(&mut player, &["wait 10"], &[]);
}

#[test]
fn too_many_who_wait_bring_the_service_down_for_a_while() {
    let mut player = keeping(&ServicesConfig {
        cost: Duration::from_secs(5),
        queue_max: Some(1),
        restart: Duration::from_secs(20),
        ..ServicesConfig::default()
    });
    player.step("+alder cap-notify,sasl");
    player.step("+birch");
    check(
        &mut player,
        &[
            "alder: PRIVMSG NickServ :IDENTIFY alder bark",
            "birch: PRIVMSG NickServ :IDENTIFY alder bark",
            "birch: PRIVMSG NickServ :IDENTIFY alder bark",
            "alder: AUTHENTICATE PLAIN",
            "wait 19",
        ],
        &[
            "alder| :hub.test CAP alder DEL :sasl",
            "birch| :hub.test 401 birch NickServ :No such nick",
            "alder| :hub.test 904 alder :SASL authentication failed",
        ],
    );
    check(
        &mut player,
        &[
            "wait 1",
            "birch: PRIVMSG NickServ :IDENTIFY alder bark",
            "wait 5",
        ],
        &[
            "alder| :hub.test CAP alder NEW :sasl=PLAIN,SCRAM-SHA-256",
            "birch| :hub.test 900 birch birch!birch@birch.test alder :You are now logged in as alder",
            "birch| :NickServ!services@services.splitstorm.test NOTICE birch :You are now identified.",
        ],
    );
    let logins = Logins {
        succeeded: 1,
        refused: 1,
        outages: 1,
    };
    assert_eq!(player.network.logins(), Some(logins));
}
