//! Questions about users and channels, as scripts.

use crate::irc::network::tests::harness::Player;
use crate::irc::network::tests::harness::check;
use crate::irc::network::tests::harness::config;
use crate::units::id::ServerId;

#[test]
fn who_and_whois_describe_users() {
    check(
        "+alder
         +birch @1
         alder: JOIN #c
         birch: JOIN #c
         birch: JOIN #d
         birch: MODE #d +s
         birch: AWAY :gone
         wait 5
         ---
         alder: WHO #c
         alder: WHO #c %tcuhsnfr,42
         alder: WHO bir*
         alder: WHOIS birch
         alder: WHOIS nobody
         alder: USERHOST birch nobody alder
         alder: ISON birch nobody :alder ash",
        "alder| :hub.test 352 alder #c alder alder.test hub.test alder H@ :0 The alder
         alder| :hub.test 352 alder #c birch birch.test far.test birch G :1 The birch
         alder| :hub.test 315 alder #c :End of WHO list
         alder| :hub.test 354 alder 42 #c alder alder.test hub.test alder H@ :The alder
         alder| :hub.test 354 alder 42 #c birch birch.test far.test birch G :The birch
         alder| :hub.test 315 alder #c :End of WHO list
         alder| :hub.test 352 alder #c birch birch.test far.test birch G :1 The birch
         alder| :hub.test 315 alder bir* :End of WHO list
         alder| :hub.test 311 alder birch birch birch.test * :The birch
         alder| :hub.test 319 alder birch :#c
         alder| :hub.test 312 alder birch far.test :Grove
         alder| :hub.test 301 alder birch :gone
         alder| :hub.test 317 alder birch 5 1700000000 :seconds idle, signon time
         alder| :hub.test 318 alder birch :End of /WHOIS list.
         alder| :hub.test 401 alder nobody :No such nick/channel
         alder| :hub.test 318 alder nobody :End of /WHOIS list.
         alder| :hub.test 302 alder :birch=-birch@birch.test alder=+alder@alder.test
         alder| :hub.test 303 alder :birch alder",
    );
}

#[test]
fn whowas_tells_of_who_left_or_took_another_nick_the_latest_first() {
    check(
        "+alder
         +birch @1
         birch: NICK beech
         wait 2
         birch: QUIT
         +Birch
         Birch: QUIT
         ---
         alder: WHOWAS birch
         alder: WHOWAS beech,birch 1
         alder: WHOWAS nobody",
        "alder| :hub.test 314 alder Birch Birch Birch.test * :The Birch
         alder| :hub.test 312 alder Birch hub.test :2023-11-14T22:13:22.000Z
         alder| :hub.test 314 alder birch birch birch.test * :The birch
         alder| :hub.test 312 alder birch far.test :2023-11-14T22:13:20.000Z
         alder| :hub.test 369 alder birch :End of WHOWAS
         alder| :hub.test 314 alder beech birch birch.test * :The birch
         alder| :hub.test 312 alder beech far.test :2023-11-14T22:13:22.000Z
         alder| :hub.test 369 alder beech :End of WHOWAS
         alder| :hub.test 314 alder Birch Birch Birch.test * :The Birch
         alder| :hub.test 312 alder Birch hub.test :2023-11-14T22:13:22.000Z
         alder| :hub.test 369 alder birch :End of WHOWAS
         alder| :hub.test 406 alder nobody :There was no such nickname
         alder| :hub.test 369 alder nobody :End of WHOWAS",
    );
}

#[test]
fn who_knows_everybody_as_0_and_no_operators() {
    check(
        "+alder
         alder: JOIN #c
         ---
         alder: WHO 0
         alder: WHO #c o",
        "alder| :hub.test 352 alder #c alder alder.test hub.test alder H@ :0 The alder
         alder| :hub.test 315 alder 0 :End of WHO list
         alder| :hub.test 315 alder #c :End of WHO list",
    );
}

#[test]
fn stats_tells_what_was_used_at_the_server_that_is_asked() {
    check(
        "+alder
         +birch @1
         alder: JOIN #c
         birch: JOIN #c
         birch: privmsg #c :one
         birch: PRIVMSG #c :two
         alder: nonsense
         ---
         alder: STATS m
         birch: STATS M
         alder: STATS u
         alder: STATS",
        "alder| :hub.test 212 alder JOIN 1
         alder| :hub.test 212 alder NICK 1
         alder| :hub.test 212 alder STATS 1
         alder| :hub.test 212 alder USER 1
         alder| :hub.test 219 alder m :End of /STATS report
         birch| :far.test 212 birch JOIN 1
         birch| :far.test 212 birch NICK 1
         birch| :far.test 212 birch PRIVMSG 2
         birch| :far.test 212 birch STATS 1
         birch| :far.test 212 birch USER 1
         birch| :far.test 219 birch m :End of /STATS report
         alder| :hub.test 219 alder u :End of /STATS report
         alder| :hub.test 461 alder STATS :Not enough parameters",
    );
}

#[test]
fn secret_channels_and_invisible_users_are_shown_to_members_only() {
    check(
        "+alder
         +birch
         alder: JOIN #c,#s
         alder: MODE #s +s
         alder: MODE alder +i
         ---
         birch: LIST
         birch: NAMES #c,#s
         birch: NAMES
         birch: WHO #s
         birch: WHO *
         alder: NAMES #s",
        "birch| :hub.test 321 birch Channel :Users Name
         birch| :hub.test 322 birch #c 1 :
         birch| :hub.test 323 birch :End of channel list.
         birch| :hub.test 366 birch #c :End of /NAMES list.
         birch| :hub.test 366 birch #s :End of /NAMES list.
         birch| :hub.test 366 birch * :End of /NAMES list.
         birch| :hub.test 315 birch #s :End of WHO list
         birch| :hub.test 352 birch * birch birch.test hub.test birch H :0 The birch
         birch| :hub.test 315 birch * :End of WHO list
         alder| :hub.test 353 alder @ #s :@alder
         alder| :hub.test 366 alder #s :End of /NAMES list.",
    );
}

#[test]
fn names_of_a_large_channel_fill_lines_of_512_bytes() {
    let mut player = Player::new(config());
    for number in 0..300 {
        player.introduce(&format!("tree{number:03}"), ServerId(0));
        player.send(&format!("tree{number:03}"), "JOIN #wood");
    }
    player.step("+alder");
    player.step("alder: JOIN #wood");
    let lines: Vec<&String> = player
        .record
        .iter()
        .filter(|line| line.contains(" 353 "))
        .collect();
    let names: usize = lines
        .iter()
        .map(|line| line.rsplit_once(':').unwrap().1.split(' ').count())
        .sum();
    assert_eq!(names, 301);
    assert!(lines.iter().all(|line| line.len() <= "alder| ".len() + 510));
    assert!(
        lines[..lines.len() - 1]
            .iter()
            .all(|line| line.len() > "alder| ".len() + 500)
    );
}
