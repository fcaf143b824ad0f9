//! Quantiles of samples.

use crate::traffic::profile::number;

/// Returns the quantile of `sorted` at `level`, 0 to 1, interpolated between neighbours; zero of no sample.
pub(crate) fn at(sorted: &[f64], level: f64) -> f64 {
    let position = level * number::real(sorted.len().saturating_sub(1));
    let index = number::index_below(position, sorted.len().max(1));
    let low = sorted.get(index).copied().unwrap_or(0.0);
    let high = sorted.get(index + 1).copied().unwrap_or(low);
    low + (high - low) * (position - number::real(index))
}

/// Returns `sample`, sorted.
pub(crate) fn sorted(mut sample: Vec<f64>) -> Vec<f64> {
    sample.sort_by(f64::total_cmp);
    sample
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_neighbours() {
        let sample = sorted(vec![4.0, 1.0, 2.0]);
        let found = [0.0, 0.5, 0.75, 1.0].map(|level| at(&sample, level).to_string());
        assert_eq!(found, ["1", "2", "3", "4"]);
        let found = [at(&[], 0.5), at(&[7.0], 0.5)].map(|quantile| quantile.to_string());
        assert_eq!(found, ["0", "7"]);
    }
}
