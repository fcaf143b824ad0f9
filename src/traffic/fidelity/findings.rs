//! What a check finds: every score beside live traffic and Poisson, and the features that give generated traffic away.

use crate::traffic::fidelity::classifier::FeatureSet;
use crate::traffic::fidelity::score::Generator;
use crate::traffic::fidelity::score::Score;
use crate::traffic::fidelity::score::Width;
use crate::traffic::profile::number;
use crate::traffic::profile::scores::ScoreRow;
use crate::traffic::profile::scores::Scores;
use crate::units::id::Seed;

/// Digits of kept scores: far more than samples tell.
const DIGITS: i32 = 4;

/// What a check finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// The profile that was judged.
    pub profile: String,
    /// The generator.
    pub generator: Generator,
    /// The seed from which all draws followed.
    pub seed: Seed,
    /// Samples of each fit.
    pub seed_count: u32,
    /// Whole weeks of the trace; zero if it has none.
    pub week_count: u32,
    /// Events of the trace.
    pub event_count: u64,
    /// Channels of the trace.
    pub channel_count: u64,
    /// Channels of generated traffic.
    pub generated_channel_count: u64,
    /// The log's clock tick in seconds.
    pub tick_secs: f64,
    /// Length of the short windows in seconds.
    pub window_secs: u32,
    /// The scores, in the order of reports.
    pub rows: Vec<Row>,
    /// What can't be claimed, and why.
    pub limits: Vec<Limit>,
    /// All features in the test of each width that is shown them, most telling first.
    pub giveaways: Vec<Giveaway>,
    /// Shapes to be drawn, where there are any.
    pub shapes: Shapes,
}

/// One score.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Which.
    pub score: Score,
    /// Of live traffic against other live traffic.
    pub real: Option<f64>,
    /// Of a fit to the whole trace, judged on what it was fitted to: mean over samples.
    pub whole_fit: Option<f64>,
    /// Of the generated traffic.
    pub generated: Option<Spread>,
    /// Of the Poisson baseline.
    pub poisson: Option<f64>,
    /// The most that is let pass.
    pub demanded: Option<f64>,
    /// The most that is aimed at.
    pub aimed: Option<f64>,
    /// How it stands.
    pub standing: Standing,
}

/// A mean over samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The standard deviation of single samples; zero of one.
    pub spread: f64,
}

/// How a score stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// What is aimed at is reached.
    Aimed,
    /// What is demanded is reached.
    Met,
    /// It is not.
    Missed,
    /// Nothing is demanded.
    Shown,
    /// It can't be judged.
    Unjudged(Reason),
}

/// Why a score is not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The trace has too few weeks.
    ShortTrace,
    /// The trace, or the generated traffic, has too few windows.
    FewWindows,
    /// The trace has fewer than a thousand of the events.
    FewEvents,
    /// The log's clock ticks too rarely.
    CoarseTick,
    /// A statistic is not defined for what was found, such as one of no variance.
    Undefined,
}

/// What a check of this trace can't claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Under three weeks nothing is claimed.
    NoClaim {
        /// Whole weeks of the trace.
        week_count: u32,
    },
    /// Fewer than eight weeks a side: odd weeks are not compared with even ones.
    NoWeeks {
        /// Whole weeks of the trace.
        week_count: u32,
    },
    /// Generated traffic has other channels than the trace, so that scores of networks are not of one kind.
    OtherChannels {
        /// Channels of the trace.
        live: u64,
        /// Channels of generated traffic.
        generated: u64,
    },
    /// Fewer samples than a spread can be told from.
    FewSeeds {
        /// Samples.
        seed_count: u32,
    },
}

/// A feature by which a classifier tells generated from live traffic.
#[derive(Clone, Debug, PartialEq)]
pub struct Giveaway {
    /// Of which windows.
    pub width: Width,
    /// The classifier's features.
    pub set: FeatureSet,
    /// The feature.
    pub feature: &'static str,
    /// Its share of all gain.
    pub gain: f64,
    /// Distance of Kolmogorov and Smirnov between its values in live and in generated windows, those that have none included:
    /// small where only its company tells.
    pub distance: f64,
    /// Its values in live windows that have it.
    pub live: Span,
    /// Its values in generated windows that have it.
    pub generated: Span,
}

/// Where the values of a feature lie.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Span {
    /// A tenth of the values lies below.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// A tenth of the values lies above.
    pub high: f64,
}

/// Shapes of one traffic.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    /// Quantiles of gaps in seconds, evenly spaced in level from 0 to 1.
    pub gaps: Vec<f64>,
    /// Quantiles of stays in seconds.
    pub stays: Vec<f64>,
    /// Variance over mean of all events of a channel: width of the bins in seconds, and the value.
    pub fano: Vec<(u32, f64)>,
    /// Share of talk by hour of the week, Monday 00:00 UTC first.
    pub hours: Vec<f64>,
    /// The 99th percentile of waits at 70 % load, in times of service.
    pub wait_p99: Option<f64>,
}

/// Shapes of live traffic, of one generated sample and of Poisson.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shapes {
    /// Live traffic.
    pub live: Shape,
    /// The first sample.
    pub generated: Shape,
    /// The baseline.
    pub poisson: Shape,
}

impl Findings {
    /// Returns the scores as a profile keeps them, with the day of the check.
    pub fn scores(&self, checked_on: String) -> Scores {
        let digits = |value: f64| number::rounded(value, DIGITS);
        let row = |row: &Row| {
            Some(ScoreRow {
                key: row.score.key(),
                generated: digits(row.generated?.mean),
                live: row.real.map(digits),
                demanded: row.demanded.map(digits),
            })
        };
        Scores {
            generator: self.generator.as_str().to_owned(),
            seed_count: self.seed_count,
            checked_on,
            rows: self.rows.iter().filter_map(row).collect(),
        }
    }

    /// Returns the scores of which more was demanded than was reached.
    pub fn missed(&self) -> impl Iterator<Item = &Row> {
        let is_missed = |row: &&Row| row.standing == Standing::Missed;
        self.rows.iter().filter(is_missed)
    }

    /// Returns whether anything is claimed: some demanded score was judged.
    pub fn is_judged(&self) -> bool {
        self.rows
            .iter()
            .any(|row| row.demanded.is_some() && !matches!(row.standing, Standing::Unjudged(_)))
    }
}

#[cfg(test)]
pub(crate) mod examples {
    use super::*;
    use crate::traffic::fidelity::features::NAMES;
    use crate::traffic::fidelity::score::Measure;
    use crate::traffic::fidelity::score::Protocol;
    use crate::traffic::fidelity::score::Stream;

    /// Returns invented findings: a score of each standing.
    pub(crate) fn findings() -> Findings {
        let row = |score, values: [Option<f64>; 5], mean, standing| Row {
            score,
            real: values[0],
            whole_fit: values[1],
            generated: Some(Spread { mean, spread: 0.01 }),
            poisson: values[2],
            demanded: values[3],
            aimed: values[4],
            standing,
        };
        let auc = Score::Auc(Protocol::Halves, FeatureSet::Traffic, Width::Short);
        let fano = Score::Distance(Measure::Fano(Stream::All, 1));
        let shape = |scale: f64| Shape {
            gaps: vec![0.5 * scale, 4.0 * scale, 900.0 * scale],
            stays: vec![60.0 * scale, 3_600.0 * scale],
            fano: vec![(60, 1.5 * scale), (600, 4.0 * scale)],
            hours: vec![scale / 168.0; 168],
            wait_p99: Some(100.0 * scale),
        };
        Findings {
            profile: "<oak>".to_owned(),
            generator: Generator::Model,
            seed: Seed(1),
            seed_count: 5,
            week_count: 10,
            event_count: 40_000,
            channel_count: 1,
            generated_channel_count: 1,
            tick_secs: 60.0,
            window_secs: 3_600,
            rows: vec![
                row(
                    auc,
                    [Some(0.55), Some(0.56), Some(0.99), Some(0.66), Some(0.61)],
                    0.7,
                    Standing::Missed,
                ),
                row(
                    Score::Distance(Measure::Gaps),
                    [Some(0.02), None, Some(0.4), Some(0.08), Some(0.05)],
                    0.04,
                    Standing::Aimed,
                ),
                row(
                    fano,
                    [None, None, None, None, None],
                    0.2,
                    Standing::Unjudged(Reason::CoarseTick),
                ),
                row(
                    Score::Distance(Measure::Wait),
                    [Some(1.1), None, Some(0.01), None, Some(1.5)],
                    0.5,
                    Standing::Shown,
                ),
            ],
            limits: vec![Limit::NoWeeks { week_count: 10 }],
            giveaways: vec![Giveaway {
                width: Width::Short,
                set: FeatureSet::Identity,
                feature: NAMES[9],
                gain: 0.25,
                distance: 0.3,
                live: Span {
                    low: 0.0,
                    median: 1.0,
                    high: 3.0,
                },
                generated: Span {
                    low: 1.0,
                    median: 2.0,
                    high: 4.0,
                },
            }],
            shapes: Shapes {
                live: shape(1.0),
                generated: shape(1.1),
                poisson: shape(3.0),
            },
        }
    }
}
