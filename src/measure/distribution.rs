//! A distribution of durations: counts by value, merged and read, never averaged.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::units::span;

/// Longest duration told apart, in microseconds: an hour. Longer ones are counted there and as saturated.
pub const MICROS_MAX: u64 = 3_600_000_000;
/// Significant digits kept: an error of at most 0.1 % of the value.
const DIGITS: u8 = 3;

/// Durations from 1 µs to 1 h at three digits.
#[derive(Clone, Debug)]
pub struct Distribution {
    /// Absent until the first value: most operations never occur in most intervals.
    histogram: Option<Box<Histogram<u64>>>,
    saturated: u64,
}

/// What reports show of a distribution, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    /// Number of values.
    pub count: u64,
    /// Smallest value.
    pub min: u64,
    /// Median.
    pub p50: u64,
    /// 90th percentile.
    pub p90: u64,
    /// 99th percentile.
    pub p99: u64,
    /// 99.9th percentile.
    pub p999: u64,
    /// Largest value.
    pub max: u64,
}

impl Default for Distribution {
    fn default() -> Self {
        Self::new()
    }
}

impl Distribution {
    /// Returns an empty distribution.
    pub fn new() -> Self {
        Self {
            histogram: None,
            saturated: 0,
        }
    }

    /// Records a duration.
    pub fn record(&mut self, duration: Duration) {
        let micros = span::micros(duration);
        if micros > MICROS_MAX {
            self.saturated += 1;
        }
        if let Some(histogram) = self.histogram() {
            // Not the saturating kind: that one clamps to what the histogram has grown to so far. A bounded value is always recorded.
            let _ = histogram.record(micros.min(MICROS_MAX));
        }
    }

    fn histogram(&mut self) -> Option<&mut Histogram<u64>> {
        if self.histogram.is_none() {
            // Bounds known to be good; the growing kind starts small.
            let mut histogram = Histogram::new(DIGITS).ok()?;
            histogram.auto(true);
            self.histogram = Some(Box::new(histogram));
        }
        self.histogram.as_deref_mut()
    }

    /// Adds another part's values.
    pub fn merge(&mut self, other: &Self) {
        self.saturated += other.saturated;
        if let Some(theirs) = &other.histogram {
            match &mut self.histogram {
                // A growing histogram takes any value of another with the same digits.
                Some(mine) => drop(mine.add(&**theirs)),
                None => self.histogram = Some(theirs.clone()),
            }
        }
    }

    /// Returns the number of values.
    pub fn count(&self) -> u64 {
        self.histogram
            .as_ref()
            .map_or(0, |histogram| histogram.len())
    }

    /// Returns how many values were longer than an hour.
    pub fn saturated(&self) -> u64 {
        self.saturated
    }

    /// Returns the value at `quantile` (0..=1) in microseconds, or `None` if nothing was recorded.
    pub fn at_quantile(&self, quantile: f64) -> Option<u64> {
        self.histogram
            .as_ref()
            .filter(|histogram| !histogram.is_empty())
            .map(|histogram| {
                // The top of a bucket can lie above the largest value recorded in it.
                histogram.value_at_quantile(quantile).min(histogram.max())
            })
    }

    /// Returns the smallest value in microseconds, or `None` if nothing was recorded.
    pub fn min(&self) -> Option<u64> {
        self.histogram
            .as_ref()
            .filter(|histogram| !histogram.is_empty())
            .map(|histogram| histogram.min())
    }

    /// Returns the largest value in microseconds, or `None` if nothing was recorded.
    pub fn max(&self) -> Option<u64> {
        self.histogram
            .as_ref()
            .filter(|histogram| !histogram.is_empty())
            .map(|histogram| histogram.max())
    }

    /// Returns the mean in microseconds, or `None` if nothing was recorded.
    pub fn mean(&self) -> Option<f64> {
        self.histogram
            .as_ref()
            .filter(|histogram| !histogram.is_empty())
            .map(|histogram| histogram.mean())
    }

    /// Returns what reports show.
    pub fn quantiles(&self) -> Quantiles {
        let at = |quantile| self.at_quantile(quantile).unwrap_or(0);
        Quantiles {
            count: self.count(),
            min: self.min().unwrap_or(0),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: self.max().unwrap_or(0),
        }
    }

    /// Returns the histogram for export, or `None` if nothing was recorded.
    pub fn as_histogram(&self) -> Option<&Histogram<u64>> {
        self.histogram.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_distribution_has_no_values() {
        let empty = Distribution::new();
        assert_eq!(empty.at_quantile(0.99), None);
        assert_eq!(empty.quantiles(), Quantiles::default());
    }

    #[test]
    fn values_beyond_an_hour_are_counted_and_said() {
        let mut distribution = Distribution::new();
        distribution.record(Duration::from_hours(2));
        distribution.record(Duration::from_micros(10));
        assert_eq!((distribution.count(), distribution.saturated()), (2, 1));
    }

    #[test]
    fn a_value_keeps_its_digits_however_small_those_before_it_were() {
        let mut distribution = Distribution::new();
        for micros in [5, 250_000, MICROS_MAX] {
            distribution.record(Duration::from_micros(micros));
            let max = distribution.max().unwrap();
            assert!(max.abs_diff(micros) <= micros / 1_000, "{max} for {micros}");
        }
        assert_eq!(distribution.min(), Some(5));
    }

    proptest::proptest! {
        #[test]
        fn merging_parts_equals_recording_all(values in proptest::collection::vec(0u64..10_000_000, 0..200), cut in 0usize..200) {
            let cut = cut.min(values.len());
            let (mut all, mut left, mut right) = (Distribution::new(), Distribution::new(), Distribution::new());
            for (index, &micros) in values.iter().enumerate() {
                all.record(Duration::from_micros(micros));
                if index < cut { &mut left } else { &mut right }.record(Duration::from_micros(micros));
            }
            left.merge(&right);
            proptest::prop_assert_eq!(left.quantiles(), all.quantiles());
        }
    }
}
