//! Timelines of users: the sessions of each person in lanes that do not overlap, with what they changed and said.

use std::collections::BTreeMap;

use crate::traffic::profile::HOUR_SECS;
use crate::traffic::profile::fit::DIGITS;
use crate::traffic::profile::fit::people::People;
use crate::traffic::profile::fit::sessions::Record;
use crate::traffic::profile::fit::sessions::Session;
use crate::traffic::profile::fit::window::Window;
use crate::traffic::profile::number;
use crate::traffic::profile::talk::TalkKind;
use crate::traffic::profile::timeline::ChangeKind;
use crate::traffic::profile::timeline::ChangeRow;
use crate::traffic::profile::timeline::SessionRow;
use crate::traffic::profile::timeline::UserTimeline;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventKind;

/// A MODE that follows the JOIN of its member by at most this belongs to the member: services greet so.
const GREETING_SECS_MAX: f64 = 5.0;

/// Which user each session belongs to.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    /// By session; `None` for one that lies outside the window.
    pub(crate) by_session: Vec<Option<u32>>,
    /// By user: the person.
    pub(crate) groups: Vec<u32>,
    /// By event: the user who talks.
    pub(crate) speakers: Vec<Option<u32>>,
}

/// Returns the lanes of a record: a person with several connections at a time has several.
pub(crate) fn lanes(window: &Window, record: &Record<'_>, people: &People<'_>) -> Lanes {
    let mut order: Vec<usize> = (0..record.sessions.len()).collect();
    let start = |index: &usize| {
        record
            .sessions
            .get(*index)
            .map_or(0.0, |session| session.start_secs)
    };
    order.sort_by(|one, other| start(one).total_cmp(&start(other)));
    let mut lanes = Lanes {
        by_session: vec![None; record.sessions.len()],
        ..Lanes::default()
    };
    // Of each person: number and users, each with the end of its last session.
    let mut persons: BTreeMap<usize, (u32, Vec<(u32, f64)>)> = BTreeMap::new();
    for index in order {
        let Some(session) = record
            .sessions
            .get(index)
            .filter(|session| is_within(window, session))
        else {
            continue;
        };
        let Some(person) = people.person(session.label) else {
            continue;
        };
        let next_group = u32::try_from(persons.len()).unwrap_or(u32::MAX);
        let (group, users) = persons.entry(person).or_insert((next_group, Vec::new()));
        let free = users
            .iter_mut()
            .find(|(_, end_secs)| *end_secs <= session.start_secs);
        let user = if let Some((user, end_secs)) = free {
            *end_secs = session.end_secs;
            *user
        } else {
            let user = u32::try_from(lanes.groups.len()).unwrap_or(u32::MAX);
            lanes.groups.push(*group);
            users.push((user, session.end_secs));
            user
        };
        if let Some(lane) = lanes.by_session.get_mut(index) {
            *lane = Some(user);
        }
    }
    lanes.speakers = record
        .by_event
        .iter()
        .map(|session| session.and_then(|index| lanes.user(index)))
        .collect();
    lanes
}

impl Lanes {
    /// Returns the user to whom a session belongs.
    fn user(&self, session: usize) -> Option<u32> {
        self.by_session.get(session).copied().flatten()
    }
}

/// Returns whether some of a session lies in the window.
fn is_within(window: &Window, session: &Session<'_>) -> bool {
    session.end_secs > 0.0 && session.start_secs < f64::from(window.secs)
}

/// Returns the users of the lanes, and after them those who act without ever being there.
pub(crate) fn users(
    window: &Window,
    events: &[Event],
    moments: &[f64],
    record: &Record<'_>,
    lanes: &Lanes,
) -> Vec<UserTimeline> {
    let mut users: Vec<UserTimeline> = lanes
        .groups
        .iter()
        .map(|&group| UserTimeline {
            group,
            ..UserTimeline::default()
        })
        .collect();
    for (session, lane) in record.sessions.iter().zip(&lanes.by_session) {
        if let Some(user) = lane.and_then(|lane| users.get_mut(lane as usize)) {
            user.sessions.push(row(window, session));
        }
    }
    add_changes(&mut users, window, events, moments, record, lanes);
    let mut counts = vec![[0_usize; 3]; users.len()];
    for ((event, speaker), &secs) in events.iter().zip(&lanes.speakers).zip(moments) {
        let kind = TalkKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == event.kind.as_str());
        if let (Some(kind), Some(user)) = (kind, *speaker)
            && window.contains(secs)
            && !event.channel.is_empty()
            && let Some(count) = counts
                .get_mut(user as usize)
                .and_then(|by_kind| by_kind.get_mut(kind.index()))
        {
            *count += 1;
        }
    }
    for (user, [messages, actions, notices]) in users.iter_mut().zip(counts) {
        user.sessions
            .sort_by(|one, other| one.start_secs.total_cmp(&other.start_secs));
        user.changes
            .sort_by(|one, other| one.at_secs.total_cmp(&other.at_secs));
        let count = messages + actions + notices;
        let hours = user.present_secs() / f64::from(HOUR_SECS);
        if count > 0 && hours > 0.0 {
            let share =
                |part: usize| number::rounded(number::real(part) / number::real(count), DIGITS);
            user.speak_weight = number::rounded(number::real(count) / hours, DIGITS);
            user.action_share = share(actions);
            user.notice_share = share(notices);
        }
    }
    users
}

/// Returns the row of a session, cut to the window.
fn row(window: &Window, session: &Session<'_>) -> SessionRow {
    let length = f64::from(window.secs);
    SessionRow {
        start_secs: number::to_millis(session.start_secs.max(0.0)),
        end_secs: number::to_millis(session.end_secs.min(length)),
        cause: session.cause,
        has_join: session.has_join && session.start_secs >= 0.0,
        has_leave: session.has_leave && session.end_secs < length,
    }
}

/// Adds what users changed. Whoever is in no session gets a timeline without any.
fn add_changes(
    users: &mut Vec<UserTimeline>,
    window: &Window,
    events: &[Event],
    moments: &[f64],
    record: &Record<'_>,
    lanes: &Lanes,
) {
    let mut group = lanes.groups.iter().max().map_or(0, |group| group + 1);
    let mut services: BTreeMap<&str, u32> = BTreeMap::new();
    let sessions = record.by_event.iter().zip(&record.peer_by_event);
    for ((event, &secs), (own, peer)) in events.iter().zip(moments).zip(sessions) {
        if !window.contains(secs) {
            continue;
        }
        let peer_user = peer.and_then(|index| lanes.user(index));
        let kind = match (event.kind, peer_user) {
            (EventKind::Nick, _) => ChangeKind::Nick,
            (EventKind::Mode, _) => ChangeKind::Mode,
            (EventKind::Topic, _) => ChangeKind::Topic,
            (EventKind::Kick, Some(victim)) => ChangeKind::Kick { victim },
            _ => continue,
        };
        let greeted = peer
            .and_then(|index| record.sessions.get(index))
            .filter(|session| session.has_join && secs - session.start_secs <= GREETING_SECS_MAX);
        let user = match peer_user {
            Some(user) if kind == ChangeKind::Mode && greeted.is_some() => Some(user),
            _ => own.and_then(|index| lanes.user(index)),
        };
        let user = user.unwrap_or_else(|| {
            *services.entry(&event.user).or_insert_with(|| {
                users.push(UserTimeline {
                    group,
                    ..UserTimeline::default()
                });
                group += 1;
                u32::try_from(users.len() - 1).unwrap_or(u32::MAX)
            })
        });
        if let Some(user) = users.get_mut(user as usize) {
            user.changes.push(ChangeRow {
                at_secs: number::to_millis(secs),
                kind,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::profile::fit::examples;
    use crate::traffic::profile::fit::outages::Outages;
    use crate::traffic::profile::fit::people;
    use crate::traffic::profile::fit::sessions;

    fn users_of(rows: &[(f64, &str, &str, &str, &str)]) -> Vec<UserTimeline> {
        let mut rows = rows.to_vec();
        rows.push((864_000.0 - 1.0, "other", "oak", "", "ping"));
        let events = examples::events(&rows);
        let window = Window::of(&examples::meta(), &events).unwrap();
        let moments: Vec<f64> = events
            .iter()
            .map(|event| examples::secs(&window, event))
            .collect();
        let record = sessions::read(&window, &events, &moments, &Outages::default());
        let lanes = lanes(&window, &record, &people::of(&events));
        users(&window, &events, &moments, &record, &lanes)
    }

    #[test]
    fn one_person_with_two_connections_has_two_lanes_of_one_group() {
        let users = users_of(&[
            (0.0, "join", "alder", "", ""),
            (10.0, "join", "birch", "", ""),
            (20.0, "quit", "alder", "", "ping_timeout"),
            (21.0, "nick", "birch", "alder", ""),
            (30.0, "quit", "birch", "", "quit"),
            (40.0, "join", "alder", "", ""),
        ]);
        assert_eq!(users.len(), 2);
        assert_eq!((users[0].group, users[1].group), (0, 0));
        assert_eq!(users[0].sessions.len(), 2);
        assert_eq!(users[1].sessions.len(), 1);
        assert_eq!(
            users[1].changes,
            [ChangeRow {
                at_secs: 21.0,
                kind: ChangeKind::Nick
            }]
        );
    }

    #[test]
    fn weights_count_talk_by_hour_present() {
        let users = users_of(&[
            (0.0, "join", "alder", "", ""),
            (10.0, "message", "alder", "", ""),
            (20.0, "message", "alder", "", ""),
            (30.0, "notice", "alder", "", ""),
            (40.0, "action", "alder", "", ""),
            (7_200.0, "quit", "alder", "", "quit"),
        ]);
        assert!((users[0].speak_weight - 2.0).abs() < 1e-9);
        assert!((users[0].action_share - 0.25).abs() < 1e-9);
        assert!((users[0].notice_share - 0.25).abs() < 1e-9);
    }

    #[test]
    fn a_greeting_belongs_to_the_greeted_and_other_modes_to_who_sets_them() {
        let users = users_of(&[
            (0.0, "join", "alder", "", ""),
            (3.0, "mode", "oak", "alder", "+o"),
            (60.0, "mode", "oak", "alder", "-o"),
            (70.0, "mode", "alder", "", "+m"),
            (80.0, "join", "birch", "", ""),
            (90.0, "kick", "alder", "birch", ""),
        ]);
        let modes = |user: &UserTimeline| {
            user.changes
                .iter()
                .filter(|change| change.kind == ChangeKind::Mode)
                .count()
        };
        assert_eq!(users.len(), 3);
        assert_eq!(
            (modes(&users[0]), modes(&users[1]), modes(&users[2])),
            (2, 0, 1)
        );
        assert_eq!(
            users[0].changes.last().map(|change| change.kind),
            Some(ChangeKind::Kick { victim: 1 })
        );
        assert!(users[2].sessions.is_empty());
    }
}
