//! Cohorts: people who come and go as one, because they share a host, a bouncer or a way of life.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::traffic::profile::fit::incidents::Broken;
use crate::traffic::profile::fit::sessions::Record;
use crate::traffic::profile::fit::timelines::Lanes;
use crate::traffic::profile::fit::window::Window;

/// Events of the same kind this close count as together.
const TOGETHER_SECS: f64 = 30.0;

/// Two users belong together if they acted together so often, so many times more often than chance, and in this share of what
/// the quieter of them did.
const TOGETHER_MIN: f64 = 2.0;
const CHANCE_FACTOR: f64 = 3.0;
const SHARE_MIN: f64 = 0.05;

/// Largest share of all comings and goings in one cohort: a larger one would repeat the capture instead of resembling it.
const CHURN_SHARE_MAX: f64 = 0.35;

/// Users of one tick that are told apart pairwise: beyond that a crowd is an event, not a habit.
const CROWD_MAX: usize = 64;

/// Changes the groups of the lanes, which are persons, to cohorts.
pub(crate) fn unite(window: &Window, record: &Record<'_>, lanes: &mut Lanes, broken: &[Broken]) {
    let marked_quits: BTreeSet<usize> = broken.iter().map(|quit| quit.session).collect();
    let marked_joins: BTreeSet<usize> = broken.iter().filter_map(|quit| quit.back).collect();
    let mut joins: Vec<(f64, u32)> = Vec::new();
    let mut quits: Vec<(f64, u32)> = Vec::new();
    for (index, session) in record.sessions.iter().enumerate() {
        let Some(user) = lanes.user(index) else {
            continue;
        };
        if session.has_join && !marked_joins.contains(&index) && window.contains(session.start_secs)
        {
            joins.push((session.start_secs, user));
        }
        if session.has_leave && !marked_quits.contains(&index) && window.contains(session.end_secs)
        {
            quits.push((session.end_secs, user));
        }
    }
    let user_count = lanes.groups.len();
    let (join_counts, quit_counts) = (counts(&joins, user_count), counts(&quits, user_count));
    let mut together: BTreeMap<(u32, u32), f64> = BTreeMap::new();
    count_pairs(joins, &mut together);
    count_pairs(quits, &mut together);
    let secs = f64::from(window.cycle_secs());
    let of = |counts: &[f64], user: u32| counts.get(user as usize).copied().unwrap_or(0.0);
    let mut links: Vec<(f64, u32, u32)> = together
        .into_iter()
        .filter_map(|((one, other), seen)| {
            let (joins_one, joins_other) = (of(&join_counts, one), of(&join_counts, other));
            let (quits_one, quits_other) = (of(&quit_counts, one), of(&quit_counts, other));
            let chance =
                (joins_one * joins_other + quits_one * quits_other) * 2.0 * TOGETHER_SECS / secs;
            let (all_one, all_other) = (joins_one + quits_one, joins_other + quits_other);
            let is_link = seen >= TOGETHER_MIN
                && seen > CHANCE_FACTOR * chance
                && seen >= SHARE_MIN * all_one.min(all_other);
            is_link.then(|| (seen / libm::sqrt(all_one * all_other), one, other))
        })
        .collect();
    links.sort_by(|one, other| {
        other
            .0
            .total_cmp(&one.0)
            .then((one.1, one.2).cmp(&(other.1, other.2)))
    });
    let mut unions = Unions::new(&lanes.groups, &join_counts, &quit_counts);
    for (_, one, other) in links {
        unions.unite(one, other);
    }
    lanes.groups = unions.groups();
}

/// Returns how often each user did it.
fn counts(acts: &[(f64, u32)], user_count: usize) -> Vec<f64> {
    let mut counts = vec![0.0; user_count];
    for &(_, user) in acts {
        if let Some(count) = counts.get_mut(user as usize) {
            *count += 1.0;
        }
    }
    counts
}

/// Counts for each pair of users how often they did something together.
fn count_pairs(mut acts: Vec<(f64, u32)>, together: &mut BTreeMap<(u32, u32), f64>) {
    acts.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    let mut from = 0;
    for (at, &(secs, user)) in acts.iter().enumerate() {
        while acts
            .get(from)
            .is_some_and(|&(earlier, _)| secs - earlier > TOGETHER_SECS)
        {
            from += 1;
        }
        for &(_, other) in acts
            .iter()
            .take(at)
            .skip(from.max(at.saturating_sub(CROWD_MAX)))
        {
            if other != user {
                *together
                    .entry((user.min(other), user.max(other)))
                    .or_default() += 1.0;
            }
        }
    }
}

/// Users, united step by step.
struct Unions {
    parents: Vec<usize>,
    churn: Vec<f64>,
    churn_max: f64,
}

impl Unions {
    /// Returns the users of persons, each person united.
    fn new(groups: &[u32], joins: &[f64], quits: &[f64]) -> Self {
        let churn: Vec<f64> = joins
            .iter()
            .zip(quits)
            .map(|(joins, quits)| joins + quits)
            .collect();
        let mut unions = Self {
            parents: (0..groups.len()).collect(),
            churn_max: f64::INFINITY,
            churn,
        };
        let mut first: BTreeMap<u32, u32> = BTreeMap::new();
        for (user, &group) in (0..).zip(groups) {
            unions.unite(*first.entry(group).or_insert(user), user);
        }
        let total: f64 = joins.iter().chain(quits).sum();
        unions.churn_max = CHURN_SHARE_MAX * total;
        unions
    }

    fn root(&self, mut user: usize) -> usize {
        while let Some(&parent) = self.parents.get(user)
            && parent != user
        {
            user = parent;
        }
        user
    }

    /// Unites two users with all of theirs, unless they would be too many.
    fn unite(&mut self, one: u32, other: u32) {
        let (one, other) = (self.root(one as usize), self.root(other as usize));
        let (low, high) = (one.min(other), one.max(other));
        let sum = self.churn.get(low).copied().unwrap_or(0.0)
            + self.churn.get(high).copied().unwrap_or(0.0);
        if low == high || sum > self.churn_max {
            return;
        }
        if let (Some(parent), Some(churn)) = (self.parents.get_mut(high), self.churn.get_mut(low)) {
            *parent = low;
            *churn = sum;
        }
    }

    /// Returns the cohort of each user, numbered in the order of their first users.
    fn groups(&self) -> Vec<u32> {
        let mut numbers: BTreeMap<usize, u32> = BTreeMap::new();
        (0..self.parents.len())
            .map(|user| {
                let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                *numbers.entry(self.root(user)).or_insert(next)
            })
            .collect()
    }
}
