//! Limits of public networks as data, and which of them what was seen would have hit.

use crate::irc::network::sightings::Saw;
use crate::irc::network::sightings::Within;
use crate::irc::network::source::Source;
use crate::units::offset::Offset;

/// What a network allows an address; `None` is any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What kind of network it is.
    pub name: &'static str,
    /// Most sessions at once.
    pub sessions_max: Option<u32>,
    /// How often it may connect.
    pub connects: Option<Pace>,
}

/// How often an address may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Most connects within so long, wherever that begins.
    pub connects_max: u32,
    /// How long.
    pub within: Within,
    /// Whether one more is banned with everybody of its address, and not only refused.
    pub is_banned: bool,
}

/// Kinds of networks. The figures are assumed: of the order of what servers ship with and networks state, and no network's own.
pub const RULES: [Rules; 3] = [
    // Servers as they ship for the public: two or three clients of an address, a throttle of some connects a minute, and operators
    // who take more for an attack.
    Rules {
        name: "strict",
        sessions_max: Some(2),
        connects: Some(Pace {
            connects_max: 4,
            within: Within::Minute,
            is_banned: true,
        }),
    },
    // A large network without a word from it: a handful of clients for households and small offices.
    Rules {
        name: "usual",
        sessions_max: Some(5),
        connects: Some(Pace {
            connects_max: 5,
            within: Within::TenSeconds,
            is_banned: true,
        }),
    },
    // A network that likes gateways, or has granted a small one an exemption: tens of clients, and a throttle that only refuses.
    Rules {
        name: "lenient",
        sessions_max: Some(50),
        connects: Some(Pace {
            connects_max: 10,
            within: Within::TenSeconds,
            is_banned: false,
        }),
    },
];

impl Rules {
    /// Returns the rules of a kind of network, or `None` if there is no such kind.
    pub fn named(name: &str) -> Option<&'static Self> {
        RULES.iter().find(|rules| rules.name == name)
    }
}

/// Which of its limits a network would have held against a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// Sessions at once.
    Sessions,
    /// Connects within so long.
    Connects(Within),
}

/// A limit that would have been hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// By whom.
    pub source: Source,
    /// Which.
    pub limit: Limit,
    /// How many are allowed.
    pub allowed: u32,
    /// How many there were at most.
    pub most: u32,
    /// When there first was one more than allowed; `None` where more than [`crate::irc::network::sightings::NUMBERS_MAX`] are allowed.
    pub first: Option<Offset>,
    /// Whether the source would have been banned then, and not only refused.
    pub is_banned: bool,
}

impl Limit {
    /// Says what it counts.
    pub fn what(self) -> String {
        match self {
            Self::Sessions => "sessions".to_owned(),
            Self::Connects(within) => format!("connects in {} s", within.length().as_secs()),
        }
    }
}

impl Saw {
    /// Returns what a network with such rules would have held against the sources, the first first. The simulated network let in
    /// whom it let in, and its clients might have gone on differently after a refusal: only the first hit of a source is certain. Of
    /// sources without a row of their own nothing is said.
    pub fn against(&self, rules: &Rules) -> Vec<Hit> {
        let mut hits = Vec::new();
        for row in self.sources() {
            let most = row.connections_max();
            if let Some(allowed) = rules.sessions_max.filter(|&max| most > max) {
                hits.push(Hit {
                    source: row.source.clone(),
                    limit: Limit::Sessions,
                    allowed,
                    most,
                    first: row.connections_over(allowed),
                    is_banned: false,
                });
            }
            let Some(pace) = rules.connects else {
                continue;
            };
            let most = row.connects_max(pace.within);
            if most > pace.connects_max {
                hits.push(Hit {
                    source: row.source.clone(),
                    limit: Limit::Connects(pace.within),
                    allowed: pace.connects_max,
                    most,
                    first: row.connects_over(pace.connects_max, pace.within),
                    is_banned: pace.is_banned,
                });
            }
        }
        hits.sort_by_key(|hit| (hit.first.unwrap_or(Offset::NEVER), hit.limit));
        hits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what was seen of an address that connects once every `gap_ms` and stays.
    fn seen(count: i64, gap_ms: i64) -> Saw {
        let mut saw = Saw::default();
        let source = Source::of(b"192.0.2.1", 64);
        for number in 0..count {
            let now = Offset::from_millis(number * gap_ms);
            let ix = saw.note_connect(now, &source);
            saw.note_entry(now, ix);
        }
        saw
    }

    #[track_caller]
    fn check(saw: &Saw, rules: &str, want: &[(Limit, u32, u32, i64, bool)]) {
        let hits = saw.against(Rules::named(rules).unwrap());
        let got: Vec<_> = hits
            .iter()
            .map(|hit| {
                let first = hit.first.unwrap().as_micros() / 1_000;
                (hit.limit, hit.allowed, hit.most, first, hit.is_banned)
            })
            .collect();
        assert_eq!(got, want, "{rules}");
    }

    #[test]
    fn a_bouncer_is_told_what_it_would_have_hit_and_when() {
        let minute = Limit::Connects(Within::Minute);
        let ten = Limit::Connects(Within::TenSeconds);
        let at_once = seen(60, 10);
        check(
            &at_once,
            "strict",
            &[
                (Limit::Sessions, 2, 60, 20, false),
                (minute, 4, 60, 40, true),
            ],
        );
        check(
            &at_once,
            "lenient",
            &[
                (ten, 10, 60, 100, false),
                (Limit::Sessions, 50, 60, 500, false),
            ],
        );
        let paced = seen(5, 3_000);
        check(&paced, "usual", &[]);
        check(
            &paced,
            "strict",
            &[
                (Limit::Sessions, 2, 5, 6_000, false),
                (minute, 4, 5, 12_000, true),
            ],
        );
    }

    #[test]
    fn nobody_hits_nothing() {
        for rules in &RULES {
            assert_eq!(Saw::default().against(rules), []);
            assert_eq!(Rules::named(rules.name), Some(rules));
        }
        assert_eq!(Rules::named("public"), None);
    }
}
