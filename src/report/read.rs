//! A result read back from `result.json`.

use serde::Deserialize;

use crate::place::Misread;
use crate::place::Place;
use crate::report::result::RunResult;
use crate::report::result::SCHEMA;

#[derive(Deserialize)]
struct Version {
    schema: u32,
}

/// Reads a result. `path` names it in errors.
///
/// # Errors
///
/// Returns where the text stops being a result, or that another version of the tool wrote it.
pub fn read(path: &str, text: &str) -> Result<RunResult, Misread> {
    let misread = |error: &serde_json::Error, help: &str| {
        let message = error.to_string();
        let what = message
            .rsplit_once(" at line ")
            .map_or(message.as_str(), |(what, _)| what);
        let place = Place {
            path: path.to_owned(),
            line: error.line() as u64,
            column: error.column() as u64,
        };
        Misread::new(format!("expected a result: {what}"), place)
            .with_help(help)
            .with_excerpt(text)
    };
    let version: Version = serde_json::from_str(text)
        .map_err(|error| misread(&error, "name the result.json of a run, or its folder"))?;
    if version.schema != SCHEMA {
        return Err(Misread::new(
            format!(
                "expected a result of schema {SCHEMA}, found schema {}",
                version.schema
            ),
            Place::file(path),
        )
        .with_help(
            "read it with the version of splitstorm that wrote it: `tool.version` names it",
        ));
    }
    serde_json::from_str(text)
        .map_err(|error| misread(&error, "the file is not as splitstorm writes it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::catalogue::passed;

    #[track_caller]
    fn check(text: &str, want: &str) {
        let misread = read("result.json", text).unwrap_err();
        assert_eq!(
            format!("{misread} @ {} ? {}", misread.place, misread.help),
            want
        );
    }

    #[test]
    fn what_is_no_result_is_refused_where_it_goes_wrong() {
        check(
            "{\"a\": 1}",
            "expected a result: missing field `schema` @ result.json:1:8 ? name the result.json of a run, or its folder",
        );
        check(
            "{\n\"schema\": 1,\n\"seed\": \"x\"}",
            "expected a result: invalid type: string \"x\", expected u64 @ result.json:3:11 ? the file is not as splitstorm writes it",
        );
        check(
            "{\"schema\": 99}",
            "expected a result of schema 1, found schema 99 @ result.json ? read it with the version of splitstorm that wrote it: `tool.version` names it",
        );
    }

    #[test]
    fn keys_of_a_later_tool_are_passed_over() {
        let mut out = Vec::new();
        passed().write(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let later = text.replacen('{', "{\"novelty\": [1],", 1);
        assert_eq!(read("result.json", &later).unwrap(), passed());
    }

    proptest::proptest! {
        #[test]
        fn any_text_reads_or_is_refused_without_panic(text in ".{0,200}") {
            let _ = read("result.json", &text);
        }
    }
}
