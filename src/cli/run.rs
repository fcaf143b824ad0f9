//! The command `run`: drive, measure, judge.

use std::fmt::Write;
use std::io;
use std::io::IsTerminal;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use crate::cli::diagnostic;
use crate::cli::error;
use crate::cli::error::Error;
use crate::cli::files;
use crate::cli::inputs::InputArguments;
use crate::cli::trust::TrustArguments;
use crate::drive::interrupt::Hangup;
use crate::drive::interrupt::Interrupt;
use crate::drive::run;
use crate::drive::run::Progress;
use crate::drive::run::RunRequest;
use crate::drive::run::conduct::Stage;
use crate::gate::figure;
use crate::measure::interval::Interval;
use crate::measure::migration::Migration;
use crate::measure::migration::Migrations;
use crate::measure::migration::Way;
use crate::measure::operation::Operation;
use crate::plan::Source;
use crate::report::text;
use crate::scenario::Scenario;
use crate::units::id::Seed;
use crate::units::offset::Offset;
use crate::units::span;

/// Folder under which runs leave their artifacts.
pub(crate) const REPORTS: &str = "reports";
/// Intervals between two lines of progress where there is no terminal.
const PLAIN_EVERY: u64 = 10;

/// Flags of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    inputs: InputArguments,
    #[command(flatten)]
    drive: DriveArguments,
}

/// Flags that `run` and `replay` share: at whom, from where, and what is left of it.
#[derive(Debug, Args)]
pub(crate) struct DriveArguments {
    /// The target, such as <irc://127.0.0.1:6667> or <ircs://irc.example.org> [default: the embedded network]. The servers of a linked network follow each
    /// other with commas: the hub, then the scenario's far servers in their order.
    #[arg(long, value_name = "URL")]
    target: Option<String>,
    /// The target's process on this machine: its CPU, memory, descriptors and threads are sampled each second, and its end is told with
    /// what was near.
    #[arg(long, value_name = "PID", requires = "target")]
    target_pid: Option<u32>,
    /// Lets the scenario run the commands that it names on this machine; they are shown first.
    #[arg(long)]
    allow_commands: bool,
    /// A host off this machine that may be loaded; may be repeated.
    #[arg(long, value_name = "HOST")]
    allow_target: Vec<String>,
    /// Folder of the artifacts [default: reports/<scenario>-<utc>].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArguments,
    /// Threads that drive the users [default: half the cores on loopback, else all].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    shards: Option<u16>,
}

impl DriveArguments {
    /// Returns the number of threads asked for, else one.
    pub(crate) fn shard_count(&self) -> u16 {
        self.shards.unwrap_or(1)
    }
}

/// Runs a scenario. Returns the verdict's exit code.
pub(crate) fn run(arguments: &RunArguments) -> Result<u8, Error> {
    // Before any thread: they inherit what is blocked.
    let interrupt = Interrupt::watch(Hangup::IsIgnored).map_err(|source| Error::System {
        what: "watching for Ctrl-C",
        source,
    })?;
    let inputs = arguments.inputs.read()?;
    let source = Source::Model(Box::new(inputs.profile));
    drive(
        &arguments.drive,
        inputs.scenario,
        source,
        arguments.inputs.scenario.parent().unwrap_or(Path::new(".")),
        inputs.seed,
        interrupt,
    )
}

/// Drives a target, prints the summary and returns the verdict's exit code.
pub(crate) fn drive(
    arguments: &DriveArguments,
    scenario: Scenario,
    source: Source,
    folder: &Path,
    seed: Seed,
    interrupt: Interrupt,
) -> Result<u8, Error> {
    let out = arguments.out.clone().unwrap_or_else(|| {
        let now = jiff::Timestamp::now()
            .strftime("%Y%m%dT%H%M%SZ")
            .to_string();
        PathBuf::from(REPORTS).join(format!("{}-{now}", scenario.name))
    });
    let request = RunRequest {
        scenario,
        source,
        seed,
        target: arguments.target.clone(),
        trust: arguments.trust.read()?,
        target_pid: arguments.target_pid,
        allowed: arguments.allow_target.clone(),
        may_run_commands: arguments.allow_commands,
        out: out.clone(),
        shard_count: arguments.shards,
        folder: folder.to_owned(),
        state: state_folder(),
        interrupt,
    };
    let mut teller = Teller::new();
    let end = run::run(request, &mut teller)?;
    teller.finish();
    let paint = diagnostic::paint(&io::stdout());
    files::print(|mut out| text::write(&end.result, paint, &mut out))?;
    error::say(&format!("artifacts in {}\n", files::shown(&out)));
    match end.write_error {
        Some(source) => Err(Error::file(
            "write the artifacts in",
            files::shown(&out),
            source,
        )),
        None => Ok(end.result.verdict.exit_code),
    }
}

/// Returns the folder that keeps what outlives a run, by the XDG convention.
pub(crate) fn state_folder() -> PathBuf {
    let home = || {
        std::env::var_os("HOME")
            .map_or_else(std::env::temp_dir, PathBuf::from)
            .join(".local/state")
    };
    std::env::var_os("XDG_STATE_HOME")
        .map_or_else(home, PathBuf::from)
        .join("splitstorm")
}

/// Tells a person how the run goes: a bar on a terminal, a line now and then elsewhere.
struct Teller {
    bar: Option<ProgressBar>,
    intervals: u64,
    sent: u64,
    delivered: u64,
    message: String,
}

impl Teller {
    fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            if let Ok(style) = ProgressStyle::with_template("{bar:28} {msg}") {
                bar.set_style(style.progress_chars("━╸─"));
            }
            bar
        });
        Self {
            bar,
            intervals: 0,
            sent: 0,
            delivered: 0,
            message: String::new(),
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Teller {
    fn note(&mut self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| error::say(&format!("note: {text}\n"))),
            None => error::say(&format!("note: {text}\n")),
        }
    }

    fn interval(&mut self, begins: Offset, interval: &Interval, migrations: &Migrations) {
        self.intervals += 1;
        self.sent += interval.sent;
        self.delivered += interval.delivered;
        let p99 = interval
            .times(Operation::Message)
            .response
            .at_quantile(0.99)
            .map_or_else(|| "–".to_owned(), figure::duration);
        self.message = format!(
            "{} sent, {} delivered, p99 {p99}",
            figure::count(self.sent),
            figure::count(self.delivered)
        );
        if let Some(migration) = migrations.all().last() {
            self.message.push_str(&migration_text(migration));
        }
        if self.bar.is_none() && self.intervals % PLAIN_EVERY == 1 {
            let at = Duration::from_secs(begins.since(Offset::ZERO).as_secs());
            error::say(&format!("{:>6} s  {}\n", at.as_secs(), self.message));
        }
    }

    fn look(&mut self, now: Offset, ends: Offset, stage: Stage) {
        let Some(bar) = &self.bar else { return };
        let millis = |offset: Offset| {
            u64::try_from(offset.since(Offset::ZERO).as_millis()).unwrap_or(u64::MAX)
        };
        bar.set_length(millis(ends));
        bar.set_position(millis(now.min(ends)));
        let what = match stage {
            Stage::Playing => format!(
                "{:>5.1}/{:.0} s",
                now.as_secs_f64().max(0.0),
                ends.as_secs_f64()
            ),
            Stage::Draining => "settling".to_owned(),
        };
        bar.set_message(format!("{what}  {}", self.message));
    }
}

/// Returns how a migration goes, behind what is told of messages.
fn migration_text(migration: &Migration) -> String {
    let shown = |time| figure::duration(span::micros(time));
    let mut text = format!(
        " · {} of {} {}",
        figure::count(migration.done()),
        figure::count(migration.to_do()),
        match migration.way {
            Way::Over => "moved",
            Way::Back => "moved back",
        }
    );
    // Writing to a String cannot fail.
    let _ = match (migration.took(), migration.forecast) {
        (Some(took), _) => write!(text, " in {}", shown(took)),
        (None, Some(forecast)) => write!(
            text,
            ", {} in all ({} to {})",
            shown(forecast.expected),
            shown(forecast.earliest),
            shown(forecast.latest)
        ),
        (None, None) => Ok(()),
    };
    text
}
