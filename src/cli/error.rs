//! Errors of commands, and how they are shown.

use std::error::Error as _;
use std::io;
use std::io::Write as _;

use thiserror::Error;

use crate::cli::diagnostic;
use crate::cli::diagnostic::Diagnostic;
use crate::drive::counters::CountersError;
use crate::drive::run::error::PLAN_HELP;
use crate::drive::run::error::RunError;
use crate::place::Misread;
use crate::plan::PlanError;
use crate::plan::script::ScriptError;
use crate::provision::ProvisionError;
use crate::report::paint::Paint;
use crate::roster::model::ModelError;

/// Exit code of a usage error, a file in error, or a refusal of ours.
const USAGE: u8 = 2;

/// Exit code of a server that could not be reached, as of a run's.
const UNREACHED: u8 = 5;

/// Why a command did not do what it was asked to.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// An input is not what it should be.
    #[error(transparent)]
    Misread(#[from] Misread),
    /// A profile can't serve a scenario.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A trace can't be played.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// There was no run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// There are no counters.
    #[error(transparent)]
    Counters(#[from] CountersError),
    /// There is no such model of users.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// There is no such configuration.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// The system refuses a file.
    #[error("can't {doing} `{path}`")]
    File {
        /// What was to be done, such as `read`.
        doing: &'static str,
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The command line asks for what there is not.
    #[error("{what}")]
    Usage {
        /// What is wrong: lower case, no full stop.
        what: String,
        /// What to do.
        help: String,
    },
    /// The system refuses something else.
    #[error("{what}")]
    System {
        /// What was being done.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// Returns the exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Run(error) => error.exit_code(),
            Self::Counters(CountersError::Connection(_) | CountersError::Silent) => UNREACHED,
            _ => USAGE,
        }
    }

    /// Returns the misread input, if it is one.
    fn misread(&self) -> Option<&Misread> {
        match self {
            Self::Misread(misread) | Self::Run(RunError::Misread(misread)) => Some(misread),
            _ => None,
        }
    }

    /// Returns what to do about it, where that is not plain.
    fn help(&self) -> Option<String> {
        match self {
            Self::Usage { help, .. } => Some(help.clone()),
            Self::File { doing, source, .. } => {
                Some(diagnostic::file_help(doing, source).to_owned())
            }
            Self::Run(error) => error.help(),
            Self::Counters(error) => error.help(),
            Self::Provision(error) => provision_help(error),
            Self::Plan(_) => Some(PLAN_HELP.to_owned()),
            Self::Script(error) => Some(script_help(error).to_owned()),
            _ => None,
        }
    }

    /// Returns the error of a file.
    pub(crate) fn file(doing: &'static str, path: impl Into<String>, source: io::Error) -> Self {
        Self::File {
            doing,
            path: path.into(),
            source,
        }
    }
}

/// Returns what to do about a configuration that can't be written.
fn provision_help(error: &ProvisionError) -> Option<String> {
    match error {
        ProvisionError::NoUpstream(network) => Some(format!(
            "the roster names it; say where: --network {network}=HOST:PORT"
        )),
        _ => None,
    }
}

/// Returns what to do about a trace that can't be played.
fn script_help(error: &ScriptError) -> &'static str {
    match error {
        ScriptError::Empty => {
            "look at --from, --to and --channel; spans count from the trace's first event"
        }
        ScriptError::UnknownChannel { .. } => {
            "channels are named as the trace names them, in its fourth column"
        }
        _ => "play less of it: --from, --to, --channel, --loop",
    }
}

/// Shows an error on stderr.
pub(crate) fn print(error: &Error) {
    say(&text(error, diagnostic::paint(&io::stderr())));
}

/// Writes a text to stderr; a closed stderr is nobody's error.
pub(crate) fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Returns an error as the compiler shows its own: what, where, what to do.
fn text(error: &Error, paint: Paint) -> String {
    let misread = error.misread();
    let mut title = error.to_string();
    let mut source = error.source().filter(|_| misread.is_none());
    while let Some(cause) = source {
        title.push_str(": ");
        title.push_str(&diagnostic::reason(cause));
        source = cause.source();
    }
    let help = misread.map_or_else(
        || error.help().unwrap_or_default(),
        |misread| misread.help.clone(),
    );
    let diagnostic = Diagnostic {
        title,
        misread,
        help,
    };
    diagnostic.rendered(paint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Place;

    #[test]
    fn an_error_shows_what_where_and_what_to_do() {
        let source = "x = 1\nrate = '12x'\n";
        let misread = Misread::new(
            "expected a rate, found `12x`",
            Place::in_text("a.toml", source, 13),
        )
        .with_help("write events per second, such as `12/s`")
        .with_excerpt(source);
        assert_eq!(
            text(&Error::Misread(misread), Paint::Plain),
            "error: expected a rate, found `12x`\n --> a.toml:2:8\n  |\n2 | rate = '12x'\n  |        ^^^^^\n  |\n  \
             = help: write events per second, such as `12/s`\n"
        );
    }

    #[test]
    fn an_error_of_a_file_names_it_and_its_cause() {
        let error = Error::file("read", "a.csv", io::Error::from(io::ErrorKind::NotFound));
        assert_eq!(
            text(&error, Paint::Plain),
            "error: can't read `a.csv`: no such file or folder\n  help: check the path; it counts from the folder you are in\n"
        );
    }
}
