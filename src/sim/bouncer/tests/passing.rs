//! What passes through: dials, the network's lines and the clients', and a network that goes and comes.

use crate::sim::bouncer::BouncerConfig;
use crate::sim::bouncer::Style;
use crate::sim::bouncer::tests::POLICY;
use crate::sim::bouncer::tests::Player;
use crate::sim::bouncer::tests::config;
use crate::units::id::SeatId;
use crate::units::offset::Offset;

#[test]
fn seats_are_dialled_one_by_one_and_again_when_their_network_is_gone() {
    let mut player = Player::new(config());
    assert_eq!(player.bouncer.next_timer(), Some(Offset::ZERO));
    player.wait(0);
    player.check("-| dial 0");
    player.wait(0);
    player.check("");
    player.wait(1000);
    player.check("-| dial 1");
    player.lose(0);
    player.wait(1000);
    player.wait(1000);
    player.check("-| dial 2\n-| dial 0");
    assert_eq!(player.bouncer.next_timer(), None);
    // Who is dialled already is not once more for an end that is no news.
    player.lose(0);
    player.lose(0);
    player.wait(9000);
    player.wait(9000);
    player.check("-| dial 0");
}

#[test]
fn a_seat_registers_takes_another_nick_and_joins_when_the_welcome_is_over() {
    let mut player = Player::new(config());
    player.wait(0);
    player
        .bouncer
        .handle_upstream_connected(player.now, SeatId(0));
    player.up(0, ":s.test NOTICE * :Looking up your host");
    player.up(0, "PING :cookie jar");
    player.up(0, ":s.test 433 * oak :Nickname is already in use");
    player.up(0, ":s.test 001 oak_ :hi");
    player.up(0, ":s.test 422 oak_ :no motd");
    player.check(
        "-| dial 0
        up0| NICK oak
        up0| USER oak 0 * :oak
        up0| PONG :cookie jar
        up0| NICK oak_
        up0| JOIN #a
        up0| JOIN #b",
    );
    assert!(!player.bouncer.is_ready(SeatId(0)));
    player.up(0, ":oak_!oak@h JOIN #a");
    player.up(0, ":oak_!oak@h JOIN #b");
    assert!(player.bouncer.is_ready(SeatId(0)));
    player.up(0, ":oak_!oak@h NICK :oak");
    player.attach(7, 0, "");
    let told = player.record.join("\n");
    assert!(told.contains("7| :s.test 422 oak :no motd"), "{told}");
    assert!(told.contains("7| :oak!oak@h JOIN :#a"), "{told}");
}

#[test]
fn members_come_go_and_change_their_names() {
    let mut player = Player::keeping(POLICY);
    for line in [
        ":b!b@h JOIN #a",
        ":c!c@h JOIN :#A",
        ":d!d@h JOIN :#a",
        ":e!e@h JOIN :#a",
        ":ash!a@h NICK :ash2",
        ":b!b@h PART #a :bye",
        ":c!c@h QUIT :bye",
        ":ash!a@h KICK #a D :out",
        ":ash!a@h KICK #b oak :out",
    ] {
        player.up(0, line);
    }
    player.attach(7, 0, "");
    player.check(
        "7| :oak!oak@h JOIN :#a
        7| :s.test 353 oak = #a :@ash2 e oak
        7| :s.test 366 oak #a :End of /NAMES list.",
    );
}

#[test]
fn long_lists_of_members_take_several_lines() {
    let mut player = Player::keeping(POLICY);
    for number in 0..50 {
        player.up(0, &format!(":longish-nick-{number}!u@h JOIN #a"));
    }
    player.attach(7, 0, "");
    let mut rows = player
        .record
        .iter()
        .filter(|row| row.contains(" 353 oak = #a "));
    let names = rows.clone().flat_map(|row| {
        assert!(row.len() < 500);
        row.rsplit_once(':').unwrap().1.split(' ')
    });
    assert_eq!(names.count(), 52);
    assert!(rows.nth(1).is_some());
}

#[test]
fn lines_pass_as_they_are_and_pings_do_not() {
    let mut player = Player::keeping(POLICY);
    player.attach(7, 0, "");
    player.attach(8, 1, "");
    player.record.clear();
    player.up(
        0,
        "@time=2000-01-01T00:00:00.000Z :ash!a@h PRIVMSG #a hello",
    );
    player.up(0, ":s.test 332 oak #a :topic");
    player.up(0, ":ash!a@h QUIT :irc1.test irc2.test");
    player.up(0, ":s.test PONG s.test :x");
    player.up(0, "PING x");
    player.send(7, "@+typing=active PRIVMSG #a :hi");
    player.send(7, "WHO #a");
    player.send(7, "PONG :x");
    player.send(7, "PRIVMSG *status :help");
    player.check(
        "7| :ash!a@h PRIVMSG #a hello
        7| :s.test 332 oak #a :topic
        7| :ash!a@h QUIT :irc1.test irc2.test
        up0| PONG x
        up0| PRIVMSG #a :hi
        up0| WHO #a",
    );
}

#[test]
fn a_users_other_clients_are_told_what_one_of_them_said() {
    let mut player = Player::keeping(POLICY);
    player.attach(7, 0, "");
    player.attach(8, 0, "server-time");
    player.attach(9, 0, "echo-message");
    player.attach(5, 1, "");
    player.attach(6, 2, "");
    player.record.clear();
    player.send(7, "PRIVMSG #a,birch :hi all");
    player.check(
        "up0| PRIVMSG #a,birch :hi all
        8| @time=2023-11-14T22:13:23.000Z :oak!oak@h PRIVMSG #a :hi all
        8| @time=2023-11-14T22:13:23.000Z :oak!oak@h PRIVMSG birch :hi all
        9| :oak!oak@h PRIVMSG #a :hi all
        9| :oak!oak@h PRIVMSG birch :hi all",
    );
    player.send(9, "NOTICE #a :x");
    player.check(
        "up0| NOTICE #a :x
        7| :oak!oak@h NOTICE #a :x
        8| @time=2023-11-14T22:13:23.000Z :oak!oak@h NOTICE #a :x
        9| :oak!oak@h NOTICE #a :x",
    );
    let mut player = Player::keeping(crate::measure::continuity::policy::BufferPolicy {
        tells_siblings: false,
        ..POLICY
    });
    player.attach(7, 0, "");
    player.attach(8, 0, "");
    player.record.clear();
    player.send(7, "PRIVMSG #a :hi");
    player.check("up0| PRIVMSG #a :hi");
}

#[test]
fn znc_tells_of_a_lost_network_of_lost_messages_and_of_the_return() {
    let mut player = Player::keeping(POLICY);
    player.attach(7, 0, "");
    player.record.clear();
    player.up(0, "ERROR :Server going down");
    player.lose(0);
    player.send(7, "PRIVMSG #a :hi");
    player.send(7, "NOTICE birch :hi");
    player.send(7, "PRIVMSG #a :\x01VERSION\x01");
    player.send(7, "PRIVMSG #a :\x01ACTION waves\x01");
    player.send(7, "JOIN #c");
    player.check(
        "7| :*status!znc@znc.in PRIVMSG oak :Error from server: Server going down
        7| :*status!znc@znc.in PRIVMSG oak :Disconnected from IRC. Reconnecting...
        7| :*status!znc@znc.in PRIVMSG oak :Your message to #a got lost, you are not connected to IRC!
        7| :*status!znc@znc.in PRIVMSG oak :Your notice to birch got lost, you are not connected to IRC!
        7| :*status!znc@znc.in PRIVMSG oak :Your CTCP to #a got lost, you are not connected to IRC!",
    );
    player.wait(1000);
    player.welcome(0);
    player.check(
        "-| dial 0
        up0| NICK oak
        up0| USER oak 0 * :oak
        7| :*status!znc@znc.in PRIVMSG oak :Connected!
        7| :s.test 001 oak :Welcome oak
        7| :s.test 005 oak CHANTYPES=# PREFIX=(ov)@+ :are supported
        7| :s.test 376 oak :End of MOTD
        up0| JOIN #a
        up0| JOIN #b
        7| :oak!oak@h JOIN :#a
        7| :s.test 353 oak = #a :@ash oak
        7| :s.test 366 oak #a :End of NAMES
        7| :oak!oak@h JOIN :#b
        7| :s.test 353 oak = #b :@ash oak
        7| :s.test 366 oak #b :End of NAMES",
    );
}

#[test]
fn bip_forwards_the_error_kicks_its_user_and_says_nothing_of_the_return() {
    let mut player = Player::new(BouncerConfig {
        style: Style::Bip,
        ..config()
    });
    player.bring_up();
    player.attach(7, 2, "");
    player.record.clear();
    player.up(2, "ERROR :Server going down");
    player.lose(2);
    player.send(7, "PRIVMSG #a :hi");
    player.send(7, "PING x");
    player.check(
        "7| ERROR :Server going down
        7| :-bip!bip@b.i.p KICK #a oak :Server disconnected, reconnecting
        7| :-bip!bip@b.i.p PRIVMSG oak :Server disconnected, reconnecting
        7| :irc.bip.net NOTICE pouet :ERROR Proxy not connected, please wait before sending commands
        7| :two PONG x",
    );
    player.connect(8, 2, "");
    player.check(
        "8| :s.test 001 oak :Welcome oak
        8| :s.test 005 oak CHANTYPES=# PREFIX=(ov)@+ :are supported
        8| :s.test 376 oak :End of MOTD
        8| :oak NICK oak",
    );
    player.wait(1000);
    player.welcome(2);
    assert_eq!(player.record[3], "7| :s.test 001 oak :Welcome oak");
}
