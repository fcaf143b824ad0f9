//! Accounts moved between the servers of the virtual network.

use crate::measure::migration::Way;
use crate::migration::cost;
use crate::migration::cost::Load;
use crate::migration::queue::Step;
use crate::plan::action::Upheaval;
use crate::scenario::phase::PhaseKind;
use crate::sim::world::World;
use crate::units::id::PhaseId;
use crate::units::id::ServerId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// The server that accounts come from.
const OLD: ServerId = ServerId(0);

impl World {
    /// Does what a phase wants of the queue.
    pub(super) fn migrate(&mut self, phase: PhaseId, upheaval: Upheaval) {
        if upheaval == Upheaval::Migrate {
            self.network.keep_homes(OLD);
        }
        let now = self.now;
        if let Some(is_shut) = self.operator.shuts(phase, upheaval) {
            self.network.shut_first_home(now, is_shut);
        }
        if self.operator.handle(phase, upheaval)
            && let Some((_, standing)) = self.operator.standing()
            && upheaval != Upheaval::Cease
        {
            let way = if upheaval == Upheaval::RollBack {
                Way::Back
            } else {
                Way::Over
            };
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
                    let home = match way {
                        Way::Over => self.new_server(),
                        Way::Back => OLD,
                    };
                    let account = self.account(user);
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
            users: self.network.users_of(self.new_server()),
            knocks: self.network.knocks(now),
        };
        let account = self.account(user);
        self.network.unsettle_account(now, &account);
        let migration = self.operator.migration();
        let kind = migration.map(|migration| &self.plan.scenario.phase(migration).kind);
        let cost = kind
            .and_then(PhaseKind::migration)
            .map(|migration| &migration.cost);
        cost.map_or(now, |cost| {
            now + cost::of_move(&self.plan, phase, cost, user, load)
        })
    }

    fn new_server(&self) -> ServerId {
        let migrations = self.plan.scenario.phases.iter();
        let mut migrations = migrations.filter_map(|phase| phase.kind.migration());
        migrations.next().map_or(OLD, |migration| migration.to)
    }

    fn account(&self, user: UserId) -> Vec<u8> {
        let mut account = Vec::new();
        self.plan.names.push_nick(user, 0, &mut account);
        account
    }
}
