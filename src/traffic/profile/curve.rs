//! The exponential and the normal distribution function by table, for what is drawn millions of times a second.
//!
//! Sums and products only, in a fixed order: like `libm`, the same bits on any machine.

use std::sync::LazyLock;

use crate::traffic::profile::distribution::normal_probability;
use crate::traffic::profile::number;

/// Powers of two that are kept, an even step of the exponent apart.
const POWER_COUNT: u64 = 64;

/// 2^(i/64), rounded correctly.
const POWERS: [f64; 64] = [
    1.0,
    1.010_889_286_051_700_5,
    1.021_897_148_654_116_6,
    1.033_024_879_021_228_4,
    1.044_273_782_427_413_8,
    1.055_645_178_360_557_2,
    1.067_140_400_676_823_7,
    1.078_760_797_757_119_9,
    1.090_507_732_665_257_7,
    1.102_382_583_307_841,
    1.114_386_742_595_892_4,
    1.126_521_618_608_241_8,
    1.138_788_634_756_691_6,
    1.151_189_229_952_982_7,
    1.163_724_858_777_577_5,
    1.176_396_991_650_281_2,
    1.189_207_115_002_721,
    1.202_156_731_452_703,
    1.215_247_359_980_469,
    1.228_480_536_106_87,
    1.241_857_812_073_484,
    1.255_380_757_024_691,
    1.269_050_957_191_733_2,
    1.282_870_016_078_778_3,
    1.296_839_554_651_009_6,
    1.310_961_211_524_764_4,
    1.325_236_643_159_741_3,
    1.339_667_524_053_303,
    1.354_255_546_936_892_7,
    1.369_002_422_974_590_5,
    1.383_909_881_963_832,
    1.398_979_672_538_311_2,
    std::f64::consts::SQRT_2,
    1.429_613_338_391_97,
    1.445_180_806_977_046_7,
    1.460_917_794_180_647,
    1.476_826_145_939_499_3,
    1.492_907_728_291_264_8,
    1.509_164_427_593_422_8,
    1.525_598_150_744_538_4,
    1.542_210_825_407_940_7,
    1.559_004_400_237_837,
    1.575_980_845_107_886_5,
    1.593_142_151_342_267,
    1.610_490_331_949_254_3,
    1.628_027_421_857_347_8,
    1.645_755_478_153_965,
    1.663_676_580_326_736_4,
    1.681_792_830_507_429,
    1.700_106_353_718_523_5,
    1.718_619_298_122_478,
    1.737_333_835_273_706_2,
    1.756_252_160_373_299_5,
    1.775_376_492_526_521_2,
    1.794_709_075_003_107_2,
    1.814_252_175_500_398_9,
    1.834_008_086_409_342_4,
    1.853_979_125_083_385_5,
    1.874_167_634_110_3,
    1.894_575_981_586_965_6,
    1.915_206_561_397_147_4,
    1.936_061_793_492_294_3,
    1.957_144_124_175_400_2,
    1.978_456_026_387_951,
];

/// The logarithm of the step between powers, in two parts: products of the first with whole numbers below 2^20 are exact.
const STEP_LN_HIGH: f64 = 0.010_830_424_695_086_549;
const STEP_LN_LOW: f64 = 1.162_596_423_439_437e-12;
const STEPS_PER_LN: f64 = 92.332_482_616_893_66;

/// Added to a real, it leaves the nearest whole number in the low bits.
const ROUNDING: f64 = 6_755_399_441_055_744.0;

/// Bits of a fraction, above which a real has its exponent.
const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;

/// Exponents beyond which powers are no normal reals.
const EXPONENT_MAX: f64 = 700.0;

/// Returns e to the power of `x`, which is held within 700 either way, to an error of 2^-51 of it.
#[inline]
pub(crate) fn exp(x: f64) -> f64 {
    let x = x.clamp(-EXPONENT_MAX, EXPONENT_MAX);
    let shifted = x * STEPS_PER_LN + ROUNDING;
    let steps = shifted - ROUNDING;
    let rest = x - steps * STEP_LN_HIGH - steps * STEP_LN_LOW;
    let square = rest * rest;
    // The Taylor series: what is left off is below 4e-17, as `rest` is at most half a step.
    let more =
        rest + square * (0.5 + rest * (1.0 / 6.0) + square * (1.0 / 24.0 + rest * (1.0 / 120.0)));
    let bits = shifted.to_bits();
    let place = bits % POWER_COUNT;
    let power = POWERS.get(number::place(place)).map_or(1.0, |&power| power);
    // Whole doublings go to the exponent; wrapping, since they may be negative.
    let doublings = (bits - place) << (FRACTION_BITS - POWER_COUNT.ilog2());
    let power = f64::from_bits(power.to_bits().wrapping_add(doublings));
    power + power * more
}

/// Knots of the normal distribution function per unit, and the score beyond which it is nothing or all, to 1e-15.
const KNOTS_PER_UNIT: f64 = 64.0;
const SCORE_MAX: f64 = 8.0;
const KNOT_COUNT: usize = 1_025;

/// The normal distribution function at each knot, and its slope there, by the distance of knots.
static NORMAL: LazyLock<Vec<[f64; 2]>> = LazyLock::new(|| {
    let knots = (0..KNOT_COUNT).map(|knot| {
        let score = number::real(knot) / KNOTS_PER_UNIT - SCORE_MAX;
        let density = libm::exp(-score * score / 2.0) / libm::sqrt(2.0 * std::f64::consts::PI);
        [normal_probability(score), density / KNOTS_PER_UNIT]
    });
    knots.collect()
});

/// Returns the probability that a standard normal draw is below `score`, to an error of 3e-10: a cubic between knots.
#[inline]
pub(crate) fn normal_level(score: f64) -> f64 {
    let position = (score.clamp(-SCORE_MAX, SCORE_MAX) + SCORE_MAX) * KNOTS_PER_UNIT;
    let index = number::index_below(position, KNOT_COUNT - 1);
    let Some(&[[low, rise], [high, rise_after]]) = NORMAL.get(index..).and_then(<[_]>::first_chunk)
    else {
        return 0.5;
    };
    let part = position - number::real(index);
    let across = high - low;
    let bend = 3.0 * across - 2.0 * rise - rise_after;
    low + part * (rise + part * (bend + part * (rise + rise_after - 2.0 * across)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::ProptestConfig;
    use proptest::prop_assert;
    use proptest::proptest;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn the_exponential_is_that_of_libm(x in -700.0..700.0_f64) {
            let (found, want) = (exp(x), libm::exp(x));
            prop_assert!((found / want - 1.0).abs() < 4.0 * f64::EPSILON, "{x}: {found} {want}");
        }

        #[test]
        fn the_normal_level_is_the_probability(score in -10.0..10.0_f64) {
            let (found, want) = (normal_level(score), normal_probability(score));
            prop_assert!((found - want).abs() < 3e-10, "{score}: {found} {want}");
        }
    }

    #[test]
    fn ends_hold() {
        assert!((exp(0.0) - 1.0).abs() < f64::EPSILON);
        assert!(exp(1e9).is_finite() && exp(-1e9) > 0.0 && exp(f64::NAN).is_nan());
        assert!(normal_level(-50.0) < 1e-14 && normal_level(50.0) > 1.0 - 1e-14);
        assert!((normal_level(0.0) - 0.5).abs() < f64::EPSILON);
    }
}
