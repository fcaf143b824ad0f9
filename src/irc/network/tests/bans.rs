//! Bans of servers, and limits that are looked at when a client registers, as scripts.

use std::time::Duration;

use crate::irc::network::bans::BANS_MAX;
use crate::irc::network::config::ConnectBan;
use crate::irc::network::config::Limits;
use crate::irc::network::config::NetworkConfig;
use crate::irc::network::family::Family;
use crate::irc::network::tests::harness::Player;
use crate::irc::network::tests::harness::check;
use crate::irc::network::tests::harness::check_with;
use crate::irc::network::tests::harness::config;

fn limited(limits: Limits) -> NetworkConfig {
    NetworkConfig { limits, ..config() }
}

#[test]
fn a_ban_closes_everybody_of_the_address_and_refuses_newcomers_until_it_is_lifted() {
    check(
        "from 192.0.2.1
         +alder
         +birch @1
         ?cedar
         from 192.0.2.2
         +dogwood
         alder: JOIN #c
         dogwood: JOIN #c
         ---
         ban 192.0.2.1 too many of you
         from 192.0.2.1
         ?elder
         unban 192.0.2.1
         ?fir",
        "alder| :hub.test 465 alder :You are banned from this server- too many of you
         alder| ERROR :Closing link: (alder@192.0.2.1) [K-Lined]
         dogwood| :alder!alder@192.0.2.1 QUIT :K-Lined
         alder| [closed]
         birch| :far.test 465 birch :You are banned from this server- too many of you
         birch| ERROR :Closing link: (birch@192.0.2.1) [K-Lined]
         birch| [closed]
         cedar| :hub.test 465 * :You are banned from this server- too many of you
         cedar| ERROR :Closing link: (unknown@192.0.2.1) [K-Lined]
         cedar| [closed]
         elder| :hub.test 465 * :You are banned from this server- too many of you
         elder| ERROR :Closing link: (unknown@192.0.2.1) [K-Lined]
         elder| [closed]",
    );
}

#[test]
fn a_ban_of_one_user_name_spares_the_others_of_the_address() {
    check(
        "from 2001:db8::1
         +alder
         +birch
         ---
         ban alder@2001:db8::/64 spam
         ?cedar
         cedar: NICK cedar
         cedar: USER alder 0 * :x",
        "alder| :hub.test 465 alder :You are banned from this server- spam
         alder| ERROR :Closing link: (alder@2001:db8::1) [K-Lined]
         alder| [closed]
         cedar| :hub.test 465 cedar :You are banned from this server- spam
         cedar| ERROR :Closing link: (alder@2001:db8::1) [K-Lined]
         cedar| [closed]",
    );
}

#[test]
fn families_say_in_their_own_words_that_somebody_is_banned_or_one_too_many() {
    for (family, want) in [
        (
            Family::InspIrcd,
            [
                "alder| :hub.test 465 alder :You're banned!",
                "alder| ERROR :Closing link: (alder@192.0.2.1) [K-lined: spam]",
                "birch| ERROR :Closing link: (unknown@192.0.2.2) [No more connections allowed from your host via this connect class (local)]",
            ],
        ),
        (
            Family::Hybrid,
            [
                "alder| :hub.test 465 alder :You are banned from this server- spam",
                "alder| ERROR :Closing Link: 192.0.2.1 (K-lined)",
                "birch| ERROR :Closing Link: 192.0.2.2 (No more connections allowed on that IP)",
            ],
        ),
        (
            Family::Ngircd,
            [
                "alder| :hub.test 465 alder :You are banned from this server",
                "alder| ERROR :K-Lined: spam",
                "birch| ERROR :Connection refused, too many connections from your IP address",
            ],
        ),
    ] {
        let mut player = Player::new(NetworkConfig {
            family,
            limits: Limits {
                clients_per_address_max: Some(1),
                ..Limits::default()
            },
            ..config()
        });
        for step in [
            "from 192.0.2.1",
            "+alder",
            "---",
            "ban 192.0.2.1 spam",
            "from 192.0.2.2",
            "?cedar",
            "?birch",
        ] {
            player.step(step);
        }
        player
            .record
            .retain(|line| !line.contains("closed") && !line.contains("statistics"));
        assert_eq!(player.record, want, "{family:?}");
    }
}

#[test]
fn who_connects_too_often_is_banned_with_all_of_its_address_for_a_time() {
    let limits = Limits {
        connect_ban: Some(ConnectBan {
            connects_max: 3,
            window: Duration::from_secs(10),
            lasts: Duration::from_mins(1),
        }),
        ..Limits::default()
    };
    check_with(
        limited(limits),
        "from 2001:db8::1
         +alder
         from 2001:db8::2
         +birch
         from 2001:db8:0:1::1
         +cedar
         from 2001:db8::3
         ?dogwood
         ---
         from 2001:db8::4
         ?elder
         wait 59
         ?fir
         wait 1
         ?gorse",
        "elder| :hub.test 465 * :You are banned from this server- Excessive connections from your address
         elder| ERROR :Closing link: (unknown@2001:db8::4) [K-Lined]
         elder| [closed]
         alder| :hub.test 465 alder :You are banned from this server- Excessive connections from your address
         alder| ERROR :Closing link: (alder@2001:db8::1) [K-Lined]
         alder| [closed]
         birch| :hub.test 465 birch :You are banned from this server- Excessive connections from your address
         birch| ERROR :Closing link: (birch@2001:db8::2) [K-Lined]
         birch| [closed]
         dogwood| :hub.test 465 * :You are banned from this server- Excessive connections from your address
         dogwood| ERROR :Closing link: (unknown@2001:db8::3) [K-Lined]
         dogwood| [closed]
         fir| :hub.test 465 * :You are banned from this server- Excessive connections from your address
         fir| ERROR :Closing link: (unknown@2001:db8::4) [K-Lined]
         fir| [closed]",
    );
}

#[test]
fn a_lifted_ban_lets_a_banned_source_in_before_its_time() {
    let limits = Limits {
        connect_ban: Some(ConnectBan {
            connects_max: 1,
            window: Duration::from_secs(10),
            lasts: Duration::from_hours(1),
        }),
        ..Limits::default()
    };
    let mut player = Player::new(limited(limits));
    for step in [
        "from 192.0.2.1",
        "?alder",
        "?birch",
        "---",
        "unban 192.0.2.0/24",
        "?cedar",
    ] {
        player.step(step);
    }
    assert!(player.record.is_empty(), "{:?}", player.record);
    assert!(!player.network.unban("192.0.2.0/24"));
}

#[test]
fn limits_of_users_bite_as_they_register() {
    let limits = Limits {
        users_per_address_max: Some(2),
        users_per_ident_max: Some(1),
        ..Limits::default()
    };
    check_with(
        limited(limits),
        "from 192.0.2.1
         +alder
         ?birch
         birch: NICK birch
         birch: USER alder 0 * :x
         +cedar
         ?dogwood
         dogwood: NICK dogwood
         dogwood: USER dogwood 0 * :x
         close alder eof
         +elder
         from 192.0.2.2
         +fir",
        "birch| ERROR :Closing link: (alder@192.0.2.1) [Too many user connections]
         birch| [closed]
         dogwood| ERROR :Closing link: (dogwood@192.0.2.1) [No more connections allowed from your host]
         dogwood| [closed]",
    );
}

#[test]
fn there_are_only_so_many_bans() {
    let mut player = Player::new(config());
    for number in 0..BANS_MAX {
        let mask = format!("host{number}.test");
        assert_eq!(player.network.ban(player.now, &mask, "x"), Some(0));
    }
    let again = player.network.ban(player.now, "host0.test", "y");
    assert_eq!(again, Some(0));
    assert_eq!(player.network.ban(player.now, "another.test", "x"), None);
}
