//! The command `profile check`: how well generated traffic resembles a trace.

use std::io;
use std::io::IsTerminal as _;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::ValueEnum;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::error::Error;
use crate::cli::files;
use crate::cli::inputs;
use crate::cli::profile;
use crate::place::Misread;
use crate::place::Place;
use crate::report::realism::file;
use crate::report::realism::page;
use crate::report::realism::text;
use crate::traffic::fidelity::check;
use crate::traffic::fidelity::check::CheckError;
use crate::traffic::fidelity::check::CheckOptions;
use crate::traffic::fidelity::check::SEEDS_MAX;
use crate::traffic::fidelity::check::Step;
use crate::traffic::fidelity::findings::Findings;
use crate::traffic::fidelity::score::Generator;
use crate::traffic::profile::Profile;
use crate::traffic::profile::file::SCORES;
use crate::traffic::profile::fit::FitOptions;
use crate::traffic::profile::fit::Keeps;
use crate::traffic::profile::fit::Weeks;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::TraceMeta;
use crate::units::id::Seed;

/// Exit code of a demanded score that was missed.
const MISSED: u8 = 1;

/// Exit code of a check that can claim nothing.
const INCONCLUSIVE: u8 = 6;

/// Flags of `profile check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// The trace of live traffic, as `capture import` writes it; decompressed if it ends in .zst.
    #[arg(value_name = "TRACE")]
    trace: PathBuf,
    /// A profile to judge [default: parts of the trace are fitted and judged by its other parts].
    #[arg(long, value_name = "DIR")]
    profile: Option<PathBuf>,
    /// The generator to judge.
    #[arg(long, value_enum, default_value_t = GeneratorWord::Model)]
    generator: GeneratorWord,
    /// Fit summaries in place of timelines, as `profile fit --aggregate` does.
    #[arg(long, conflicts_with = "profile")]
    aggregate: bool,
    /// Samples of each fit, from which spreads are told.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=i64::from(SEEDS_MAX)))]
    seeds: u32,
    /// The number from which all draws follow.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write the scores and shapes to a file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Keep the scores in this profile, which was fitted to the same trace: its page and the results of its runs then tell them.
    #[arg(long, value_name = "DIR", conflicts_with = "profile")]
    keep: Option<PathBuf>,
    /// Write the scores and charts to a file, as one page of HTML.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
}

/// A generator, as typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum GeneratorWord {
    /// The profile's model.
    Model,
    /// The profile's churn with the capture's own talk, block by block: a given profile has to keep rows.
    Resample,
    /// Mean rates, constant in time: what load tests do.
    Poisson,
}

impl GeneratorWord {
    fn generator(self) -> Generator {
        match self {
            Self::Model => Generator::Model,
            Self::Resample => Generator::Resample,
            Self::Poisson => Generator::Poisson,
        }
    }
}

/// Checks a profile, or fits to parts of a trace. Returns 0 if every demanded score is met, 1 if one is missed, 6 if
/// nothing can be claimed.
pub(crate) fn run(arguments: &CheckArguments) -> Result<u8, Error> {
    let profile = arguments
        .profile
        .as_deref()
        .map(inputs::read_profile)
        .transpose()?;
    let (meta, events) = profile::read(std::slice::from_ref(&arguments.trace))?;
    let options = CheckOptions {
        generator: arguments.generator.generator(),
        seed_count: arguments.seeds,
        seed: Seed(arguments.seed),
        fit: FitOptions {
            name: arguments.trace.file_name().map_or_else(
                || "trace".to_owned(),
                |name| name.to_string_lossy().into_owned(),
            ),
            source: files::shown(&arguments.trace),
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            fitted_on: TimeZone::UTC
                .to_datetime(Timestamp::now())
                .date()
                .to_string(),
            weeks: Weeks::All,
            keeps: if arguments.aggregate {
                Keeps::Summaries
            } else {
                Keeps::Timelines
            },
        },
    };
    let bar = bar();
    let mut on_step = |step: Step| {
        bar.set_length(u64::from(step.of));
        bar.set_position(u64::from(step.done));
        bar.set_message(step.doing);
    };
    let findings = check::check(&meta, &events, profile.as_ref(), &options, &mut on_step);
    bar.finish_and_clear();
    let findings = findings.map_err(|error| {
        let at_fault = match (&error, &arguments.profile) {
            (CheckError::Rows(_), Some(profile)) => profile,
            _ => &arguments.trace,
        };
        let place = Place::file(files::shown(at_fault));
        Misread::new(error.to_string(), place).with_help(error.help())
    })?;
    if let Some(path) = &arguments.json {
        let json = file::json(&findings).map_err(io::Error::from);
        files::write(path, |output| output.write_all(json?.as_bytes()))?;
    }
    if let Some(path) = &arguments.page {
        let page = page::html(&findings);
        files::write(path, |output| output.write_all(page.as_bytes()))?;
    }
    if let Some(folder) = &arguments.keep {
        keep(folder, &findings, &meta, &events, &options.fit)?;
    }
    files::print(|output| output.write_all(text::text(&findings).as_bytes()))?;
    Ok(exit_code(&findings))
}

/// Keeps the scores in a profile, if it was fitted to the trace.
fn keep(
    folder: &Path,
    findings: &Findings,
    meta: &TraceMeta,
    events: &[Event],
    options: &FitOptions,
) -> Result<(), Error> {
    let mut profile = inputs::read_profile(folder)?;
    let fitted = Profile::fit(meta, events, options).map_err(|error| {
        Misread::new(error.to_string(), Place::file(&*options.source)).with_help(error.help())
    })?;
    let (kept, fresh) = (profile.provenance(), fitted.provenance());
    if (&kept.first, &kept.last, kept.event_count) != (&fresh.first, &fresh.last, fresh.event_count)
    {
        let what = format!(
            "expected a profile of this trace ({} to {}, {} events), found one of {} to {}, {} events",
            fresh.first, fresh.last, fresh.event_count, kept.first, kept.last, kept.event_count
        );
        return Err(Misread::new(what, Place::file(files::shown(folder)))
            .with_help("fit one with `splitstorm profile fit`")
            .into());
    }
    profile.set_scores(Some(findings.scores(options.fitted_on.clone())));
    if let Some(text) = profile.write().get(SCORES) {
        files::write(&folder.join(SCORES), |output| {
            output.write_all(text.as_bytes())
        })?;
    }
    Ok(())
}

fn exit_code(findings: &Findings) -> u8 {
    if findings.missed().next().is_some() {
        MISSED
    } else if findings.is_judged() {
        0
    } else {
        INCONCLUSIVE
    }
}

/// Returns a bar of steps; none where stderr is no terminal.
fn bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:28} {pos} of {len}, {msg}, {eta} to go") {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}
