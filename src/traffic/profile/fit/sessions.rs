//! Sessions of connections and their stays in channels, as JOIN, PART, QUIT and KICK tell them.

use std::collections::HashMap;

use crate::traffic::profile::fit::outages::Outages;
use crate::traffic::profile::fit::window::Window;
use crate::traffic::trace::cause::LeaveCause;
use crate::traffic::trace::event::DETAIL_GONE;
use crate::traffic::trace::event::DETAIL_NAMES;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventKind;

/// One time of one connection on the network. Times are seconds from the window's start, and may lie outside it.
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
    /// The channels in which it is, each with the place of its stay among all.
    inside: Vec<(u32, usize)>,
    /// The channels in which it has been.
    visited: Vec<u32>,
}

/// One stay of one session in one channel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stay {
    pub(crate) session: usize,
    pub(crate) channel: u32,
    pub(crate) start_secs: f64,
    pub(crate) end_secs: f64,
    pub(crate) cause: LeaveCause,
    pub(crate) has_join: bool,
    pub(crate) has_leave: bool,
}

/// The sessions of a trace.
#[derive(Debug, Default)]
pub(crate) struct Record<'a> {
    /// Every session, in the order in which it was opened.
    pub(crate) sessions: Vec<Session<'a>>,
    /// Every stay, in the order in which it began.
    pub(crate) stays: Vec<Stay>,
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
    channels: &Channels<'a>,
) -> Record<'a> {
    let mut reader = Reader {
        record: Record::default(),
        channels,
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
    let mut open: Vec<&str> = reader.open.keys().copied().collect();
    open.sort_unstable();
    for label in open {
        reader.close(label, f64::from(window.secs), LeaveCause::Unknown, false);
    }
    let mut record = reader.record;
    for session in &mut record.sessions {
        // Nothing was heard of it after an outage, and nobody saw it leave: it left unseen.
        if !session.has_leave
            && let Some(away) = outages.next_start(session.seen_secs)
        {
            session.end_secs = session.end_secs.min(away);
        }
    }
    for stay in &mut record.stays {
        let session = record.sessions.get(stay.session);
        if let Some(session) = session.filter(|session| session.end_secs < stay.end_secs) {
            stay.end_secs = session.end_secs.max(stay.start_secs);
        }
    }
    record
}

/// The channels of a trace by number: those with most talk first.
#[derive(Debug, Default)]
pub(crate) struct Channels<'a> {
    numbers: HashMap<&'a str, u32>,
}

impl<'a> Channels<'a> {
    /// Returns the channels of a trace.
    pub(crate) fn of(events: &'a [Event]) -> Self {
        let mut counts: HashMap<&'a str, (u64, u64)> = HashMap::new();
        for event in events.iter().filter(|event| !event.channel.is_empty()) {
            let (talk, all) = counts.entry(&event.channel).or_default();
            *talk += u64::from(event.kind.is_talk());
            *all += 1;
        }
        let mut order: Vec<(&str, (u64, u64))> = counts.into_iter().collect();
        order.sort_unstable_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
        Self {
            numbers: (0..)
                .zip(order)
                .map(|(number, (name, _))| (name, number))
                .collect(),
        }
    }

    /// Returns how many there are; events outside any channel count for one if there is none.
    pub(crate) fn count(&self) -> usize {
        self.numbers.len().max(1)
    }

    /// Returns the number of a channel; none of the empty name.
    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }
}

struct Reader<'a, 'c> {
    record: Record<'a>,
    channels: &'c Channels<'a>,
    open: HashMap<&'a str, usize>,
    /// The last session of each connection that had one.
    known: HashMap<&'a str, usize>,
    first_secs: f64,
}

impl<'a> Reader<'a, '_> {
    /// Returns the session to which an event of its user belongs, after the event.
    fn handle(&mut self, event: &'a Event, secs: f64) -> Option<usize> {
        let user: &'a str = &event.user;
        let channel = self.channels.number(&event.channel);
        match event.kind {
            EventKind::Join => {
                let channel = channel?;
                if let Some(&index) = self.open.get(user) {
                    if !self.is_inside(index, channel) {
                        self.enter(index, channel, secs, true);
                        return Some(index);
                    }
                    self.close(user, secs, LeaveCause::Unknown, false);
                }
                Some(self.start(user, Some(channel), secs, true))
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
            EventKind::Other if &*event.detail == DETAIL_GONE => self.vanish(user, channel?, secs),
            // Services and servers do these without being there.
            EventKind::Mode | EventKind::Topic | EventKind::Other => self.open.get(user).copied(),
        }
    }

    /// Returns the session of somebody who acts: if nobody saw them come, they were there.
    fn appear(&mut self, user: &'a str, channel: Option<u32>, secs: f64) -> usize {
        if let Some(&index) = self.open.get(user) {
            if let Some(channel) = channel.filter(|&channel| !self.is_inside(index, channel)) {
                // Somebody whose coming to this channel nobody saw has been in it as long as on the network.
                let unvisited = |session: &&Session<'_>| !session.visited.contains(&channel);
                let session = self.record.sessions.get(index).filter(unvisited);
                let start_secs = session.map_or(secs, |session| session.start_secs);
                self.enter(index, channel, start_secs, false);
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

    fn is_inside(&self, session: usize, channel: u32) -> bool {
        let session = self.record.sessions.get(session);
        session.is_some_and(|session| session.inside.iter().any(|&(inside, _)| inside == channel))
    }

    fn start(&mut self, user: &'a str, channel: Option<u32>, secs: f64, has_join: bool) -> usize {
        let index = self.record.sessions.len();
        self.record.sessions.push(Session {
            label: user,
            start_secs: secs,
            end_secs: secs,
            cause: LeaveCause::Unknown,
            has_join,
            has_leave: false,
            seen_secs: secs,
            inside: Vec::new(),
            visited: Vec::new(),
        });
        self.open.insert(user, index);
        self.known.insert(user, index);
        if let Some(channel) = channel {
            self.enter(index, channel, secs, has_join);
        }
        index
    }

    fn enter(&mut self, index: usize, channel: u32, secs: f64, has_join: bool) {
        if let Some(session) = self.record.sessions.get_mut(index) {
            session.inside.push((channel, self.record.stays.len()));
            session.visited.push(channel);
            self.record.stays.push(Stay {
                session: index,
                channel,
                start_secs: secs,
                end_secs: secs,
                cause: LeaveCause::Unknown,
                has_join,
                has_leave: false,
            });
        }
    }

    /// Ends the session of somebody who leaves the network; one who never showed up had been there all along.
    fn leave(&mut self, user: &'a str, secs: f64, cause: LeaveCause) -> Option<usize> {
        if !self.open.contains_key(user) {
            // Logs of several channels tell one QUIT several times.
            if self.known.contains_key(user) {
                return None;
            }
            // In which channel nobody knows: the loudest is the likeliest.
            self.start(user, Some(0), self.first_secs, false);
        }
        self.close(user, secs, cause, true)
    }

    /// Ends the stay of somebody who leaves a channel, and the session with its last one.
    fn part(
        &mut self,
        user: &'a str,
        channel: Option<u32>,
        secs: f64,
        cause: LeaveCause,
    ) -> Option<usize> {
        let Some(&index) = self.open.get(user) else {
            return self.leave(user, secs, cause);
        };
        let session = self.record.sessions.get_mut(index)?;
        let at = session
            .inside
            .iter()
            .position(|&(inside, _)| Some(inside) == channel);
        if let Some(at) = at {
            let (_, stay) = session.inside.swap_remove(at);
            end(self.record.stays.get_mut(stay), secs, cause, true);
        }
        if session.inside.is_empty() {
            return self.close(user, secs, cause, true);
        }
        Some(index)
    }

    /// Ends the stay of somebody who is there no more, and the session with its last one; nobody saw it.
    fn vanish(&mut self, user: &'a str, channel: u32, secs: f64) -> Option<usize> {
        let &index = self.open.get(user)?;
        let session = self.record.sessions.get_mut(index)?;
        let at = session
            .inside
            .iter()
            .position(|&(inside, _)| inside == channel)?;
        let (_, stay) = session.inside.swap_remove(at);
        end(
            self.record.stays.get_mut(stay),
            secs,
            LeaveCause::Unknown,
            false,
        );
        if session.inside.is_empty() {
            return self.close(user, secs, LeaveCause::Unknown, false);
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
        for (_, stay) in session.inside.drain(..) {
            end(self.record.stays.get_mut(stay), secs, cause, has_leave);
        }
        Some(index)
    }
}

fn end(stay: Option<&mut Stay>, secs: f64, cause: LeaveCause, has_leave: bool) {
    if let Some(stay) = stay {
        stay.end_secs = secs;
        stay.cause = cause;
        stay.has_leave = has_leave;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::profile::fit::Weeks;
    use crate::traffic::profile::fit::examples;

    /// Reads rows of ten days and shows each session as `label start-end cause`, `<` and `>` where nobody saw it.
    #[track_caller]
    fn check(rows: &[(f64, &str, &str, &str, &str)], want: &[&str]) {
        let mut rows = rows.to_vec();
        rows.push((864_000.0 - 1.0, "topic", "oak", "", ""));
        let events = examples::events(&rows);
        let window = Window::of(&examples::meta(), &events, Weeks::All).unwrap();
        let moments: Vec<f64> = events
            .iter()
            .map(|event| examples::secs(&window, event))
            .collect();
        let record = read(
            &window,
            &events,
            &moments,
            &Outages::default(),
            &Channels::of(&events),
        );
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
        let window = Window::of(&examples::meta(), &events, Weeks::All).unwrap();
        let moments: Vec<f64> = events
            .iter()
            .map(|event| examples::secs(&window, event))
            .collect();
        let outages = Outages::find(&window, &moments);
        let record = read(&window, &events, &moments, &outages, &Channels::of(&events));
        let ends: Vec<f64> = record
            .sessions
            .iter()
            .map(|session| session.end_secs)
            .collect();
        assert_eq!(ends, [99.0 * 3_600.0, 864_000.0]);
    }
}
