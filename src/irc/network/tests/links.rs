//! Netsplits and their ends, as scripts.

use crate::irc::network::tests::harness::Player;
use crate::irc::network::tests::harness::check;
use crate::irc::network::tests::harness::config;
use crate::units::id::ServerId;

/// Two users with the hub, two on the far server, all on one channel.
const GROVE: &str = "+alder
     +ash
     +birch @1
     ~beech @1
     alder: JOIN #c
     ash: JOIN #c
     birch: JOIN #c
     beech: JOIN #c
     alder: MODE #c +ov birch beech
     ---
     ";

#[track_caller]
fn check_grove(script: &str, want: &str) {
    check(&format!("{GROVE}{script}"), want);
}

#[test]
fn a_split_quits_every_user_behind_the_link_on_both_sides() {
    check_grove(
        "split 1",
        "birch| :alder!alder@alder.test QUIT :far.test hub.test
         birch| :ash!ash@ash.test QUIT :far.test hub.test
         alder| :birch!birch@birch.test QUIT :hub.test far.test
         alder| :beech!beech@host.test QUIT :hub.test far.test
         ash| :birch!birch@birch.test QUIT :hub.test far.test
         ash| :beech!beech@host.test QUIT :hub.test far.test",
    );
}

#[test]
fn both_sides_live_on_apart_and_hear_nothing_of_each_other() {
    check_grove(
        "split 1
         ---
         birch: PRIVMSG #c :far
         ash: PRIVMSG #c :near
         beech: PRIVMSG birch :far too
         birch: PRIVMSG alder :hello?
         birch: NICK alder
         birch: NAMES #c
         ash: LUSERS",
        "alder| :ash!ash@ash.test PRIVMSG #c :near
         birch| :beech!beech@host.test PRIVMSG birch :far too
         birch| :far.test 401 birch alder :No such nick/channel
         birch| :birch!birch@birch.test NICK :alder
         birch| :far.test 353 alder = #c :@alder +beech
         birch| :far.test 366 alder #c :End of /NAMES list.
         ash| :hub.test 251 ash :There are 2 users and 0 invisible on 2 servers
         ash| :hub.test 253 ash 0 :unknown connections
         ash| :hub.test 254 ash 1 :channels formed
         ash| :hub.test 255 ash :I have 2 clients and 1 servers
         ash| :hub.test 265 ash :Current local users: 2  Max: 2
         ash| :hub.test 266 ash :Current global users: 2  Max: 4",
    );
}

#[test]
fn the_end_of_a_split_joins_every_user_again_and_gives_back_its_status() {
    check_grove(
        "split 1
         ---
         heal 1
         birch: PRIVMSG #c :together",
        "alder| :birch!birch@birch.test JOIN #c
         alder| :beech!beech@host.test JOIN #c
         alder| :far.test MODE #c +ov birch beech
         ash| :birch!birch@birch.test JOIN #c
         ash| :beech!beech@host.test JOIN #c
         ash| :far.test MODE #c +ov birch beech
         birch| :alder!alder@alder.test JOIN #c
         birch| :ash!ash@ash.test JOIN #c
         birch| :hub.test MODE #c +o alder
         alder| :birch!birch@birch.test PRIVMSG #c :together
         ash| :birch!birch@birch.test PRIVMSG #c :together",
    );
}

#[test]
fn batches_hold_splits_and_joins_for_those_who_take_them() {
    check(
        "+alder batch,server-time
         +birch @1
         +cedar @1
         alder: JOIN #c
         birch: JOIN #c
         cedar: JOIN #d
         ---
         split 1
         heal 1",
        "birch| :alder!alder@alder.test QUIT :far.test hub.test
         alder| @time=2023-11-14T22:13:20.000Z :hub.test BATCH +link1 netsplit hub.test far.test
         alder| @batch=link1;time=2023-11-14T22:13:20.000Z :birch!birch@birch.test QUIT :hub.test far.test
         alder| @time=2023-11-14T22:13:20.000Z :hub.test BATCH -link1
         alder| @time=2023-11-14T22:13:20.000Z :hub.test BATCH +link2 netjoin hub.test far.test
         alder| @batch=link2;time=2023-11-14T22:13:20.000Z :birch!birch@birch.test JOIN #c
         alder| @time=2023-11-14T22:13:20.000Z :hub.test BATCH -link2
         birch| :alder!alder@alder.test JOIN #c
         birch| :hub.test MODE #c +o alder",
    );
}

#[test]
fn of_two_users_with_one_nick_the_later_is_renamed_and_both_if_neither_is() {
    check_grove(
        "split 1
         wait 5
         birch: NICK ash
         ---
         heal 1",
        "birch| :ash!birch@birch.test NICK :001000002
         birch| :alder!alder@alder.test JOIN #c
         birch| :ash!ash@ash.test JOIN #c
         birch| :hub.test MODE #c +o alder
         alder| :001000002!birch@birch.test JOIN #c
         alder| :beech!beech@host.test JOIN #c
         alder| :far.test MODE #c +ov 001000002 beech
         ash| :001000002!birch@birch.test JOIN #c
         ash| :beech!beech@host.test JOIN #c
         ash| :far.test MODE #c +ov 001000002 beech",
    );
    check(
        "+alder
         +birch @1
         split 1
         birch: NICK oak
         alder: NICK oak
         ---
         heal 1
         alder: PRIVMSG 001000001 :who are we?",
        "birch| :oak!birch@birch.test NICK :001000001
         alder| :oak!alder@alder.test NICK :000000000
         birch| :000000000!alder@alder.test PRIVMSG 001000001 :who are we?",
    );
}

#[test]
fn a_client_that_has_not_registered_gives_way() {
    check(
        "+alder
         ?birch @1
         split 1
         wait 1
         birch: NICK alder
         ---
         heal 1",
        "birch| ERROR :Closing link: (unknown@birch.test) [Nickname collision]
         birch| [closed]",
    );
}

#[test]
fn halves_of_the_same_age_are_united() {
    check_grove(
        "split 1
         alder: MODE #c +kb acorn *!*@weeds.test
         birch: MODE #c +ml-t 9
         wait 1
         birch: TOPIC #c :later
         ---
         heal 1
         alder: MODE #c",
        "alder| :far.test MODE #c +ml 9
         alder| :far.test TOPIC #c :later
         alder| :birch!birch@birch.test JOIN #c
         alder| :beech!beech@host.test JOIN #c
         alder| :far.test MODE #c +ov birch beech
         ash| :far.test MODE #c +ml 9
         ash| :far.test TOPIC #c :later
         ash| :birch!birch@birch.test JOIN #c
         ash| :beech!beech@host.test JOIN #c
         ash| :far.test MODE #c +ov birch beech
         birch| :hub.test MODE #c +tkb acorn *!*@weeds.test
         birch| :alder!alder@alder.test JOIN #c
         birch| :ash!ash@ash.test JOIN #c
         birch| :hub.test MODE #c +o alder
         alder| :hub.test 324 alder #c +mntkl acorn 9
         alder| :hub.test 329 alder #c 1700000000",
    );
}

#[test]
fn the_older_half_keeps_its_modes_and_the_younger_loses_its_operators() {
    check(
        "+alder
         +birch @1
         alder: JOIN #c
         alder: MODE #c +i
         split 1
         wait 1
         birch: JOIN #c
         birch: MODE #c +m
         ---
         heal 1",
        "birch| :hub.test MODE #c -m+i-o birch
         birch| :alder!alder@alder.test JOIN #c
         birch| :hub.test MODE #c +o alder
         alder| :birch!birch@birch.test JOIN #c",
    );
}

#[test]
fn other_servers_stay_with_the_hub_and_each_link_breaks_alone() {
    check(
        "+alder
         +birch @1
         +cedar @2
         alder: JOIN #c
         birch: JOIN #c
         cedar: JOIN #c
         ---
         split 1
         split 2
         heal 1
         split 1
         heal 2
         heal 1",
        "birch| :alder!alder@alder.test QUIT :far.test hub.test
         birch| :cedar!cedar@cedar.test QUIT :far.test hub.test
         alder| :birch!birch@birch.test QUIT :hub.test far.test
         cedar| :birch!birch@birch.test QUIT :hub.test far.test
         cedar| :alder!alder@alder.test QUIT :third.test hub.test
         alder| :cedar!cedar@cedar.test QUIT :hub.test third.test
         alder| :birch!birch@birch.test JOIN #c
         birch| :alder!alder@alder.test JOIN #c
         birch| :hub.test MODE #c +o alder
         birch| :alder!alder@alder.test QUIT :far.test hub.test
         alder| :birch!birch@birch.test QUIT :hub.test far.test
         alder| :cedar!cedar@cedar.test JOIN #c
         cedar| :alder!alder@alder.test JOIN #c
         cedar| :hub.test MODE #c +o alder
         alder| :birch!birch@birch.test JOIN #c
         cedar| :birch!birch@birch.test JOIN #c
         birch| :alder!alder@alder.test JOIN #c
         birch| :cedar!cedar@cedar.test JOIN #c
         birch| :hub.test MODE #c +o alder",
    );
}

#[test]
fn only_a_whole_link_breaks_and_only_a_broken_one_is_made() {
    let mut player = Player::new(config());
    let mut link = |heal: bool, server| {
        let (network, now) = (&mut player.network, player.now);
        if heal {
            network.heal(now, ServerId(server))
        } else {
            network.split(now, ServerId(server))
        }
    };
    assert!(!link(false, 0));
    assert!(!link(true, 0));
    assert!(!link(true, 1));
    assert!(link(false, 1));
    assert!(!link(false, 1));
    assert!(link(true, 1));
}
