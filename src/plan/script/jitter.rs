//! Jitter: where within a tick of a coarse clock the events of that tick lie.

use rand::Rng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::plan::streams::below;

/// Ticks up to this are left as they are: no network keeps distances below it.
const TICK_KEPT_US: u32 = 1_000;

/// Returns the moments of events whose stamps, in microseconds and in order, are of a clock with ticks of `tick_us`.
///
/// The events of a tick get sorted uniform places inside it: their order stays, and nothing is said of their distance. A
/// stamp alone would send all of them at once, which no live channel does.
pub(crate) fn spread(stamps: &[i64], tick_us: u32, rng: &mut Xoshiro256PlusPlus) -> Vec<i64> {
    if tick_us <= TICK_KEPT_US {
        return stamps.to_vec();
    }
    let tick = |at: &i64| at.div_euclid(i64::from(tick_us));
    let mut moments = Vec::with_capacity(stamps.len());
    for group in stamps.chunk_by(|left, right| tick(left) == tick(right)) {
        let start = moments.len();
        let begins = group.first().map_or(0, tick) * i64::from(tick_us);
        moments.extend(
            group
                .iter()
                .map(|_| begins + i64::from(below(rng.next_u64(), tick_us))),
        );
        if let Some(placed) = moments.get_mut(start..) {
            placed.sort_unstable();
        }
    }
    moments
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn events_of_a_tick_stay_inside_it_and_in_order() {
        let stamps = [-3_000_000, 0, 0, 0, 0, 5_000_000, 5_000_000];
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let moments = spread(&stamps, 1_000_000, &mut rng);
        assert!(moments.is_sorted());
        for (stamp, moment) in stamps.iter().zip(&moments) {
            assert!((0..1_000_000).contains(&(moment - stamp)), "{moments:?}");
        }
        assert_ne!(moments, stamps);
        let mut other = Xoshiro256PlusPlus::seed_from_u64(2);
        assert_ne!(moments, spread(&stamps, 1_000_000, &mut other));
    }

    #[test]
    fn fine_clocks_are_believed() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        assert_eq!(spread(&[7, 7, 9], 1_000, &mut rng), [7, 7, 9]);
    }
}
