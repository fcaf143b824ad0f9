//! Import of real captures against their known counts, where a folder of captures is at hand.
//!
//! `SPLITSTORM_CAPTURES` names the folder: `<name>/data.tar.zst` or loose `*.raw` and `*.jsonl` files, and `truth/dev--<name>.json`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may panic, and says so when it is skipped"
)]

#[path = "captures/recount.rs"]
mod recount;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use splitstorm::traffic::capture::import::ImportOptions;
use splitstorm::traffic::capture::import::Importer;
use splitstorm::traffic::capture::import::Log;
use splitstorm::traffic::capture::packet;
use splitstorm::traffic::capture::packet::report::PacketReport;
use splitstorm::traffic::fidelity::drift::weekly;
use splitstorm::traffic::profile::Profile;
use splitstorm::traffic::profile::fit::FitOptions;
use splitstorm::traffic::profile::fit::Keeps;
use splitstorm::traffic::profile::fit::Weeks;
use splitstorm::traffic::profile::fit::stretches;
use splitstorm::traffic::profile::weekly::Trial;
use splitstorm::traffic::trace::event::Event;
use splitstorm::traffic::trace::event::EventKind;
use splitstorm::traffic::trace::event::TraceMeta;
use splitstorm::traffic::trace::pseudonym::Pseudonyms;
use splitstorm::units::id::Seed;

use crate::recount::Explained;
use crate::recount::Files;

/// Hours of a day.
const HOURS: usize = 24;

/// What an import counted.
struct Counts {
    by_kind: BTreeMap<&'static str, u64>,
    lines: u64,
    event_lines: u64,
    notes: u64,
    damaged: u64,
    events: Vec<Event>,
    meta: TraceMeta,
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
fn files(folder: &Path) -> Files {
    let packed = folder.join("data.tar.zst");
    if packed.exists() {
        let tar = zstd::decode_all(fs::File::open(packed).unwrap()).unwrap();
        return entries(&tar);
    }
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "raw" || extension == "jsonl")
        })
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect()
}

/// Returns the regular files of a tar archive: blocks of 512 bytes, name first, size in octal at byte 124.
fn entries(tar: &[u8]) -> Files {
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
    let (mut lines, mut event_lines, mut notes, mut damaged) = (0, 0, 0, 0);
    for (path, content) in files(folder) {
        let log = Log {
            path: &path,
            logger: None,
        };
        let report = importer.read(log, content.as_slice()).unwrap();
        lines += report.line_count;
        event_lines += report.event_line_count;
        notes += report.note_count;
        damaged += report.damaged_count;
    }
    let imported = importer.finish(Pseudonyms::hashed([1; 16]), "0");
    let meta = imported.meta().clone();
    let events: Vec<Event> = imported.collect();
    let mut by_kind = BTreeMap::new();
    for event in &events {
        *by_kind.entry(event.kind.as_str()).or_default() += 1;
    }
    Counts {
        by_kind,
        lines,
        event_lines,
        notes,
        damaged,
        events,
        meta,
    }
}

/// Fits a profile to a capture and compares what it says in `days` with what was said.
#[track_caller]
fn check_talk(name: &str, days: u32, distance_max: f64) {
    let Some(folder) = folder() else {
        return;
    };
    let live = import(&folder.join(name), None);
    let options = FitOptions {
        name: name.to_owned(),
        source: "a capture".to_owned(),
        tool: "0".to_owned(),
        fitted_on: "2024-01-01".to_owned(),
        weeks: Weeks::All,
        keeps: Keeps::Timelines,
    };
    let profile = Profile::fit(&live.meta, &live.events, &options).unwrap();
    let cycle_secs = profile.cycle_secs();
    let first_us = live.events.last().unwrap().at_us - i64::from(cycle_secs) * 1_000_000;
    let hour_of = |us: i64| usize::try_from(us / 3_600_000_000 % 24).unwrap();
    let (mut live_hours, mut made_hours) = ([0.0; HOURS], [0.0; HOURS]);
    for event in live.events.iter().filter(|event| event.kind.is_talk()) {
        if event.at_us > first_us {
            live_hours[hour_of(event.at_us)] += 1.0;
        }
    }
    let made_secs = f64::from(days) * 86_400.0;
    let sample = profile.sample(Seed(1), first_us, days * 86_400);
    for event in sample.views().filter(|event| event.kind.is_talk()) {
        made_hours[hour_of(event.at_us)] += 1.0;
    }
    let sum = |hours: &[f64; HOURS]| hours.iter().sum::<f64>();
    let live_rate = sum(&live_hours) / f64::from(cycle_secs);
    let made_rate = sum(&made_hours) / made_secs;
    let shares = live_hours.iter().zip(&made_hours);
    let distance: f64 = shares
        .map(|(live, made)| (live / sum(&live_hours) - made / sum(&made_hours)).abs())
        .sum::<f64>()
        / 2.0;
    eprintln!(
        "{name}: live {live_rate:.6}/s, made {made_rate:.6}/s, hours differ by {distance:.3}"
    );
    // Days differ by factors, and the capture itself has few: its own rate is hardly known better than this.
    assert!((made_rate / live_rate - 1.0).abs() < 0.1, "{name}");
    assert!(distance < distance_max, "{name}");
    let files = profile.write();
    assert_eq!(Profile::read(name, &files).unwrap(), profile, "{name}");
    check_churn(
        name,
        &profile,
        &live.events.iter().filter(|event| event.at_us > first_us),
    );
}

/// Compares a sample as long as the capture with the capture: who comes and goes, and whether somebody can speak.
#[track_caller]
fn check_churn<'a>(
    name: &str,
    profile: &Profile,
    live: &(impl Iterator<Item = &'a Event> + Clone),
) {
    let start_us = live.clone().next().unwrap().at_us;
    let sample = profile.sample(Seed(1), start_us, profile.cycle_secs());
    let talk =
        |kinds: &mut dyn Iterator<Item = EventKind>| kinds.filter(|kind| kind.is_talk()).count();
    for kind in [
        EventKind::Join,
        EventKind::Quit,
        EventKind::Part,
        EventKind::Nick,
    ] {
        let was = live.clone().filter(|event| event.kind == kind).count();
        let is = sample.views().filter(|event| event.kind == kind).count();
        eprintln!("{name}: {} {was} live, {is} in a sample", kind.as_str());
        // Shifts leave each session once in a cycle; those who are cut where the capture ends add some, and most cohorts are cut
        // at the same place: of a hundred it may be twenty. Whoever a mass event keeps away takes no other nick meanwhile.
        let share = if kind == EventKind::Nick { 4 } else { 10 };
        assert!(
            is.abs_diff(was) * share <= was + 100,
            "{name}: {} {was} live, {is} made",
            kind.as_str()
        );
    }
    let said = talk(&mut sample.views().map(|event| event.kind));
    let unspoken = sample.unspoken_count();
    eprintln!(
        "{name}: {} messages live, {said} in a sample, {unspoken} unspoken",
        talk(&mut live.clone().map(|event| event.kind))
    );
    assert!(
        unspoken * 50 < said as u64,
        "{name}: {unspoken} of {said} unspoken"
    );
}

/// Imports a capture and compares every count with what is known: each may differ by one in a thousand.
#[track_caller]
fn check(name: &str, channel: Option<&str>) {
    check_explained(name, channel, |_| Vec::new());
}

/// Does what [`check`] does, apart from what a second count of the raw lines explains: it has to come to what is known, too.
#[track_caller]
fn check_explained(name: &str, channel: Option<&str>, explain: impl Fn(&Files) -> Vec<Explained>) {
    let Some(folder) = folder() else {
        return;
    };
    let truth = fs::read_to_string(folder.join(format!("truth/dev--{name}.json"))).unwrap();
    let truth: serde_json::Value = serde_json::from_str(&truth).unwrap();
    let found = import(&folder.join(name), channel);
    let mut want: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (word, count) in truth["counts"].as_object().unwrap() {
        // Who is in several channels quits once, and is told by each log.
        let count = truth["network_unique"].get(word).unwrap_or(count);
        *want.entry(kind_of(word).as_str()).or_default() += count.as_u64().unwrap();
    }
    let mut by_kind = found.by_kind;
    if !want.contains_key("action") {
        // What is known about raw lines counts by command: an ACTION is a PRIVMSG.
        let actions = by_kind.remove("action").unwrap_or_default();
        if actions > 0 {
            *by_kind.entry("message").or_default() += actions;
        }
    }
    for Explained { kind, known, more } in explain(&files(&folder.join(name))) {
        let count = want.entry(kind).or_default();
        eprintln!("{name}: {kind} {more:+} explained");
        assert_eq!(known.unwrap_or(*count), *count, "{name}: {kind}");
        *count = count.checked_add_signed(more).unwrap();
    }
    let kinds: BTreeSet<&str> = by_kind.keys().chain(want.keys()).copied().collect();
    let mut differing = 0;
    for kind in kinds {
        let count = |counts: &BTreeMap<&str, u64>| counts.get(kind).copied().unwrap_or_default();
        let (is, known) = (count(&by_kind), count(&want));
        eprintln!("{name}: {kind} {is}, known {known}");
        differing += is.abs_diff(known);
        assert!(
            is.abs_diff(known) * 1_000 <= known,
            "{name}: {kind} {is}, known {known}"
        );
    }
    eprintln!(
        "{name}: {} lines, {} with events, {} remarks, {} damaged, {differing} differing",
        found.lines, found.event_lines, found.notes, found.damaged
    );
    let known_us = |index: usize| -> i64 {
        let text = truth["span"][index].as_str().unwrap();
        text.parse::<jiff::Timestamp>().unwrap().as_microsecond()
    };
    // What is known ends within a tick of the last event, and begins within one of the first.
    let tick_us = i64::from(found.meta.tick_us.max(1_000_000));
    let (first, last) = (found.events.first().unwrap(), found.events.last().unwrap());
    assert!(
        (first.at_us - known_us(0)).abs() <= tick_us,
        "{name}: {}",
        first.at_us
    );
    assert!(
        (known_us(1) - last.at_us).abs() <= tick_us,
        "{name}: {}",
        last.at_us
    );
}

fn kind_of(word: &str) -> EventKind {
    match word {
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
    }
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

#[test]
fn pages_of_mirc_logs_count_as_known() {
    check_explained("mirc-html-w3c", None, recount::signs_and_starts);
    check_explained("mirc-html-netsplit", None, recount::signs);
    check_explained("irccloud-outages", None, recount::signs);
}

#[test]
fn limnoria_logs_count_as_known() {
    check("limnoria-fluid", None);
}

#[test]
fn pircbot_logs_count_as_known() {
    check("pircbot-duraspace", Some("#duraspace"));
}

#[test]
fn colabti_logs_count_as_known() {
    check_explained("raku-multi", None, recount::topics_and_brackets);
}

#[test]
fn ubuntu_logs_count_as_known() {
    check_explained("ubuntu-multi", None, recount::topics);
}

#[test]
fn lines_of_json_count_as_known() {
    check("jsonms-laravel", Some("#laravel"));
}

#[test]
fn records_of_unix_times_count_as_known() {
    check("zig-unixtime", Some("#zig"));
}

#[test]
fn a_profile_of_five_months_talks_as_was_talked() {
    // A start an hour in two at the busiest hours: 5 % is what smoothing and the shape of long episodes leave.
    check_talk("znc-qtox", 4_000, 0.09);
}

#[test]
fn a_profile_of_five_days_talks_as_was_talked() {
    // Some hundred episodes, the longest over five hours: they can't follow each hour of five days.
    check_talk("eggdrop-slackware", 2_000, 0.17);
}

/// Tries the alarm of drift on a capture, and compares the shares of pairs of weeks at which it went off: without a change at
/// most the first, and at least the others, in the order of [`Trial::ALL`].
fn check_drift(name: &str, bounds: [f64; Trial::COUNT]) {
    let Some(folder) = folder() else {
        return;
    };
    let live = import(&folder.join(name), None);
    let stretches = stretches(&live.meta, &live.events, Weeks::All).unwrap();
    let weekly = weekly(&live.meta, &live.events, &stretches).unwrap();
    for (trial, bound) in Trial::ALL.into_iter().zip(bounds) {
        let tried = weekly.tried(trial);
        eprintln!("{name}: {} {tried:?}", trial.as_str());
        let rate = tried.rate().unwrap();
        let holds = if trial == Trial::Unchanged {
            rate <= bound
        } else {
            rate >= bound
        };
        assert!(holds, "{name}: {} {rate} {bound}", trial.as_str());
    }
}

#[test]
fn an_alarm_of_drift_is_seldom_false_and_sees_large_changes() {
    // Eight pairs of weeks, and fifty-one: the bounds leave room for a few.
    check_drift("znc-qtox", [0.2, 0.3, 0.7, 0.4, 0.9, 0.6]);
    check_drift("limnoria-fluid", [0.1, 0.2, 0.7, 0.7, 0.9, 0.7]);
}

/// Surveys a recording of packets.
fn survey(name: &str) -> Option<PacketReport> {
    let path = folder()?.join("pcap-zeek").join(name);
    let file = fs::File::open(path).unwrap();
    let report = packet::survey(name, file).unwrap();
    eprintln!("{name}: {report:?}");
    Some(report)
}

/// Returns how many events of each kind a report counts.
fn counts(report: &PacketReport) -> BTreeMap<&'static str, u64> {
    EventKind::ALL
        .into_iter()
        .map(|kind| (kind.as_str(), report.event_count(kind)))
        .filter(|&(_, count)| count > 0)
        .collect()
}

/// Surveys a recording and compares events, then (connections, of IRC, encrypted, foreign), then (lines, damaged).
#[track_caller]
fn check_packets(
    name: &str,
    events: &[(&'static str, u64)],
    connections: [u64; 4],
    lines: [u64; 2],
) {
    let Some(report) = survey(name) else {
        return;
    };
    assert_eq!(counts(&report), events.iter().copied().collect(), "{name}");
    let found = [
        report.connection_count,
        report.irc_count,
        report.tls_count,
        report.foreign_count,
    ];
    assert_eq!(found, connections, "{name}");
    assert_eq!([report.line_count, report.damaged_count], lines, "{name}");
    assert_eq!(report.missing_bytes, 0, "{name}");
    assert_eq!(report.file_damage, None, "{name}");
}

// What is known of the recordings of packets was counted by hand in another tool's view of their streams.

#[test]
fn a_recorded_session_counts_as_known() {
    let events = [
        ("join", 1),
        ("message", 1),
        ("mode", 1),
        ("other", 1),
        ("quit", 1),
    ];
    check_packets("irc-basic.pcap", &events, [1, 1, 0, 0], [64, 0]);
}

#[test]
fn two_recorded_clients_in_one_channel_count_as_known() {
    // Each of them tells nearly all of it: once for who did it, once for who saw it.
    let events = [
        ("join", 3),
        ("kick", 1),
        ("other", 1),
        ("part", 1),
        ("topic", 1),
    ];
    check_packets("irc-more-commands.pcap", &events, [2, 2, 0, 0], [281, 0]);
}

#[test]
fn a_session_that_begins_tls_is_told_as_such() {
    check_packets("irc-starttls.pcap", &[], [1, 1, 1, 0], [2, 0]);
}

#[test]
fn crafted_recordings_count_as_known() {
    check_packets("irc-353.pcap", &[], [2, 0, 0, 0], [0, 0]);
    check_packets("irc-dcc-first-command.pcap", &[], [2, 1, 0, 0], [1, 1]);
    let events = [("other", 30), ("quit", 1)];
    check_packets(
        "irc-dcc-state-growth.pcapng",
        &events,
        [1, 1, 0, 0],
        [32, 0],
    );
    check_packets("contentline-irc-5k-line.pcap", &[], [6, 1, 2, 2], [3, 0]);
}
