//! Logs of the client mIRC that were wrapped into a page: each line is an item of a list.

use crate::traffic::capture::LogFormat;
use crate::traffic::capture::Moment;
use crate::traffic::capture::Reading;
use crate::traffic::capture::Seen;
use crate::traffic::capture::format::markup;
use crate::traffic::capture::format::mirc::Mirc;

/// The format; it remembers what the log in the page does.
#[derive(Debug, Default)]
pub(crate) struct MircHtml {
    mirc: Mirc,
    text: Vec<u8>,
}

impl LogFormat for MircHtml {
    fn read_line(&mut self, line: &[u8], seen: &mut dyn FnMut(Moment, Seen<'_>)) -> Reading {
        let line = line.trim_ascii();
        let Some(item) = line.strip_prefix(b"<li").and_then(content) else {
            // What is around the list: head, styles, headings.
            return Reading::Note;
        };
        self.text.clear();
        markup::append_text(without_anchor(item), &mut self.text);
        if self.text.trim_ascii().is_empty() {
            return Reading::Note;
        }
        self.mirc.read_line(&self.text, seen)
    }
}

/// Returns what is inside an item, given what follows its `<li`.
fn content(item: &[u8]) -> Option<&[u8]> {
    let open = memchr::memchr(b'>', item)?;
    let inside = item.get(open + 1..)?;
    Some(inside.strip_suffix(b"</li>").unwrap_or(inside))
}

/// Returns an item without the link to itself that stands in front of it.
fn without_anchor(item: &[u8]) -> &[u8] {
    if !item.starts_with(b"<a href=\"#") {
        return item;
    }
    memchr::memchr_iter(b'<', item)
        .find_map(|at| item.get(at..)?.strip_prefix(b"</a> "))
        .unwrap_or(item)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::capture::format::check::Checked;

    #[test]
    fn items_are_lines_and_the_rest_of_the_page_is_not() {
        let mut log = Checked::new(MircHtml::default());
        log.check_reading("<!DOCTYPE html>", Reading::Note);
        log.check(
            " <li id=\"l-3\" _a=\"alder\"><a href=\"#l-3\">#</a> [10:58] &lt;alder&gt; see <a href=\"http://wood.test\">wood</a> &amp; co</li>",
            "10:58:00 message alder> [see wood & co]",
        );
        log.check(
            "<li>[10:58] * Quits: alder (~a@h) (Quit: &lt;bye&gt;)</li>",
            "10:58:00 quit alder> [Quit: <bye>]",
        );
        log.check_reading(
            " <li id=\"l-4\"><a href=\"#l-4\">#</a> </li>",
            Reading::Note,
        );
        log.check_damaged("<li>[10:58] hi</li>");
    }
}
