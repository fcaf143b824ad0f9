//! The file of a snapshot of a host, JSON: sections of values, written and read back.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::fitness::snapshot::Snapshot;
use crate::fitness::snapshot::Value;
use crate::place::Misread;
use crate::place::Place;

/// Version of the file's shape.
pub const SCHEMA: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct SnapshotFile {
    /// Version of this shape.
    schema: u32,
    /// Version of the tool.
    tool: String,
    /// When it was taken, in milliseconds since 1970 UTC.
    taken_unix_ms: u64,
    /// Values by section and key; no limit is `unlimited`.
    sections: BTreeMap<String, BTreeMap<String, ValueFile>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum ValueFile {
    Number(u64),
    Text(String),
}

#[derive(Deserialize)]
struct Version {
    schema: u32,
}

/// Returns the file of a snapshot.
///
/// # Errors
///
/// When a number has no place in JSON; none of a snapshot has.
pub fn json(snapshot: &Snapshot) -> Result<String, serde_json::Error> {
    let value = |value: &Value| match value {
        Value::Number(number) => ValueFile::Number(*number),
        Value::Unlimited | Value::Text(_) => ValueFile::Text(value.text()),
    };
    let sections = snapshot.sections.iter().map(|(name, values)| {
        let values = values
            .iter()
            .map(|(key, found)| (key.clone(), value(found)));
        (name.clone(), values.collect())
    });
    let file = SnapshotFile {
        schema: SCHEMA,
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        taken_unix_ms: snapshot.taken_unix_ms,
        sections: sections.collect(),
    };
    let mut text = serde_json::to_string_pretty(&file)?;
    text.push('\n');
    Ok(text)
}

/// Reads a snapshot back. `path` names it in errors.
///
/// # Errors
///
/// Returns where the text stops being a snapshot, or that another version of the tool wrote it.
pub fn read(path: &str, text: &str) -> Result<Snapshot, Misread> {
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
        Misread::new(format!("expected a snapshot of a host: {what}"), place)
            .with_help("name a file that `splitstorm doctor snapshot -o FILE` has written")
            .with_excerpt(text)
    };
    let version: Version = serde_json::from_str(text).map_err(|error| misread(&error))?;
    if version.schema != SCHEMA {
        let what = format!(
            "expected a snapshot of schema {SCHEMA}, found schema {}",
            version.schema
        );
        return Err(Misread::new(what, Place::file(path))
            .with_help("take both snapshots with the same version of splitstorm"));
    }
    let file: SnapshotFile = serde_json::from_str(text).map_err(|error| misread(&error))?;
    let value = |value| match value {
        ValueFile::Number(number) => Value::Number(number),
        ValueFile::Text(text) if text == Value::Unlimited.text() => Value::Unlimited,
        ValueFile::Text(text) => Value::Text(text),
    };
    let sections = file.sections.into_iter().map(|(name, values)| {
        let values = values.into_iter().map(|(key, found)| (key, value(found)));
        (name, values.collect())
    });
    Ok(Snapshot {
        taken_unix_ms: file.taken_unix_ms,
        sections: sections.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_reads_back_as_it_was() {
        let mut snapshot = Snapshot {
            taken_unix_ms: 17,
            ..Snapshot::default()
        };
        snapshot.put("limits", "max_open_files.soft", Value::Number(u64::MAX));
        snapshot.put("limits", "max_processes.soft", Value::Unlimited);
        snapshot.put("host", "kernel", Value::Text("6.1".to_owned()));
        let text = json(&snapshot).unwrap();
        assert_eq!(read("a.json", &text).unwrap(), snapshot);
    }

    #[test]
    fn what_is_no_snapshot_is_refused() {
        for (text, want) in [
            (
                "{}",
                "expected a snapshot of a host: missing field `schema`",
            ),
            (
                "{\"schema\": 9}",
                "expected a snapshot of schema 1, found schema 9",
            ),
            (
                "{\"schema\": 1}",
                "expected a snapshot of a host: missing field `tool`",
            ),
        ] {
            assert_eq!(read("a.json", text).unwrap_err().to_string(), want);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_reads_or_is_refused_without_panic(text in ".{0,200}") {
            let _ = read("a.json", &text);
        }
    }
}
