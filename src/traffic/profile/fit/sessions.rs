//! Sessions of connections, as JOIN, PART, QUIT and KICK tell them, and which of them each event belongs to.

use std::collections::HashMap;

use crate::traffic::profile::fit::outages::Outages;
use crate::traffic::profile::fit::window::Window;
use crate::traffic::trace::cause::LeaveCause;
use crate::traffic::trace::event::DETAIL_NAMES;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventKind;

/// One stay of one connection. Times are seconds from the window's start, and may lie outside it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Session<'a> {
    pub(crate) label: &'a str,
    pub(crate) start_secs: f64,
    pub(crate) end_secs: f64,
    pub(crate) cause: LeaveCause,
    pub(crate) has_join: bool,
    pub(crate) has_leave: bool,
    /// The last time something was heard of it.
    seen_secs: f64,
    channels: Vec<&'a str>,
}

/// The sessions of a trace.
#[derive(Debug, Default)]
pub(crate) struct Record<'a> {
    /// Every session, in the order in which it was opened.
    pub(crate) sessions: Vec<Session<'a>>,
    /// For each event the session of its user.
    pub(crate) by_event: Vec<Option<usize>>,
    /// For each event the session of its peer: of the kicked user, or of the member whose mode is set.
    pub(crate) peer_by_event: Vec<Option<usize>>,
}

/// Returns the sessions of a trace.
pub(crate) fn read<'a>(
    window: &Window,
    events: &'a [Event],
    moments: &[f64],
    outages: &Outages,
) -> Record<'a> {
    let mut reader = Reader {
        record: Record::default(),
        open: HashMap::new(),
        known: HashMap::new(),
        // The window may begin before the first event: who was there then was there from its start.
        first_secs: moments.first().copied().unwrap_or(0.0).min(0.0),
    };
    for (event, &secs) in events.iter().zip(moments) {
        let peer = reader.open.get(&*event.peer).copied();
        let session = reader.handle(event, secs);
        if let Some(session) = session.and_then(|index| reader.record.sessions.get_mut(index)) {
            session.seen_secs = secs;
        }
        reader.record.by_event.push(session);
        reader.record.peer_by_event.push(peer);
    }
    let end_secs = f64::from(window.secs);
    for &index in reader.open.values() {
        if let Some(session) = reader.record.sessions.get_mut(index) {
            session.end_secs = end_secs;
        }
    }
    for session in &mut reader.record.sessions {
        // Nothing was heard of it after an outage, and nobody saw it leave: it left unseen.
        if !session.has_leave
            && let Some(away) = outages.next_start(session.seen_secs)
            && away < session.end_secs
        {
            session.end_secs = away;
        }
    }
    reader.record
}

struct Reader<'a> {
    record: Record<'a>,
    open: HashMap<&'a str, usize>,
    /// The last session of each connection that had one.
    known: HashMap<&'a str, usize>,
    first_secs: f64,
}

impl<'a> Reader<'a> {
    /// Returns the session to which an event of its user belongs, after the event.
    fn handle(&mut self, event: &'a Event, secs: f64) -> Option<usize> {
        let user: &'a str = &event.user;
        let channel: &'a str = &event.channel;
        match event.kind {
            EventKind::Join => {
                let joined = self.open.get(user).copied();
                if let Some(session) = joined.and_then(|index| self.record.sessions.get_mut(index))
                {
                    if !session.channels.contains(&channel) {
                        session.channels.push(channel);
                        return joined;
                    }
                    self.close(user, secs, LeaveCause::Unknown, false);
                }
                Some(self.start(user, channel, secs, true))
            }
            EventKind::Quit => {
                let cause = LeaveCause::from_word(&event.detail).unwrap_or(LeaveCause::Unknown);
                self.leave(user, secs, cause)
            }
            EventKind::Part => self.part(user, channel, secs, LeaveCause::Part),
            EventKind::Kick => {
                self.part(&event.peer, channel, secs, LeaveCause::Kicked);
                self.open.get(user).copied()
            }
            EventKind::Message | EventKind::Action | EventKind::Notice | EventKind::Nick => {
                Some(self.appear(user, channel, secs))
            }
            EventKind::Other if &*event.detail == DETAIL_NAMES => {
                Some(self.appear(user, channel, secs))
            }
            // Services and servers do these without being there.
            EventKind::Mode | EventKind::Topic | EventKind::Other => self.open.get(user).copied(),
        }
    }

    /// Returns the session of somebody who acts: if nobody saw them come, they were there.
    fn appear(&mut self, user: &'a str, channel: &'a str, secs: f64) -> usize {
        if let Some(&index) = self.open.get(user) {
            if let Some(session) = self.record.sessions.get_mut(index)
                && !channel.is_empty()
                && !session.channels.contains(&channel)
            {
                session.channels.push(channel);
            }
            return index;
        }
        let start_secs = if self.known.contains_key(user) {
            secs
        } else {
            self.first_secs
        };
        self.start(user, channel, start_secs, false)
    }

    fn start(&mut self, user: &'a str, channel: &'a str, secs: f64, has_join: bool) -> usize {
        let index = self.record.sessions.len();
        self.record.sessions.push(Session {
            label: user,
            start_secs: secs,
            end_secs: secs,
            cause: LeaveCause::Unknown,
            has_join,
            has_leave: false,
            seen_secs: secs,
            channels: if channel.is_empty() {
                Vec::new()
            } else {
                vec![channel]
            },
        });
        self.open.insert(user, index);
        self.known.insert(user, index);
        index
    }

    /// Ends the session of somebody who leaves the network; one who never showed up had been there all along.
    fn leave(&mut self, user: &'a str, secs: f64, cause: LeaveCause) -> Option<usize> {
        if !self.open.contains_key(user) {
            // Logs of several channels tell one QUIT several times.
            if self.known.contains_key(user) {
                return None;
            }
            self.start(user, "", self.first_secs, false);
        }
        self.close(user, secs, cause, true)
    }

    /// Ends the session of somebody who leaves the last channel.
    fn part(
        &mut self,
        user: &'a str,
        channel: &'a str,
        secs: f64,
        cause: LeaveCause,
    ) -> Option<usize> {
        let Some(&index) = self.open.get(user) else {
            return self.leave(user, secs, cause);
        };
        let session = self.record.sessions.get_mut(index)?;
        session.channels.retain(|known| *known != channel);
        if session.channels.is_empty() {
            return self.close(user, secs, cause, true);
        }
        Some(index)
    }

    fn close(
        &mut self,
        user: &'a str,
        secs: f64,
        cause: LeaveCause,
        has_leave: bool,
    ) -> Option<usize> {
        let index = self.open.remove(user)?;
        let session = self.record.sessions.get_mut(index)?;
        session.end_secs = secs;
        session.cause = cause;
        session.has_leave = has_leave;
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::profile::fit::examples;

    /// Reads rows of ten days and shows each session as `label start-end cause`, `<` and `>` where nobody saw it.
    #[track_caller]
    fn check(rows: &[(f64, &str, &str, &str, &str)], want: &[&str]) {
        let mut rows = rows.to_vec();
        rows.push((864_000.0 - 1.0, "topic", "oak", "", ""));
        let events = examples::events(&rows);
        let window = Window::of(&examples::meta(), &events).unwrap();
        let moments: Vec<f64> = events
            .iter()
            .map(|event| examples::secs(&window, event))
            .collect();
        let record = read(&window, &events, &moments, &Outages::default());
        let found: Vec<String> = record
            .sessions
            .iter()
            .map(|session| {
                format!(
                    "{} {}{}-{}{} {}",
                    session.label,
                    if session.has_join { "" } else { "<" },
                    session.start_secs,
                    session.end_secs,
                    if session.has_leave { "" } else { ">" },
                    session.cause.as_str()
                )
            })
            .collect();
        assert_eq!(found, want);
    }

    #[test]
    fn joins_open_sessions_and_leaves_close_them() {
        check(
            &[
                (1.0, "join", "alder", "", ""),
                (2.0, "join", "birch", "", ""),
                (3.0, "quit", "alder", "", "ping_timeout"),
                (4.0, "kick", "oak", "birch", ""),
                (5.0, "join", "alder", "", ""),
                (6.0, "part", "alder", "", ""),
                (7.0, "join", "alder", "", ""),
            ],
            &[
                "alder 1-3 ping_timeout",
                "birch 2-4 kicked",
                "alder 5-6 part",
                "alder 7-864000> unknown",
            ],
        );
    }

    #[test]
    fn who_acts_without_a_join_was_there_from_the_start() {
        check(
            &[
                (1.0, "join", "alder", "", ""),
                (20.0, "message", "birch", "", ""),
                (30.0, "quit", "cedar", "", "quit"),
                (31.0, "quit", "cedar", "", "quit"),
                (40.0, "mode", "oak", "", ""),
            ],
            &[
                "alder 1-864000> unknown",
                "birch <0-864000> unknown",
                "cedar <0-30 quit",
            ],
        );
    }

    #[test]
    fn a_join_on_an_open_name_closes_the_old_session_silently() {
        check(
            &[
                (1.0, "join", "alder", "", ""),
                (9.0, "join", "alder", "", ""),
            ],
            &["alder 1-9> unknown", "alder 9-864000> unknown"],
        );
    }

    #[test]
    fn a_session_of_which_nothing_is_heard_after_an_outage_ends_with_it() {
        let mut rows = vec![
            (0.0, "join", "alder", "", ""),
            (1.0, "join", "birch", "", ""),
        ];
        let hours = (1..240).filter(|hour| !(100..120).contains(hour));
        rows.extend(hours.map(|hour| (f64::from(hour) * 3_600.0, "message", "birch", "", "")));
        rows.push((863_999.0, "message", "birch", "", ""));
        let events = examples::events(&rows);
        let window = Window::of(&examples::meta(), &events).unwrap();
        let moments: Vec<f64> = events
            .iter()
            .map(|event| examples::secs(&window, event))
            .collect();
        let outages = Outages::find(&window, &moments);
        let record = read(&window, &events, &moments, &outages);
        let ends: Vec<f64> = record
            .sessions
            .iter()
            .map(|session| session.end_secs)
            .collect();
        assert_eq!(ends, [99.0 * 3_600.0, 864_000.0]);
    }
}
