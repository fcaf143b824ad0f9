//! The command `capture import`: foreign recordings to one trace.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use crate::cli::error;
use crate::cli::error::Error;
use crate::cli::files;
use crate::cli::key;
use crate::cli::logs;
use crate::cli::logs::LogArguments;
use crate::place::Misread;
use crate::traffic::capture::packet::report::PacketReport;
use crate::traffic::capture::report::FileReport;
use crate::traffic::trace::event::EventKind;
use crate::traffic::trace::event::TraceMeta;
use crate::traffic::trace::pseudonym::Pseudonyms;
use crate::traffic::trace::write::TraceWriter;

/// Logs with damaged lines whose lines are shown; further ones are only counted.
const DAMAGED_LOGS_SHOWN_MAX: usize = 10;

/// Files that are no logs and are named; further ones are only counted.
const SKIPPED_SHOWN_MAX: usize = 5;

/// Channels of several loggers that are shown; further ones are only counted.
const OVERLAPS_SHOWN_MAX: usize = 5;

/// Flags of `capture import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    #[command(flatten)]
    logs: LogArguments,
    /// The trace to write, compressed if it ends in .zst; `-` is stdout.
    #[arg(short, long, value_name = "TRACE")]
    output: PathBuf,
    /// Keep names and texts as they are: the trace then holds people's words.
    #[arg(long)]
    keep_text: bool,
    /// Keep the key of the pseudonyms in FILE, made if need be, so that several imports give a name the same pseudonym.
    #[arg(long, value_name = "FILE", conflicts_with = "keep_text")]
    key_file: Option<PathBuf>,
}

/// What the logs themselves do not tell of an import.
struct Findings {
    skipped: Vec<Misread>,
    query_count: u64,
    /// Events that were told more than once.
    repeat_count: u64,
    /// Nicks that speak for others, and their messages.
    bridges: (u64, u64),
    /// Names that have pseudonyms of earlier imports.
    is_key_kept: bool,
}

/// Imports logs as one trace.
pub(crate) fn run(arguments: &ImportArguments) -> Result<u8, Error> {
    let pseudonyms = if arguments.keep_text {
        Pseudonyms::kept()
    } else {
        key::pseudonyms(arguments.key_file.as_deref())?
    };
    let read = logs::read(&arguments.logs, arguments.keep_text)?;
    let mut findings = Findings {
        skipped: read.skipped,
        query_count: read.query_count,
        repeat_count: 0,
        bridges: read.importer.bridges(),
        is_key_kept: arguments.key_file.is_some(),
    };
    let imported = read.importer.finish(pseudonyms, env!("CARGO_PKG_VERSION"));
    let meta = imported.meta().clone();
    findings.repeat_count = imported.repeat_count();
    let mut tally = Tally::default();
    files::write(&arguments.output, |output| {
        let mut writer = TraceWriter::create(output, &meta)?;
        for event in imported {
            tally.count(event.kind, event.at_us);
            writer.write(&event)?;
        }
        writer.finish()?;
        Ok(())
    })?;
    error::say(&summary(
        &arguments.output,
        &meta,
        &tally,
        &read.reports,
        &findings,
    ));
    Ok(0)
}

/// Counts of a trace.
#[derive(Debug, Default)]
struct Tally {
    by_kind: [u64; EventKind::ALL.len()],
    first_us: Option<i64>,
    last_us: i64,
}

impl Tally {
    fn count(&mut self, kind: EventKind, at_us: i64) {
        let index = EventKind::ALL.iter().position(|known| *known == kind);
        if let Some(count) = index.and_then(|index| self.by_kind.get_mut(index)) {
            *count += 1;
        }
        self.first_us.get_or_insert(at_us);
        self.last_us = at_us;
    }
}

/// Returns what the import came to, for people.
fn summary(
    output: &Path,
    meta: &TraceMeta,
    tally: &Tally,
    reports: &[FileReport],
    findings: &Findings,
) -> String {
    let logs = || reports.iter().filter(|report| report.kind().is_some());
    let formats: BTreeSet<&str> = logs().filter_map(FileReport::kind).collect();
    let formats: Vec<&str> = formats.into_iter().collect();
    let total: u64 = tally.by_kind.iter().sum();
    let mut text = format!(
        "{total} events of {} ({}) to {}\n",
        counted(logs().count(), "log"),
        formats.join(", "),
        files::shown(output)
    );
    if let Some(first_us) = tally.first_us {
        let zone = if meta.is_zone_assumed() {
            "UTC, assumed: --tz names another"
        } else {
            &meta.zone
        };
        put(
            &mut text,
            &format!(
                "  from {} to {}, zone {zone}",
                moment(first_us),
                moment(tally.last_us)
            ),
        );
    }
    let counts: Vec<String> = EventKind::ALL
        .iter()
        .zip(tally.by_kind)
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| format!("{} {count}", kind.as_str()))
        .collect();
    if !counts.is_empty() {
        put(&mut text, &format!("  {}", counts.join(", ")));
    }
    let sum = |count: fn(&FileReport) -> u64| reports.iter().map(count).sum::<u64>();
    let lines = sum(|report| report.line_count);
    let notes = sum(|report| report.note_count);
    put(
        &mut text,
        &format!("  {lines} lines, of which {notes} tell no event"),
    );
    let lifted = sum(|report| report.lifted_count);
    if lifted > 0 {
        put(
            &mut text,
            &format!(
                "warning: {lifted} events whose time ran back got the time of the event before them"
            ),
        );
    }
    let damaged = sum(|report| report.damaged_count);
    if damaged > 0 {
        put(
            &mut text,
            &format!("warning: {damaged} of {lines} lines are not understood"),
        );
        put_damaged(&mut text, reports);
    }
    for report in reports {
        if let Some(packets) = &report.packets {
            put_packets(&mut text, &report.path, packets);
        }
    }
    put_findings(&mut text, meta, reports, findings);
    text
}

/// Appends what a recording of packets held, and what of it could not be read.
fn put_packets(text: &mut String, path: &str, packets: &PacketReport) {
    put(
        text,
        &format!(
            "  {path}: {} in {}, {} of IRC clients",
            counted_u64(packets.packet_count, "packet"),
            counted_u64(packets.connection_count, "connection"),
            packets.irc_count
        ),
    );
    let lacks = [
        (
            packets.tls_count,
            "connection",
            "encrypted and not read: `capture tap` records before TLS",
        ),
        (
            packets.foreign_count,
            "connection",
            "of something else than IRC",
        ),
        (
            packets.forgotten_count,
            "connection",
            "forgotten: too many, or too much of them, would be held at once",
        ),
        (
            packets.unwaited_count,
            "connection",
            "whose missing bytes were not waited for: too much would be held at once",
        ),
        (
            packets.missing_bytes,
            "byte",
            "sent and not captured: the lines they were in are left out",
        ),
        (
            packets.fragment_count,
            "packet",
            "in fragments, which are not put together",
        ),
        (
            packets.truncated_count,
            "packet",
            "cut by the recorder: record with a snap length of 0",
        ),
        (packets.untimed_count, "packet", "without a time"),
        (
            packets.other_packet_count,
            "packet",
            "of something else than TCP, or of a link that is not read",
        ),
    ];
    for (count, what, lack) in lacks {
        if count > 0 {
            put(
                text,
                &format!("warning: {} {lack}", counted_u64(count, what)),
            );
        }
    }
    if let Some(damage) = &packets.file_damage {
        put(
            text,
            &format!(
                "warning: {path} is damaged from byte {} on: expected {}; what follows is not read",
                damage.offset, damage.expected
            ),
        );
    }
}

/// Appends what people should know of a capture before they trust it.
fn put_findings(text: &mut String, meta: &TraceMeta, reports: &[FileReport], findings: &Findings) {
    let unnamed: u64 = reports.iter().map(|report| report.unnamed_count).sum();
    if unnamed > 0 {
        put(
            text,
            &format!(
                "warning: {unnamed} comings and goings of a netsplit are told only by their number"
            ),
        );
    }
    let seconds = reports.iter().filter(|report| report.is_second).count();
    if seconds > 0 {
        put(
            text,
            &format!(
                "warning: {} of a channel and a day that another tells too: --tree if they are of several users",
                counted(seconds, "log")
            ),
        );
    }
    let (bots, carried) = findings.bridges;
    if bots > 0 {
        put(
            text,
            &format!(
                "warning: {} for others elsewhere, {carried} messages: they count as one speaker each",
                if bots == 1 {
                    "1 nick speaks".to_owned()
                } else {
                    format!("{bots} nicks speak")
                }
            ),
        );
    }
    if findings.repeat_count > 0 {
        let repeats = counted_u64(findings.repeat_count, "event");
        put(
            text,
            &format!("  {repeats} told before by another log, or in the same tick, counted once"),
        );
    }
    for (channel, loggers) in meta.overlaps.iter().take(OVERLAPS_SHOWN_MAX) {
        put(
            text,
            &format!("  {channel} was logged by {loggers} users, and counts once"),
        );
    }
    if meta.overlaps.len() > OVERLAPS_SHOWN_MAX {
        let rest = meta.overlaps.len() - OVERLAPS_SHOWN_MAX;
        put(
            text,
            &format!(
                "  and {} by several users",
                counted(rest, "further channel")
            ),
        );
    }
    if findings.query_count > 0 {
        put(
            text,
            &format!(
                "  {} of private queries not read",
                counted_u64(findings.query_count, "log")
            ),
        );
    }
    if findings.is_key_kept {
        put(
            text,
            "  pseudonyms are under a kept key: whoever has it can tell whether a name is in the trace",
        );
    }
    let skipped = &findings.skipped;
    if !skipped.is_empty() {
        put(
            text,
            &format!(
                "warning: skipped what is no log: {}",
                counted(skipped.len(), "file")
            ),
        );
        for misread in skipped.iter().take(SKIPPED_SHOWN_MAX) {
            put(text, &format!("  --> {}: {}", misread.place, misread.what));
        }
    }
}

/// Appends the first damaged lines of the first logs that have any.
fn put_damaged(text: &mut String, reports: &[FileReport]) {
    let damaged: Vec<&FileReport> = reports
        .iter()
        .filter(|report| report.damaged_count > 0)
        .collect();
    for report in damaged.iter().take(DAMAGED_LOGS_SHOWN_MAX) {
        if let Some(packets) = &report.packets {
            for line in &packets.damaged {
                put(
                    text,
                    &format!(
                        "  --> {} at {}: expected {}",
                        report.path,
                        moment(line.at_us),
                        line.expected
                    ),
                );
            }
            continue;
        }
        for line in &report.damaged {
            let (path, number) = (&report.path, line.line);
            put(
                text,
                &format!(
                    "  --> {path}:{number}: expected {}, found `{}`",
                    line.expected, line.excerpt
                ),
            );
        }
        let rest = report.damaged_count - report.damaged.len() as u64;
        if rest > 0 {
            put(text, &format!("  --> {}: and {rest} more", report.path));
        }
    }
    if damaged.len() > DAMAGED_LOGS_SHOWN_MAX {
        put(
            text,
            &format!(
                "  and in {}",
                counted(damaged.len() - DAMAGED_LOGS_SHOWN_MAX, "further log")
            ),
        );
    }
}

fn moment(us: i64) -> String {
    Timestamp::from_microsecond(us).map_or_else(|_| us.to_string(), |moment| moment.to_string())
}

/// Appends a line; writing into a String does not fail.
fn put(text: &mut String, line: &str) {
    let _ = writeln!(text, "{line}");
}

/// Returns how many there are of something, in words.
fn counted(count: usize, what: &str) -> String {
    counted_u64(count as u64, what)
}

fn counted_u64(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
