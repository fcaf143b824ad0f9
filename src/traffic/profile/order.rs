//! The order of time of what is many and spread out: dealt to short spans first, which leaves little to sort.

use crate::traffic::profile::number;

/// How many things a span has on average.
const SPAN_COUNT_MEAN: usize = 2;

/// Fewer things than this are sorted as they are.
const DEALT_MIN: usize = 64;

/// Returns things in order of their moments, of `at`; `sort` puts the few of each span in order, whose moments are near each other.
///
/// Those of one moment come to `sort` in the order that they have.
pub(crate) fn by_time<T: Copy>(
    things: &[T],
    at: impl Fn(&T) -> i64,
    sort: impl Fn(&mut [T]),
) -> Vec<T> {
    let mut ordered = things.to_vec();
    let moments = || things.iter().map(&at);
    let (Some(first), Some(last)) = (moments().min(), moments().max()) else {
        return ordered;
    };
    if things.len() < DEALT_MIN {
        sort(&mut ordered);
        return ordered;
    }
    let wanted = things.len() / SPAN_COUNT_MEAN;
    // Spans last a power of two, so that no moment has to be divided.
    let bits = last.abs_diff(first).checked_div(wanted as u64);
    let bits = bits.map_or(0, |width| u64::BITS - width.leading_zeros());
    let span_at = |moment: i64| number::place(moment.abs_diff(first) >> bits);
    let span = |thing: &T| span_at(at(thing));
    // Where each span begins; while things are dealt, where its next one goes.
    let mut places = vec![0_usize; span_at(last) + 1];
    for thing in things {
        if let Some(count) = places.get_mut(span(thing)) {
            *count += 1;
        }
    }
    let mut begun = 0;
    for place in &mut places {
        begun += std::mem::replace(place, begun);
    }
    for thing in things {
        if let Some(place) = places.get_mut(span(thing))
            && let Some(to) = ordered.get_mut(*place)
        {
            *to = *thing;
            *place += 1;
        }
    }
    let mut rest = &mut *ordered;
    let mut begins = 0;
    for ends in places {
        let (span, after) = rest.split_at_mut(ends - begins);
        sort(span);
        (rest, begins) = (after, ends);
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn things_come_in_the_order_of_a_stable_sort(
            crowds in proptest::collection::vec((0_i64..1 << 40, 1_i64..1 << 40, 0_usize..60), 0..20),
            far in proptest::collection::vec(proptest::num::i64::ANY, 0..3),
        ) {
            let near = crowds.iter().flat_map(|&(from, width, count)| {
                let golden = 0x9e37_79b9_7f4a_i64;
                let moments = (0_i64..).take(count);
                moments.map(move |number| from + golden.wrapping_mul(number).rem_euclid(width))
            });
            let things: Vec<(i64, usize)> = near.chain(far).zip(0..).collect();
            let mut want = things.clone();
            want.sort_by_key(|&(at, _)| at);
            let found = by_time(&things, |&(at, _)| at, |few| few.sort_by_key(|&(at, _)| at));
            assert_eq!(found, want);
        }
    }
}
