//! Fit of the gaps between messages: quantiles by size of the episode, its pace, and how neighbours resemble each other.

use crate::traffic::profile::distribution;
use crate::traffic::profile::distribution::GAP_STEPS;
use crate::traffic::profile::distribution::GapTable;
use crate::traffic::profile::fit::DIGITS;
use crate::traffic::profile::fit::episodes::Episode;
use crate::traffic::profile::fit::quantiles;
use crate::traffic::profile::gaps::DRIFT_CORRELATION;
use crate::traffic::profile::gaps::GAP_CLASS_SIZES;
use crate::traffic::profile::gaps::GAP_CLASSES;
use crate::traffic::profile::gaps::Gaps;
use crate::traffic::profile::number;
use crate::traffic::profile::parameter::Parameter;
use crate::traffic::profile::talk::EPISODE_GAP_SECS;
use crate::traffic::profile::talk::TalkKind;

/// Shortest gap: the logarithm of a gap must exist.
const GAP_SECS_MIN: f64 = 0.001;

/// Distances between gaps of one episode at which only its pace makes them alike.
const FAR: std::ops::RangeInclusive<usize> = 20..=40;

/// Distances at which its drift does too.
const MIDDLE: std::ops::RangeInclusive<usize> = 4..=8;

/// Gaps of a class below which it says what its neighbour says.
const SAMPLE_MIN: usize = 100;

/// Pairs of gaps below which a correlation is noise and counts as none.
const PAIRS_MIN: usize = 30;

/// Largest correlation that is believed: at one, an episode would tick like a clock.
const CORRELATION_MAX: f64 = 0.95;

/// Returns what the gaps of the episodes are like.
pub(crate) fn fit(episodes: &[&Episode]) -> Gaps {
    let all = quantiles::sorted(episodes.iter().flat_map(|episode| episode.gaps()).collect());
    let samples: [Vec<f64>; GAP_CLASSES] = std::array::from_fn(|class| {
        let of_class = |episode: &&&Episode| class_of(episode.at_secs.len()) == Some(class);
        quantiles::sorted(
            episodes
                .iter()
                .filter(of_class)
                .flat_map(|episode| episode.gaps())
                .collect(),
        )
    });
    let tables = std::array::from_fn(|class| table(telling(&samples, class).unwrap_or(&all)));
    let scores: Vec<Vec<f64>> = episodes
        .iter()
        .filter_map(|episode| {
            let sample = samples.get(class_of(episode.at_secs.len())?)?;
            Some(episode.gaps().map(|gap| score(sample, gap)).collect())
        })
        .collect();
    let pace_share = mean_product(&scores, FAR).clamp(0.0, CORRELATION_MAX);
    let left_of_drift = MIDDLE.map(|distance| libm::pow(DRIFT_CORRELATION, number::real(distance)));
    let left_of_drift = left_of_drift.sum::<f64>() / number::real(MIDDLE.count());
    let middle = mean_product(&scores, MIDDLE);
    let drift_share =
        ((middle - pace_share) / left_of_drift).clamp(0.0, CORRELATION_MAX - pace_share);
    let rest = 1.0 - pace_share - drift_share;
    let near = mean_product(&scores, 1..=1) - pace_share - drift_share * DRIFT_CORRELATION;
    let correlation = (near / rest).clamp(-CORRELATION_MAX, CORRELATION_MAX);
    let notices = quantiles::sorted(
        episodes
            .iter()
            .flat_map(|episode| notice_gaps(episode))
            .collect(),
    );
    Gaps {
        tables,
        notices: table(if notices.is_empty() { &all } else { &notices }),
        pace_share: Parameter::Fitted(number::rounded(pace_share, DIGITS)),
        drift_share: Parameter::Fitted(number::rounded(drift_share, DIGITS)),
        correlation: Parameter::Fitted(number::rounded(correlation, DIGITS)),
    }
}

/// Returns the gaps of a class, or of the nearest smaller one that tells something, or of the nearest larger one.
fn telling(samples: &[Vec<f64>; GAP_CLASSES], class: usize) -> Option<&Vec<f64>> {
    let tells = |sample: &&Vec<f64>| sample.len() >= SAMPLE_MIN;
    let smaller = samples.iter().take(class + 1).rev().find(tells);
    smaller.or_else(|| samples.iter().skip(class).find(tells))
}

/// Returns the gaps between notices that follow each other.
fn notice_gaps(episode: &Episode) -> impl Iterator<Item = f64> {
    let are_notices = episode
        .kinds
        .windows(2)
        .map(|pair| *pair == [TalkKind::Notice; 2]);
    let gaps = episode.gaps().zip(are_notices);
    gaps.filter_map(|(gap, are_notices)| are_notices.then_some(gap))
}

/// Returns the class of episodes of `size` messages; `None` for one message, which has no gap.
fn class_of(size: usize) -> Option<usize> {
    GAP_CLASS_SIZES
        .iter()
        .rposition(|&first| size >= first as usize)
}

/// Returns the quantiles of sorted gaps.
fn table(sample: &[f64]) -> GapTable {
    let secs: [f64; GAP_STEPS + 1] = std::array::from_fn(|index| {
        let level = number::real(index) / number::real(GAP_STEPS);
        let secs = quantiles::at(sample, level).clamp(GAP_SECS_MIN, f64::from(EPISODE_GAP_SECS));
        number::rounded(secs, DIGITS)
    });
    GapTable::new(secs)
}

/// Returns the standard normal score of a gap among the sorted gaps of its class.
fn score(sample: &[f64], gap: f64) -> f64 {
    let below = sample.partition_point(|&known| known < gap);
    let up_to = sample.partition_point(|&known| known <= gap);
    let rank = number::real(below + up_to) / 2.0;
    distribution::normal_quantile((rank / number::real(sample.len())).clamp(1e-6, 1.0 - 1e-6))
}

/// Returns the mean product of two scores of one episode that stand apart by these distances; zero of too few.
fn mean_product(episodes: &[Vec<f64>], distances: std::ops::RangeInclusive<usize>) -> f64 {
    let (mut sum, mut count) = (0.0, 0_usize);
    for scores in episodes {
        for distance in distances.clone() {
            for (one, other) in scores.iter().zip(scores.iter().skip(distance)) {
                sum += one * other;
                count += 1;
            }
        }
    }
    if count < PAIRS_MIN {
        0.0
    } else {
        sum / number::real(count)
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;
    use rand::SeedableRng;
    use rand::rngs::Xoshiro256PlusPlus;

    use super::*;
    use crate::traffic::profile::distribution::normal;

    fn episode(gaps: &[f64]) -> Episode {
        let mut at_secs = vec![0.0];
        for gap in gaps {
            at_secs.push(at_secs.last().unwrap() + gap);
        }
        Episode {
            at_secs,
            ..Episode::default()
        }
    }

    #[test]
    fn classes_go_by_size() {
        assert_eq!(
            [1, 2, 4, 5, 19, 20, 60, 999].map(class_of),
            [
                None,
                Some(0),
                Some(0),
                Some(1),
                Some(1),
                Some(2),
                Some(3),
                Some(4)
            ]
        );
    }

    #[test]
    fn a_class_without_episodes_takes_the_gaps_of_all() {
        let gaps = fit(&[&episode(&[10.0]), &episode(&[30.0])]);
        assert_eq!(gaps.tables[2].secs()[0].to_bits(), 10.0_f64.to_bits());
        assert_eq!(gaps.tables[2].secs()[32].to_bits(), 30.0_f64.to_bits());
        assert_eq!(gaps.pace_share, Parameter::Fitted(0.0));
        assert_eq!(gaps.correlation, Parameter::Fitted(0.0));
    }

    #[test]
    fn pace_and_correlation_are_found_again() {
        let (pace_share, correlation) = (0.3, 0.4);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
        let mut draw = || normal(rng.next_u64());
        let episodes: Vec<Episode> = (0..2_000)
            .map(|_| {
                let pace = draw();
                let mut score = draw();
                let gaps: Vec<f64> = (0..40)
                    .map(|_| {
                        score = correlation * score
                            + libm::sqrt(1.0 - correlation * correlation) * draw();
                        let common =
                            libm::sqrt(pace_share) * pace + libm::sqrt(1.0 - pace_share) * score;
                        libm::exp(2.0 + common)
                    })
                    .collect();
                episode(&gaps)
            })
            .collect();
        let gaps = fit(&episodes.iter().collect::<Vec<_>>());
        // 2,000 paces: a deviation of their variance is 3 % of it; gaps five apart still correlate by .4^5.
        assert!(
            (gaps.pace_share.value() - pace_share).abs() < 0.04,
            "{}",
            gaps.pace_share.value()
        );
        assert!(
            (gaps.correlation.value() - correlation).abs() < 0.03,
            "{}",
            gaps.correlation.value()
        );
        assert!((gaps.tables[2].secs()[16] / libm::exp(2.0) - 1.0).abs() < 0.05);
    }
}
