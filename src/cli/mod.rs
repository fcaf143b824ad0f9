//! Command line: flags, diagnostics, exit codes, progress.

use std::process::ExitCode;

use clap::Parser;
use clap::Subcommand;

use crate::cli::capture::CaptureCommand;
use crate::cli::ctl::CtlCommand;
use crate::cli::doctor::DoctorArguments;
use crate::cli::explain::ExplainArguments;
use crate::cli::limits::LimitsArguments;
use crate::cli::network::NetworkArguments;
use crate::cli::plan::PlanArguments;
use crate::cli::profile::ProfileCommand;
use crate::cli::provision::ProvisionArguments;
use crate::cli::replay::ReplayArguments;
use crate::cli::report::ReportArguments;
use crate::cli::roster::RosterCommand;
use crate::cli::run::RunArguments;

mod capture;
mod check;
mod counters;
mod ctl;
mod diagnostic;
mod doctor;
mod drift;
mod error;
mod explain;
mod files;
mod host;
mod import;
mod inputs;
mod key;
mod limits;
mod logs;
mod network;
mod network_limits;
mod plan;
mod profile;
mod provision;
mod replay;
mod report;
mod result_file;
mod roster;
mod run;
mod sample;
mod saw;
mod scale;
mod scrub;
mod show;
mod tap;
mod target;
mod traces;
mod trust;

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
    /// Drive a target, measure every delivery, judge; without --target the embedded network is driven.
    Run(RunArguments),
    /// Play a trace as it was, measure and judge like a run; without --target the embedded network is driven.
    Replay(ReplayArguments),
    /// Steer a run that goes on: status, hold, resume, abort, mark.
    #[command(subcommand)]
    Ctl(CtlCommand),
    /// Render the result of a run again.
    Report(ReportArguments),
    /// Show the exemplars of a class of breach: message, moments, why it was due, what arrived.
    Explain(ExplainArguments),
    /// Check whether this host can generate a scenario's load (exit 4 if not), or what of it would break on a target (exit 1); compare
    /// targets, and server hosts.
    Doctor(DoctorArguments),
    /// Run the simulated IRC network on its own, for any client.
    Network(NetworkArguments),
    /// Make a roster: who a bouncer's users are.
    #[command(subcommand)]
    Roster(RosterCommand),
    /// Write the complete configuration of a bouncer for the users of a roster, or for as many as asked for.
    Provision(ProvisionArguments),
    /// Tell what a roster asks of each network: sessions, connects per second, ident, and what to write to its operators.
    Limits(LimitsArguments),
}

/// Runs the program on the arguments of this process and returns its exit code.
pub fn main() -> ExitCode {
    // Usage errors end here with code 2, as files in error do below.
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Command::Capture(command) => capture::run(command),
        Command::Profile(command) => profile::run(command),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Ctl(command) => ctl::run(&command),
        Command::Report(arguments) => report::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Network(arguments) => network::run(&arguments),
        Command::Roster(command) => roster::run(&command),
        Command::Provision(arguments) => provision::run(&arguments),
        Command::Limits(arguments) => limits::run(&arguments),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            error::print(&error);
            ExitCode::from(error.code())
        }
    }
}
