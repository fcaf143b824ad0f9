//! The house held to its plan: which room may import which, what pure rooms never name, how files are cut.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

#[path = "architecture/rooms.rs"]
mod rooms;
#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/source.rs"]
mod source;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use crate::source::Source;

/// Most folders below another; the house is three deep.
const DEPTH_MAX: usize = 8;

/// Returns the sources below `src/`, in the order of their paths.
fn house() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeSet::new();
    collect(&root, 0, &mut files);
    let sources = files.iter().map(|file| {
        let path = file.strip_prefix(&root).unwrap().to_str().unwrap();
        Source::new(path, &std::fs::read_to_string(file).unwrap())
    });
    sources.collect()
}

fn collect(folder: &Path, depth: usize, files: &mut BTreeSet<PathBuf>) {
    assert!(depth < DEPTH_MAX, "{} is too deep", folder.display());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, depth + 1, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.insert(path);
        }
    }
}

#[track_caller]
fn check_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n  {}\n", faults.join("\n  "));
}

#[test]
fn the_house_keeps_to_its_arrows() {
    let sources = house();
    assert!(sources.len() > 100, "the sources were not found");
    check_none(&rooms::check_arrows(&sources));
}

#[test]
fn the_table_is_sound() {
    check_none(&rooms::check_table());
}

#[test]
fn every_file_keeps_the_rules() {
    let faults: Vec<String> = house().iter().flat_map(rules::check_file).collect();
    check_none(&faults);
}

/// Checks that a file planted at `path` is found faulty for the reason `want`, and for no other.
#[track_caller]
fn check_planted(path: &str, body: &str, want: &str) {
    let text = format!("//! A planted file.\n{body}\n");
    let source = Source::new(path, &text);
    let mut faults = rules::check_file(&source);
    faults.extend(rooms::check_arrows(&[source]));
    assert_eq!(faults, [format!("{path}:{want}")]);
}

#[test]
fn a_planted_arrow_is_found() {
    check_planted(
        "irc/wire/bad.rs",
        "use crate::irc::session::Session;",
        "2: `irc::wire` may not import `irc::session`",
    );
    check_planted(
        "swarm/bad.rs",
        "fn f() -> crate::upstream::Side {}",
        "2: `swarm` may not import `upstream`",
    );
    check_planted(
        "irc/session/mod.rs",
        "use super::network::Network;",
        "2: `irc::session` may not import `irc::network`",
    );
    check_planted(
        "drive/run/bad.rs",
        "use crate::cli::flags::Flags;",
        "2: `drive::run` may not import `cli`",
    );
    check_planted(
        "drive/mod.rs",
        "use crate::units::offset::Offset;",
        "2: a hall imports `units::offset::Offset`",
    );
    check_planted(
        "main.rs",
        "fn main() { splitstorm::swarm::main() }",
        "2: `cli` may not import `swarm`",
    );
}

#[test]
fn a_planted_room_without_a_row_is_found() {
    check_planted("cellar/mod.rs", "", "1: is in no room of the table");
    check_planted("irc/attic/mod.rs", "", "1: is in no room of the table");
    check_planted(
        "plan/bad.rs",
        "use crate::cellar::Wine;",
        "2: `cellar::Wine` is in no room of the table",
    );
}

#[test]
fn a_planted_cycle_is_found() {
    let arrows = |pairs: &[(&'static str, &'static str)]| {
        let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (from, to) in pairs {
            arrows.entry(from).or_default().insert(to);
        }
        rooms::cycle(&arrows)
    };
    assert_eq!(arrows(&[("a", "b"), ("a", "c"), ("b", "c")]), None);
    assert_eq!(
        arrows(&[("a", "b"), ("b", "c"), ("c", "d"), ("d", "b"), ("c", "e")]),
        Some("b → c → d → b".to_owned())
    );
    let planted = [
        Source::new("measure/bad.rs", "//! Bad.\nuse crate::plan::Plan;\n"),
        Source::new("plan/fine.rs", "//! Fine.\nuse crate::measure::Seen;\n"),
    ];
    assert_eq!(
        rooms::check_arrows(&planted),
        [
            "measure/bad.rs:2: `measure` may not import `plan`",
            "a cycle: measure → plan → measure"
        ]
    );
}

#[test]
fn planted_impurities_are_found() {
    for (body, want) in [
        ("use std::fs;", "a file: `std::fs`"),
        ("use std::net::TcpStream;", "a socket: `TcpStream`"),
        ("use std::thread;", "a thread: `std::thread`"),
        ("fn f() { tokio::spawn(g()); }", "a task: `tokio`"),
        ("use std::time::Instant;", "a clock: `Instant`"),
        ("use std::time::SystemTime;", "a clock: `SystemTime`"),
        ("use rustix::time::timerfd_create;", "the system: `rustix`"),
        ("use nix::unistd;", "the system: `nix`"),
        ("use socket2::Socket;", "a socket: `socket2`"),
        (
            "fn f() -> u64 { rand::random() }",
            "randomness of its own: `rand::random`",
        ),
    ] {
        check_planted(
            "swarm/bad.rs",
            body,
            &format!("2: a pure room names {want}"),
        );
        let elsewhere = Source::new("drive/run/fine.rs", &format!("//! Fine.\n{body}\n"));
        assert_eq!(
            rules::check_file(&elsewhere),
            Vec::<String>::new(),
            "{body}"
        );
    }
}

#[test]
fn words_in_comments_and_texts_are_no_impurities() {
    let text = "//! Fine: no Instant here.\n// tokio\nconst A: &str = \"std::fs\";\nstruct Tokio;\nfn instant_of() {}\n";
    assert_eq!(
        rules::check_file(&Source::new("swarm/fine.rs", text)),
        Vec::<String>::new()
    );
}

#[test]
fn planted_imports_are_found() {
    check_planted(
        "swarm/bad.rs",
        "use crate::units::{id::UserId, offset::Offset};",
        "2: more than one path in a `use`",
    );
    check_planted(
        "swarm/bad.rs",
        "use crate::units::id::*;",
        "2: `crate::units::id::*` brings in unnamed names",
    );
    check_planted(
        "swarm/a/bad.rs",
        "use super::super::user::User;",
        "2: `super::super`",
    );
    check_planted(
        "swarm/bad.rs",
        "pub use crate::units::id::UserId;",
        "2: `crate::units::id::UserId` is exported again",
    );
    let tests = "//! Fine.\n#[cfg(test)]\nmod tests {\n    use super::*;\n}\n";
    assert_eq!(
        rules::check_file(&Source::new("swarm/fine.rs", tests)),
        Vec::<String>::new()
    );
}

#[test]
fn planted_shapes_are_found() {
    for (text, want) in [
        (
            "use std::fmt;\n",
            "1: the first line does not say what the file is",
        ),
        ("//!\n", "1: the first line does not say what the file is"),
        (
            "//! This module reads.\n",
            "1: the first line is no noun phrase",
        ),
    ] {
        let faults = rules::check_file(&Source::new("swarm/bad.rs", text));
        assert_eq!(faults, [format!("swarm/bad.rs:{want}")]);
    }
    check_planted(
        "swarm/bad.rs",
        &"\n".repeat(599),
        "601: more than 600 lines",
    );
    check_planted(
        "swarm/bad.rs",
        "#[allow(dead_code)]\nfn f() {}",
        "2: an attribute `allow`",
    );
    check_planted(
        "swarm/bad.rs",
        "mod tests {\n    #[test]\n    #[ignore = \"slow\"]\n    fn f() {}\n}",
        "4: an attribute `ignore`",
    );
    check_planted("swarm/bad.rs", "fn f() { unsafe { g() } }", "2: `unsafe`");
    for name in ["utils", "helpers", "common", "manager", "misc"] {
        let want = format!("2: `{name}` says nothing of what is in it");
        check_planted("swarm/mod.rs", &format!("mod {name};"), &want);
        let planted = Source::new(&format!("swarm/{name}.rs"), "//! Bad.\n");
        assert_eq!(rules::check_file(&planted).len(), 1);
    }
}
