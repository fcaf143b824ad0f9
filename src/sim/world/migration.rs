//! Accounts moved between the servers of the virtual network.

use crate::measure::migration::Way;
use crate::migration::cost;
use crate::migration::cost::Load;
use crate::migration::queue::Step;
use crate::plan::action::Upheaval;
use crate::scenario::migration::OLD_SERVER;
use crate::scenario::phase::PhaseKind;
use crate::sim::world::World;
use crate::units::id::PhaseId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

impl World {
    /// Does what a phase wants of the queue.
    pub(super) fn migrate(&mut self, phase: PhaseId, upheaval: Upheaval) {
        if upheaval == Upheaval::Migrate {
            self.network.keep_homes(OLD_SERVER);
        }
        let now = self.now;
        let has_begun = self.operator.handle(phase, upheaval) && upheaval != Upheaval::Cease;
        if let Some(is_shut) = self.operator.shuts(phase, upheaval) {
            self.network.shut_first_home(now, is_shut);
        }
        if has_begun
            && let (Some(way), Some((_, standing))) =
                (self.operator.way(), self.operator.standing())
        {
            let workers = self.operator.workers();
            self.migrations.begin(phase, way, (now, standing), workers);
        }
    }

    /// Moves what is to be moved by now.
    pub(super) fn move_accounts(&mut self) {
        let now = self.now;
        while let Some((phase, step)) = self.operator.poll(now) {
            match step {
                Step::Begin(user, _) => {
                    let until = self.begin_move(phase, user);
                    self.operator.handle_begun(user, until);
                }
                Step::End(user, way) => {
                    let (account, home) = (self.operator.account(user), self.operator.home(way));
                    self.network.settle_account(&account, home);
                    self.operator.handle_ended(user, true, now);
                }
            }
        }
        if let Some(phase) = self.operator.take_ended() {
            if let Some(news) = self.operator.take_news() {
                self.migrations.end(now, &news);
            }
            let shards = self.shards.iter_mut();
            shards.for_each(|shard| shard.handle_up(phase, now));
        }
    }

    fn begin_move(&mut self, phase: PhaseId, user: UserId) -> Offset {
        let now = self.now;
        let load = Load {
            users: self.network.users_of(self.operator.home(Way::Over)),
            knocks: self.network.knocks(now),
        };
        let account = self.operator.account(user);
        self.network.unsettle_account(now, &account);
        let migration = self.operator.migration();
        let kind = migration.map(|migration| &self.plan.scenario.phase(migration).kind);
        let migration = kind.and_then(PhaseKind::migration);
        migration.map_or(now, |migration| {
            now + cost::of_move(&self.plan, phase, &migration.cost, user, load)
        })
    }
}
