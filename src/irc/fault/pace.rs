//! A way that is slow: bytes leave it late, and no faster than it carries them.

use std::collections::VecDeque;
use std::time::Duration;

use crate::units::offset::Offset;

/// How often bytes of a slow way are let go while more wait: finer than anybody reads, and fifty timers a second at most.
const STEP: Duration = Duration::from_millis(20);

/// How slow a way is. The default is not slow at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slowness {
    /// By how much each byte is late.
    pub delay: Duration,
    /// How many bytes go in a second; `None` for as many as come.
    pub bytes_per_sec: Option<u32>,
}

impl Slowness {
    /// Returns whether it is slow at all.
    pub fn is_any(&self) -> bool {
        *self != Self::default()
    }
}

/// One direction of one connection: how many of the bytes that were given to it may have left by when. It holds none of them.
#[derive(Clone, Debug)]
pub struct Pace {
    slowness: Slowness,
    /// What has been given and may not all leave yet, the earliest first; no more of them than bytes.
    pieces: VecDeque<Piece>,
    /// Bytes given so far.
    given: u64,
    /// Bytes that may have left by the last [`Self::poll`].
    due: u64,
    /// When the way has carried all that was given, the delay apart.
    free_at: Offset,
}

/// Bytes that were given at once: they leave evenly between two moments.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Bytes given up to its last.
    upto: u64,
    count: u64,
    begins: Offset,
    ends: Offset,
}

impl Piece {
    /// Returns how many of its bytes may not have left at `now`.
    fn held(&self, now: Offset) -> u64 {
        if now >= self.ends {
            return 0;
        }
        let (so_far, whole) = (now.since(self.begins), self.ends.since(self.begins));
        let left = u128::from(self.count) * so_far.as_nanos() / whole.as_nanos().max(1);
        self.count - u64::try_from(left).unwrap_or(0).min(self.count)
    }
}

impl Pace {
    /// Returns a way that is as slow as that.
    pub fn new(slowness: Slowness) -> Self {
        Self {
            slowness,
            pieces: VecDeque::new(),
            given: 0,
            due: 0,
            free_at: Offset::ALWAYS,
        }
    }

    /// Takes note of `count` more bytes at `now`.
    pub fn give(&mut self, now: Offset, count: u64) {
        if count == 0 {
            return;
        }
        let begins = self.free_at.max(now);
        self.free_at = match self.slowness.bytes_per_sec {
            Some(rate) => begins + Duration::from_secs(count) / rate.max(1),
            None => begins,
        };
        self.given += count;
        self.pieces.push_back(Piece {
            upto: self.given,
            count,
            begins: begins + self.slowness.delay,
            ends: self.free_at + self.slowness.delay,
        });
    }

    /// Returns how many bytes may have left by `now`, of all that were ever given.
    pub fn poll(&mut self, now: Offset) -> u64 {
        while let Some(piece) = self.pieces.front() {
            self.due = piece.upto - piece.held(now);
            if self.due < piece.upto {
                break;
            }
            self.pieces.pop_front();
        }
        self.due
    }

    /// Returns when more may leave than at `now`, if anything is held.
    pub fn next_due(&self, now: Offset) -> Option<Offset> {
        let piece = self.pieces.front()?;
        Some(piece.ends.min(piece.begins.max(now) + STEP))
    }

    /// Returns how many bytes were ever given.
    pub fn given(&self) -> u64 {
        self.given
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prop_assert;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::*;

    fn at(millis: i64) -> Offset {
        Offset::from_millis(millis)
    }

    fn slow(delay_ms: u64, bytes_per_sec: Option<u32>) -> Pace {
        Pace::new(Slowness {
            delay: Duration::from_millis(delay_ms),
            bytes_per_sec,
        })
    }

    #[test]
    fn bytes_are_late_by_the_delay_and_no_more() {
        let mut pace = slow(50, None);
        pace.give(at(0), 10);
        pace.give(at(30), 5);
        for (millis, want) in [(0, 0), (49, 0), (50, 10), (79, 10), (80, 15)] {
            assert_eq!(pace.poll(at(millis)), want, "{millis}");
        }
        assert_eq!(pace.next_due(at(80)), None);
    }

    #[test]
    fn a_narrow_way_carries_its_bytes_evenly_and_one_after_the_other() {
        let mut pace = slow(100, Some(1_000));
        pace.give(at(0), 200);
        pace.give(at(0), 100);
        for (millis, want) in [
            (100, 0),
            (150, 50),
            (299, 199),
            (300, 200),
            (350, 250),
            (400, 300),
        ] {
            assert_eq!(pace.poll(at(millis)), want, "{millis}");
        }
        // It was idle meanwhile: nothing is saved up.
        pace.give(at(5_000), 100);
        assert_eq!(pace.poll(at(5_150)), 350);
        assert_eq!(pace.next_due(at(5_150)), Some(at(5_170)));
        assert_eq!(pace.next_due(at(5_195)), Some(at(5_200)));
    }

    proptest! {
        #[test]
        fn whoever_wakes_when_told_lets_everything_go_in_time(
            delay_ms in 0_u64..300,
            rate in proptest::option::of(1_u32..50_000),
            given in vec((0_i64..200, 0_u64..2_000), 1..20),
        ) {
            let mut pace = slow(delay_ms, rate);
            let (mut now, mut last, mut total) = (at(0), 0, 0);
            for (later, count) in given {
                now += Duration::from_millis(later.unsigned_abs());
                pace.give(now, count);
                total += count;
                let due = pace.poll(now);
                prop_assert!(due >= last && due <= total);
                last = due;
            }
            let least = rate.map_or(Duration::ZERO, |rate| Duration::from_secs(total) / rate);
            let bound = now + least + Duration::from_millis(delay_ms);
            while let Some(next) = pace.next_due(now) {
                prop_assert!(next > now, "{next:?} at {now:?}");
                now = next;
                let due = pace.poll(now);
                prop_assert!(due >= last);
                last = due;
            }
            prop_assert_eq!(last, total);
            prop_assert!(now <= bound);
        }
    }
}
