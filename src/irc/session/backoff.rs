//! Reconnect delays: growing up to a limit, and spread by a draw where those who fell together do not return together.

use std::time::Duration;

/// How delays grow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// The first.
    pub first: Duration,
    /// By how much each is longer than the one before; at least 1.
    pub growth: f64,
    /// The longest.
    pub longest: Duration,
}

/// Tries after which a delay grows no more: doubled so often, a microsecond is longer than a year.
const TRIES_MAX: u32 = 64;

impl Backoff {
    /// Returns the delay before try number `tries` (from zero).
    pub fn whole(&self, tries: u32) -> Duration {
        let mut delay = self.first.min(self.longest);
        for _ in 0..tries.min(TRIES_MAX) {
            if delay == self.longest {
                break;
            }
            let grown = Duration::try_from_secs_f64(delay.as_secs_f64() * self.growth);
            delay = grown.unwrap_or(self.longest).min(self.longest);
        }
        delay
    }

    /// Returns that delay spread by a draw over the whole of `u64`: it lies evenly between half and all of it.
    pub fn spread(&self, tries: u32, draw: u64) -> Duration {
        let half = self.whole(tries) / 2;
        let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
        let spread = (u128::from(nanos) * u128::from(draw)) >> 64;
        half + Duration::from_nanos(u64::try_from(spread).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn delays_grow_up_to_the_longest() {
        let check = |growth, longest, want: [u64; 5]| {
            let backoff = Backoff {
                first: Duration::from_secs(10),
                growth,
                longest: Duration::from_secs(longest),
            };
            let delays: Vec<u64> = (0..5).map(|tries| backoff.whole(tries).as_secs()).collect();
            assert_eq!(delays, want);
        };
        check(2.0, 100, [10, 20, 40, 80, 100]);
        check(1.0, 100, [10; 5]);
        check(f64::MAX, 100, [10, 100, 100, 100, 100]);
        check(2.0, 5, [5; 5]);
    }

    proptest! {
        #[test]
        fn a_spread_delay_lies_between_half_and_all_of_its_bound(tries in 0u32..100, draw: u64) {
            let (first, longest) = (Duration::from_secs(1), Duration::from_mins(1));
            let bound = first.saturating_mul(1 << tries.min(20)).min(longest);
            let backoff = Backoff { first, growth: 2.0, longest };
            let delay = backoff.spread(tries, draw);
            prop_assert!(delay >= bound / 2 && delay <= bound);
        }
    }
}
