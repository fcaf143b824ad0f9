//! What a part of a recording measures: its gaps, dispersions, orders, hours and stays, and how far two such are apart.

use std::collections::BTreeMap;

use crate::traffic::fidelity::distances;
use crate::traffic::fidelity::distances::Correlogram;
use crate::traffic::fidelity::distances::Dispersion;
use crate::traffic::fidelity::score::FANO_SECS;
use crate::traffic::fidelity::score::Measure;
use crate::traffic::fidelity::score::Stream;
use crate::traffic::fidelity::span::Span;
use crate::traffic::fidelity::stream::Beat;
use crate::traffic::fidelity::stream::Recording;
use crate::traffic::fidelity::stream::Row;
use crate::traffic::profile::WEEK_HOURS;
use crate::traffic::profile::WEEK_SECS;
use crate::traffic::profile::fit::Weeks;
use crate::traffic::profile::number;
use crate::traffic::trace::event::EventKind;

/// Kinds of events.
const KIND_COUNT: usize = EventKind::ALL.len();

/// Load at which waits are taken: beyond it no server is run.
const LOAD: f64 = 0.7;

/// The measures of a part of a recording.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measures {
    /// Events of each kind.
    kind_counts: [u64; KIND_COUNT],
    /// Seconds between neighbours in a channel, sorted.
    pub(crate) gaps: Vec<f64>,
    /// Variance over mean of counts.
    fanos: BTreeMap<(Stream, u32), f64>,
    /// Neighbours in a channel by kind.
    bigrams: Vec<f64>,
    /// Autocorrelations of counts per minute, lags 1 to 60.
    correlations: Option<Vec<f64>>,
    absent_share: Option<f64>,
    /// The 99th percentile of waits, in times of service.
    wait_p99: Option<f64>,
    /// Stays that were seen to begin and to end, in seconds, sorted.
    pub(crate) stays: Vec<f64>,
    /// Talk by hour of the span's week.
    pub(crate) hours: Vec<f64>,
    top_share: Option<f64>,
    speakers_a_day: Option<f64>,
    presence: Option<f64>,
}

impl Measures {
    /// Returns the measures of a part.
    pub(crate) fn of(span: &Span, recording: &Recording, part: Weeks) -> Self {
        let mut measures = Self {
            bigrams: vec![0.0; KIND_COUNT * KIND_COUNT],
            hours: vec![0.0; WEEK_HOURS as usize],
            ..Self::default()
        };
        let watched_secs = span.watched_secs(part);
        let channels: Vec<Vec<&Row>> = recording
            .channels
            .iter()
            .map(|rows| {
                rows.iter()
                    .filter(|row| span.holds(part, row.secs))
                    .collect()
            })
            .collect();
        for rows in &channels {
            measures.add_neighbours(span, rows);
            measures.add_hours(rows);
        }
        measures.gaps.sort_by(f64::total_cmp);
        measures.stays.sort_by(f64::total_cmp);
        let networks: Vec<Vec<&Beat>> = recording
            .networks
            .iter()
            .map(|beats| {
                beats
                    .iter()
                    .filter(|beat| span.holds(part, beat.secs))
                    .collect()
            })
            .collect();
        for stream in Stream::ALL {
            for bin_secs in FANO_SECS {
                let mut dispersion = Dispersion::default();
                let width = f64::from(bin_secs);
                match stream {
                    Stream::Network => {
                        for beats in &networks {
                            let moments = beats.iter().map(|beat| beat.secs);
                            dispersion.add(moments, width, watched_secs);
                        }
                    }
                    _ => {
                        for rows in &channels {
                            let heard = rows.iter().filter(|row| stream.has(row.kind));
                            dispersion.add(heard.map(|row| row.secs), width, watched_secs);
                        }
                    }
                }
                if let Some(fano) = dispersion.fano() {
                    measures.fanos.insert((stream, bin_secs), fano);
                }
            }
        }
        let mut correlogram = Correlogram::default();
        for rows in &channels {
            correlogram.add(rows.iter().map(|row| row.secs), watched_secs);
        }
        measures.correlations = correlogram.correlations();
        measures.wait_p99 = wait_p99(&networks, watched_secs);
        measures.add_speakers(&channels, watched_secs);
        let counts = channels
            .iter()
            .flatten()
            .map(|row| f64::from(row.present_count));
        let row_count: usize = channels.iter().map(Vec::len).sum();
        measures.presence = (row_count > 0).then(|| counts.sum::<f64>() / number::real(row_count));
        measures
    }

    fn add_neighbours(&mut self, span: &Span, rows: &[&Row]) {
        for row in rows {
            if let Some(count) = self.kind_counts.get_mut(place(row.kind)) {
                *count += 1;
            }
            self.stays.extend(row.stay_secs);
        }
        let week = |row: &Row| number::whole(row.secs / f64::from(WEEK_SECS));
        for (one, next) in rows.iter().zip(rows.iter().skip(1)) {
            // Weeks that are not compared, and outages, are no gaps.
            if week(next) > week(one) + 1 || span.away_secs(one.secs, next.secs) > 0.0 {
                continue;
            }
            self.gaps.push(next.secs - one.secs);
            let pair = place(one.kind) * KIND_COUNT + place(next.kind);
            if let Some(count) = self.bigrams.get_mut(pair) {
                *count += 1.0;
            }
        }
    }

    fn add_hours(&mut self, rows: &[&Row]) {
        for row in rows.iter().filter(|row| row.kind.is_talk()) {
            let hour = number::whole(row.secs / 3_600.0) % WEEK_HOURS;
            if let Some(count) = self.hours.get_mut(hour as usize) {
                *count += 1.0;
            }
        }
    }

    fn add_speakers(&mut self, channels: &[Vec<&Row>], watched_secs: f64) {
        let (mut talk_count, mut absent_count, mut top_count, mut day_count) = (0_u64, 0, 0, 0);
        for rows in channels {
            let mut said: BTreeMap<u32, u64> = BTreeMap::new();
            let mut days: Vec<(u32, u32)> = Vec::new();
            for row in rows.iter().filter(|row| row.kind.is_talk()) {
                talk_count += 1;
                absent_count += u64::from(row.is_absent);
                *said.entry(row.user).or_insert(0) += 1;
                days.push((number::whole(row.secs / 86_400.0), row.user));
            }
            top_count += said.into_values().max().unwrap_or(0);
            days.sort_unstable();
            days.dedup();
            day_count += days.len();
        }
        if talk_count > 0 {
            let share = |count: u64| count_of(count) / count_of(talk_count);
            self.absent_share = Some(share(absent_count));
            self.top_share = Some(share(top_count));
            self.speakers_a_day = Some(number::real(day_count) * 86_400.0 / watched_secs.max(1.0));
        }
    }

    /// Returns how many events a measure rests on.
    pub(crate) fn event_count(&self, measure: Measure) -> u64 {
        let is_counted = |kind: EventKind| match measure {
            Measure::Fano(stream, _) => stream.has(kind),
            Measure::Absent | Measure::Hours | Measure::TopSpeaker | Measure::SpeakersADay => {
                kind.is_talk()
            }
            Measure::Gaps
            | Measure::Bigrams
            | Measure::Correlation
            | Measure::Wait
            | Measure::Presence => true,
            // Of these only stays whose both ends were seen count.
            Measure::Stays => false,
        };
        if measure == Measure::Stays {
            return self.stays.len() as u64;
        }
        let counted = EventKind::ALL.into_iter().zip(self.kind_counts);
        let counts = counted.filter(|(kind, _)| is_counted(*kind));
        counts.map(|(_, count)| count).sum()
    }

    /// Returns the variance over mean of a stream's counts in bins of so many seconds.
    pub(crate) fn fano(&self, stream: Stream, bin_secs: u32) -> Option<f64> {
        self.fanos.get(&(stream, bin_secs)).copied()
    }

    /// Returns how far `other` is from these measures.
    pub(crate) fn distance(&self, other: &Self, measure: Measure) -> Option<f64> {
        let ratio = |one: Option<f64>, other: Option<f64>| {
            let (one, other) = (one?, other?);
            (one > 0.0 && other > 0.0).then(|| other / one)
        };
        let ln_ratio = |one: Option<f64>, other: Option<f64>| {
            ratio(one, other).map(|ratio| libm::log(ratio).abs())
        };
        match measure {
            Measure::Gaps => distances::kolmogorov_smirnov(&self.gaps, &other.gaps),
            Measure::Fano(stream, secs) => {
                ln_ratio(self.fano(stream, secs), other.fano(stream, secs))
            }
            Measure::Bigrams => distances::jensen_shannon(&self.bigrams, &other.bigrams),
            Measure::Correlation => {
                let (one, other) = (self.correlations.as_ref()?, other.correlations.as_ref()?);
                let apart = one
                    .iter()
                    .zip(other)
                    .map(|(one, other)| (one - other).abs());
                Some(apart.sum::<f64>() / number::real(one.len()).max(1.0))
            }
            Measure::Absent => other.absent_share,
            Measure::Wait => ratio(self.wait_p99, other.wait_p99),
            Measure::Stays => distances::kolmogorov_smirnov(&self.stays, &other.stays),
            Measure::Hours => distances::jensen_shannon(&self.hours, &other.hours),
            Measure::TopSpeaker => Some((self.top_share? - other.top_share?).abs()),
            Measure::SpeakersADay => ln_ratio(self.speakers_a_day, other.speakers_a_day),
            Measure::Presence => ln_ratio(self.presence, other.presence),
        }
    }

    /// Returns the 99th percentile of waits at 70 % load, in times of service.
    pub(crate) fn wait_p99(&self) -> Option<f64> {
        self.wait_p99
    }
}

fn place(kind: EventKind) -> usize {
    let place = EventKind::ALL.iter().position(|&known| known == kind);
    place.unwrap_or(0)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "events of a trace stay below 2^53"
)]
fn count_of(count: u64) -> f64 {
    count as f64
}

fn wait_p99(networks: &[Vec<&Beat>], watched_secs: f64) -> Option<f64> {
    let mut all = Vec::new();
    for beats in networks.iter().filter(|beats| !beats.is_empty()) {
        let service_secs = LOAD * watched_secs / number::real(beats.len());
        all.extend(distances::waits(
            beats.iter().map(|beat| beat.secs),
            service_secs,
        ));
    }
    all.sort_by(f64::total_cmp);
    distances::quantile(&all, 0.99)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::fidelity::span::tests::event;
    use crate::traffic::trace::event::Event;

    /// Measures the first of two weeks: a message of each of two users every hour, ten minutes apart, and whatever is added.
    fn measures(added: &[(f64, &str)]) -> Measures {
        let mut events: Vec<Event> = (0..14 * 24_u32)
            .flat_map(|hour| {
                let secs = f64::from(hour) * 3_600.0;
                [
                    event(secs, "message alder #oak"),
                    event(secs + 600.0, "message birch #oak"),
                ]
            })
            .chain(added.iter().map(|&(secs, words)| event(secs, words)))
            .collect();
        events.push(event(14.0 * 86_400.0 - 1.0, "topic alder #oak"));
        events.sort_by_key(|event| event.at_us);
        let mut span = Span::of(&events, 1).unwrap();
        span.start_us = 0;
        span.tick_us = 1;
        Measures::of(&span, &Recording::of(&span, &events, 1), Weeks::Odd)
    }

    #[track_caller]
    fn check(found: Option<f64>, want: f64) {
        let found = found.unwrap();
        assert!((found - want).abs() < 1e-6, "{found} {want}");
    }

    #[test]
    fn a_part_measures_its_own_weeks() {
        let measures = measures(&[]);
        assert_eq!(measures.event_count(Measure::Absent), 336);
        assert_eq!(measures.gaps.len(), 335);
        check(measures.gaps.first().copied(), 600.0);
        check(measures.top_share, 0.5);
        check(measures.speakers_a_day, 2.0);
        check(measures.hours.first().copied(), 2.0);
        // Every bin of an hour holds two.
        assert_eq!(measures.fano(Stream::Talk, 3_600), None);
        // Of sixty bins of a minute two hold one.
        check(measures.fano(Stream::Talk, 60), 1.0 - 1.0 / 30.0);
    }

    #[test]
    fn measures_are_no_distance_from_themselves() {
        let one = measures(&[(5.0, "join cedar #oak"), (700.0, "quit cedar #oak")]);
        for measure in Measure::all() {
            match measure {
                Measure::Wait => check(one.distance(&one, measure), 1.0),
                Measure::Fano(Stream::Churn | Stream::Talk, _) => {}
                _ => check(one.distance(&one, measure), 0.0),
            }
        }
    }

    #[test]
    fn absent_speakers_are_a_share_of_messages() {
        let one = measures(&[(5.0, "quit birch #oak")]);
        // Who is heard again is known to be there.
        check(one.absent_share, 1.0 / 336.0);
        assert_eq!(one.event_count(Measure::Stays), 0);
    }
}
