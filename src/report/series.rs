//! The run second by second as `series.csv`, a row as each interval closes.

use std::io;
use std::io::Write;

use crate::measure::distribution::Distribution;
use crate::measure::interval::Interval;
use crate::measure::operation::Operation;
use crate::units::offset::Offset;

/// Version of the columns.
pub const SCHEMA: u32 = 1;

const COLUMNS: &str = "at_s,planned,sent,delivered,registered,message_response_p50_us,message_response_p99_us,message_response_max_us,\
    message_service_p99_us,lateness_p99_us,lines,bytes,refused,disconnects,target_cpu,target_rss_bytes,target_descriptors,\
    target_threads";

/// A series under way. Every row is flushed, so that a killed run leaves all of them.
#[derive(Debug)]
pub struct SeriesWriter<W: Write> {
    out: W,
}

impl<W: Write> SeriesWriter<W> {
    /// Returns a series that has its head written.
    ///
    /// # Errors
    ///
    /// Returns the writer's error.
    pub fn new(mut out: W) -> io::Result<Self> {
        writeln!(out, "# splitstorm series, schema={SCHEMA}\n{COLUMNS}")?;
        out.flush()?;
        Ok(Self { out })
    }

    /// Appends an interval that began at `begins`. What was not measured is left empty.
    ///
    /// # Errors
    ///
    /// Returns the writer's error.
    pub fn append(&mut self, begins: Offset, interval: &Interval) -> io::Result<()> {
        let process = interval.process.as_ref();
        let sample = process.map(|process| &process.sample);
        let cores = process.and_then(|process| process.cores);
        let message = interval.times(Operation::Message);
        let response = &message.response;
        let quantile =
            |distribution: &Distribution, quantile| cell(distribution.at_quantile(quantile));
        writeln!(
            self.out,
            "{:.3},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}",
            begins.as_secs_f64(),
            interval.planned,
            interval.sent,
            interval.delivered,
            interval.registered,
            quantile(response, 0.5),
            quantile(response, 0.99),
            cell(response.max()),
            quantile(&message.service, 0.99),
            quantile(&interval.lateness, 0.99),
            interval.lines,
            interval.bytes,
            interval.refused.total(),
            interval.disconnects.total(),
            cores.map_or_else(String::new, |cores| format!("{cores:.3}")),
            cell(sample.map(|sample| sample.rss_bytes)),
            cell(sample.and_then(|sample| sample.descriptors)),
            cell(sample.map(|sample| sample.threads))
        )?;
        self.out.flush()
    }
}

fn cell(value: Option<u64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::catalogue::interval;

    #[test]
    fn a_row_an_interval_and_nothing_where_nothing_was_measured() {
        let mut out = Vec::new();
        let mut series = SeriesWriter::new(&mut out).unwrap();
        series.append(Offset::ZERO, &interval(100)).unwrap();
        series
            .append(Offset::from_secs(1), &Interval::new())
            .unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }

    #[test]
    fn every_row_has_every_column() {
        let mut out = Vec::new();
        let mut series = SeriesWriter::new(&mut out).unwrap();
        series.append(Offset::ZERO, &interval(3)).unwrap();
        let text = String::from_utf8(out).unwrap();
        let mut reader = csv::ReaderBuilder::new()
            .comment(Some(b'#'))
            .from_reader(text.as_bytes());
        let row = reader.records().next().unwrap().unwrap();
        assert_eq!(reader.headers().unwrap().len(), row.len());
        assert_eq!(&row[2], "3");
    }

    /// Counts flushes.
    struct Flushes(u64);

    impl Write for &mut Flushes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0 += 1;
            Ok(())
        }
    }

    #[test]
    fn every_row_is_flushed() {
        let mut flushes = Flushes(0);
        let mut series = SeriesWriter::new(&mut flushes).unwrap();
        series.append(Offset::ZERO, &interval(1)).unwrap();
        series.append(Offset::ZERO, &interval(1)).unwrap();
        assert_eq!(flushes.0, 3);
    }
}
