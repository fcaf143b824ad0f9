//! The events of live traffic, one by one as they happen.

use crate::traffic::capture::Seen;
use crate::traffic::capture::naming;
use crate::traffic::capture::naming::Naming;
use crate::traffic::capture::naming::RowContext;
use crate::traffic::capture::row::Names;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::TraceMeta;
use crate::traffic::trace::pseudonym::Pseudonyms;

/// Distinct names that are remembered, at some hundred bytes each. Beyond them all are forgotten: who has changed nicks then
/// goes on as a new connection.
const NAMES_MAX: usize = 1_000_000;

/// A trace that is being made.
#[derive(Debug)]
pub struct LiveTrace {
    naming: Naming,
    keeps_text: bool,
    last_us: i64,
    forgotten_count: u64,
    names_max: usize,
}

impl LiveTrace {
    /// Returns the trace of a network without events.
    pub fn new(network: &str, pseudonyms: Pseudonyms, keeps_text: bool) -> Self {
        Self {
            naming: Naming::new(network, Names::default(), pseudonyms),
            keeps_text,
            last_us: i64::MIN,
            forgotten_count: 0,
            names_max: NAMES_MAX,
        }
    }

    /// Returns what holds for all events; `tool` is the tool's version.
    pub fn meta(&self, tool: &str) -> TraceMeta {
        TraceMeta {
            tool: tool.to_owned(),
            zone: "UTC".to_owned(),
            tick_us: 1,
            has_names: self.keeps_text,
            has_text: self.keeps_text,
            overlaps: Vec::new(),
        }
    }

    /// Returns how often everybody's names were forgotten.
    pub fn forgotten_count(&self) -> u64 {
        self.forgotten_count
    }

    /// Returns the event of what a line told at `at_us`, or at the time of the event before it if that was later: connections
    /// are read one after the other, so their times cross each other by microseconds.
    pub(crate) fn event(&mut self, at_us: i64, seen: &Seen<'_>) -> Event {
        if self.naming.names.len() >= self.names_max {
            self.naming.forget();
            self.forgotten_count += 1;
        }
        self.last_us = self.last_us.max(at_us);
        let context = RowContext {
            keeps_text: self.keeps_text,
            ..RowContext::default()
        };
        let row = naming::row_of(&mut self.naming.names, self.last_us, seen, context);
        self.naming.event(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::trace::event::EventKind;

    fn seen<'a>(kind: EventKind, nick: &'a [u8], peer: &'a [u8], text: &'a [u8]) -> Seen<'a> {
        let mut seen = Seen::new(kind, nick, text).with_peer(peer);
        seen.channel = Some(b"#wood");
        seen
    }

    #[test]
    fn a_connection_is_the_same_from_event_to_event() {
        let mut live = LiveTrace::new("wood", Pseudonyms::kept(), true);
        let rename = live.event(5, &seen(EventKind::Nick, b"alder", b"birch", b""));
        let talk = live.event(7, &seen(EventKind::Message, b"birch", b"", b"hi"));
        assert_eq!((&*rename.user, &*rename.peer), ("alder", "birch"));
        assert_eq!((&*talk.user, &*talk.text, talk.at_us), ("alder", "hi", 7));
    }

    #[test]
    fn times_do_not_run_back() {
        let mut live = LiveTrace::new("wood", Pseudonyms::kept(), false);
        let at = [5, 3, 9].map(|us| {
            live.event(us, &seen(EventKind::Join, b"alder", b"", b""))
                .at_us
        });
        assert_eq!(at, [5, 5, 9]);
    }

    #[test]
    fn names_beyond_the_limit_are_forgotten_and_pseudonyms_stay() {
        let mut live = LiveTrace::new("wood", Pseudonyms::hashed([7; 16]), false);
        live.names_max = 4;
        let first = live.event(1, &seen(EventKind::Join, b"alder", b"", b""));
        live.event(2, &seen(EventKind::Join, b"birch", b"", b""));
        let again = live.event(3, &seen(EventKind::Message, b"alder", b"", b"x"));
        assert!(live.forgotten_count() > 0);
        assert_eq!(first.user, again.user);
        assert_eq!(first.channel, again.channel);
    }
}
