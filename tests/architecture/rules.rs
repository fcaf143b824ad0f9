//! The rules that every file of the house keeps, and those of the pure rooms.

use crate::rooms::HALLS;
use crate::rooms::Kind;
use crate::rooms::room_of;
use crate::source::Source;

/// Most lines of a file; beyond it nobody reads the whole.
const LINE_COUNT_MAX: usize = 600;

/// Names that say nothing of what is in a module.
const EMPTY_NAMES: &[&str] = &[
    "utils", "util", "helpers", "helper", "common", "manager", "misc",
];

/// What a pure room never names, and what it is.
const IMPURE: &[(&str, &str)] = &[
    ("std::fs", "a file"),
    ("File", "a file"),
    ("std::thread", "a thread"),
    ("thread_local", "a thread"),
    ("std::process", "a process"),
    ("std::env", "the environment"),
    ("TcpStream", "a socket"),
    ("TcpListener", "a socket"),
    ("UdpSocket", "a socket"),
    ("UnixStream", "a socket"),
    ("UnixListener", "a socket"),
    ("UnixDatagram", "a socket"),
    ("ToSocketAddrs", "a socket"),
    ("socket2", "a socket"),
    ("rustix", "the system"),
    ("nix", "the system"),
    ("tokio", "a task"),
    ("async", "a task"),
    ("Instant", "a clock"),
    ("SystemTime", "a clock"),
    ("UNIX_EPOCH", "a clock"),
    ("Timestamp::now", "a clock"),
    ("Zoned::now", "a clock"),
    ("SysRng", "randomness of its own"),
    ("thread_rng", "randomness of its own"),
    ("rand::rng", "randomness of its own"),
    ("rand::random", "randomness of its own"),
    ("stdin", "a stream of the process"),
    ("stdout", "a stream of the process"),
    ("stderr", "a stream of the process"),
];

/// Returns the faults of one file, its arrows apart.
pub(crate) fn check_file(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    check_shape(source, &mut faults);
    check_imports(source, &mut faults);
    check_purity(source, &mut faults);
    let path = &source.path;
    faults
        .into_iter()
        .map(|(line, fault)| format!("{path}:{line}: {fault}"))
        .collect()
}

fn check_shape(source: &Source, faults: &mut Vec<(usize, String)>) {
    let first = source.text.lines().next().unwrap_or_default();
    if first
        .strip_prefix("//! ")
        .is_none_or(|about| about.trim().is_empty())
    {
        faults.push((1, "the first line does not say what the file is".to_owned()));
    } else if [
        "//! This module",
        "//! This file",
        "//! Module",
        "//! Contains",
    ]
    .iter()
    .any(|start| first.starts_with(start))
    {
        faults.push((1, "the first line is no noun phrase".to_owned()));
    }
    let count = source.text.lines().count();
    if count > LINE_COUNT_MAX {
        faults.push((count, format!("more than {LINE_COUNT_MAX} lines")));
    }
    if let Some(name) = source
        .module()
        .iter()
        .find(|name| EMPTY_NAMES.contains(&name.as_str()))
    {
        faults.push((1, format!("`{name}` says nothing of what is in it")));
    }
    for at in source.words("mod") {
        let name: String = source.code[at + "mod".len()..]
            .trim_start()
            .chars()
            .take_while(|char| char.is_alphanumeric() || *char == '_')
            .collect();
        if EMPTY_NAMES.contains(&name.as_str()) {
            faults.push((
                source.line_of(at),
                format!("`{name}` says nothing of what is in it"),
            ));
        }
    }
    for word in ["allow", "ignore"] {
        for at in source.words(word) {
            let before = source.code[..at].trim_end();
            if before.ends_with("#[")
                || before.ends_with("#![")
                || before.ends_with("cfg_attr(test,")
            {
                faults.push((source.line_of(at), format!("an attribute `{word}`")));
            }
        }
    }
    for at in source.words("unsafe") {
        faults.push((source.line_of(at), "`unsafe`".to_owned()));
    }
}

fn check_imports(source: &Source, faults: &mut Vec<(usize, String)>) {
    for at in source.words("use") {
        let statement = source.code[at..].split(';').next().unwrap_or_default();
        // A bound on what a type may borrow is no import.
        if statement.starts_with("use<") {
            continue;
        }
        let line = source.line_of(at);
        if statement.contains('{') {
            faults.push((line, "more than one path in a `use`".to_owned()));
        }
        let path: String = statement["use".len()..].split_whitespace().collect();
        let is_test_glob = source.is_in_module(at)
            && ["super::*", "proptest::prelude::*"].contains(&path.as_str());
        if path.ends_with('*') && !is_test_glob {
            faults.push((line, format!("`{path}` brings in unnamed names")));
        }
        let start = source.code[..at]
            .rfind('\n')
            .map_or(0, |newline| newline + 1);
        let is_public = source.code[start..at].trim_start().starts_with("pub");
        if is_public && source.path != "lib.rs" {
            faults.push((line, format!("`{path}` is exported again")));
        }
    }
    for (at, _) in source.code.match_indices("super::super") {
        faults.push((source.line_of(at), "`super::super`".to_owned()));
    }
}

fn check_purity(source: &Source, faults: &mut Vec<(usize, String)>) {
    let is_pure = room_of(&source.module()).is_some_and(|room| room.kind == Kind::Pure)
        || HALLS.contains(&source.path.as_str());
    if !is_pure {
        return;
    }
    for (word, what) in IMPURE {
        for at in source.words(word) {
            faults.push((
                source.line_of(at),
                format!("a pure room names {what}: `{word}`"),
            ));
        }
    }
}
