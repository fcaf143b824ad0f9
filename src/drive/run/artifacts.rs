//! The files of a run: intervals appended as they close, the rest written whole or not at all.

use std::fs;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use crate::measure::interval::Interval;
use crate::measure::migration::Migrations;
use crate::report::hlog::HlogWriter;
use crate::report::junit;
use crate::report::markdown;
use crate::report::migration::MigrationWriter;
use crate::report::result::RunResult;
use crate::report::series::SeriesWriter;
use crate::scenario::Scenario;
use crate::units::offset::Offset;

/// The result's name.
const RESULT: &str = "result.json";
/// Name and kind of the series.
const SERIES: (&str, &str) = ("series", "csv");
/// Name and kind of the intervals.
const INTERVALS: (&str, &str) = ("intervals", "hlog");

/// Name of the series of migrations, which scenarios without one have not.
const MIGRATION: &str = "migration.csv";

/// How much of a run one file of its series and one of its intervals hold. What is written is never touched again, and a part that is
/// done is held by nobody: an operator may compress or delete it while the run goes on. An hour of a soak is two megabytes.
const PART_SECS: u64 = 3_600;

/// The files of one run.
pub struct Artifacts {
    folder: PathBuf,
    started_unix_ms: i64,
    growing: Growing,
    migration: Option<MigrationWriter<BufWriter<File>>>,
}

/// The files that grow with the run, for as long as they do.
struct Growing {
    /// Whole parts before these.
    part: u64,
    series: SeriesWriter<BufWriter<File>>,
    hlog: HlogWriter<BufWriter<File>>,
}

impl Growing {
    fn create(folder: &Path, part: u64, started_unix_ms: i64) -> io::Result<Self> {
        let file = |(stem, kind)| {
            let name = part_name(stem, part, kind);
            File::create(folder.join(name)).map(BufWriter::new)
        };
        Ok(Self {
            part,
            series: SeriesWriter::new(file(SERIES)?)?,
            hlog: HlogWriter::new(file(INTERVALS)?, started_unix_ms)?,
        })
    }
}

/// Returns the name of a part: the first has none of its own, and the others tell how many hours into the run they begin.
fn part_name(stem: &str, part: u64, kind: &str) -> String {
    if part == 0 {
        format!("{stem}.{kind}")
    } else {
        format!("{stem}-{part}.{kind}")
    }
}

/// Returns whether a file is a later part of a series or of intervals, by its name.
fn is_later_part(name: &str) -> bool {
    [SERIES, INTERVALS].into_iter().any(|(stem, kind)| {
        let number = name.strip_prefix(stem).and_then(|rest| {
            let rest = rest.strip_prefix('-')?;
            rest.strip_suffix(kind)?.strip_suffix('.')
        });
        number.is_some_and(|number| number.parse::<u64>().is_ok())
    })
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
        for name in [RESULT, MIGRATION, "summary.md", "junit.xml"] {
            for path in [folder.join(name), beside(folder, name)] {
                match fs::remove_file(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(is_later_part) {
                fs::remove_file(entry.path())?;
            }
        }
        whole(folder, "scenario.resolved.toml", |out| {
            out.write_all(scenario.to_toml().as_bytes())
        })?;
        Ok(Self {
            growing: Growing::create(folder, 0, started_unix_ms)?,
            migration: migration(folder, scenario)?,
            started_unix_ms,
            folder: folder.to_owned(),
        })
    }

    /// Appends an interval that has closed.
    ///
    /// # Errors
    ///
    /// Returns why it can't be written.
    pub fn append(
        &mut self,
        begins: Offset,
        interval: &Interval,
        migrations: &Migrations,
    ) -> io::Result<()> {
        if let Some(migration) = &mut self.migration {
            migration.append(begins + Interval::LENGTH, migrations)?;
        }
        let part = begins.since(Offset::ZERO).as_secs() / PART_SECS;
        if part > self.growing.part {
            self.growing = Growing::create(&self.folder, part, self.started_unix_ms)?;
        }
        self.growing.series.append(begins, interval)?;
        self.growing.hlog.append(begins, Interval::LENGTH, interval)
    }

    /// Writes the result of the run so far, for whoever finds the folder if the process is killed. It is not forced to the disk: what
    /// is killed is the process, and the system outlives it.
    ///
    /// # Errors
    ///
    /// Returns why it can't be written.
    pub fn keep(&self, result: &RunResult) -> io::Result<()> {
        whole(&self.folder, RESULT, |out| result.write(out))
    }

    /// Writes the result and the reports made of it.
    ///
    /// # Errors
    ///
    /// Returns why one of them can't be written.
    pub fn finish(&self, result: &RunResult) -> io::Result<()> {
        self.keep(result)?;
        whole(&self.folder, "summary.md", |out| {
            markdown::write(result, out)
        })?;
        whole(&self.folder, "junit.xml", |out| junit::write(result, out))
    }
}

fn migration(
    folder: &Path,
    scenario: &Scenario,
) -> io::Result<Option<MigrationWriter<BufWriter<File>>>> {
    let mut phases = scenario.phases.iter();
    if !phases.any(|phase| phase.kind.is_gradual()) {
        return Ok(None);
    }
    let file = File::create(folder.join(MIGRATION)).map(BufWriter::new)?;
    let names = scenario.phases.iter().map(|phase| phase.name.clone());
    MigrationWriter::new(file, names.collect()).map(Some)
}

/// Returns where a file is written before it takes its place.
fn beside(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!(".{name}.part"))
}

/// Writes a file beside its place and renames it when it is whole. A killed process leaves no more than one such file, which the next
/// write takes over.
fn whole(
    folder: &Path,
    name: &str,
    write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> io::Result<()> {
    let beside = beside(folder, name);
    let file = File::create(&beside)?;
    let mut out = BufWriter::new(&file);
    let written = write(&mut out)
        .and_then(|()| out.flush())
        .and_then(|()| fs::rename(&beside, folder.join(name)));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::file;

    fn scenario() -> Scenario {
        let text = "profile = \"wood\"\n[population]\nusers = 2\nchannels = 2\nmembers_per_channel = 2\n\
            [phase.steady]\nkind = \"steady\"\nduration = \"3h\"\n";
        file::read("long.toml", text, &std::collections::BTreeMap::new()).unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn rows(folder: &Path, name: &str) -> Vec<String> {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        let rows = text.lines().skip(2);
        rows.map(|row| row.split(',').next().unwrap().to_owned())
            .collect()
    }

    fn append(artifacts: &mut Artifacts, secs: i64) {
        let interval = Interval::new();
        artifacts
            .append(Offset::from_secs(secs), &interval, &Migrations::default())
            .unwrap();
    }

    #[test]
    fn a_run_of_an_hour_has_one_part_and_a_longer_one_has_one_an_hour() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let mut artifacts = Artifacts::create(folder, &scenario(), 0).unwrap();
        for secs in [0, 1, 3_599] {
            append(&mut artifacts, secs);
        }
        let first = ["intervals.hlog", "scenario.resolved.toml", "series.csv"];
        assert_eq!(names(folder), first);
        append(&mut artifacts, 3_600);
        // An operator may take away what is done.
        fs::remove_file(folder.join("series.csv")).unwrap();
        fs::remove_file(folder.join("intervals.hlog")).unwrap();
        append(&mut artifacts, 3_601);
        append(&mut artifacts, 7_205);
        let later = [
            "intervals-1.hlog",
            "intervals-2.hlog",
            "scenario.resolved.toml",
            "series-1.csv",
            "series-2.csv",
        ];
        assert_eq!(names(folder), later);
        assert_eq!(rows(folder, "series-1.csv"), ["3600.000", "3601.000"]);
        assert_eq!(rows(folder, "series-2.csv"), ["7205.000"]);
    }

    #[test]
    fn nothing_of_an_earlier_run_is_taken_for_this_ones() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        for name in [
            ".result.json.part",
            "junit.xml",
            "intervals-12.hlog",
            "result.json",
            "series-1.csv",
            "series-of-mine.csv",
            "summary.md",
        ] {
            fs::write(folder.join(name), "old").unwrap();
        }
        Artifacts::create(folder, &scenario(), 0).unwrap();
        let left = [
            "intervals.hlog",
            "scenario.resolved.toml",
            "series-of-mine.csv",
            "series.csv",
        ];
        assert_eq!(names(folder), left);
    }
}
