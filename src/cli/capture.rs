//! The commands `capture …`: foreign recordings to traces.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rand::TryRng;
use rand::rngs::SysRng;

use crate::cli::error;
use crate::cli::error::Error;
use crate::cli::files;
use crate::place::Misread;
use crate::place::Place;
use crate::traffic::capture::detect::Format;
use crate::traffic::capture::import::FileReport;
use crate::traffic::capture::import::ImportError;
use crate::traffic::capture::import::ImportOptions;
use crate::traffic::capture::import::Importer;
use crate::traffic::trace::event::EventKind;
use crate::traffic::trace::event::TraceMeta;
use crate::traffic::trace::pseudonym::Pseudonyms;
use crate::traffic::trace::write::TraceWriter;

/// Logs with damaged lines whose lines are shown; further ones are only counted.
const DAMAGED_LOGS_SHOWN_MAX: usize = 10;

/// Files that are no logs and are named; further ones are only counted.
const SKIPPED_SHOWN_MAX: usize = 5;

/// What to do with recordings.
#[derive(Debug, Subcommand)]
pub(crate) enum CaptureCommand {
    /// Import logs of clients, bots and bouncers, or raw lines of the protocol, as one trace.
    ///
    /// Names become pseudonyms under a key that is thrown away, and texts become their lengths, unless --keep-text is
    /// given. Lines that are not understood are counted and shown.
    Import(ImportArguments),
}

/// Flags of `capture import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// Logs, or folders of logs; folders are walked in sorted order.
    #[arg(required = true, value_name = "LOG")]
    logs: Vec<PathBuf>,
    /// The trace to write, compressed if it ends in .zst; `-` is stdout.
    #[arg(short, long, value_name = "TRACE")]
    output: PathBuf,
    /// The format of the logs: znc, eggdrop or raw [default: told from each log's first lines].
    #[arg(long, value_parser = format_of)]
    format: Option<Format>,
    /// The network's name in the trace.
    #[arg(long, default_value = "network")]
    network: String,
    /// The channel of the logs [default: told from each log's path].
    #[arg(long)]
    channel: Option<String>,
    /// The day on which each log begins, such as 2024-02-29 [default: told from each log's path].
    #[arg(long, value_name = "DAY")]
    date: Option<Date>,
    /// The time zone of stamps without one, such as Europe/Berlin [default: UTC, marked as assumed].
    #[arg(long, value_name = "ZONE", value_parser = TimeZone::get)]
    tz: Option<TimeZone>,
    /// Keep names and texts as they are: the trace then holds people's words.
    #[arg(long)]
    keep_text: bool,
}

/// Runs a command on recordings.
pub(crate) fn run(command: CaptureCommand) -> Result<u8, Error> {
    match command {
        CaptureCommand::Import(arguments) => import(arguments),
    }
}

fn format_of(word: &str) -> Result<Format, String> {
    word.parse().map_err(|()| {
        format!(
            "expected one of {}",
            Format::ALL.map(Format::as_str).join(", ")
        )
    })
}

fn import(arguments: ImportArguments) -> Result<u8, Error> {
    let pseudonyms = pseudonyms(arguments.keep_text)?;
    let mut importer = Importer::new(ImportOptions {
        format: arguments.format,
        network: arguments.network,
        channel: arguments.channel,
        day: arguments.date,
        zone: arguments.tz,
        keeps_text: arguments.keep_text,
    });
    let mut reports = Vec::new();
    let mut skipped = Vec::new();
    for log in &arguments.logs {
        if log.is_dir() {
            for path in files::walk(log)? {
                match read(&mut importer, &path)? {
                    Ok(report) => reports.push(report),
                    // Folders hold other things besides logs.
                    Err(ImportError::NoLog(misread)) => skipped.push(misread),
                    Err(error) => return Err(Error::Misread(error.into_misread())),
                }
            }
        } else {
            let report = read(&mut importer, log)?;
            reports.push(report.map_err(ImportError::into_misread)?);
        }
    }
    if reports.iter().all(|report| report.format.is_none()) {
        let place = Place::file(
            arguments
                .logs
                .first()
                .map_or_else(String::new, |log| files::shown(log)),
        );
        let misread = skipped
            .into_iter()
            .next()
            .unwrap_or_else(|| Misread::new("expected a log with lines, found none", place));
        return Err(Error::Misread(misread));
    }
    let imported = importer.finish(pseudonyms, env!("CARGO_PKG_VERSION"));
    let meta = imported.meta().clone();
    let mut tally = Tally::default();
    files::write(&arguments.output, |output| {
        let mut writer = TraceWriter::create(output, &meta)?;
        for event in imported {
            tally.count(event.kind, event.at_us);
            writer.write(&event)?;
        }
        writer.finish()?;
        Ok(())
    })?;
    error::say(&summary(
        &arguments.output,
        &meta,
        &tally,
        &reports,
        &skipped,
    ));
    Ok(0)
}

/// Returns how names are shown; the key is drawn here and kept nowhere else.
fn pseudonyms(keeps_text: bool) -> Result<Pseudonyms, Error> {
    if keeps_text {
        return Ok(Pseudonyms::kept());
    }
    let mut key = [0; 16];
    SysRng
        .try_fill_bytes(&mut key)
        .map_err(|source| Error::System {
            what: "drawing a key for pseudonyms",
            source: io::Error::other(source),
        })?;
    Ok(Pseudonyms::hashed(key))
}

fn read(importer: &mut Importer, path: &Path) -> Result<Result<FileReport, ImportError>, Error> {
    let input = files::open(path)?;
    Ok(importer.read(&files::shown(path), input))
}

/// Counts of a trace.
#[derive(Debug, Default)]
struct Tally {
    by_kind: [u64; EventKind::ALL.len()],
    first_us: Option<i64>,
    last_us: i64,
}

impl Tally {
    fn count(&mut self, kind: EventKind, at_us: i64) {
        let index = EventKind::ALL.iter().position(|known| *known == kind);
        if let Some(count) = index.and_then(|index| self.by_kind.get_mut(index)) {
            *count += 1;
        }
        self.first_us.get_or_insert(at_us);
        self.last_us = at_us;
    }
}

/// Returns what the import came to, for people.
fn summary(
    output: &Path,
    meta: &TraceMeta,
    tally: &Tally,
    reports: &[FileReport],
    skipped: &[Misread],
) -> String {
    let logs = || reports.iter().filter(|report| report.format.is_some());
    let mut formats: Vec<Format> = logs().filter_map(|report| report.format).collect();
    formats.sort_unstable();
    formats.dedup();
    let formats: Vec<&str> = formats.into_iter().map(Format::as_str).collect();
    let total: u64 = tally.by_kind.iter().sum();
    let mut text = format!(
        "{total} events of {} ({}) to {}\n",
        counted(logs().count(), "log"),
        formats.join(", "),
        files::shown(output)
    );
    let moment = |us: i64| {
        Timestamp::from_microsecond(us).map_or_else(|_| us.to_string(), |moment| moment.to_string())
    };
    if let Some(first_us) = tally.first_us {
        let zone = if meta.is_zone_assumed() {
            "UTC, assumed: --tz names another"
        } else {
            &meta.zone
        };
        put(
            &mut text,
            &format!(
                "  from {} to {}, zone {zone}",
                moment(first_us),
                moment(tally.last_us)
            ),
        );
    }
    let counts: Vec<String> = EventKind::ALL
        .iter()
        .zip(tally.by_kind)
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| format!("{} {count}", kind.as_str()))
        .collect();
    put(&mut text, &format!("  {}", counts.join(", ")));
    let sum = |count: fn(&FileReport) -> u64| reports.iter().map(count).sum::<u64>();
    let lines = sum(|report| report.line_count);
    let notes = sum(|report| report.note_count);
    put(
        &mut text,
        &format!("  {lines} lines, of which {notes} tell no event"),
    );
    let lifted = sum(|report| report.lifted_count);
    if lifted > 0 {
        put(
            &mut text,
            &format!(
                "warning: {lifted} events whose time ran back got the time of the event before them"
            ),
        );
    }
    let damaged = sum(|report| report.damaged_count);
    if damaged > 0 {
        put(
            &mut text,
            &format!("warning: {damaged} of {lines} lines are not understood"),
        );
        put_damaged(&mut text, reports);
    }
    if !skipped.is_empty() {
        put(
            &mut text,
            &format!(
                "warning: skipped what is no log: {}",
                counted(skipped.len(), "file")
            ),
        );
        for misread in skipped.iter().take(SKIPPED_SHOWN_MAX) {
            put(
                &mut text,
                &format!("  --> {}: {}", misread.place, misread.what),
            );
        }
    }
    text
}

/// Appends the first damaged lines of the first logs that have any.
fn put_damaged(text: &mut String, reports: &[FileReport]) {
    let damaged: Vec<&FileReport> = reports
        .iter()
        .filter(|report| report.damaged_count > 0)
        .collect();
    for report in damaged.iter().take(DAMAGED_LOGS_SHOWN_MAX) {
        for line in &report.damaged {
            let (path, number) = (&report.path, line.line);
            put(
                text,
                &format!(
                    "  --> {path}:{number}: expected {}, found `{}`",
                    line.expected, line.excerpt
                ),
            );
        }
        let rest = report.damaged_count - report.damaged.len() as u64;
        if rest > 0 {
            put(text, &format!("  --> {}: and {rest} more", report.path));
        }
    }
    if damaged.len() > DAMAGED_LOGS_SHOWN_MAX {
        put(
            text,
            &format!(
                "  and in {}",
                counted(damaged.len() - DAMAGED_LOGS_SHOWN_MAX, "further log")
            ),
        );
    }
}

/// Appends a line; writing into a String does not fail.
fn put(text: &mut String, line: &str) {
    let _ = writeln!(text, "{line}");
}

/// Returns how many there are of something, in words.
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
