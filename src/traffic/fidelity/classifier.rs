//! A two-sample test by classifier: how well a forest tells windows of one recording from those of another.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use rand::Rng;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom as _;

use crate::traffic::fidelity::boosted::Forest;
use crate::traffic::fidelity::features::FEATURE_COUNT;
use crate::traffic::fidelity::features::TRAFFIC_COUNT;
use crate::traffic::fidelity::windows::Window;
use crate::traffic::profile::number;

/// Folds: each window is judged by a forest that has seen four fifths of the others.
const FOLD_COUNT: usize = 5;

/// Fewest windows a class needs: a tenth less of AUC is then within what chance gives.
pub(crate) const WINDOWS_MIN: usize = 50;

/// Most windows of a class that are used: with as many the AUC's own error is below .01.
const WINDOWS_MAX: usize = 2_500;

/// Windows, of both classes and all rounds, from which on no further round of folds is tried.
const WINDOWS_ENOUGH: usize = 1_500;

/// Rounds of folds at most.
const ROUNDS_MAX: usize = 4;

/// What a classifier is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FeatureSet {
    /// Set A: traffic alone.
    Traffic,
    /// Set X: identity too.
    Identity,
}

impl FeatureSet {
    /// Returns the word for the set.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Traffic => "traffic",
            Self::Identity => "identity",
        }
    }

    /// Returns how many of the features it has.
    pub(crate) fn count(self) -> usize {
        match self {
            Self::Traffic => TRAFFIC_COUNT,
            Self::Identity => FEATURE_COUNT,
        }
    }
}

/// The outcome of a test.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TwoSample {
    /// Chance that a live window looks more live than another: .5 can't tell, 1 always tells.
    pub(crate) auc: f64,
    /// Share of all gain by feature.
    pub(crate) gains: [f64; FEATURE_COUNT],
}

/// Returns how well windows are told apart that a forest has not seen, or `None` if they are too few to learn from.
pub(crate) fn tell_apart(
    live: &[Window],
    other: &[Window],
    set: FeatureSet,
    seed: u64,
) -> Option<TwoSample> {
    let class_count = live.len().min(other.len()).min(WINDOWS_MAX);
    if class_count < WINDOWS_MIN {
        return None;
    }
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let (mut auc_sum, mut pair_sum) = (0.0, 0.0);
    let mut gains = [0.0; FEATURE_COUNT];
    let round_count = (WINDOWS_ENOUGH / (2 * class_count)).clamp(1, ROUNDS_MAX);
    for _ in 0..round_count {
        let mut windows: Vec<(&Window, bool)> = Vec::with_capacity(2 * class_count);
        windows.extend(some_of(live, class_count, &mut rng).map(|window| (window, true)));
        windows.extend(some_of(other, class_count, &mut rng).map(|window| (window, false)));
        let folds = folds(&windows, &mut rng);
        for fold in 0..FOLD_COUNT {
            let is_held = |window: &Window| folds.get(&window.block) == Some(&fold);
            let seen: Vec<_> = windows
                .iter()
                .filter(|(window, _)| !is_held(window))
                .map(|(window, is_live)| (&window.features, *is_live))
                .collect();
            let forest = Forest::grow(&seen, set.count(), &mut rng)?;
            let mut verdicts = windows
                .iter()
                .filter(|(window, _)| is_held(window))
                .map(|(window, is_live)| Some((forest.verdict(&window.features)?, *is_live)))
                .collect::<Option<Vec<(f64, bool)>>>()?;
            // Verdicts of different forests have different scales: each fold is judged on its own.
            if let Some((auc, pairs)) = auc(&mut verdicts) {
                auc_sum += auc * pairs;
                pair_sum += pairs;
            }
            for (sum, gain) in gains.iter_mut().zip(forest.gains) {
                *sum += gain;
            }
        }
    }
    let gain_sum: f64 = gains.iter().sum();
    (pair_sum > 0.0).then(|| TwoSample {
        auc: auc_sum / pair_sum,
        gains: gains.map(|gain| gain / gain_sum.max(f64::MIN_POSITIVE)),
    })
}

/// Returns that many of the windows, drawn without putting back.
fn some_of<'a>(
    windows: &'a [Window],
    count: usize,
    rng: &mut impl Rng,
) -> impl Iterator<Item = &'a Window> {
    let mut places: Vec<usize> = (0..windows.len()).collect();
    places.shuffle(rng);
    places.truncate(count);
    places.sort_unstable();
    places.into_iter().filter_map(|place| windows.get(place))
}

/// Returns the fold of each block.
fn folds(windows: &[(&Window, bool)], rng: &mut impl Rng) -> BTreeMap<u32, usize> {
    let blocks: BTreeSet<u32> = windows.iter().map(|(window, _)| window.block).collect();
    let mut blocks: Vec<u32> = blocks.into_iter().collect();
    blocks.shuffle(rng);
    blocks.into_iter().zip((0..FOLD_COUNT).cycle()).collect()
}

/// Returns the chance that a live verdict is above another's, ties counting half, and the number of such pairs; `None` if
/// there are none.
fn auc(verdicts: &mut [(f64, bool)]) -> Option<(f64, f64)> {
    verdicts.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (mut below, mut wins, mut live_count) = (0.0, 0.0, 0.0);
    for equal in verdicts.chunk_by(|one, other| one.0.total_cmp(&other.0).is_eq()) {
        let live = number::real(equal.iter().filter(|(_, is_live)| *is_live).count());
        let others = number::real(equal.len()) - live;
        wins += live * (below + 0.5 * others);
        below += others;
        live_count += live;
    }
    let pairs = live_count * below;
    (pairs > 0.0).then(|| (wins / pairs, pairs))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::traffic::fidelity::features;
    use crate::traffic::profile::distribution::normal;

    /// Returns windows over forty days whose first features are normal, moved by `shift`.
    fn windows(count: u32, shift: f64, seed: u64) -> Vec<Window> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        (0..count)
            .map(|number| {
                let mut features = [0.0; FEATURE_COUNT];
                for feature in features.iter_mut().take(5) {
                    *feature = features::narrow(normal(rng.next_u64()) + shift);
                }
                Window {
                    features,
                    block: number % 20,
                }
            })
            .collect()
    }

    #[test]
    fn the_area_counts_pairs_in_order_and_half_of_ties() {
        let mut verdicts = [(1.0, false), (2.0, true), (2.0, false), (3.0, true)];
        assert_eq!(auc(&mut verdicts), Some((3.5 / 4.0, 4.0)));
        assert_eq!(auc(&mut [(1.0, true)]), None);
    }

    #[test]
    fn samples_of_one_distribution_are_not_told_apart() {
        let (one, other) = (windows(600, 0.0, 1), windows(700, 0.0, 2));
        let found = tell_apart(&one, &other, FeatureSet::Traffic, 3).unwrap();
        // The standard error of an AUC of 600 against 600 is .017.
        assert!((found.auc - 0.5).abs() < 0.05, "{}", found.auc);
    }

    #[test]
    fn a_shift_is_told_as_well_as_it_can_be() {
        let (one, other) = (windows(600, 0.0, 1), windows(600, 0.5, 2));
        let found = tell_apart(&one, &other, FeatureSet::Identity, 3).unwrap();
        // The best linear rule has Φ(.5 √5 / √2) = .785; what is learned from 1,000 windows stays a little below.
        assert!((0.72..0.80).contains(&found.auc), "{}", found.auc);
        let gain: f64 = found.gains.iter().sum();
        assert!((gain - 1.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn the_area_counts_every_pair(
            verdicts in proptest::collection::vec((0_u8..6, any::<bool>()), 0..30),
        ) {
            let mut sorted: Vec<(f64, bool)> = verdicts
                .iter()
                .map(|&(verdict, is_live)| (f64::from(verdict), is_live))
                .collect();
            let of_class = |wanted: bool| {
                let held = verdicts.iter().filter(move |&&(_, is_live)| is_live == wanted);
                held.map(|&(verdict, _)| verdict)
            };
            let (mut wins, mut pairs) = (0.0, 0.0);
            for live in of_class(true) {
                for other in of_class(false) {
                    pairs += 1.0;
                    wins += if live == other { 0.5 } else { f64::from(u8::from(live > other)) };
                }
            }
            let found = auc(&mut sorted);
            prop_assert_eq!(found.is_some(), pairs > 0.0);
            if let Some((area, count)) = found {
                prop_assert!((area - wins / pairs).abs() < 1e-9 && (count - pairs).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn few_windows_tell_nothing() {
        let few = windows(49, 0.0, 1);
        assert_eq!(tell_apart(&few, &few, FeatureSet::Traffic, 3), None);
    }
}
