//! Repeats: one event that several logs tell, and that counts once.

use std::collections::HashMap;
use std::collections::VecDeque;

use crate::traffic::capture::row::NameId;
use crate::traffic::capture::row::Row;
use crate::traffic::capture::row::SourceId;
use crate::traffic::trace::event::EventKind;

/// Logs of one machine tell the same event within this time; coarser clocks within a tick.
const SAME_EVENT_US: i64 = 5_000_000;

/// From this tick on, a clock can't place two changes of one nick apart, nor tell them from one told twice.
const COARSE_TICK_US: u32 = 60_000_000;

/// What was heard lately, by whom.
#[derive(Debug)]
pub(crate) struct Repeats {
    window_us: i64,
    is_coarse: bool,
    last_us: HashMap<(EventKind, NameId), i64>,
    heard: HashMap<Key, VecDeque<Heard>>,
    by_age: VecDeque<(i64, Key)>,
}

/// What makes two rows tell the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    kind: EventKind,
    channel: Option<NameId>,
    nick: NameId,
    peer: Option<NameId>,
    text_hash: u64,
}

#[derive(Debug)]
struct Heard {
    at_us: i64,
    by: Vec<Teller>,
}

/// A log and the channel in which it tells: a log of several channels tells a QUIT in each.
type Teller = (SourceId, Option<NameId>);

impl Repeats {
    /// Returns repeats of logs whose clocks tick every `tick_us`.
    pub(crate) fn new(tick_us: u32) -> Self {
        Self {
            window_us: SAME_EVENT_US.max(i64::from(tick_us)),
            is_coarse: tick_us >= COARSE_TICK_US,
            last_us: HashMap::new(),
            heard: HashMap::new(),
            by_age: VecDeque::new(),
        }
    }

    /// Returns whether another log has told what `row` tells; rows come in order of time.
    ///
    /// Each telling of one log is matched with the earliest of another that it has not told itself, so that what
    /// happened twice counts twice.
    pub(crate) fn is_repeat(&mut self, row: &Row) -> bool {
        let is_everywhere = matches!(row.kind, EventKind::Quit | EventKind::Nick);
        if is_everywhere && self.is_coarse {
            let last_us = self.last_us.insert((row.kind, row.nick), row.at_us);
            return last_us.is_some_and(|last_us| row.at_us - last_us <= self.window_us);
        }
        let key = Key {
            kind: row.kind,
            // A QUIT or NICK is told in every channel of the user.
            channel: row.channel.filter(|_| !is_everywhere),
            nick: row.nick,
            peer: row.peer,
            text_hash: if is_everywhere { 0 } else { row.text_hash },
        };
        self.forget(row.at_us);
        let teller = (row.source, row.channel);
        let heard = self.heard.entry(key).or_default();
        let untold = heard
            .iter_mut()
            .find(|heard| row.at_us - heard.at_us <= self.window_us && !heard.by.contains(&teller));
        if let Some(told) = untold {
            told.by.push(teller);
            return true;
        }
        heard.push_back(Heard {
            at_us: row.at_us,
            by: vec![teller],
        });
        self.by_age.push_back((row.at_us, key));
        false
    }

    fn forget(&mut self, now_us: i64) {
        while let Some((at_us, key)) = self.by_age.front().copied()
            && now_us - at_us > self.window_us
        {
            self.by_age.pop_front();
            if let Some(heard) = self.heard.get_mut(&key) {
                heard.pop_front();
                if heard.is_empty() {
                    self.heard.remove(&key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells rows of (seconds, kind, nick, channel, source) and returns which of them count.
    #[track_caller]
    fn check(tick_us: u32, rows: &[(i64, EventKind, u32, u32, u32)], want: &[bool]) {
        let mut repeats = Repeats::new(tick_us);
        let counts: Vec<bool> = rows
            .iter()
            .map(|&(secs, kind, nick, channel, source)| Row {
                at_us: secs * 1_000_000,
                kind,
                nick: NameId(nick),
                channel: Some(NameId(channel)),
                source: SourceId(source),
                ..Row::default()
            })
            .map(|row| !repeats.is_repeat(&row))
            .collect();
        assert_eq!(counts, want);
    }

    #[test]
    fn a_quit_in_two_channels_counts_once() {
        use EventKind::Quit;
        check(
            1_000_000,
            &[
                (0, Quit, 1, 8, 1),
                (1, Quit, 1, 9, 2),
                (1, Quit, 2, 9, 2),
                (9, Quit, 1, 9, 2),
            ],
            &[true, false, true, true],
        );
    }

    #[test]
    fn a_quit_that_one_log_tells_in_two_channels_counts_once() {
        use EventKind::Nick;
        use EventKind::Quit;
        check(
            1_000_000,
            &[
                (0, Nick, 1, 8, 1),
                (0, Nick, 1, 9, 1),
                (2, Quit, 2, 8, 1),
                (2, Quit, 2, 9, 1),
            ],
            &[true, false, true, false],
        );
    }

    #[test]
    fn a_clock_of_minutes_tells_a_nick_apart_by_minutes() {
        use EventKind::Quit;
        check(
            60_000_000,
            &[
                (0, Quit, 1, 8, 1),
                (0, Quit, 1, 8, 1),
                (60, Quit, 1, 9, 2),
                (180, Quit, 1, 9, 2),
            ],
            &[true, false, false, true],
        );
    }

    #[test]
    fn what_one_log_tells_twice_counts_twice() {
        use EventKind::Quit;
        check(
            1_000_000,
            &[
                (0, Quit, 1, 8, 1),
                (0, Quit, 1, 8, 1),
                (0, Quit, 1, 9, 2),
                (0, Quit, 1, 9, 2),
            ],
            &[true, true, false, false],
        );
    }

    #[test]
    fn a_message_counts_once_in_its_channel() {
        use EventKind::Message;
        check(
            1_000_000,
            &[
                (0, Message, 1, 8, 1),
                (0, Message, 1, 9, 1),
                (1, Message, 1, 8, 2),
                (1, Message, 1, 9, 3),
            ],
            &[true, true, false, false],
        );
    }
}
