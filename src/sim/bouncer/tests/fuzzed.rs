//! The model fed with anything: it never panics, and the same gives the same.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::Just;
use proptest::prelude::Strategy;
use proptest::prelude::any;
use proptest::prop_assert_eq;
use proptest::prop_oneof;
use proptest::proptest;

use crate::sim::bouncer::BouncerConfig;
use crate::sim::bouncer::ConnectionId;
use crate::sim::bouncer::ModelBouncer;
use crate::sim::bouncer::Style;
use crate::sim::bouncer::lie::Lie;
use crate::sim::bouncer::lie::Lying;
use crate::sim::bouncer::tests::NEVER;
use crate::sim::bouncer::tests::POLICY;
use crate::sim::bouncer::tests::Player;
use crate::sim::bouncer::tests::config;
use crate::units::id::SeatId;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Bytes {
        is_up: bool,
        who: u8,
        bytes: Vec<u8>,
    },
    Connect(u8),
    Attach {
        who: u8,
        seat: u8,
        caps: u8,
    },
    Close(u8),
    Up(u8),
    Down(u8),
    Wait(u16),
    Restart,
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("#a".to_owned()),
        Just("#B".to_owned()),
        Just("oak".to_owned()),
        Just("ELM".to_owned()),
        Just(":ash!a@h".to_owned()),
        Just(":oak!oak@h".to_owned()),
        Just(":s.test".to_owned()),
        Just(":\x01ACTION x\x01".to_owned()),
        Just(String::new()),
        "[ -~]{0,6}",
    ]
}

fn command() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("PRIVMSG"),
        Just("NOTICE"),
        Just("JOIN"),
        Just("PART"),
        Just("KICK"),
        Just("QUIT"),
        Just("NICK"),
        Just("CAP LS"),
        Just("CAP REQ"),
        Just("PASS"),
        Just("USER"),
        Just("PING"),
        Just("ERROR"),
        Just("001"),
        Just("005"),
        Just("353"),
        Just("376"),
        Just("433"),
    ]
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    (word(), command(), vec(word(), 0..5)).prop_map(|(source, command, words)| {
        let source = source.strip_prefix(':').map(|source| format!(":{source} "));
        let source = source.unwrap_or_default();
        format!("{source}{command} {}\r\n", words.join(" ")).into_bytes()
    })
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = prop_oneof![8 => line(), 1 => vec(any::<u8>(), 0..40)];
    prop_oneof![
        8 => (any::<bool>(), 0_u8..4, bytes).prop_map(|(is_up, who, bytes)| Step::Bytes { is_up, who, bytes }),
        1 => (0_u8..4).prop_map(Step::Connect),
        3 => (0_u8..4, 0_u8..3, 0_u8..4).prop_map(|(who, seat, caps)| Step::Attach { who, seat, caps }),
        1 => (0_u8..4).prop_map(Step::Close),
        3 => (0_u8..4).prop_map(Step::Up),
        1 => (0_u8..4).prop_map(Step::Down),
        2 => (0_u16..2000).prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

fn play(config: BouncerConfig, steps: &[Step]) -> (Vec<String>, ModelBouncer) {
    let mut player = Player::new(config);
    player.bring_up();
    for step in steps {
        match step.clone() {
            Step::Bytes { is_up, who, bytes } => {
                if is_up {
                    let seat = SeatId(u32::from(who));
                    player
                        .bouncer
                        .handle_upstream_bytes(player.now, seat, &bytes);
                } else {
                    let id = ConnectionId(u64::from(who));
                    player.bouncer.handle_client_bytes(player.now, id, &bytes);
                }
            }
            Step::Connect(who) => {
                let id = ConnectionId(u64::from(who));
                player.bouncer.handle_client_connected(player.now, id);
            }
            Step::Attach { who, seat, caps } => {
                let caps = ["", "batch", "server-time", "batch echo-message"][usize::from(caps)];
                player.close(u64::from(who));
                player.attach(u64::from(who), u32::from(seat), caps);
            }
            Step::Close(who) => player.close(u64::from(who)),
            Step::Up(who) => {
                let seat = SeatId(u32::from(who));
                player.bouncer.handle_upstream_connected(player.now, seat);
            }
            Step::Down(who) => player.lose(u32::from(who)),
            Step::Wait(millis) => player.wait(u64::from(millis)),
            Step::Restart => player.bouncer.restart(player.now),
        }
        player.drain();
    }
    (player.record, player.bouncer)
}

proptest! {
    #[test]
    fn anything_is_taken_and_the_same_gives_the_same(
        steps in vec(step(), 0..80),
        lie in 0..=Lie::ALL.len(),
        is_bip in any::<bool>(),
        forgets in any::<bool>(),
    ) {
        let config = BouncerConfig {
            lying: Lie::ALL.get(lie).map(|&lie| Lying { lie, one_in: 2 }),
            style: if is_bip { Style::Bip } else { Style::Znc },
            policy: if forgets { POLICY } else { NEVER },
            dial_every: Duration::from_secs(1),
            ..config()
        };
        let (record, bouncer) = play(config.clone(), &steps);
        let (again, _) = play(config, &steps);
        prop_assert_eq!(record, again);
        let is_honest = lie == Lie::ALL.len();
        prop_assert_eq!(is_honest && bouncer.lie_count() > 0, false);
    }
}
