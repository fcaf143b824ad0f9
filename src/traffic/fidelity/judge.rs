//! Evidence of a check, gathered sample by sample, and how every score stands by it.

use std::collections::BTreeMap;

use crate::traffic::fidelity::check;
use crate::traffic::fidelity::check::SIDE_WEEKS_MIN;
use crate::traffic::fidelity::check::WEEKS_MIN;
use crate::traffic::fidelity::classifier::FeatureSet;
use crate::traffic::fidelity::classifier::TwoSample;
use crate::traffic::fidelity::distances;
use crate::traffic::fidelity::features;
use crate::traffic::fidelity::features::FEATURE_COUNT;
use crate::traffic::fidelity::findings::Findings;
use crate::traffic::fidelity::findings::Giveaway;
use crate::traffic::fidelity::findings::Limit;
use crate::traffic::fidelity::findings::Reason;
use crate::traffic::fidelity::findings::Row;
use crate::traffic::fidelity::findings::Shape;
use crate::traffic::fidelity::findings::Shapes;
use crate::traffic::fidelity::findings::Span;
use crate::traffic::fidelity::findings::Spread;
use crate::traffic::fidelity::findings::Standing;
use crate::traffic::fidelity::measures::Measures;
use crate::traffic::fidelity::score::Bound;
use crate::traffic::fidelity::score::FANO_SECS;
use crate::traffic::fidelity::score::Generator;
use crate::traffic::fidelity::score::Measure;
use crate::traffic::fidelity::score::Protocol;
use crate::traffic::fidelity::score::Score;
use crate::traffic::fidelity::score::Stream;
use crate::traffic::fidelity::score::Width;
use crate::traffic::fidelity::span;
use crate::traffic::fidelity::windows::Window;
use crate::traffic::profile::number;
use crate::units::id::Seed;

/// Events a score of a kind needs: fewer say more about chance than about a generator.
const EVENTS_MIN: u64 = 1_000;

/// Samples from which on a spread means something.
const SEEDS_MIN: u32 = 3;

/// The AUC of a coin: one below is chance, and no floor to demand anything over.
const CHANCE: f64 = 0.5;

/// Intervals of the quantiles of a shape.
const SHAPE_STEPS: u32 = 200;

/// What holds of a check beside its scores.
pub(crate) struct Facts<'a> {
    pub(crate) profile: &'a str,
    pub(crate) generator: Generator,
    pub(crate) seed: Seed,
    pub(crate) seed_count: u32,
    pub(crate) week_count: u32,
    pub(crate) event_count: u64,
    pub(crate) channel_count: u64,
    pub(crate) generated_channel_count: u64,
    pub(crate) tick_secs: f64,
    pub(crate) window_secs: u32,
}

/// What was found of each score.
#[derive(Default)]
pub(crate) struct Evidence {
    /// Channels of generated traffic.
    pub(crate) channel_count: u64,
    real: BTreeMap<Score, Vec<f64>>,
    whole_fit: BTreeMap<Score, Vec<f64>>,
    poisson: BTreeMap<Score, Vec<f64>>,
    /// By sample: each direction of a protocol adds one.
    generated: BTreeMap<Score, BTreeMap<u32, Vec<f64>>>,
    /// The fewest live events a measure rests on.
    event_counts: BTreeMap<Measure, u64>,
    gains: BTreeMap<Width, Gains>,
    shapes: Shapes,
}

/// Gains of all features, and their values, summed over tests.
struct Gains {
    test_count: usize,
    features: [Telling; FEATURE_COUNT],
}

/// What one feature tells.
#[derive(Clone, Copy, Default)]
struct Telling {
    share: f64,
    distance: f64,
    live: Span,
    generated: Span,
}

impl Evidence {
    /// Notes what live traffic scores against other live traffic.
    pub(crate) fn real(&mut self, score: Score, value: Option<f64>) {
        self.real.entry(score).or_default().extend(value);
    }

    /// Notes what a fit to the whole trace scores.
    pub(crate) fn whole_fit(&mut self, score: Score, value: Option<f64>) {
        self.whole_fit.entry(score).or_default().extend(value);
    }

    /// Notes what the baseline scores.
    pub(crate) fn poisson(&mut self, score: Score, value: Option<f64>) {
        self.poisson.entry(score).or_default().extend(value);
    }

    /// Notes what sample `number` scores.
    pub(crate) fn generated(&mut self, score: Score, number: u32, value: Option<f64>) {
        let samples = self.generated.entry(score).or_default();
        samples.entry(number).or_default().extend(value);
    }

    /// Notes on how many live events a measure rests.
    pub(crate) fn event_count(&mut self, measure: Measure, count: u64) {
        let least = self.event_counts.entry(measure).or_insert(count);
        *least = (*least).min(count);
    }

    /// Returns whether no gains were noted for windows of that width.
    pub(crate) fn is_without_gains(&self, width: Width) -> bool {
        !self.gains.contains_key(&width)
    }

    /// Notes what told generated windows from live ones.
    pub(crate) fn gains(
        &mut self,
        width: Width,
        test: &TwoSample,
        live: &[Window],
        generated: &[Window],
    ) {
        let gains = self.gains.entry(width).or_insert(Gains {
            test_count: 0,
            features: [Telling::default(); FEATURE_COUNT],
        });
        gains.test_count += 1;
        for (feature, (sum, share)) in gains.features.iter_mut().zip(test.gains).enumerate() {
            let (live, generated) = (column(live, feature), column(generated, feature));
            sum.share += share;
            sum.distance += distances::kolmogorov_smirnov(&live, &generated).unwrap_or(0.0);
            add(&mut sum.live, &live);
            add(&mut sum.generated, &generated);
        }
    }

    /// Keeps the shapes of those that are given.
    pub(crate) fn shapes(
        &mut self,
        span: &span::Span,
        live: &Measures,
        generated: Option<&Measures>,
        poisson: Option<&Measures>,
    ) {
        let keep = |shape: &mut Shape, measures: &Measures| {
            if shape.gaps.is_empty() {
                *shape = shape_of(span, measures);
            }
        };
        keep(&mut self.shapes.live, live);
        if let Some(generated) = generated {
            keep(&mut self.shapes.generated, generated);
        }
        if let Some(poisson) = poisson {
            keep(&mut self.shapes.poisson, poisson);
        }
    }
}

/// Returns the findings of a check under protocols, distances being of the first.
pub(crate) fn findings(facts: &Facts<'_>, evidence: Evidence, protocols: &[Protocol]) -> Findings {
    let scores = protocols
        .iter()
        .flat_map(|&protocol| check::tests(protocol))
        .chain(Measure::all().into_iter().map(Score::Distance));
    Findings {
        profile: facts.profile.to_owned(),
        generator: facts.generator,
        seed: facts.seed,
        seed_count: facts.seed_count,
        week_count: facts.week_count,
        event_count: facts.event_count,
        channel_count: facts.channel_count,
        generated_channel_count: facts.generated_channel_count,
        tick_secs: facts.tick_secs,
        window_secs: facts.window_secs,
        rows: scores.map(|score| row(facts, &evidence, score)).collect(),
        limits: limits(facts, protocols),
        giveaways: giveaways(&evidence),
        shapes: evidence.shapes,
    }
}

fn limits(facts: &Facts<'_>, protocols: &[Protocol]) -> Vec<Limit> {
    let mut limits = Vec::new();
    let week_count = facts.week_count;
    if week_count < WEEKS_MIN {
        limits.push(Limit::NoClaim { week_count });
    } else if week_count / 2 < SIDE_WEEKS_MIN && !protocols.contains(&Protocol::Whole) {
        limits.push(Limit::NoWeeks { week_count });
    }
    let (live, generated) = (facts.channel_count, facts.generated_channel_count);
    if live != generated {
        limits.push(Limit::OtherChannels { live, generated });
    }
    if facts.seed_count < SEEDS_MIN {
        limits.push(Limit::FewSeeds {
            seed_count: facts.seed_count,
        });
    }
    limits
}

fn row(facts: &Facts<'_>, evidence: &Evidence, score: Score) -> Row {
    let mean = |of: &BTreeMap<Score, Vec<f64>>| {
        let values = of.get(&score).map(Vec::as_slice).unwrap_or_default();
        distances::mean_and_spread(values).map(|(mean, _)| mean)
    };
    let (real, whole_fit) = (mean(&evidence.real), mean(&evidence.whole_fit));
    let samples: Vec<f64> = evidence
        .generated
        .get(&score)
        .into_iter()
        .flat_map(BTreeMap::values)
        .filter_map(|both_ways| distances::mean_and_spread(both_ways).map(|(mean, _)| mean))
        .collect();
    let generated =
        distances::mean_and_spread(&samples).map(|(mean, spread)| Spread { mean, spread });
    // From half to half live traffic moves on, and so has what a fit to all of it can reach.
    let floor = match score {
        Score::Auc(Protocol::Halves, ..) => whole_fit.map(|auc| auc.max(CHANCE)),
        Score::Auc(..) => real.map(|auc| auc.max(CHANCE)),
        Score::Distance(_) => real,
    };
    let limit = |bound: Option<Bound>| bound.and_then(|bound| bound.limit(floor));
    let demanded = limit(score.demanded(facts.generator));
    let aimed = limit(score.aimed());
    let standing = match (reason(facts, evidence, score), generated) {
        (Some(reason), _) => Standing::Unjudged(reason),
        (None, None) => Standing::Unjudged(Reason::Undefined),
        (None, Some(value)) => {
            let holds = |limit: f64| score.fault(value.mean) <= limit;
            match (demanded, aimed) {
                (_, Some(aimed)) if holds(aimed) => Standing::Aimed,
                (Some(demanded), _) if holds(demanded) => Standing::Met,
                (Some(_), _) => Standing::Missed,
                (None, _) => Standing::Shown,
            }
        }
    };
    Row {
        score,
        real,
        whole_fit,
        generated,
        poisson: mean(&evidence.poisson),
        demanded,
        aimed,
        standing,
    }
}

/// Returns why a score can't be judged, if it can't.
fn reason(facts: &Facts<'_>, evidence: &Evidence, score: Score) -> Option<Reason> {
    if facts.week_count < WEEKS_MIN {
        return Some(Reason::ShortTrace);
    }
    match score {
        Score::Auc(..) => {
            let has =
                |of: &BTreeMap<Score, Vec<f64>>| of.get(&score).is_some_and(|of| !of.is_empty());
            let samples = evidence.generated.get(&score);
            let is_tested = samples.is_some_and(|samples| {
                let mut samples = samples.values();
                samples.all(|both_ways| !both_ways.is_empty())
            });
            (!is_tested || !has(&evidence.real)).then_some(Reason::FewWindows)
        }
        Score::Distance(measure) => {
            if let Measure::Fano(_, secs) = measure
                && f64::from(secs) < facts.tick_secs
            {
                return Some(Reason::CoarseTick);
            }
            let count = evidence.event_counts.get(&measure).copied();
            (count.unwrap_or(0) < EVENTS_MIN).then_some(Reason::FewEvents)
        }
    }
}

/// Returns all features by width, those that tell most first.
fn giveaways(evidence: &Evidence) -> Vec<Giveaway> {
    let mut giveaways = Vec::new();
    for (&width, sums) in &evidence.gains {
        let count = number::real(sums.test_count).max(1.0);
        let mean = |span: Span| Span {
            low: span.low / count,
            median: span.median / count,
            high: span.high / count,
        };
        let mut all: Vec<Giveaway> = features::NAMES
            .iter()
            .zip(&sums.features)
            .map(|(feature, telling)| Giveaway {
                width,
                set: FeatureSet::Identity,
                feature,
                gain: telling.share / count,
                distance: telling.distance / count,
                live: mean(telling.live),
                generated: mean(telling.generated),
            })
            .collect();
        all.sort_by(|one, other| other.gain.total_cmp(&one.gain));
        giveaways.append(&mut all);
    }
    giveaways
}

/// Returns the values of a feature, sorted.
fn column(windows: &[Window], feature: usize) -> Vec<f64> {
    let values = windows
        .iter()
        .filter_map(|window| window.features.get(feature));
    let mut values: Vec<f64> = values.map(|&value| f64::from(value)).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// Adds where the sorted values of the windows lie that have the feature.
fn add(sum: &mut Span, sorted: &[f64]) {
    let without = sorted.partition_point(|&value| features::is_none(value));
    let sorted = sorted.get(without..).unwrap_or_default();
    let at = |level: f64| distances::quantile(sorted, level).unwrap_or(0.0);
    sum.low += at(0.1);
    sum.median += at(0.5);
    sum.high += at(0.9);
}

fn shape_of(span: &span::Span, measures: &Measures) -> Shape {
    let quantiles = |sorted: &[f64]| {
        let levels = (0..=SHAPE_STEPS).map(|step| f64::from(step) / f64::from(SHAPE_STEPS));
        levels
            .filter_map(|level| distances::quantile(sorted, level))
            .collect()
    };
    let talk_count: f64 = measures.hours.iter().sum();
    // The span's weeks start anywhere: hours are shown from Monday.
    let mut hours = measures.hours.clone();
    hours.rotate_right(span.week_hour() % measures.hours.len().max(1));
    for share in &mut hours {
        *share /= talk_count.max(1.0);
    }
    let fano = FANO_SECS
        .into_iter()
        .filter(|&secs| f64::from(secs) >= span.tick_secs())
        .filter_map(|secs| Some((secs, measures.fano(Stream::All, secs)?)));
    Shape {
        gaps: quantiles(&measures.gaps),
        stays: quantiles(&measures.stays),
        fano: fano.collect(),
        hours,
        wait_p99: measures.wait_p99(),
    }
}
