//! A client that reads channels' histories page by page (CHATHISTORY), each from its latest line to its first.

use crate::irc::wire::server_time;
use crate::units::id::ChannelId;

/// Lines asked for at once; servers grant from 100 on.
pub(super) const PAGE_LINES: u32 = 100;
/// Times are told in milliseconds: who asks for what was before one has to add one to read all of it.
const STEP_MICROS: i64 = 1_000;

/// What is still to be read.
#[derive(Clone, Debug)]
pub(super) struct Pager {
    /// Channels that come later, the next one last.
    waiting: Vec<ChannelId>,
    page: Page,
}

/// The page that is being read.
#[derive(Clone, Copy, Debug)]
struct Page {
    channel: ChannelId,
    lines: u32,
    /// The oldest line's time, in microseconds since 1970.
    oldest: Option<i64>,
    /// What the page was asked to end before; `None` for the latest.
    before: Option<i64>,
}

/// What comes behind a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The page before it.
    Earlier,
    /// Nothing: the channel has been read to its first line. The next one's latest page follows, if there is one.
    First(ChannelId),
}

impl Pager {
    /// Returns who reads these channels; `None` where there are none.
    pub(super) fn new(mut channels: Vec<ChannelId>) -> Option<Self> {
        channels.reverse();
        let channel = channels.pop()?;
        Some(Self {
            waiting: channels,
            page: Page::latest(channel),
        })
    }

    /// Returns the channel that is being read.
    pub(super) fn channel(&self) -> ChannelId {
        self.page.channel
    }

    /// Returns the parameters that stand before and behind the channel in the question for the page.
    pub(super) fn question(&self) -> (&'static [u8], Vec<u8>) {
        match self.page.before {
            None => (b"LATEST", b"*".to_vec()),
            Some(micros) => {
                let time = server_time::format(micros);
                (b"BEFORE", [&b"timestamp="[..], &time].concat())
            }
        }
    }

    /// Notes a line of the page, and when it was said.
    pub(super) fn note(&mut self, unix_micros: Option<i64>) {
        self.page.lines += 1;
        let times = [self.page.oldest, unix_micros];
        self.page.oldest = times.into_iter().flatten().min();
    }

    /// Notes the end of a page, and moves on; `None` behind the first page of the last channel, with that channel.
    pub(super) fn turn(&mut self) -> (Turn, bool) {
        let page = self.page;
        let is_full = page.lines >= PAGE_LINES;
        if let (true, Some(oldest)) = (is_full, page.oldest) {
            // A page full of one moment gets nobody further but past it.
            let with_it = oldest + STEP_MICROS;
            let is_stuck = page.before.is_some_and(|before| before <= with_it);
            self.page = Page {
                before: Some(if is_stuck { oldest } else { with_it }),
                ..Page::latest(page.channel)
            };
            return (Turn::Earlier, true);
        }
        let next = self.waiting.pop();
        if let Some(next) = next {
            self.page = Page::latest(next);
        }
        (Turn::First(page.channel), next.is_some())
    }
}

impl Page {
    fn latest(channel: ChannelId) -> Self {
        Self {
            channel,
            lines: 0,
            oldest: None,
            before: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a channel whose lines were said at these milliseconds, and returns the questions and the number of lines read.
    fn read(said: &[i64]) -> (Vec<String>, usize) {
        let mut pager = Pager::new(vec![ChannelId(0)]).unwrap();
        let (mut questions, mut seen) = (Vec::new(), std::collections::BTreeSet::new());
        loop {
            let (subcommand, before) = pager.question();
            let text = [subcommand, b" ", &before].concat();
            questions.push(String::from_utf8(text).unwrap());
            let end = pager.page.before.unwrap_or(i64::MAX);
            let earlier: Vec<usize> = (0..said.len())
                .filter(|&line| said[line] * 1_000 < end)
                .collect();
            for &line in earlier.iter().rev().take(PAGE_LINES as usize) {
                seen.insert(line);
                pager.note(Some(said[line] * 1_000));
            }
            if let (Turn::First(_), _) = pager.turn() {
                return (questions, seen.len());
            }
        }
    }

    #[test]
    fn a_channel_is_read_to_its_first_line() {
        for count in [0, 1, 99, 100, 101, 250] {
            let said: Vec<i64> = (0..count).collect();
            assert_eq!(read(&said).1, said.len(), "{count}");
        }
        let said: Vec<i64> = (0..150).collect();
        let want = ["LATEST *", "BEFORE timestamp=1970-01-01T00:00:00.051Z"];
        assert_eq!(read(&said).0, want);
    }

    #[test]
    fn lines_of_one_moment_are_read_whole_if_a_page_holds_them() {
        let said: Vec<i64> = (0..240).map(|line| line / 80).collect();
        assert_eq!(read(&said).1, 240);
        // More than a page of one moment can't be told apart: reading comes to its end all the same.
        assert!(read(&[7; 250]).1 >= 100);
    }

    #[test]
    fn channels_are_read_one_after_the_other() {
        let mut pager = Pager::new(vec![ChannelId(4), ChannelId(2)]).unwrap();
        assert_eq!(pager.turn(), (Turn::First(ChannelId(4)), true));
        assert_eq!(pager.channel(), ChannelId(2));
        assert_eq!(pager.turn(), (Turn::First(ChannelId(2)), false));
        assert!(Pager::new(Vec::new()).is_none());
    }
}
