//! Times at which the logger was away: silences that are too long for the hour.

use crate::traffic::profile::fit::window::Window;
use crate::traffic::profile::number;
use crate::traffic::trace::silence::Silences;

/// The outages of a trace, in order and disjoint: start and end in seconds from the window's start.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outages {
    spans: Vec<(f64, f64)>,
}

impl Outages {
    /// Returns the outages among the moments of all events, which are sorted.
    pub(crate) fn find(window: &Window, moments: &[f64]) -> Self {
        let micros = |secs: f64| number::nanos_of_secs(window.week_secs(secs)) / 1_000;
        let mut silences = Silences::default();
        for &secs in moments {
            silences.note(micros(secs));
        }
        let start_secs = window.week_secs(0.0);
        let secs = |us: i64| number::secs_of_nanos(us.saturating_mul(1_000)) - start_secs;
        let spans = silences
            .outages()
            .into_iter()
            .map(|(from_us, to_us)| (secs(from_us), secs(to_us)))
            .collect();
        Self { spans }
    }

    /// Returns the seconds of outage between two moments.
    pub(crate) fn secs_within(&self, from: f64, to: f64) -> f64 {
        self.spans
            .iter()
            .map(|&(start, end)| (end.min(to) - start.max(from)).max(0.0))
            .fold(0.0, |sum, secs| sum + secs)
    }

    /// Returns the parts of a span in which the logger was there.
    pub(crate) fn between(&self, from: f64, to: f64) -> Vec<(f64, f64)> {
        let mut parts = Vec::new();
        let mut begins = from;
        for &(start, end) in self
            .spans
            .iter()
            .filter(|&&(start, end)| end > from && start < to)
        {
            parts.push((begins, start));
            begins = begins.max(end);
        }
        parts.push((begins, to));
        parts.retain(|(from, to)| from < to);
        parts
    }

    /// Returns when the first outage that starts at or after a moment starts.
    pub(crate) fn next_start(&self, secs: f64) -> Option<f64> {
        self.spans
            .iter()
            .map(|&(start, _)| start)
            .find(|&start| start >= secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::profile::fit::Weeks;
    use crate::traffic::profile::fit::examples;

    #[test]
    fn moments_of_outages_count_from_the_windows_start() {
        let times = (0..960)
            .map(|quarter| f64::from(quarter) / 4.0)
            .filter(|hours| !(100.0..110.0).contains(hours))
            .map(|hours| hours * 3_600.0);
        let rows: Vec<_> = times.map(|secs| (secs, "join", "alder", "", "")).collect();
        let events = examples::events(&rows);
        let window = Window::of(&examples::meta(), &events, Weeks::All).unwrap();
        let moments: Vec<f64> = events
            .iter()
            .map(|event| examples::secs(&window, event))
            .collect();
        let found = Outages::find(&window, &moments).spans;
        assert_eq!(found.len(), 1, "{found:?}");
        let (from, to) = found[0];
        assert!((to - from - 10.25 * 3_600.0).abs() < 1e-3, "{found:?}");
        for edge in [from, to] {
            assert!(
                moments.iter().any(|secs| (secs - edge).abs() < 1e-3),
                "{found:?}"
            );
        }
    }

    #[test]
    fn seconds_within_are_the_overlap() {
        let outages = Outages {
            spans: vec![(10.0, 20.0), (30.0, 40.0)],
        };
        assert!((outages.secs_within(15.0, 35.0) - 10.0).abs() < 1e-9);
        assert_eq!(outages.next_start(20.0), Some(30.0));
        assert_eq!(outages.next_start(31.0), None);
    }
}
