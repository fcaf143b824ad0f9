//! When deliveries were required and lost, second by second, so that an event's window can be looked at after the run.

use std::collections::BTreeMap;

use crate::measure::around::Around;
use crate::units::offset::Offset;

/// Deliveries judged around mass events, by the second of the run in which their message was attempted. An event takes a tenth of a
/// megabyte at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LossLog {
    kept: Around,
    seconds: BTreeMap<u32, Loss>,
}

/// Deliveries of a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Required.
    pub required: u64,
    /// Lost, of those required.
    pub lost: u64,
}

impl LossLog {
    /// Returns a log that keeps deliveries of messages attempted where `kept` holds.
    pub fn new(kept: Around) -> Self {
        Self {
            kept,
            seconds: BTreeMap::new(),
        }
    }

    /// Notes a required delivery of a message attempted at `attempt`.
    pub fn add(&mut self, attempt: Offset, is_lost: bool) {
        if !self.kept.holds(attempt) {
            return;
        }
        let loss = self.seconds.entry(second(attempt)).or_default();
        loss.required += 1;
        loss.lost += u64::from(is_lost);
    }

    /// Adds another shard's part.
    pub fn merge(&mut self, other: &Self) {
        for (&second, loss) in &other.seconds {
            let own = self.seconds.entry(second).or_default();
            own.required += loss.required;
            own.lost += loss.lost;
        }
    }

    /// Returns what was judged of the seconds from that of `from` to that of `to`.
    pub fn between(&self, from: Offset, to: Offset) -> Loss {
        let mut sum = Loss::default();
        if to <= from {
            return sum;
        }
        for (_, loss) in self.seconds.range(second(from)..=second(to)) {
            sum.required += loss.required;
            sum.lost += loss.lost;
        }
        sum
    }
}

/// Returns the second of the run in which a moment lies.
fn second(at: Offset) -> u32 {
    let secs = at.as_nanos().max(0) / 1_000_000_000;
    u32::try_from(secs).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_its_own_seconds_alone() {
        let event = (Offset::from_secs(2), Offset::from_secs(4));
        let mut log = LossLog::new(Around::events([event]));
        for (secs, is_lost) in [(1, false), (2, true), (2, false), (5, true), (9_000, true)] {
            log.add(Offset::from_secs(secs), is_lost);
        }
        let mut both = log.clone();
        both.merge(&log);
        let at = Offset::from_secs;
        let loss = |required, lost| Loss { required, lost };
        assert_eq!(log.between(at(2), at(4)), loss(2, 1));
        assert_eq!(both.between(at(0), at(9)), loss(8, 4));
        assert_eq!(both.between(at(0), Offset::NEVER), loss(8, 4));
        assert_eq!(log.between(at(4), at(2)), Loss::default());
    }
}
