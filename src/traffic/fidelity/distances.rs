//! Distances between two distributions, and the statistics of point processes that are compared.

use crate::traffic::profile::number;

/// Returns the largest distance between the distribution functions of two sorted samples, 0 to 1, or `None` if one is
/// empty (Kolmogorov and Smirnov).
pub(crate) fn kolmogorov_smirnov(one: &[f64], other: &[f64]) -> Option<f64> {
    if one.is_empty() || other.is_empty() {
        return None;
    }
    let (one_count, other_count) = (number::real(one.len()), number::real(other.len()));
    let (mut one_rest, mut other_rest) = (one, other);
    let mut most: f64 = 0.0;
    while let (Some(&a), Some(&b)) = (one_rest.first(), other_rest.first()) {
        let at = a.min(b);
        one_rest = after(one_rest, at);
        other_rest = after(other_rest, at);
        let below = 1.0 - number::real(one_rest.len()) / one_count;
        let other_below = 1.0 - number::real(other_rest.len()) / other_count;
        most = most.max((below - other_below).abs());
    }
    Some(most)
}

/// Returns what of a sorted sample lies above `at`.
fn after(sorted: &[f64], at: f64) -> &[f64] {
    // Few are equal, so that stepping beats a search.
    let equal = sorted.iter().take_while(|&&value| value <= at).count();
    sorted.get(equal..).unwrap_or_default()
}

/// Returns the divergence between two tables of counts in bits, 0 to 1, or `None` if one is empty (Jensen and Shannon).
pub(crate) fn jensen_shannon(one: &[f64], other: &[f64]) -> Option<f64> {
    let (one_sum, other_sum): (f64, f64) = (one.iter().sum(), other.iter().sum());
    if one_sum <= 0.0 || other_sum <= 0.0 {
        return None;
    }
    let part = |share: f64, middle: f64| {
        if share > 0.0 {
            0.5 * share * libm::log2(share / middle)
        } else {
            0.0
        }
    };
    let divergence: f64 = one
        .iter()
        .zip(other)
        .map(|(a, b)| {
            let (a, b) = (a / one_sum, b / other_sum);
            let middle = f64::midpoint(a, b);
            part(a, middle) + part(b, middle)
        })
        .sum();
    Some(divergence.max(0.0))
}

/// Counts of events in bins of one width, gathered over several streams.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Dispersion {
    variance: f64,
    mean: f64,
}

impl Dispersion {
    /// Adds a stream of sorted moments that was watched for `watched_secs`.
    pub(crate) fn add(
        &mut self,
        moments: impl Iterator<Item = f64>,
        bin_secs: f64,
        watched_secs: f64,
    ) {
        let bin_count = watched_secs / bin_secs;
        if bin_count < 1.0 {
            return;
        }
        let (mut sum, mut square_sum) = (0.0, 0.0);
        let (mut bin, mut count) = (f64::NEG_INFINITY, 0.0);
        for secs in moments {
            let at = libm::floor(secs / bin_secs);
            if at > bin {
                square_sum += count * count;
                (bin, count) = (at, 0.0);
            }
            count += 1.0;
            sum += 1.0;
        }
        square_sum += count * count;
        let mean = sum / bin_count;
        self.mean += mean;
        self.variance += square_sum / bin_count - mean * mean;
    }

    /// Returns variance over mean (Fano), or `None` without events.
    pub(crate) fn fano(self) -> Option<f64> {
        (self.mean > 0.0 && self.variance > 0.0).then(|| self.variance / self.mean)
    }
}

/// Autocovariances of counts per minute, gathered over several streams.
#[derive(Clone, Debug)]
pub(crate) struct Correlogram {
    by_lag: Vec<f64>,
}

/// Longest lag of an autocorrelation, in minutes.
pub(crate) const LAG_COUNT: usize = 60;

impl Default for Correlogram {
    fn default() -> Self {
        Self {
            by_lag: vec![0.0; LAG_COUNT + 1],
        }
    }
}

impl Correlogram {
    /// Adds a stream of sorted moments that was watched for `watched_secs`.
    pub(crate) fn add(&mut self, moments: impl Iterator<Item = f64>, watched_secs: f64) {
        let mut minutes: Vec<(f64, f64)> = Vec::new();
        for secs in moments {
            let minute = libm::floor(secs / 60.0);
            match minutes.last_mut() {
                Some((last, count)) if *last >= minute => *count += 1.0,
                _ => minutes.push((minute, 1.0)),
            }
        }
        let minute_count = watched_secs / 60.0;
        if minute_count < 1.0 {
            return;
        }
        let mean = minutes.iter().map(|(_, count)| count).sum::<f64>() / minute_count;
        let mut products = vec![0.0; self.by_lag.len()];
        for (place, &(minute, count)) in minutes.iter().enumerate() {
            for &(other, other_count) in minutes.iter().skip(place) {
                let lag = number::whole(other - minute) as usize;
                let Some(product) = products.get_mut(lag) else {
                    break;
                };
                *product += count * other_count;
            }
        }
        for (sum, product) in self.by_lag.iter_mut().zip(products) {
            *sum += product / minute_count - mean * mean;
        }
    }

    /// Returns the autocorrelations at lags of 1 to 60 minutes, or `None` without events.
    pub(crate) fn correlations(&self) -> Option<Vec<f64>> {
        let variance = self.by_lag.first().copied().filter(|&most| most > 0.0)?;
        Some(
            self.by_lag
                .iter()
                .skip(1)
                .map(|lag| lag / variance)
                .collect(),
        )
    }
}

/// Returns the waits of a single server at 70 % load in units of its constant time of service, as Lindley has them.
pub(crate) fn waits(moments: impl Iterator<Item = f64>, service_secs: f64) -> Vec<f64> {
    let mut waits = Vec::new();
    let (mut wait, mut last) = (0.0, None);
    for secs in moments {
        if let Some(last) = last {
            wait = f64::max(wait + service_secs - (secs - last), 0.0);
        }
        last = Some(secs);
        waits.push(wait / service_secs);
    }
    waits
}

/// Returns the value at `level` (0 to 1) of a sorted sample, or `None` if it is empty.
pub(crate) fn quantile(sorted: &[f64], level: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = level.clamp(0.0, 1.0) * number::real(last);
    let at = number::index_below(place, sorted.len());
    let below = sorted.get(at).copied()?;
    let above = sorted.get(at + 1).copied().unwrap_or(below);
    Some(below + (above - below) * (place - number::real(at)))
}

/// Returns the mean and the standard deviation of values, or `None` without any.
pub(crate) fn mean_and_spread(values: &[f64]) -> Option<(f64, f64)> {
    if values.is_empty() {
        return None;
    }
    let count = number::real(values.len());
    let mean = values.iter().sum::<f64>() / count;
    let square_sum: f64 = values
        .iter()
        .map(|value| (value - mean) * (value - mean))
        .sum();
    let spread = if values.len() > 1 {
        libm::sqrt(square_sum / (count - 1.0))
    } else {
        0.0
    };
    Some((mean, spread))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(found: Option<f64>, want: f64) {
        let found = found.unwrap();
        assert!((found - want).abs() < 1e-12, "{found} {want}");
    }

    #[test]
    fn the_distance_of_distribution_functions_is_the_largest_step_apart() {
        check(kolmogorov_smirnov(&[1.0, 2.0], &[1.0, 2.0]), 0.0);
        check(kolmogorov_smirnov(&[1.0, 2.0], &[3.0, 4.0]), 1.0);
        check(
            kolmogorov_smirnov(&[1.0, 2.0, 3.0, 4.0], &[2.0, 2.0, 2.0]),
            0.5,
        );
        assert_eq!(kolmogorov_smirnov(&[], &[1.0]), None);
    }

    #[test]
    fn the_divergence_of_disjoint_tables_is_one_bit() {
        check(jensen_shannon(&[1.0, 1.0, 0.0], &[0.0, 0.0, 5.0]), 1.0);
        check(jensen_shannon(&[1.0, 3.0], &[2.0, 6.0]), 0.0);
        // Half of log2(4/3) for the sure one, and of both terms of the even one.
        let want =
            0.5 * (4.0_f64 / 3.0).log2() + 0.25 * (2.0_f64 / 3.0).log2() + 0.25 * 2.0_f64.log2();
        check(jensen_shannon(&[1.0, 0.0], &[1.0, 1.0]), want);
        assert_eq!(jensen_shannon(&[0.0], &[1.0]), None);
    }

    #[test]
    fn dispersion_is_variance_over_mean() {
        // Bins of 10 s: 3, 1, 0, 0: mean 1, mean square 2.5.
        let mut dispersion = Dispersion::default();
        dispersion.add([0.0, 1.0, 9.0, 15.0].into_iter(), 10.0, 40.0);
        check(dispersion.fano(), 1.5);
        assert!(Dispersion::default().fano().is_none());
    }

    #[test]
    fn correlations_are_of_counts_by_minute() {
        // Counts 1, 1, 0, 0: mean .5, variance .25, product at lag one a quarter.
        let mut correlogram = Correlogram::default();
        correlogram.add([5.0, 65.0].into_iter(), 240.0);
        let found = correlogram.correlations().unwrap();
        assert_eq!(found.len(), 60);
        check(found.first().copied(), 0.0);
        check(found.get(1).copied(), -1.0);
    }

    #[test]
    fn waits_follow_from_the_work_that_is_left() {
        let found = waits([0.0, 1.0, 1.0, 10.0].into_iter(), 2.0);
        assert_eq!(found, [0.0, 0.5, 1.5, 0.0]);
    }

    #[test]
    fn quantiles_lie_between_values() {
        check(quantile(&[1.0, 3.0], 0.25), 1.5);
        check(quantile(&[7.0], 0.99), 7.0);
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(mean_and_spread(&[1.0, 3.0]), Some((2.0, 2.0_f64.sqrt())));
    }

    proptest! {
        #[test]
        fn distances_are_symmetric_and_bounded(
            mut one in proptest::collection::vec(0.0..100.0_f64, 1..40),
            mut other in proptest::collection::vec(0.0..100.0_f64, 1..40),
        ) {
            one.sort_by(f64::total_cmp);
            other.sort_by(f64::total_cmp);
            let there = kolmogorov_smirnov(&one, &other).unwrap();
            let back = kolmogorov_smirnov(&other, &one).unwrap();
            prop_assert!((there - back).abs() < 1e-12 && (0.0..=1.0).contains(&there));
            // As the definition has it: at every value, the shares at or below it.
            let share = |sample: &[f64], at: f64| {
                number::real(sample.iter().filter(|&&value| value <= at).count())
                    / number::real(sample.len())
            };
            let naive = one
                .iter()
                .chain(&other)
                .map(|&at| (share(&one, at) - share(&other, at)).abs())
                .fold(0.0, f64::max);
            prop_assert!((there - naive).abs() < 1e-12);
            other.resize(one.len(), 1.0);
            let there = jensen_shannon(&one, &other).unwrap_or(0.0);
            prop_assert!((0.0..=1.0 + 1e-12).contains(&there));
        }
    }
}
