//! Inverse distribution functions: uniform, exponential and normal draws, and tables of quantiles.
//!
//! Every draw is a pure function of raw 64-bit numbers by way of `libm`, so that a seed gives the same events on any machine.

use crate::traffic::profile::curve;
use crate::traffic::profile::number;

/// Intervals of a size table.
pub const SIZE_STEPS: usize = 128;
/// Intervals of a gap table.
pub const GAP_STEPS: usize = 32;
/// Largest episode a draw gives: guards the generator against a hand-edited table.
pub const SIZE_MAX: f64 = 1e6;

/// Steps by which an interval of a size table is integrated; more change the mean by less than 1e-4.
const MEAN_STEPS: u32 = 16;
/// Scales for which a size table knows its mean: from e^-6 to e^8 by steps of 1/8 in the logarithm.
const SCALE_COUNT: usize = 113;
/// Logarithm of the smallest scale.
const SCALE_LN_MIN: f64 = -6.0;

/// Returns a draw from the uniform distribution on [0, 1).
#[expect(
    clippy::cast_precision_loss,
    reason = "the 53 bits that are left are exact"
)]
#[inline]
pub fn uniform(draw: u64) -> f64 {
    (draw >> 11) as f64 / 9_007_199_254_740_992.0
}

/// Returns a draw from the exponential distribution of mean one.
pub fn exponential(draw: u64) -> f64 {
    -libm::log(1.0 - uniform(draw))
}

/// Returns a draw from the standard normal distribution.
#[inline]
pub fn normal(draw: u64) -> f64 {
    normal_quantile(inner_level(draw))
}

/// Returns what [`normal`] draws, to the bit: several at once take half the time.
#[inline]
pub(crate) fn normals<const COUNT: usize>(draws: [u64; COUNT]) -> [f64; COUNT] {
    let (mut levels, mut scores) = ([0.0; COUNT], [0.0; COUNT]);
    for (level, draw) in levels.iter_mut().zip(draws) {
        *level = inner_level(draw);
    }
    // First without a branch, so that processors take several together; the few in the tails are set right after.
    for (score, level) in scores.iter_mut().zip(levels) {
        *score = central_quantile(level);
    }
    for (score, level) in scores.iter_mut().zip(levels) {
        if !is_central(level) {
            *score = outer_quantile(level);
        }
    }
    scores
}

/// Returns a draw from the uniform distribution inside (0, 1): half a step off both ends, so that quantiles are finite.
#[expect(
    clippy::cast_precision_loss,
    reason = "the 52 bits that are left are exact"
)]
#[inline]
fn inner_level(draw: u64) -> f64 {
    ((draw >> 12) as f64 + 0.5) / 4_503_599_627_370_496.0
}

/// Returns the probability that a standard normal draw is below `x`.
pub fn normal_probability(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// Returns the standard normal quantile at `level`, which is inside (0, 1).
///
/// Acklam's rational approximation; relative error below 1.2e-9.
#[inline]
pub fn normal_quantile(level: f64) -> f64 {
    if is_central(level) {
        central_quantile(level)
    } else {
        outer_quantile(level)
    }
}

/// Returns whether a level is between the tails, which have a formula of their own.
#[inline]
fn is_central(level: f64) -> bool {
    const TAIL: f64 = 0.024_25;
    (TAIL..=1.0 - TAIL).contains(&level)
}

/// Returns the quantile at a level between the tails.
#[inline]
fn central_quantile(level: f64) -> f64 {
    let q = level - 0.5;
    let r = q * q;
    let above = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    let below = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ];
    q * polynomial(&above, r) / polynomial(&below, r)
}

/// Returns the quantile at a level in one of the tails.
fn outer_quantile(level: f64) -> f64 {
    let above = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    let below = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
        1.0,
    ];
    let tail = |level: f64| {
        let q = libm::sqrt(-2.0 * libm::log(level));
        polynomial(&above, q) / polynomial(&below, q)
    };
    if level < 0.5 {
        tail(level)
    } else {
        -tail(1.0 - level)
    }
}

/// Returns the polynomial of these coefficients, highest power first, at `x`.
#[inline]
fn polynomial<const COUNT: usize>(coefficients: &[f64; COUNT], x: f64) -> f64 {
    let sums = coefficients.iter().copied();
    sums.reduce(|sum, next| sum * x + next).unwrap_or(0.0)
}

/// Messages of an episode: 129 quantiles, closer together towards the long tail.
#[derive(Clone, Debug, PartialEq)]
pub struct SizeTable {
    knots: [f64; SIZE_STEPS + 1],
    /// Mean of `max(1, scale * size)` for each scale of the grid.
    means: [f64; SCALE_COUNT],
}

impl SizeTable {
    /// Returns the table of these quantiles, which stand at the levels of [`SizeTable::level`] and do not fall.
    pub fn new(knots: [f64; SIZE_STEPS + 1]) -> Self {
        let mut table = Self {
            knots,
            means: [0.0; SCALE_COUNT],
        };
        let mut means = table.means;
        for (index, mean) in means.iter_mut().enumerate() {
            *mean = table.mean_at(libm::exp(scale_ln(index)));
        }
        table.means = means;
        table
    }

    /// Returns the level of the knot number `index`: 1 - (1 - index/128)^2.
    pub fn level(index: usize) -> f64 {
        let rest = 1.0 - number::real(index) / number::real(SIZE_STEPS);
        1.0 - rest * rest
    }

    /// Returns the quantiles.
    pub fn knots(&self) -> &[f64; SIZE_STEPS + 1] {
        &self.knots
    }

    /// Returns the quantile at `level`, 0 to 1.
    pub fn quantile(&self, level: f64) -> f64 {
        let position = 1.0 - libm::sqrt((1.0 - level).max(0.0));
        interpolate(&self.knots, position * number::real(SIZE_STEPS))
    }

    /// Returns the mean size of episodes whose sizes are multiplied by `scale` and are at least one.
    pub fn mean_at(&self, scale: f64) -> f64 {
        let steps = number::real(SIZE_STEPS) * f64::from(MEAN_STEPS);
        let mut sum = 0.0;
        for index in 0..SIZE_STEPS {
            for step in 0..MEAN_STEPS {
                let position =
                    number::real(index) + (f64::from(step) + 0.5) / f64::from(MEAN_STEPS);
                let size = (scale * interpolate(&self.knots, position)).clamp(1.0, SIZE_MAX);
                let weight = 2.0 * (1.0 - position / number::real(SIZE_STEPS));
                sum += size * weight / steps;
            }
        }
        sum
    }

    /// Returns the scale at which the mean size is `mean`; the smallest scale if `mean` is one or less.
    pub fn scale_for(&self, mean: f64) -> f64 {
        let above = self.means.partition_point(|&known| known < mean);
        if above == 0 {
            return libm::exp(SCALE_LN_MIN);
        }
        let (Some(&low), Some(&high)) = (self.means.get(above - 1), self.means.get(above)) else {
            return libm::exp(scale_ln(SCALE_COUNT - 1));
        };
        let share = libm::log(mean / low) / libm::log(high / low);
        libm::exp(scale_ln(above - 1) + share / 8.0)
    }

    /// Returns the size of an episode at `scale`, at least one: rounded up or down at random, so that the mean holds.
    pub fn draw(&self, scale: f64, level_draw: u64, rounding_draw: u64) -> u32 {
        let size = (scale * self.quantile(uniform(level_draw))).clamp(1.0, SIZE_MAX);
        number::whole(size + uniform(rounding_draw)).max(1)
    }
}

/// Returns the logarithm of the scale number `index` of the grid.
fn scale_ln(index: usize) -> f64 {
    SCALE_LN_MIN + number::real(index) / 8.0
}

/// Seconds between messages of an episode: 33 quantiles, interpolated in the logarithm.
#[derive(Clone, Debug, PartialEq)]
pub struct GapTable {
    secs: [f64; GAP_STEPS + 1],
    logarithms: [f64; GAP_STEPS + 1],
}

impl GapTable {
    /// Returns the table of these quantiles in seconds, which stand at even levels, are positive and do not fall.
    pub fn new(secs: [f64; GAP_STEPS + 1]) -> Self {
        Self {
            secs,
            logarithms: secs.map(libm::log),
        }
    }

    /// Returns the quantiles in seconds.
    pub fn secs(&self) -> &[f64; GAP_STEPS + 1] {
        &self.secs
    }

    /// Returns the gap in seconds at the standard normal score `score`.
    #[inline]
    pub fn at_score(&self, score: f64) -> f64 {
        let position = curve::normal_level(score) * number::real(GAP_STEPS);
        curve::exp(interpolate(&self.logarithms, position))
    }
}

/// Returns the value of evenly spaced knots at `position`, counted in knots; beyond the ends the ends hold.
#[inline]
pub(crate) fn interpolate(knots: &[f64], position: f64) -> f64 {
    let index = number::index_below(position, knots.len());
    let low = knots.get(index).copied().unwrap_or_default();
    let high = knots.get(index + 1).copied().unwrap_or(low);
    low + (high - low) * (position - number::real(index)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes() -> SizeTable {
        let mut knots = [1.0; SIZE_STEPS + 1];
        for (index, knot) in knots.iter_mut().enumerate().skip(50) {
            *knot = 1.0 + f64::from(u32::try_from(index - 50).unwrap()).powf(1.3);
        }
        SizeTable::new(knots)
    }

    #[test]
    fn normal_quantile_inverts_the_probability() {
        for step in 1..2_000 {
            let level = f64::from(step) / 2_000.0;
            let back = normal_probability(normal_quantile(level));
            assert!((back - level).abs() < 1e-8, "{level}: {back}");
        }
        assert!(normal(0).is_finite() && normal(u64::MAX).is_finite());
    }

    #[test]
    fn draws_together_are_those_drawn_alone() {
        let draws: [u64; 4_000] = std::array::from_fn(|at| {
            let step = 0x9e37_79b9_7f4a_7c15_u64;
            step.wrapping_mul(at as u64)
        });
        for (together, draw) in normals(draws).into_iter().zip(draws) {
            assert_eq!(together.to_bits(), normal(draw).to_bits(), "{draw}");
        }
    }

    #[test]
    fn a_scale_reaches_the_mean_it_was_asked_for() {
        let table = sizes();
        for mean in [1.5, 5.0, 20.0, 300.0] {
            let scale = table.scale_for(mean);
            let reached = table.mean_at(scale);
            // The grid is interpolated: a third of a percent is its coarseness.
            assert!((reached / mean - 1.0).abs() < 0.003, "{mean}: {reached}");
        }
    }

    #[test]
    fn drawn_sizes_have_the_mean_of_the_table() {
        let table = sizes();
        let count = 200_000_u64;
        let golden = 0x9e37_79b9_7f4a_7c15_u64;
        let sum: f64 = (0..count)
            .map(|n| {
                f64::from(table.draw(1.0, n.wrapping_mul(golden), (n * n).wrapping_mul(golden)))
            })
            .sum();
        let mean = sum / 200_000.0;
        // Levels are evenly spread, so that only the rounding draws scatter: 0.1 % is five deviations.
        assert!((mean / table.mean_at(1.0) - 1.0).abs() < 0.001, "{mean}");
    }

    #[test]
    fn gaps_run_from_the_first_knot_to_the_last() {
        let mut secs = [0.0; GAP_STEPS + 1];
        for (index, gap) in secs.iter_mut().enumerate() {
            *gap = 0.5 * 1.2_f64.powi(i32::try_from(index).unwrap());
        }
        let table = GapTable::new(secs);
        assert!((table.at_score(-40.0) - secs[0]).abs() < 1e-9);
        assert!((table.at_score(0.0) - secs[16]).abs() < 1e-9);
        assert!((table.at_score(40.0) - secs[32]).abs() < 1e-9);
    }
}
