//! The operator of a migration: has phases begin queues, turn them round and end them, and keeps the log of how they go.

use std::sync::Arc;
use std::time::Duration;

use crate::measure::interval::Interval;
use crate::measure::migration::Migrations;
use crate::measure::migration::News;
use crate::measure::migration::Standing;
use crate::measure::migration::Way;
use crate::measure::progress::Progress;
use crate::migration::cost;
use crate::migration::cost::Load;
use crate::migration::order;
use crate::migration::queue::Queue;
use crate::migration::queue::Step;
use crate::plan::Plan;
use crate::plan::action::Upheaval;
use crate::scenario::migration::Migration;
use crate::scenario::migration::Moves;
use crate::scenario::migration::OLD_SERVER;
use crate::units::id::AccountId;
use crate::units::id::PhaseId;
use crate::units::id::ServerId;
use crate::units::offset::Offset;

/// The queue of a run's migration, one at a time, and the log of them all.
#[derive(Debug)]
pub struct Operator {
    plan: Arc<Plan>,
    /// Whether the servers are simulated ones, whose accounts are ours to move.
    is_simulated: bool,
    is_held: bool,
    current: Option<Current>,
    log: Migrations,
}

#[derive(Debug)]
struct Current {
    /// The phase that is being played: the migration, or what undoes it.
    phase: PhaseId,
    /// The migration.
    migration: PhaseId,
    accounts: Accounts,
    has_ended: bool,
}

/// Who moves accounts.
#[derive(Debug)]
enum Accounts {
    /// A queue of ours.
    Ours(Queue),
    /// One of the operator's own, which tells how many accounts are on the new server.
    Told {
        way: Way,
        moved: u64,
        total: u64,
        /// Whether it has told since it began to go that way.
        has_told: bool,
    },
}

impl Accounts {
    fn queue_mut(&mut self) -> Option<&mut Queue> {
        match self {
            Self::Ours(queue) => Some(queue),
            Self::Told { .. } => None,
        }
    }

    fn roll_back(&mut self) {
        match self {
            Self::Ours(queue) => queue.roll_back(),
            Self::Told { way, has_told, .. } => (*way, *has_told) = (Way::Back, false),
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::Ours(queue) => queue.is_done(),
            Self::Told {
                way,
                moved,
                total,
                has_told,
            } => {
                let is_there = match way {
                    Way::Over => moved >= total,
                    Way::Back => *moved == 0,
                };
                *has_told && is_there
            }
        }
    }

    fn standing(&self) -> Standing {
        match self {
            Self::Ours(queue) => queue.standing(),
            Self::Told { moved, total, .. } => Standing {
                total: *total,
                moved: *moved,
                ..Standing::default()
            },
        }
    }
}

impl Operator {
    /// Returns the operator of a run that has not begun.
    pub fn new(plan: Arc<Plan>, is_simulated: bool) -> Self {
        Self {
            plan,
            is_simulated,
            is_held: false,
            current: None,
            log: Migrations::default(),
        }
    }

    /// Does what a phase wants of the queue at `now`. Returns whether it could: a migration is rolled back once, and only one that has
    /// begun; what is not played any more does not cease.
    pub fn handle(&mut self, phase: PhaseId, upheaval: Upheaval, now: Offset) -> bool {
        match upheaval {
            Upheaval::Migrate => self.migrate(phase, now),
            Upheaval::RollBack => self.roll_back(phase, now),
            Upheaval::Cease if self.phase() == Some(phase) => {
                self.cease();
                true
            }
            _ => false,
        }
    }

    fn migrate(&mut self, phase: PhaseId, now: Offset) -> bool {
        let Some(migration) = self.plan.scenario.phase(phase).kind.migration() else {
            return false;
        };
        let earlier = self.current.take().map(|current| current.accounts);
        let accounts = match &migration.moves {
            Some(Moves::Progress(_)) if !self.is_simulated => Accounts::Told {
                way: Way::Over,
                moved: earlier.map_or(0, |accounts| accounts.standing().moved),
                total: u64::from(self.plan.account_count()),
                has_told: false,
            },
            _ => {
                let earlier = match earlier {
                    Some(Accounts::Ours(queue)) => Some(queue),
                    _ => None,
                };
                let order = order::of(&self.plan, migration);
                let mut queue =
                    Queue::new(order, migration.canary_wait, migration.workers, earlier);
                queue.hold(self.is_held);
                Accounts::Ours(queue)
            }
        };
        self.current = Some(Current {
            phase,
            migration: phase,
            accounts,
            has_ended: false,
        });
        self.note_begun(phase, Way::Over, now);
        true
    }

    fn roll_back(&mut self, phase: PhaseId, now: Offset) -> bool {
        let undone = self.plan.scenario.phase(phase).kind.undoes();
        let current = self.current.as_mut();
        let current = current
            .filter(|current| undone == Some(current.phase) && undone == Some(current.migration));
        let Some(current) = current else {
            return false;
        };
        (current.phase, current.has_ended) = (phase, false);
        current.accounts.roll_back();
        self.note_begun(phase, Way::Back, now);
        true
    }

    fn note_begun(&mut self, phase: PhaseId, way: Way, now: Offset) {
        if let Some(current) = &self.current {
            let standing = current.accounts.standing();
            // Each move's own time is known of a queue of ours alone.
            let is_ours = matches!(current.accounts, Accounts::Ours(_));
            let workers = self.played().filter(|_| is_ours);
            let workers = workers.map(|migration| migration.workers);
            self.log.begin(phase, way, (now, standing), workers);
        }
    }

    /// Returns whether the old server is to let go of everybody, or to let people in again, as a phase that is played now has it.
    pub fn shuts(&self, phase: PhaseId, upheaval: Upheaval) -> Option<bool> {
        let migration = self.played().filter(|_| self.phase() == Some(phase))?;
        match upheaval {
            Upheaval::Redirect => migration.redirect.drops.then_some(true),
            Upheaval::RollBack => Some(false),
            _ => None,
        }
    }

    /// Takes no account any more; what is under way goes on.
    pub fn cease(&mut self) {
        if let Some(queue) = self.queue_mut() {
            queue.cease();
        }
    }

    /// Returns the next thing to do.
    pub fn poll(&mut self, now: Offset) -> Option<Step> {
        self.queue_mut()?.poll(now)
    }

    /// Returns how long it takes under `load` to move an account, where the servers are simulated ones.
    pub fn cost(&self, account: AccountId, load: Load) -> Duration {
        match (self.phase(), self.played()) {
            (Some(phase), Some(migration)) => {
                cost::of_move(&self.plan, phase, &migration.cost, account, load)
            }
            _ => Duration::ZERO,
        }
    }

    /// Notes when a move that has begun will be over.
    pub fn handle_begun(&mut self, account: AccountId, until: Offset) {
        if let Some(queue) = self.queue_mut() {
            queue.handle_begun(account, until);
        }
    }

    /// Notes that an account has moved.
    pub fn handle_moved(&mut self, account: AccountId, now: Offset) {
        if let Some(queue) = self.queue_mut() {
            queue.handle_ended(account, true, now);
        }
    }

    /// Notes that an account could not be moved, and why: it is where it was.
    pub fn handle_failed(&mut self, account: AccountId, why: String, now: Offset) {
        if let Some(queue) = self.queue_mut() {
            queue.handle_ended(account, false, now);
        }
        self.log.complain(why);
    }

    /// Takes how many accounts the operator's own queue says are on the new server.
    pub fn handle_told(&mut self, told: u64) {
        let current = self.current.as_mut().map(|current| &mut current.accounts);
        if let Some(Accounts::Told {
            moved, has_told, ..
        }) = current
        {
            (*moved, *has_told) = (told, true);
        }
    }

    /// Returns when there is next something to do.
    pub fn next_due(&self) -> Offset {
        match self.current.as_ref().map(|current| &current.accounts) {
            Some(Accounts::Ours(queue)) => queue.next_due(),
            Some(Accounts::Told { .. }) | None => Offset::NEVER,
        }
    }

    /// Returns the phase whose queue is done at `now`, once for each.
    pub fn take_ended(&mut self, now: Offset) -> Option<PhaseId> {
        let current = self.current.as_mut()?;
        if current.has_ended || !current.accounts.is_done() {
            return None;
        }
        current.has_ended = true;
        let phase = current.phase;
        let news = self.news()?;
        self.log.end(now, &news);
        Some(phase)
    }

    /// Takes an interval that has closed, and how far the run had come at its end.
    pub fn enter(&mut self, ends: Offset, interval: &Interval, progress: &Progress) {
        if let Some(news) = self.news() {
            self.log
                .enter(ends, &news, (interval, progress), self.is_held);
        }
    }

    fn news(&mut self) -> Option<News> {
        let accounts = &mut self.current.as_mut()?.accounts;
        Some(News {
            standing: accounts.standing(),
            moves: accounts
                .queue_mut()
                .map_or_else(Vec::new, Queue::take_ended),
        })
    }

    /// Takes no account until it is let go on.
    pub fn hold(&mut self) {
        self.is_held = true;
        if let Some(queue) = self.queue_mut() {
            queue.hold(true);
        }
    }

    /// Goes on after it was held `by` so long.
    pub fn resume(&mut self, by: Duration) {
        self.is_held = false;
        if let Some(queue) = self.queue_mut() {
            queue.hold(false);
        }
        self.log.delay(by);
    }

    /// Takes how far it has come by the run's end.
    pub fn close(&mut self) {
        if let Some(current) = &self.current {
            self.log.close(current.accounts.standing());
        }
    }

    /// Returns how the migrations went so far.
    pub fn log(&self) -> &Migrations {
        &self.log
    }

    /// Returns how the migrations went.
    pub fn into_log(self) -> Migrations {
        self.log
    }

    /// Returns the phase that is or was played last.
    pub fn phase(&self) -> Option<PhaseId> {
        self.current.as_ref().map(|current| current.phase)
    }

    /// Returns the phase of the migration whose accounts are or were moved last, either way.
    pub fn migration(&self) -> Option<PhaseId> {
        self.current.as_ref().map(|current| current.migration)
    }

    /// Returns that migration.
    pub fn played(&self) -> Option<&Migration> {
        self.plan.scenario.phase(self.migration()?).kind.migration()
    }

    /// Returns the server to which an account goes.
    pub fn home(&self, way: Way) -> ServerId {
        match (way, self.played()) {
            (Way::Over, Some(migration)) => migration.to,
            (Way::Back, _) | (_, None) => OLD_SERVER,
        }
    }

    /// Returns the name of an account.
    pub fn account(&self, account: AccountId) -> Vec<u8> {
        self.plan.account_name(account)
    }

    fn queue_mut(&mut self) -> Option<&mut Queue> {
        self.current.as_mut()?.accounts.queue_mut()
    }
}
