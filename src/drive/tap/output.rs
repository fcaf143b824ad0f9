//! The trace files of a tap: written as it goes, one after the other, never over another.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::TraceMeta;
use crate::traffic::trace::write::TraceWriter;

/// Level of compression: zstd's default, which keeps up with any disk.
const ZSTD_LEVEL: i32 = 3;

/// Files of a folder: their four digits sort in order of time. The last one grows without end.
const FILES_MAX: u32 = 9_999;

/// Where a tap writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// One file, compressed if its name ends in `.zst`.
    File(PathBuf),
    /// Compressed files in a folder, a new one as soon as one has so many bytes; one file if no size is given.
    Folder {
        /// The folder; made if there is none.
        path: PathBuf,
        /// Bytes of a file, compressed.
        rotate_bytes: Option<u64>,
    },
}

/// An error of a file.
#[derive(Debug, thiserror::Error)]
#[error("can't write `{}`", path.display())]
pub struct OutputError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// The trace files of one tap.
pub(crate) struct Output {
    destination: Destination,
    meta: TraceMeta,
    number: u32,
    path: PathBuf,
    writer: TraceWriter<Sink>,
}

impl Output {
    /// Begins the first file.
    pub(crate) fn begin(destination: Destination, meta: TraceMeta) -> Result<Self, OutputError> {
        let number = match &destination {
            Destination::File(_) => 0,
            Destination::Folder { path, .. } => {
                let fail = |source| OutputError {
                    path: path.clone(),
                    source,
                };
                fs::create_dir_all(path).map_err(fail)?;
                last_number(path).map_err(fail)? + 1
            }
        };
        Self::open(destination, meta, number)
    }

    /// Begins the file of that number.
    fn open(destination: Destination, meta: TraceMeta, number: u32) -> Result<Self, OutputError> {
        let path = path_of(&destination, number);
        let writer = begin_file(&path, &meta)?;
        Ok(Self {
            destination,
            meta,
            number,
            path,
            writer,
        })
    }

    /// Returns the file that is being written.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether the file has reached its size.
    pub(crate) fn is_full(&self) -> bool {
        let rotate_bytes = match self.destination {
            Destination::File(_) => None,
            Destination::Folder { rotate_bytes, .. } => rotate_bytes,
        };
        rotate_bytes.is_some_and(|size| self.writer.output().bytes() >= size)
    }

    /// Returns whether no file may follow this one.
    pub(crate) fn is_last(&self) -> bool {
        self.number >= FILES_MAX
    }

    /// Ends the file and begins the next.
    pub(crate) fn rotate(self) -> Result<Self, OutputError> {
        let Self {
            destination,
            meta,
            number,
            path,
            writer,
        } = self;
        finish_file(writer).map_err(|source| OutputError { path, source })?;
        Self::open(destination, meta, number + 1)
    }

    /// Writes an event.
    pub(crate) fn write(&mut self, event: &Event) -> io::Result<()> {
        self.writer.write(event)
    }

    /// Hands everything to the system, so that it stays even if this process is killed.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }

    /// Ends the file.
    pub(crate) fn finish(self) -> Result<(), OutputError> {
        let path = self.path;
        finish_file(self.writer).map_err(|source| OutputError { path, source })
    }
}

fn begin_file(path: &Path, meta: &TraceMeta) -> Result<TraceWriter<Sink>, OutputError> {
    let begin = || {
        // Never over another: that would be somebody's recording.
        let file = Counted {
            file: File::create_new(path)?,
            bytes: 0,
        };
        let sink = if path.extension().is_some_and(|extension| extension == "zst") {
            Sink::Compressed(zstd::Encoder::new(file, ZSTD_LEVEL)?)
        } else {
            Sink::Plain(file)
        };
        let mut writer = TraceWriter::create(sink, meta)?;
        writer.flush()?;
        Ok(writer)
    };
    begin().map_err(|source| OutputError {
        path: path.to_owned(),
        source,
    })
}

fn finish_file(writer: TraceWriter<Sink>) -> io::Result<()> {
    match writer.finish()? {
        Sink::Plain(mut file) => file.flush(),
        Sink::Compressed(encoder) => encoder.finish()?.flush(),
    }
}

/// Returns the file of that number.
fn path_of(destination: &Destination, number: u32) -> PathBuf {
    match destination {
        Destination::File(path) => path.clone(),
        Destination::Folder { path, .. } => path.join(format!("trace-{number:04}.csv.zst")),
    }
}

/// Returns the highest number of a tap's file in a folder, or 0: what an earlier tap left stays, and stays in order.
fn last_number(folder: &Path) -> io::Result<u32> {
    let mut last = 0;
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name
            .to_str()
            .and_then(|name| name.strip_prefix("trace-")?.strip_suffix(".csv.zst"))
            .and_then(|digits| digits.parse().ok());
        last = last.max(number.unwrap_or(0));
    }
    Ok(last)
}

/// A file and how many bytes it has.
struct Counted {
    file: File,
    bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

enum Sink {
    Plain(Counted),
    Compressed(zstd::Encoder<'static, Counted>),
}

impl Sink {
    fn bytes(&self) -> u64 {
        match self {
            Self::Plain(file) => file.bytes,
            Self::Compressed(encoder) => encoder.get_ref().bytes,
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Compressed(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Compressed(encoder) => encoder.flush(),
        }
    }
}
