//! Look-ups before registration, as scripts.

use std::time::Duration;

use crate::irc::network::config::IdentLookUp;
use crate::irc::network::config::Limits;
use crate::irc::network::config::LookUps;
use crate::irc::network::config::NetworkConfig;
use crate::irc::network::family::Family;
use crate::irc::network::tests::harness::Player;
use crate::irc::network::tests::harness::check_with;
use crate::irc::network::tests::harness::config;

fn looking_up(host: Option<u64>, ident: Option<(u64, bool)>) -> NetworkConfig {
    NetworkConfig {
        look_ups: LookUps {
            host: host.map(Duration::from_secs),
            ident: ident.map(|(takes, is_answered)| IdentLookUp {
                takes: Duration::from_secs(takes),
                is_answered,
            }),
        },
        ..config()
    }
}

/// Returns the record up to the welcome.
fn welcome(config: NetworkConfig, steps: &[&str]) -> Vec<String> {
    let mut player = Player::new(config);
    for step in steps {
        player.step(step);
    }
    let is_told = |line: &&String| line.contains(" NOTICE ") || line.contains(" 001 ");
    player.record.iter().filter(is_told).cloned().collect()
}

const REGISTERING: [&str; 4] = [
    "from 192.0.2.1",
    "?alder",
    "alder: NICK alder",
    "alder: USER alder 0 * :x",
];

#[test]
fn registration_waits_for_both_look_ups_and_a_name_without_an_answer_is_marked() {
    let steps = [&REGISTERING[..], &["wait 1", "wait 1", "wait 3"]].concat();
    assert_eq!(
        welcome(looking_up(Some(2), Some((5, false))), &steps),
        [
            "alder| :hub.test NOTICE * :*** Looking up your hostname...",
            "alder| :hub.test NOTICE * :*** Checking Ident",
            "alder| :hub.test NOTICE alder :*** Couldn't look up your hostname",
            "alder| :hub.test NOTICE alder :*** No Ident response",
            "alder| :hub.test 001 alder :Welcome to the Grove IRC Network alder!~alder@192.0.2.1",
        ]
    );
    assert_eq!(
        welcome(looking_up(None, Some((1, true))), &steps).pop(),
        Some(
            "alder| :hub.test 001 alder :Welcome to the Grove IRC Network alder!alder@192.0.2.1"
                .to_owned()
        )
    );
}

#[test]
fn who_is_looked_up_before_it_says_its_name_registers_at_once_when_it_does() {
    let steps = ["from 192.0.2.1", "?alder", "wait 5"];
    let steps = [&steps[..], &REGISTERING[2..]].concat();
    let got = welcome(looking_up(Some(4), None), &steps);
    assert_eq!(got.len(), 3, "{got:?}");
    assert!(
        got[1].ends_with("NOTICE * :*** Couldn't look up your hostname"),
        "{got:?}"
    );
}

#[test]
fn a_marked_name_stays_within_its_length_and_is_what_limits_count() {
    let mut config = looking_up(None, Some((1, false)));
    config.limits = Limits {
        user_len: 5,
        users_per_ident_max: Some(1),
        ..Limits::default()
    };
    check_with(
        config,
        "from 192.0.2.1
         ?alder
         ?birch
         alder: NICK alder
         birch: NICK birch
         alder: USER maplea 0 * :x
         birch: USER mapleb 0 * :x
         wait 1
         ---
         alder: USERHOST alder",
        "alder| :hub.test 302 alder :alder=+~mapl@192.0.2.1",
    );
}

#[test]
fn a_client_that_says_nothing_while_it_is_looked_up_still_times_out() {
    let mut config = looking_up(Some(5), None);
    config.limits.registration_timeout = Some(Duration::from_secs(3));
    check_with(
        config,
        "?alder
         wait 9",
        "alder| :hub.test NOTICE * :*** Looking up your hostname...
         alder| ERROR :Closing link: (unknown@alder.test) [Registration timeout]
         alder| [closed]",
    );
}

#[test]
fn families_look_up_in_their_own_words() {
    let steps = [&REGISTERING[..], &["wait 2"]].concat();
    for (family, host, ident) in [
        (
            Family::InspIrcd,
            "*** Could not resolve your hostname: Request timed out; using your IP address (192.0.2.1) instead.",
            "*** Could not find your ident, using ~alder instead.",
        ),
        (
            Family::Hybrid,
            "*** Couldn't look up your hostname",
            "*** No Ident response",
        ),
    ] {
        let config = NetworkConfig {
            family,
            ..looking_up(Some(1), Some((2, false)))
        };
        let got = welcome(config, &steps);
        assert!(got[2].ends_with(host), "{got:?}");
        assert!(got[3].ends_with(ident), "{got:?}");
    }
}
