//! Who may connect and how fast a client may send: limits per address, floods.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::time::Duration;

use siphasher::sip::SipHasher13;

use crate::irc::network::config::ConnectThrottle;
use crate::irc::network::config::FloodLimit;
use crate::irc::network::config::Limits;
use crate::units::offset::Offset;

/// Addresses remembered without a client before those with a closed window are forgotten: a /16 of sources.
const IDLE_ADDRESSES_MAX: usize = 1 << 16;

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    TooManyClients,
    TooFast,
}

/// The connections of each address.
#[derive(Debug)]
pub(super) struct Doors {
    addresses: HashMap<Box<[u8]>, Address, BuildHasherDefault<SipHasher13>>,
    /// How many addresses are known when the idle ones are next forgotten.
    prune_at: usize,
}

#[derive(Debug)]
struct Address {
    client_count: u32,
    window_start: Offset,
    window_connects: u32,
}

impl Default for Doors {
    fn default() -> Self {
        Self {
            addresses: HashMap::default(),
            prune_at: IDLE_ADDRESSES_MAX,
        }
    }
}

impl Doors {
    /// Counts a connect, refused or not; [`Self::leave`] is its end.
    pub(super) fn enter(
        &mut self,
        limits: &Limits,
        now: Offset,
        address: &[u8],
    ) -> Result<(), Refusal> {
        if self.addresses.len() >= self.prune_at {
            let window = limits
                .connect_throttle
                .map_or(Duration::ZERO, |throttle| throttle.window);
            self.addresses.retain(|_, known| {
                known.client_count > 0 || now.since(known.window_start) < window
            });
            // Doubling keeps the cost per connect constant when all are in use.
            self.prune_at = (2 * self.addresses.len()).max(IDLE_ADDRESSES_MAX);
        }
        let known = self.addresses.entry(address.into()).or_insert(Address {
            client_count: 0,
            window_start: now,
            window_connects: 0,
        });
        known.client_count += 1;
        if let Some(ConnectThrottle {
            connects_max,
            window,
        }) = limits.connect_throttle
        {
            if now.since(known.window_start) >= window {
                known.window_start = now;
                known.window_connects = 0;
            }
            known.window_connects = known.window_connects.saturating_add(1);
            if known.window_connects > connects_max {
                return Err(Refusal::TooFast);
            }
        }
        if limits
            .clients_per_address_max
            .is_some_and(|max| known.client_count > max)
        {
            return Err(Refusal::TooManyClients);
        }
        Ok(())
    }

    /// Counts the end of a connection.
    pub(super) fn leave(&mut self, limits: &Limits, address: &[u8]) {
        let Some(known) = self.addresses.get_mut(address) else {
            return;
        };
        known.client_count = known.client_count.saturating_sub(1);
        if known.client_count == 0 && limits.connect_throttle.is_none() {
            self.addresses.remove(address);
        }
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
    use crate::irc::network::config::FloodResponse;

    #[test]
    fn connections_of_one_address_are_counted_until_they_end() {
        let limits = Limits {
            clients_per_address_max: Some(2),
            ..Limits::default()
        };
        let mut doors = Doors::default();
        let mut enter = |address: &[u8]| doors.enter(&limits, Offset::ZERO, address);
        assert_eq!(enter(b"10.0.0.1"), Ok(()));
        assert_eq!(enter(b"10.0.0.1"), Ok(()));
        assert_eq!(enter(b"10.0.0.1"), Err(Refusal::TooManyClients));
        assert_eq!(enter(b"10.0.0.2"), Ok(()));
        doors.leave(&limits, b"10.0.0.1");
        doors.leave(&limits, b"10.0.0.1");
        assert_eq!(doors.enter(&limits, Offset::ZERO, b"10.0.0.1"), Ok(()));
        doors.leave(&limits, b"10.0.0.1");
        doors.leave(&limits, b"10.0.0.1");
        doors.leave(&limits, b"10.0.0.2");
        assert!(doors.addresses.is_empty());
    }

    #[test]
    fn an_address_may_connect_again_in_the_next_window() {
        let limits = Limits {
            connect_throttle: Some(ConnectThrottle {
                connects_max: 1,
                window: Duration::from_secs(10),
            }),
            ..Limits::default()
        };
        let mut doors = Doors::default();
        let mut enter = |second| {
            let result = doors.enter(&limits, Offset::from_secs(second), b"10.0.0.1");
            doors.leave(&limits, b"10.0.0.1");
            result
        };
        assert_eq!(enter(0), Ok(()));
        assert_eq!(enter(9), Err(Refusal::TooFast));
        assert_eq!(enter(10), Ok(()));
        assert_eq!(enter(11), Err(Refusal::TooFast));
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
