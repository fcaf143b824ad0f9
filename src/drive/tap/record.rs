//! The recorder: copies of bytes to lines, to events, to the trace.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use memchr::memchr;

use crate::drive::clock::Clock;
use crate::drive::tap::counts::Board;
use crate::drive::tap::counts::Notice;
use crate::drive::tap::output::Output;
use crate::drive::tap::output::OutputError;
use crate::drive::tap::queue::Copied;
use crate::drive::tap::queue::Heard;
use crate::drive::tap::queue::Outlet;
use crate::drive::tap::queue::Received;
use crate::irc::wire::framer::Framer;
use crate::traffic::capture::Reading;
use crate::traffic::capture::dialogue::ConnectionId;
use crate::traffic::capture::dialogue::Dialogues;
use crate::traffic::capture::dialogue::Direction;
use crate::traffic::capture::live::LiveTrace;
use crate::traffic::trace::event::Event;
use crate::units::offset::Offset;

/// How often the trace is handed to the system: half of the second that a killed tap may lose.
const FLUSH_EVERY: Duration = Duration::from_millis(500);

/// Copies taken in one go before the counts are told.
const BATCH_MAX: usize = 1_024;

/// Pause after a go in which something came: more comes meanwhile, and the forwarding need not wake the recorder for each.
const PAUSE: Duration = Duration::from_millis(2);

/// First bytes of TLS: a handshake record of any version (RFC 8446, 5.1). No line of IRC begins so.
const TLS_BEGIN: [u8; 2] = [0x16, 0x03];

/// What turns copies into a trace, on a thread of its own.
pub(crate) struct Recorder {
    live: LiveTrace,
    dialogues: Dialogues,
    connections: HashMap<ConnectionId, Connection>,
    /// `None` once the recording has stopped.
    output: Option<Output>,
    /// Events of the line that is being read.
    events: Vec<Event>,
    tally: Tally,
    board: Board,
    clock: Clock,
}

/// What is counted between two tellings.
#[derive(Debug, Default)]
struct Tally {
    lines_up: u64,
    lines_down: u64,
    events: u64,
    unwritten: u64,
    damaged: u64,
    unreadable: u64,
    files: u64,
}

#[derive(Debug, Default)]
struct Connection {
    up: Stream,
    down: Stream,
    is_unreadable: bool,
}

/// One direction of a connection.
#[derive(Debug, Default)]
struct Stream {
    framer: Framer,
    /// Bytes are missing: what comes up to the next end of a line belongs to a line whose beginning is unknown.
    skips_line: bool,
}

impl Recorder {
    /// Returns a recorder that has heard nothing.
    pub(crate) fn new(live: LiveTrace, output: Output, board: Board, clock: Clock) -> Self {
        Self {
            live,
            dialogues: Dialogues::new(),
            connections: HashMap::new(),
            output: Some(output),
            events: Vec::new(),
            tally: Tally {
                files: 1,
                ..Tally::default()
            },
            board,
            clock,
        }
    }

    /// Records until nobody is left who could tell anything, and ends the trace.
    pub(crate) fn run(mut self, outlet: &Outlet) {
        let mut flush_at = self.clock.now() + FLUSH_EVERY;
        loop {
            let mut wait = flush_at.since(self.clock.now());
            let mut count = 0;
            let mut has_ended = false;
            while count < BATCH_MAX {
                match outlet.receive(wait) {
                    Received::Heard(heard) => self.hear(heard),
                    Received::Nothing => break,
                    Received::End => {
                        has_ended = true;
                        break;
                    }
                }
                count += 1;
                wait = Duration::ZERO;
            }
            if has_ended {
                break;
            }
            let now = self.clock.now();
            if now >= flush_at {
                self.flush();
                flush_at = now + FLUSH_EVERY;
            }
            self.publish();
            if count > 0 && count < BATCH_MAX {
                std::thread::sleep(PAUSE);
            }
        }
        self.finish();
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Bytes(copied) => self.hear_bytes(&copied),
            Heard::Closed(connection, at_us) => self.close(connection, at_us),
        }
    }

    fn hear_bytes(&mut self, copied: &Copied) {
        let connection = self.connections.entry(copied.connection).or_default();
        if connection.is_unreadable {
            return;
        }
        let stream = match copied.direction {
            Direction::Up => &mut connection.up,
            Direction::Down => &mut connection.down,
        };
        let mut bytes = &copied.bytes[..];
        if copied.is_after_gap {
            *stream = Stream {
                skips_line: true,
                ..Stream::default()
            };
        }
        if stream.skips_line {
            let Some(end) = memchr(b'\n', bytes) else {
                return;
            };
            stream.skips_line = false;
            bytes = bytes.get(end + 1..).unwrap_or_default();
        } else if stream.framer.pending().is_empty() && bytes.starts_with(&TLS_BEGIN) {
            connection.is_unreadable = true;
            self.tally.unreadable += 1;
            self.board.tell(Notice::Unreadable);
            return;
        }
        // Taken out while its lines are read, which needs the rest of the recorder.
        let mut framer = std::mem::take(&mut stream.framer);
        framer.push(bytes, |line| match line {
            Ok(line) => self.read_line(copied, line),
            Err(_) => self.tally.damaged += 1,
        });
        if let Some(connection) = self.connections.get_mut(&copied.connection) {
            match copied.direction {
                Direction::Up => connection.up.framer = framer,
                Direction::Down => connection.down.framer = framer,
            }
        }
    }

    fn read_line(&mut self, copied: &Copied, line: &[u8]) {
        match copied.direction {
            Direction::Up => self.tally.lines_up += 1,
            Direction::Down => self.tally.lines_down += 1,
        }
        let Self {
            dialogues,
            live,
            events,
            ..
        } = self;
        let reading = dialogues.read_line(copied.connection, copied.direction, line, &mut |seen| {
            events.push(live.event(copied.at_us, &seen));
        });
        if matches!(reading, Reading::Damaged(_)) {
            self.tally.damaged += 1;
        }
        self.write();
    }

    fn close(&mut self, id: ConnectionId, at_us: i64) {
        let Some(connection) = self.connections.remove(&id) else {
            return;
        };
        for stream in [&connection.up, &connection.down] {
            self.tally.damaged += u64::from(!stream.framer.pending().is_empty());
        }
        let Self {
            dialogues,
            live,
            events,
            ..
        } = self;
        dialogues.close(id, &mut |seen| events.push(live.event(at_us, &seen)));
        self.write();
    }

    /// Writes the events that were read.
    fn write(&mut self) {
        let events = std::mem::take(&mut self.events);
        for event in &events {
            let Some(output) = &mut self.output else {
                self.tally.unwritten += 1;
                continue;
            };
            match output.write(event) {
                Ok(()) => {
                    self.tally.events += 1;
                    self.rotate_if_full();
                }
                Err(source) => {
                    self.tally.unwritten += 1;
                    self.stop(source);
                }
            }
        }
        self.events = events;
        self.events.clear();
    }

    fn rotate_if_full(&mut self) {
        let Some(output) = self.output.take_if(|output| output.is_full()) else {
            return;
        };
        if output.is_last() {
            self.board.tell(Notice::LastFile(output.path().to_owned()));
            self.output = Some(output);
            return;
        }
        match output.rotate() {
            Ok(next) => {
                self.tally.files += 1;
                self.output = Some(next);
            }
            Err(error) => self.say_stopped(&error),
        }
    }

    fn flush(&mut self) {
        if let Some(output) = &mut self.output
            && let Err(source) = output.flush()
        {
            self.stop(source);
        }
    }

    /// Stops the recording; what was written up to here stays, and can be read.
    fn stop(&mut self, source: io::Error) {
        if let Some(output) = self.output.take() {
            let path = output.path().to_owned();
            self.say_stopped(&OutputError { path, source });
        }
    }

    fn say_stopped(&self, error: &OutputError) {
        self.board.count(|counts| counts.has_stopped = true);
        self.board.tell(Notice::Stopped {
            path: error.path.clone(),
            reason: error.source.to_string(),
        });
    }

    fn publish(&mut self) {
        let tally = std::mem::take(&mut self.tally);
        let forgotten = self.live.forgotten_count();
        self.board.count(|counts| {
            counts.up.lines += tally.lines_up;
            counts.down.lines += tally.lines_down;
            counts.events += tally.events;
            counts.unwritten += tally.unwritten;
            counts.damaged += tally.damaged;
            counts.unreadable += tally.unreadable;
            counts.files += tally.files;
            counts.forgotten = forgotten;
        });
    }

    fn finish(mut self) {
        // Who is connected stays so: that the recording ends is no event.
        if let Some(output) = self.output.take()
            && let Err(error) = output.finish()
        {
            self.say_stopped(&error);
        }
        self.publish();
    }
}

/// Returns a moment as time of day in microseconds since 1970.
pub(crate) fn unix_us(clock: &Clock, at: Offset) -> i64 {
    i64::try_from(clock.epoch_unix_micros())
        .unwrap_or(i64::MAX)
        .saturating_add(at.as_micros())
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use tempfile::TempDir;

    use super::*;
    use crate::drive::tap::counts::Counts;
    use crate::drive::tap::output::Destination;
    use crate::drive::tap::queue;
    use crate::traffic::trace::pseudonym::Pseudonyms;

    /// Records what the server sent on one connection, in pieces of which some come after a gap; returns texts and counts.
    fn recorded(pieces: &[(&[u8], bool)]) -> (Vec<String>, Counts) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("wood.csv");
        let live = LiveTrace::new("wood", Pseudonyms::kept(), true);
        let output = Output::begin(Destination::File(path.clone()), live.meta("0.1.0")).unwrap();
        let board = Board::default();
        let recorder = Recorder::new(live, output, board.clone(), Clock::start());
        let (intake, outlet) = queue::queue();
        let greeting = b":irc.test 001 alder :Hi\r\n:alder!a@h JOIN #wood\r\n";
        for &(bytes, is_after_gap) in [(&greeting[..], false)].iter().chain(pieces) {
            let copied = || Copied {
                connection: ConnectionId(7),
                direction: Direction::Down,
                at_us: 5,
                bytes: bytes.into(),
                is_after_gap,
            };
            assert!(intake.copy(copied, bytes.len()));
        }
        drop(intake);
        recorder.run(&outlet);
        let rows = std::io::read_to_string(File::open(path).unwrap()).unwrap();
        let texts = rows
            .lines()
            .filter(|row| row.contains(",message,"))
            .map(|row| row.rsplit(',').next().unwrap_or_default().to_owned())
            .collect();
        (texts, board.counts())
    }

    const ONE: &[u8] = b":birch!b@h PRIVMSG #wood :one\r\n";

    #[test]
    fn a_line_with_a_gap_in_it_is_no_line() {
        let (texts, counts) = recorded(&[
            (ONE, false),
            (b":birch!b@h PRIVMSG #wo", false),
            (b"d :half\r\n:birch!b@h PRIVMSG #wood :two\r\n", true),
            (ONE, true),
            (ONE, false),
        ]);
        // The first line after a gap may have lost its beginning, whole as it looks.
        assert_eq!(texts, ["one", "two", "one"]);
        assert_eq!((counts.damaged, counts.events, counts.files), (0, 4, 1));
    }

    #[test]
    fn tls_is_not_guessed_at() {
        let (texts, counts) = recorded(&[(b"\x16\x03\x01\x02\x00\n\n\n", false), (ONE, false)]);
        assert_eq!(texts.len(), 0);
        assert_eq!((counts.unreadable, counts.damaged), (1, 0));
    }

    #[test]
    fn lines_that_are_none_are_counted() {
        let long = [b'x'; 10_000];
        let (texts, counts) = recorded(&[
            (&long, false),
            (b"\r\n", false),
            (ONE, false),
            (b"?\n", false),
        ]);
        assert_eq!(texts, ["one"]);
        assert_eq!(counts.damaged, 2);
    }
}
