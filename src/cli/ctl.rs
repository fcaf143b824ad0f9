//! `splitstorm ctl`: a person at a run that goes on.

use std::cmp::Reverse;
use std::fs;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::SystemTime;

use clap::Args;
use clap::Subcommand;

use crate::cli::error::Error;
use crate::cli::files;
use crate::cli::run::REPORTS;
use crate::drive::control;
use crate::drive::control::wire::Answer;
use crate::drive::control::wire::Request;
use crate::drive::control::wire::Status;
use crate::gate::figure;
use crate::units::span;

/// What to do to a run.
#[derive(Debug, Subcommand)]
pub(crate) enum CtlCommand {
    /// Tell how the run goes.
    Status(Asking),
    /// Begin nothing more until `resume`: phases, messages and returns that are planned wait.
    Hold(Asking),
    /// Let a held run go on; what waited is put off by as long as it waited.
    Resume(Asking),
    /// End the run with a verdict of aborted (exit code 3).
    Abort {
        /// End at once: what is open is not waited for.
        #[arg(long)]
        hard: bool,
        #[command(flatten)]
        asking: Asking,
    },
    /// Move back the accounts that a migration has moved; the run ends when that is done.
    RollBack(Asking),
    /// Put a note onto the run's timeline.
    Mark {
        /// The note.
        text: String,
        #[command(flatten)]
        asking: Asking,
    },
}

/// Which run, and how its answer is shown.
#[derive(Args, Debug)]
pub(crate) struct Asking {
    /// The run's folder [default: the newest under reports/ that answers].
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
}

/// Asks a run and prints its answer.
///
/// # Errors
///
/// Returns that no run answers, or that it refuses.
pub(crate) fn run(command: &CtlCommand) -> Result<u8, Error> {
    let (request, asking) = match command {
        CtlCommand::Status(asking) => (Request::Status, asking),
        CtlCommand::Hold(asking) => (Request::Hold, asking),
        CtlCommand::Resume(asking) => (Request::Resume, asking),
        CtlCommand::RollBack(asking) => (Request::RollBack, asking),
        CtlCommand::Abort { hard, asking } => (Request::Abort { hard: *hard }, asking),
        CtlCommand::Mark { text, asking } => (Request::Mark { text: text.clone() }, asking),
    };
    match ask(asking.run.as_deref(), &request)? {
        Answer::Refused { refused } => Err(Error::Usage {
            what: refused,
            help: "`splitstorm ctl status` tells how the run goes".to_owned(),
        }),
        Answer::Done(status) => {
            files::print(|out| {
                if asking.json {
                    writeln!(out, "{}", Answer::Done(status).to_json())
                } else {
                    write_status(&status, out)
                }
            })?;
            Ok(0)
        }
    }
}

fn ask(run: Option<&Path>, request: &Request) -> Result<Answer, Error> {
    if let Some(run) = run {
        return control::ask(run, request).map_err(|source| Error::Usage {
            what: format!("no run answers in `{}`: {source}", run.display()),
            help: "name the folder of a run that goes on; a run that has ended is read with `splitstorm report`"
                .to_owned(),
        });
    }
    for folder in newest_runs() {
        if let Ok(answer) = control::ask(&folder, request) {
            return Ok(answer);
        }
    }
    Err(Error::Usage {
        what: format!("no run under `{REPORTS}` answers"),
        help: "name the folder of a run that goes on: --run DIR".to_owned(),
    })
}

/// Returns the folders of runs that have a socket, the newest first.
fn newest_runs() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(REPORTS) else {
        return Vec::new();
    };
    let mut runs: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let socket = entry.path().join(control::SOCKET);
            let since = fs::metadata(socket).and_then(|data| data.modified()).ok()?;
            Some((since, entry.path()))
        })
        .collect();
    runs.sort_by_key(|run| Reverse(run.0));
    runs.into_iter().map(|(_, folder)| folder).collect()
}

fn write_status(status: &Status, out: &mut dyn Write) -> io::Result<()> {
    let secs = |secs: f64| {
        let length = Duration::try_from_secs_f64(secs.max(0.0)).unwrap_or_default();
        figure::duration(span::micros(length))
    };
    writeln!(
        out,
        "{} at {} of {}{}{}",
        status.stage,
        secs(status.at_s),
        secs(status.ends_s),
        if status.phases.is_empty() { "" } else { " in " },
        status.phases.join(", ")
    )?;
    writeln!(
        out,
        "{} of {} users online · {} of {} messages sent · {} lost · p99 {} · oldest unseen {}",
        figure::count(status.online),
        figure::count(status.wanted),
        figure::count(status.sent),
        figure::count(status.planned),
        figure::count(status.lost),
        status
            .message_p99_us
            .map_or("–".to_owned(), figure::duration),
        figure::duration(status.pending_age_us)
    )?;
    for forecast in &status.forecasts {
        writeln!(
            out,
            "{} will be done {} after it began ({} to {})",
            forecast.phase,
            secs(forecast.expected_s),
            secs(forecast.earliest_s),
            secs(forecast.latest_s)
        )?;
    }
    for migration in &status.migrations {
        write!(
            out,
            "{}: {} of {} accounts are on the new server",
            migration.phase,
            figure::count(migration.moved),
            figure::count(migration.total)
        )?;
        if migration.failed > 0 {
            write!(
                out,
                ", {} could not be moved",
                figure::count(migration.failed)
            )?;
        }
        if let Some(back) = migration.back_s {
            write!(out, "; going back would take {}", secs(back))?;
        }
        if let Some(moved) = migration.no_return_moved {
            write!(out, ", and as long as going on at {}", figure::count(moved))?;
        }
        writeln!(
            out,
            "; users away for {} together, {} the longest",
            secs(migration.unavailable_s),
            secs(migration.longest_wait_s)
        )?;
    }
    for event in &status.events {
        writeln!(
            out,
            "{}: {} of {} are whole again",
            event.phase,
            figure::count(event.recovered),
            figure::count(event.affected)
        )?;
    }
    Ok(())
}
