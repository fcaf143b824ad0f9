//! Moments of a run, counted from its start.

use std::fmt;
use std::ops::Add;
use std::ops::AddAssign;
use std::ops::Sub;
use std::time::Duration;

/// A moment in nanoseconds from the start of the run; negative before it (about 292 years either way).
///
/// Pure code knows no other time. Virtual and real runs alike count from their own zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(i64);

impl Offset {
    /// The start of the run.
    pub const ZERO: Self = Self(0);
    /// Later than every moment of a run.
    pub const NEVER: Self = Self(i64::MAX);
    /// Earlier than every moment of a run.
    pub const ALWAYS: Self = Self(i64::MIN);

    /// Returns the moment `nanos` nanoseconds after the start.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Returns the moment `micros` microseconds after the start.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// Returns the moment `millis` milliseconds after the start.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Returns the moment `secs` seconds after the start.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Returns the nanoseconds since the start.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Returns the whole microseconds since the start.
    pub const fn as_micros(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Returns the seconds since the start, for people and charts.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a display value; 2^53 ns are 104 days, beyond that ns do not matter"
    )]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Returns the time from `earlier` to `self`, zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Offset {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)),
        )
    }
}

impl AddAssign<Duration> for Offset {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Offset {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)),
        )
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s", self.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_zero_when_the_other_moment_is_later() {
        assert_eq!(
            Offset::from_secs(1).since(Offset::from_secs(2)),
            Duration::ZERO
        );
        assert_eq!(
            Offset::from_secs(2).since(Offset::from_secs(-1)),
            Duration::from_secs(3)
        );
    }

    #[test]
    fn arithmetic_saturates_at_the_ends() {
        assert_eq!(Offset::NEVER + Duration::from_secs(1), Offset::NEVER);
        assert_eq!(Offset::ALWAYS - Duration::from_secs(1), Offset::ALWAYS);
    }

    #[test]
    fn micros_round_down_before_the_start() {
        assert_eq!(Offset::from_nanos(-1).as_micros(), -1);
        assert_eq!(Offset::from_nanos(1_999).as_micros(), 1);
    }
}
