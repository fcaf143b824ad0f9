//! The commands `capture …`: foreign recordings to traces.

use clap::Subcommand;

use crate::cli::counters;
use crate::cli::counters::CountersArguments;
use crate::cli::error::Error;
use crate::cli::import;
use crate::cli::import::ImportArguments;
use crate::cli::scrub;
use crate::cli::scrub::ScrubArguments;
use crate::cli::show;
use crate::cli::show::ShowArguments;
use crate::cli::tap;
use crate::cli::tap::TapArguments;

/// What to do with recordings.
#[derive(Debug, Subcommand)]
pub(crate) enum CaptureCommand {
    /// Import logs of clients, bots and bouncers, raw lines of the protocol or packets, as one trace.
    ///
    /// Names become pseudonyms under a key that is thrown away, and texts become their lengths, unless --keep-text is
    /// given. Lines that are not understood are counted and shown.
    Import(ImportArguments),
    /// Stand between clients and a server, pass every byte on unchanged, and record what passes as a trace.
    ///
    /// Names become pseudonyms under a key that is thrown away, and texts become their lengths, unless --keep-text is
    /// given. Several clients make one trace, in which each message is told once. Ctrl-C ends it.
    Tap(TapArguments),
    /// Read a server's own counters again and again: how often each command was used, and how many users there are.
    ///
    /// Of an IRC server `STATS m` and LUSERS are asked for, by one client; many tell them to operators alone (--oper-name).
    /// Of a page of metrics (Prometheus' text format) the one metric is read that is a counter and whose name contains
    /// `command`, or which has a label `command` or `cmd`. Nobody's words are seen or written. Ctrl-C ends it.
    Counters(CountersArguments),
    /// Show one page about a trace: span, gaps, rates, mix, busiest hours, netsplits, channels.
    Show(ShowArguments),
    /// Write a raw log that can be shared: the same events with other names and other words.
    ///
    /// Names become pseudonyms under a key that is thrown away; of words only their shape is left: letters become x,
    /// digits 0. What was imported from it is what would be imported from the logs.
    Scrub(ScrubArguments),
}

/// Runs a command on recordings.
pub(crate) fn run(command: CaptureCommand) -> Result<u8, Error> {
    match command {
        CaptureCommand::Import(arguments) => import::run(&arguments),
        CaptureCommand::Tap(arguments) => tap::run(arguments),
        CaptureCommand::Counters(arguments) => counters::run(&arguments),
        CaptureCommand::Show(arguments) => show::run(&arguments),
        CaptureCommand::Scrub(arguments) => scrub::run(&arguments),
    }
}
