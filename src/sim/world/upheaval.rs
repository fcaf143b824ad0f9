//! What phases do to the virtual network: links broken and healed, the whole of it down and up.

use crate::irc::network::Network;
use crate::measure::ledger::partition::Split;
use crate::sim::world::What;
use crate::sim::world::World;
use crate::swarm::io::Io;
use crate::swarm::report::SplitStage;
use crate::units::id::PhaseId;
use crate::units::offset::Offset;

impl World {
    pub(super) fn upheave(&mut self, io: Io) {
        match io {
            Io::Split { phase } => self.split(phase),
            Io::Heal { phase } => self.heal(phase),
            Io::Stop { .. } => self.stop(),
            Io::Start { phase } => {
                self.is_down = false;
                let now = self.now;
                let shards = self.shards.iter_mut();
                shards.for_each(|shard| shard.handle_up(phase, now));
            }
            _ => {}
        }
    }

    fn split(&mut self, phase: PhaseId) {
        let (now, plan) = (self.now, std::sync::Arc::clone(&self.plan));
        let Some(far) = plan.scenario.phase(phase).kind.far_link() else {
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
        self.network = Network::new(self.config.clone(), now, 0);
        for (_, (user, epoch)) in std::mem::take(&mut self.user_of) {
            if !self.is_current(user, epoch) || self.links[user.index()].is_deaf {
                continue;
            }
            let at = self.links[user.index()].down(now);
            self.push(
                at,
                What::UserEnd {
                    user,
                    epoch,
                    is_reset: false,
                },
            );
        }
    }
}
