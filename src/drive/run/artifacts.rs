//! The files of a run: intervals appended as they close, the rest written whole or not at all.

use std::fs;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::NamedTempFile;

use crate::measure::interval::Interval;
use crate::report::hlog::HlogWriter;
use crate::report::junit;
use crate::report::markdown;
use crate::report::result::RunResult;
use crate::report::series::SeriesWriter;
use crate::scenario::Scenario;
use crate::units::offset::Offset;

/// Length of an interval.
const INTERVAL: Duration = Duration::from_secs(1);

/// The files of one run.
pub struct Artifacts {
    folder: PathBuf,
    series: SeriesWriter<BufWriter<File>>,
    hlog: HlogWriter<BufWriter<File>>,
}

impl Artifacts {
    /// Makes the folder and the files that grow with the run.
    ///
    /// # Errors
    ///
    /// Returns why one of them can't be made.
    pub fn create(folder: &Path, scenario: &Scenario, started_unix_ms: i64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        // What an earlier run left here must not be taken for this one's.
        for name in ["result.json", "summary.md", "junit.xml"] {
            match fs::remove_file(folder.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        whole(folder, "scenario.resolved.toml", |out| {
            out.write_all(scenario.to_toml().as_bytes())
        })?;
        let growing = |name: &str| File::create(folder.join(name)).map(BufWriter::new);
        Ok(Self {
            series: SeriesWriter::new(growing("series.csv")?)?,
            hlog: HlogWriter::new(growing("intervals.hlog")?, started_unix_ms)?,
            folder: folder.to_owned(),
        })
    }

    /// Appends an interval that has closed.
    ///
    /// # Errors
    ///
    /// Returns why it can't be written.
    pub fn append(&mut self, begins: Offset, interval: &Interval) -> io::Result<()> {
        self.series.append(begins, interval)?;
        self.hlog.append(begins, INTERVAL, interval)
    }

    /// Writes the result and the reports made of it.
    ///
    /// # Errors
    ///
    /// Returns why one of them can't be written.
    pub fn finish(&self, result: &RunResult) -> io::Result<()> {
        whole(&self.folder, "result.json", |out| result.write(out))?;
        whole(&self.folder, "summary.md", |out| {
            markdown::write(result, out)
        })?;
        whole(&self.folder, "junit.xml", |out| junit::write(result, out))
    }
}

/// Writes a file beside its place and renames it when it is whole.
fn whole(
    folder: &Path,
    name: &str,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = NamedTempFile::new_in(folder)?;
    let mut out = BufWriter::new(file.as_file_mut());
    write(&mut out)?;
    out.flush()?;
    drop(out);
    // Temporary files are for their owner alone; results are for whoever may read the folder.
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    rustix::fs::fchmod(file.as_file(), mode)?;
    file.persist(folder.join(name))
        .map_err(|error| error.error)?;
    Ok(())
}
