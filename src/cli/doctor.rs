//! The command `doctor`: whether a host or a target is fit for a run, snapshots of hosts, and what two of either differ in.

use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;

use crate::cli::error::Error;
use crate::cli::host;
use crate::cli::host::DiffArguments;
use crate::cli::host::HostArguments;
use crate::cli::host::SnapshotArguments;
use crate::cli::target;
use crate::cli::target::TargetArguments;

/// Flags of `doctor`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct DoctorArguments {
    #[command(subcommand)]
    command: Option<DoctorCommand>,
    /// The scenario that the host, or the target, is held against; without one its figures are told by themselves.
    #[arg(value_name = "SCENARIO")]
    scenario: Option<PathBuf>,
    #[command(flatten)]
    host: HostArguments,
    #[command(flatten)]
    target: TargetArguments,
}

/// What else the doctor does.
#[derive(Debug, Subcommand)]
enum DoctorCommand {
    /// Write down what a host and a server's process on it are: limits, kernel settings, libraries, hashed configuration. Only reads.
    Snapshot(SnapshotArguments),
    /// Hold two snapshots against each other, and the new one against what a scenario needs (exit 1 if a limit is below that).
    Diff(DiffArguments),
}

/// Does what is asked for. Returns the exit code.
pub(crate) fn run(arguments: &DoctorArguments) -> Result<u8, Error> {
    match &arguments.command {
        Some(DoctorCommand::Snapshot(snapshot)) => host::snapshot(snapshot),
        Some(DoctorCommand::Diff(diff)) => host::diff(diff),
        None if arguments.target.is_given() => target::check(
            arguments.scenario.as_deref(),
            &arguments.host,
            &arguments.target,
        ),
        None => host::check(arguments.scenario.as_deref(), &arguments.host),
    }
}
