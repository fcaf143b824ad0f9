//! Limits of networks set to what `limits` computes for a roster: with each nobody is refused, with one less exactly one is.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use splitstorm::irc::network::CloseReason;
use splitstorm::irc::network::Network;
use splitstorm::irc::network::Output;
use splitstorm::irc::network::client::ClientId;
use splitstorm::irc::network::config::ConnectBan;
use splitstorm::irc::network::config::ConnectThrottle;
use splitstorm::irc::network::config::Exemption;
use splitstorm::irc::network::config::Limits;
use splitstorm::irc::network::config::NetworkConfig;
use splitstorm::irc::network::family::Family;
use splitstorm::irc::network::rules::Limit;
use splitstorm::irc::network::rules::Pace;
use splitstorm::irc::network::rules::Rules;
use splitstorm::irc::network::sightings::Within;
use splitstorm::irc::network::source::Prefix;
use splitstorm::irc::session::refusal::Refusal;
use splitstorm::irc::session::refusal::classify;
use splitstorm::irc::wire::message::Message;
use splitstorm::roster::Roster;
use splitstorm::roster::Row;
use splitstorm::roster::limits::Move;
use splitstorm::roster::limits::Need;
use splitstorm::roster::limits::Needs;
use splitstorm::roster::model::Model;
use splitstorm::roster::name::Network as Name;
use splitstorm::units::id::Seed;
use splitstorm::units::id::ServerId;
use splitstorm::units::offset::Offset;

const USERS: u32 = 200;

/// From where the users of a modelled bouncer dial: no two addresses of one /64.
const EGRESS: [&str; 3] = ["192.0.2.1", "192.0.2.2", "2001:db8:0:1::1"];

const RESTART_IN: Duration = Duration::from_secs(20);
const WINDOW: Duration = Duration::from_secs(10);

fn roster(egress: &[&str]) -> Roster {
    let model = Model {
        users: USERS,
        networks: vec![Name::parse("one").unwrap(), Name::parse("two").unwrap()],
        channels: 20,
        per_user: 3,
        attached_share: 0.5,
        clients: 1,
        seed: Seed(7),
    };
    let mut roster = Roster::default();
    for (number, row) in model.roster().unwrap().rows().iter().enumerate() {
        // Two rows of each user: the parity of the user decides, so that the shares of the addresses differ.
        let share = [0, 0, 0, 1, 1, 2][number / 2 % 6];
        let egress: Option<IpAddr> = egress.get(share).map(|address| address.parse().unwrap());
        let row = Row {
            egress,
            ..row.clone()
        };
        roster.push(row).unwrap();
    }
    roster
}

/// A bouncer's side of one network: connections, and what was said to those that were refused.
struct Dialling {
    network: Network,
    now: Offset,
    registered: BTreeSet<ClientId>,
    refused: Vec<Refusal>,
    count: usize,
}

impl Dialling {
    fn new(limits: Limits) -> Self {
        Self::of(NetworkConfig {
            // These users answer no PING.
            limits: Limits {
                ping_interval: None,
                ..limits
            },
            ..NetworkConfig::default()
        })
    }

    fn of(config: NetworkConfig) -> Self {
        Self {
            network: Network::new(config, Offset::ZERO, 1_700_000_000_000_000),
            now: Offset::ZERO,
            registered: BTreeSet::new(),
            refused: Vec::new(),
            count: 0,
        }
    }

    /// Dials for a user, and registers if it may.
    fn dial(&mut self, user: &str, from: IpAddr) {
        self.count += 1;
        let id = self
            .network
            .handle_connect(self.now, ServerId(0), &from.to_string());
        let nick = format!("n{}", self.count);
        let lines = format!("NICK {nick}\r\nUSER {user} 0 * :x\r\n");
        self.network.handle_bytes(self.now, id, lines.as_bytes());
        if self.network.is_registered(id) {
            self.registered.insert(id);
        }
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            match self.network.poll() {
                Output::Writable(id) => self.read(id),
                Output::Close(id) => {
                    self.read(id);
                    self.registered.remove(&id);
                    self.network.handle_closed(self.now, id, CloseReason::Asked);
                }
                Output::Wait => return,
            }
        }
    }

    fn read(&mut self, id: ClientId) {
        let mut bytes = Vec::new();
        self.network.outbox(id).take_into(&mut bytes);
        for line in bytes.split(|&byte| byte == b'\n') {
            let Ok(message) = Message::parse(line) else {
                continue;
            };
            if message.command == b"ERROR" {
                self.refused.push(classify(message.params.last().unwrap()));
            }
        }
    }

    /// Brings all users of an address, evenly within so long.
    fn bring(&mut self, users: &[&Row], from: IpAddr, within: Duration) {
        let begin = self.now;
        let count = u32::try_from(users.len()).unwrap();
        for (number, row) in (0..).zip(users) {
            self.now = begin + within * number / count;
            self.network.handle_timer(self.now);
            self.dial(row.user.as_str(), from);
        }
        self.now = begin + within;
        self.network.handle_timer(self.now);
        self.drain();
    }
}

/// Returns the users of an address on a network.
fn users_of<'a>(roster: &'a Roster, need: &Need) -> Vec<&'a Row> {
    let rows = roster.rows().iter();
    rows.filter(|row| row.network == need.network && row.egress == need.egress)
        .collect()
}

fn needs(roster: &Roster, is_overlapping: bool) -> Needs {
    let moved = Move {
        restart_in: RESTART_IN,
        is_overlapping,
    };
    Needs::new(roster, moved)
}

/// Brings the users of each address to a network with limits of its own; with an overlap the old bouncer's sessions are there before.
/// Returns what was said to those that were refused.
#[track_caller]
fn check(
    is_overlapping: bool,
    limits: impl Fn(&Need, u64) -> Limits,
    figure: impl Fn(&Need) -> u64,
    (want, times): (Refusal, impl Fn(&Need) -> usize),
) {
    let roster = roster(&EGRESS);
    let needs = needs(&roster, is_overlapping);
    assert_eq!(needs.each.len(), 2 * EGRESS.len());
    for need in &needs.each {
        let users = users_of(&roster, need);
        let from = need.egress.unwrap();
        let refused = |figure| {
            let mut dialling = Dialling::new(limits(need, figure));
            if is_overlapping {
                dialling.bring(&users, from, Duration::from_hours(1));
            }
            dialling.bring(&users, from, RESTART_IN);
            let dialled = usize::try_from(need.sessions_max).unwrap();
            assert_eq!(dialling.count, dialled);
            assert_eq!(dialling.registered.len() + dialling.refused.len(), dialled);
            dialling.refused
        };
        assert_eq!(refused(figure(need)), [], "{need:?}");
        assert_eq!(
            refused(figure(need) - 1),
            vec![want; times(need)],
            "{need:?}"
        );
    }
}

fn count(figure: u64) -> u32 {
    u32::try_from(figure).unwrap()
}

#[test]
fn sessions_of_an_address_are_what_the_limits_say() {
    for is_overlapping in [false, true] {
        let sessions = |need: &Need| need.sessions_max;
        check(
            is_overlapping,
            |_, figure| Limits {
                clients_per_address_max: Some(count(figure)),
                ..Limits::default()
            },
            sessions,
            (Refusal::CloneLimit, |_| 1),
        );
        check(
            is_overlapping,
            |_, figure| Limits {
                users_per_address_max: Some(count(figure)),
                ..Limits::default()
            },
            sessions,
            (Refusal::CloneLimit, |_| 1),
        );
        check(
            is_overlapping,
            |need, figure| Limits {
                clients_per_address_max: Some(2),
                exempt: vec![Exemption {
                    prefix: Prefix::new(need.egress.unwrap(), 128),
                    clients_per_address_max: Some(count(figure)),
                    is_unthrottled: false,
                }],
                ..Limits::default()
            },
            sessions,
            (Refusal::CloneLimit, |_| 1),
        );
    }
}

/// Everybody is back after two windows: of an odd number the second holds one less.
#[test]
fn connects_within_a_window_are_what_the_limits_say() {
    for is_overlapping in [false, true] {
        check(
            is_overlapping,
            |_, figure| Limits {
                connect_throttle: Some(ConnectThrottle {
                    connects_max: count(figure),
                    window: WINDOW,
                }),
                ..Limits::default()
            },
            |need| need.connects_max(WINDOW),
            (Refusal::Throttle, |need| {
                let first = need.connects_max(WINDOW);
                1 + usize::from(need.sessions == 2 * first)
            }),
        );
    }
}

#[test]
fn one_user_is_as_often_at_an_address_as_the_limits_say() {
    let roster = roster(&EGRESS);
    let needs = needs(&roster, true);
    let need = &needs.each[0];
    let users = users_of(&roster, need);
    let refused = |max| {
        let mut dialling = Dialling::new(Limits {
            users_per_ident_max: Some(count(max)),
            user_len: 30,
            ..Limits::default()
        });
        for _ in 0..2 {
            dialling.bring(&users, need.egress.unwrap(), RESTART_IN);
        }
        dialling.refused
    };
    assert_eq!(need.sessions_per_ident_max, 2);
    assert_eq!(refused(need.sessions_per_ident_max), []);
    // Each user's second session is one too many.
    assert_eq!(
        refused(need.sessions_per_ident_max - 1),
        vec![Refusal::CloneLimit; users.len()]
    );
}

#[test]
fn one_connect_more_than_the_limits_say_bans_everybody_of_the_address() {
    let roster = roster(&EGRESS);
    for need in &needs(&roster, false).each {
        let users = users_of(&roster, need);
        let bring = |figure| {
            let mut dialling = Dialling::new(Limits {
                connect_ban: Some(ConnectBan {
                    connects_max: count(figure),
                    window: RESTART_IN,
                    lasts: Duration::from_hours(1),
                }),
                ..Limits::default()
            });
            dialling.bring(&users, need.egress.unwrap(), RESTART_IN);
            dialling
        };
        let figure = need.connects_max(RESTART_IN);
        assert_eq!(figure, need.sessions);
        let dialling = bring(figure);
        assert_eq!(dialling.refused, []);
        assert_eq!(dialling.registered.len(), users.len());
        let dialling = bring(figure - 1);
        assert_eq!(dialling.refused, vec![Refusal::Ban; users.len()]);
        assert!(dialling.registered.is_empty());
        let seen = &dialling.network.saw().sources()[0];
        assert_eq!(seen.counts.refused_ban, 1);
        assert_eq!(seen.counts.closed_by_ban, need.sessions - 1);
        assert!(seen.first_ban.is_some());
    }
}

#[test]
fn two_addresses_of_one_64_have_one_limit_between_them() {
    let roster = roster(&["2001:db8::1", "2001:db8::2"]);
    let needs = needs(&roster, false);
    let both: Vec<&Need> = needs
        .each
        .iter()
        .filter(|need| need.network.as_str() == "one" && need.egress.is_some())
        .collect();
    let refused = |figure| {
        let mut dialling = Dialling::new(Limits {
            clients_per_address_max: Some(count(figure)),
            ..Limits::default()
        });
        for need in &both {
            dialling.bring(&users_of(&roster, need), need.egress.unwrap(), RESTART_IN);
        }
        dialling.refused.len()
    };
    let sum = both.iter().map(|need| need.sessions_max).sum();
    assert_eq!(both.len(), 2);
    assert_eq!([refused(sum), refused(sum - 1)], [0, 1]);
}

#[test]
fn rules_say_of_an_unlimited_network_what_those_limits_would_have_done() {
    let roster = roster(&EGRESS);
    for need in &needs(&roster, false).each {
        let mut dialling = Dialling::new(Limits::default());
        let users = users_of(&roster, need);
        dialling.bring(&users, need.egress.unwrap(), RESTART_IN);
        let hits = |less: u64| {
            let rules = Rules {
                name: "own",
                sessions_max: Some(count(need.sessions_max - less)),
                connects: Some(Pace {
                    connects_max: count(need.connects_max(WINDOW) - less),
                    within: Within::TenSeconds,
                    is_banned: true,
                }),
            };
            let hits = dialling.network.saw().against(&rules);
            hits.iter().map(|hit| hit.limit).collect::<Vec<_>>()
        };
        assert_eq!(hits(0), []);
        // Half of them are there after the first window, the last one at the end.
        assert_eq!(
            hits(1),
            [Limit::Connects(Within::TenSeconds), Limit::Sessions]
        );
    }
}

#[test]
fn clients_know_what_each_family_means_when_it_says_no() {
    for family in Family::ALL {
        let from: IpAddr = "192.0.2.1".parse().unwrap();
        let dial = |limits: Limits| {
            let mut dialling = Dialling::of(NetworkConfig {
                family,
                limits,
                ..NetworkConfig::default()
            });
            dialling.dial("oak", from);
            dialling.dial("oak", from);
            dialling
        };
        let clones = dial(Limits {
            clients_per_address_max: Some(1),
            ..Limits::default()
        });
        let idents = dial(Limits {
            users_per_ident_max: Some(1),
            ..Limits::default()
        });
        let throttled = dial(Limits {
            connect_throttle: Some(ConnectThrottle {
                connects_max: 1,
                window: WINDOW,
            }),
            ..Limits::default()
        });
        let mut banned = dial(Limits::default());
        banned.network.ban(banned.now, "192.0.2.0/24", "go away");
        banned.drain();
        assert_eq!(clones.refused, [Refusal::CloneLimit], "{family:?}");
        assert_eq!(idents.refused, [Refusal::CloneLimit], "{family:?}");
        assert_eq!(throttled.refused, [Refusal::Throttle], "{family:?}");
        assert_eq!(banned.refused, [Refusal::Ban; 2], "{family:?}");
    }
}
