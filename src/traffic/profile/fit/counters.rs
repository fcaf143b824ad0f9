//! A server's counters over time, as `capture counters` writes them, read back.

use std::collections::BTreeMap;
use std::io;
use std::io::BufRead;
use std::io::Read as _;

use crate::place::Misread;
use crate::place::Place;

/// The columns, in order.
pub const COLUMNS: [&str; 4] = ["at_us", "command", "count", "per_second"];
/// Readings of a file: a year of one each ten seconds, held at 32 bytes each.
const READINGS_MAX: usize = 3_200_000;
/// Longest line: a name of at most 128 bytes and three numbers.
const LINE_BYTES_MAX: u64 = 512;
/// Names of one reading; `capture counters` writes half as many at most.
const NAMES_MAX: usize = 2_048;
/// What of a server's rows tells how many there are, not what was used. A server's own users come first: those of other servers
/// send it no commands.
const USERS: [&str; 2] = ["users_local", "users"];
/// The others of that kind.
const GAUGES: [&str; 3] = ["channels", "operators", "unregistered"];
/// Commands that say something.
const SAID: [&str; 2] = ["PRIVMSG", "NOTICE"];
/// Microseconds of an hour.
const HOUR_US: f64 = 3_600e6;
/// Microseconds of a week.
const WEEK_US: i64 = 7 * 24 * 3_600 * 1_000_000;

/// What a server counted in some time, the time between readings with a restart left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// By how much each command's counter rose.
    gained: BTreeMap<String, u64>,
    /// Hours of all connections together; `None` where nobody told how many there were.
    connection_hours: Option<f64>,
    watched_us: i64,
}

/// What a server counted while it was watched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counters {
    whole: Totals,
    /// By weeks from the first reading on; one in which nothing was watched is missing.
    weeks: BTreeMap<i64, Totals>,
    first_us: Option<i64>,
    /// What happened between two readings, in order, but for those with a restart between them.
    steps: Vec<Step>,
}

/// What was counted between two readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    start_us: i64,
    end_us: i64,
    /// PRIVMSGs and NOTICEs.
    pub(crate) said: u64,
    /// JOINs.
    pub(crate) joins: u64,
}

impl Step {
    /// Returns whether a moment is after both readings.
    pub(crate) fn is_before(&self, at_us: i64) -> bool {
        self.end_us < at_us
    }

    /// Returns whether a moment is after the first of the two readings, and not after the second.
    pub(crate) fn has(&self, at_us: i64) -> bool {
        self.start_us < at_us && at_us <= self.end_us
    }
}

/// One reading.
#[derive(Clone, Debug, Default)]
struct Reading {
    at_us: i64,
    counts: BTreeMap<String, u64>,
    /// Whether rates stand beside the counts: not in the first reading, nor in that after a restart.
    has_rates: bool,
    users: [Option<u64>; 2],
}

impl Counters {
    /// Reads the counters in `input`. A reading whose last line is cut is left out: its counts can't be trusted.
    ///
    /// # Errors
    ///
    /// When it is no CSV of counters, or its times run back.
    pub fn read(path: &str, mut input: impl BufRead) -> Result<Self, Misread> {
        let mut counters = Self::default();
        let mut before: Option<Reading> = None;
        let mut now: Option<Reading> = None;
        let mut number = 0;
        let mut line = Vec::new();
        loop {
            number += 1;
            let misread = |what: String| Misread::new(what, Place::line(path, number));
            next_line(&mut input, &mut line).map_err(|error| misread(error.to_string()))?;
            if line.is_empty() {
                break;
            }
            let is_cut = line.last() != Some(&b'\n');
            let text = String::from_utf8_lossy(&line);
            let cells: Vec<&str> = text.trim_end().split(',').collect();
            if number == 1 {
                if cells != COLUMNS {
                    let what = format!("expected the columns `{}`", COLUMNS.join(","));
                    return Err(
                        misread(what).with_help("make one with `splitstorm capture counters`")
                    );
                }
                continue;
            }
            if is_cut && line.len() as u64 != LINE_BYTES_MAX {
                now = None;
                break;
            }
            let row = match *cells.as_slice() {
                [at_us, name, count, rate] => at_us
                    .parse::<i64>()
                    .ok()
                    .zip(count.parse().ok())
                    .map(|(at_us, count): (i64, u64)| (at_us, name, count, !rate.is_empty())),
                _ => None,
            };
            let Some((at_us, name, count, has_rate)) = row else {
                return Err(misread(
                    "expected a time, a command, its count and its rate".to_owned(),
                ));
            };
            if now.as_ref().is_some_and(|reading| reading.at_us > at_us) {
                return Err(misread(format!("expected a later time, found {at_us}")));
            }
            if now.as_ref().is_none_or(|reading| reading.at_us < at_us) {
                if counters.steps.len() == READINGS_MAX {
                    return Err(misread(format!("expected at most {READINGS_MAX} readings")));
                }
                if let Some(reading) = now.take() {
                    counters.enter(before.as_ref(), &reading);
                    before = Some(reading);
                }
                now = Some(Reading {
                    at_us,
                    ..Reading::default()
                });
            }
            if let Some(reading) = &mut now {
                reading.add(name, count, has_rate);
            }
        }
        if let Some(reading) = now {
            counters.enter(before.as_ref(), &reading);
        }
        if counters.steps.is_empty() {
            return Err(
                Misread::new("expected two readings of one server", Place::file(path))
                    .with_help("let `capture counters` run for longer"),
            );
        }
        Ok(counters)
    }

    /// Enters a reading that follows another one.
    fn enter(&mut self, before: Option<&Reading>, now: &Reading) {
        let first_us = *self.first_us.get_or_insert(now.at_us);
        let Some(before) = before.filter(|_| now.has_rates) else {
            return;
        };
        let mut step = Step {
            start_us: before.at_us,
            end_us: now.at_us,
            said: 0,
            joins: 0,
        };
        for (name, &count) in &now.counts {
            let gained = count.saturating_sub(before.counts.get(name).copied().unwrap_or(0));
            if SAID.contains(&name.as_str()) {
                step.said = step.said.saturating_add(gained);
            } else if name == "JOIN" {
                step.joins = gained;
            }
        }
        self.steps.push(step);
        // A step belongs to the week in which it ends: readings are far more frequent.
        let week = now.at_us.saturating_sub(first_us).saturating_sub(1) / WEEK_US;
        let week = self.weeks.entry(week).or_default();
        for totals in [&mut self.whole, week] {
            totals.enter(before, now);
        }
    }

    /// Returns what was counted in all.
    pub fn whole(&self) -> &Totals {
        &self.whole
    }

    /// Returns what was counted in each week from the first reading on of which at least half was watched, in order. The last
    /// one is among them if it was over half when the readings ended.
    pub fn weeks(&self) -> impl Iterator<Item = &Totals> {
        let weeks = self.weeks.values();
        weeks.filter(|week| week.watched_us >= WEEK_US / 2)
    }

    /// Returns what happened between readings that both lie within a stretch of time, in microseconds since 1970 UTC.
    pub(crate) fn steps_within(&self, start_us: i64, end_us: i64) -> &[Step] {
        let first = self.steps.partition_point(|step| step.start_us < start_us);
        let last = self.steps.partition_point(|step| step.end_us <= end_us);
        self.steps.get(first..last).unwrap_or_default()
    }
}

impl Totals {
    /// Enters what was counted between two readings.
    fn enter(&mut self, before: &Reading, now: &Reading) {
        for (name, &count) in &now.counts {
            let gained = count.saturating_sub(before.counts.get(name).copied().unwrap_or(0));
            if gained > 0 {
                let total = self.gained.entry(name.clone()).or_default();
                *total = total.saturating_add(gained);
            }
        }
        let watched_us = now.at_us.saturating_sub(before.at_us);
        self.watched_us = self.watched_us.saturating_add(watched_us);
        // Those of the same kind at both ends; between them the number is taken to have changed evenly.
        let both = before.users.iter().zip(&now.users);
        let users = both
            .filter_map(|(one, other)| one.zip(*other))
            .map(|(one, other)| f64::midpoint(real(one), real(other)))
            .next();
        if let Some(users) = users {
            let hours = real(watched_us.unsigned_abs()) / HOUR_US;
            *self.connection_hours.get_or_insert(0.0) += users * hours;
        }
    }

    /// Returns how often a command was used while it was watched. A server lists what was ever used alone, so that one that is
    /// missing was not.
    pub fn gained(&self, command: &str) -> u64 {
        self.gained.get(command).copied().unwrap_or(0)
    }

    /// Returns how often something was said: PRIVMSG and NOTICE.
    pub fn said(&self) -> u64 {
        let said = SAID.map(|command| self.gained(command));
        said.into_iter().fold(0, u64::saturating_add)
    }

    /// Returns the hours of all connections together, or `None` if the counters hold no users.
    pub fn connection_hours(&self) -> Option<f64> {
        self.connection_hours
    }
}

/// Reads the next line with its end, or nothing at the end.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<()> {
    line.clear();
    let mut limited = input.by_ref().take(LINE_BYTES_MAX);
    limited.read_until(b'\n', line).map(|_| ())
}

impl Reading {
    fn add(&mut self, name: &str, count: u64, has_rate: bool) {
        if let Some(users) = USERS
            .iter()
            .position(|known| *known == name)
            .and_then(|place| self.users.get_mut(place))
        {
            *users = Some(count);
        } else if !GAUGES.contains(&name) && self.counts.len() < NAMES_MAX {
            // Pages of metrics may have commands in small letters.
            let total = self.counts.entry(name.to_ascii_uppercase()).or_default();
            *total = total.saturating_add(count);
            self.has_rates |= has_rate;
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and microseconds to within one in 2^53"
)]
fn real(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rows: &str) -> Result<Counters, Misread> {
        let text = format!("{}\n{rows}", COLUMNS.join(","));
        Counters::read("counters.csv", text.as_bytes())
    }

    #[test]
    fn what_was_gained_is_told_without_what_a_restart_hides() {
        let counters = read(
            "1000000,JOIN,100,\n1000000,users,10,\n1000000,users_local,4,\n\
             3601000000,JOIN,150,0.0139\n3601000000,MODE,70,0.019\n3601000000,users,10,\n3601000000,users_local,6,\n\
             7201000000,JOIN,5,\n7201000000,users_local,6,\n\
             10801000000,JOIN,8,0.001\n10801000000,users_local,6,\n",
        )
        .unwrap();
        assert_eq!(counters.whole().gained("JOIN"), 53);
        assert_eq!(counters.whole().gained("MODE"), 70);
        assert_eq!(counters.whole().gained("WHO"), 0);
        let hours = counters.whole().connection_hours().unwrap();
        assert!((hours - 11.0).abs() < 1e-9, "{hours}");
        let steps = counters.steps_within(1_000_000, 10_801_000_000);
        assert_eq!(
            steps.iter().map(|step| step.joins).collect::<Vec<_>>(),
            [50, 3]
        );
        for (at_us, is_watched) in [
            (1_000_000, false),
            (1_000_001, true),
            (3_601_000_000, true),
            (3_601_000_001, false),
            (7_201_000_001, true),
            (10_801_000_001, false),
        ] {
            let has = steps.iter().any(|step| step.has(at_us));
            assert_eq!(has, is_watched, "{at_us}");
        }
        assert_eq!(counters.steps_within(1_000_001, 10_801_000_000).len(), 1);
        assert_eq!(counters.steps_within(1_000_000, 3_000_000).len(), 0);
    }

    #[test]
    fn a_reading_that_is_cut_is_left_out() {
        let counters =
            read("1,JOIN,1,\n1,WHO,1,\n2,JOIN,5,4\n2,WHO,5,4\n3,JOIN,90,8\n3,WHO,1").unwrap();
        assert_eq!(
            (
                counters.whole().gained("JOIN"),
                counters.whole().gained("WHO")
            ),
            (4, 4)
        );
    }

    #[test]
    fn what_is_no_series_of_readings_is_named_with_its_place() {
        for (rows, want) in [
            (
                "1,JOIN,100,\n",
                "expected two readings of one server --> counters.csv",
            ),
            (
                "2,JOIN,100,\n1,JOIN,101,1\n",
                "expected a later time, found 1 --> counters.csv:3",
            ),
            (
                "1,JOIN,many,\n2,JOIN,3,1\n",
                "expected a time, a command, its count and its rate --> counters.csv:2",
            ),
        ] {
            let error = read(rows).unwrap_err();
            assert_eq!(format!("{} --> {}", error.what, error.place), want);
        }
        let error = Counters::read("x", &b"at_us,event\n"[..]).unwrap_err();
        assert!(error.what.starts_with("expected the columns"), "{error:?}");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            let mut text = format!("{}\n1,JOIN,1,\n", COLUMNS.join(",")).into_bytes();
            text.extend(bytes);
            let _ = Counters::read("x", &text[..]);
        }
    }
}
