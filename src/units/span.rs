//! Lengths of time in whole microseconds, as results and distributions have them.

use std::time::Duration;

/// Returns a duration in whole microseconds; one longer than they count as the longest that they can.
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
