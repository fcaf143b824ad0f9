//! What phases do to the virtual network: links broken and healed, the whole of it down and up.

use crate::irc::network::served::Served;
use crate::measure::ledger::partition::Split;
use crate::plan::action::Upheaval;
use crate::sim::world::World;
use crate::swarm::report::SplitStage;
use crate::units::id::PhaseId;
use crate::units::offset::Offset;

impl World {
    pub(super) fn upheave(&mut self, phase: PhaseId, upheaval: Upheaval) {
        match upheaval {
            Upheaval::Split => self.split(phase),
            Upheaval::Heal => self.heal(phase),
            Upheaval::Stop => self.stop(),
            Upheaval::Migrate | Upheaval::Redirect | Upheaval::RollBack | Upheaval::Cease => {
                self.migrate(phase, upheaval);
            }
            Upheaval::Start => {
                self.is_down = false;
                let now = self.now;
                let shards = self.shards.iter_mut();
                shards.for_each(|shard| shard.handle_up(phase, now));
            }
        }
    }

    fn split(&mut self, phase: PhaseId) {
        let now = self.now;
        let Some(far) = self.plan.scenario.phase(phase).kind.far_link() else {
            return;
        };
        // A link that is down can't be broken again.
        if !self.network.split(now, far) {
            return;
        }
        let split = Split {
            phase,
            far,
            ordered: now,
            done: now,
            heal_ordered: Offset::NEVER,
            healed: Offset::NEVER,
        };
        self.splits.push(split);
        let shards = self.shards.iter_mut();
        shards.for_each(|shard| shard.handle_split(split, SplitStage::Down));
    }

    fn heal(&mut self, phase: PhaseId) {
        let now = self.now;
        let mut splits = self.splits.iter_mut().rev();
        let Some(split) = splits.find(|split| split.phase == phase) else {
            return;
        };
        self.network.heal(now, split.far);
        *split = Split {
            heal_ordered: now,
            healed: now,
            ..*split
        };
        let split = *split;
        let shards = self.shards.iter_mut();
        shards.for_each(|shard| shard.handle_split(split, SplitStage::Healed));
    }

    /// Ends every connection and forgets everything, as a crash of the network's host would.
    fn stop(&mut self) {
        let now = self.now;
        self.is_down = true;
        self.network.restart(now);
        let mut held: Vec<_> = std::mem::take(&mut self.user_of).into_values().collect();
        // A hash table's order is no seed's.
        held.sort_unstable();
        for (user, epoch) in held {
            if self.is_current(user, epoch) {
                self.send_end(user, epoch);
            }
        }
    }
}
