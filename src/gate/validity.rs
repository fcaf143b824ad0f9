//! Validity: whether the generator kept its own promises, so that the target can be blamed for the rest.

use crate::gate::figure;
use crate::measure::outcome::GeneratorHealth;

/// Share of the intervals in which the generator may be late or busy before the run is invalid.
pub const STRAINED_SHARE_MAX: f64 = 0.05;
/// Share of a core above which a shard's thread is busy: the rest is what a burst needs.
pub const BUSY_CORE_SHARE: f64 = 0.9;

/// One way in which the generator must be fit, and whether it was.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidityCheck {
    /// Its name in results.
    pub name: &'static str,
    /// Intervals in which it was not.
    pub count: u64,
    /// Intervals.
    pub interval_count: u64,
    /// Whether it was fit enough.
    pub holds: bool,
    /// Why not, as a sentence; empty if it was.
    pub reason: String,
}

/// Returns every check.
pub fn checks(health: &GeneratorHealth) -> [ValidityCheck; 2] {
    let limit = figure::duration(health.lateness_limit_micros);
    [
        checked("generator_late", health.late_count, health, || {
            format!("the generator sent late: p99 lateness was over {limit}")
        }),
        checked("generator_busy", health.busy_count, health, || {
            format!(
                "the generator had no time to spare: a thread used over {} of a core",
                figure::share(BUSY_CORE_SHARE)
            )
        }),
    ]
}

fn checked(
    name: &'static str,
    count: u64,
    health: &GeneratorHealth,
    what: impl FnOnce() -> String,
) -> ValidityCheck {
    let share = figure::ratio(count, health.interval_count).unwrap_or(0.0);
    let holds = share <= STRAINED_SHARE_MAX;
    let reason = if holds {
        String::new()
    } else {
        format!(
            "{} in {} of {} intervals ({}; at most {} may be)",
            what(),
            figure::count(count),
            figure::count(health.interval_count),
            figure::share(share),
            figure::share(STRAINED_SHARE_MAX)
        )
    };
    ValidityCheck {
        name,
        count,
        interval_count: health.interval_count,
        holds,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(interval_count: u64, late_count: u64, busy_count: u64, want: &[&str]) {
        let health = GeneratorHealth {
            interval_count,
            late_count,
            busy_count,
            lateness_limit_micros: 25_000,
            ..GeneratorHealth::default()
        };
        let failed: Vec<String> = checks(&health)
            .into_iter()
            .filter(|check| !check.holds)
            .map(|check| check.reason)
            .collect();
        assert_eq!(failed, want);
    }

    #[test]
    fn one_interval_in_twenty_may_be_bad() {
        check(0, 0, 0, &[]);
        check(100, 5, 5, &[]);
        check(
            100,
            6,
            0,
            &[
                "the generator sent late: p99 lateness was over 25.0 ms in 6 of 100 intervals (6.00 %; at most 5.00 % may be)",
            ],
        );
        check(
            100,
            0,
            50,
            &[
                "the generator had no time to spare: a thread used over 90.0 % of a core in 50 of 100 intervals (50.0 %; at most 5.00 % may be)",
            ],
        );
    }
}
