//! The operator of a migration: has phases begin queues, turn them round and end them, and knows how far they have come.

use std::sync::Arc;

use crate::measure::migration::News;
use crate::measure::migration::Standing;
use crate::measure::migration::Way;
use crate::migration::order;
use crate::migration::queue::Queue;
use crate::migration::queue::Step;
use crate::plan::Plan;
use crate::plan::action::Upheaval;
use crate::scenario::migration::Moves;
use crate::scenario::migration::OLD_SERVER;
use crate::units::id::PhaseId;
use crate::units::id::ServerId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// The queue of a run's migration; there is one at a time.
#[derive(Debug)]
pub struct Operator {
    plan: Arc<Plan>,
    /// Whether the servers are simulated ones, whose accounts are ours to move.
    is_simulated: bool,
    is_held: bool,
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    /// The phase that is being played: the migration, or what undoes it.
    phase: PhaseId,
    /// The migration.
    migration: PhaseId,
    mover: Mover,
    has_ended: bool,
}

/// Who moves accounts.
#[derive(Debug)]
enum Mover {
    /// A queue of ours.
    Queue(Queue),
    /// One of the operator's own, which tells how many accounts are on the new server.
    Own {
        way: Way,
        moved: u64,
        total: u64,
        /// Whether it has told since it began to go that way.
        has_told: bool,
    },
}

impl Mover {
    fn queue_mut(&mut self) -> Option<&mut Queue> {
        match self {
            Self::Queue(queue) => Some(queue),
            Self::Own { .. } => None,
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::Queue(queue) => queue.is_done(),
            Self::Own {
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
            Self::Queue(queue) => queue.standing(),
            Self::Own { moved, total, .. } => Standing {
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
        }
    }

    /// Does what a phase wants of the queue. Returns whether it could: a migration is rolled back once, and only one that has begun;
    /// what is not played any more does not cease.
    pub fn handle(&mut self, phase: PhaseId, upheaval: Upheaval) -> bool {
        match upheaval {
            Upheaval::Migrate => self.migrate(phase),
            Upheaval::RollBack => {
                let undone = self.plan.scenario.phase(phase).kind.undoes();
                let current = self.current.as_mut().filter(|current| {
                    Some(current.migration) == undone && current.phase == current.migration
                });
                let Some(current) = current else {
                    return false;
                };
                current.phase = phase;
                current.has_ended = false;
                match &mut current.mover {
                    Mover::Queue(queue) => queue.roll_back(),
                    Mover::Own { way, has_told, .. } => (*way, *has_told) = (Way::Back, false),
                }
                true
            }
            Upheaval::Cease => {
                let current = self.current.as_mut();
                let Some(current) = current.filter(|current| current.phase == phase) else {
                    return false;
                };
                if let Some(queue) = current.mover.queue_mut() {
                    queue.cease();
                }
                true
            }
            _ => false,
        }
    }

    /// Takes no account any more: the run is over.
    pub fn cease(&mut self) {
        if let Some((phase, _)) = self.standing() {
            self.handle(phase, Upheaval::Cease);
        }
    }

    /// Returns whether the old server is to let go of everybody, or to let people in again, as a phase that is played now has it.
    pub fn shuts(&self, phase: PhaseId, upheaval: Upheaval) -> Option<bool> {
        let is_played = |current: &&Current| current.phase == phase;
        let current = self.current.as_ref().filter(is_played)?;
        let migration = self
            .plan
            .scenario
            .phase(current.migration)
            .kind
            .migration()?;
        match upheaval {
            Upheaval::Redirect => migration.redirect.drops.then_some(true),
            Upheaval::RollBack => Some(false),
            _ => None,
        }
    }

    fn migrate(&mut self, phase: PhaseId) -> bool {
        let Some(migration) = self.plan.scenario.phase(phase).kind.migration() else {
            return false;
        };
        let earlier = self.current.take().map(|current| current.mover);
        let mut mover = match &migration.moves {
            Some(Moves::Progress(_)) if !self.is_simulated => Mover::Own {
                way: Way::Over,
                moved: earlier.map_or(0, |mover| mover.standing().moved),
                total: u64::from(self.plan.population.user_count()),
                has_told: false,
            },
            _ => Mover::Queue(Queue::new(
                order::of(&self.plan, migration),
                migration.canary_wait,
                migration.workers,
                match earlier {
                    Some(Mover::Queue(queue)) => Some(queue),
                    _ => None,
                },
            )),
        };
        if let Some(queue) = mover.queue_mut() {
            queue.hold(self.is_held);
        }
        self.current = Some(Current {
            phase,
            migration: phase,
            mover,
            has_ended: false,
        });
        true
    }

    /// Returns the migration whose accounts are or were moved last.
    pub fn migration(&self) -> Option<PhaseId> {
        self.current.as_ref().map(|current| current.migration)
    }

    /// Returns the next thing to do, and the phase that does it.
    pub fn poll(&mut self, now: Offset) -> Option<(PhaseId, Step)> {
        let current = self.current.as_mut()?;
        let step = current.mover.queue_mut()?.poll(now)?;
        Some((current.phase, step))
    }

    /// Takes how many accounts the operator's own queue says are on the new server.
    pub fn handle_told(&mut self, told: u64) {
        let current = self.current.as_mut().map(|current| &mut current.mover);
        if let Some(Mover::Own {
            moved, has_told, ..
        }) = current
        {
            (*moved, *has_told) = (told, true);
        }
    }

    /// Notes when a move that has begun will be over.
    pub fn handle_begun(&mut self, user: UserId, until: Offset) {
        if let Some(queue) = self.queue_mut() {
            queue.handle_begun(user, until);
        }
    }

    /// Notes that a move is over, and whether the account has moved.
    pub fn handle_ended(&mut self, user: UserId, has_moved: bool, now: Offset) {
        if let Some(queue) = self.queue_mut() {
            queue.handle_ended(user, has_moved, now);
        }
    }

    /// Takes the moves that are over since the last time, and how far the queue has come; `None` before the first has begun.
    pub fn take_news(&mut self) -> Option<News> {
        let (_, standing) = self.standing()?;
        let moves = self.queue_mut().map(Queue::take_ended);
        Some(News {
            standing,
            moves: moves.unwrap_or_default(),
        })
    }

    /// Returns how many accounts are moved at a time by a queue of ours.
    pub fn workers(&self) -> Option<u32> {
        let current = self.current.as_ref()?;
        let migration = self
            .plan
            .scenario
            .phase(current.migration)
            .kind
            .migration()?;
        matches!(current.mover, Mover::Queue(_)).then_some(migration.workers)
    }

    /// Takes no account until it is let go on.
    pub fn hold(&mut self, is_held: bool) {
        self.is_held = is_held;
        if let Some(queue) = self.queue_mut() {
            queue.hold(is_held);
        }
    }

    fn queue_mut(&mut self) -> Option<&mut Queue> {
        self.current.as_mut()?.mover.queue_mut()
    }

    /// Returns when there is next something to do.
    pub fn next_due(&self) -> Offset {
        match self.current.as_ref().map(|current| &current.mover) {
            Some(Mover::Queue(queue)) => queue.next_due(),
            Some(Mover::Own { .. }) | None => Offset::NEVER,
        }
    }

    /// Returns the phase whose queue is done, once for each.
    pub fn take_ended(&mut self) -> Option<PhaseId> {
        let current = self.current.as_mut()?;
        let has_just = current.mover.is_done() && !current.has_ended;
        current.has_ended |= has_just;
        has_just.then_some(current.phase)
    }

    /// Returns which way accounts go in the phase that is or was played last.
    pub fn way(&self) -> Option<Way> {
        let current = self.current.as_ref()?;
        Some(if current.phase == current.migration {
            Way::Over
        } else {
            Way::Back
        })
    }

    /// Returns the server to which an account goes.
    pub fn home(&self, way: Way) -> ServerId {
        let migration = self.migration();
        let migration =
            migration.and_then(|migration| self.plan.scenario.phase(migration).kind.migration());
        match (way, migration) {
            (Way::Over, Some(migration)) => migration.to,
            (Way::Back, _) | (_, None) => OLD_SERVER,
        }
    }

    /// Returns the name of a user's account: its user name.
    pub fn account(&self, user: UserId) -> Vec<u8> {
        let mut account = Vec::new();
        self.plan.names.push_nick(user, 0, &mut account);
        account
    }

    /// Returns the phase that is or was played last, and how far its queue has come.
    pub fn standing(&self) -> Option<(PhaseId, Standing)> {
        let current = self.current.as_ref()?;
        Some((current.phase, current.mover.standing()))
    }
}
