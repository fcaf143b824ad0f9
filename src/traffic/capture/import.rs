//! Import of foreign logs: lines to rows, rows of all files to one trace in order of time.

use std::collections::HashMap;
use std::collections::HashSet;
use std::io::BufRead;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::place::Misread;
use crate::place::Place;
use crate::traffic::capture::LogFormat;
use crate::traffic::capture::Reading;
use crate::traffic::capture::Seen;
use crate::traffic::capture::bridges::Bridges;
use crate::traffic::capture::clock::Clock;
use crate::traffic::capture::clock::Tick;
use crate::traffic::capture::detect;
use crate::traffic::capture::format::Format;
use crate::traffic::capture::imported::Imported;
use crate::traffic::capture::lines::Lines;
use crate::traffic::capture::naming;
use crate::traffic::capture::naming::RowContext;
use crate::traffic::capture::origin;
use crate::traffic::capture::packet;
use crate::traffic::capture::refusal;
use crate::traffic::capture::refusal::EVENTS_MAX;
use crate::traffic::capture::refusal::ImportError;
use crate::traffic::capture::refusal::NAMES_MAX;
use crate::traffic::capture::refusal::Stop;
use crate::traffic::capture::report::FileReport;
use crate::traffic::capture::row::NAMELESS;
use crate::traffic::capture::row::NameId;
use crate::traffic::capture::row::Names;
use crate::traffic::capture::row::Row;
use crate::traffic::capture::row::SourceId;
use crate::traffic::trace::event::EventKind;
use crate::traffic::trace::event::TraceMeta;
use crate::traffic::trace::event::ZONE_ASSUMED;
use crate::traffic::trace::pseudonym::Pseudonyms;

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

/// Whose log is read, and where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Log<'a> {
    /// The log's path.
    pub path: &'a str,
    /// Who logged it, where several do; what two of them tell counts once.
    pub logger: Option<&'a str>,
}

/// Logs on their way to a trace.
#[derive(Debug)]
pub struct Importer {
    options: ImportOptions,
    rows: Vec<Row>,
    names: Names,
    sources: HashMap<(NameId, NameId), SourceId>,
    days: HashSet<(SourceId, Date)>,
    bridges: Bridges,
    likely: Option<Format>,
    tick: Tick,
    has_assumed_zone: bool,
    has_stamps: bool,
    has_loggers: bool,
}

/// A log that is being read.
struct Reader {
    format: Box<dyn LogFormat>,
    clock: Clock,
    channel: Option<NameId>,
    source: SourceId,
}

impl Importer {
    /// Returns an importer without logs.
    pub fn new(options: ImportOptions) -> Self {
        Self {
            options,
            rows: Vec::new(),
            names: Names::default(),
            sources: HashMap::new(),
            days: HashSet::new(),
            bridges: Bridges::default(),
            likely: None,
            tick: Tick::default(),
            has_assumed_zone: false,
            has_stamps: false,
            has_loggers: false,
        }
    }

    /// Returns how many nicks speak for others elsewhere, and how many messages they carry.
    pub fn bridges(&self) -> (u64, u64) {
        self.bridges.found()
    }

    /// Reads a log.
    ///
    /// # Errors
    ///
    /// When `input` can't be read or is no IRC log, or its day or channel is told nowhere.
    pub fn read(
        &mut self,
        log: Log<'_>,
        mut input: impl BufRead,
    ) -> Result<FileReport, ImportError> {
        let path = log.path;
        // What can't be read tells so at its first line.
        if self.options.format.is_none() && input.fill_buf().is_ok_and(packet::is_capture) {
            return Ok(self.read_packets(log, input)?);
        }
        let mut lines = Lines::new(path, input);
        let mut sample: Vec<Vec<u8>> = Vec::new();
        while sample.len() < detect::SAMPLE_LINES
            && let Some(line) = lines.next_line()?
        {
            sample.push(line.to_vec());
        }
        let mut report = FileReport {
            path: path.to_owned(),
            ..FileReport::default()
        };
        let Some(first) = sample.iter().position(|line| !line.is_empty()) else {
            return Ok(report);
        };
        let told = || detect::detect(&sample, self.likely);
        let format = self
            .options
            .format
            .or_else(told)
            .ok_or_else(|| ImportError::NoLog(refusal::no_log(path, &sample, first)))?;
        self.likely = Some(format);
        report.format = Some(format);
        let mut reader = self.reader(log, format, &mut report)?;
        let mut number = 0;
        for line in &sample {
            number += 1;
            self.read_line(line, number, &mut reader, &mut report)?;
        }
        drop(sample);
        while let Some(line) = lines.next_line()? {
            number += 1;
            self.read_line(line, number, &mut reader, &mut report)?;
        }
        Ok(report)
    }

    /// Reads a recording of packets.
    fn read_packets(&mut self, log: Log<'_>, input: impl BufRead) -> Result<FileReport, Misread> {
        let context = RowContext {
            channel: None,
            source: self.source(log, None),
            keeps_text: self.options.keeps_text,
            hashes_text: self.has_loggers,
        };
        let mut event_count = 0;
        let mut is_full = false;
        let found = packet::read(log.path, input, &mut |at_us, seen| {
            is_full |= !self.take(at_us, &seen, context);
            event_count += 1;
        })?;
        if is_full {
            return Err(Stop::Full.misread(log.path, 0));
        }
        Ok(FileReport {
            path: log.path.to_owned(),
            line_count: found.line_count,
            event_line_count: event_count,
            note_count: found
                .line_count
                .saturating_sub(event_count + found.damaged_count),
            damaged_count: found.damaged_count,
            packets: Some(found),
            ..FileReport::default()
        })
    }

    /// Takes an event that a log tells; returns whether there was room for it.
    fn take(&mut self, at_us: i64, seen: &Seen<'_>, context: RowContext) -> bool {
        if self.rows.len() >= EVENTS_MAX || self.names.len() >= NAMES_MAX {
            return false;
        }
        self.tick.see(at_us);
        let row = naming::row_of(&mut self.names, at_us, seen, context);
        if seen.kind == EventKind::Message && seen.peer.is_empty() {
            self.bridges.note(row.nick, seen.text);
        }
        self.rows.push(row);
        true
    }

    /// Returns the trace of all logs that were read, in order of time; `tool` is the tool's version.
    pub fn finish(self, pseudonyms: Pseudonyms, tool: &str) -> Imported {
        let zone = match &self.options.zone {
            _ if self.has_assumed_zone => ZONE_ASSUMED.to_owned(),
            Some(zone) if self.has_stamps => zone.iana_name().unwrap_or("fixed").to_owned(),
            _ => "UTC".to_owned(),
        };
        let mut loggers: HashMap<NameId, u32> = HashMap::new();
        for &(_, channel) in self.sources.keys() {
            *loggers.entry(channel).or_default() += 1;
        }
        let meta = TraceMeta {
            tool: tool.to_owned(),
            zone,
            tick_us: self.tick.us(),
            has_names: self.options.keeps_text,
            has_text: self.options.keeps_text,
            overlaps: Vec::new(),
        };
        Imported::new(
            meta,
            &self.options.network,
            self.rows,
            self.names,
            pseudonyms,
            &loggers,
        )
    }

    fn read_line(
        &mut self,
        line: &[u8],
        number: u64,
        reader: &mut Reader,
        report: &mut FileReport,
    ) -> Result<(), Misread> {
        if line.is_empty() && !reader.format.reads_empty_lines() {
            return Ok(());
        }
        report.line_count += u64::from(!line.is_empty());
        let mut stop = None;
        let Reader {
            format,
            clock,
            channel,
            source,
        } = reader;
        let context = RowContext {
            channel: *channel,
            source: *source,
            keeps_text: self.options.keeps_text,
            hashes_text: self.has_loggers,
        };
        let reading = format.read_line(line, &mut |moment, seen| {
            let (at_us, is_lifted) = match clock.at_us(moment) {
                Ok(at) => at,
                Err(why) => {
                    stop = Some(why.into());
                    return;
                }
            };
            report.lifted_count += u64::from(is_lifted);
            if !self.take(at_us, &seen, context) {
                stop = Some(Stop::Full);
            }
        });
        match reading {
            Reading::Events => report.event_line_count += 1,
            Reading::Folded(count) => {
                report.event_line_count += 1;
                report.unnamed_count += u64::from(count);
            }
            Reading::Note => report.note_count += 1,
            Reading::Day(day) => {
                report.note_count += 1;
                reader.clock.set_day(day);
            }
            Reading::Damaged(expected) => report.note_damaged(number, expected, line),
        }
        stop.map_or(Ok(()), |stop| Err(stop.misread(&report.path, number)))
    }

    /// Returns the reader of a log.
    fn reader(
        &mut self,
        log: Log<'_>,
        format: Format,
        report: &mut FileReport,
    ) -> Result<Reader, Misread> {
        let day = self.options.day.or_else(|| origin::day(log.path));
        if !format.is_zoned() {
            self.has_stamps = true;
            self.has_assumed_zone |= self.options.zone.is_none();
        }
        if format.needs_day() && day.is_none() {
            return Err(refusal::dayless(Place::file(log.path)));
        }
        let channel = self.channel(log.path, format)?;
        let source = self.source(log, channel);
        if format.needs_day()
            && let Some(day) = day
        {
            report.is_second = !self.days.insert((source, day));
        }
        let mut lines = format.reader();
        lines.begin(day);
        let zone = self.options.zone.clone().unwrap_or(TimeZone::UTC);
        Ok(Reader {
            format: lines,
            clock: Clock::new(day, zone),
            channel,
            source,
        })
    }

    /// Returns the place of a log.
    fn source(&mut self, log: Log<'_>, channel: Option<NameId>) -> SourceId {
        self.has_loggers |= log.logger.is_some();
        let logger = log
            .logger
            .map_or(NAMELESS, |logger| self.names.id(logger.as_bytes()));
        let next = SourceId(u32::try_from(self.sources.len()).unwrap_or(u32::MAX));
        *self
            .sources
            .entry((logger, channel.unwrap_or(NAMELESS)))
            .or_insert(next)
    }

    /// Returns the channel of a log.
    fn channel(&mut self, path: &str, format: Format) -> Result<Option<NameId>, Misread> {
        if format.tells_channel() {
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
        Ok(Some(self.names.id(channel.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::capture::report::DamagedLine;
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
            .map(|(path, log)| {
                importer
                    .read(Log { path, logger: None }, log.as_bytes())
                    .unwrap()
            })
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

    fn log(path: &str) -> Log<'_> {
        Log { path, logger: None }
    }

    #[track_caller]
    fn check(options: ImportOptions, path: &str, log: &str, want: &str) {
        let error = Importer::new(options)
            .read(Log { path, logger: None }, log.as_bytes())
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
            importer
                .read(Log { path, logger: None }, log.as_bytes())
                .unwrap();
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
             the formats are znc, eggdrop, irssi, weechat, hexchat, mirc, mirc-html, limnoria, pircbot, colabti, ubuntu, \
             energymech, json, unix-time, raw; --format names one",
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
        let readme = importer.read(log("README.md"), b"A forest.".as_slice());
        assert!(matches!(readme, Err(ImportError::NoLog(_))));
        let nowhere = importer.read(log("#w.log"), FIRST.as_bytes());
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
