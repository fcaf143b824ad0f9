//! `splitstorm explain`: the exemplars of a breach, readable.

use std::path::PathBuf;

use clap::Args;

use crate::cli::error::Error;
use crate::cli::files;
use crate::cli::result_file::load;
use crate::gate::near::listed;
use crate::gate::near::near;
use crate::report::explain::class;
use crate::report::explain::classes;
use crate::report::explain::write;

/// Shows the exemplars of a class of breach: message, moments, why it was due, what arrived.
#[derive(Args, Debug)]
pub(crate) struct ExplainArguments {
    /// Result of a run: its result.json, or its folder
    #[arg(value_name = "RESULT")]
    result: PathBuf,
    // Spelt out as a text: names of results are no code here.
    #[arg(
        value_name = "CLASS",
        help = "Class of breach: lost, duplicated, reordered, misdelivered, misattributed, corrupted, truncated, presence_missed, late, \
                uncertain or echo_lost; of a bouncer backlog_missing, backlog_hidden, backlog_duplicated, backlog_misordered, backlog_wrong_time, leaked or \
                lost_in_drop"
    )]
    class: String,
}

/// Writes the exemplars to standard output and returns the exit code.
///
/// # Errors
///
/// Returns that there is no such class or no such result.
pub(crate) fn run(arguments: &ExplainArguments) -> Result<u8, Error> {
    let Some(class) = class(&arguments.class) else {
        let known = format!("classes: {}", listed(classes()));
        let near = near(&arguments.class, classes(), "");
        return Err(Error::Usage {
            what: format!("`{}` is no class of breach", arguments.class),
            help: if near.is_empty() {
                known
            } else {
                format!("{near} {known}")
            },
        });
    };
    let result = load(&arguments.result)?;
    files::print(|mut out| write(&result, class, &mut out))?;
    Ok(0)
}
