//! Errors as people read them: what is wrong, where, and what to do.

use std::io;
use std::io::IsTerminal;
use std::ops::Range;

use annotate_snippets::AnnotationKind;
use annotate_snippets::Level;
use annotate_snippets::Renderer;
use annotate_snippets::Snippet;

use crate::place::Misread;
use crate::report::layout::printable;
use crate::report::paint::Paint;
use crate::report::paint::Tone;

/// What is done to a file that is read, for [`file_help`].
pub(crate) const READ: &str = "read";

/// An error, ready to be shown.
#[derive(Debug)]
pub(crate) struct Diagnostic<'a> {
    /// What is wrong: lower case, no full stop.
    pub(crate) title: String,
    /// Where, if it is a spot in an input.
    pub(crate) misread: Option<&'a Misread>,
    /// What to do; empty if that is plain.
    pub(crate) help: String,
}

/// Returns whether a stream is coloured: it is a terminal that can be, and nobody asked it not to be (no-color.org).
pub(crate) fn paint(stream: &impl IsTerminal) -> Paint {
    let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if stream.is_terminal() && !is_unwanted && !is_dumb {
        Paint::Colour
    } else {
        Paint::Plain
    }
}

impl Diagnostic<'_> {
    /// Returns the error as the compiler shows its own, with a line break at its end.
    pub(crate) fn rendered(&self, paint: Paint) -> String {
        let (title, help) = (printable(&self.title), printable(&self.help));
        let mut text = match self.misread {
            Some(misread) if misread.place.line > 0 && !misread.excerpt.is_empty() => {
                with_excerpt(&title, misread, &help, paint)
            }
            Some(misread) => without_excerpt(&title, &misread.place.to_string(), &help, paint),
            None => without_excerpt(&title, "", &help, paint),
        };
        text.push('\n');
        text
    }
}

fn with_excerpt(title: &str, misread: &Misread, help: &str, paint: Paint) -> String {
    let line = usize::try_from(misread.place.line).unwrap_or(usize::MAX);
    let span = span(&misread.excerpt, misread.place.column);
    let snippet = Snippet::source(misread.excerpt.as_str())
        .path(printable(&misread.place.path))
        .line_start(line)
        .annotation(AnnotationKind::Primary.span(span));
    let mut group = Level::ERROR.primary_title(title).element(snippet);
    if !help.is_empty() {
        group = group.element(Level::HELP.message(help));
    }
    let renderer = match paint {
        Paint::Colour => Renderer::styled(),
        Paint::Plain => Renderer::plain(),
    };
    renderer.render(&[group])
}

fn without_excerpt(title: &str, place: &str, help: &str, paint: Paint) -> String {
    let mut text = format!("{}: {title}", paint.text(Tone::Bad, "error"));
    if !place.is_empty() {
        text.push_str("\n  --> ");
        text.push_str(&printable(place));
    }
    if !help.is_empty() {
        text.push_str("\n  ");
        text.push_str(&paint.text(Tone::Strong, "help"));
        text.push_str(": ");
        text.push_str(help);
    }
    text
}

/// Returns the bytes of a line that the caret is under: the word or quoted text at `column`, or the whole line.
fn span(line: &str, column: u64) -> Range<usize> {
    let Some(skipped) = column
        .checked_sub(1)
        .and_then(|skipped| usize::try_from(skipped).ok())
    else {
        return 0..line.len();
    };
    let start = line
        .char_indices()
        .nth(skipped)
        .map_or(line.len(), |(at, _)| at);
    let rest = &line[start..];
    let mut chars = rest.chars();
    let length = match chars.next() {
        Some(quote @ ('"' | '\'')) => chars.as_str().find(quote).map_or(rest.len(), |end| end + 2),
        Some(first) if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
        Some(first) => first.len_utf8(),
        None => 0,
    };
    start..start + length
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '%')
}

/// Returns a cause in words of our style: the system's own begin with a capital and end with a number.
pub(crate) fn reason(cause: &(dyn std::error::Error + 'static)) -> String {
    let Some(error) = cause.downcast_ref::<io::Error>() else {
        return cause.to_string();
    };
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::NotADirectory => "a part of its path is no folder".to_owned(),
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        _ => {
            let text = error.to_string();
            let text = text
                .rsplit_once(" (os error")
                .map_or(text.as_str(), |(text, _)| text);
            let mut chars = text.chars();
            let first = chars.next().map(|first| first.to_ascii_lowercase());
            first.into_iter().chain(chars).collect()
        }
    }
}

/// Returns what to do about a file that the system refuses; empty where that is plain.
pub(crate) fn file_help(doing: &str, error: &io::Error) -> &'static str {
    let is_reading = doing == READ;
    match error.kind() {
        io::ErrorKind::NotFound if is_reading => {
            "check the path; it counts from the folder you are in"
        }
        io::ErrorKind::NotFound => "make its folder first",
        io::ErrorKind::PermissionDenied if is_reading => {
            "run as a user who may read it, or change its mode"
        }
        io::ErrorKind::PermissionDenied => "choose a place that you may write to",
        io::ErrorKind::StorageFull => "make room, or choose another disk",
        io::ErrorKind::InvalidData if is_reading => "check that this is the file you meant",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Place;

    fn rendered(misread: &Misread) -> String {
        let diagnostic = Diagnostic {
            title: misread.to_string(),
            misread: Some(misread),
            help: misread.help.clone(),
        };
        diagnostic.rendered(Paint::Plain)
    }

    #[track_caller]
    fn check(misread: &Misread, want: &str) {
        assert_eq!(rendered(misread), want);
    }

    #[test]
    fn a_misread_shows_its_line_with_the_spot() {
        let text = "profile = \"p\"\nrate = \"12x\" # often\n";
        let misread = Misread::new(
            "expected a rate, found `12x`",
            Place::in_text("netsplit.toml", text, 21),
        )
        .with_excerpt(text)
        .with_help("write events per second, such as `12/s`");
        check(
            &misread,
            "error: expected a rate, found `12x`
 --> netsplit.toml:2:8
  |
2 | rate = \"12x\" # often
  |        ^^^^^
  |
  = help: write events per second, such as `12/s`
",
        );
    }

    #[test]
    fn a_misread_without_a_line_names_its_file() {
        let misread = Misread::new(
            "`population.user` is no key of this scenario",
            Place::file("--set population.user"),
        )
        .with_help("did you mean `population.users`?");
        check(
            &misread,
            "error: `population.user` is no key of this scenario
  --> --set population.user
  help: did you mean `population.users`?
",
        );
    }

    #[test]
    fn causes_of_the_system_are_told_in_our_words() {
        for (error, want) in [
            (io::ErrorKind::PermissionDenied.into(), "permission denied"),
            (io::Error::from_raw_os_error(2), "no such file or folder"),
            (io::Error::from_raw_os_error(24), "too many open files"),
        ] {
            assert_eq!(reason(&error), want);
        }
    }

    #[test]
    fn advice_fits_what_was_tried() {
        let missing = io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(
            file_help(READ, &missing),
            "check the path; it counts from the folder you are in"
        );
        assert_eq!(file_help("write", &missing), "make its folder first");
        assert_eq!(file_help(READ, &io::Error::other("x")), "");
    }

    #[test]
    fn a_name_can_not_steer_the_terminal() {
        let misread = Misread::new("found `\x1b[2J`", Place::line("a\x1b", 1))
            .with_excerpt("\x1b[2J rate")
            .with_help("\x1b");
        let text = rendered(&misread);
        assert!(!text.contains('\x1b'), "{text:?}");
    }

    #[test]
    fn the_caret_is_under_the_word_or_the_quoted_text() {
        for (line, column, want) in [
            ("rate = 12x # a", 8, "12x"),
            ("rate = \"1 x\" # a", 8, "\"1 x\""),
            ("rate = \"1 x", 8, "\"1 x"),
            ("é = [", 5, "["),
            ("é = ü", 5, "ü"),
            ("short", 9, ""),
            ("whole line", 0, "whole line"),
        ] {
            assert_eq!(&line[span(line, column)], want, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_place_in_any_line_renders_without_panic(line in ".{0,40}", number in 0u64..3, column in 0u64..50) {
            let place = Place { path: "a".to_owned(), line: number, column };
            let misread = Misread { excerpt: line, ..Misread::new("wrong", place) };
            let _ = rendered(&misread);
        }
    }
}
