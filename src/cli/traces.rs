//! The trace that a command reads: one file, or the parts of one recording in order.

use std::io::BufRead;
use std::path::Path;
use std::path::PathBuf;

use crate::cli::error::Error;
use crate::cli::files;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::TraceMeta;
use crate::traffic::trace::read::TraceReader;

/// A trace under way.
pub(crate) struct Traces<'a> {
    left: &'a [PathBuf],
    path: &'a Path,
    reader: TraceReader<Box<dyn BufRead>>,
    cut: Vec<String>,
}

impl<'a> Traces<'a> {
    /// Opens the first of the files; there is one at least.
    pub(crate) fn open(paths: &'a [PathBuf]) -> Result<Self, Error> {
        let Some((path, left)) = paths.split_first() else {
            return Err(Error::Usage {
                what: "expected a trace".to_owned(),
                help: "name its file".to_owned(),
            });
        };
        Ok(Self {
            left,
            path,
            reader: TraceReader::open(&files::shown(path), files::open(path)?)?,
            cut: Vec::new(),
        })
    }

    /// Returns what holds for all events.
    pub(crate) fn meta(&self) -> &TraceMeta {
        self.reader.meta()
    }

    /// Returns the next event, or `None` at the end of the last file.
    pub(crate) fn next_event(&mut self) -> Result<Option<Event>, Error> {
        loop {
            if let Some(event) = self.reader.next_event()? {
                return Ok(Some(event));
            }
            if self.reader.is_cut() {
                self.cut.push(files::shown(self.path));
            }
            let Some((path, left)) = self.left.split_first() else {
                return Ok(None);
            };
            (self.path, self.left) = (path, left);
            self.reader
                .follow(&files::shown(path), files::open(path)?)?;
        }
    }

    /// Returns the files, of those that were read to their end, that end before it.
    pub(crate) fn cut(&self) -> &[String] {
        &self.cut
    }
}
