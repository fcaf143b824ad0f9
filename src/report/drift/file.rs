//! The file of a check for drift, JSON: every statistic in every week, the verdict, and how far to trust it.

use serde::Serialize;

use crate::report::document;
use crate::report::drift::counted;
use crate::report::drift::counted::CountedFile;
use crate::report::drift::words;
use crate::traffic::fidelity::alarm::Drift;
use crate::traffic::fidelity::alarm::TrialRow;
use crate::traffic::fidelity::alarm::Verdict;
use crate::traffic::fidelity::counted::CountedDrift;
use crate::traffic::fidelity::drift::Z_MAX;
use crate::traffic::fidelity::outcome::Outcome;

/// Version of the file's shape.
pub const SCHEMA: u32 = 1;

/// The file.
#[derive(Debug, Serialize)]
struct DriftFile<'a> {
    /// Version of this shape.
    schema: u32,
    /// Version of the tool.
    tool: &'static str,
    /// The profile's name.
    profile: &'a str,
    /// `no_drift`, `drift` or `cant_tell`: of all that was judged.
    verdict: &'static str,
    /// What fresh traffic shows, where there was some.
    #[serde(flatten)]
    traffic: Option<TrafficFile>,
    /// What a server's counters show, where they were given.
    counters: Option<CountedFile>,
}

#[derive(Debug, Serialize)]
struct TrafficFile {
    /// Days from the capture's end to the end of the fresh traffic.
    age_days: Option<f64>,
    /// Fresh weeks that were watched.
    weeks: usize,
    /// Fresh weeks that were mostly not.
    unwatched_weeks: usize,
    /// Why nothing can be told of it, in words.
    reason: Option<String>,
    /// Scales beyond which two weeks running are drift.
    z_max: f64,
    statistics: Vec<StatisticFile>,
    /// The alarm on the capture's own weeks.
    false_alarms: Option<TrialFile>,
    /// The alarm on changed weeks of the capture.
    power: Vec<TrialFile>,
}

#[derive(Debug, Serialize)]
struct StatisticFile {
    key: &'static str,
    name: &'static str,
    usual: Option<f64>,
    /// The value of each week.
    fresh: Vec<Option<f64>>,
    /// How far each lies off, in scales.
    z: Vec<Option<f64>>,
    drifted: bool,
}

#[derive(Debug, Serialize)]
struct TrialFile {
    key: &'static str,
    pairs: u32,
    alarms: u32,
    rate: Option<f64>,
}

/// Returns the file of a check for drift.
///
/// # Errors
///
/// When a number has no place in JSON; none of a check has.
pub fn json(
    profile: &str,
    traffic: Option<&Drift>,
    counted: Option<&CountedDrift>,
) -> Result<String, serde_json::Error> {
    let file = DriftFile {
        schema: SCHEMA,
        tool: env!("CARGO_PKG_VERSION"),
        profile,
        verdict: words::outcome(Outcome::of(traffic, counted)),
        traffic: traffic.map(traffic_file),
        counters: counted.map(counted::file),
    };
    document::text(&file)
}

fn traffic_file(drift: &Drift) -> TrafficFile {
    TrafficFile {
        age_days: drift.age_days,
        weeks: drift.week_count,
        unwatched_weeks: drift.unwatched_count,
        reason: match drift.verdict {
            Verdict::CantTell(doubt) => Some(words::doubt(drift, doubt)),
            _ => None,
        },
        z_max: Z_MAX,
        statistics: drift
            .rows
            .iter()
            .map(|row| StatisticFile {
                key: row.key,
                name: row.name,
                usual: row.usual,
                fresh: row.weeks.iter().map(|week| week.value).collect(),
                z: row.weeks.iter().map(|week| week.z).collect(),
                drifted: row.has_drifted,
            })
            .collect(),
        false_alarms: drift.false_alarms.as_ref().map(trial),
        power: drift.powers.iter().map(trial).collect(),
    }
}

fn trial(row: &TrialRow) -> TrialFile {
    TrialFile {
        key: row.key,
        pairs: row.pair_count,
        alarms: row.alarm_count,
        rate: row.rate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::fidelity::alarm::examples;
    use crate::traffic::fidelity::counted::examples::counted;

    #[test]
    fn the_file_has_what_scripts_rely_on() {
        let counters = counted(&[Some(0.9), Some(0.8)]);
        let text = json(
            "oak",
            Some(&examples::drift(3, true, [1, 18])),
            Some(&counters),
        )
        .unwrap();
        let file: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (place, want) in [
            ("/schema", "1"),
            ("/verdict", "\"drift\""),
            ("/reason", "null"),
            ("/statistics/0/key", "\"talk_rate\""),
            ("/statistics/0/z", "[3.0,3.0,3.0]"),
            ("/statistics/0/drifted", "true"),
            ("/false_alarms/rate", "0.05"),
            ("/power/0/key", "\"doubled\""),
            ("/power/0/pairs", "20"),
            ("/counters/verdict", "\"drift\""),
            ("/counters/figures/0/key", "\"who_per_join\""),
        ] {
            let found = file.pointer(place).map(ToString::to_string);
            assert_eq!(found.as_deref(), Some(want), "{place}");
        }
    }
}
