//! The file of a snapshot of a host, JSON: sections of values, written and read back.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::fitness::snapshot::Snapshot;
use crate::fitness::snapshot::Value;
use crate::place::Misread;
use crate::report::document;
use crate::report::document::Kind;

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

const KIND: Kind = Kind {
    what: "a snapshot",
    of: " of a host",
    schema: SCHEMA,
    no_such: "name a file that `splitstorm doctor snapshot -o FILE` has written",
    other_version: "take both snapshots with the same version of splitstorm",
};

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
    document::text(&file)
}

/// Reads a snapshot back. `path` names it in errors.
///
/// # Errors
///
/// Returns where the text stops being a snapshot, or that another version of the tool wrote it.
pub fn read(path: &str, text: &str) -> Result<Snapshot, Misread> {
    let file: SnapshotFile = document::read(&KIND, path, text)?;
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
