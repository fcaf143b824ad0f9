//! Channels, as scripts: ways in and out, modes, topics.

use crate::irc::network::config::Limits;
use crate::irc::network::config::NetworkConfig;
use crate::irc::network::tests::harness::check;
use crate::irc::network::tests::harness::check_with;
use crate::irc::network::tests::harness::config;

fn limited(limits: Limits) -> NetworkConfig {
    NetworkConfig { limits, ..config() }
}

#[test]
fn joins_are_read_in_the_form_each_member_takes() {
    check(
        "+alder extended-join
         +birch
         +cedar multi-prefix,userhost-in-names
         alder: JOIN #c
         alder: TOPIC #c :on trees
         birch: AWAY :gone
         alder: MODE #c +v alder
         ---
         birch: JOIN #C
         birch: JOIN #c
         cedar: JOIN #c",
        "alder| :birch!birch@birch.test JOIN #c * :The birch
         birch| :birch!birch@birch.test JOIN #c
         birch| :hub.test 332 birch #c :on trees
         birch| :hub.test 333 birch #c alder!alder@alder.test 1700000000
         birch| :hub.test 353 birch = #c :@alder birch
         birch| :hub.test 366 birch #c :End of /NAMES list.
         alder| :cedar!cedar@cedar.test JOIN #c * :The cedar
         birch| :cedar!cedar@cedar.test JOIN #c
         cedar| :cedar!cedar@cedar.test JOIN #c
         cedar| :hub.test 332 cedar #c :on trees
         cedar| :hub.test 333 cedar #c alder!alder@alder.test 1700000000
         cedar| :hub.test 353 cedar = #c :@+alder!alder@alder.test birch!birch@birch.test cedar!cedar@cedar.test
         cedar| :hub.test 366 cedar #c :End of /NAMES list.",
    );
}

#[test]
fn a_channel_keeps_out_whom_its_modes_keep_out() {
    check(
        "+alder
         +birch
         +cedar
         alder: JOIN #i,#k,#l,#b
         alder: MODE #i +i
         alder: MODE #k +k acorn
         alder: MODE #l +l 1
         alder: MODE #b +b birch
         ---
         birch: JOIN #i,#k,#l,#b,c,#
         birch: JOIN #k acorn
         alder: INVITE birch #i
         birch: JOIN #i",
        "birch| :hub.test 473 birch #i :Cannot join channel (+i)
         birch| :hub.test 475 birch #k :Cannot join channel (+k)
         birch| :hub.test 471 birch #l :Cannot join channel (+l)
         birch| :hub.test 474 birch #b :Cannot join channel (+b)
         birch| :hub.test 403 birch c :No such channel
         birch| :birch!birch@birch.test JOIN #
         birch| :hub.test 353 birch = # :@birch
         birch| :hub.test 366 birch # :End of /NAMES list.
         alder| :birch!birch@birch.test JOIN #k
         birch| :birch!birch@birch.test JOIN #k
         birch| :hub.test 353 birch = #k :@alder birch
         birch| :hub.test 366 birch #k :End of /NAMES list.
         alder| :hub.test 341 alder birch #i
         birch| :alder!alder@alder.test INVITE birch :#i
         alder| :birch!birch@birch.test JOIN #i
         birch| :birch!birch@birch.test JOIN #i
         birch| :hub.test 353 birch = #i :@alder birch
         birch| :hub.test 366 birch #i :End of /NAMES list.",
    );
}

#[test]
fn too_many_channels_are_refused() {
    let limits = Limits {
        channels_per_user_max: Some(1),
        ..Limits::default()
    };
    check_with(
        limited(limits),
        "+alder
         alder: JOIN #a
         ---
         alder: JOIN #b",
        "alder| :hub.test 405 alder #b :You have joined too many channels",
    );
}

#[test]
fn part_kick_and_quit_are_read_by_those_who_stay() {
    check(
        "+alder
         +birch
         +cedar
         alder: JOIN #c,#d
         birch: JOIN #c
         cedar: JOIN #c,#d
         ---
         birch: PART #c :bye
         birch: PART #c,#x
         alder: KICK #c birch
         birch: KICK #c alder
         cedar: KICK #c alder
         alder: KICK #c cedar,nobody :out you go
         cedar: QUIT :leaves fall
         alder: JOIN 0
         alder: LIST",
        "alder| :birch!birch@birch.test PART #c :bye
         birch| :birch!birch@birch.test PART #c :bye
         cedar| :birch!birch@birch.test PART #c :bye
         birch| :hub.test 442 birch #c :You're not on that channel
         birch| :hub.test 403 birch #x :No such channel
         alder| :hub.test 441 alder birch #c :They are not on that channel
         birch| :hub.test 442 birch #c :You're not on that channel
         cedar| :hub.test 482 cedar #c :You're not a channel operator
         alder| :alder!alder@alder.test KICK #c cedar :out you go
         alder| :hub.test 401 alder nobody :No such nick/channel
         cedar| :alder!alder@alder.test KICK #c cedar :out you go
         cedar| ERROR :Closing link: (cedar@cedar.test) [Quit: leaves fall]
         alder| :cedar!cedar@cedar.test QUIT :Quit: leaves fall
         cedar| [closed]
         alder| :alder!alder@alder.test PART #d
         alder| :alder!alder@alder.test PART #c
         alder| :hub.test 321 alder Channel :Users Name
         alder| :hub.test 323 alder :End of channel list.",
    );
}

#[test]
fn a_closed_connection_quits_with_its_reason() {
    check(
        "+alder
         +birch
         +cedar
         +dogwood
         +elm
         alder: JOIN #b,#c,#d,#e
         birch: JOIN #b
         cedar: JOIN #c
         dogwood: JOIN #d
         elm: JOIN #e
         ---
         close birch eof
         close cedar reset
         close dogwood timeout
         kill elm Killed (axe)",
        "alder| :birch!birch@birch.test QUIT :Remote host closed the connection
         alder| :cedar!cedar@cedar.test QUIT :Connection reset by peer
         alder| :dogwood!dogwood@dogwood.test QUIT :Connection timed out
         elm| ERROR :Closing link: (elm@elm.test) [Killed (axe)]
         alder| :elm!elm@elm.test QUIT :Killed (axe)
         elm| [closed]",
    );
}

#[test]
fn modes_are_made_told_and_asked_for() {
    check(
        "+alder
         +birch
         alder: JOIN #c
         birch: JOIN #c
         ---
         alder: MODE #c +sovk-t birch birch acorn
         alder: MODE #c +o birch
         birch: MODE #c -o+b-x alder *!*@alder.test
         alder: MODE #c +m
         alder: MODE #c b
         alder: MODE #c
         birch: MODE #c +l 5
         birch: MODE #c -lk x
         birch: MODE #c
         birch: MODE #x
         birch: MODE",
        "alder| :alder!alder@alder.test MODE #c +sovk-t birch birch acorn
         birch| :alder!alder@alder.test MODE #c +sovk-t birch birch acorn
         birch| :hub.test 472 birch x :is unknown mode char to me
         birch| :birch!birch@birch.test MODE #c -o+b alder *!*@alder.test
         alder| :birch!birch@birch.test MODE #c -o+b alder *!*@alder.test
         alder| :hub.test 482 alder #c :You're not a channel operator
         alder| :hub.test 367 alder #c *!*@alder.test birch!birch@birch.test 1700000000
         alder| :hub.test 368 alder #c :End of channel ban list
         alder| :hub.test 324 alder #c +nsk acorn
         alder| :hub.test 329 alder #c 1700000000
         alder| :birch!birch@birch.test MODE #c +l 5
         birch| :birch!birch@birch.test MODE #c +l 5
         alder| :birch!birch@birch.test MODE #c -lk acorn
         birch| :birch!birch@birch.test MODE #c -lk acorn
         birch| :hub.test 324 birch #c +ns
         birch| :hub.test 329 birch #c 1700000000
         birch| :hub.test 403 birch #x :No such channel
         birch| :hub.test 461 birch MODE :Not enough parameters",
    );
}

#[test]
fn users_change_their_own_modes_only() {
    check(
        "+alder
         +birch
         alder: MODE alder +iw
         alder: MODE alder -w+iZ
         alder: MODE alder
         alder: MODE birch +i
         birch: LUSERS",
        "alder| :alder!alder@alder.test MODE alder :+i+w
         alder| :hub.test 501 alder :Unknown MODE flag
         alder| :alder!alder@alder.test MODE alder :-w
         alder| :hub.test 221 alder +i
         alder| :hub.test 502 alder :Can't change mode for other users
         birch| :hub.test 251 birch :There are 1 users and 1 invisible on 3 servers
         birch| :hub.test 253 birch 0 :unknown connections
         birch| :hub.test 254 birch 0 :channels formed
         birch| :hub.test 255 birch :I have 2 clients and 2 servers
         birch| :hub.test 265 birch :Current local users: 2  Max: 2
         birch| :hub.test 266 birch :Current global users: 2  Max: 2",
    );
}

#[test]
fn topics_are_set_cut_asked_for_and_guarded() {
    let limits = Limits {
        topic_len: 8,
        ..Limits::default()
    };
    check_with(
        limited(limits),
        "+alder
         +birch
         alder: JOIN #c
         birch: JOIN #c
         ---
         birch: TOPIC #c
         birch: TOPIC #c :mine
         alder: TOPIC #c :roots and leaves
         birch: TOPIC #c
         alder: TOPIC #c :
         alder: TOPIC #x",
        "birch| :hub.test 331 birch #c :No topic is set
         birch| :hub.test 482 birch #c :You're not a channel operator
         alder| :alder!alder@alder.test TOPIC #c :roots an
         birch| :alder!alder@alder.test TOPIC #c :roots an
         birch| :hub.test 332 birch #c :roots an
         birch| :hub.test 333 birch #c alder!alder@alder.test 1700000000
         alder| :alder!alder@alder.test TOPIC #c :
         birch| :alder!alder@alder.test TOPIC #c :
         alder| :hub.test 403 alder #x :No such channel",
    );
}
