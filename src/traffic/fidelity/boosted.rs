//! Boosted trees of a library, told what to learn so that they are the same on any machine.
//!
//! The library adds in an order that no count of threads changes. Its own logistic loss takes exponentials by whatever
//! vector instructions the machine has, so the loss is given here, by `libm`. Draws come from the caller's generator.

use std::sync::Arc;

use hessboost::config::TrainingParams;
use hessboost::config::TreeMethod;
use hessboost::data::DMatrix;
use hessboost::model::BoostedModel;
use hessboost::model::ImportanceType;
use hessboost::model::Iterations;
use hessboost::objective::CustomLoss;
use hessboost::objective::GradPair;
use hessboost::objective::Objective;
use hessboost::training;
use rand::Rng;

use crate::traffic::fidelity::features;
use crate::traffic::fidelity::features::FEATURE_COUNT;
use crate::traffic::fidelity::features::Features;

/// Bins of a feature: finer ones change nothing with a few thousand windows.
const BIN_COUNT: usize = 64;
/// Trees; with this rate of learning more change the order of windows no further.
const TREE_COUNT: usize = 200;
/// Levels of a tree: interactions of up to three features.
const DEPTH: usize = 3;
/// Share of a tree's verdict that is added.
const RATE: f64 = 0.05;
/// Share of windows from which each tree learns, so that no two learn the same noise.
const SUBSAMPLE: f64 = 0.7;
/// Keeps leaves of few windows small.
const PENALTY: f64 = 2.0;
/// Least weight of a leaf: some ten undecided windows.
const WEIGHT_MIN: f64 = 2.5;
/// Threads: a few thousand windows are learnt no faster by more.
const THREAD_COUNT: usize = 1;

/// A grown forest.
pub(crate) struct Forest {
    model: BoostedModel,
    /// Gain of all splits, by feature.
    pub(crate) gains: [f64; FEATURE_COUNT],
}

impl Forest {
    /// Returns a forest that tells `live` windows from others by their first `feature_count` features, or `None` if there
    /// is nothing to learn from: no window, or a feature that is not finite.
    pub(crate) fn grow(
        windows: &[(&Features, bool)],
        feature_count: usize,
        rng: &mut impl Rng,
    ) -> Option<Self> {
        let feature_count = feature_count.min(FEATURE_COUNT);
        let params = params(rng.next_u64())?;
        let rows = windows.iter().map(|(features, _)| *features);
        let values: Vec<f32> = rows
            .flat_map(|features| features.iter().take(feature_count).copied())
            .collect();
        let labels: Vec<f32> = (windows.iter())
            .map(|&(_, is_live)| f32::from(u8::from(is_live)))
            .collect();
        let seen = DMatrix::from_dense(&values, windows.len(), feature_count).ok()?;
        let model = training::train(&params, &seen.with_labels(&labels).ok()?, TREE_COUNT).ok()?;
        let mut gains = [0.0; FEATURE_COUNT];
        for (feature, gain) in model.feature_importance(ImportanceType::TotalGain) {
            if let Some(place) = gains.get_mut(feature) {
                *place = gain;
            }
        }
        Some(Self { model, gains })
    }

    /// Returns how sure the forest is that a window is live: a log-odds, or `None` if a feature is not finite.
    pub(crate) fn verdict(&self, features: &Features) -> Option<f64> {
        let known = features.get(..self.model.n_features())?;
        let margin = self.model.predict_margin_row(known, Iterations::Best);
        margin.ok().map(f64::from)
    }
}

/// Returns what the library is told, or `None` if it refuses that.
fn params(seed: u64) -> Option<TrainingParams> {
    let loss = CustomLoss::new("logistic", 1, slopes);
    TrainingParams::builder()
        .objective(Objective::Custom(Arc::new(loss)))
        .tree_method(TreeMethod::Hist)
        .max_bin(BIN_COUNT)
        .max_depth(DEPTH)
        .eta(RATE)
        .subsample(SUBSAMPLE)
        .lambda(PENALTY)
        .min_child_weight(WEIGHT_MIN)
        .nthread(THREAD_COUNT)
        .seed(seed)
        .build()
        .ok()
}

/// Writes the first two derivatives of the logistic loss by each log-odds.
fn slopes(odds: &[f32], labels: &[f32], _weights: Option<&[f32]>, found: &mut [GradPair]) {
    for ((found, &odds), &label) in found.iter_mut().zip(odds).zip(labels) {
        let chance = 1.0 / (1.0 + libm::exp(-f64::from(odds)));
        *found = GradPair::new(
            features::narrow(chance - f64::from(label)),
            features::narrow(chance * (1.0 - chance)),
        );
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::Xoshiro256PlusPlus;

    use super::*;
    use crate::traffic::profile::distribution::uniform;
    use crate::traffic::profile::number;

    /// Returns windows of two features, live where `is_live` says so.
    fn windows(count: usize, is_live: impl Fn(f64, f64) -> bool) -> Vec<(Features, bool)> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        (0..count)
            .map(|_| {
                let (one, other) = (uniform(rng.next_u64()), uniform(rng.next_u64()));
                let mut features = [0.0; FEATURE_COUNT];
                features[3] = features::narrow(one);
                features[7] = features::narrow(other);
                (features, is_live(one, other))
            })
            .collect()
    }

    /// Returns the share of windows that a forest has right which has seen them.
    fn right_share(windows: &[(Features, bool)], feature_count: usize) -> (f64, Forest) {
        let seen: Vec<(&Features, bool)> = windows.iter().map(|(one, two)| (one, *two)).collect();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
        let forest = Forest::grow(&seen, feature_count, &mut rng).unwrap();
        let is_right =
            |window: &&(Features, bool)| (forest.verdict(&window.0).unwrap() > 0.0) == window.1;
        let right = windows.iter().filter(is_right).count();
        (number::real(right) / number::real(windows.len()), forest)
    }

    #[test]
    fn a_threshold_is_found_and_gains() {
        let (share, forest) = right_share(&windows(1_000, |one, _| one < 0.3), FEATURE_COUNT);
        assert!(share > 0.98, "{share}");
        let most = forest.gains.iter().copied().fold(0.0, f64::max);
        assert!((forest.gains[3] - most).abs() < 1e-9);
    }

    #[test]
    fn an_exclusive_or_is_found() {
        let tell = |one: f64, other: f64| (one < 0.4) != (other < 0.6);
        let (share, _) = right_share(&windows(2_000, tell), FEATURE_COUNT);
        assert!(share > 0.95, "{share}");
    }

    #[test]
    fn features_beyond_the_count_are_not_looked_at() {
        let (share, forest) = right_share(&windows(1_000, |_, other| other < 0.5), 7);
        assert!(share < 0.8, "{share}");
        assert!(forest.gains[7] == 0.0);
    }

    #[test]
    fn the_same_draws_grow_the_same_forest() {
        let windows = windows(500, |one, other| one < other);
        let (_, one) = right_share(&windows, FEATURE_COUNT);
        let (_, other) = right_share(&windows, FEATURE_COUNT);
        let verdicts = |forest: &Forest| -> Vec<Option<f64>> {
            windows
                .iter()
                .map(|window| forest.verdict(&window.0))
                .collect()
        };
        assert_eq!(verdicts(&one), verdicts(&other));
    }

    #[test]
    fn nothing_to_learn_from_grows_nothing() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
        assert!(Forest::grow(&[], FEATURE_COUNT, &mut rng).is_none());
        let endless = [f32::INFINITY; FEATURE_COUNT];
        assert!(Forest::grow(&[(&endless, true)], FEATURE_COUNT, &mut rng).is_none());
    }

    #[test]
    fn one_class_alone_leaves_the_forest_sure_of_it() {
        let (share, _) = right_share(&windows(100, |_, _| true), FEATURE_COUNT);
        assert!((share - 1.0).abs() < 1e-9, "{share}");
    }
}
