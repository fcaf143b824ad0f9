//! What a run does about accounts that move: phases handed on, roll-backs demanded, the end found when the last has moved.

use std::time::Duration;

use crate::drive::run::NOTICE;
use crate::drive::run::conduct::Conductor;
use crate::drive::shard::message::ToShard;
use crate::gate::abort::Abort;
use crate::plan::action::Upheaval;
use crate::units::id::PhaseId;
use crate::units::offset::Offset;

/// How long a run that has nothing else to play goes on after its last account has moved.
const AFTER_MOVES: Duration = Duration::from_secs(15);

impl Conductor<'_> {
    /// Does what a phase wants of accounts; returns whether it could. A migration ends where it begins to be undone, and once a roll-back
    /// was demanded nothing else is begun.
    pub(super) fn handle_moves(&mut self, phase: PhaseId, upheaval: Upheaval, at: Offset) -> bool {
        let begins = matches!(upheaval, Upheaval::Migrate | Upheaval::RollBack);
        if (begins && self.demanded.is_some()) || !self.mover.handle(phase, upheaval, at) {
            return false;
        }
        if upheaval == Upheaval::RollBack
            && let Some(undone) = self.conduct.plan.scenario.phase(phase).kind.undoes()
        {
            self.tally.end(undone, at);
        }
        true
    }

    /// Notes that the queue of a phase is done. A run that has nothing else to play, or was to play a roll-back and no more, gives
    /// those whom it moved last a while to come back, and ends.
    pub(super) fn moved(&mut self, phase: PhaseId, now: Offset) {
        self.tally.end(phase, now);
        let mut others = self.tally.phases().iter();
        let is_last = others.all(|other| other.begins == Offset::NEVER || other.ends <= now);
        let back_by = self.mover.redirected_by(phase).max(now) + AFTER_MOVES;
        if is_last || self.demanded == Some(phase) {
            self.ends = self.ends.min(back_by);
        }
    }

    /// Begins to undo a migration; returns whether it could. Whatever else was to be played, the run ends when that is done.
    pub(super) fn demand(&mut self, phase: PhaseId, now: Offset) -> bool {
        let at = now + NOTICE;
        if !self.handle_moves(phase, Upheaval::RollBack, at) {
            return false;
        }
        let plan = self.conduct.plan;
        let kind = &plan.scenario.phase(phase).kind;
        let lasts = kind.lasts(plan.population.user_count());
        self.tally.begin(phase, at, lasts);
        self.demanded = Some(phase);
        self.ends = at + lasts;
        self.shards.tell_all(&ToShard::Demanded {
            phase,
            upheaval: Upheaval::RollBack,
            at,
        });
        true
    }

    /// Plays what an abort rule wants played before the run ends, if it can be; returns whether that goes on. A run that is held waits
    /// for whoever holds it.
    pub(super) fn rescues(&mut self, now: Offset) -> bool {
        let wanted = self.abort.as_ref().and_then(|abort| abort.then);
        let Some(phase) = wanted else { return false };
        if self.steering.is_held() {
            return true;
        }
        if self.demanded.is_none() {
            // What goes back already need not be asked to.
            self.demanded = self.mover.going_back();
        }
        let goes_on = self.demanded.is_some() || self.demand(phase, now);
        goes_on && now < self.ends
    }

    /// Ends a run that an abort rule is rescuing at once.
    pub(super) fn give_up(&mut self, mut abort: Abort) {
        if let Some(rule) = self.abort.take() {
            abort.text = format!("{}; {}", rule.text, abort.text);
        }
        self.abort = Some(abort);
    }
}
