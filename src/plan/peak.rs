//! The most that a plan asks for: of users online, of connects in a second, of channels and lines of one user.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::plan::Plan;
use crate::plan::action::Action;
use crate::plan::planner::Planner;
use crate::units::id::ShardId;
use crate::units::id::Sharding;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// How much of a plan is looked at for what a user sends: its storms are over by then, and a plan may be weeks long.
const PLAN_LOOKED_AT: Duration = Duration::from_hours(1);
/// Over how long a user's lines are counted.
const WINDOW: Duration = Duration::from_secs(10);

/// Returns how many users arrive in the second in which most do.
pub fn arrivals_per_s(plan: &Plan) -> u64 {
    let mut seconds: BTreeMap<i64, u64> = BTreeMap::new();
    let stays = users(plan).flat_map(|user| plan.timeline.stays(user));
    for stay in stays.filter(|stay| stay.from >= Offset::ZERO) {
        let second = stay.from.as_micros() / 1_000_000;
        *seconds.entry(second).or_insert(0) += 1;
    }
    seconds.into_values().max().unwrap_or(0)
}

/// Returns how many users are online when most are.
pub fn online(plan: &Plan) -> u64 {
    let mut edges: BTreeMap<Offset, i64> = BTreeMap::new();
    for stay in users(plan).flat_map(|user| plan.timeline.stays(user)) {
        *edges.entry(stay.from).or_insert(0) += 1;
        *edges.entry(stay.to).or_insert(0) -= 1;
    }
    let mut online = 0;
    let counts = edges.into_values().map(|change| {
        online += change;
        online
    });
    u64::try_from(counts.max().unwrap_or(0)).unwrap_or(0)
}

/// Returns how many channels the user is in who is in most.
pub fn channels(plan: &Plan) -> u64 {
    let counts = users(plan).map(|user| plan.population.channels(user).len() as u64);
    counts.max().unwrap_or(0)
}

fn users(plan: &Plan) -> impl Iterator<Item = UserId> {
    (0..plan.population.user_count()).map(UserId)
}

/// Returns the most lines that one user means to send within ten seconds of the plan's first hour.
pub fn lines_in_10s(plan: &Arc<Plan>) -> u64 {
    let Some(sharding) = Sharding::new(ShardId(0), 1) else {
        return 0;
    };
    let mut planner = Planner::new(Arc::clone(plan), sharding);
    let mut recent: BTreeMap<UserId, VecDeque<Offset>> = BTreeMap::new();
    let (mut slab, mut most, mut at) = (Vec::new(), 0, Offset::ZERO);
    while !planner.is_done() && at < Offset::ZERO + PLAN_LOOKED_AT {
        slab.clear();
        planner.next_slab(&mut slab);
        slab.sort_by_key(|planned| planned.at);
        for planned in &slab {
            at = at.max(planned.at);
            let is_line = !matches!(
                planned.action,
                Action::Arrive { .. } | Action::Leave { .. } | Action::Lose { .. }
            );
            let Some(user) = planned.action.user().filter(|_| is_line) else {
                continue;
            };
            let lines = recent.entry(user).or_default();
            while lines
                .front()
                .is_some_and(|&line| line + WINDOW <= planned.at)
            {
                lines.pop_front();
            }
            lines.push_back(planned.at);
            most = most.max(lines.len() as u64);
        }
    }
    most
}
