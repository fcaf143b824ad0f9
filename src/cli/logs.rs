//! The logs that a command reads: files, folders and trees of them, told or detected.

use std::io;
use std::io::IsTerminal as _;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::cli::error::Error;
use crate::cli::files;
use crate::place::Misread;
use crate::place::Place;
use crate::traffic::capture::format::Format;
use crate::traffic::capture::import::ImportOptions;
use crate::traffic::capture::import::Importer;
use crate::traffic::capture::import::Log;
use crate::traffic::capture::origin;
use crate::traffic::capture::refusal::ImportError;
use crate::traffic::capture::report::FileReport;

/// Flags of commands that read logs.
#[derive(Debug, Args)]
pub(crate) struct LogArguments {
    /// Logs, or folders of logs; folders are walked in sorted order, .gz and .zst are unpacked.
    #[arg(required = true, value_name = "LOG")]
    pub(crate) logs: Vec<PathBuf>,
    /// The format of the logs [default: told from each log's first lines].
    #[arg(long, value_parser = format_of, long_help = format_help())]
    format: Option<Format>,
    /// The network's name in the trace; of a tree with several, the one to read.
    #[arg(long)]
    network: Option<String>,
    /// The channel of the logs [default: told from each log's path].
    #[arg(long)]
    channel: Option<String>,
    /// The day on which each log begins, such as 2024-02-29 [default: told from each log's path].
    #[arg(long, value_name = "DAY")]
    date: Option<Date>,
    /// The time zone of stamps without one, such as Europe/Berlin [default: UTC, marked as assumed].
    #[arg(long, value_name = "ZONE", value_parser = TimeZone::get)]
    tz: Option<TimeZone>,
    /// Each LOG is a bouncer's folder of logs: a folder per user, below it networks and channels.
    ///
    /// What several users logged of one channel counts once. Private queries are counted and not read.
    #[arg(long)]
    tree: bool,
}

/// What was read of the logs.
pub(crate) struct LogsRead {
    pub(crate) importer: Importer,
    pub(crate) reports: Vec<FileReport>,
    /// Files that are no logs.
    pub(crate) skipped: Vec<Misread>,
    /// Logs of private queries, which are not read.
    pub(crate) query_count: u64,
}

/// A log to be read.
struct Found {
    path: PathBuf,
    logger: Option<String>,
    /// Whether the user named this very file, so that it must be a log.
    is_named: bool,
}

fn format_of(word: &str) -> Result<Format, String> {
    word.parse()
        .map_err(|()| format!("expected one of {}", formats()))
}

fn formats() -> String {
    Format::ALL.map(Format::as_str).join(", ")
}

fn format_help() -> String {
    format!(
        "The format of the logs: {} [default: told from each log's first lines]",
        formats()
    )
}

/// Reads the logs that `arguments` name.
///
/// # Errors
///
/// When one can't be read, tells no origin, or none of them is a log.
pub(crate) fn read(arguments: &LogArguments, keeps_text: bool) -> Result<LogsRead, Error> {
    let mut query_count = 0;
    let mut network = arguments.network.clone();
    let found = if arguments.tree {
        find_in_trees(&arguments.logs, &mut network, &mut query_count)?
    } else {
        find(&arguments.logs)?
    };
    let mut importer = Importer::new(ImportOptions {
        format: arguments.format,
        network: network.unwrap_or_else(|| "network".to_owned()),
        channel: arguments.channel.clone(),
        day: arguments.date,
        zone: arguments.tz.clone(),
        keeps_text,
    });
    let bar = bar(&found);
    let mut reports = Vec::new();
    let mut skipped = Vec::new();
    for log in &found {
        let path = files::shown(&log.path);
        let input = files::open_counted(&log.path, &bar)?;
        let whose = Log {
            path: &path,
            logger: log.logger.as_deref(),
        };
        match importer.read(whose, input) {
            Ok(report) => reports.push(report),
            // Folders hold other things besides logs.
            Err(ImportError::NoLog(misread)) if !log.is_named => skipped.push(misread),
            Err(error) => return Err(Error::Misread(error.into_misread())),
        }
    }
    bar.finish_and_clear();
    if reports.iter().all(|report| report.kind().is_none()) {
        return Err(Error::Misread(no_log(arguments, skipped)));
    }
    Ok(LogsRead {
        importer,
        reports,
        skipped,
        query_count,
    })
}

fn find(logs: &[PathBuf]) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    for log in logs {
        let is_folder = log.is_dir();
        let paths = if is_folder {
            files::walk(log)?
        } else {
            vec![log.clone()]
        };
        found.extend(paths.into_iter().map(|path| Found {
            path,
            logger: None,
            is_named: !is_folder,
        }));
    }
    Ok(found)
}

/// Finds the logs of channels in trees of one network each.
fn find_in_trees(
    roots: &[PathBuf],
    network: &mut Option<String>,
    query_count: &mut u64,
) -> Result<Vec<Found>, Error> {
    let wanted = network.clone();
    let mut found = Vec::new();
    for root in roots {
        if !root.is_dir() {
            return Err(Error::Usage {
                what: format!("`{}` is no folder", files::shown(root)),
                help: "--tree reads folders with a folder of logs per user".to_owned(),
            });
        }
        for path in files::walk(root)? {
            let below = path.strip_prefix(root).unwrap_or(&path);
            let below = files::shown(below);
            let Some(origin) = origin::in_tree(&below) else {
                continue;
            };
            if let (Some(wanted), Some(here)) = (&wanted, origin.network)
                && here != wanted
            {
                continue;
            }
            if origin.is_query() {
                *query_count += 1;
                continue;
            }
            match (&network, origin.network) {
                (None, Some(here)) => *network = Some(here.to_owned()),
                (Some(one), Some(other)) if one != other => {
                    return Err(Error::Usage {
                        what: format!("the tree has logs of the networks `{one}` and `{other}`"),
                        help: format!("import one at a time: --network {other}"),
                    });
                }
                _ => {}
            }
            let logger = Some(origin.logger.to_owned());
            found.push(Found {
                path,
                logger,
                is_named: false,
            });
        }
    }
    Ok(found)
}

/// Returns a bar over the bytes of all logs, hidden where nobody looks.
fn bar(found: &[Found]) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let size = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
    let bar = ProgressBar::new(found.iter().map(|log| size(&log.path)).sum());
    if let Ok(style) = ProgressStyle::with_template(
        "{bar:28} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} to go",
    ) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}

/// Returns the error that nothing was a log.
fn no_log(arguments: &LogArguments, skipped: Vec<Misread>) -> Misread {
    skipped.into_iter().next().unwrap_or_else(|| {
        let first = arguments.logs.first();
        let place = Place::file(first.map_or_else(String::new, |log| files::shown(log)));
        Misread::new("expected a log with lines, found none", place)
    })
}
