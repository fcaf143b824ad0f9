//! The file of a fidelity check, JSON: every score, what is demanded of it, and the shapes that a page draws.

use serde::Serialize;

use crate::report::document;
use crate::report::realism::words;
use crate::traffic::fidelity::findings::Findings;
use crate::traffic::fidelity::findings::Row;
use crate::traffic::fidelity::findings::Shape;
use crate::traffic::fidelity::findings::Span;
use crate::traffic::fidelity::findings::Standing;

/// Version of the file's shape.
pub const SCHEMA: u32 = 1;

/// The file.
#[derive(Debug, Serialize)]
struct CheckFile<'a> {
    /// Version of this shape.
    schema: u32,
    /// Version of the tool.
    tool: &'static str,
    /// The profile's name; the trace's where parts of it were fitted.
    profile: &'a str,
    /// `model`, `resample` or `poisson`.
    generator: &'static str,
    /// The seed from which all draws followed.
    seed: u64,
    /// Samples of each fit.
    samples: u32,
    trace: TraceFacts,
    /// Length of the short windows.
    window_secs: u32,
    verdict: Verdict,
    scores: Vec<ScoreRow>,
    giveaways: Vec<GiveawayRow>,
    shapes: ShapesFile<'a>,
}

/// The trace that was compared.
#[derive(Debug, Serialize)]
struct TraceFacts {
    events: u64,
    channels: u64,
    /// Channels of the generated traffic.
    generated_channels: u64,
    /// Whole weeks.
    weeks: u32,
    tick_secs: f64,
}

#[derive(Debug, Serialize)]
struct Verdict {
    /// `met`, `missed`, or `nothing` where nothing can be claimed.
    outcome: &'static str,
    /// Keys of the scores that were missed.
    missed: Vec<String>,
    /// What can't be claimed, in words.
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ScoreRow {
    /// Words for scripts, such as `auc.weeks.traffic.windows` or `fano.talk.60s`.
    key: String,
    /// Words for people.
    name: String,
    /// Live traffic against other live traffic.
    live: Option<f64>,
    /// A fit to the whole trace, mean over samples.
    whole_fit: Option<f64>,
    /// Mean over samples.
    generated: Option<f64>,
    /// Standard deviation of samples.
    spread: Option<f64>,
    poisson: Option<f64>,
    /// The most that is let pass.
    demanded: Option<f64>,
    /// The most that is aimed at.
    aimed: Option<f64>,
    /// `aimed`, `met`, `missed`, `shown` where nothing is demanded, `unjudged`.
    standing: &'static str,
    /// Why it is not judged.
    reason: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct GiveawayRow {
    /// `windows` or `days`.
    windows: &'static str,
    feature: &'static str,
    /// Share of all gain of the classifier's trees.
    share: f64,
    /// Distance of Kolmogorov and Smirnov between live and generated windows.
    ks: f64,
    /// The tenth, fiftieth and ninetieth percentile in live windows that have it.
    live: [f64; 3],
    /// The same in generated windows.
    generated: [f64; 3],
}

#[derive(Debug, Serialize)]
struct ShapesFile<'a> {
    live: ShapeFile<'a>,
    generated: ShapeFile<'a>,
    poisson: ShapeFile<'a>,
}

#[derive(Debug, Serialize)]
struct ShapeFile<'a> {
    /// Quantiles of gaps in seconds, evenly spaced in level.
    gaps_secs: &'a [f64],
    /// Quantiles of stays in seconds.
    stays_secs: &'a [f64],
    /// Width of bins in seconds, and variance over mean of the counts in them.
    fano: &'a [(u32, f64)],
    /// Share of talk by hour of the week, Monday 00:00 UTC first.
    hours: &'a [f64],
    /// The 99th percentile of waits at 70 % load, in times of service.
    wait_p99: Option<f64>,
}

/// Returns the file of a check.
///
/// # Errors
///
/// When a number has no place in JSON; none of a check has.
pub fn json(findings: &Findings) -> Result<String, serde_json::Error> {
    let file = CheckFile {
        schema: SCHEMA,
        tool: env!("CARGO_PKG_VERSION"),
        profile: &findings.profile,
        generator: findings.generator.as_str(),
        seed: findings.seed.0,
        samples: findings.seed_count,
        trace: TraceFacts {
            events: findings.event_count,
            channels: findings.channel_count,
            generated_channels: findings.generated_channel_count,
            weeks: findings.week_count,
            tick_secs: findings.tick_secs,
        },
        window_secs: findings.window_secs,
        verdict: verdict(findings),
        scores: findings.rows.iter().map(score_row).collect(),
        giveaways: findings
            .giveaways
            .iter()
            .map(|one| GiveawayRow {
                windows: one.width.as_str(),
                feature: one.feature,
                share: one.gain,
                ks: one.distance,
                live: percentiles(one.live),
                generated: percentiles(one.generated),
            })
            .collect(),
        shapes: ShapesFile {
            live: shape(&findings.shapes.live),
            generated: shape(&findings.shapes.generated),
            poisson: shape(&findings.shapes.poisson),
        },
    };
    document::text(&file)
}

fn verdict(findings: &Findings) -> Verdict {
    let missed: Vec<String> = findings.missed().map(|row| row.score.key()).collect();
    let outcome = if !findings.is_judged() {
        "nothing"
    } else if missed.is_empty() {
        "met"
    } else {
        "missed"
    };
    Verdict {
        outcome,
        missed,
        notes: findings.limits.iter().map(words::limit_words).collect(),
    }
}

fn score_row(row: &Row) -> ScoreRow {
    let (standing, reason) = match row.standing {
        Standing::Aimed => ("aimed", None),
        Standing::Met => ("met", None),
        Standing::Missed => ("missed", None),
        Standing::Shown => ("shown", None),
        Standing::Unjudged(reason) => ("unjudged", Some(words::reason_words(reason))),
    };
    ScoreRow {
        key: row.score.key(),
        name: row.score.name(),
        live: row.real,
        whole_fit: row.whole_fit,
        generated: row.generated.map(|value| value.mean),
        spread: row.generated.map(|value| value.spread),
        poisson: row.poisson,
        demanded: row.demanded,
        aimed: row.aimed,
        standing,
        reason,
    }
}

fn percentiles(span: Span) -> [f64; 3] {
    [span.low, span.median, span.high]
}

fn shape(shape: &Shape) -> ShapeFile<'_> {
    ShapeFile {
        gaps_secs: &shape.gaps,
        stays_secs: &shape.stays,
        fano: &shape.fano,
        hours: &shape.hours,
        wait_p99: shape.wait_p99,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::fidelity::findings::examples;

    #[track_caller]
    fn check(place: &str, want: &str) {
        let text = json(&examples::findings()).unwrap();
        let file: serde_json::Value = serde_json::from_str(&text).unwrap();
        let found = file.pointer(place).map(ToString::to_string);
        assert_eq!(found.as_deref(), Some(want), "{place}");
    }

    #[test]
    fn the_file_has_what_scripts_rely_on() {
        check("/schema", "1");
        check("/generator", "\"model\"");
        check("/trace/weeks", "10");
        check("/verdict/outcome", "\"missed\"");
        check("/verdict/missed/0", "\"auc.halves.traffic.windows\"");
        check("/scores/0/whole_fit", "0.56");
        check("/scores/0/standing", "\"missed\"");
        check("/scores/1/key", "\"gaps.ks\"");
        check("/scores/1/spread", "0.01");
        check("/scores/2/standing", "\"unjudged\"");
        check("/scores/2/live", "null");
        check("/giveaways/0/feature", "\"speakers\"");
        check("/giveaways/0/live", "[0.0,1.0,3.0]");
        check("/shapes/live/fano/0", "[60,1.5]");
    }
}
