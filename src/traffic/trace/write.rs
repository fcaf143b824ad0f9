//! Writer of trace files.

use std::io;
use std::io::Write;

use crate::traffic::trace::event::COLUMNS;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventView;
use crate::traffic::trace::event::MAGIC;
use crate::traffic::trace::event::SCHEMA;
use crate::traffic::trace::event::TEXT_COLUMN;
use crate::traffic::trace::event::TraceMeta;

/// A trace file under way.
#[derive(Debug)]
pub struct TraceWriter<W: Write> {
    csv: csv::Writer<W>,
    has_text: bool,
}

impl<W: Write> TraceWriter<W> {
    /// Writes the head of a trace.
    ///
    /// # Errors
    ///
    /// When `output` can't be written.
    pub fn create(mut output: W, meta: &TraceMeta) -> io::Result<Self> {
        let names = if meta.has_names { "kept" } else { "hashed" };
        let text = if meta.has_text { "kept" } else { "length" };
        writeln!(output, "# {MAGIC} {SCHEMA}")?;
        writeln!(output, "# tool={}", meta.tool)?;
        writeln!(output, "# tz={}", meta.zone)?;
        writeln!(output, "# tick_us={}", meta.tick_us)?;
        writeln!(output, "# names={names}")?;
        writeln!(output, "# text={text}")?;
        for (channel, loggers) in &meta.overlaps {
            writeln!(output, "# overlap={loggers} {channel}")?;
        }
        let mut columns = COLUMNS.to_vec();
        if meta.has_text {
            columns.push(TEXT_COLUMN);
        }
        writeln!(output, "{}", columns.join(","))?;
        Ok(Self {
            csv: csv::WriterBuilder::new()
                .has_headers(false)
                .from_writer(output),
            has_text: meta.has_text,
        })
    }

    /// Writes one event; events are written in order of time.
    ///
    /// # Errors
    ///
    /// When the output can't be written.
    pub fn write(&mut self, event: &Event) -> io::Result<()> {
        self.write_view(&event.view())
    }

    /// Writes one event whose names somebody else keeps; events are written in order of time.
    ///
    /// # Errors
    ///
    /// When the output can't be written.
    pub fn write_view(&mut self, event: &EventView<'_>) -> io::Result<()> {
        let at_us = event.at_us.to_string();
        let bytes = event.bytes.to_string();
        let mut fields = vec![
            at_us.as_str(),
            event.kind.as_str(),
            event.network,
            event.channel,
            event.user,
            event.peer,
            &bytes,
            event.detail,
        ];
        if self.has_text {
            fields.push(event.text);
        }
        self.csv.write_record(fields).map_err(io::Error::other)
    }

    /// Writes what is buffered, so that it can be read.
    ///
    /// # Errors
    ///
    /// When the output can't be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.csv.flush()
    }

    /// Returns the output.
    pub fn output(&self) -> &W {
        self.csv.get_ref()
    }

    /// Writes what is buffered and returns the output.
    ///
    /// # Errors
    ///
    /// When the output can't be written.
    pub fn finish(self) -> io::Result<W> {
        self.csv
            .into_inner()
            .map_err(csv::IntoInnerError::into_error)
    }
}
