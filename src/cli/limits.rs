//! The command `limits`: what a roster asks of the networks.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::error::Error;
use crate::cli::files;
use crate::cli::host;
use crate::cli::roster;
use crate::report::roster as report;
use crate::roster::limits::Move;
use crate::roster::limits::Needs;
use crate::scenario::value;

/// Flags of `limits`.
#[derive(Debug, Args)]
pub(crate) struct LimitsArguments {
    /// The roster, as `roster model`, `provision` or your own export writes it.
    #[arg(value_name = "ROSTER")]
    roster: PathBuf,
    /// Within which time everybody is to be back on the networks after a restart, such as 30m or 2h.
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = restart_in)]
    restart_in: Duration,
    /// The old and the new bouncer hold everybody's sessions side by side while users move: twice as many.
    #[arg(long)]
    overlap: bool,
    /// Print it as JSON, for scripts.
    #[arg(long)]
    json: bool,
}

fn restart_in(text: &str) -> Result<Duration, String> {
    match value::duration(text) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("expected a time with its unit, such as 30m".to_owned()),
    }
}

/// Prints what a roster asks for.
pub(crate) fn run(arguments: &LimitsArguments) -> Result<u8, Error> {
    let roster = roster::read(&arguments.roster)?;
    let moved = Move {
        restart_in: arguments.restart_in,
        is_overlapping: arguments.overlap,
    };
    let needs = Needs::new(&roster, moved);
    let text = if arguments.json {
        report::json(&needs).map_err(host::json_error)?
    } else {
        report::text(&needs)
    };
    files::print(|out| out.write_all(text.as_bytes()))?;
    Ok(0)
}
