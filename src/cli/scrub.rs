//! The command `capture scrub`: foreign recordings to a raw log that can be shared.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;

use crate::cli::error;
use crate::cli::error::Error;
use crate::cli::files;
use crate::cli::key;
use crate::cli::logs;
use crate::cli::logs::LogArguments;
use crate::traffic::capture::scrub::Scrubber;

/// Flags of `capture scrub`.
#[derive(Debug, Args)]
pub(crate) struct ScrubArguments {
    #[command(flatten)]
    logs: LogArguments,
    /// The raw log to write, compressed if it ends in .zst; `-` is stdout.
    #[arg(short, long, value_name = "LOG")]
    output: PathBuf,
    /// Keep the key of the pseudonyms in FILE, made if need be, so that several logs give a name the same pseudonym.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// Writes a raw log of the same events with other names and other words.
pub(crate) fn run(arguments: &ScrubArguments) -> Result<u8, Error> {
    let pseudonyms = key::pseudonyms(arguments.key_file.as_deref())?;
    // The words are read for their shape alone: what is written has none of them.
    let read = logs::read(&arguments.logs, true)?;
    let damaged: u64 = read.reports.iter().map(|report| report.damaged_count).sum();
    let imported = read.importer.finish(pseudonyms, env!("CARGO_PKG_VERSION"));
    let (mut written, mut left_out) = (0_u64, 0);
    files::write(&arguments.output, |output| {
        let mut scrubber = Scrubber::new(output);
        for event in imported {
            scrubber.write(&event)?;
            written += 1;
        }
        left_out = scrubber.finish()?;
        Ok(())
    })?;
    let mut said = format!(
        "{} events to {}, without a name or a word of theirs\n",
        written - left_out,
        files::shown(&arguments.output)
    );
    if left_out > 0 {
        let _ = writeln!(
            said,
            "  {left_out} events that no raw line tells are left out"
        );
    }
    if damaged > 0 {
        let _ = writeln!(
            said,
            "warning: {damaged} lines are not understood and left out: `capture import` names them"
        );
    }
    error::say(&said);
    Ok(0)
}
