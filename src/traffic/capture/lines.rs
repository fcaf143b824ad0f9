//! The lines of a log without their ends, cut where they are longer than any line may be.

use std::io;
use std::io::BufRead;
use std::io::Read;

use crate::place::Misread;
use crate::place::Place;

/// Longest line that is read: tags and message (8191 + 512 bytes), a stamp, and room for formats that pad.
const LINE_BYTES_MAX: u64 = 16_384;

/// The lines of a log.
#[derive(Debug)]
pub(crate) struct Lines<'a, R> {
    path: &'a str,
    input: R,
    number: u64,
    line: Vec<u8>,
}

impl<'a, R: BufRead> Lines<'a, R> {
    /// Returns the lines of the log `path`.
    pub(crate) fn new(path: &'a str, input: R) -> Self {
        Self {
            path,
            input,
            number: 0,
            line: Vec::new(),
        }
    }

    /// Returns the next line, cut where it is longer than any line may be; `None` at the end.
    ///
    /// # Errors
    ///
    /// When the input can't be read.
    pub(crate) fn next_line(&mut self) -> Result<Option<&[u8]>, Misread> {
        self.number += 1;
        match self.read() {
            Ok(true) => Ok(Some(&self.line)),
            Ok(false) => Ok(None),
            Err(error) => {
                let place = Place::line(self.path, self.number);
                Err(Misread::new(
                    format!("expected a readable log: {error}"),
                    place,
                ))
            }
        }
    }

    fn read(&mut self) -> io::Result<bool> {
        self.line.clear();
        let mut bounded = self.input.by_ref().take(LINE_BYTES_MAX);
        if bounded.read_until(b'\n', &mut self.line)? == 0 {
            return Ok(false);
        }
        if self.line.last() != Some(&b'\n') {
            self.input.skip_until(b'\n')?;
        }
        while matches!(self.line.last(), Some(b'\n' | b'\r')) {
            self.line.pop();
        }
        Ok(true)
    }
}
