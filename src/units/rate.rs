//! Events per second.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Longest text accepted for a rate: any sensible number with its unit.
const TEXT_BYTES_MAX: usize = 32;

/// A positive, finite number of events per second.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// Returns the rate of `per_second` events a second, or `None` unless it is positive and finite.
    pub fn per_second(per_second: f64) -> Option<Self> {
        (per_second.is_finite() && per_second > 0.0).then_some(Self(per_second))
    }

    /// Returns the events per second.
    pub fn as_per_second(self) -> f64 {
        self.0
    }

    /// Returns when the event number `n` (from zero) of an even stream at this rate is due after its start.
    #[expect(
        clippy::cast_precision_loss,
        reason = "2^53 events at any rate outlast a run"
    )]
    pub fn due(self, n: u64) -> Duration {
        Duration::try_from_secs_f64(n as f64 / self.0).unwrap_or(Duration::MAX)
    }
}

impl FromStr for Rate {
    type Err = ();

    /// Reads `12/s`, `90/min` or `5/h`.
    fn from_str(text: &str) -> Result<Self, ()> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(());
        }
        let (number, unit) = text.split_once('/').ok_or(())?;
        let seconds = match unit.trim() {
            "s" | "sec" => 1.0,
            "min" | "m" => 60.0,
            "h" | "hour" => 3_600.0,
            _ => return Err(()),
        };
        let number: f64 = number.trim().parse().map_err(|_| ())?;
        Self::per_second(number / seconds).ok_or(())
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Option<f64>) {
        assert_eq!(
            text.parse::<Rate>().ok().map(Rate::as_per_second),
            want,
            "{text}"
        );
    }

    #[test]
    fn reads_events_per_unit_of_time() {
        check("12/s", Some(12.0));
        check(" 90 / min", Some(1.5));
        check("3600/h", Some(1.0));
    }

    #[test]
    fn refuses_what_is_no_rate() {
        for text in ["", "12", "12x", "0/s", "-1/s", "inf/s", "NaN/s", "1/day"] {
            check(text, None);
        }
    }
}
