//! The file of a probe of a target, JSON, written and read back.

use crate::fitness::target::probe::Probe;
use crate::fitness::target::probe::SCHEMA;
use crate::place::Misread;
use crate::report::document;
use crate::report::document::Kind;

const KIND: Kind = Kind {
    what: "a probe",
    of: " of a target",
    schema: SCHEMA,
    no_such: "name a file that `splitstorm doctor --target URL --save FILE` has written",
    other_version: "probe both targets with the same version of splitstorm",
};

/// Returns the file of a probe.
///
/// # Errors
///
/// When a number has no place in JSON; none of a probe has.
pub fn json(probe: &Probe) -> Result<String, serde_json::Error> {
    document::text(probe)
}

/// Reads a probe back. `path` names it in errors.
///
/// # Errors
///
/// Returns where the text stops being a probe, or that another version of the tool wrote it.
pub fn read(path: &str, text: &str) -> Result<Probe, Misread> {
    document::read(&KIND, path, text)
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
