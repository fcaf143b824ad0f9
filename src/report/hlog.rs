//! Every distribution of every interval as `intervals.hlog`, the log format of `HdrHistogram`'s own tools.

use std::io;
use std::io::Write;
use std::time::Duration;

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;
use hdrhistogram::serialization::interval_log::IntervalLogWriterError;
use hdrhistogram::serialization::interval_log::Tag;

use crate::measure::distribution::Distribution;
use crate::measure::interval::Interval;
use crate::measure::operation::Operation;
use crate::units::offset::Offset;

/// A log under way, tagged `message.response`, `lateness` and the like. Every interval is flushed, so that a killed run leaves all of
/// them.
///
/// Histograms are deflated: other implementations read no others from a log. That costs .4 ms each on the thread that writes
/// them, a few times a second.
pub struct HlogWriter<W: Write> {
    out: W,
    serializer: V2DeflateSerializer,
}

impl<W: Write> HlogWriter<W> {
    /// Returns a log that has its head written. `started_unix_ms` is the run's start in milliseconds since 1970 UTC.
    ///
    /// # Errors
    ///
    /// Returns the writer's error.
    pub fn new(mut out: W, started_unix_ms: i64) -> io::Result<Self> {
        let started_ms = started_unix_ms.max(0);
        writeln!(
            out,
            "#[splitstorm intervals, schema=1, values in microseconds]\n#[Histogram log format version 1.3]\n\
             #[StartTime: {}.{:03} (seconds since epoch)]\n#[BaseTime: {}.{:03} (seconds since epoch)]\n\
             \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"",
            started_ms / 1_000,
            started_ms % 1_000,
            started_ms / 1_000,
            started_ms % 1_000,
        )?;
        out.flush()?;
        Ok(Self {
            out,
            serializer: V2DeflateSerializer::new(),
        })
    }

    /// Appends an interval: an entry for each distribution that is not empty.
    ///
    /// # Errors
    ///
    /// Returns the writer's error.
    pub fn append(
        &mut self,
        begins: Offset,
        lasts: Duration,
        interval: &Interval,
    ) -> io::Result<()> {
        for operation in Operation::ALL {
            let times = interval.times(operation);
            let name = operation.name();
            self.entry(&format!("{name}.response"), begins, lasts, &times.response)?;
            self.entry(&format!("{name}.service"), begins, lasts, &times.service)?;
        }
        self.entry("lateness", begins, lasts, &interval.lateness)?;
        self.entry("blocked", begins, lasts, &interval.blocked)?;
        self.out.flush()
    }

    fn entry(
        &mut self,
        tag: &str,
        begins: Offset,
        lasts: Duration,
        distribution: &Distribution,
    ) -> io::Result<()> {
        let Some(histogram) = distribution.as_histogram() else {
            return Ok(());
        };
        // With nothing to say in a head, it only holds the borrows.
        IntervalLogWriterBuilder::new()
            .begin_log_with(&mut self.out, &mut self.serializer)?
            .write_histogram(histogram, begins.since(Offset::ZERO), lasts, Tag::new(tag))
            .map_err(|error| match error {
                IntervalLogWriterError::IoError(error) => error,
                IntervalLogWriterError::SerializeError(error) => io::Error::other(error),
            })
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::interval_log::IntervalLogIterator;
    use hdrhistogram::serialization::interval_log::LogEntry;

    use super::*;
    use crate::report::catalogue::interval;

    fn log() -> Vec<u8> {
        let mut out = Vec::new();
        let mut log = HlogWriter::new(&mut out, 1_767_323_045_678).unwrap();
        let second = Duration::from_secs(1);
        log.append(Offset::ZERO, second, &interval(100)).unwrap();
        log.append(Offset::from_secs(1), second, &Interval::new())
            .unwrap();
        log.append(Offset::from_secs(2), second, &interval(7))
            .unwrap();
        out
    }

    #[test]
    fn the_formats_own_reader_finds_every_interval() {
        let out = log();
        let mut entries = Vec::new();
        for entry in IntervalLogIterator::new(&out) {
            entries.push(match entry.unwrap() {
                LogEntry::StartTime(at) => format!("start {at:?}"),
                LogEntry::BaseTime(at) => format!("base {at:?}"),
                LogEntry::Interval(entry) => format!(
                    "{} {:?} {:?} max {}",
                    entry.tag().unwrap().as_str(),
                    entry.start_timestamp(),
                    entry.duration(),
                    entry.max()
                ),
            });
        }
        insta::assert_snapshot!(entries.join("\n"));
    }

    #[test]
    fn histograms_are_compressed_as_other_implementations_expect() {
        // The base64 of the cookie of a compressed V2 histogram.
        let text = String::from_utf8(log()).unwrap();
        let entries = text.lines().filter(|line| line.starts_with("Tag="));
        for entry in entries {
            assert!(
                entry.rsplit(',').next().unwrap().starts_with("HISTF"),
                "{entry}"
            );
        }
    }
}
