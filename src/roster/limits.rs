//! What a roster asks of the networks: sessions and connects of each address, and how long ZNC alone would take to bring them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::roster::Roster;
use crate::roster::name::Network;

/// How often ZNC 1.8 dials at best: one network of one user a second, whatever its `ConnectDelay` and `ServerThrottle` say.
pub const ZNC_DIALS_EVERY: Duration = Duration::from_secs(1);

/// How often ZNC 1.8 dials one server as it is shipped (`ServerThrottle`).
pub const ZNC_THROTTLE: Duration = Duration::from_secs(30);

/// How users are brought to the networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// Within which time everybody is to be back after a restart.
    pub restart_in: Duration,
    /// Whether the old and the new bouncer hold everybody's sessions side by side while users move.
    pub is_overlapping: bool,
}

/// What the users of one address ask of one network.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    /// The network.
    pub network: Network,
    /// The address; `None` for the bouncer's default one.
    pub egress: Option<IpAddr>,
    /// Sessions, one for each user.
    pub sessions: u64,
    /// Sessions at the most: twice as many where old and new overlap.
    pub sessions_max: u64,
    /// Sessions of one user name (ident) at the most: two where old and new overlap.
    pub sessions_per_ident_max: u64,
    /// Connects per second that bring everybody back in time.
    pub connects_per_s: f64,
    /// How they are brought.
    pub moved: Move,
    /// Whether an ident server has to answer there: more than one session comes from the address, and a server that can't tell its users
    /// apart bans all of them for one.
    pub needs_ident: bool,
}

/// What a roster asks of all networks.
#[derive(Clone, Debug, PartialEq)]
pub struct Needs {
    /// By network and address, sorted.
    pub each: Vec<Need>,
    /// Users.
    pub users: u64,
    /// Sessions on all networks.
    pub sessions: u64,
    /// Sessions at the most.
    pub sessions_max: u64,
    /// Connects per second on all networks.
    pub connects_per_s: f64,
    /// How long one ZNC takes to dial all of them at best.
    pub znc_at_best: Duration,
    /// How long it takes as it is shipped, if each network is one server.
    pub znc_as_shipped: Duration,
    /// How they are brought.
    pub moved: Move,
}

impl Need {
    /// Returns the most connects of the address within any `window`, if everybody is brought back in time and evenly; all of them if
    /// the window is longer. It is what a throttle has to allow, wherever its windows begin.
    pub fn connects_max(&self, window: Duration) -> u64 {
        let restart_in = self.moved.restart_in.as_nanos();
        if restart_in <= window.as_nanos() {
            return self.sessions;
        }
        let connects = u128::from(self.sessions).saturating_mul(window.as_nanos());
        u64::try_from(connects.div_ceil(restart_in)).unwrap_or(u64::MAX)
    }
}

impl Needs {
    /// Returns what a roster asks for.
    pub fn new(roster: &Roster, moved: Move) -> Self {
        let mut counts: BTreeMap<(&Network, Option<IpAddr>), u64> = BTreeMap::new();
        let mut by_network: BTreeMap<&Network, u64> = BTreeMap::new();
        for row in roster.rows() {
            *counts.entry((&row.network, row.egress)).or_default() += 1;
            *by_network.entry(&row.network).or_default() += 1;
        }
        let sessions = roster.rows().len() as u64;
        let largest = by_network.values().copied().max().unwrap_or(0);
        let at_best = times(ZNC_DIALS_EVERY, sessions);
        Self {
            each: counts
                .into_iter()
                .map(|((network, egress), sessions)| Need {
                    network: network.clone(),
                    egress,
                    sessions,
                    sessions_max: moved.sessions_max(sessions),
                    sessions_per_ident_max: moved.sessions_max(sessions.min(1)),
                    connects_per_s: moved.connects_per_s(sessions),
                    moved,
                    needs_ident: moved.sessions_max(sessions) > 1,
                })
                .collect(),
            users: roster.user_count() as u64,
            sessions,
            sessions_max: moved.sessions_max(sessions),
            connects_per_s: moved.connects_per_s(sessions),
            znc_at_best: at_best,
            // Networks wait for their servers side by side.
            znc_as_shipped: at_best.max(times(ZNC_THROTTLE, largest)),
            moved,
        }
    }

    /// Returns whether one ZNC can't bring everybody back in the time asked for.
    pub fn is_too_fast_for_znc(&self) -> bool {
        self.znc_at_best > self.moved.restart_in
    }

    /// Returns the needs of each network, sorted.
    pub fn networks(&self) -> impl Iterator<Item = &[Need]> {
        self.each.chunk_by(|a, b| a.network == b.network)
    }
}

impl Move {
    fn sessions_max(self, sessions: u64) -> u64 {
        if self.is_overlapping {
            sessions.saturating_mul(2)
        } else {
            sessions
        }
    }

    /// Returns the connects per second; a new bouncer beside an old one dials everybody once, not twice.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate for people; a roster has a million rows at most"
    )]
    fn connects_per_s(self, sessions: u64) -> f64 {
        sessions as f64 / self.restart_in.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

fn times(every: Duration, count: u64) -> Duration {
    every.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::roster::file;

    /// Returns what three users of two networks need, two of them from one address.
    pub(crate) fn needs(restart_in: u64, is_overlapping: bool) -> Needs {
        let text = "user,secret_env,signed_up,network,egress,channels,attached,clients,history_bytes\n\
            oak,PW,,one,,,no,1,0\n\
            oak,PW,,two,,,no,1,0\n\
            elm,PW,,one,192.0.2.1,,no,1,0\n\
            fir,PW,,one,192.0.2.1,,no,1,0\n";
        let moved = Move {
            restart_in: Duration::from_secs(restart_in),
            is_overlapping,
        };
        Needs::new(&file::read("r.csv", text.as_bytes()).unwrap(), moved)
    }

    #[test]
    fn sessions_are_counted_by_network_and_address() {
        let needs = needs(4, false);
        let each: Vec<(&str, bool, u64, bool)> = needs
            .each
            .iter()
            .map(|need| {
                let network = need.network.as_str();
                (
                    network,
                    need.egress.is_some(),
                    need.sessions_max,
                    need.needs_ident,
                )
            })
            .collect();
        assert_eq!(
            each,
            [
                ("one", false, 1, false),
                ("one", true, 2, true),
                ("two", false, 1, false)
            ]
        );
        assert_eq!(needs.networks().count(), 2);
        assert_eq!((needs.users, needs.sessions), (3, 4));
        assert!((needs.connects_per_s - 1.0).abs() < 1e-9);
    }

    #[test]
    fn old_and_new_side_by_side_double_sessions_but_not_connects() {
        let needs = needs(4, true);
        assert_eq!((needs.sessions, needs.sessions_max), (4, 8));
        assert!((needs.connects_per_s - 1.0).abs() < 1e-9);
        assert!(needs.each.iter().all(|need| need.needs_ident));
    }

    #[test]
    fn a_window_holds_as_many_connects_as_begin_in_it() {
        // Two sessions of one address within four seconds: at 0 and at 2.
        let needs = needs(4, false);
        let need = needs.each.iter().find(|need| need.sessions == 2).unwrap();
        let connects = |millis| need.connects_max(Duration::from_millis(millis));
        assert_eq!(
            [0, 1, 2_000, 2_001, 4_000, 60_000].map(connects),
            [0, 1, 1, 2, 2, 2]
        );
        assert_eq!(need.sessions_per_ident_max, 1);
    }

    #[test]
    fn znc_dials_one_a_second_and_one_server_in_half_a_minute() {
        assert!(!needs(4, false).is_too_fast_for_znc());
        let needs = needs(3, false);
        assert!(needs.is_too_fast_for_znc());
        assert_eq!(needs.znc_at_best, Duration::from_secs(4));
        assert_eq!(needs.znc_as_shipped, Duration::from_secs(90));
    }

    #[test]
    fn nobody_needs_nothing() {
        let moved = Move {
            restart_in: Duration::ZERO,
            is_overlapping: true,
        };
        let needs = Needs::new(&Roster::default(), moved);
        assert_eq!((needs.each.len(), needs.sessions_max), (0, 0));
        assert!(!needs.is_too_fast_for_znc());
    }
}
