//! `splitstorm report`: a result rendered again.

use std::io;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use clap::ValueEnum;

use crate::cli::diagnostic::paint;
use crate::cli::error::Error;
use crate::cli::files;
use crate::cli::result_file::load;
use crate::report::junit;
use crate::report::markdown;
use crate::report::metrics;
use crate::report::paint::Paint;
use crate::report::result::RunResult;
use crate::report::text;

/// Renders the result of a run.
#[derive(Args, Debug)]
pub(crate) struct ReportArguments {
    /// Result of a run: its result.json, or its folder.
    #[arg(value_name = "RESULT")]
    result: PathBuf,
    /// Form of the report.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
    /// File to write instead of stdout; `.zst` compresses it.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Summary for a terminal.
    Text,
    /// The result itself.
    Json,
    /// Summary for a page.
    Markdown,
    /// Test cases for a pipeline.
    Junit,
    /// Every number, one a row.
    Csv,
}

/// Writes the report and returns the exit code: that it could be written, not the run's verdict.
///
/// # Errors
///
/// Returns that there is no such result, or that the report can't be written.
pub(crate) fn run(arguments: &ReportArguments) -> Result<u8, Error> {
    let result = load(&arguments.result)?;
    let format = arguments.format;
    match &arguments.output {
        Some(path) => files::write(path, |out| write(&result, format, Paint::Plain, out))?,
        None => files::print(|out| write(&result, format, paint(&io::stdout()), out))?,
    }
    Ok(0)
}

fn write(result: &RunResult, format: Format, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    let mut out = out;
    match format {
        Format::Text => text::write(result, paint, &mut out),
        Format::Json => result.write(&mut out),
        Format::Markdown => markdown::write(result, &mut out),
        Format::Junit => junit::write(result, &mut out),
        Format::Csv => metrics::write(result, &mut out),
    }
}
