//! The baseline, what load tests do: each kind at its mean rate, constant in time, from users drawn at random.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::Rng;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::traffic::fidelity::span::Span;
use crate::traffic::profile::distribution::exponential;
use crate::traffic::profile::distribution::uniform;
use crate::traffic::profile::fit::Weeks;
use crate::traffic::profile::number;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventKind;

/// Where a kind of event happens.
type Lane = (Arc<str>, Arc<str>, EventKind);

/// Mean rates of a part of a trace.
#[derive(Clone, Debug)]
pub(crate) struct Poisson {
    /// For each network, channel and kind the lengths of its texts.
    lanes: BTreeMap<Lane, Vec<u32>>,
    /// The users of each network.
    users: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    watched_secs: f64,
}

impl Poisson {
    /// Returns the rates of a part of a trace.
    pub(crate) fn fit(span: &Span, events: &[Event], part: Weeks) -> Self {
        let mut lanes: BTreeMap<Lane, Vec<u32>> = BTreeMap::new();
        let mut users: BTreeMap<Arc<str>, Vec<Arc<str>>> = BTreeMap::new();
        for event in events {
            if !span.holds(part, span.secs(event.at_us)) {
                continue;
            }
            let lane = (
                Arc::clone(&event.network),
                Arc::clone(&event.channel),
                event.kind,
            );
            lanes.entry(lane).or_default().push(event.bytes);
            let users = users.entry(Arc::clone(&event.network)).or_default();
            users.push(Arc::clone(&event.user));
        }
        for users in users.values_mut() {
            users.sort_unstable();
            users.dedup();
        }
        Self {
            lanes,
            users,
            watched_secs: span.watched_secs(part),
        }
    }

    /// Returns events of the whole span, in order of time.
    pub(crate) fn sample(&self, span: &Span, seed: u64) -> Vec<Event> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut events = Vec::new();
        let whole_us = span.end_us.saturating_sub(span.first_us);
        let whole_secs = number::secs_of_nanos(whole_us) * 1e3;
        for ((network, channel, kind), lengths) in &self.lanes {
            let users = self.users.get(network).map_or(&[][..], Vec::as_slice);
            let mean_secs = self.watched_secs / number::real(lengths.len());
            let mut secs = exponential(rng.next_u64()) * mean_secs;
            while secs < whole_secs {
                let user = drawn(users, &mut rng);
                let peer = (*kind == EventKind::Kick).then(|| drawn(users, &mut rng));
                events.push(Event {
                    at_us: span.first_us + number::nanos_of_secs(secs) / 1_000,
                    kind: *kind,
                    network: Arc::clone(network),
                    channel: Arc::clone(channel),
                    user: user.unwrap_or_default(),
                    peer: peer.flatten().unwrap_or_default(),
                    bytes: drawn(lengths, &mut rng).unwrap_or_default(),
                    detail: Arc::default(),
                    text: Box::default(),
                });
                secs += exponential(rng.next_u64()) * mean_secs;
            }
        }
        events.sort_by_key(|event| event.at_us);
        events
    }
}

/// Returns one of them, each as likely as another.
fn drawn<T: Clone>(from: &[T], rng: &mut impl Rng) -> Option<T> {
    let place = uniform(rng.next_u64()) * number::real(from.len());
    from.get(number::index_below(place, from.len())).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::fidelity::span::tests::event;

    #[test]
    fn rates_are_those_of_the_part() {
        // Ten messages an hour in even weeks, one in odd ones.
        let hours = 0..28 * 24_u32;
        let events: Vec<Event> = hours
            .flat_map(|hour| {
                let count = if (hour / 168).is_multiple_of(2) {
                    1
                } else {
                    10
                };
                (0..count).map(move |number| (hour, number))
            })
            .map(|(hour, number)| {
                let secs = f64::from(hour * 3_600 + number * 300);
                event(secs, "message alder #oak")
            })
            .collect();
        let mut span = Span::of(&events, 1).unwrap();
        (span.start_us, span.week_count) = (0, 4);
        let poisson = Poisson::fit(&span, &events, Weeks::Even);
        let sample = poisson.sample(&span, 1);
        assert!(sample.is_sorted_by_key(|event| event.at_us));
        // 6,720 expected, within three standard deviations.
        assert!(sample.len().abs_diff(6_720) < 250, "{}", sample.len());
    }
}
