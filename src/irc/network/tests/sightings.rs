//! What the network saw, as scripts.

use std::time::Duration;

use crate::irc::network::Network;
use crate::irc::network::config::ConnectBan;
use crate::irc::network::config::ConnectThrottle;
use crate::irc::network::config::FloodLimit;
use crate::irc::network::config::FloodResponse;
use crate::irc::network::config::Limits;
use crate::irc::network::config::NetworkConfig;
use crate::irc::network::rules::Limit;
use crate::irc::network::rules::Rules;
use crate::irc::network::sightings::Counts;
use crate::irc::network::sightings::FirstBan;
use crate::irc::network::sightings::Sighting;
use crate::irc::network::sightings::Within;
use crate::irc::network::tests::harness::Player;
use crate::irc::network::tests::harness::START_UNIX_MICROS;
use crate::irc::network::tests::harness::config;
use crate::units::offset::Offset;

fn play(limits: Limits, script: &str) -> Player {
    let mut player = Player::new(NetworkConfig { limits, ..config() });
    for step in script.lines().map(str::trim) {
        player.step(step);
    }
    player
}

fn row<'a>(player: &'a Player, source: &str) -> &'a Sighting {
    let mut rows = player.network.saw().sources().iter();
    rows.find(|row| row.source.to_string() == source).unwrap()
}

#[test]
fn connects_sessions_and_ends_are_counted_by_source() {
    let player = play(
        Limits::default(),
        "from 192.0.2.1
         +alder
         wait 1
         +birch
         ?cedar
         close birch eof
         alder: QUIT
         from 2001:db8::1
         ?elder
         from 2001:db8::2
         ?fir
         wait 60",
    );
    let alders = row(&player, "192.0.2.1");
    assert_eq!(
        alders.counts,
        Counts {
            connects: 3,
            registrations: 2,
            registrations_timed_out: 1,
            closed_by_peer: 1,
            ..Counts::default()
        }
    );
    assert_eq!(alders.connections_max(), 3);
    assert_eq!(alders.connects_max(Within::Second), 2);
    assert_eq!(alders.connects_max(Within::TenSeconds), 3);
    assert_eq!(alders.connections_over(2), Some(Offset::from_secs(1)));
    let both = row(&player, "2001:db8::/64");
    assert_eq!(both.connections_max(), 2);
    assert_eq!(both.counts.registrations_timed_out, 2);
}

#[test]
fn every_kind_of_refusal_has_a_count_and_refused_connects_are_no_sessions() {
    let player = play(
        Limits {
            clients_per_address_max: Some(2),
            users_per_ident_max: Some(1),
            connect_throttle: Some(ConnectThrottle {
                connects_max: 3,
                window: Duration::from_secs(10),
            }),
            connect_ban: Some(ConnectBan {
                connects_max: 5,
                window: Duration::from_secs(10),
                lasts: Duration::from_mins(2),
            }),
            ..Limits::default()
        },
        "from 192.0.2.1
         +alder
         ?birch
         ?cedar
         ?dogwood
         birch: NICK birch
         birch: USER alder 0 * :x
         ?elder
         wait 3
         ?fir
         wait 1
         ?gorse
         from 192.0.2.9
         ?hazel
         ban 192.0.2.9 x
         unban 192.0.2.9",
    );
    let row_of_all = row(&player, "192.0.2.1");
    assert_eq!(
        row_of_all.counts,
        Counts {
            connects: 7,
            registrations: 1,
            refused_throttle: 2,
            refused_clone_limit: 1,
            refused_ident_limit: 1,
            refused_ban: 2,
            closed_by_ban: 1,
            ..Counts::default()
        }
    );
    assert_eq!(row_of_all.connections_max(), 2);
    assert_eq!(
        row_of_all.first_ban,
        Some(FirstBan {
            at: Offset::from_secs(3),
            lasts: Some(Duration::from_mins(2)),
        })
    );
    let by_hand = row(&player, "192.0.2.9");
    assert_eq!(
        by_hand.first_ban,
        Some(FirstBan {
            at: Offset::from_secs(4),
            lasts: None,
        })
    );
    assert_eq!(by_hand.counts.closed_by_ban, 1);
    let total = player.network.saw().total();
    assert_eq!((total.connects, total.closed_by_ban), (8, 2));
}

#[test]
fn floods_and_full_queues_are_counted() {
    let limits = |response| Limits {
        flood: Some(FloodLimit {
            burst: 4,
            line_interval: Duration::from_secs(1),
            response,
        }),
        recvq_bytes_max: 30,
        sendq_bytes_max: 4_096,
        ..Limits::default()
    };
    let flood = "from 192.0.2.1
         +alder
         wait 10
         alder: PING 1
         alder: PING 2
         alder: PING 3
         alder: PING 4
         alder: PING 5
         alder: PING 6";
    let counts = |player: &Player| row(player, "192.0.2.1").counts;
    let mut player = play(limits(FloodResponse::Delay), flood);
    assert_eq!(counts(&player).lines_held, 2);
    player.step("alder: PING 12345678901234567890");
    assert_eq!(counts(&player).closed_by_flood, 1);
    let player = play(
        limits(FloodResponse::Close),
        flood.trim_end_matches("\n         alder: PING 6"),
    );
    assert_eq!(
        (counts(&player).lines_held, counts(&player).closed_by_flood),
        (0, 1)
    );

    let mut player = play(
        Limits {
            sendq_bytes_max: 4_096,
            ..Limits::default()
        },
        "from 192.0.2.1
         +alder",
    );
    for _ in 0..200 {
        player.send("alder", "PING 12345678901234567890");
    }
    player.drain();
    assert_eq!(counts(&player).sendq_exceeded, 1);
    assert_eq!(counts(&player).connections, 0);
}

#[test]
fn a_gateway_that_comes_back_at_once_would_have_been_banned() {
    let mut player = play(Limits::default(), "from 192.0.2.1");
    for number in 0..30 {
        player.step(&format!("?user{number}"));
        if number % 10 == 9 {
            player.step("wait 1");
        }
    }
    let hits = player.network.saw().against(Rules::named("usual").unwrap());
    let told: Vec<_> = hits
        .iter()
        .map(|hit| (hit.limit, hit.most, hit.first, hit.is_banned))
        .collect();
    let zero = Some(Offset::ZERO);
    assert_eq!(
        told,
        [
            (Limit::Sessions, 30, zero, false),
            (Limit::Connects(Within::TenSeconds), 30, zero, true)
        ]
    );
}

#[test]
fn what_was_seen_and_banned_outlives_a_restart() {
    let mut player = play(
        Limits::default(),
        "from 192.0.2.1
         +alder
         ban 192.0.2.7 x",
    );
    let mut fresh = Network::new(config(), player.now, START_UNIX_MICROS);
    fresh.keep_sightings_of(&mut player.network);
    player.network = fresh;
    player.ids.clear();
    let counts = row(&player, "192.0.2.1").counts;
    assert_eq!((counts.connects, counts.connections), (1, 0));
    player.step("from 192.0.2.7");
    player.step("?birch");
    assert_eq!(row(&player, "192.0.2.7").counts.refused_ban, 1);
}
