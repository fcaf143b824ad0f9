//! Messages, as scripts: whom they reach, how they are cut, what answers them.

use crate::irc::network::Synthetic;
use crate::irc::network::config::Limits;
use crate::irc::network::config::NetworkConfig;
use crate::irc::network::tests::harness::Player;
use crate::irc::network::tests::harness::check;
use crate::irc::network::tests::harness::check_with;
use crate::irc::network::tests::harness::config;
use crate::units::id::ServerId;

fn limited(limits: Limits) -> NetworkConfig {
    NetworkConfig { limits, ..config() }
}

#[test]
fn messages_reach_whom_they_address() {
    check(
        "+alder
         +birch @1
         +cedar echo-message
         alder: JOIN #c
         birch: JOIN #c
         cedar: JOIN #c
         alder: MODE #c +v birch
         ---
         alder: PRIVMSG #C :hello
         cedar: PRIVMSG #c,BIRCH hi
         cedar: NOTICE @#c :for operators
         cedar: NOTICE +#c :for voices
         birch: AWAY :asleep
         alder: PRIVMSG birch :wake up",
        "birch| :alder!alder@alder.test PRIVMSG #c :hello
         cedar| :alder!alder@alder.test PRIVMSG #c :hello
         alder| :cedar!cedar@cedar.test PRIVMSG #c :hi
         birch| :cedar!cedar@cedar.test PRIVMSG #c :hi
         birch| :cedar!cedar@cedar.test PRIVMSG birch :hi
         cedar| :cedar!cedar@cedar.test PRIVMSG #c :hi
         cedar| :cedar!cedar@cedar.test PRIVMSG birch :hi
         alder| :cedar!cedar@cedar.test NOTICE @#c :for operators
         cedar| :cedar!cedar@cedar.test NOTICE @#c :for operators
         alder| :cedar!cedar@cedar.test NOTICE +#c :for voices
         birch| :cedar!cedar@cedar.test NOTICE +#c :for voices
         cedar| :cedar!cedar@cedar.test NOTICE +#c :for voices
         birch| :far.test 306 birch :You have been marked as being away
         birch| :alder!alder@alder.test PRIVMSG birch :wake up
         alder| :hub.test 301 alder birch :asleep",
    );
}

#[test]
fn messages_that_reach_nobody_are_answered() {
    let limits = Limits {
        targets_max: 1,
        ..Limits::default()
    };
    check_with(
        limited(limits),
        "+alder
         +birch
         alder: JOIN #c
         alder: MODE #c +m
         birch: JOIN #m
         birch: MODE #m -n
         ---
         birch: PRIVMSG
         birch: PRIVMSG #c
         birch: PRIVMSG #x :hello
         birch: PRIVMSG nobody :hello
         birch: NOTICE nobody :hello
         birch: PRIVMSG #c :hello
         birch: PRIVMSG alder,#c :hello
         alder: PRIVMSG #m :from outside",
        "birch| :hub.test 411 birch :No recipient given (PRIVMSG)
         birch| :hub.test 412 birch :No text to send
         birch| :hub.test 403 birch #x :No such channel
         birch| :hub.test 401 birch nobody :No such nick/channel
         birch| :hub.test 404 birch #c :Cannot send to channel
         alder| :birch!birch@birch.test PRIVMSG alder :hello
         birch| :hub.test 407 birch #c :Too many targets
         birch| :alder!alder@alder.test PRIVMSG #m :from outside",
    );
}

#[test]
fn a_relayed_line_is_cut_to_512_bytes_and_keeps_its_beginning() {
    let mut player = Player::new(config());
    for step in [
        "+alder",
        "+birch server-time",
        "alder: JOIN #c",
        "birch: JOIN #c",
        "---",
    ] {
        player.step(step);
    }
    player.step(&format!("alder: PRIVMSG #c :{}", "x".repeat(490)));
    let line = player.record.pop().unwrap();
    let body = line
        .strip_prefix("birch| @time=2023-11-14T22:13:20.000Z ")
        .unwrap();
    assert_eq!(body.len(), 510);
    assert!(body.starts_with(":alder!alder@alder.test PRIVMSG #c :xxx"));
}

#[test]
fn tags_of_clients_reach_those_who_take_them() {
    check(
        "+alder message-tags
         +birch message-tags
         +cedar
         alder: JOIN #c
         birch: JOIN #c
         cedar: JOIN #c
         ---
         alder: @+typing=active;id=1 TAGMSG #c
         alder: @+a;b=c PRIVMSG #c :hi
         cedar: TAGMSG #c",
        "birch| @+typing=active :alder!alder@alder.test TAGMSG #c
         birch| @+a :alder!alder@alder.test PRIVMSG #c :hi
         cedar| :alder!alder@alder.test PRIVMSG #c :hi",
    );
}

#[test]
fn a_user_without_a_connection_acts_as_any_other() {
    check(
        "+alder
         ~birch @1
         alder: JOIN #c
         birch: JOIN #c
         ---
         birch: PRIVMSG #c :hello
         birch: PRIVMSG nobody :hello
         alder: PRIVMSG birch :hello
         birch: NICK beech
         birch: QUIT :autumn
         alder: PRIVMSG beech :hello",
        "alder| :birch!birch@host.test PRIVMSG #c :hello
         alder| :birch!birch@host.test NICK :beech
         alder| :beech!birch@host.test QUIT :Quit: autumn
         alder| :hub.test 401 alder beech :No such nick/channel",
    );
    let mut player = Player::new(config());
    let id = player.introduce("oak", ServerId(0));
    let who = |nick| Synthetic {
        nick,
        user: "x",
        host: "x",
        real_name: "x",
    };
    assert_eq!(
        player
            .network
            .introduce(player.now, ServerId(1), &who("OAK")),
        None
    );
    assert_eq!(
        player
            .network
            .introduce(player.now, ServerId(1), &who("1oak")),
        None
    );
    player.send("oak", "QUIT");
    assert_eq!(player.network.nick(id), None);
    assert_eq!(
        player
            .network
            .introduce(player.now, ServerId(1), &who("oak")),
        Some(id)
    );
}
