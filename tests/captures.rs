//! Import of real captures against their known counts, where a folder of captures is at hand.
//!
//! `SPLITSTORM_CAPTURES` names the folder: `<name>/data.tar.zst` or loose `*.raw` files, and `truth/dev--<name>.json`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may panic, and says so when it is skipped"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use splitstorm::traffic::capture::import::ImportOptions;
use splitstorm::traffic::capture::import::Importer;
use splitstorm::traffic::trace::event::Event;
use splitstorm::traffic::trace::event::EventKind;
use splitstorm::traffic::trace::pseudonym::Pseudonyms;

/// What an import counted.
struct Counts {
    by_kind: BTreeMap<&'static str, u64>,
    lines: u64,
    event_lines: u64,
    notes: u64,
    damaged: u64,
    events: Vec<Event>,
}

/// Returns the folder of captures, or `None` with a word about it.
fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("SPLITSTORM_CAPTURES").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: SPLITSTORM_CAPTURES not set");
    }
    folder
}

/// Returns the files of a capture, path to content, in sorted order.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let packed = folder.join("data.tar.zst");
    if packed.exists() {
        let tar = zstd::decode_all(fs::File::open(packed).unwrap()).unwrap();
        return entries(&tar);
    }
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "raw"))
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect()
}

/// Returns the regular files of a tar archive: blocks of 512 bytes, name first, size in octal at byte 124.
fn entries(tar: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut at = 0;
    while at + 512 <= tar.len() && tar[at] != 0 {
        let header = &tar[at..at + 512];
        let text = |from: usize, to: usize| {
            let field = header[from..to].split(|&byte| byte == 0).next().unwrap();
            String::from_utf8_lossy(field).trim().to_owned()
        };
        let size = usize::from_str_radix(&text(124, 136), 8).unwrap();
        if matches!(header[156], b'0' | 0) {
            files.insert(text(0, 100), tar[at + 512..at + 512 + size].to_vec());
        }
        at += 512 + size.div_ceil(512) * 512;
    }
    files
}

fn import(folder: &Path, channel: Option<&str>) -> Counts {
    let mut importer = Importer::new(ImportOptions {
        format: None,
        network: "wood".to_owned(),
        channel: channel.map(str::to_owned),
        day: None,
        zone: None,
        keeps_text: false,
    });
    let mut counts = Counts {
        by_kind: BTreeMap::new(),
        lines: 0,
        event_lines: 0,
        notes: 0,
        damaged: 0,
        events: Vec::new(),
    };
    for (path, content) in files(folder) {
        let report = importer.read(&path, content.as_slice()).unwrap();
        counts.lines += report.line_count;
        counts.event_lines += report.event_line_count;
        counts.notes += report.note_count;
        counts.damaged += report.damaged_count;
    }
    counts.events = importer.finish(Pseudonyms::hashed([1; 16]), "0").collect();
    for event in &counts.events {
        *counts.by_kind.entry(event.kind.as_str()).or_default() += 1;
    }
    counts
}

/// Imports a capture and compares every count with what is known. What is known calls remarks of the logger unparsed.
#[track_caller]
fn check(name: &str, channel: Option<&str>) {
    let Some(folder) = folder() else {
        return;
    };
    let truth = fs::read_to_string(folder.join(format!("truth/dev--{name}.json"))).unwrap();
    let truth: serde_json::Value = serde_json::from_str(&truth).unwrap();
    let found = import(&folder.join(name), channel);
    let mut want: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (word, count) in truth["counts"].as_object().unwrap() {
        let kind = match word.as_str() {
            "PRIVMSG" => EventKind::Message,
            "ACTION" => EventKind::Action,
            "NOTICE" => EventKind::Notice,
            "JOIN" => EventKind::Join,
            "PART" => EventKind::Part,
            "QUIT" => EventKind::Quit,
            "NICK" => EventKind::Nick,
            "KICK" => EventKind::Kick,
            "MODE" => EventKind::Mode,
            "TOPIC" => EventKind::Topic,
            _ => EventKind::Other,
        };
        *want.entry(kind.as_str()).or_default() += count.as_u64().unwrap();
    }
    let mut by_kind = found.by_kind;
    if !want.contains_key("action") {
        // What is known about raw lines counts by command: an ACTION is a PRIVMSG.
        let actions = by_kind.remove("action").unwrap_or_default();
        *by_kind.entry("message").or_default() += actions;
    }
    assert_eq!(by_kind, want, "{name}");
    assert_eq!(Some(found.event_lines), truth["events"].as_u64(), "{name}");
    assert_eq!(
        Some(found.notes + found.damaged),
        truth["unparsed_lines"].as_u64(),
        "{name}"
    );
    let known_us = |index: usize| -> i64 {
        let text = truth["span"][index].as_str().unwrap();
        text.parse::<jiff::Timestamp>().unwrap().as_microsecond()
    };
    // What is known ends with the tick of the last event, one second long at most.
    let (first, last) = (found.events.first().unwrap(), found.events.last().unwrap());
    assert_eq!(first.at_us, known_us(0), "{name}");
    assert!(
        (0..=1_000_000).contains(&(known_us(1) - last.at_us)),
        "{name}"
    );
    eprintln!(
        "{name}: {} lines, {} with events, {} remarks, {} damaged",
        found.lines, found.event_lines, found.notes, found.damaged
    );
}

#[test]
fn znc_logs_count_as_known() {
    check("znc-qtox", None);
}

#[test]
fn znc_logs_without_hosts_count_as_known() {
    check("efnet-switchdev", Some("#switchdev"));
}

#[test]
fn eggdrop_logs_count_as_known() {
    check("eggdrop-slackware", None);
}

#[test]
fn raw_lines_count_as_known() {
    check("twitch-raw", None);
}
