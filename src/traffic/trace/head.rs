//! The head of a trace file: what holds for all its events.

use std::io::BufRead;
use std::io::Read as _;
use std::sync::Arc;

use crate::place::Misread;
use crate::place::Place;
use crate::traffic::trace::event::COLUMNS;
use crate::traffic::trace::event::MAGIC;
use crate::traffic::trace::event::SCHEMA;
use crate::traffic::trace::event::TEXT_COLUMN;
use crate::traffic::trace::event::TraceMeta;

/// Longest line of a trace's head; its values are short.
const HEAD_LINE_BYTES_MAX: u64 = 4_096;

/// Lines of a trace's head: room for a line per channel and notes of people.
const HEAD_LINES_MAX: u64 = 100_000;

/// Returns the metadata of a trace and the lines that its head takes, the row of column names included.
pub(crate) fn read_head(path: &str, input: &mut impl BufRead) -> Result<(TraceMeta, u64), Misread> {
    let mut meta = TraceMeta {
        tool: String::new(),
        zone: String::new(),
        tick_us: 1,
        has_names: false,
        has_text: false,
        overlaps: Vec::new(),
    };
    for number in 1..=HEAD_LINES_MAX {
        let misread = |what: String| Misread::new(what, Place::line(path, number));
        let line = read_line(input).map_err(|error| misread(error.to_string()))?;
        let Some(note) = line.strip_prefix('#').map(str::trim) else {
            if number == 1 {
                return Err(
                    misread(format!("expected a trace, found `{}`", shown(&line)))
                        .with_help("make one with `splitstorm capture import`"),
                );
            }
            let mut columns = COLUMNS.to_vec();
            if meta.has_text {
                columns.push(TEXT_COLUMN);
            }
            if line == columns.join(",") {
                return Ok((meta, number));
            }
            let what = format!(
                "expected the columns `{}`, found `{}`",
                columns.join(","),
                shown(&line)
            );
            return Err(misread(what));
        };
        if number == 1 {
            if note != format!("{MAGIC} {SCHEMA}") {
                return Err(misread(format!(
                    "expected `{MAGIC} {SCHEMA}`, found `{}`",
                    shown(note)
                ))
                .with_help("import the capture again with this version of the tool"));
            }
            continue;
        }
        let Some((key, value)) = note.split_once('=') else {
            continue;
        };
        match (key, value) {
            ("tool", _) => value.clone_into(&mut meta.tool),
            ("tz", _) => value.clone_into(&mut meta.zone),
            ("tick_us", _) => match value.parse() {
                Ok(tick_us) => meta.tick_us = tick_us,
                Err(_) => return Err(misread(format!("expected microseconds, found `{value}`"))),
            },
            ("names", "kept") => meta.has_names = true,
            ("names", "hashed") | ("text", "length") => {}
            ("text", "kept") => meta.has_text = true,
            ("overlap", _) => match value.split_once(' ') {
                Some((count, channel)) if let Ok(count) = count.parse() => {
                    meta.overlaps.push((Arc::from(channel), count));
                }
                _ => {
                    return Err(misread(format!(
                        "expected a number of loggers and a channel, found `{value}`"
                    )));
                }
            },
            _ => {
                return Err(misread(format!(
                    "expected a known key and value, found `{}`",
                    shown(note)
                ))
                .with_help(
                    "the keys are tool, tz, tick_us, names (kept, hashed), text (kept, length), overlap",
                ));
            }
        }
    }
    Err(Misread::new(
        format!("expected the column names within {HEAD_LINES_MAX} lines"),
        Place::file(path),
    ))
}

/// Returns the next line without its end; a line that is too long is cut, and then matches nothing.
fn read_line(input: &mut impl BufRead) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    input
        .by_ref()
        .take(HEAD_LINE_BYTES_MAX)
        .read_until(b'\n', &mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Returns the beginning of a text that may be long, for a message.
fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Returns in what a part differs from the one before, or `None`.
pub(crate) fn differences(before: &TraceMeta, now: &TraceMeta) -> Option<String> {
    let standing = |is_kept: bool| if is_kept { "kept" } else { "hashed" }.to_owned();
    let text = |is_kept: bool| if is_kept { "kept" } else { "length" }.to_owned();
    let found: Vec<String> = [
        ("tool", before.tool.clone(), now.tool.clone()),
        ("tz", before.zone.clone(), now.zone.clone()),
        (
            "tick_us",
            before.tick_us.to_string(),
            now.tick_us.to_string(),
        ),
        ("names", standing(before.has_names), standing(now.has_names)),
        ("text", text(before.has_text), text(now.has_text)),
        (
            "overlap",
            format!("{:?}", before.overlaps),
            format!("{:?}", now.overlaps),
        ),
    ]
    .into_iter()
    .filter(|(_, before, now)| before != now)
    .map(|(key, before, now)| {
        if key == "overlap" {
            "other overlaps".to_owned()
        } else {
            format!("{key}={now} after {key}={before}")
        }
    })
    .collect();
    (!found.is_empty()).then(|| found.join(", "))
}
