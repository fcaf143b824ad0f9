//! Counters that a server keeps of itself: what two readings tell of the time between them.

pub mod http;
pub mod metrics;
pub mod stats;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::units::offset::Offset;

/// Most counters of a reading: servers know a hundred or two commands, and no answer may grow without a bound.
pub const COUNTERS_MAX: usize = 1_024;
/// Longest name of a counter: the longest command of a server in use has 12 letters, and metrics have longer names.
const NAME_BYTES_MAX: usize = 128;

/// What a server told at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// How often each command was used since the server's start.
    pub commands: BTreeMap<String, u64>,
    /// How many users, channels and so on there are now.
    pub gauges: BTreeMap<&'static str, u64>,
    /// What was said and not understood, or had no room.
    pub unread: u64,
}

impl Reading {
    /// Adds to a command's counter. A name that can't be one is counted as unread: nobody's text gets into the output.
    pub fn add(&mut self, name: &[u8], count: u64) {
        let is_name = !name.is_empty()
            && name.len() <= NAME_BYTES_MAX
            && name
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(byte));
        let has_room = self.commands.len() < COUNTERS_MAX;
        match std::str::from_utf8(name) {
            Ok(name) if is_name && (has_room || self.commands.contains_key(name)) => {
                let counter = self.commands.entry(name.to_owned()).or_default();
                *counter = counter.saturating_add(count);
            }
            _ => self.unread += 1,
        }
    }
}

/// One line of what is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The command, in capitals as servers tell it; or what there is now, in small letters.
    pub name: String,
    /// The server's own count.
    pub count: u64,
    /// Uses per second since the reading before; `None` in the first, after a restart, and for what there is now.
    pub per_second: Option<f64>,
}

/// What a reading was to the readings before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its rows, by name.
    pub rows: Vec<Row>,
    /// Whether the server was restarted since the reading before.
    pub has_restarted: bool,
}

/// Readings of one server over time.
#[derive(Clone, Debug, Default)]
pub struct Series {
    last: Option<(Offset, BTreeMap<String, u64>)>,
    /// What each command gained.
    gained: BTreeMap<String, u64>,
    watched: Duration,
    restart_count: u64,
    unread: u64,
    is_restart_known: bool,
}

impl Series {
    /// Notes that the server was restarted, where something else than its counters tells it.
    pub fn handle_restart(&mut self) {
        self.is_restart_known = true;
    }

    /// Enters a reading, and returns what it tells.
    ///
    /// Counters never fall while a server runs: one that is lower than before, or gone, is that of a server which was started
    /// anew. What it shows then happened since, and is taken whole, but nobody knows in what time.
    pub fn enter(&mut self, at: Offset, reading: Reading) -> Step {
        self.unread += reading.unread;
        let (before, elapsed) = match self.last.take() {
            Some((last_at, before)) => (Some(before), at.since(last_at)),
            None => (None, Duration::ZERO),
        };
        let count_of = |name: &String| reading.commands.get(name).copied().unwrap_or(0);
        let has_restarted = before.as_ref().is_some_and(|before| {
            self.is_restart_known || before.iter().any(|(name, &count)| count_of(name) < count)
        });
        self.is_restart_known = false;
        self.restart_count += u64::from(has_restarted);
        self.watched += elapsed;
        let mut rows = Vec::with_capacity(reading.commands.len() + reading.gauges.len());
        for (name, &count) in &reading.commands {
            let gained = before.as_ref().map(|before| match before.get(name) {
                Some(&before) if !has_restarted => count.saturating_sub(before),
                _ => count,
            });
            if let Some(gained) = gained {
                let total = self.gained.entry(name.clone()).or_default();
                *total = total.saturating_add(gained);
            }
            rows.push(Row {
                name: name.clone(),
                count,
                per_second: gained
                    .filter(|_| !has_restarted)
                    .and_then(|gained| rate(gained, elapsed)),
            });
        }
        rows.extend(reading.gauges.iter().map(|(name, &count)| Row {
            name: (*name).to_owned(),
            count,
            per_second: None,
        }));
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        self.last = Some((at, reading.commands));
        Step {
            rows,
            has_restarted,
        }
    }

    /// Returns what each command gained between the first reading and the last, and how often that was in a second; most first.
    pub fn totals(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = self
            .gained
            .iter()
            .filter(|(_, gained)| **gained > 0)
            .map(|(name, &gained)| Row {
                name: name.clone(),
                count: gained,
                per_second: rate(gained, self.watched),
            })
            .collect();
        rows.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
        rows
    }

    /// Returns the time between the first reading and the last.
    pub fn watched(&self) -> Duration {
        self.watched
    }

    /// Returns how often the server was restarted, as far as could be seen.
    pub fn restart_count(&self) -> u64 {
        self.restart_count
    }

    /// Returns how much was said and not understood.
    pub fn unread(&self) -> u64 {
        self.unread
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a rate of at most fifty-three bits of uses"
)]
fn rate(count: u64, elapsed: Duration) -> Option<f64> {
    (!elapsed.is_zero()).then(|| count as f64 / elapsed.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::collection::vec;
    use proptest::prelude::any;
    use proptest::prop_assert;
    use proptest::proptest;

    use super::*;

    fn reading(commands: &[(&str, u64)]) -> Reading {
        let mut reading = Reading::default();
        for (name, count) in commands {
            reading.add(name.as_bytes(), *count);
        }
        reading
    }

    fn rates(step: &Step) -> Vec<(&str, u64, Option<f64>)> {
        let rows = step.rows.iter();
        rows.map(|row| (row.name.as_str(), row.count, row.per_second))
            .collect()
    }

    #[test]
    fn rates_are_differences_over_the_time_between() {
        let mut series = Series::default();
        let first = series.enter(Offset::from_secs(5), reading(&[("JOIN", 100)]));
        assert_eq!(rates(&first), [("JOIN", 100, None)]);
        let mut next = reading(&[("JOIN", 110), ("PART", 4)]);
        next.gauges.insert("users", 7);
        let step = series.enter(Offset::from_secs(9), next);
        assert!(!step.has_restarted);
        assert_eq!(
            rates(&step),
            [
                ("JOIN", 110, Some(2.5)),
                ("PART", 4, Some(1.0)),
                ("users", 7, None)
            ]
        );
        let totals: Vec<_> = series
            .totals()
            .into_iter()
            .map(|row| (row.name, row.count))
            .collect();
        assert_eq!(totals, [("JOIN".to_owned(), 10), ("PART".to_owned(), 4)]);
        assert_eq!(series.watched(), Duration::from_secs(4));
    }

    #[test]
    fn a_restart_is_seen_by_a_counter_that_fell_or_is_gone_and_gives_no_rate() {
        for after in [
            reading(&[("JOIN", 3), ("PART", 60)]),
            reading(&[("PART", 60)]),
        ] {
            let mut series = Series::default();
            series.enter(
                Offset::from_secs(0),
                reading(&[("JOIN", 100), ("PART", 50)]),
            );
            let step = series.enter(Offset::from_secs(1), after);
            assert!(step.has_restarted);
            assert!(step.rows.iter().all(|row| row.per_second.is_none()));
            assert_eq!(series.restart_count(), 1);
            let totals = series.totals();
            assert_eq!(totals.first().map(|row| row.count), Some(60));
            let step = series.enter(Offset::from_secs(2), reading(&[("JOIN", 5), ("PART", 61)]));
            assert!(!step.has_restarted);
        }
    }

    #[test]
    fn a_restart_that_is_told_counts_though_no_counter_fell() {
        let mut series = Series::default();
        series.enter(Offset::from_secs(0), reading(&[("JOIN", 1)]));
        series.handle_restart();
        let step = series.enter(Offset::from_secs(1), reading(&[("JOIN", 9)]));
        assert!(step.has_restarted);
        assert_eq!(series.totals().first().map(|row| row.count), Some(9));
    }

    #[test]
    fn a_name_that_could_be_text_is_not_taken() {
        let mut reading = reading(&[("JOIN", 1)]);
        for name in [
            &b"hello you"[..],
            b"",
            b"a,b",
            b"=1+2",
            b"\xff",
            &[b'A'; 200],
        ] {
            reading.add(name, 1);
        }
        assert_eq!((reading.commands.len(), reading.unread), (1, 6));
    }

    proptest! {
        #[test]
        fn rates_are_never_negative_and_totals_never_more_than_was_shown(
            readings in vec(btree_map("[A-C]", any::<u64>(), 0..4), 0..8)
        ) {
            let mut series = Series::default();
            for (at, commands) in (0..).zip(readings) {
                let step = series.enter(Offset::from_secs(at), Reading { commands, ..Reading::default() });
                for row in step.rows {
                    prop_assert!(row.per_second.is_none_or(|rate| rate >= 0.0));
                }
            }
            prop_assert!(series.totals().iter().all(|row| row.count > 0));
        }
    }
}
