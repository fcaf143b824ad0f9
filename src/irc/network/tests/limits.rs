//! What the network refuses, as scripts.

use std::time::Duration;

use crate::irc::network::config::ConnectThrottle;
use crate::irc::network::config::FloodLimit;
use crate::irc::network::config::FloodResponse;
use crate::irc::network::config::Limits;
use crate::irc::network::config::LongLine;
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
fn a_line_that_is_too_long_is_refused_cut_or_closes() {
    let long = |long_line| {
        let mut player = Player::new(limited(Limits {
            long_line,
            ..Limits::default()
        }));
        player.step("+alder");
        player.step(&format!("alder: @+a=b PRIVMSG alder :{}", "x".repeat(600)));
        player.step(&format!("?birch {}", "x".repeat(20)));
        player.step(&format!("birch: {}", "x".repeat(9000)));
        player
            .record
            .iter()
            .map(|line| line.chars().take(40).collect())
            .collect::<Vec<String>>()
    };
    assert_eq!(
        long(LongLine::Refuse),
        [
            "alder| :hub.test 417 alder :Input line w",
            "birch| :hub.test 417 * :Input line was t"
        ]
    );
    assert_eq!(
        long(LongLine::Cut),
        [
            "alder| :alder!alder@alder.test PRIVMSG a",
            "birch| :hub.test 417 * :Input line was t"
        ]
    );
    assert_eq!(
        long(LongLine::Close),
        [
            "alder| ERROR :Closing link: (alder@alder",
            "alder| [closed]",
            "birch| ERROR :Closing link: (unknown@bir",
            "birch| [closed]"
        ]
    );
}

#[test]
fn silent_clients_are_pinged_and_then_closed() {
    check(
        "+alder
         +birch
         ?cedar
         ---
         wait 100
         birch: PONG x
         wait 85
         alder: PONG :hub.test
         wait 120
         birch: PONG x
         wait 110",
        "cedar| ERROR :Closing link: (unknown@cedar.test) [Registration timeout]
         cedar| [closed]
         alder| PING :hub.test
         birch| PING :hub.test
         alder| PING :hub.test",
    );
    check(
        "+alder
         +birch
         alder: JOIN #c
         birch: JOIN #c
         ---
         wait 119
         alder: PONG x
         wait 110
         alder: PONG x
         wait 20",
        "birch| PING :hub.test
         birch| ERROR :Closing link: (birch@birch.test) [Ping timeout: 240 seconds]
         alder| :birch!birch@birch.test QUIT :Ping timeout: 240 seconds
         birch| [closed]",
    );
}

#[test]
fn a_flood_closes_or_is_worked_off_at_the_permitted_pace() {
    let flood = |response| {
        let limits = Limits {
            flood: Some(FloodLimit {
                burst: 4,
                line_interval: Duration::from_secs(1),
                response,
            }),
            recvq_bytes_max: 200,
            ..Limits::default()
        };
        let mut player = Player::new(limited(limits));
        player.step("+alder");
        player.step("wait 10");
        player.step("?birch");
        player
    };
    let mut player = flood(FloodResponse::Delay);
    for number in 0..7 {
        player.step(&format!("alder: PING {number}"));
    }
    assert_eq!(player.record.len(), 4);
    player.step("wait 2");
    assert_eq!(player.record.len(), 6);
    player.step("wait 1");
    assert_eq!(player.record[6], "alder| :hub.test PONG hub.test :6");
    player.record.clear();
    for _ in 0..40 {
        if player.ids.contains_key("alder") {
            player.step("alder: PING 1234567890");
        }
    }
    assert_eq!(
        player.record,
        [
            "alder| ERROR :Closing link: (alder@alder.test) [RecvQ exceeded]",
            "alder| [closed]"
        ]
    );

    let mut player = flood(FloodResponse::Close);
    player.step("alder: PING 1");
    player.step("birch: CAP LS");
    player.record.clear();
    let flood = "PING 2\r\n".repeat(300);
    let id = player.ids["alder"];
    player
        .network
        .handle_bytes(player.now, id, flood.as_bytes());
    player.drain();
    assert_eq!(
        player.record,
        [
            "alder| :hub.test PONG hub.test :2",
            "alder| :hub.test PONG hub.test :2",
            "alder| :hub.test PONG hub.test :2",
            "alder| ERROR :Closing link: (alder@alder.test) [Excess Flood]",
            "alder| [closed]"
        ]
    );
}

#[test]
fn an_address_has_only_so_many_connections_so_often() {
    let limits = Limits {
        clients_per_address_max: Some(1),
        ..Limits::default()
    };
    let mut player = Player::new(limited(limits));
    let mut connect = |name: &str| {
        let id = player
            .network
            .handle_connect(player.now, ServerId(0), "10.0.0.1");
        player.ids.insert(name.to_owned(), id);
        player.drain();
        std::mem::take(&mut player.record)
    };
    assert!(connect("alder").is_empty());
    assert_eq!(
        connect("birch"),
        [
            "birch| ERROR :Closing link: (unknown@10.0.0.1) [No more connections allowed from your host]",
            "birch| [closed]"
        ]
    );
    player.step("close alder eof");
    player
        .network
        .handle_connect(player.now, ServerId(0), "10.0.0.1");
    player.drain();
    assert!(player.record.is_empty());

    let limits = Limits {
        connect_throttle: Some(ConnectThrottle {
            connects_max: 1,
            window: Duration::from_secs(10),
        }),
        ..Limits::default()
    };
    check_with(
        limited(limits),
        "?alder
         close alder eof
         ?alder
         wait 10
         ?alder",
        "alder| ERROR :Your host is trying to (re)connect too fast -- throttled.
         alder| [closed]",
    );
}

#[test]
fn a_client_that_does_not_read_is_closed_and_its_outbox_stays_bounded() {
    let sendq_bytes_max = 4096;
    let limits = Limits {
        sendq_bytes_max,
        ..Limits::default()
    };
    let mut player = Player::new(limited(limits));
    for step in [
        "+alder",
        "+birch",
        "+cedar",
        "alder: JOIN #c",
        "birch: JOIN #c",
        "cedar: JOIN #c",
    ] {
        player.step(step);
    }
    let birch = player.ids["birch"];
    let mut quits = Vec::new();
    for _ in 0..100 {
        player.send("alder", "PRIVMSG #c :to whom it may concern");
        assert!(player.network.outbox(birch).len() <= sendq_bytes_max + 512);
        for name in ["alder", "cedar"] {
            let mut bytes = Vec::new();
            player
                .network
                .outbox(player.ids[name])
                .take_into(&mut bytes);
            let text = String::from_utf8(bytes).unwrap();
            quits.extend(
                text.lines()
                    .filter(|line| line.contains("QUIT"))
                    .map(str::to_owned),
            );
        }
    }
    let quit = ":birch!birch@birch.test QUIT :SendQ exceeded".to_owned();
    assert_eq!(quits, [quit.clone(), quit]);
    assert!(player.network.outbox(birch).is_empty());
    player.record.clear();
    player.drain();
    assert_eq!(player.record, ["birch| [closed]"]);
}
