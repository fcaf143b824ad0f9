//! The moments around a run's mass events: what is kept second by second is kept there alone, however long the run.

use std::time::Duration;

use crate::units::offset::Offset;

/// Kept before an event was to strike: the half minute in which its band is looked for, and what it may strike later than planned.
const BEFORE: Duration = Duration::from_mins(2);
/// Kept after its cause was to be gone: what is not back in its band by then counts as not back, and what is lost later is the run's
/// and not the event's.
const AFTER: Duration = Duration::from_hours(1);

/// Spans around events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Around {
    /// First and last moment, in order and apart.
    spans: Vec<(Offset, Offset)>,
}

impl Around {
    /// Returns the spans around events, of each of which it is planned when it strikes and when its cause is gone.
    pub fn events(events: impl IntoIterator<Item = (Offset, Offset)>) -> Self {
        let mut spans: Vec<(Offset, Offset)> = events
            .into_iter()
            .map(|(struck, gone)| (struck - BEFORE, gone + AFTER))
            .collect();
        spans.sort_unstable();
        spans.dedup_by(|next, kept| {
            let is_joined = next.0 <= kept.1;
            if is_joined {
                kept.1 = kept.1.max(next.1);
            }
            is_joined
        });
        Self { spans }
    }

    /// Returns whether a moment lies in one of the spans.
    pub fn holds(&self, at: Offset) -> bool {
        let begun = self.spans.partition_point(|&(from, _)| from <= at);
        let last = begun.checked_sub(1).and_then(|last| self.spans.get(last));
        last.is_some_and(|&(_, to)| at <= to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_time_around_events_is_held() {
        let at = Offset::from_secs;
        let around = Around::events([
            (at(90_000), at(90_060)),
            (at(1_000), at(1_010)),
            (at(4_000), at(4_020)),
        ]);
        for (secs, want) in [
            (-1, false),
            (879, false),
            (880, true),
            (1_005, true),
            // The first ends in the second, which lasts longer.
            (4_650, true),
            (7_620, true),
            (7_621, false),
            (89_879, false),
            (89_880, true),
            (93_660, true),
            (93_661, false),
        ] {
            assert_eq!(around.holds(at(secs)), want, "{secs} s");
        }
        assert!(!Around::default().holds(at(0)));
    }
}
