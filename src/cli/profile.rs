//! The commands `profile …`: traces to profiles, and a look at them.

use std::fs;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::cli::check;
use crate::cli::check::CheckArguments;
use crate::cli::drift;
use crate::cli::drift::DriftArguments;
use crate::cli::error;
use crate::cli::error::Error;
use crate::cli::files;
use crate::cli::inputs;
use crate::cli::sample;
use crate::cli::sample::SampleArguments;
use crate::cli::scale;
use crate::cli::scale::ScaleArguments;
use crate::cli::traces::Traces;
use crate::place::Misread;
use crate::place::Place;
use crate::traffic::fidelity::drift::weekly;
use crate::traffic::profile::Profile;
use crate::traffic::profile::file::AGGREGATE;
use crate::traffic::profile::file::PARAMETERS;
use crate::traffic::profile::file::PEOPLE;
use crate::traffic::profile::file::ROWS;
use crate::traffic::profile::file::SCORES;
use crate::traffic::profile::file::WEEKS;
use crate::traffic::profile::fit::FitError;
use crate::traffic::profile::fit::FitOptions;
use crate::traffic::profile::fit::Keeps;
use crate::traffic::profile::fit::Weeks;
use crate::traffic::profile::fit::counted::Coverage;
use crate::traffic::profile::fit::counters::Counters;
use crate::traffic::profile::fit::stretches;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::TraceMeta;

/// Events of a trace that is fitted: they are held in memory, at some hundred bytes each.
const EVENTS_MAX: usize = 50_000_000;

/// What counters tell and what they can't, told at the end of the help.
const COUNTED: &str = "\
What --counters tells (FILE is written by `capture counters`, of a time with 100 JOINs or more):
  messages, MODE, WHO and NAMES per JOIN
               Lines of each for a JOIN line, whatever they were sent for: a JOIN may name several
               channels, and a MODE may set one.
  JOINs and PINGs
               Those of clients in an hour of a connection, from 10 hours of connections on. The
               watcher itself is one of the connections.
  private share
               With --whole-server alone: PRIVMSGs and NOTICEs that were counted and that no
               channel of the trace shows, services' included. Without it nobody knows what was
               said in channels that the trace doesn't have, so it stays assumed. Counters that
               contradict the flag (more talk in the trace, or fewer than 90 % of the JOINs) are
               an error.
What was counted across a restart of the server is left out. PONGs are the server's wish and no
habit of its users: they are not told. Members who never speak, and what single users send, no
counter knows.";

/// What to do with profiles.
#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// Fit a profile to a trace.
    ///
    /// A profile holds pseudonymous session timelines and statistics of talk: no names, no hosts, no words. With --aggregate it
    /// holds no timelines either.
    #[command(after_long_help = COUNTED)]
    Fit(FitArguments),
    /// Show what a profile says, what in it was fitted and what is assumed.
    Show(ShowArguments),
    /// Write a trace of what a profile generates.
    Sample(SampleArguments),
    /// Make a bigger profile: copies of its people, in channels of their own or in the same ones.
    #[command(after_long_help = scale::SCALED)]
    Scale(ScaleArguments),
    /// Score how well generated traffic resembles live traffic: exit 0 if every demanded score is met, 1 if one is missed.
    ///
    /// Without --profile parts of the trace are fitted and judged by its other parts. Exit 6 if the trace is too short to
    /// claim anything.
    Check(CheckArguments),
    /// Tell whether fresh traffic still resembles a profile's capture: exit 0 if it does, 1 if it drifted, 6 if that can't be told.
    ///
    /// Two whole weeks of fresh traffic at least, after the capture's end, of the same channels and logged alike.
    #[command(after_long_help = drift::RULE)]
    Drift(DriftArguments),
}

/// Flags of `profile fit`.
#[derive(Debug, Args)]
pub(crate) struct FitArguments {
    /// The trace, as `capture import` and `capture tap` write it, plain or compressed; several are parts of one recording, in their order.
    #[arg(value_name = "TRACE", required = true)]
    traces: Vec<PathBuf>,
    /// The folder of the profile; a profile that is there is replaced.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// A server's counters over time, as `capture counters` writes them: what clients send besides what channels show.
    #[arg(long, value_name = "FILE")]
    counters: Option<PathBuf>,
    /// The trace holds every channel of the server that was counted, and nothing else: fit the private share too.
    #[arg(long, requires = "counters")]
    whole_server: bool,
    /// The profile's name [default: the folder's].
    #[arg(long)]
    name: Option<String>,
    /// What was captured, in a few words for whoever reads the profile.
    #[arg(long, value_name = "TEXT", default_value = "a capture")]
    source: String,
    /// Which whole weeks of the trace are fitted, so that the others can judge the profile.
    #[arg(long, value_enum, default_value_t = WeeksArgument::All)]
    weeks: WeeksArgument,
    /// Keep each message's moment, speaker, kind and length too, so that the capture's own talk can be resampled.
    ///
    /// The profile then tells who spoke when, under pseudonyms and without words: share it no more widely than the trace.
    #[arg(long, conflicts_with = "aggregate")]
    keep_rows: bool,
    /// Keep no timelines, only summaries of classes of users, from which timelines are drawn: less like live traffic.
    #[arg(long)]
    aggregate: bool,
    /// The day of the fit that the profile tells [default: today, UTC].
    #[arg(long, value_name = "DAY")]
    date: Option<Date>,
}

/// Which weeks are fitted.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum WeeksArgument {
    /// All of them.
    All,
    /// The first, the third and so on.
    Odd,
    /// The second, the fourth and so on.
    Even,
    /// The first half.
    First,
    /// The last half.
    Last,
}

/// Flags of `profile show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The folder of the profile.
    #[arg(value_name = "DIR")]
    profile: PathBuf,
}

/// Runs a command on profiles.
pub(crate) fn run(command: ProfileCommand) -> Result<u8, Error> {
    match command {
        ProfileCommand::Fit(arguments) => fit(&arguments),
        ProfileCommand::Show(arguments) => show(&arguments.profile),
        ProfileCommand::Sample(arguments) => sample::run(&arguments),
        ProfileCommand::Scale(arguments) => scale::run(&arguments),
        ProfileCommand::Check(arguments) => check::run(&arguments),
        ProfileCommand::Drift(arguments) => drift::run(&arguments),
    }
}

fn fit(arguments: &FitArguments) -> Result<u8, Error> {
    check_output(&arguments.output)?;
    let path = arguments.traces.first().map(|path| files::shown(path));
    let (meta, events) = read(&arguments.traces)?;
    let today = || TimeZone::UTC.to_datetime(Timestamp::now()).date();
    let options = FitOptions {
        name: arguments
            .name
            .clone()
            .unwrap_or_else(|| name_of(&arguments.output)),
        source: arguments.source.clone(),
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        fitted_on: arguments.date.unwrap_or_else(today).to_string(),
        weeks: match arguments.weeks {
            WeeksArgument::All => Weeks::All,
            WeeksArgument::Odd => Weeks::Odd,
            WeeksArgument::Even => Weeks::Even,
            WeeksArgument::First => Weeks::First,
            WeeksArgument::Last => Weeks::Last,
        },
        keeps: if arguments.aggregate {
            Keeps::Summaries
        } else if arguments.keep_rows {
            Keeps::Rows
        } else {
            Keeps::Timelines
        },
    };
    let misfit = |error: FitError| {
        let place = Place::file(path.clone().unwrap_or_default());
        Misread::new(error.to_string(), place).with_help(error.help())
    };
    let mut profile = Profile::fit(&meta, &events, &options).map_err(misfit)?;
    let stretches = stretches(&meta, &events, options.weeks).map_err(misfit)?;
    profile.set_weekly(weekly(&meta, &events, &stretches));
    if let Some(path) = &arguments.counters {
        count(&mut profile, path, &events, arguments.whole_server)?;
    }
    let folder = &arguments.output;
    write(&profile, folder)?;
    error::say(&format!(
        "profile {} of {} users to {}\n",
        profile.name(),
        profile.users().len(),
        files::shown(folder)
    ));
    if profile.is_short() {
        error::say(
            "warning: profile too short: less than four weeks of capture, so nothing is claimed about its realism\n",
        );
    }
    Ok(0)
}

/// Returns the name of a folder, which a profile has if it is given none.
pub(crate) fn name_of(folder: &Path) -> String {
    folder.file_name().map_or_else(
        || "profile".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// Writes a profile into a folder.
pub(crate) fn write(profile: &Profile, folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|error| Error::file("make", files::shown(folder), error))?;
    let written = profile.write();
    for (name, text) in &written {
        files::write(&folder.join(name), |output| {
            output.write_all(text.as_bytes())
        })?;
    }
    for name in PEOPLE.into_iter().chain([AGGREGATE, WEEKS, SCORES, ROWS]) {
        // What is left of the profile that was there is not this one's, and may be what nobody wants kept.
        if !written.contains_key(name) {
            remove(&folder.join(name))?;
        }
    }
    Ok(())
}

/// Removes a file, if there is one.
fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::file("remove", files::shown(path), error))
        }
        _ => Ok(()),
    }
}

/// Puts what a server counted into a profile, and says what it can't tell.
fn count(
    profile: &mut Profile,
    path: &Path,
    events: &[Event],
    is_whole_server: bool,
) -> Result<(), Error> {
    let counters = Counters::read(&files::shown(path), files::open(path)?)?;
    let coverage = if is_whole_server {
        Coverage::WholeServer
    } else {
        Coverage::SomeChannels
    };
    let unmeasured = profile
        .count(&counters, events, coverage)
        .map_err(|error| {
            Misread::new(error.to_string(), Place::file(files::shown(path))).with_help(error.help())
        })?;
    for reason in unmeasured {
        error::say(&format!("warning: {}\n", reason.text()));
    }
    Ok(())
}

/// Checks that a folder is new, empty, or a profile: nothing else is written over.
pub(crate) fn check_output(folder: &Path) -> Result<(), Error> {
    let Ok(mut entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    if folder.join(PARAMETERS).exists() || entries.next().is_none() {
        return Ok(());
    }
    let what = "expected a new folder or a profile, found other files";
    Err(Misread::new(what, Place::file(files::shown(folder)))
        .with_help("name a folder of the profile's own")
        .into())
}

/// Returns a trace.
pub(crate) fn read(paths: &[PathBuf]) -> Result<(TraceMeta, Vec<Event>), Error> {
    let mut reader = Traces::open(paths)?;
    let mut events = Vec::new();
    while let Some(event) = reader.next_event()? {
        if events.len() == EVENTS_MAX {
            return Err(Error::Usage {
                what: format!("expected at most {EVENTS_MAX} events"),
                help: "fit fewer parts of the recording".to_owned(),
            });
        }
        events.push(event);
    }
    for path in reader.cut() {
        error::say(&format!(
            "warning: {path} ends before its end, as if its recorder was killed or its disk full: its whole lines are used\n"
        ));
    }
    Ok((reader.meta().clone(), events))
}

fn show(folder: &Path) -> Result<u8, Error> {
    let page = inputs::read_profile(folder)?.summary();
    match io::stdout().write_all(page.as_bytes()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        Err(error) => Err(Error::file("write", "stdout", error)),
        Ok(()) => Ok(0),
    }
}
