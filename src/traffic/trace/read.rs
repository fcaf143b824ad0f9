//! Reader of trace files.

use std::collections::HashMap;
use std::io;
use std::io::BufRead;
use std::io::Read;
use std::sync::Arc;

use crate::place::Misread;
use crate::place::Place;
use crate::traffic::trace::event::COLUMNS;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventKind;
use crate::traffic::trace::event::MAGIC;
use crate::traffic::trace::event::SCHEMA;
use crate::traffic::trace::event::TEXT_COLUMN;
use crate::traffic::trace::event::TraceMeta;

/// Longest line of a trace's head; its values are short.
const HEAD_LINE_BYTES_MAX: u64 = 4_096;

/// Lines of a trace's head: room for a line per channel and notes of people.
const HEAD_LINES_MAX: u64 = 100_000;

/// Distinct names that are shared between events; further ones are stored each time.
const NAMES_MAX: usize = 1_000_000;

/// The events of a trace file, in order.
#[derive(Debug)]
pub struct TraceReader<R> {
    path: String,
    meta: TraceMeta,
    head_lines: u64,
    csv: csv::Reader<Tail<R>>,
    record: csv::StringRecord,
    names: HashMap<Box<str>, Arc<str>>,
    last_us: i64,
}

impl<R: BufRead> TraceReader<R> {
    /// Reads the head of the trace `path`.
    ///
    /// # Errors
    ///
    /// When `input` is no trace of this schema, or can't be read.
    pub fn open(path: &str, mut input: R) -> Result<Self, Misread> {
        let (meta, head_lines) = read_head(path, &mut input)?;
        let csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(Tail::new(input));
        Ok(Self {
            path: path.to_owned(),
            meta,
            head_lines,
            csv,
            record: csv::StringRecord::new(),
            names: HashMap::new(),
            last_us: i64::MIN,
        })
    }

    /// Returns what holds for all events.
    pub fn meta(&self) -> &TraceMeta {
        &self.meta
    }

    /// Returns whether the trace ends before its end, as far as it has been read: its recorder was killed, or its disk full.
    /// A last line that is cut is no event.
    pub fn is_cut(&self) -> bool {
        let tail = self.csv.get_ref();
        tail.is_broken || tail.ends_within_line()
    }

    /// Returns the next event, or `None` at the end.
    ///
    /// # Errors
    ///
    /// When a row is damaged or earlier than the one before, or the input can't be read.
    pub fn next_event(&mut self) -> Result<Option<Event>, Misread> {
        let outcome = self.csv.read_record(&mut self.record);
        if self.csv.get_ref().ends_within_line() {
            return Ok(None);
        }
        match outcome {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                return Err(self.misread(line, error.to_string()));
            }
        }
        let line = self.record.position().map_or(0, csv::Position::line);
        let want = COLUMNS.len() + usize::from(self.meta.has_text);
        if self.record.len() != want {
            let found = format!("expected {want} columns, found {}", self.record.len());
            return Err(self.misread(line, found));
        }
        let field = |column: usize| self.record.get(column).unwrap_or_default();
        let Ok(at_us) = field(0).parse::<i64>() else {
            return Err(self.misread(line, format!("expected microseconds, found `{}`", field(0))));
        };
        if at_us < self.last_us {
            let found = format!("expected a time from {} on, found {at_us}", self.last_us);
            return Err(self
                .misread(line, found)
                .with_help("a trace is sorted by its first column"));
        }
        let Some(kind) = EventKind::from_word(field(1)) else {
            let words = EventKind::ALL.map(EventKind::as_str).join(", ");
            return Err(self
                .misread(line, format!("expected an event, found `{}`", field(1)))
                .with_help(format!("one of {words}")));
        };
        let Ok(bytes) = field(6).parse::<u32>() else {
            return Err(self.misread(line, format!("expected bytes, found `{}`", field(6))));
        };
        let text: Box<str> = field(8).into();
        let names = &mut self.names;
        let mut shared = |column: usize| share(names, self.record.get(column).unwrap_or_default());
        let event = Event {
            at_us,
            kind,
            network: shared(2),
            channel: shared(3),
            user: shared(4),
            peer: shared(5),
            bytes,
            detail: shared(7),
            text,
        };
        self.last_us = at_us;
        Ok(Some(event))
    }

    /// Returns the error that `what` is wrong in a line, counted from the end of the head.
    fn misread(&self, line: u64, what: String) -> Misread {
        Misread::new(
            what,
            Place::line(self.path.as_str(), self.head_lines + line),
        )
    }
}

/// The rows of a trace, and how they end.
#[derive(Debug)]
struct Tail<R> {
    input: R,
    last: u8,
    has_ended: bool,
    /// The input itself says that there should be more: a compressed file without its end.
    is_broken: bool,
}

impl<R> Tail<R> {
    /// Returns the rows that follow a whole line.
    fn new(input: R) -> Self {
        Self {
            input,
            last: b'\n',
            has_ended: false,
            is_broken: false,
        }
    }

    /// Returns whether everything was read and the last line has no end.
    fn ends_within_line(&self) -> bool {
        self.has_ended && self.last != b'\n'
    }
}

impl<R: Read> Read for Tail<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.input.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.is_broken = true;
                0
            }
            outcome => outcome?,
        };
        match count.checked_sub(1).and_then(|last| buffer.get(last)) {
            Some(&last) => self.last = last,
            None => self.has_ended = true,
        }
        Ok(count)
    }
}

/// Returns the shared copy of `name`.
fn share(names: &mut HashMap<Box<str>, Arc<str>>, name: &str) -> Arc<str> {
    if let Some(known) = names.get(name) {
        return Arc::clone(known);
    }
    let shared: Arc<str> = Arc::from(name);
    if names.len() < NAMES_MAX {
        names.insert(name.into(), Arc::clone(&shared));
    }
    shared
}

/// Returns the metadata of a trace and the lines that its head takes, the row of column names included.
fn read_head(path: &str, input: &mut impl BufRead) -> Result<(TraceMeta, u64), Misread> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::traffic::trace::write::TraceWriter;

    fn meta(has_text: bool) -> TraceMeta {
        TraceMeta {
            tool: "0.1.0".to_owned(),
            zone: "assumed".to_owned(),
            tick_us: 1_000_000,
            has_names: has_text,
            has_text,
            overlaps: vec![("#wood".into(), 50)],
        }
    }

    fn event(at_us: i64, kind: EventKind, detail: &str, text: &str) -> Event {
        Event {
            at_us,
            kind,
            network: "wood".into(),
            channel: "#forest".into(),
            user: "alder".into(),
            peer: "birch".into(),
            bytes: 12,
            detail: detail.into(),
            text: text.into(),
        }
    }

    fn written(meta: &TraceMeta, events: &[Event]) -> Vec<u8> {
        let mut writer = TraceWriter::create(Vec::new(), meta).unwrap();
        for event in events {
            writer.write(event).unwrap();
        }
        writer.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> Result<(TraceMeta, Vec<Event>), Misread> {
        let mut reader = TraceReader::open("t.csv", bytes)?;
        let mut events = Vec::new();
        while let Some(event) = reader.next_event()? {
            events.push(event);
        }
        Ok((reader.meta().clone(), events))
    }

    #[track_caller]
    fn check(text: &str, want: &str) {
        let error = read(text.as_bytes()).unwrap_err();
        assert_eq!(format!("{} --> {}", error.what, error.place), want);
    }

    #[test]
    fn what_is_written_reads_back() {
        let events = [
            event(-5, EventKind::Join, "", ""),
            event(7, EventKind::Quit, "ping_timeout", ""),
        ];
        let bytes = written(&meta(false), &events);
        assert_eq!(read(&bytes).unwrap(), (meta(false), events.to_vec()));
    }

    #[test]
    fn what_is_no_trace_is_named_with_its_place() {
        check("", "expected a trace, found `` --> t.csv:1");
        check("hello\n", "expected a trace, found `hello` --> t.csv:1");
        check(
            "# splitstorm trace, schema 9\n",
            "expected `splitstorm trace, schema 1`, found `splitstorm trace, schema 9` --> t.csv:1",
        );
        check(
            "# splitstorm trace, schema 1\n# tick=3\n",
            "expected a known key and value, found `tick=3` --> t.csv:2",
        );
    }

    #[test]
    fn a_damaged_row_is_named_with_its_place() {
        let head =
            "# splitstorm trace, schema 1\nat_us,event,network,channel,user,peer,bytes,detail\n";
        check(
            &format!("{head}1,join,n,c\n"),
            "expected 8 columns, found 4 --> t.csv:3",
        );
        check(
            &format!("{head}1,join,n,c,u,,0,\n1,wave,n,c,u,,0,\n"),
            "expected an event, found `wave` --> t.csv:4",
        );
        check(
            &format!("{head}2,join,n,c,u,,0,\n1,join,n,c,u,,0,\n"),
            "expected a time from 2 on, found 1 --> t.csv:4",
        );
        check(
            &format!("{head}2,join,n,c,u,,-1,\n"),
            "expected bytes, found `-1` --> t.csv:3",
        );
    }

    #[test]
    fn a_trace_that_is_cut_anywhere_gives_its_whole_lines_and_says_so() {
        let events = [1, 2, 3].map(|at_us| event(at_us, EventKind::Join, "", ""));
        let head = written(&meta(false), &[]).len();
        let bytes = written(&meta(false), &events);
        for end in head..=bytes.len() {
            let cut = &bytes[..end];
            let whole_count = cut[head..].split(|&byte| byte == b'\n').count() - 1;
            let mut reader = TraceReader::open("t.csv", cut).unwrap();
            let mut found = Vec::new();
            while let Some(event) = reader.next_event().unwrap() {
                found.push(event);
            }
            assert_eq!(found, events[..whole_count], "{end}");
            assert_eq!(reader.is_cut(), !cut.ends_with(b"\n"), "{end}");
        }
    }

    #[test]
    fn a_compressed_trace_without_its_end_gives_what_was_flushed() {
        let events = [1, 2].map(|at_us| event(at_us, EventKind::Join, "", ""));
        let encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        let mut writer = TraceWriter::create(encoder, &meta(false)).unwrap();
        writer.write(&events[0]).unwrap();
        writer.flush().unwrap();
        let killed = writer.output().get_ref().clone();
        writer.write(&events[1]).unwrap();
        let whole = writer.finish().unwrap().finish().unwrap();
        for (bytes, want, is_cut) in [(killed, &events[..1], true), (whole, &events[..], false)] {
            let decoder = zstd::Decoder::new(bytes.as_slice()).unwrap();
            let mut reader =
                TraceReader::open("t.csv.zst", std::io::BufReader::new(decoder)).unwrap();
            let mut found = Vec::new();
            while let Some(event) = reader.next_event().unwrap() {
                found.push(event);
            }
            assert_eq!((found.as_slice(), reader.is_cut()), (want, is_cut));
        }
    }

    proptest! {
        #[test]
        fn any_text_reads_back(text in "[^\\r\\n]*", user in "[^#\\r\\n][^\\r\\n]*") {
            let mut one = event(1, EventKind::Message, DETAIL, &text);
            one.user = user.into();
            let bytes = written(&meta(true), std::slice::from_ref(&one));
            prop_assert_eq!(read(&bytes).unwrap().1, vec![one]);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&bytes);
            let mut rows = written(&meta(true), &[]);
            rows.extend(bytes);
            let _ = read(&rows);
        }
    }

    const DETAIL: &str = "reply";
}
