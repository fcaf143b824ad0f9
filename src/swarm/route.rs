//! Where users dial while accounts move between servers: what each one's resolver says.

use std::time::Duration;

use crate::plan::action::Upheaval;
use crate::plan::streams::Purpose;
use crate::plan::streams::StreamId;
use crate::scenario::migration::OLD_SERVER;
use crate::scenario::phase::PhaseKind;
use crate::swarm::Shard;
use crate::traffic::profile::distribution::uniform;
use crate::units::id::PhaseId;
use crate::units::id::ServerId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// An answer that resolvers give.
#[derive(Clone, Copy, Debug)]
struct Answer {
    server: ServerId,
    /// Since when it is given.
    at: Offset,
    /// How long those who have an older answer may keep it.
    ttl: Duration,
}

/// The answers given so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes {
    answers: Vec<Answer>,
    /// The migration that is played, until it is rolled back.
    moving: Option<PhaseId>,
    /// Whether a roll-back was demanded: nothing more is moved after it.
    pub(super) is_ending: bool,
}

impl Routes {
    /// Returns whether users dial elsewhere than they did at first.
    pub(super) fn has_answers(&self) -> bool {
        !self.answers.is_empty()
    }
}

impl Shard {
    /// Returns the server that a user dials at `now`.
    pub(super) fn server_of(&self, user: UserId, now: Offset) -> ServerId {
        let known = (0u32..)
            .zip(&self.routes.answers)
            .filter(|(number, answer)| {
                // An answer is as old as any when the next one is given.
                let stream = StreamId::of_user(Purpose::Resolver, *number, user);
                let stale = answer.ttl.mul_f64(uniform(self.plan.streams.draw(stream)));
                answer.at + stale <= now
            });
        let newest = known.map(|(_, answer)| answer.server).last();
        newest.unwrap_or(self.plan.population.sides[user.index()])
    }

    /// Returns whether a phase can do to accounts what it was planned to: a migration is redirected and rolled back while it is played,
    /// and nothing more is moved once a roll-back was demanded.
    pub(super) fn moves_as_planned(&self, phase: PhaseId, upheaval: Upheaval) -> bool {
        let routes = &self.routes;
        match upheaval {
            Upheaval::Migrate => !routes.is_ending,
            Upheaval::Redirect => routes.moving == Some(phase),
            Upheaval::RollBack => {
                let undone = self.plan.scenario.phase(phase).kind.undoes();
                !routes.is_ending && undone.is_some() && routes.moving == undone
            }
            _ => true,
        }
    }

    /// Notes that accounts begin to move, are dialled elsewhere, or begin to move back.
    pub(super) fn reroute(&mut self, phase: PhaseId, upheaval: Upheaval, at: Offset) {
        let answer = match (upheaval, &self.plan.scenario.phase(phase).kind) {
            (Upheaval::Migrate, _) => {
                self.routes.moving = Some(phase);
                return;
            }
            (Upheaval::Redirect, PhaseKind::Migrate { migration }) => Answer {
                server: migration.to,
                at,
                ttl: migration.redirect.ttl,
            },
            (Upheaval::RollBack, PhaseKind::RollBack { roll_back }) => {
                self.routes.moving = None;
                Answer {
                    server: OLD_SERVER,
                    at,
                    ttl: roll_back.ttl,
                }
            }
            _ => return,
        };
        self.routes.answers.push(answer);
    }

    /// Notes that a phase which is played on demand has begun. Every shard is told the same.
    pub fn handle_demanded(&mut self, phase: PhaseId, upheaval: Upheaval, at: Offset) {
        let lasts = self
            .plan
            .scenario
            .phase(phase)
            .kind
            .lasts(self.plan.population.user_count());
        if let Some(event) = self.event_mut(phase) {
            event.struck = at;
            event.cause_gone = at + lasts;
        }
        self.begin_upheaval(phase, upheaval, at);
        self.routes.is_ending = true;
    }
}
