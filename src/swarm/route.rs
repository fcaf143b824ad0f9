//! Where users dial while accounts move between servers: what each one's resolver says.

use std::time::Duration;

use crate::plan::action::Upheaval;
use crate::plan::streams::Purpose;
use crate::plan::streams::StreamId;
use crate::scenario::phase::PhaseKind;
use crate::swarm::Shard;
use crate::traffic::profile::distribution::uniform;
use crate::units::id::PhaseId;
use crate::units::id::ServerId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// The server from which accounts are moved.
const OLD: ServerId = ServerId(0);

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
    /// Migrations that are being rolled back: nobody is sent to their server any more.
    undone: Vec<PhaseId>,
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

    /// Notes that accounts begin to move, are dialled elsewhere, or begin to move back.
    pub(super) fn reroute(&mut self, phase: PhaseId, upheaval: Upheaval, at: Offset) {
        let answer = match (upheaval, &self.plan.scenario.phase(phase).kind) {
            (Upheaval::Redirect, PhaseKind::Migrate { migration })
                if !self.routes.undone.contains(&phase) =>
            {
                Answer {
                    server: migration.to,
                    at,
                    ttl: migration.redirect.ttl,
                }
            }
            (Upheaval::RollBack, PhaseKind::RollBack { roll_back }) => {
                self.routes.undone.push(roll_back.of);
                Answer {
                    server: OLD,
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
    }
}
