//! Who may connect, who may register, and how fast a client may send: limits of sources, floods.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::time::Duration;

use siphasher::sip::SipHasher13;

use crate::irc::network::config::ConnectThrottle;
use crate::irc::network::config::Exemption;
use crate::irc::network::config::FloodLimit;
use crate::irc::network::config::Limits;
use crate::irc::network::refusals::Refusal;
use crate::irc::network::source::Source;
use crate::irc::network::source::address_of;
use crate::units::offset::Offset;

/// Sources remembered without a client before those with nothing held against them are forgotten: a /16 of addresses.
const IDLE_SOURCES_MAX: usize = 1 << 16;

/// What is known of each source.
#[derive(Debug)]
pub(super) struct Doors {
    sources: HashMap<Source, Known, BuildHasherDefault<SipHasher13>>,
    /// How many sources are known when the idle ones are next forgotten.
    prune_at: usize,
}

#[derive(Debug)]
struct Known {
    /// Connections, refused ones until they are closed.
    client_count: u32,
    /// Those of them that have registered.
    user_count: u32,
    /// How many of these have each user name; empty without a limit on it.
    idents: BTreeMap<Box<[u8]>, u32>,
    throttled: Window,
    judged: Window,
    /// Until when it is banned for connecting too often.
    banned_until: Offset,
}

/// Connects since the first of them.
#[derive(Clone, Copy, Debug)]
struct Window {
    start: Offset,
    connects: u32,
}

impl Window {
    fn new(now: Offset) -> Self {
        Self {
            start: now,
            connects: 0,
        }
    }

    /// Counts a connect. Returns whether it is one too many.
    fn is_exceeded(&mut self, now: Offset, connects_max: u32, window: Duration) -> bool {
        if now.since(self.start) >= window {
            *self = Self::new(now);
        }
        self.connects = self.connects.saturating_add(1);
        self.connects > connects_max
    }
}

impl Known {
    fn new(now: Offset) -> Self {
        Self {
            client_count: 0,
            user_count: 0,
            idents: BTreeMap::new(),
            throttled: Window::new(now),
            judged: Window::new(now),
            banned_until: Offset::ALWAYS,
        }
    }

    /// Says whether forgetting it would forgive it nothing.
    fn is_idle(&self, limits: &Limits, now: Offset) -> bool {
        let is_past = |window: Window, length: Option<Duration>| {
            length.is_none_or(|length| now.since(window.start) >= length)
        };
        self.client_count == 0
            && is_past(
                self.throttled,
                limits.connect_throttle.map(|throttle| throttle.window),
            )
            && is_past(self.judged, limits.connect_ban.map(|ban| ban.window))
            && self.banned_until <= now
    }
}

impl Default for Doors {
    fn default() -> Self {
        Self {
            sources: HashMap::default(),
            prune_at: IDLE_SOURCES_MAX,
        }
    }
}

impl Doors {
    /// Counts a connect, refused or not; [`Self::leave`] is its end.
    pub(super) fn enter(
        &mut self,
        limits: &Limits,
        now: Offset,
        source: &Source,
        host: &[u8],
    ) -> Result<(), Refusal> {
        self.prune(limits, now);
        let exemption = limits.exemption(host);
        let known = self
            .sources
            .entry(source.clone())
            .or_insert_with(|| Known::new(now));
        known.client_count += 1;
        if known.banned_until > now {
            return Err(Refusal::Banned);
        }
        if !exemption.is_some_and(|exemption| exemption.is_unthrottled) {
            if let Some(ban) = limits.connect_ban
                && known.judged.is_exceeded(now, ban.connects_max, ban.window)
            {
                known.banned_until = now + ban.lasts;
                // Whoever has served its time begins anew.
                known.judged = Window::new(now + ban.lasts);
                return Err(Refusal::BannedNow);
            }
            if let Some(ConnectThrottle {
                connects_max,
                window,
            }) = limits.connect_throttle
                && known.throttled.is_exceeded(now, connects_max, window)
            {
                return Err(Refusal::TooFast);
            }
        }
        let clients_max = match exemption {
            Some(exemption) => exemption.clients_per_address_max,
            None => limits.clients_per_address_max,
        };
        if clients_max.is_some_and(|max| known.client_count > max) {
            return Err(Refusal::TooManyClients);
        }
        Ok(())
    }

    /// Counts a registration, or says why it is refused; [`Self::leave`] is its end too.
    pub(super) fn register(
        &mut self,
        limits: &Limits,
        source: &Source,
        user: &[u8],
        host: &[u8],
    ) -> Result<(), Refusal> {
        let Some(known) = self.sources.get_mut(source) else {
            return Ok(());
        };
        let users_max = match limits.exemption(host) {
            Some(exemption) => exemption.clients_per_address_max,
            None => limits.users_per_address_max,
        };
        if users_max.is_some_and(|max| known.user_count >= max) {
            return Err(Refusal::TooManyUsers);
        }
        if let Some(max) = limits.users_per_ident_max {
            let count = known.idents.get(user).copied().unwrap_or(0);
            if count >= max {
                return Err(Refusal::TooManyOfIdent);
            }
            known.idents.insert(user.into(), count + 1);
        }
        known.user_count += 1;
        Ok(())
    }

    /// Counts the end of a connection, and of a registration if `user` had one.
    pub(super) fn leave(
        &mut self,
        limits: &Limits,
        now: Offset,
        source: &Source,
        user: Option<&[u8]>,
    ) {
        let Some(known) = self.sources.get_mut(source) else {
            return;
        };
        known.client_count = known.client_count.saturating_sub(1);
        if let Some(user) = user {
            known.user_count = known.user_count.saturating_sub(1);
            if let Some(count) = known.idents.get_mut(user) {
                *count -= 1;
                if *count == 0 {
                    known.idents.remove(user);
                }
            }
        }
        if known.is_idle(limits, now) {
            self.sources.remove(source);
        }
    }

    /// Returns until when a source is banned for connecting too often, if it is.
    pub(super) fn banned_until(&self, now: Offset, source: &Source) -> Option<Offset> {
        let until = self.sources.get(source)?.banned_until;
        (until > now).then_some(until)
    }

    /// Lifts the automatic bans of sources; returns how many there were.
    pub(super) fn lift_bans(&mut self, is_meant: impl Fn(&Source) -> bool) -> u64 {
        let mut lifted_count = 0;
        for (source, known) in &mut self.sources {
            if known.banned_until > Offset::ALWAYS && is_meant(source) {
                known.banned_until = Offset::ALWAYS;
                lifted_count += 1;
            }
        }
        lifted_count
    }

    fn prune(&mut self, limits: &Limits, now: Offset) {
        if self.sources.len() >= self.prune_at {
            self.sources.retain(|_, known| !known.is_idle(limits, now));
            // Doubling keeps the cost per connect constant when all are in use.
            self.prune_at = (2 * self.sources.len()).max(IDLE_SOURCES_MAX);
        }
    }
}

impl Limits {
    /// Returns what is granted to a host, if anything is.
    fn exemption(&self, host: &[u8]) -> Option<&Exemption> {
        if self.exempt.is_empty() {
            return None;
        }
        let address = address_of(host)?;
        let mut exempt = self.exempt.iter();
        exempt.find(|exemption| exemption.prefix.contains(address))
    }
}

impl FloodLimit {
    /// Returns when the next line is permitted to a client whose lines are paid until `paid_until`.
    pub(super) fn next_at(&self, paid_until: Offset) -> Offset {
        paid_until
            - self
                .line_interval
                .saturating_mul(self.burst.saturating_sub(1))
    }

    /// Returns until when the lines are paid after one more at `now`.
    pub(super) fn after_line(&self, paid_until: Offset, now: Offset) -> Offset {
        paid_until.max(now) + self.line_interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::irc::network::config::ConnectBan;
    use crate::irc::network::config::FloodResponse;
    use crate::irc::network::source::Prefix;

    /// Doors of a network with some limits, at a moment that its tests set.
    struct Entrance {
        limits: Limits,
        doors: Doors,
        now: Offset,
    }

    impl Entrance {
        fn new(limits: Limits) -> Self {
            Self {
                limits,
                doors: Doors::default(),
                now: Offset::ZERO,
            }
        }

        fn source(&self, host: &str) -> Source {
            Source::of(host.as_bytes(), self.limits.ipv6_source_bits)
        }

        fn enter(&mut self, host: &str) -> Result<(), Refusal> {
            let source = self.source(host);
            self.doors
                .enter(&self.limits, self.now, &source, host.as_bytes())
        }

        fn register(&mut self, user: &str, host: &str) -> Result<(), Refusal> {
            let source = self.source(host);
            self.doors
                .register(&self.limits, &source, user.as_bytes(), host.as_bytes())
        }

        fn leave(&mut self, user: Option<&str>, host: &str) {
            let source = self.source(host);
            let user = user.map(str::as_bytes);
            self.doors.leave(&self.limits, self.now, &source, user);
        }
    }

    #[test]
    fn connections_of_one_address_are_counted_until_they_end() {
        let mut entrance = Entrance::new(Limits {
            clients_per_address_max: Some(2),
            ..Limits::default()
        });
        assert_eq!(entrance.enter("10.0.0.1"), Ok(()));
        assert_eq!(entrance.enter("10.0.0.1"), Ok(()));
        assert_eq!(entrance.enter("10.0.0.1"), Err(Refusal::TooManyClients));
        assert_eq!(entrance.enter("10.0.0.2"), Ok(()));
        entrance.leave(None, "10.0.0.1");
        entrance.leave(None, "10.0.0.1");
        assert_eq!(entrance.enter("10.0.0.1"), Ok(()));
        entrance.leave(None, "10.0.0.1");
        entrance.leave(None, "10.0.0.1");
        entrance.leave(None, "10.0.0.2");
        assert!(entrance.doors.sources.is_empty());
    }

    #[test]
    fn an_ipv6_prefix_is_one_source_as_long_as_it_is_said_to_be() {
        let limits = |ipv6_source_bits| Limits {
            clients_per_address_max: Some(1),
            ipv6_source_bits,
            ..Limits::default()
        };
        let mut entrance = Entrance::new(limits(64));
        assert_eq!(entrance.enter("2001:db8::1"), Ok(()));
        assert_eq!(entrance.enter("2001:db8::2"), Err(Refusal::TooManyClients));
        assert_eq!(entrance.enter("2001:db8:0:1::2"), Ok(()));
        let mut entrance = Entrance::new(limits(128));
        assert_eq!(entrance.enter("2001:db8::1"), Ok(()));
        assert_eq!(entrance.enter("2001:db8::2"), Ok(()));
    }

    #[test]
    fn an_address_may_connect_again_in_the_next_window() {
        let mut entrance = Entrance::new(Limits {
            connect_throttle: Some(ConnectThrottle {
                connects_max: 1,
                window: Duration::from_secs(10),
            }),
            ..Limits::default()
        });
        let mut enter = |second| {
            entrance.now = Offset::from_secs(second);
            let result = entrance.enter("10.0.0.1");
            entrance.leave(None, "10.0.0.1");
            result
        };
        assert_eq!(enter(0), Ok(()));
        assert_eq!(enter(9), Err(Refusal::TooFast));
        assert_eq!(enter(10), Ok(()));
        assert_eq!(enter(11), Err(Refusal::TooFast));
    }

    #[test]
    fn who_connects_too_often_is_banned_for_its_time_and_then_begins_anew() {
        let mut entrance = Entrance::new(Limits {
            connect_ban: Some(ConnectBan {
                connects_max: 2,
                window: Duration::from_secs(10),
                lasts: Duration::from_mins(1),
            }),
            ..Limits::default()
        });
        let mut enter = |second| {
            entrance.now = Offset::from_secs(second);
            let result = entrance.enter("10.0.0.1");
            entrance.leave(None, "10.0.0.1");
            result
        };
        assert_eq!([enter(0), enter(0)], [Ok(()), Ok(())]);
        assert_eq!(enter(9), Err(Refusal::BannedNow));
        assert_eq!(enter(10), Err(Refusal::Banned));
        assert_eq!(enter(68), Err(Refusal::Banned), "not for longer");
        assert_eq!([enter(69), enter(70)], [Ok(()), Ok(())]);
        assert_eq!(enter(70), Err(Refusal::BannedNow));
    }

    #[test]
    fn users_are_counted_by_address_and_by_ident_once_they_register() {
        let mut entrance = Entrance::new(Limits {
            users_per_address_max: Some(3),
            users_per_ident_max: Some(1),
            ..Limits::default()
        });
        for _ in 0..9 {
            assert_eq!(entrance.enter("10.0.0.1"), Ok(()));
        }
        assert_eq!(entrance.register("oak", "10.0.0.1"), Ok(()));
        assert_eq!(
            entrance.register("oak", "10.0.0.1"),
            Err(Refusal::TooManyOfIdent)
        );
        assert_eq!(entrance.register("elm", "10.0.0.1"), Ok(()));
        assert_eq!(entrance.register("fir", "10.0.0.1"), Ok(()));
        assert_eq!(
            entrance.register("yew", "10.0.0.1"),
            Err(Refusal::TooManyUsers)
        );
        entrance.leave(Some("oak"), "10.0.0.1");
        assert_eq!(entrance.register("oak", "10.0.0.1"), Ok(()));
        assert_eq!(entrance.enter("10.0.0.2"), Ok(()));
        assert_eq!(entrance.register("oak", "10.0.0.2"), Ok(()));
    }

    #[test]
    fn an_exemption_has_a_number_of_its_own_and_may_lift_the_throttle() {
        let grant = |is_unthrottled| Exemption {
            prefix: Prefix::parse("192.0.2.0/29").unwrap(),
            clients_per_address_max: Some(3),
            is_unthrottled,
        };
        let limits = |is_unthrottled| Limits {
            clients_per_address_max: Some(1),
            users_per_address_max: Some(1),
            connect_throttle: Some(ConnectThrottle {
                connects_max: 2,
                window: Duration::from_secs(10),
            }),
            exempt: vec![grant(is_unthrottled)],
            ..Limits::default()
        };
        let outcomes = |limits, host: &str| {
            let mut entrance = Entrance::new(limits);
            [0; 4].map(|_| {
                entrance
                    .enter(host)
                    .and_then(|()| entrance.register("a", host))
            })
        };
        let many = Err(Refusal::TooManyClients);
        let fast = Err(Refusal::TooFast);
        assert_eq!(
            outcomes(limits(true), "192.0.2.1"),
            [Ok(()), Ok(()), Ok(()), many]
        );
        assert_eq!(
            outcomes(limits(false), "192.0.2.1"),
            [Ok(()), Ok(()), fast, fast]
        );
        assert_eq!(
            outcomes(limits(true), "192.0.2.8"),
            [Ok(()), many, fast, fast]
        );
    }

    #[test]
    fn a_flood_limit_grants_its_burst_and_then_one_line_an_interval() {
        let limit = FloodLimit {
            burst: 3,
            line_interval: Duration::from_secs(2),
            response: FloodResponse::Delay,
        };
        let mut paid_until = Offset::ZERO;
        let mut sent_at = Vec::new();
        for now in (0..8).flat_map(|second| [Offset::from_secs(second); 5]) {
            if limit.next_at(paid_until) <= now {
                paid_until = limit.after_line(paid_until, now);
                sent_at.push(now.as_micros() / 1_000_000);
            }
        }
        assert_eq!(sent_at, [0, 0, 0, 2, 4, 6]);
    }
}
