//! JSON documents: written with an end of line, read back in the version that wrote them.

use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::place::Misread;
use crate::place::Place;

/// A kind of document, for those who read it.
pub(super) struct Kind {
    /// What it is, such as `a result`.
    pub(super) what: &'static str,
    /// Of what, with a space before it; empty where that is plain.
    pub(super) of: &'static str,
    /// The version of its shape that is read.
    pub(super) schema: u32,
    /// What to do about a file that is none.
    pub(super) no_such: &'static str,
    /// What to do about one of another version.
    pub(super) other_version: &'static str,
}

#[derive(Deserialize)]
struct Version {
    schema: u32,
}

/// Returns a document.
///
/// # Errors
///
/// When a number has no place in JSON.
pub(super) fn text(file: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(file)?;
    text.push('\n');
    Ok(text)
}

/// Reads a document. `path` names it in errors.
///
/// # Errors
///
/// Returns where the text stops being such a document, or that another version of the tool wrote it.
pub(super) fn read<T: DeserializeOwned>(kind: &Kind, path: &str, text: &str) -> Result<T, Misread> {
    let Kind {
        what, of, schema, ..
    } = kind;
    let misread = |error: &serde_json::Error, help: &str| {
        let message = error.to_string();
        let wrong = message
            .rsplit_once(" at line ")
            .map_or(message.as_str(), |(wrong, _)| wrong);
        let place = Place {
            path: path.to_owned(),
            line: error.line() as u64,
            column: error.column() as u64,
        };
        Misread::new(format!("expected {what}{of}: {wrong}"), place)
            .with_help(help)
            .with_excerpt(text)
    };
    let version: Version =
        serde_json::from_str(text).map_err(|error| misread(&error, kind.no_such))?;
    let found = version.schema;
    if found != *schema {
        let what = format!("expected {what} of schema {schema}, found schema {found}");
        return Err(Misread::new(what, Place::file(path)).with_help(kind.other_version));
    }
    serde_json::from_str(text)
        .map_err(|error| misread(&error, "the file is not as splitstorm writes it"))
}
