//! The commands that read results, run as a person runs them: outputs, errors, exit codes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;
use std::process::Output;

const RESULT: &str = "tests/data/results/netsplit";

fn splitstorm(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_splitstorm"))
        .args(args)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .env_remove("NO_COLOR")
        .output()
        .unwrap()
}

#[track_caller]
fn check(args: &[&str], code: i32, stdout_begins: &str, stderr: &str) {
    let output = splitstorm(args);
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), stderr);
    assert!(out.starts_with(stdout_begins), "{out}");
    assert_eq!(output.status.code(), Some(code));
    assert_eq!(out.is_empty(), code != 0);
}

#[test]
fn a_result_renders_in_every_form_from_its_folder_alone() {
    check(
        &["report", RESULT],
        0,
        "! INTERRUPTED  netsplit\n  • the run was interrupted, 45.0 s into the run\n",
        "",
    );
    for (format, begins) in [
        ("json", "{\n  \"schema\": 1,"),
        ("markdown", "# ❌ interrupted: netsplit"),
        ("junit", "<?xml version=\"1.0\""),
        ("csv", "scope,metric,value,unit\n"),
    ] {
        check(&["report", RESULT, "--format", format], 0, begins, "");
    }
}

#[test]
fn the_result_itself_comes_out_as_it_went_in() {
    let file = format!("{RESULT}/result.json");
    let output = splitstorm(&["report", &file, "--format", "json"]);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        std::fs::read_to_string(file).unwrap()
    );
}

#[test]
fn a_report_can_go_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("junit.xml");
    let output = splitstorm(&[
        "report",
        RESULT,
        "--format",
        "junit",
        "-o",
        path.to_str().unwrap(),
    ]);
    assert!(output.status.success() && output.stdout.is_empty());
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains("<testcase name=\"lost\""));
    check(
        &["report", RESULT, "-o", "no/such/folder/x"],
        2,
        "",
        "error: can't write `no/such/folder/x`: no such file or folder\n  help: make its folder first\n",
    );
}

#[test]
fn exemplars_are_explained_or_said_to_be_none() {
    check(
        &["explain", RESULT, "lost"],
        0,
        "lost: 3 in this run, 1 kept. Moments count from the run's start, 2026-01-02T03:04:05Z.\n\n1. message 17 of alder to #grove7, 42 bytes\n",
        "",
    );
    check(
        &["explain", RESULT, "duplicated"],
        0,
        "duplicated: none in this run\n",
        "",
    );
}

#[test]
fn what_is_wrong_is_said_on_stderr() {
    check(
        &["explain", RESULT, "losst"],
        2,
        "",
        "error: `losst` is no class of breach\n  help: did you mean `lost`? classes: `lost`, `duplicated`, `reordered`, `misdelivered`, \
         `misattributed`, `corrupted`, `truncated`, `presence_missed`, `late`, `uncertain`, `echo_lost`, `backlog_missing`, \
         `backlog_hidden`, `backlog_duplicated`, `backlog_misordered`, `backlog_wrong_time`, `leaked`, `lost_in_drop`\n",
    );
    check(
        &["report", "nowhere"],
        2,
        "",
        "error: can't read `nowhere`: no such file or folder\n  help: check the path; it counts from the folder you are in\n",
    );
    check(
        &["report", "clippy.toml"],
        2,
        "",
        "error: expected a result: expected value\n --> clippy.toml:1:1\n  |\n1 | allow-unwrap-in-tests = true\n  | ^^^^^^^^^^^^^^^^^^^^^\n  |\n  \
         = help: name the result.json of a run, or its folder\n",
    );
}
