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
use crate::traffic::trace::event::TraceMeta;
use crate::traffic::trace::head::differences;
use crate::traffic::trace::head::read_head;

/// Distinct names that are shared between events; further ones are stored each time.
const NAMES_MAX: usize = 1_000_000;

/// What to do about parts that don't belong together.
const PARTS_HELP: &str = "name the files of one recording, in the order in which they were written";

/// The events of a trace, in order: of one file, or of several that are parts of one recording.
#[derive(Debug)]
pub struct TraceReader<R> {
    path: String,
    meta: TraceMeta,
    head_lines: u64,
    csv: csv::Reader<Tail<R>>,
    record: csv::StringRecord,
    names: Names,
    last_us: i64,
    /// The file before this one, while this one has given no event.
    before: Option<String>,
}

/// Names that are shared between events, each with the part that had it first.
#[derive(Debug, Default)]
struct Names {
    known: HashMap<Box<str>, (Arc<str>, u32)>,
    part: u32,
    /// Whether this part has a channel or a user at all, and one that an earlier part had.
    has_any: bool,
    has_earlier: bool,
}

impl<R: BufRead> TraceReader<R> {
    /// Reads the head of the trace `path`.
    ///
    /// # Errors
    ///
    /// When `input` is no trace of this schema, or can't be read.
    pub fn open(path: &str, mut input: R) -> Result<Self, Misread> {
        let (meta, head_lines) = read_head(path, &mut input)?;
        Ok(Self {
            path: path.to_owned(),
            meta,
            head_lines,
            csv: csv_reader(input),
            record: csv::StringRecord::new(),
            names: Names::default(),
            last_us: i64::MIN,
            before: None,
        })
    }

    /// Goes on with the file `path`, the next part of the same recording.
    ///
    /// # Errors
    ///
    /// When `input` is no trace of this schema, what holds for its events is not what holds for those before, the part before has
    /// no name in common with its own earlier ones, or the input can't be read.
    pub fn follow(&mut self, path: &str, mut input: R) -> Result<(), Misread> {
        self.check_names()?;
        let (meta, head_lines) = read_head(path, &mut input)?;
        if let Some(differences) = differences(&self.meta, &meta) {
            let what = format!(
                "expected a part of the same recording as `{}`, found {differences}",
                self.path
            );
            return Err(Misread::new(what, Place::file(path)).with_help(PARTS_HELP));
        }
        self.before = Some(std::mem::replace(&mut self.path, path.to_owned()));
        self.head_lines = head_lines;
        self.csv = csv_reader(input);
        self.names.begin_part();
        Ok(())
    }

    /// Checks that a part names somebody whom an earlier one named: under another key nobody's pseudonym is the same.
    fn check_names(&self) -> Result<(), Misread> {
        let names = &self.names;
        let is_full = names.known.len() >= NAMES_MAX;
        if names.part == 0 || !names.has_any || names.has_earlier || is_full {
            return Ok(());
        }
        let what =
            "expected the names of one recording, found no channel and no user of an earlier part";
        Err(Misread::new(what, Place::file(self.path.as_str())).with_help(PARTS_HELP))
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

    /// Returns the next event, or `None` at the end of the file.
    ///
    /// # Errors
    ///
    /// When a row is damaged or earlier than the one before, the input can't be read, or a part names nobody whom an earlier one named.
    pub fn next_event(&mut self) -> Result<Option<Event>, Misread> {
        let outcome = self.csv.read_record(&mut self.record);
        if self.csv.get_ref().ends_within_line() {
            return self.check_names().map(|()| None);
        }
        match outcome {
            Ok(true) => {}
            Ok(false) => return self.check_names().map(|()| None),
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
            if let Some(before) = &self.before {
                let what = format!("{found}: part of it lies within `{before}`");
                return Err(self.misread(line, what).with_help(PARTS_HELP));
            }
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
        let event = Event {
            at_us,
            kind,
            network: names.share(field(2)),
            channel: names.share_known(field(3)),
            user: names.share_known(field(4)),
            peer: names.share(field(5)),
            bytes,
            detail: names.share(field(7)),
            text,
        };
        self.last_us = at_us;
        self.before = None;
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

impl Names {
    fn begin_part(&mut self) {
        self.part += 1;
        self.has_any = false;
        self.has_earlier = false;
    }

    /// Returns the shared copy of `name`.
    fn share(&mut self, name: &str) -> Arc<str> {
        self.look_up(name).0
    }

    /// Returns the shared copy of the name of a channel or a user, and remembers whether an earlier part had it.
    fn share_known(&mut self, name: &str) -> Arc<str> {
        let (shared, part) = self.look_up(name);
        if !name.is_empty() {
            self.has_any = true;
            self.has_earlier |= part < self.part;
        }
        shared
    }

    fn look_up(&mut self, name: &str) -> (Arc<str>, u32) {
        if let Some((known, part)) = self.known.get(name) {
            return (Arc::clone(known), *part);
        }
        let shared: Arc<str> = Arc::from(name);
        if self.known.len() < NAMES_MAX {
            self.known
                .insert(name.into(), (Arc::clone(&shared), self.part));
        }
        (shared, self.part)
    }
}

fn csv_reader<R: Read>(input: R) -> csv::Reader<Tail<R>> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(Tail::new(input))
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

    /// Reads files as parts of one recording.
    fn read_parts(parts: &[Vec<u8>]) -> Result<Vec<Event>, Misread> {
        let mut reader = TraceReader::open("part-1", parts[0].as_slice())?;
        let mut events = Vec::new();
        for number in 2..=parts.len() + 1 {
            while let Some(event) = reader.next_event()? {
                events.push(event);
            }
            if let Some(part) = parts.get(number - 1) {
                reader.follow(&format!("part-{number}"), part.as_slice())?;
            }
        }
        Ok(events)
    }

    #[test]
    fn parts_of_one_recording_are_one_trace() {
        let said = |at_us| event(at_us, EventKind::Message, DETAIL, "");
        let parts = [&[1, 2][..], &[], &[2, 5], &[7]].map(|times| {
            let events: Vec<Event> = times.iter().map(|&at_us| said(at_us)).collect();
            written(&meta(false), &events)
        });
        let times: Vec<i64> = read_parts(&parts)
            .unwrap()
            .iter()
            .map(|event| event.at_us)
            .collect();
        assert_eq!(times, [1, 2, 2, 5, 7]);
    }

    #[test]
    fn parts_that_do_not_belong_together_are_refused() {
        let said = |at_us| event(at_us, EventKind::Message, DETAIL, "");
        let first = written(&meta(false), &[said(1), said(5)]);
        let other_tick = TraceMeta {
            tick_us: 1,
            ..meta(false)
        };
        let mut stranger = said(6);
        (stranger.channel, stranger.user) = ("#meadow".into(), "clover".into());
        for (second, want) in [
            (
                written(&meta(false), &[said(4)]),
                "expected a time from 5 on, found 4: part of it lies within `part-1` --> part-2:9",
            ),
            (
                written(&other_tick, &[said(6)]),
                "expected a part of the same recording as `part-1`, found tick_us=1 after tick_us=1000000 --> part-2",
            ),
            (
                written(&meta(true), &[said(6)]),
                "expected a part of the same recording as `part-1`, found names=kept after names=hashed, text=kept after \
                 text=length --> part-2",
            ),
            (
                written(&meta(false), &[stranger]),
                "expected the names of one recording, found no channel and no user of an earlier part --> part-2",
            ),
        ] {
            let error = read_parts(&[first.clone(), second]).unwrap_err();
            assert_eq!(format!("{} --> {}", error.what, error.place), want);
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
