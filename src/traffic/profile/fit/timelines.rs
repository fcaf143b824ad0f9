//! Timelines of users: the stays of each person in lanes that do not overlap, and what they changed.

use std::collections::BTreeMap;

use crate::traffic::profile::fit::incidents::Broken;
use crate::traffic::profile::fit::people::People;
use crate::traffic::profile::fit::sessions::Channels;
use crate::traffic::profile::fit::sessions::Record;
use crate::traffic::profile::fit::sessions::Session;
use crate::traffic::profile::fit::sessions::Stay;
use crate::traffic::profile::fit::window::Window;
use crate::traffic::profile::number;
use crate::traffic::profile::timeline;
use crate::traffic::profile::timeline::ChangeKind;
use crate::traffic::profile::timeline::ChangeRow;
use crate::traffic::profile::timeline::StayRow;
use crate::traffic::profile::timeline::UserTimeline;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventKind;

/// Two edges this close are the same moment, in seconds: a stay and its session end together.
const SAME_SECS: f64 = 1e-3;

/// Seconds after a return within which a client is back in all its channels.
const REJOIN_SECS: f64 = 120.0;

/// A MODE that follows the JOIN of its member by at most this belongs to the member: services greet so.
const GREETING_SECS_MAX: f64 = 5.0;

/// What was seen: the events of a trace, when each was, and the sessions that they tell.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) window: &'a Window,
    pub(crate) events: &'a [Event],
    pub(crate) moments: &'a [f64],
    pub(crate) channels: &'a Channels<'a>,
    pub(crate) record: &'a Record<'a>,
}

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
    pub(crate) fn user(&self, session: usize) -> Option<u32> {
        self.by_session.get(session).copied().flatten()
    }
}

/// Returns whether some of a session lies in the window.
fn is_within(window: &Window, session: &Session<'_>) -> bool {
    let counts = window.pieces(session.start_secs, session.end_secs).next();
    counts.is_some() || window.contains(session.start_secs)
}

/// Returns the users of the lanes, and after them those who act without ever being there.
pub(crate) fn users(seen: &Seen<'_>, lanes: &Lanes, broken: &[Broken]) -> Vec<UserTimeline> {
    let mut users: Vec<UserTimeline> = lanes
        .groups
        .iter()
        .map(|&cohort| UserTimeline {
            cohort,
            ..UserTimeline::default()
        })
        .collect();
    let mut stays: Vec<Vec<Stay>> = vec![Vec::new(); users.len()];
    for stay in &seen.record.stays {
        let own = lanes
            .user(stay.session)
            .and_then(|user| stays.get_mut(user as usize));
        if let Some(own) = own {
            own.push(stay.clone());
        }
    }
    let mut breaks: Vec<Vec<(f64, f64)>> = vec![Vec::new(); users.len()];
    for broken in broken {
        if let (Some(own), Some(back_secs)) =
            (breaks.get_mut(broken.user as usize), broken.back_secs)
        {
            own.push((broken.quit_secs, back_secs));
        }
    }
    let seams = seen.window.seams();
    for ((user, mut stays), breaks) in users.iter_mut().zip(stays).zip(breaks) {
        let order = |stay: &Stay| (stay.channel, stay.start_secs);
        stays.sort_by(|one, other| {
            let (one, other) = (order(one), order(other));
            one.0.cmp(&other.0).then(one.1.total_cmp(&other.1))
        });
        let rows = glued(stays, &breaks);
        let rows = rows.iter().flat_map(|stay| rows_of(seen.window, stay));
        let mut rows = closed_at(&seams, rows.collect());
        timeline::sort(&mut rows);
        user.stays = rows;
    }
    add_changes(&mut users, seen, lanes);
    for user in &mut users {
        user.changes
            .sort_by(|one, other| one.at_secs.total_cmp(&other.at_secs));
    }
    users
}

/// Returns stays, by channel and time, without the breaks that incidents made.
fn glued(stays: Vec<Stay>, breaks: &[(f64, f64)]) -> Vec<Stay> {
    let mut whole: Vec<Stay> = Vec::with_capacity(stays.len());
    for stay in stays {
        let last = whole.last_mut().filter(|last| last.channel == stay.channel);
        let is_break = |last: &Stay| {
            breaks.iter().any(|&(quit_secs, back_secs)| {
                (last.end_secs - quit_secs).abs() <= SAME_SECS
                    && (0.0..=REJOIN_SECS).contains(&(stay.start_secs - back_secs))
            })
        };
        match last {
            Some(last) if is_break(last) => {
                last.end_secs = stay.end_secs;
                last.cause = stay.cause;
                last.has_leave = stay.has_leave;
            }
            _ => whole.push(stay),
        }
    }
    whole
}

/// Returns the rows of a stay: what of it counts, put where it lies in the cycle.
fn rows_of(window: &Window, stay: &Stay) -> impl Iterator<Item = StayRow> {
    let begins = window
        .contains(stay.start_secs)
        .then(|| window.cycle_secs_at(stay.start_secs));
    let ends = window
        .contains(stay.end_secs)
        .then(|| window.cycle_secs_at(stay.end_secs));
    let (channel, cause) = (stay.channel, stay.cause);
    let (has_join, has_leave) = (stay.has_join, stay.has_leave);
    window
        .pieces(stay.start_secs, stay.end_secs)
        .map(move |(start_secs, end_secs)| {
            let is = |edge: Option<f64>, secs: f64| {
                edge.is_some_and(|edge| (edge - secs).abs() <= SAME_SECS)
            };
            StayRow {
                channel,
                start_secs: number::to_millis(start_secs),
                end_secs: number::to_millis(end_secs),
                cause,
                has_join: has_join && is(begins, start_secs),
                has_leave: has_leave && is(ends, end_secs),
            }
        })
}

/// Returns rows, by channel and time, of which those that meet at a seam are one.
///
/// Those who are on one side of it only come or go there unseen: nobody did at that moment.
fn closed_at(seams: &[f64], rows: Vec<StayRow>) -> Vec<StayRow> {
    let is_seam = |secs: f64| seams.iter().any(|seam| (secs - seam).abs() <= SAME_SECS);
    let mut closed: Vec<StayRow> = Vec::with_capacity(rows.len());
    for row in rows {
        match closed.last_mut() {
            Some(last)
                if last.channel == row.channel
                    && (last.end_secs - row.start_secs).abs() <= SAME_SECS
                    && is_seam(row.start_secs) =>
            {
                last.end_secs = row.end_secs;
                last.cause = row.cause;
                last.has_leave = row.has_leave;
            }
            _ => closed.push(row),
        }
    }
    closed
}

/// Adds what users changed. Whoever is in no session gets a timeline without any.
fn add_changes(users: &mut Vec<UserTimeline>, seen: &Seen<'_>, lanes: &Lanes) {
    let mut cohort = lanes.groups.iter().max().map_or(0, |group| group + 1);
    let mut services: BTreeMap<&str, u32> = BTreeMap::new();
    let record = seen.record;
    let sessions = record.by_event.iter().zip(&record.peer_by_event);
    for ((event, &secs), (own, peer)) in seen.events.iter().zip(seen.moments).zip(sessions) {
        if !seen.window.contains(secs) {
            continue;
        }
        let channel = seen.channels.number(&event.channel).unwrap_or(0);
        let peer_user = peer.and_then(|index| lanes.user(index));
        let kind = match (event.kind, peer_user) {
            (EventKind::Nick, _) => ChangeKind::Nick,
            (EventKind::Mode, _) => ChangeKind::Mode { channel },
            (EventKind::Topic, _) => ChangeKind::Topic { channel },
            (EventKind::Kick, Some(victim)) => ChangeKind::Kick { channel, victim },
            _ => continue,
        };
        let greeted = peer
            .and_then(|index| record.sessions.get(index))
            .filter(|session| session.has_join && secs - session.start_secs <= GREETING_SECS_MAX);
        let user = match peer_user {
            Some(user) if event.kind == EventKind::Mode && greeted.is_some() => Some(user),
            _ => own.and_then(|index| lanes.user(index)),
        };
        let user = user.unwrap_or_else(|| {
            *services.entry(&event.user).or_insert_with(|| {
                users.push(UserTimeline {
                    cohort,
                    ..UserTimeline::default()
                });
                cohort += 1;
                u32::try_from(users.len() - 1).unwrap_or(u32::MAX)
            })
        });
        if let Some(user) = users.get_mut(user as usize) {
            user.changes.push(ChangeRow {
                at_secs: number::to_millis(seen.window.cycle_secs_at(secs)),
                kind,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::profile::fit::examples;
    use crate::traffic::profile::fit::people;
    use crate::traffic::trace::cause::LeaveCause;

    fn users_of(rows: &[(f64, &str, &str, &str, &str)]) -> Vec<UserTimeline> {
        let mut rows = rows.to_vec();
        rows.push((864_000.0 - 1.0, "other", "oak", "", "ping"));
        let events = examples::events(&rows);
        let view = examples::View::of(&events);
        let seen = view.seen();
        let lanes = lanes(seen.window, seen.record, &people::of(&events));
        users(&seen, &lanes, &[])
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
        assert_eq!((users[0].cohort, users[1].cohort), (0, 0));
        assert_eq!(users[0].stays.len(), 2);
        assert_eq!(users[1].stays.len(), 1);
        assert_eq!(
            users[1].changes,
            [ChangeRow {
                at_secs: 21.0,
                kind: ChangeKind::Nick
            }]
        );
    }

    #[test]
    fn what_a_mass_event_broke_is_whole_in_the_table() {
        let stay = |start_secs: f64, end_secs: f64| Stay {
            session: 0,
            channel: 0,
            start_secs,
            end_secs,
            cause: LeaveCause::Split,
            has_join: true,
            has_leave: true,
        };
        let stays = vec![stay(10.0, 100.0), stay(160.0, 200.0), stay(210.0, 300.0)];
        let whole = glued(stays, &[(100.0, 158.0)]);
        let spans: Vec<(f64, f64)> = whole
            .iter()
            .map(|stay| (stay.start_secs, stay.end_secs))
            .collect();
        assert_eq!(spans, [(10.0, 200.0), (210.0, 300.0)]);
    }

    #[test]
    fn stays_that_meet_at_a_seam_are_one() {
        let row = |channel: u32, start_secs: f64, end_secs: f64| StayRow {
            channel,
            start_secs,
            end_secs,
            cause: LeaveCause::Quit,
            has_join: false,
            has_leave: false,
        };
        let rows = vec![
            row(0, 10.0, 604_800.0),
            row(0, 604_800.0, 700_000.0),
            row(0, 700_000.0, 800_000.0),
            row(1, 100_000.0, 604_800.0),
        ];
        let closed = closed_at(&[604_800.0], rows);
        let spans: Vec<(f64, f64)> = closed
            .iter()
            .map(|row| (row.start_secs, row.end_secs))
            .collect();
        assert_eq!(
            spans,
            [
                (10.0, 700_000.0),
                (700_000.0, 800_000.0),
                (100_000.0, 604_800.0)
            ]
        );
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
                .filter(|change| matches!(change.kind, ChangeKind::Mode { .. }))
                .count()
        };
        assert_eq!(users.len(), 3);
        assert_eq!(
            (modes(&users[0]), modes(&users[1]), modes(&users[2])),
            (2, 0, 1)
        );
        assert_eq!(
            users[0].changes.last().map(|change| change.kind),
            Some(ChangeKind::Kick {
                channel: 0,
                victim: 1
            })
        );
        assert!(users[2].stays.is_empty());
    }
}
