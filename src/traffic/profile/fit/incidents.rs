//! Mass events of a trace: runs of connections that broke within seconds of each other.

use std::collections::BTreeSet;

use crate::traffic::profile::fit::sessions::Record;
use crate::traffic::profile::fit::timelines::Lanes;
use crate::traffic::profile::fit::window::Window;
use crate::traffic::profile::incident::Incident;
use crate::traffic::profile::incident::Victim;
use crate::traffic::profile::number;
use crate::traffic::trace::cause::LeaveCause;

/// A run of so many broken connections, no further apart than this, is a mass event.
const RUN_MIN: usize = 4;
const RUN_GAP_SECS: f64 = 2.5;

/// So many users whose connections break within this time are a mass event too.
const CROWD_MIN: usize = 5;
const CROWD_SECS: f64 = 120.0;

/// Whatever breaks this close to a cluster belongs to it: so many in so short a time.
const CLUSTER_MIN: usize = 4;
const CLUSTER_SECS: f64 = 60.0;
const NEAR_CLUSTER_SECS: f64 = 300.0;

/// A silence of this length between two breaks parts two events.
const APART_SECS: f64 = 5.0;

/// Who is back within this time came back from the event.
const BACK_SECS_MAX: f64 = 24.0 * 3_600.0;

/// A connection that a mass event broke; times are seconds from the window's start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Broken {
    pub(crate) session: usize,
    pub(crate) user: u32,
    pub(crate) quit_secs: f64,
    /// The session with which the user came back, and when.
    pub(crate) back: Option<usize>,
    pub(crate) back_secs: Option<f64>,
    cause: LeaveCause,
}

/// Returns the connections that mass events broke, in order of time.
pub(crate) fn broken(record: &Record<'_>, lanes: &Lanes) -> Vec<Broken> {
    let mut quits: Vec<Broken> = record
        .sessions
        .iter()
        .enumerate()
        .filter(|(_, session)| session.has_leave && session.cause.is_involuntary())
        .filter_map(|(index, session)| {
            Some(Broken {
                session: index,
                user: lanes.user(index)?,
                quit_secs: session.end_secs,
                back: None,
                back_secs: None,
                cause: session.cause,
            })
        })
        .collect();
    quits.sort_by(|one, other| one.quit_secs.total_cmp(&other.quit_secs));
    let marks = marks(&quits);
    let mut broken: Vec<Broken> = quits
        .into_iter()
        .zip(marks)
        .filter_map(|(quit, is_marked)| is_marked.then_some(quit))
        .collect();
    add_returns(&mut broken, record, lanes);
    broken
}

/// Returns which of the quits, sorted by time, belong to a mass event.
fn marks(quits: &[Broken]) -> Vec<bool> {
    let secs: Vec<f64> = quits.iter().map(|quit| quit.quit_secs).collect();
    let mut marks: Vec<bool> = quits
        .iter()
        .map(|quit| quit.cause == LeaveCause::Split)
        .collect();
    let mut mark = |from: usize, to: usize| {
        for is_marked in marks.iter_mut().take(to).skip(from) {
            *is_marked = true;
        }
    };
    let mut from = 0;
    for run in secs.chunk_by(|one, other| other - one <= RUN_GAP_SECS) {
        if run.len() >= RUN_MIN {
            mark(from, from + run.len());
        }
        from += run.len();
    }
    let until = |from: usize, within: f64| {
        let start = secs.get(from).copied().unwrap_or(f64::INFINITY);
        secs.partition_point(|&at| at <= start + within)
    };
    for from in 0..secs.len() {
        let to = until(from, CROWD_SECS);
        if to - from >= CROWD_MIN {
            let users: BTreeSet<u32> = quits
                .iter()
                .take(to)
                .skip(from)
                .map(|quit| quit.user)
                .collect();
            if users.len() >= CROWD_MIN {
                mark(from, to);
            }
        }
        let to = until(from, CLUSTER_SECS);
        if to - from >= CLUSTER_MIN
            && let (Some(&first), Some(&last)) = (secs.get(from), secs.get(to - 1))
        {
            let near_from = secs.partition_point(|&at| at < first - NEAR_CLUSTER_SECS);
            let near_to = secs.partition_point(|&at| at <= last + NEAR_CLUSTER_SECS);
            mark(near_from, near_to);
        }
    }
    marks
}

/// Finds out when those who were hit came back.
fn add_returns(broken: &mut [Broken], record: &Record<'_>, lanes: &Lanes) {
    let mut starts: Vec<(u32, f64, usize)> = record
        .sessions
        .iter()
        .enumerate()
        .filter(|(_, session)| session.has_join)
        .filter_map(|(index, session)| Some((lanes.user(index)?, session.start_secs, index)))
        .collect();
    starts.sort_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)));
    for quit in broken {
        let at = starts.partition_point(|&(user, secs, _)| {
            user < quit.user || (user == quit.user && secs < quit.quit_secs)
        });
        if let Some(&(user, secs, session)) = starts.get(at)
            && user == quit.user
            && secs - quit.quit_secs <= BACK_SECS_MAX
        {
            quit.back = Some(session);
            quit.back_secs = Some(secs);
        }
    }
}

/// Returns the mass events that count, with the times of the cycle.
pub(crate) fn incidents(window: &Window, broken: &[Broken]) -> Vec<Incident> {
    let is_one = |one: &Broken, other: &Broken| other.quit_secs - one.quit_secs <= APART_SECS;
    broken
        .chunk_by(is_one)
        .filter_map(|group| {
            let began = group.first()?.quit_secs;
            window.contains(began).then(|| Incident {
                at_secs: number::to_millis(window.cycle_secs_at(began)),
                victims: group
                    .iter()
                    .map(|quit| Victim {
                        user: quit.user,
                        quit_secs: number::to_millis(quit.quit_secs - began),
                        back_secs: quit.back_secs.map(|back| number::to_millis(back - began)),
                        cause: quit.cause,
                    })
                    .collect(),
            })
        })
        .collect()
}
