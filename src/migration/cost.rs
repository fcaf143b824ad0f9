//! What moving an account costs where the servers are simulated ones.

use std::time::Duration;

use rand_distr::Distribution;
use rand_distr::LogNormal;

use crate::plan::Plan;
use crate::plan::streams::Purpose;
use crate::plan::streams::StreamId;
use crate::scenario::migration::MoveCost;
use crate::units::id::AccountId;
use crate::units::id::PhaseId;
use crate::units::id::UserId;

/// What the servers have to do beside moving accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Users logged in at the new server.
    pub users: u64,
    /// Users turned away in the last second: those that knock where their account is not.
    pub knocks: u64,
}

/// Returns how long it takes `phase` to move `account`, begun under `load`.
#[expect(
    clippy::cast_precision_loss,
    reason = "users and channels of a run; 2^53 outlast it"
)]
pub fn of_move(
    plan: &Plan,
    phase: PhaseId,
    cost: &MoveCost,
    account: AccountId,
    load: Load,
) -> Duration {
    let channels = plan.account_channels(account);
    let work = cost.base.as_secs_f64()
        + cost.per_user.as_secs_f64() * load.users as f64
        + cost.per_knock.as_secs_f64() * load.knocks as f64
        + cost.per_channel.as_secs_f64() * channels as f64;
    let event = u32::from(phase.0);
    let stream = StreamId::of_user(Purpose::Migration, event, UserId(account.0));
    // The mean is the work itself, however much moves scatter.
    let scatter = LogNormal::new(-cost.spread * cost.spread / 2.0, cost.spread);
    let scatter = scatter.map_or(1.0, |scatter| scatter.sample(&mut plan.streams.rng(stream)));
    Duration::from_secs_f64(work * scatter)
}
