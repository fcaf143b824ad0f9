//! The file of a probe of a target, JSON, written and read back.

use serde::Deserialize;

use crate::fitness::target::probe::Probe;
use crate::fitness::target::probe::SCHEMA;
use crate::place::Misread;
use crate::place::Place;

#[derive(Deserialize)]
struct Version {
    schema: u32,
}

/// Returns the file of a probe.
///
/// # Errors
///
/// When a number has no place in JSON; none of a probe has.
pub fn json(probe: &Probe) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(probe)?;
    text.push('\n');
    Ok(text)
}

/// Reads a probe back. `path` names it in errors.
///
/// # Errors
///
/// Returns where the text stops being a probe, or that another version of the tool wrote it.
pub fn read(path: &str, text: &str) -> Result<Probe, Misread> {
    let misread = |error: &serde_json::Error| {
        let message = error.to_string();
        let what = message
            .rsplit_once(" at line ")
            .map_or(message.as_str(), |(what, _)| what);
        let place = Place {
            path: path.to_owned(),
            line: error.line() as u64,
            column: error.column() as u64,
        };
        Misread::new(format!("expected a probe of a target: {what}"), place)
            .with_help("name a file that `splitstorm doctor --target URL --save FILE` has written")
            .with_excerpt(text)
    };
    let version: Version = serde_json::from_str(text).map_err(|error| misread(&error))?;
    if version.schema != SCHEMA {
        let what = format!(
            "expected a probe of schema {SCHEMA}, found schema {}",
            version.schema
        );
        return Err(Misread::new(what, Place::file(path))
            .with_help("probe both targets with the same version of splitstorm"));
    }
    serde_json::from_str(text).map_err(|error| misread(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fitness::target::probe::Flood;
    use crate::fitness::target::probe::LongLine;
    use crate::fitness::target::probe::Reach;

    #[test]
    fn a_probe_is_read_back_as_it_was_written() {
        let probe = Probe {
            schema: SCHEMA,
            capabilities: [("sasl".to_owned(), "PLAIN".to_owned())].into(),
            connections_per_address: Some(Reach {
                allowed: 5,
                refused: Some("too many".to_owned()),
            }),
            flood: Some(Flood::default()),
            long_line: Some(LongLine::Closed("Request too long".to_owned())),
            ..Probe::default()
        };
        let text = json(&probe).unwrap();
        assert_eq!(read("a.json", &text).unwrap(), probe);
        let other = text.replacen("\"schema\": 1", "\"schema\": 99", 1);
        let error = read("a.json", &other).unwrap_err();
        assert!(error.to_string().contains("schema 99"), "{error}");
        let error = read("a.json", "{\"schema\": 1}").unwrap_err();
        assert!(error.to_string().contains("a probe of a target"), "{error}");
    }
}
