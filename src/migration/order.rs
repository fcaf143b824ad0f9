//! Which account goes when.

use crate::plan::Plan;
use crate::plan::streams::Purpose;
use crate::plan::streams::StreamId;
use crate::scenario::migration::Migration;
use crate::scenario::migration::Order;
use crate::units::id::AccountId;
use crate::units::id::UserId;

/// The stream of what every migration of a run has in common.
const SHARED: u32 = u16::MAX as u32 + 1;

/// Returns all accounts in the order in which they go, and how many of them are canaries.
pub fn of(plan: &Plan, migration: &Migration) -> (Vec<AccountId>, usize) {
    let draw = |account: &AccountId| {
        let stream = StreamId::of_user(Purpose::Migration, SHARED, UserId(account.0));
        (plan.streams.draw(stream), *account)
    };
    let mut drawn: Vec<AccountId> = (0..plan.account_count()).map(AccountId).collect();
    drawn.sort_unstable_by_key(draw);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share (0..=1) of the users of a run"
    )]
    let canaries = libm::round(migration.canary * drawn.len() as f64) as usize;
    let rest = &mut drawn[canaries..];
    match migration.order {
        Order::Random => {}
        Order::Signup => rest.sort_unstable(),
        Order::Lightest => {
            rest.sort_unstable_by_key(|&account| (plan.account_channels(account), account));
        }
    }
    (drawn, canaries)
}
