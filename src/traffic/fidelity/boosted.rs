//! Boosted regression trees for two classes, small and the same on any machine.
//!
//! Values are sorted into a few bins once; a tree grows level by level, each node split where the gain of the logistic
//! loss is largest, by its first two derivatives. Draws come from the caller's generator.

use rand::Rng;

use crate::traffic::fidelity::features::FEATURE_COUNT;
use crate::traffic::fidelity::features::Features;
use crate::traffic::profile::distribution::uniform;

/// Bins of a feature: finer ones change nothing with a few thousand windows.
const BIN_COUNT: usize = 32;
/// Trees; with this rate of learning more change the order of windows no further.
const TREE_COUNT: usize = 100;
/// Levels of a tree: interactions of up to three features.
const DEPTH: u32 = 3;
/// Share of a tree's verdict that is added.
const RATE: f64 = 0.1;
/// Share of windows from which each tree learns, so that no two learn the same noise.
const SUBSAMPLE: f64 = 0.7;
/// Keeps leaves of few windows small.
const PENALTY: f64 = 2.0;
/// Least weight of a leaf: some ten undecided windows.
const WEIGHT_MIN: f64 = 2.5;
/// Nodes of the last level of a tree.
const LEAF_COUNT: usize = 1 << DEPTH;

/// A grown forest.
#[derive(Clone, Debug)]
pub(crate) struct Forest {
    /// Upper bounds of all bins but the last, by feature.
    cuts: Vec<Vec<f32>>,
    trees: Vec<Tree>,
    /// Gain of all splits, by feature.
    pub(crate) gains: [f64; FEATURE_COUNT],
}

/// A tree: a split for each inner node in order of levels, and a value for each leaf.
#[derive(Clone, Debug)]
struct Tree {
    splits: [Split; LEAF_COUNT - 1],
    leaves: [f64; LEAF_COUNT],
}

/// Where a node splits: windows in bins up to `bin` go left. A node that does not split sends all left.
#[derive(Clone, Copy, Debug)]
struct Split {
    feature: usize,
    bin: u8,
}

/// Sends all left.
const NO_SPLIT: Split = Split {
    feature: 0,
    bin: u8::MAX,
};

/// What the windows of a bin, or of a node, add up to.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    slope: f64,
    weight: f64,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.slope += other.slope;
        self.weight += other.weight;
    }

    fn less(self, other: Self) -> Self {
        Self {
            slope: self.slope - other.slope,
            weight: self.weight - other.weight,
        }
    }

    fn score(self) -> f64 {
        self.slope * self.slope / (self.weight + PENALTY)
    }

    fn value(self) -> f64 {
        self.slope / (self.weight + PENALTY)
    }
}

/// A window of the classes, while a forest grows.
struct Learner {
    is_live: bool,
    verdict: f64,
    sum: Sum,
    /// The node of the tree's present level.
    node: usize,
}

impl Forest {
    /// Returns a forest that tells `live` windows from others by their first `feature_count` features.
    pub(crate) fn grow(
        windows: &[(&Features, bool)],
        feature_count: usize,
        rng: &mut impl Rng,
    ) -> Self {
        let features = 0..feature_count.min(FEATURE_COUNT);
        let cuts: Vec<Vec<f32>> = features.map(|feature| cuts(windows, feature)).collect();
        // One column a feature: a histogram runs along it.
        let columns: Vec<Vec<u8>> = (cuts.iter().enumerate())
            .map(|(feature, cuts)| {
                let bin = |&(features, _): &(&Features, bool)| bin_of(features, feature, cuts);
                windows.iter().map(bin).collect()
            })
            .collect();
        let mut learners: Vec<Learner> = windows
            .iter()
            .map(|&(_, is_live)| Learner {
                is_live,
                verdict: 0.0,
                sum: Sum::default(),
                node: 0,
            })
            .collect();
        let mut forest = Self {
            cuts,
            trees: Vec::with_capacity(TREE_COUNT),
            gains: [0.0; FEATURE_COUNT],
        };
        for _ in 0..TREE_COUNT {
            for learner in &mut learners {
                let chance = chance(learner.verdict);
                let is_heard = uniform(rng.next_u64()) < SUBSAMPLE;
                learner.node = 0;
                learner.sum = if is_heard {
                    Sum {
                        slope: f64::from(u8::from(learner.is_live)) - chance,
                        weight: chance * (1.0 - chance),
                    }
                } else {
                    Sum::default()
                };
            }
            let tree = forest.grow_tree(&columns, &mut learners);
            forest.trees.push(tree);
        }
        forest
    }

    /// Returns how sure the forest is that a window is live: a log-odds.
    pub(crate) fn verdict(&self, features: &Features) -> f64 {
        let mut bins = [0_u8; FEATURE_COUNT];
        for (feature, (bin, cuts)) in bins.iter_mut().zip(&self.cuts).enumerate() {
            *bin = bin_of(features, feature, cuts);
        }
        self.trees.iter().map(|tree| tree.value(&bins)).sum()
    }

    /// Grows one tree, and moves the verdicts of all windows on by it.
    fn grow_tree(&mut self, columns: &[Vec<u8>], learners: &mut [Learner]) -> Tree {
        let mut tree = Tree {
            splits: [NO_SPLIT; LEAF_COUNT - 1],
            leaves: [0.0; LEAF_COUNT],
        };
        for level in 0..DEPTH {
            let node_count = 1_usize << level;
            let best = best_splits(columns, learners, node_count);
            for (place, found) in best.iter().enumerate() {
                let split = tree.splits.get_mut(node_count - 1 + place);
                if let (Some(split), Some((gain, found))) = (split, found) {
                    *split = *found;
                    if let Some(sum) = self.gains.get_mut(found.feature) {
                        *sum += gain;
                    }
                }
            }
            for (place, learner) in learners.iter_mut().enumerate() {
                let split = best.get(learner.node).copied().flatten();
                let is_right = split.is_some_and(|(_, split)| {
                    let column = columns.get(split.feature);
                    let bin = column.and_then(|column| column.get(place));
                    bin.is_some_and(|&bin| bin > split.bin)
                });
                learner.node = 2 * learner.node + usize::from(is_right);
            }
        }
        let mut sums = [Sum::default(); LEAF_COUNT];
        for learner in learners.iter() {
            if let Some(sum) = sums.get_mut(learner.node) {
                sum.add(learner.sum);
            }
        }
        tree.leaves = sums.map(|sum| RATE * sum.value());
        for learner in learners {
            learner.verdict += tree.leaves.get(learner.node).copied().unwrap_or(0.0);
        }
        tree
    }
}

impl Tree {
    fn value(&self, bins: &[u8; FEATURE_COUNT]) -> f64 {
        let mut node = 0;
        for level in 0..DEPTH {
            let place = (1_usize << level) - 1 + node;
            let split = self.splits.get(place).copied().unwrap_or(NO_SPLIT);
            let is_right = bins.get(split.feature).is_some_and(|&bin| bin > split.bin);
            node = 2 * node + usize::from(is_right);
        }
        self.leaves.get(node).copied().unwrap_or(0.0)
    }
}

/// Returns for each node the split that gains most, and what it gains.
fn best_splits(
    columns: &[Vec<u8>],
    learners: &[Learner],
    node_count: usize,
) -> Vec<Option<(f64, Split)>> {
    let mut best: Vec<Option<(f64, Split)>> = vec![None; node_count];
    let mut histogram = vec![Sum::default(); node_count * BIN_COUNT];
    for (feature, column) in columns.iter().enumerate() {
        histogram.fill(Sum::default());
        for (learner, &bin) in learners.iter().zip(column) {
            if let Some(sum) = histogram.get_mut(learner.node * BIN_COUNT + usize::from(bin)) {
                sum.add(learner.sum);
            }
        }
        for (bins, best) in histogram.chunks(BIN_COUNT).zip(&mut best) {
            let mut whole = Sum::default();
            for &sum in bins {
                whole.add(sum);
            }
            let mut left = Sum::default();
            for (bin, &sum) in (0_u8..).zip(bins) {
                left.add(sum);
                let right = whole.less(left);
                if left.weight < WEIGHT_MIN || right.weight < WEIGHT_MIN {
                    continue;
                }
                let gain = left.score() + right.score() - whole.score();
                if gain > best.map_or(0.0, |(most, _)| most) {
                    *best = Some((gain, Split { feature, bin }));
                }
            }
        }
    }
    best
}

/// Returns the upper bounds of the bins of a feature, but for the last bin: quantiles of the windows.
fn cuts(windows: &[(&Features, bool)], feature: usize) -> Vec<f32> {
    let mut values: Vec<f32> = windows
        .iter()
        .filter_map(|(features, _)| features.get(feature).copied())
        .collect();
    values.sort_by(f32::total_cmp);
    let mut cuts: Vec<f32> = (1..BIN_COUNT)
        .filter_map(|bin| values.get(bin * values.len() / BIN_COUNT).copied())
        .collect();
    // Half of the windows may have the least value: it gets a bin of its own.
    cuts.extend(values.first());
    cuts.sort_by(f32::total_cmp);
    cuts.dedup();
    cuts.truncate(BIN_COUNT - 1);
    cuts
}

fn bin_of(features: &Features, feature: usize, cuts: &[f32]) -> u8 {
    let value = features.get(feature).copied().unwrap_or(0.0);
    u8::try_from(cuts.partition_point(|&cut| cut < value)).unwrap_or(u8::MAX)
}

/// Returns the chance that belongs to a log-odds.
fn chance(verdict: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-verdict))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::Xoshiro256PlusPlus;

    use super::*;
    use crate::traffic::fidelity::features;
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
        let forest = Forest::grow(&seen, feature_count, &mut rng);
        let is_right = |window: &&(Features, bool)| (forest.verdict(&window.0) > 0.0) == window.1;
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
    fn nothing_to_learn_from_is_no_verdict() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
        let forest = Forest::grow(&[], FEATURE_COUNT, &mut rng);
        assert!(forest.verdict(&[0.0; FEATURE_COUNT]).abs() < 1e-12);
    }
}
