//! Lies: each is seen in what clients read, is told at its rate, and is recorded.

use crate::measure::continuity::policy::BufferPolicy;
use crate::sim::bouncer::lie::Lie;
use crate::sim::bouncer::tests::NEVER;
use crate::sim::bouncer::tests::POLICY;
use crate::sim::bouncer::tests::Player;
use crate::units::id::SeatId;

/// A policy with room for many lines.
fn roomy(policy: BufferPolicy) -> BufferPolicy {
    BufferPolicy {
        lines_max: 1000,
        ..policy
    }
}

/// Checks that so many lines were lied about, and that the lie's texts are these.
#[track_caller]
fn check_told(player: &Player, lie: Lie, want: &str) {
    let told = player.bouncer.told();
    let texts: Vec<String> = told
        .iter()
        .map(|told| String::from_utf8(told.text.clone()).unwrap())
        .collect();
    assert_eq!(texts.join(" "), want);
    assert!(told.iter().all(|told| told.lie == lie));
    assert_eq!(player.bouncer.lie_count(), told.len() as u64);
}

#[test]
fn an_honest_bouncer_tells_no_lie() {
    let mut player = Player::keeping(roomy(POLICY));
    player.talk(0, "#a", &["1", "2", "3"]);
    player.attach(7, 0, "");
    player.talk(0, "#a", &["4"]);
    assert_eq!(player.texts(7), "1 2 3 4");
    assert_eq!(player.bouncer.lie_count(), 0);
}

#[test]
fn one_line_in_so_many_is_not_played_back() {
    let mut player = Player::lying(Lie::DropReplayed, 10, roomy(POLICY));
    let texts: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    player.talk(0, "#a", &texts);
    player.attach(7, 0, "");
    let read = player.texts(7);
    let missing: Vec<&str> = texts
        .iter()
        .copied()
        .filter(|text| !read.split(' ').any(|read| read == *text))
        .collect();
    assert_eq!(missing.len(), 4);
    for (block, text) in missing.iter().enumerate() {
        assert_eq!(text.parse::<usize>().unwrap() / 10, block);
    }
    check_told(&player, Lie::DropReplayed, &missing.join(" "));
}

#[test]
fn a_line_is_hidden_for_five_minutes() {
    let mut player = Player::lying(Lie::HideReplayed, 3, roomy(NEVER));
    player.talk(0, "#a", &["1", "2", "3"]);
    player.attach(7, 0, "");
    assert_eq!(player.texts(7).split(' ').count(), 2);
    let hidden = String::from_utf8(player.bouncer.told()[0].text.clone()).unwrap();
    for (id, millis, is_there) in [(8, 299_000, false), (9, 2_000, true)] {
        player.wait(millis);
        player.attach(id, 0, "");
        assert_eq!(player.texts(id).contains(&hidden), is_there, "{hidden}");
    }
}

#[test]
fn a_playback_comes_twice() {
    let mut player = Player::lying(Lie::ReplayTwice, 1, roomy(POLICY));
    player.talk(0, "#a", &["1", "2"]);
    player.attach(7, 0, "");
    assert_eq!(player.texts(7), "1 2 1 2");
    check_told(&player, Lie::ReplayTwice, "1 2");
}

#[test]
fn two_neighbours_change_places() {
    let mut player = Player::lying(Lie::SwapReplayed, 1, roomy(POLICY));
    player.talk(0, "#a", &["1", "1", "2"]);
    player.attach(7, 0, "");
    assert_eq!(player.texts(7), "1 2 1");
    check_told(&player, Lie::SwapReplayed, "1");
    player.talk(0, "#b", &["1", "1"]);
    player.attach(8, 0, "");
    assert_eq!(player.bouncer.lie_count(), 1);
}

#[test]
fn stamps_are_put_back_by_two_seconds_or_more() {
    for seed in 0..20 {
        let lying = Some(crate::sim::bouncer::lie::Lying {
            lie: Lie::ShiftStamp,
            one_in: 1,
        });
        let config = crate::sim::bouncer::BouncerConfig {
            lying,
            ..crate::sim::bouncer::tests::config()
        };
        let mut player = Player::seeded(config, seed);
        player.bring_up();
        player.wait(27_000);
        player.talk(0, "#a", &["1"]);
        player.attach(7, 0, "");
        let row = player.record.iter().find(|row| row.ends_with("] 1"));
        let clock = row.unwrap().rsplit_once('[').unwrap().1;
        let secs: u32 = clock.strip_prefix("22:13:").unwrap()[..2].parse().unwrap();
        assert!((41..=48).contains(&secs), "{clock}");
        check_told(&player, Lie::ShiftStamp, "1");
    }
}

#[test]
fn a_channel_is_forgotten_before_it_is_played_back() {
    let mut player = Player::lying(Lie::ForgetChannel, 2, roomy(POLICY));
    player.talk(0, "#a", &["a1", "a2"]);
    player.talk(0, "#b", &["b1", "b2"]);
    player.up(0, ":birch!b@h PRIVMSG oak :q");
    player.attach(7, 0, "");
    let read = player.texts(7);
    let (left, gone) = if read.contains('a') {
        ("a1 a2 q", "b1 b2")
    } else {
        ("b1 b2 q", "a1 a2")
    };
    assert_eq!(read, left);
    check_told(&player, Lie::ForgetChannel, gone);
}

#[test]
fn what_is_said_around_an_attach_is_lost() {
    for policy in [POLICY, NEVER] {
        let mut player = Player::lying(Lie::DeafAtAttach, 1, roomy(policy));
        player.talk(0, "#a", &["1"]);
        player.wait(600);
        player.talk(0, "#a", &["2"]);
        player.up(0, ":birch!b@h PRIVMSG oak :3");
        player.wait(400);
        player.attach(7, 0, "");
        player.wait(499);
        player.talk(0, "#a", &["4"]);
        player.wait(1);
        player.talk(0, "#a", &["5"]);
        assert_eq!(player.texts(7), "1 5");
        check_told(&player, Lie::DeafAtAttach, "2 3 4");
    }
}

#[test]
fn a_line_of_one_user_goes_to_anothers_client_who_is_not_in_that_channel() {
    let mut player = Player::lying(Lie::Leak, 1, roomy(POLICY));
    player.attach(7, 0, "");
    player.attach(8, 1, "");
    player.attach(9, 2, "");
    player.record.clear();
    // Elm is in #a of the same network itself, and oak's other client is the same user's.
    player.talk(0, "#a", &["1"]);
    player.check("7| :ash!a@h PRIVMSG #a :1");
    player.talk(0, "#b", &["2"]);
    player.check(
        "7| :ash!a@h PRIVMSG #b :2
        8| :ash!a@h PRIVMSG #b :2",
    );
    player.up(2, ":birch!b@h PRIVMSG oak :3");
    player.check(
        "9| :birch!b@h PRIVMSG oak :3
        8| :birch!b@h PRIVMSG oak :3",
    );
    check_told(&player, Lie::Leak, "2 3");
    assert_eq!(player.bouncer.told()[1].seat, SeatId(2));
}

#[test]
fn live_lines_are_dropped_and_doubled() {
    for (lie, want) in [(Lie::DropLive, ""), (Lie::DoubleLive, "1 1")] {
        let mut player = Player::lying(lie, 1, roomy(NEVER));
        player.talk(0, "#a", &["0"]);
        player.attach(7, 0, "");
        player.record.clear();
        player.talk(0, "#a", &["1"]);
        assert_eq!(player.texts(7), want);
        check_told(&player, lie, "1");
        player.attach(8, 0, "");
        assert_eq!(player.texts(8), "0 1");
    }
}
