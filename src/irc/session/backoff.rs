//! Reconnect delays: doubling up to a limit, spread by a draw so that those who fell together do not return together.

use std::time::Duration;

/// Returns the delay before try number `tries` (from zero), given a draw over the whole of `u64`.
///
/// It lies evenly between half and all of `first` · 2^`tries`, which never exceeds `longest`.
pub fn delay(first: Duration, longest: Duration, tries: u32, draw: u64) -> Duration {
    let doubled = first.saturating_mul(1u32.checked_shl(tries).unwrap_or(u32::MAX));
    let full = doubled.min(longest);
    let half = full / 2;
    let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
    let spread = (u128::from(nanos) * u128::from(draw)) >> 64;
    half + Duration::from_nanos(u64::try_from(spread).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_delay_lies_between_half_and_all_of_its_bound(tries in 0u32..100, draw: u64) {
            let (first, longest) = (Duration::from_secs(1), Duration::from_mins(1));
            let bound = first.saturating_mul(1 << tries.min(20)).min(longest);
            let delay = delay(first, longest, tries, draw);
            prop_assert!(delay >= bound / 2 && delay <= bound);
        }
    }
}
