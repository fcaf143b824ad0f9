//! What families of servers do each in its way, as scripts.

use crate::irc::network::Network;
use crate::irc::network::config::NetworkConfig;
use crate::irc::network::family::Family;
use crate::irc::network::tests::harness::Player;
use crate::irc::network::tests::harness::check_with;
use crate::irc::network::tests::harness::config;
use crate::units::id::ServerId;
use crate::units::offset::Offset;

fn like(family: Family) -> NetworkConfig {
    NetworkConfig {
        family,
        caps: family.caps(),
        ..config()
    }
}

/// Two users of one nick, the far one's the later.
const COLLISION: &str = "+alder
     +birch @1
     +cedar @1
     birch: JOIN #c
     cedar: JOIN #c
     split 1
     wait 5
     birch: NICK alder
     ---
     heal 1";

#[test]
fn an_inspircd_renames_the_later_of_two_users_of_one_nick_to_its_id() {
    check_with(
        like(Family::InspIrcd),
        COLLISION,
        "birch| :alder!birch@birch.test NICK :001AAAAAB
         cedar| :alder!birch@birch.test NICK :001AAAAAB",
    );
}

#[test]
fn an_ngircd_closes_both_users_of_one_nick() {
    check_with(
        like(Family::Ngircd),
        COLLISION,
        "birch| :far.test NOTICE alder :Connection statistics: client 0.0 kb, server 0.0 kb.
         birch| ERROR :Nick collision
         cedar| :alder!birch@birch.test QUIT :Nick collision
         birch| [closed]
         alder| :hub.test NOTICE alder :Connection statistics: client 0.0 kb, server 0.0 kb.
         alder| ERROR :Nick collision
         alder| [closed]",
    );
}

#[test]
fn a_hybrid_closes_the_later_of_two_users_of_one_nick() {
    check_with(
        like(Family::Hybrid),
        COLLISION,
        "birch| :far.test 436 alder alder :Nickname collision KILL
         birch| ERROR :Closing Link: birch.test (Nick collision)
         cedar| :alder!birch@birch.test QUIT :Nick collision
         birch| [closed]",
    );
}

#[test]
fn a_hybrid_tells_of_operators_and_voices_where_halves_are_of_one_age() {
    check_with(
        like(Family::Hybrid),
        "+alder
         +birch @1
         alder: JOIN #c
         birch: JOIN #c
         alder: MODE #c +v birch
         split 1
         ---
         heal 1",
        "alder| :birch!birch@birch.test JOIN :#c
         alder| :far.test MODE #c +v birch
         birch| :alder!alder@alder.test JOIN :#c
         birch| :hub.test MODE #c +o alder",
    );
}

#[test]
fn a_hybrid_tells_the_first_member_the_modes_of_its_channel() {
    check_with(
        like(Family::Hybrid),
        "+alder
         ---
         alder: JOIN #c",
        "alder| :alder!alder@alder.test JOIN :#c
         alder| :hub.test MODE #c +nt
         alder| :hub.test 353 alder = #c :@alder
         alder| :hub.test 366 alder #c :End of /NAMES list.",
    );
}

#[test]
fn a_killed_server_leaves_its_clients_nothing_but_the_end() {
    let mut player = Player::new(config());
    for step in [
        "+alder",
        "+birch @1",
        "alder: JOIN #c",
        "birch: JOIN #c",
        "---",
    ] {
        player.step(step);
    }
    let kill = |network: &mut Network, server| network.kill(Offset::ZERO, ServerId(server));
    assert!(!kill(&mut player.network, 0));
    assert!(kill(&mut player.network, 1));
    assert!(!kill(&mut player.network, 1));
    player.drain();
    assert_eq!(
        player.record,
        [
            "birch| [closed]",
            "alder| :birch!birch@birch.test QUIT :hub.test far.test"
        ]
    );
    player.step("heal 1");
    assert_eq!(player.network.user_count(), 1);
}

#[track_caller]
fn check_farewell(family: Family, want: &[&str]) {
    let mut player = Player::new(like(family));
    for step in [
        "+alder",
        "+birch @1",
        "alder: JOIN #c",
        "birch: JOIN #c",
        "---",
    ] {
        player.step(step);
    }
    player.network.shut_down(player.now);
    player.drain();
    assert_eq!(player.record, want, "{family:?}");
}

#[test]
fn each_family_stops_in_its_own_way() {
    check_farewell(Family::Splitstorm, &["alder| [closed]", "birch| [closed]"]);
    check_farewell(
        Family::InspIrcd,
        &[
            "birch| ERROR :Closing link: (birch@birch.test) [Server shutting down]",
            "alder| :birch!birch@birch.test QUIT :Server shutting down",
            "alder| ERROR :Closing link: (alder@alder.test) [Server shutting down]",
            "birch| [closed]",
            "alder| [closed]",
        ],
    );
    check_farewell(
        Family::Ngircd,
        &[
            "alder| :hub.test NOTICE alder :Connection statistics: client 0.0 kb, server 0.0 kb.",
            "alder| ERROR :Server going down",
            "birch| :alder!alder@alder.test QUIT :Server going down",
            "birch| :far.test NOTICE birch :Connection statistics: client 0.0 kb, server 0.0 kb.",
            "birch| ERROR :Server going down",
            "alder| [closed]",
            "birch| [closed]",
        ],
    );
    check_farewell(
        Family::Hybrid,
        &[
            "alder| :hub.test NOTICE alder :Server Terminating. Received signal SIGTERM",
            "birch| :far.test NOTICE birch :Server Terminating. Received signal SIGTERM",
            "alder| [closed]",
            "birch| [closed]",
        ],
    );
}
