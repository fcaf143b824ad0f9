//! Import of foreign logs: lines to rows, rows of all files to one trace in order of time.

use std::io::BufRead;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use thiserror::Error;

use crate::place::Misread;
use crate::place::Place;
use crate::traffic::capture::LogFormat;
use crate::traffic::capture::Reading;
use crate::traffic::capture::Seen;
use crate::traffic::capture::clock::Clock;
use crate::traffic::capture::clock::Tick;
use crate::traffic::capture::connections;
use crate::traffic::capture::detect;
use crate::traffic::capture::detect::Format;
use crate::traffic::capture::first_word;
use crate::traffic::capture::imported::Imported;
use crate::traffic::capture::lines::Lines;
use crate::traffic::capture::origin;
use crate::traffic::capture::row::NameId;
use crate::traffic::capture::row::Names;
use crate::traffic::capture::row::Row;
use crate::traffic::trace::cause::LeaveCause;
use crate::traffic::trace::event::DETAIL_GUEST;
use crate::traffic::trace::event::DETAIL_NAMES;
use crate::traffic::trace::event::EventKind;
use crate::traffic::trace::event::TraceMeta;
use crate::traffic::trace::event::ZONE_ASSUMED;
use crate::traffic::trace::pseudonym::Pseudonyms;

/// Events of one import: they are sorted in memory, at some fifty bytes each.
const EVENTS_MAX: usize = 50_000_000;

/// Distinct names of one import: nicks, channels and details.
const NAMES_MAX: usize = 10_000_000;

/// Damaged lines of a file that its report shows.
pub const DAMAGED_SHOWN_MAX: usize = 3;

/// Characters of a damaged line that its report shows.
const EXCERPT_CHARS_MAX: usize = 80;

/// How logs are to be read.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// The format; told from each log's first lines if missing.
    pub format: Option<Format>,
    /// The name of the network.
    pub network: String,
    /// The channel; told from each log's path if missing.
    pub channel: Option<String>,
    /// The day on which logs begin; told from each log's path if missing.
    pub day: Option<Date>,
    /// The time zone of stamps without one; UTC is assumed if missing.
    pub zone: Option<TimeZone>,
    /// Whether names and texts are kept.
    pub keeps_text: bool,
}

/// What came of one log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// The log's path.
    pub path: String,
    /// Its format; `None` for a log without lines.
    pub format: Option<Format>,
    /// Its lines that are not empty.
    pub line_count: u64,
    /// Lines that tell events.
    pub event_line_count: u64,
    /// Lines that are understood and tell no event.
    pub note_count: u64,
    /// Lines that are not understood.
    pub damaged_count: u64,
    /// The first damaged lines, at most [`DAMAGED_SHOWN_MAX`].
    pub damaged: Vec<DamagedLine>,
    /// Events whose time ran back, and that got the time of the event before them.
    pub lifted_count: u64,
}

/// A line that is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedLine {
    /// Its number, from one.
    pub line: u64,
    /// What was expected.
    pub expected: &'static str,
    /// Its beginning.
    pub excerpt: String,
}

/// Why a log is not imported.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file is no IRC log of a known format.
    #[error(transparent)]
    NoLog(Misread),
    /// The log can't be read, or does not tell what it must.
    #[error(transparent)]
    Misread(#[from] Misread),
}

impl ImportError {
    /// Returns what was misread, whatever the reason.
    pub fn into_misread(self) -> Misread {
        match self {
            Self::NoLog(misread) | Self::Misread(misread) => misread,
        }
    }
}

/// Logs on their way to a trace.
#[derive(Debug)]
pub struct Importer {
    options: ImportOptions,
    rows: Vec<Row>,
    names: Names,
    likely: Option<Format>,
    tick: Tick,
    has_assumed_zone: bool,
    has_stamps: bool,
}

impl Importer {
    /// Returns an importer without logs.
    pub fn new(options: ImportOptions) -> Self {
        Self {
            options,
            rows: Vec::new(),
            names: Names::default(),
            likely: None,
            tick: Tick::default(),
            has_assumed_zone: false,
            has_stamps: false,
        }
    }

    /// Reads the log `path`.
    ///
    /// # Errors
    ///
    /// When `input` can't be read or is no IRC log, or its day or channel is told nowhere.
    pub fn read(&mut self, path: &str, mut input: impl BufRead) -> Result<FileReport, ImportError> {
        let mut lines = Lines::new(path, &mut input);
        let mut sample = Vec::new();
        while sample.len() < detect::SAMPLE_LINES
            && let Some(line) = lines.next_line()?
        {
            sample.push(line);
        }
        let mut report = FileReport {
            path: path.to_owned(),
            format: None,
            line_count: 0,
            event_line_count: 0,
            note_count: 0,
            damaged_count: 0,
            damaged: Vec::new(),
            lifted_count: 0,
        };
        let Some(first) = sample.iter().position(|line| !line.is_empty()) else {
            return Ok(report);
        };
        let told = || detect::detect(&sample, self.likely);
        let format = self
            .options
            .format
            .or_else(told)
            .ok_or_else(|| ImportError::NoLog(no_log(path, &sample, first)))?;
        self.likely = Some(format);
        report.format = Some(format);
        let mut clock = self.clock(path, format)?;
        let channel = self.channel(path, format)?;
        let mut reader = format.reader();
        let mut number = 0;
        let mut sample = sample.into_iter();
        while let Some(line) = match sample.next() {
            Some(line) => Some(line),
            None => lines.next_line()?,
        } {
            number += 1;
            if !line.is_empty() {
                report.line_count += 1;
                self.read_line(
                    &line,
                    number,
                    reader.as_mut(),
                    &mut clock,
                    channel,
                    &mut report,
                )?;
            }
        }
        Ok(report)
    }

    /// Returns the trace of all logs that were read, in order of time; `tool` is the tool's version.
    pub fn finish(self, pseudonyms: Pseudonyms, tool: &str) -> Imported {
        let zone = match &self.options.zone {
            _ if self.has_assumed_zone => ZONE_ASSUMED.to_owned(),
            Some(zone) if self.has_stamps => zone.iana_name().unwrap_or("fixed").to_owned(),
            _ => "UTC".to_owned(),
        };
        let meta = TraceMeta {
            tool: tool.to_owned(),
            zone,
            tick_us: self.tick.us(),
            has_names: self.options.keeps_text,
            has_text: self.options.keeps_text,
        };
        Imported::new(
            meta,
            &self.options.network,
            self.rows,
            self.names,
            pseudonyms,
        )
    }

    fn read_line(
        &mut self,
        line: &[u8],
        number: u64,
        reader: &mut dyn LogFormat,
        clock: &mut Clock,
        channel: Option<NameId>,
        report: &mut FileReport,
    ) -> Result<(), Misread> {
        let mut overflow = None;
        let reading = reader.read_line(line, &mut |moment, seen| {
            let Some((at_us, is_lifted)) = clock.at_us(moment) else {
                overflow = Some("a time of the years that clocks know");
                return;
            };
            report.lifted_count += u64::from(is_lifted);
            if self.rows.len() >= EVENTS_MAX || self.names.len() >= NAMES_MAX {
                overflow = Some("fewer events and names in one import: import in parts");
                return;
            }
            self.tick.see(at_us);
            let row = self.row(at_us, &seen, channel);
            self.rows.push(row);
        });
        match reading {
            Reading::Events => report.event_line_count += 1,
            Reading::Note => report.note_count += 1,
            Reading::Day(day) => {
                report.note_count += 1;
                clock.set_day(day);
            }
            Reading::Damaged(expected) => {
                report.damaged_count += 1;
                if report.damaged.len() < DAMAGED_SHOWN_MAX {
                    report.damaged.push(DamagedLine {
                        line: number,
                        expected,
                        excerpt: excerpt(line),
                    });
                }
            }
        }
        match overflow {
            Some(want) => Err(Misread::new(
                format!("expected {want}"),
                Place::line(report.path.as_str(), number),
            )),
            None => Ok(()),
        }
    }

    /// Returns the row of an event.
    fn row(&mut self, at_us: i64, seen: &Seen<'_>, channel: Option<NameId>) -> Row {
        let nick = String::from_utf8_lossy(seen.nick);
        let text = String::from_utf8_lossy(seen.text);
        let mut row = Row {
            at_us,
            kind: seen.kind,
            channel: match seen.channel {
                None => channel,
                Some(b"") => None,
                Some(named) => Some(self.names.id(&String::from_utf8_lossy(named))),
            },
            nick: self.names.id(&nick),
            peer: None,
            bytes: u32::try_from(seen.text.len()).unwrap_or(u32::MAX),
            detail: self.names.id(""),
            is_membership: false,
            text: (self.options.keeps_text && seen.kind.is_talk()).then(|| text.as_ref().into()),
        };
        if !seen.peer.is_empty() {
            row.peer = Some(self.names.id(&String::from_utf8_lossy(seen.peer)));
        }
        match seen.kind {
            EventKind::Quit => row.detail = self.names.id(LeaveCause::of_quit(&text).as_str()),
            EventKind::Mode => {
                let (letters, parameters) = first_word(seen.text);
                row.detail = self.names.id(&String::from_utf8_lossy(letters));
                // Only who has been seen can be meant: parameters also hold keys, masks and limits.
                let (parameter, _) = first_word(parameters);
                row.peer = self.names.find(&String::from_utf8_lossy(parameter));
            }
            EventKind::Nick => {
                let peer = String::from_utf8_lossy(seen.peer);
                if connections::is_guest(&nick) || connections::is_guest(&peer) {
                    row.detail = self.names.id(DETAIL_GUEST);
                }
            }
            EventKind::Message | EventKind::Action if row.peer.is_none() => {
                row.peer = addressee(&text).and_then(|nick| self.names.find(nick));
            }
            EventKind::Other => {
                row.bytes = 0;
                row.detail = self.names.id(&text);
                row.is_membership = &*text == DETAIL_NAMES;
            }
            _ => {}
        }
        row
    }

    /// Returns the clock of a log.
    fn clock(&mut self, path: &str, format: Format) -> Result<Clock, Misread> {
        let day = self.options.day.or_else(|| origin::day(path));
        if !format.is_self_contained() {
            self.has_stamps = true;
            self.has_assumed_zone |= self.options.zone.is_none();
            if day.is_none() {
                let what = "expected a day in the log's path, found none";
                return Err(Misread::new(what, Place::file(path))
                    .with_help("name the day on which the log begins: --date 2024-02-29"));
            }
        }
        let zone = self.options.zone.clone().unwrap_or(TimeZone::UTC);
        Ok(Clock::new(day, zone))
    }

    /// Returns the channel of a log.
    fn channel(&mut self, path: &str, format: Format) -> Result<Option<NameId>, Misread> {
        if format.is_self_contained() {
            return Ok(None);
        }
        let channel = self
            .options
            .channel
            .as_deref()
            .or_else(|| origin::channel(path));
        let Some(channel) = channel else {
            let what = "expected a channel in the log's path, found none";
            return Err(
                Misread::new(what, Place::file(path)).with_help("name it: --channel '#channel'")
            );
        };
        Ok(Some(self.names.id(channel)))
    }
}

/// Returns the nick that a message begins with, as in `alder: hi` or `alder, hi`.
fn addressee(text: &str) -> Option<&str> {
    let (word, _) = text.split_once(' ').unwrap_or((text, ""));
    word.strip_suffix([':', ','])
        .filter(|nick| !nick.is_empty())
}

/// Returns the error that a file is no IRC log.
fn no_log(path: &str, sample: &[Vec<u8>], first: usize) -> Misread {
    let line = sample.get(first).map_or(&b""[..], Vec::as_slice);
    let formats = Format::ALL.map(Format::as_str).join(", ");
    Misread::new(
        format!("expected an IRC log, found `{}`", excerpt(line)),
        Place::line(path, first as u64 + 1),
    )
    .with_help(format!("the formats are {formats}; --format names one"))
}

/// Returns the beginning of a line, fit to be shown.
fn excerpt(line: &[u8]) -> String {
    String::from_utf8_lossy(line)
        .chars()
        .map(|character| {
            if character.is_control() {
                '\u{fffd}'
            } else {
                character
            }
        })
        .take(EXCERPT_CHARS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::trace::event::Event;

    fn options() -> ImportOptions {
        ImportOptions {
            format: None,
            network: "wood".to_owned(),
            channel: None,
            day: None,
            zone: None,
            keeps_text: true,
        }
    }

    fn import(
        options: ImportOptions,
        logs: &[(&str, &str)],
    ) -> (TraceMeta, Vec<Event>, Vec<FileReport>) {
        let mut importer = Importer::new(options);
        let reports = logs
            .iter()
            .map(|(path, log)| importer.read(path, log.as_bytes()).unwrap())
            .collect();
        let imported = importer.finish(Pseudonyms::kept(), "0.1.0");
        (imported.meta().clone(), imported.collect(), reports)
    }

    fn shown(events: &[Event]) -> Vec<String> {
        events
            .iter()
            .map(|event| {
                format!(
                    "{} {} {} {} [{}] {} [{}]",
                    event.at_us / 1_000_000,
                    event.kind.as_str(),
                    event.channel,
                    event.user,
                    event.peer,
                    event.bytes,
                    event.detail
                )
            })
            .collect()
    }

    #[track_caller]
    fn check(options: ImportOptions, path: &str, log: &str, want: &str) {
        let error = Importer::new(options)
            .read(path, log.as_bytes())
            .unwrap_err()
            .into_misread();
        assert_eq!(
            format!("{} --> {}; {}", error.what, error.place, error.help),
            want
        );
    }

    const FIRST: &str = "[23:59:58] *** Joins: alder (a@h)\n[23:59:59] <alder> hi\n";
    const SECOND: &str = "[00:00:01] *** alder is now known as birch\n\
                          [00:00:02] <cedar> birch: welcome\n\
                          [00:00:02] *** cedar sets mode: +o birch\n\
                          <<<<<<< HEAD\n\
                          [00:00:03] *** Quits: birch (a@h) (Ping timeout: 3 seconds)\n";

    #[test]
    fn logs_become_one_trace_in_order_of_time() {
        let logs = [("#w_20240102.log", SECOND), ("#w_20240101.log", FIRST)];
        let (meta, events, reports) = import(options(), &logs);
        assert_eq!(
            shown(&events),
            [
                "1704153598 join #w alder [] 0 []",
                "1704153599 message #w alder [] 2 []",
                "1704153601 nick #w alder [birch] 0 []",
                "1704153602 message #w cedar [alder] 14 [reply]",
                "1704153602 mode #w cedar [alder] 8 [+o]",
                "1704153603 quit #w alder [] 23 [ping_timeout]",
            ]
        );
        assert_eq!(
            (meta.zone.as_str(), meta.tick_us),
            (ZONE_ASSUMED, 1_000_000)
        );
        assert_eq!((reports[0].line_count, reports[0].event_line_count), (5, 4));
        assert_eq!(
            reports[0].damaged,
            [DamagedLine {
                line: 4,
                expected: "a line that begins with [HH:MM:SS]",
                excerpt: "<<<<<<< HEAD".to_owned(),
            }]
        );
    }

    #[test]
    fn a_zone_moves_stamps_and_is_told() {
        let berlin = ImportOptions {
            zone: Some(TimeZone::get("Europe/Berlin").unwrap()),
            ..options()
        };
        let (meta, events, _) = import(berlin, &[("#w_20240101.log", FIRST)]);
        assert_eq!(events[0].at_us / 1_000_000, 1_704_153_598 - 3_600);
        assert_eq!(meta.zone, "Europe/Berlin");
    }

    #[test]
    fn lines_that_tell_their_time_need_neither_day_nor_zone() {
        let log = "1704153598.25 :alder!a@h JOIN #w\n1704153599.5 :alder!a@h PRIVMSG #w :hi\n";
        let (meta, events, _) = import(options(), &[("a.raw", log)]);
        assert_eq!((meta.zone.as_str(), meta.tick_us), ("UTC", 1_000));
        assert_eq!(events.len(), 2);
        assert_eq!(&*events[1].text, "hi");
    }

    #[test]
    fn names_and_texts_are_hidden_unless_asked_for() {
        let hidden = ImportOptions {
            keeps_text: false,
            ..options()
        };
        let mut importer = Importer::new(hidden);
        for (path, log) in [("#w_20240101.log", FIRST), ("#w_20240102.log", SECOND)] {
            importer.read(path, log.as_bytes()).unwrap();
        }
        let imported = importer.finish(Pseudonyms::hashed([3; 16]), "0.1.0");
        assert!(!imported.meta().has_names && !imported.meta().has_text);
        for event in imported {
            let told = format!("{event:?}");
            for name in ["alder", "birch", "cedar", "welcome", "#w"] {
                assert!(!told.contains(name), "{told}");
            }
        }
    }

    #[test]
    fn what_is_no_log_or_tells_no_origin_is_named() {
        check(
            options(),
            "README.md",
            "\nA forest of alders.\n",
            "expected an IRC log, found `A forest of alders.` --> README.md:2; \
             the formats are znc, eggdrop, raw; --format names one",
        );
        check(
            options(),
            "#w.log",
            FIRST,
            "expected a day in the log's path, found none --> #w.log; \
             name the day on which the log begins: --date 2024-02-29",
        );
        check(
            options(),
            "2024/01/01.log",
            FIRST,
            "expected a channel in the log's path, found none --> 2024/01/01.log; name it: --channel '#channel'",
        );
    }

    #[test]
    fn what_is_no_log_is_told_from_what_is_damaged() {
        let mut importer = Importer::new(options());
        let readme = importer.read("README.md", b"A forest.".as_slice());
        assert!(matches!(readme, Err(ImportError::NoLog(_))));
        let nowhere = importer.read("#w.log", FIRST.as_bytes());
        assert!(matches!(nowhere, Err(ImportError::Misread(_))));
    }

    #[test]
    fn an_empty_log_is_no_error() {
        let (_, events, reports) = import(options(), &[("#w_20240101.log", "\n\n")]);
        assert!(events.is_empty());
        assert_eq!((reports[0].format, reports[0].line_count), (None, 0));
    }

    #[test]
    fn an_overlong_line_does_not_swallow_the_next() {
        let long = format!(
            "[00:00:01] <alder> {}\n[00:00:02] <alder> hi\n",
            "x".repeat(40_000)
        );
        let (_, events, _) = import(options(), &[("#w_20240101.log", &long)]);
        assert_eq!(events.len(), 2);
        assert_eq!(events[1].bytes, 2);
    }
}
