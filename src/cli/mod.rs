//! Command line: flags, diagnostics, exit codes, progress.

use std::process::ExitCode;

use clap::Parser;
use clap::Subcommand;

use crate::cli::capture::CaptureCommand;
use crate::cli::plan::PlanArguments;
use crate::cli::profile::ProfileCommand;

mod capture;
mod error;
mod files;
mod inputs;
mod plan;
mod profile;

/// Load-tests and replays against IRC bouncers and servers, with traffic that resembles live IRC.
#[derive(Debug, Parser)]
#[command(name = "splitstorm", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Turn foreign recordings of live IRC into traces.
    #[command(subcommand)]
    Capture(CaptureCommand),
    /// Fit a traffic profile to a trace, or look at one.
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// Show what a run would do, without doing it; the last line is the plan's digest.
    Plan(PlanArguments),
}

/// Runs the program on the arguments of this process and returns its exit code.
pub fn main() -> ExitCode {
    // Usage errors end here with code 2, as files in error do below.
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Command::Capture(command) => capture::run(command),
        Command::Profile(command) => profile::run(command),
        Command::Plan(arguments) => plan::run(&arguments),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            error::print(&error);
            ExitCode::from(error::CODE)
        }
    }
}
