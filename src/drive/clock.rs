//! The one clock of a process: every moment elsewhere is an offset from its epoch.

use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use crate::units::offset::Offset;
use crate::units::span;

/// The epoch of a run, by both clocks. All threads copy one.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    monotonic: Instant,
    system: SystemTime,
}

impl Clock {
    /// Returns the clock whose epoch is now.
    pub fn start() -> Self {
        Self {
            monotonic: Instant::now(),
            system: SystemTime::now(),
        }
    }

    /// Returns the clock whose epoch lies `wait` ahead, so that all threads are ready when the run begins.
    #[must_use]
    pub fn starting_in(wait: Duration) -> Self {
        let now = Self::start();
        Self {
            monotonic: now.monotonic + wait,
            system: now.system + wait,
        }
    }

    /// Returns this clock with the time of day as it is now, where that has been stepped: for what outlives such steps.
    #[must_use]
    pub fn set_anew(&self) -> Self {
        /// Less is no step: the two readings lie apart by as much where the thread is held up between them.
        const STEP_MIN: Duration = Duration::from_millis(10);
        let now = Self::start();
        let system = if now.monotonic >= self.monotonic {
            now.system.checked_sub(now.monotonic - self.monotonic)
        } else {
            now.system.checked_add(self.monotonic - now.monotonic)
        };
        let system = system.unwrap_or(self.system);
        let step = match system.duration_since(self.system) {
            Ok(ahead) => ahead,
            Err(behind) => behind.duration(),
        };
        Self {
            monotonic: self.monotonic,
            system: if step < STEP_MIN { self.system } else { system },
        }
    }

    /// Returns how long this clock's epoch lies behind another's; negative if it lies before.
    pub fn behind(&self, other: &Self) -> Offset {
        if self.monotonic >= other.monotonic {
            Offset::ZERO + (self.monotonic - other.monotonic)
        } else {
            Offset::ZERO - (other.monotonic - self.monotonic)
        }
    }

    /// Returns the time since the epoch; negative before it.
    pub fn now(&self) -> Offset {
        let now = Instant::now();
        if now >= self.monotonic {
            Offset::ZERO + (now - self.monotonic)
        } else {
            Offset::ZERO - (self.monotonic - now)
        }
    }

    /// Returns the moment of a kernel receive stamp (time of day), but not after `read_at`, when its bytes had been read.
    ///
    /// A step of the system's clock during the run moves stamps; such a moment lies outside what is possible and is not used.
    pub fn of_stamp(&self, stamp: Duration, read_at: Offset) -> Offset {
        /// A stamp older than this has been made by a clock that was stepped.
        const AGE_MAX: Duration = Duration::from_secs(10);
        let epoch = self
            .system
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let at = if stamp >= epoch {
            Offset::ZERO + stamp.saturating_sub(epoch)
        } else {
            Offset::ZERO - epoch.saturating_sub(stamp)
        };
        if at <= read_at && read_at.since(at) < AGE_MAX {
            at
        } else {
            read_at
        }
    }

    /// Returns the time of day at the epoch, in microseconds since 1970.
    pub fn epoch_unix_micros(&self) -> u64 {
        let since = self
            .system
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        span::micros(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_anew_follows_the_time_of_day_and_keeps_its_epoch() {
        let clock = Clock::start();
        let stepped = Clock {
            system: clock.system - Duration::from_secs(3),
            ..clock
        };
        let anew = stepped.set_anew();
        let micros = anew.epoch_unix_micros();
        assert!(micros.abs_diff(clock.epoch_unix_micros()) < 1_000_000);
        assert_eq!(anew.monotonic, clock.monotonic);
    }

    #[test]
    fn a_stamp_of_another_day_is_not_believed() {
        let clock = Clock::start();
        let read_at = Offset::from_secs(5);
        let epoch = Duration::from_micros(clock.epoch_unix_micros());
        assert_eq!(
            clock.of_stamp(epoch + Duration::from_secs(6), read_at),
            read_at
        );
        assert_eq!(
            clock.of_stamp(epoch.saturating_sub(Duration::from_mins(1)), read_at),
            read_at
        );
        let at = clock.of_stamp(epoch + Duration::from_secs(4), read_at);
        assert!(at < read_at && read_at.since(at) <= Duration::from_millis(1_001));
    }
}
