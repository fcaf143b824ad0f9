//! Which format a log has, by trying each on its first lines.

use std::fmt;
use std::str::FromStr;

use crate::traffic::capture::LogFormat;
use crate::traffic::capture::Reading;
use crate::traffic::capture::eggdrop::Eggdrop;
use crate::traffic::capture::raw::Raw;
use crate::traffic::capture::znc::Znc;

/// Lines by which a log's format is told.
pub(crate) const SAMPLE_LINES: usize = 200;

/// A format of logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Logs of ZNC's log module.
    Znc,
    /// Channel logs of the bot eggdrop.
    Eggdrop,
    /// Lines of the protocol with times.
    Raw,
}

impl Format {
    /// Every format. Where two read a log equally well, the first one counts.
    pub const ALL: [Self; 3] = [Self::Znc, Self::Eggdrop, Self::Raw];

    /// Returns the word for the format on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Znc => "znc",
            Self::Eggdrop => "eggdrop",
            Self::Raw => "raw",
        }
    }

    /// Returns whether lines tell their day and channel themselves.
    pub(crate) fn is_self_contained(self) -> bool {
        matches!(self, Self::Raw)
    }

    /// Returns a reader of this format at the beginning of a log.
    pub(crate) fn reader(self) -> Box<dyn LogFormat> {
        match self {
            Self::Znc => Box::new(Znc),
            Self::Eggdrop => Box::new(Eggdrop),
            Self::Raw => Box::new(Raw::default()),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == word)
            .ok_or(())
    }
}

/// Returns the format that reads most of `lines`, `likely` on a tie; `None` if none reads at least half.
pub(crate) fn detect(lines: &[Vec<u8>], likely: Option<Format>) -> Option<Format> {
    let mut best = None;
    let mut best_score = 0;
    for format in likely.into_iter().chain(Format::ALL) {
        let mut reader = format.reader();
        let (mut score, mut understood, mut damaged) = (0_usize, 0_usize, 0_usize);
        for line in lines.iter().filter(|line| !line.is_empty()) {
            match reader.read_line(line, &mut |_, _| {}) {
                // An event weighs more than a remark, whose pattern is looser.
                Reading::Events => {
                    score += 2;
                    understood += 1;
                }
                Reading::Note | Reading::Day(_) => {
                    score += 1;
                    understood += 1;
                }
                Reading::Damaged(_) => damaged += 1,
            }
        }
        if understood >= damaged && score > best_score {
            best = Some(format);
            best_score = score;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, likely: Option<Format>, want: Option<Format>) {
        let lines: Vec<Vec<u8>> = text.lines().map(|line| line.as_bytes().to_vec()).collect();
        assert_eq!(detect(&lines, likely), want, "{text}");
    }

    #[test]
    fn each_format_is_told_by_what_only_it_reads() {
        check(
            "[01:02:03] *** Joins: alder (~a@h)",
            None,
            Some(Format::Znc),
        );
        check("[01:02:03] *** Joins alder", None, Some(Format::Znc));
        check(
            "[01:02:03] alder (~a@h) joined #wood.",
            None,
            Some(Format::Eggdrop),
        );
        check("[00:00:00] --- Fri Jan 4 2013", None, Some(Format::Eggdrop));
        check("1795557949.1 :a!b@c JOIN #wood", None, Some(Format::Raw));
    }

    #[test]
    fn a_tie_goes_to_the_format_of_the_neighbours() {
        check("[01:02:03] <alder> hi", None, Some(Format::Znc));
        check(
            "[01:02:03] <alder> hi",
            Some(Format::Eggdrop),
            Some(Format::Eggdrop),
        );
        check(
            "[01:02:03] *** Joins alder",
            Some(Format::Eggdrop),
            Some(Format::Znc),
        );
    }

    #[test]
    fn what_no_format_reads_is_no_log() {
        check("", None, None);
        check("# A readme\n\nIt says: hello.\nAnd more.", None, None);
        check("fn main() {\n    println!();\n}", None, None);
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(lines in proptest::collection::vec(any::<Vec<u8>>(), 0..8)) {
            let _ = detect(&lines, None);
        }

        #[test]
        fn any_line_with_a_plausible_beginning_is_read_or_refused(
            start in prop_oneof![
                Just("[01:02:03] "), Just("[01:02:03] *** "), Just("[01:02:03] *** Joins"), Just("[01:02:03] <"),
                Just("[01:02:03] a (b) "), Just("[01:02:03] Action: "), Just("1795557949 "), Just("1795557949 :a!b "),
                Just("@time="), Just("@batch=1 :a BATCH "), Just("1795557949 :a!b MODE #c "),
            ],
            rest in any::<Vec<u8>>(),
        ) {
            let line = [start.as_bytes(), &rest].concat();
            for format in Format::ALL {
                format.reader().read_line(&line, &mut |_, _| {});
            }
        }
    }
}
