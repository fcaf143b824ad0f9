//! Which format a log has, by trying each on its first lines.

use jiff::civil::Date;

use crate::traffic::capture::Reading;
use crate::traffic::capture::format::Format;

/// Lines by which a log's format is told.
pub(crate) const SAMPLE_LINES: usize = 200;

/// How well a format reads some lines.
#[derive(Clone, Copy, Debug, Default)]
struct Fit {
    events: u32,
    notes: u32,
    damaged: u32,
}

impl Fit {
    fn of(format: Format, lines: &[Vec<u8>]) -> Self {
        let mut fit = Self::default();
        let mut reader = format.reader();
        // Any day will do: it only has to be one.
        reader.begin(Some(Date::constant(2000, 1, 1)));
        for line in lines {
            if line.is_empty() && !reader.reads_empty_lines() {
                continue;
            }
            match reader.read_line(line, &mut |_, _| {}) {
                Reading::Events | Reading::Folded(_) => fit.events += 1,
                // Anything may have empty lines.
                _ if line.is_empty() => {}
                Reading::Note | Reading::Day(_) => fit.notes += 1,
                Reading::Damaged(_) => fit.damaged += 1,
            }
        }
        fit
    }

    /// Returns the merit: an event weighs more than a remark, whose pattern is looser; `None` if the lines are none of
    /// the format's.
    fn score(self, format: Format) -> Option<u32> {
        let is_empty_page = format.is_page() && self.events == 0;
        let is_told = self.events + self.notes >= self.damaged;
        (is_told && !is_empty_page).then_some(2 * self.events + self.notes)
    }
}

/// Returns the format that reads most of `lines`, `likely` on a tie; `None` if none reads at least half.
///
/// `likely` is the format of a log beside this one: if it reads every line, no other is tried.
pub(crate) fn detect(lines: &[Vec<u8>], likely: Option<Format>) -> Option<Format> {
    if let Some(likely) = likely {
        let fit = Fit::of(likely, lines);
        if fit.damaged == 0 && fit.events > 0 {
            return Some(likely);
        }
    }
    let mut best = None;
    let mut best_score = 0;
    for format in likely.into_iter().chain(Format::ALL) {
        if let Some(score) = Fit::of(format, lines).score(format)
            && score > best_score
        {
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
        check("14:39 <@alder> hi", None, Some(Format::Irssi));
        check(
            "2024-02-29 12:30:01\t@alder\thi",
            None,
            Some(Format::WeeChat),
        );
        check("Feb 29 12:30:01 <alder>\thi", None, Some(Format::HexChat));
        check("[10:58] * Joins: alder (~a@h)", None, Some(Format::Mirc));
        check(
            "<ol>\n<li>[10:58] &lt;alder&gt; hi</li>",
            None,
            Some(Format::MircHtml),
        );
        check(
            "2024-02-29T12:30:01  <alder> hi",
            None,
            Some(Format::Limnoria),
        );
        check("[14:49] *** alder joined", None, Some(Format::Colabti));
        check(
            "=== alder is now known as birch",
            None,
            Some(Format::Ubuntu),
        );
        check(
            "{\"type\":\"join\",\"nick\":\"a\",\"time\":1}",
            None,
            Some(Format::Json),
        );
        check("1795557949\nalder\nhi\n\n", None, Some(Format::UnixTime));
        check(
            "[00:04] Joins: alder (~a@h)",
            None,
            Some(Format::EnergyMech),
        );
        check(
            "<span class=\"irc-date\">[6:49]</span> <span class=\"irc-black\">&lt;alder&gt; hi</span><br />",
            None,
            Some(Format::PircBot),
        );
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
        check("<!DOCTYPE html>\n<p>\nHello.\n</p>", None, None);
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
                Just("@time="), Just("14:39 -!- "), Just("14:39 -!- Netsplit "), Just("--- "), Just("**** "),
                Just("2024-02-29 12:30:01\t-->\t"), Just("Feb 29 12:30:01 *\t"), Just("<li>[10:58] "), Just("=== "),
                Just("2024-02-29T12:30:01  *** "), Just("<span class=\"irc-date\">[6:49]<span class=\"irc-navy\">* "),
                Just("{\"type\":\"join\",\"time\":"), Just("[14:49] *** a "), Just("Session "), Just("1795557949"), Just("@batch=1 :a BATCH "), Just("1795557949 :a!b MODE #c "),
            ],
            rest in any::<Vec<u8>>(),
        ) {
            let line = [start.as_bytes(), &rest].concat();
            for format in Format::ALL {
                let _ = format.reader().read_line(&line, &mut |_, _| {});
            }
        }
    }
}
