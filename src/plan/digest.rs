//! The digest of a plan: what every shard of every machine must agree on, in one line.

use sha2::Digest;
use sha2::Sha256;

use crate::plan::action::Action;
use crate::plan::action::LeaveHow;
use crate::plan::action::Planned;
use crate::plan::action::Upheaval;
use crate::plan::planner::Planner;
use crate::scenario::phase::Cut;
use crate::scenario::phase::ReadBy;
use crate::units::hex;
use crate::units::id::PhaseId;

/// The SHA-256 of all actions of a run, in order.
#[derive(Clone, Debug, Default)]
pub struct PlanDigest(Sha256);

impl PlanDigest {
    /// Enters the next action.
    pub fn enter(&mut self, planned: &Planned) {
        self.0.update(planned.at.as_nanos().to_le_bytes());
        self.0.update(planned.stream.0.to_le_bytes());
        self.0.update(planned.sequence.to_le_bytes());
        let phase = |event: Option<PhaseId>| event.map_or(u32::MAX, |phase| u32::from(phase.0));
        let (tag, fields): (u8, [u32; 5]) = match planned.action {
            Action::Arrive { user, event } => (1, [user.0, phase(event), 0, 0, 0]),
            Action::Leave {
                user,
                how,
                event,
                is_synthetic,
            } => (
                2,
                [
                    user.0,
                    phase(event),
                    number(how),
                    u32::from(is_synthetic),
                    0,
                ],
            ),
            Action::Rename { user } => (3, [user.0, 0, 0, 0, 0]),
            Action::Mode { user, channel } => (4, [user.0, channel.0, 0, 0, 0]),
            Action::Topic { user, channel } => (5, [user.0, channel.0, 0, 0, 0]),
            Action::Kick {
                user,
                channel,
                victim,
            } => (6, [user.0, channel.0, victim.0, 0, 0]),
            Action::Say { key, message, kind } => {
                let to = message.to.map_or(u32::MAX, |to| to.0);
                let tag = 7 + u8::try_from(kind.index()).unwrap_or(0);
                (
                    tag,
                    [
                        message.sender.0,
                        key.channel.0,
                        key.index,
                        to,
                        u32::from(message.bytes),
                    ],
                )
            }
            Action::Unspoken { channel } => (10, [channel.0, 0, 0, 0, 0]),
            Action::Upheave { phase, upheaval } => {
                let tag = match upheaval {
                    Upheaval::Split => 11,
                    Upheaval::Heal => 12,
                    Upheaval::Stop => 16,
                    Upheaval::Start => 17,
                    Upheaval::Migrate => 18,
                    Upheaval::Redirect => 19,
                    Upheaval::RollBack => 20,
                    Upheaval::Cease => 21,
                };
                (tag, [u32::from(phase.0), 0, 0, 0, 0])
            }
            Action::Join {
                user,
                channel,
                is_synthetic,
            } => (13, [user.0, channel.0, u32::from(is_synthetic), 0, 0]),
            Action::Part {
                user,
                channel,
                is_synthetic,
            } => (14, [user.0, channel.0, u32::from(is_synthetic), 0, 0]),
            Action::Lose { user, cut, event } => {
                let how = number(LeaveHow::Cut(cut));
                (15, [user.0, u32::from(event.0), how, 0, 0])
            }
            Action::ReadBack { user, by } => {
                (22, [user.0, u32::from(by == ReadBy::Pages), 0, 0, 0])
            }
        };
        self.0.update([tag]);
        for field in fields {
            self.0.update(field.to_le_bytes());
        }
    }

    /// Returns the digest in hexadecimal.
    pub fn finish(self) -> String {
        hex::text(&self.0.finalize())
    }
}

/// Returns the number of a way of leaving; a digest is a promise, and so are its numbers.
fn number(how: LeaveHow) -> u32 {
    match how {
        LeaveHow::Quit => 0,
        LeaveHow::Cut(Cut::Fin) => 1,
        LeaveHow::Part => 2,
        LeaveHow::Cut(Cut::Rst) => 3,
        LeaveHow::Cut(Cut::Silent) => 4,
    }
}

/// Hands every action of a run to `each`, in order, whatever the number of planners that share the users.
///
/// # Panics
///
/// Panics if there is no planner.
pub fn for_each(planners: &mut [Planner], mut each: impl FnMut(&Planned)) {
    assert!(
        !planners.is_empty(),
        "a plan is made by at least one planner"
    );
    let (mut slab, mut all) = (Vec::new(), Vec::new());
    while !planners[0].is_done() {
        all.clear();
        for planner in planners.iter_mut() {
            slab.clear();
            planner.next_slab(&mut slab);
            let sharding = planner.sharding();
            // Others' messages are known to a shard, but told by their sender's alone; what nobody acts is told by the first.
            all.extend(slab.iter().copied().filter(|planned| match planned.action {
                Action::Upheave { .. } => sharding.shard().0 == 0,
                action => action.user().is_none_or(|user| sharding.drives(user)),
            }));
        }
        all.sort_unstable_by_key(Planned::order);
        all.iter().for_each(&mut each);
    }
}
