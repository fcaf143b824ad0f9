//! Accounts moved between the servers of the virtual network.

use crate::measure::migration::Way;
use crate::migration::cost::Load;
use crate::migration::queue::Step;
use crate::plan::action::Upheaval;
use crate::scenario::migration::OLD_SERVER;
use crate::sim::world::World;
use crate::units::id::PhaseId;

impl World {
    /// Does what a phase wants of the queue.
    pub(super) fn migrate(&mut self, phase: PhaseId, upheaval: Upheaval) {
        if upheaval == Upheaval::Migrate {
            self.network.keep_homes(OLD_SERVER);
        }
        self.operator.handle(phase, upheaval, self.now);
        if let Some(is_shut) = self.operator.shuts(phase, upheaval) {
            self.network.shut_first_home(self.now, is_shut);
        }
    }

    /// Moves what is to be moved by now.
    pub(super) fn move_accounts(&mut self) {
        let now = self.now;
        while let Some(step) = self.operator.poll(now) {
            match step {
                Step::Begin(user, _) => {
                    let load = Load {
                        users: self.network.users_of(self.operator.home(Way::Over)),
                        knocks: self.network.knocks(now),
                    };
                    let account = self.operator.account(user);
                    self.network.unsettle_account(now, &account);
                    let until = now + self.operator.cost(user, load);
                    self.operator.handle_begun(user, until);
                }
                Step::End(user, way) => {
                    let (account, home) = (self.operator.account(user), self.operator.home(way));
                    self.network.settle_account(&account, home);
                    self.operator.handle_moved(user, now);
                }
            }
        }
        if let Some(phase) = self.operator.take_ended(now) {
            let shards = self.shards.iter_mut();
            shards.for_each(|shard| shard.handle_up(phase, now));
        }
    }
}
