//! A byte stream cut into lines, with an unfinished line kept only while there is one.

use memchr::memchr;
use thiserror::Error;

/// Longest line accepted, tags and line ending included: 8191 for tags plus 512 (`IRCv3` message-tags, "Size limit").
pub const LINE_BYTES_MAX: usize = 8191 + 512;

/// Longest line without its line feed.
const BODY_BYTES_MAX: usize = LINE_BYTES_MAX - 1;

/// Cuts one connection's byte stream into lines.
///
/// Holds nothing on the heap between whole lines; at most [`LINE_BYTES_MAX`] bytes of an unfinished one.
#[derive(Debug, Default)]
pub struct Framer {
    /// The unfinished line, at most `BODY_BYTES_MAX` bytes.
    tail: Vec<u8>,
    /// The rest of a line that was reported as too long is being dropped.
    is_skipping: bool,
}

/// A line was longer than [`LINE_BYTES_MAX`] and is dropped up to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a line of more than {LINE_BYTES_MAX} bytes")]
pub struct LineTooLong;

impl Framer {
    /// Returns a framer at the start of a stream.
    pub const fn new() -> Self {
        Self {
            tail: Vec::new(),
            is_skipping: false,
        }
    }

    /// Takes the next bytes of the stream and hands on every line that they finish, without its line ending.
    ///
    /// Lines end with a line feed; carriage returns before it belong to the ending, and empty lines are skipped. However
    /// the stream is cut into chunks, the calls are the same. A line that is too long is reported once, as soon as it is.
    pub fn push(&mut self, bytes: &[u8], mut on_line: impl FnMut(Result<&[u8], LineTooLong>)) {
        let mut rest = bytes;
        while let Some(end) = memchr(b'\n', rest) {
            let body = &rest[..end];
            rest = &rest[end + 1..];
            if self.is_skipping {
                self.is_skipping = false;
            } else if self.tail.len() + body.len() > BODY_BYTES_MAX {
                self.tail = Vec::new();
                on_line(Err(LineTooLong));
            } else if self.tail.is_empty() {
                hand_on(body, &mut on_line);
            } else {
                self.tail.extend_from_slice(body);
                let line = std::mem::take(&mut self.tail);
                hand_on(&line, &mut on_line);
            }
        }
        if rest.is_empty() || self.is_skipping {
            return;
        }
        if self.tail.len() + rest.len() > BODY_BYTES_MAX {
            self.tail = Vec::new();
            self.is_skipping = true;
            on_line(Err(LineTooLong));
            return;
        }
        self.tail.extend_from_slice(rest);
    }

    /// Returns the bytes of the unfinished line.
    pub fn pending(&self) -> &[u8] {
        &self.tail
    }
}

fn hand_on(body: &[u8], on_line: &mut impl FnMut(Result<&[u8], LineTooLong>)) {
    let mut line = body;
    while let Some(shorter) = line.strip_suffix(b"\r") {
        line = shorter;
    }
    if !line.is_empty() {
        on_line(Ok(line));
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::Just;
    use proptest::prelude::Strategy;
    use proptest::prelude::any;
    use proptest::prop_assert_eq;
    use proptest::prop_oneof;
    use proptest::proptest;

    use super::*;

    type Lines = Vec<Result<Vec<u8>, LineTooLong>>;

    fn lines_of<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Lines {
        let mut framer = Framer::new();
        let mut lines = Vec::new();
        for chunk in chunks {
            framer.push(chunk, |line| lines.push(line.map(<[u8]>::to_vec)));
            assert!(framer.tail.len() <= BODY_BYTES_MAX);
        }
        lines
    }

    /// The twin: whole stream in memory, split at line feeds.
    fn naive(stream: &[u8]) -> Lines {
        let mut pieces: Vec<&[u8]> = stream.split(|&byte| byte == b'\n').collect();
        let unfinished = pieces.pop().unwrap_or_default();
        let mut lines = Vec::new();
        for piece in pieces {
            if piece.len() > BODY_BYTES_MAX {
                lines.push(Err(LineTooLong));
                continue;
            }
            let end = piece.iter().rposition(|&byte| byte != b'\r');
            if let Some(end) = end {
                lines.push(Ok(piece[..=end].to_vec()));
            }
        }
        if unfinished.len() > BODY_BYTES_MAX {
            lines.push(Err(LineTooLong));
        }
        lines
    }

    #[test]
    fn both_line_endings_are_taken_and_empty_lines_skipped() {
        let lines = lines_of([&b"a\r\n\r\n\nb\nc\r\r\nd"[..]].into_iter());
        let want: Lines = [&b"a"[..], b"b", b"c"].map(|line| Ok(line.to_vec())).into();
        assert_eq!(lines, want);
    }

    #[test]
    fn the_longest_line_passes_and_one_byte_more_is_reported_once() {
        let mut stream = vec![b'x'; LINE_BYTES_MAX - 2];
        stream.extend_from_slice(b"\r\n");
        let longest = naive(&stream);
        assert_eq!(longest.len(), 1);
        assert!(longest[0].is_ok());
        assert_eq!(lines_of(stream.chunks(1000)), longest);

        stream.insert(0, b'x');
        stream.extend_from_slice(b"next\n");
        let want: Lines = vec![Err(LineTooLong), Ok(b"next".to_vec())];
        assert_eq!(lines_of(stream.chunks(7)), want);
        assert_eq!(lines_of(stream.chunks(usize::MAX)), want);
    }

    #[test]
    fn a_flood_without_an_end_is_reported_once_and_keeps_no_memory() {
        let mut framer = Framer::new();
        let mut too_long_count = 0;
        for _ in 0..1000 {
            framer.push(&[b'x'; 4096], |line| {
                assert_eq!(line, Err(LineTooLong));
                too_long_count += 1;
            });
        }
        assert_eq!(too_long_count, 1);
        assert_eq!(framer.tail.capacity(), 0);
    }

    #[test]
    fn no_memory_is_held_between_whole_lines() {
        let mut framer = Framer::new();
        framer.push(b"par", |_| {});
        assert_eq!(framer.pending(), b"par");
        framer.push(b"tial\nwhole\n", |_| {});
        assert_eq!(framer.tail.capacity(), 0);
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_lines_of_the_whole(
            pieces in vec(prop_oneof![
                4 => vec(any::<u8>(), 0..40),
                1 => Just(b"\r\n".to_vec()),
                1 => Just(b"\n".to_vec()),
                1 => (8600_usize..8800).prop_map(|len| vec![b'x'; len]),
            ], 0..20),
            chunk in 1_usize..5000,
        ) {
            let stream = pieces.concat();
            prop_assert_eq!(lines_of(stream.chunks(chunk)), naive(&stream));
            prop_assert_eq!(lines_of(std::iter::once(&stream[..])), naive(&stream));
        }
    }
}
