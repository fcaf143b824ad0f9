//! A result read back from `result.json`.

use crate::place::Misread;
use crate::report::document;
use crate::report::document::Kind;
use crate::report::result::RunResult;
use crate::report::result::SCHEMA;

const KIND: Kind = Kind {
    what: "a result",
    of: "",
    schema: SCHEMA,
    no_such: "name the result.json of a run, or its folder",
    other_version: "read it with the version of splitstorm that wrote it: `tool.version` names it",
};

/// Reads a result. `path` names it in errors.
///
/// # Errors
///
/// Returns where the text stops being a result, or that another version of the tool wrote it.
pub fn read(path: &str, text: &str) -> Result<RunResult, Misread> {
    document::read(&KIND, path, text)
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
