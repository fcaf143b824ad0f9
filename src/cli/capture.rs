//! The commands `capture …`: foreign recordings to traces.

use clap::Subcommand;

use crate::cli::error::Error;
use crate::cli::import;
use crate::cli::import::ImportArguments;

/// What to do with recordings.
#[derive(Debug, Subcommand)]
pub(crate) enum CaptureCommand {
    /// Import logs of clients, bots and bouncers, raw lines of the protocol or packets, as one trace.
    ///
    /// Names become pseudonyms under a key that is thrown away, and texts become their lengths, unless --keep-text is
    /// given. Lines that are not understood are counted and shown.
    Import(ImportArguments),
}

/// Runs a command on recordings.
pub(crate) fn run(command: CaptureCommand) -> Result<u8, Error> {
    match command {
        CaptureCommand::Import(arguments) => import::run(&arguments),
    }
}
