//! Clients that come: logins, what they are told at first, what is played back to them, and what is forgotten then.

use crate::measure::continuity::policy::BufferPolicy;
use crate::sim::bouncer::BouncerConfig;
use crate::sim::bouncer::Style;
use crate::sim::bouncer::tests::NEVER;
use crate::sim::bouncer::tests::POLICY;
use crate::sim::bouncer::tests::Player;
use crate::sim::bouncer::tests::config;

/// A bouncer that has something to play back in #a and from birch.
fn talked_to(config: BouncerConfig) -> Player {
    let mut player = Player::new(config);
    player.bring_up();
    player.talk(0, "#a", &["one"]);
    player.wait(1000);
    player.up(0, ":ash!a@h NOTICE #A :\x01ACTION waves\x01");
    player.up(0, ":birch!b@h PRIVMSG oak :hello there");
    player.up(0, ":fir!f@h JOIN #a");
    player.up(0, ":ash!a@h PRIVMSG oak :\x01VERSION\x01");
    player.wait(1000);
    player
}

#[test]
fn without_capabilities_markers_and_clocks_tell_what_is_played_back() {
    let mut player = talked_to(config());
    player.connect(7, 0, "");
    player.check(
        "7| :s.test 001 oak :Welcome oak
        7| :s.test 005 oak CHANTYPES=# PREFIX=(ov)@+ :are supported
        7| :s.test 376 oak :End of MOTD
        7| :oak!oak@h JOIN :#a
        7| :s.test 353 oak = #a :@ash fir oak
        7| :s.test 366 oak #a :End of /NAMES list.
        7| :***!znc@znc.in PRIVMSG #a :Buffer Playback...
        7| :ash!a@h PRIVMSG #a :[22:13:23] one
        7| :ash!a@h NOTICE #A :\x01ACTION [22:13:24] waves\x01
        7| :***!znc@znc.in PRIVMSG #a :Playback Complete.
        7| :oak!oak@h JOIN :#b
        7| :s.test 353 oak = #b :@ash oak
        7| :s.test 366 oak #b :End of /NAMES list.
        7| :birch!b@h PRIVMSG oak :[22:13:24] hello there",
    );
}

#[test]
fn with_server_time_the_time_of_each_line_is_its_own() {
    let mut player = talked_to(config());
    player.connect(7, 0, "server-time");
    player.check(
        "7| @time=2023-11-14T22:13:25.000Z :irc.znc.in CAP unknown-nick ACK :server-time
        7| @time=2023-11-14T22:13:20.000Z :s.test 001 oak :Welcome oak
        7| @time=2023-11-14T22:13:20.000Z :s.test 005 oak CHANTYPES=# PREFIX=(ov)@+ :are supported
        7| @time=2023-11-14T22:13:20.000Z :s.test 376 oak :End of MOTD
        7| @time=2023-11-14T22:13:25.000Z :oak!oak@h JOIN :#a
        7| @time=2023-11-14T22:13:25.000Z :s.test 353 oak = #a :@ash fir oak
        7| @time=2023-11-14T22:13:25.000Z :s.test 366 oak #a :End of /NAMES list.
        7| @time=2023-11-14T22:13:23.000Z :ash!a@h PRIVMSG #a :one
        7| @time=2023-11-14T22:13:24.000Z :ash!a@h NOTICE #A :\x01ACTION waves\x01
        7| @time=2023-11-14T22:13:25.000Z :oak!oak@h JOIN :#b
        7| @time=2023-11-14T22:13:25.000Z :s.test 353 oak = #b :@ash oak
        7| @time=2023-11-14T22:13:25.000Z :s.test 366 oak #b :End of /NAMES list.
        7| @time=2023-11-14T22:13:24.000Z :birch!b@h PRIVMSG oak :hello there",
    );
    player.up(0, ":ash!a@h PRIVMSG #a :live");
    player.check("7| @time=2023-11-14T22:13:25.000Z :ash!a@h PRIVMSG #a :live");
}

#[test]
fn with_batch_each_playback_is_one() {
    let mut player = talked_to(config());
    player.attach(7, 0, "batch server-time");
    let batch = "@batch=playback-#a;time=2023-11-14T22:13:2";
    player.check(&format!(
        "7| @time=2023-11-14T22:13:25.000Z :oak!oak@h JOIN :#a
        7| @time=2023-11-14T22:13:25.000Z :s.test 353 oak = #a :@ash fir oak
        7| @time=2023-11-14T22:13:25.000Z :s.test 366 oak #a :End of /NAMES list.
        7| @time=2023-11-14T22:13:25.000Z :znc.in BATCH +playback-#a znc.in/playback #a
        7| {batch}3.000Z :ash!a@h PRIVMSG #a :one
        7| {batch}4.000Z :ash!a@h NOTICE #A :\x01ACTION waves\x01
        7| @time=2023-11-14T22:13:25.000Z :znc.in BATCH -playback-#a
        7| @time=2023-11-14T22:13:25.000Z :oak!oak@h JOIN :#b
        7| @time=2023-11-14T22:13:25.000Z :s.test 353 oak = #b :@ash oak
        7| @time=2023-11-14T22:13:25.000Z :s.test 366 oak #b :End of /NAMES list.
        7| @time=2023-11-14T22:13:25.000Z :znc.in BATCH +playback-birch znc.in/playback birch
        7| @batch=playback-birch;time=2023-11-14T22:13:24.000Z :birch!b@h PRIVMSG oak :hello there
        7| @time=2023-11-14T22:13:25.000Z :znc.in BATCH -playback-birch"
    ));
    // Batches without times bear the clock.
    let mut player = talked_to(config());
    player.attach(7, 0, "znc.in/batch");
    let told = player.record.join("\n");
    assert!(told.contains("7| @batch=playback-#a :ash!a@h PRIVMSG #a :[22:13:23] one"));
    assert!(!told.contains("***"));
}

#[test]
fn without_marks_what_is_played_back_looks_like_live() {
    let policy = BufferPolicy {
        marks_replay: false,
        ..POLICY
    };
    let mut player = talked_to(BouncerConfig { policy, ..config() });
    player.attach(7, 0, "batch server-time");
    let now = "7| @time=2023-11-14T22:13:25.000Z";
    player.check(&format!(
        "{now} :oak!oak@h JOIN :#a
        {now} :s.test 353 oak = #a :@ash fir oak
        {now} :s.test 366 oak #a :End of /NAMES list.
        {now} :ash!a@h PRIVMSG #a :one
        {now} :ash!a@h NOTICE #A :\x01ACTION waves\x01
        {now} :oak!oak@h JOIN :#b
        {now} :s.test 353 oak = #b :@ash oak
        {now} :s.test 366 oak #b :End of /NAMES list.
        {now} :birch!b@h PRIVMSG oak :hello there"
    ));
}

#[test]
fn bip_shows_a_mask_of_its_own_and_ends_each_backlog() {
    let mut player = talked_to(BouncerConfig {
        style: Style::Bip,
        policy: NEVER,
        ..config()
    });
    player.attach(6, 0, "server-time");
    player.send(6, "PRIVMSG birch :hi");
    player.record.clear();
    player.attach(7, 0, "");
    player.check(
        "7| :oak NICK oak
        7| :oak!bip@bip.bip.bip JOIN #a
        7| :b.i.p 353 oak = #a :@ash fir oak
        7| :b.i.p 366 oak #a :End of /NAMES list.
        7| :ash!bip@b.i.p PRIVMSG #a :22:13:23> one
        7| :ash!bip@b.i.p PRIVMSG #a :\x01ACTION 22:13:24> waves\x01
        7| :-bip!bip@b.i.p PRIVMSG #a :End of backlog
        7| :oak!bip@bip.bip.bip JOIN #b
        7| :b.i.p 353 oak = #b :@ash oak
        7| :b.i.p 366 oak #b :End of /NAMES list.
        7| :birch!bip@b.i.p PRIVMSG oak :22:13:24> hello there
        7| :birch!bip@b.i.p PRIVMSG oak :\x02->\x0222:13:25> hi
        7| :birch PRIVMSG oak :End of backlog",
    );
}

#[test]
fn a_client_without_an_upstream_is_let_in_with_one_line() {
    let mut player = Player::new(config());
    player.connect(7, 0, "");
    player.check("7| :irc.znc.in 001 oak :Welcome to ZNC");
    player.send(7, "PING :x");
    player.check("7| :irc.znc.in PONG irc.znc.in :x");
    // bip turns it away.
    let mut player = Player::new(BouncerConfig {
        style: Style::Bip,
        ..config()
    });
    player.connect(7, 0, "");
    player.check(
        "7| :irc.bip.net NOTICE pouet :ERROR Proxy not yet connected, try again later
        -| close 7",
    );
}

#[test]
fn a_wrong_password_is_refused_and_the_connection_closed() {
    for (hello, text) in [
        ("PASS oak/one:elm-bark", "Invalid Password"),
        ("PASS oak/three:oak-bark", "Invalid Password"),
        ("PASS", "Invalid Password"),
        ("PING", "Password required"),
    ] {
        let mut player = Player::keeping(POLICY);
        player
            .bouncer
            .handle_client_connected(player.now, crate::sim::bouncer::ConnectionId(7));
        player.send(7, hello);
        player.send(7, "NICK oak");
        player.record.clear();
        player.send(7, "USER oak 0 * :oak");
        player.check(&format!(
            "7| :irc.znc.in 464 oak :{text}
            -| close 7"
        ));
        player.send(7, "PASS oak/one:oak-bark");
        player.check("");
    }
}

#[test]
fn a_negotiation_holds_the_login_up_and_is_all_or_nothing() {
    let mut player = Player::keeping(POLICY);
    let id = crate::sim::bouncer::ConnectionId(7);
    player.bouncer.handle_client_connected(player.now, id);
    player.send(7, "CAP LS 302");
    player.send(7, "NICK oak");
    player.send(7, "USER oak 0 * :oak");
    player.send(7, "PASS oak/one:oak-bark");
    player.send(7, "CAP REQ :batch sasl");
    player.check(
        "7| :irc.znc.in CAP unknown-nick LS :batch echo-message server-time znc.in/batch znc.in/self-message znc.in/server-time-iso
        7| :irc.znc.in CAP oak NAK :batch sasl",
    );
    player.send(7, "CAP END");
    assert_eq!(
        player.bouncer.attached_count(crate::units::id::SeatId(0)),
        1
    );
}

#[test]
fn a_buffer_has_room_for_so_many_lines_and_the_oldest_go() {
    for policy in [POLICY, NEVER] {
        let mut player = Player::keeping(policy);
        player.talk(0, "#a", &["1", "2", "3", "4", "5"]);
        player.up(0, ":birch!b@h PRIVMSG oak :6");
        player.attach(7, 0, "");
        assert_eq!(player.texts(7), "3 4 5 6");
    }
}

#[test]
fn who_forgets_on_an_attach_keeps_what_no_client_saw() {
    let mut player = Player::keeping(POLICY);
    player.talk(0, "#a", &["1"]);
    player.attach(7, 0, "");
    player.talk(0, "#a", &["2"]);
    assert_eq!(player.texts(7), "1 2");
    player.attach(8, 0, "");
    assert_eq!(player.texts(8), "");
    player.close(7);
    player.talk(0, "#a", &["3"]);
    assert_eq!(player.texts(8), "3");
    player.send(8, "QUIT :bye");
    player.check(
        "8| ERROR :Closing link
        -| close 8",
    );
    player.talk(0, "#a", &["4"]);
    player.up(0, ":birch!b@h PRIVMSG oak :5");
    player.close(8);
    player.attach(9, 0, "");
    assert_eq!(player.texts(9), "4 5");
}

#[test]
fn who_never_forgets_tells_the_last_lines_again() {
    let mut player = Player::keeping(NEVER);
    player.talk(0, "#a", &["1"]);
    player.attach(7, 0, "");
    player.talk(0, "#a", &["2", "3", "4"]);
    assert_eq!(player.texts(7), "1 2 3 4");
    player.send(7, "PRIVMSG #a :own");
    player.send(7, "PRIVMSG birch :5");
    player.up(0, ":birch!b@h PRIVMSG oak :6");
    player.attach(8, 0, "");
    // Private talk of its own is for who knows it.
    assert_eq!(player.texts(8), "3 4 own 6");
    player.attach(9, 0, "znc.in/self-message");
    assert_eq!(player.texts(9), "3 4 own 5 6");
}

#[test]
fn what_the_policy_does_not_keep_is_not_kept() {
    let mut player = Player::keeping(BufferPolicy {
        keeps_own: false,
        keeps_notices: false,
        keeps_queries: false,
        ..NEVER
    });
    player.attach(7, 0, "");
    player.send(7, "PRIVMSG #a :own");
    player.up(0, ":ash!a@h NOTICE #a :notice");
    player.up(0, ":ash!a@h PRIVMSG oak :query");
    player.talk(0, "#a", &["1"]);
    player.attach(8, 0, "");
    assert_eq!(player.texts(8), "1");
}

#[test]
fn a_restart_loses_what_is_kept_unless_it_survives() {
    for (survives_restart, want) in [(true, "1 2"), (false, "")] {
        let mut player = Player::keeping(BufferPolicy {
            survives_restart,
            ..POLICY
        });
        player.talk(0, "#a", &["1"]);
        player.up(0, ":ash!a@h PRIVMSG oak :2");
        player.attach(7, 1, "");
        player.bouncer.restart(player.now);
        player.record.clear();
        player.bring_up();
        player.attach(8, 0, "");
        assert_eq!(player.texts(8), want);
    }
}

#[test]
fn who_came_while_the_network_was_gone_is_played_back_what_was_kept_when_it_is_back() {
    for policy in [POLICY, NEVER] {
        let mut player = Player::keeping(policy);
        player.talk(0, "#a", &["1"]);
        player.up(0, ":ash!a@h PRIVMSG oak :2");
        player.lose(0);
        player.attach(7, 0, "");
        assert_eq!(player.texts(7), "2");
        player.wait(1000);
        player.welcome(0);
        assert_eq!(player.texts(7), "1");
        player.lose(0);
        player.wait(1000);
        player.welcome(0);
        assert_eq!(player.texts(7), "");
    }
}
