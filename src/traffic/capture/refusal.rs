//! Why a log is not imported, and what to do about it.

use thiserror::Error;

use crate::place::Misread;
use crate::place::Place;
use crate::traffic::capture::clock::NoMoment;
use crate::traffic::capture::format::Format;
use crate::traffic::capture::report::excerpt;

/// Events of one import: they are sorted in memory, at some eighty bytes each.
pub(crate) const EVENTS_MAX: usize = 50_000_000;

/// Distinct names of one import: nicks, channels and details.
pub(crate) const NAMES_MAX: usize = 10_000_000;

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

/// Why an import can't go on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stop {
    /// Nothing has told the day.
    Dayless,
    /// The year is none that clocks know.
    NoYear,
    /// There are more events or names than one import holds.
    Full,
}

impl From<NoMoment> for Stop {
    fn from(why: NoMoment) -> Self {
        match why {
            NoMoment::Dayless => Self::Dayless,
            NoMoment::Unknown => Self::NoYear,
        }
    }
}

impl Stop {
    /// Returns the error at a line.
    pub(crate) fn misread(self, path: &str, number: u64) -> Misread {
        let place = Place::line(path, number);
        match self {
            Self::Dayless => dayless(place),
            Self::NoYear => Misread::new("expected a time of the years that clocks know", place),
            Self::Full => Misread::new(
                format!("expected at most {EVENTS_MAX} events and {NAMES_MAX} names"),
                place,
            )
            .with_help("import the logs in parts"),
        }
    }
}

/// Returns the error that the day of a log is told nowhere.
pub(crate) fn dayless(place: Place) -> Misread {
    Misread::new("expected a day in the log's path, found none", place)
        .with_help("name the day on which the log begins: --date 2024-02-29")
}

/// Returns the error that a file is no IRC log.
pub(crate) fn no_log(path: &str, sample: &[Vec<u8>], first: usize) -> Misread {
    let line = sample.get(first).map_or(&b""[..], Vec::as_slice);
    let formats = Format::ALL.map(Format::as_str).join(", ");
    Misread::new(
        format!("expected an IRC log, found `{}`", excerpt(line)),
        Place::line(path, first as u64 + 1),
    )
    .with_help(format!("the formats are {formats}; --format names one"))
}
