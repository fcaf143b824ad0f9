//! Whom each mass event is meant to hit, so that those whom it does not touch can be looked at apart.

use crate::plan::population::Population;
use crate::plan::streams::Streams;
use crate::plan::timeline;
use crate::scenario::Scenario;
use crate::scenario::phase::PhaseKind;
use crate::units::id::PhaseId;
use crate::units::id::UserId;

/// The victims of each mass event that leaves bystanders: a byte for each user.
#[derive(Clone, Debug, Default)]
pub struct Victims {
    by_phase: Vec<Option<Vec<bool>>>,
}

impl Victims {
    pub(crate) fn new(scenario: &Scenario, population: &Population, streams: &Streams) -> Self {
        let users = || (0..population.user_count()).map(UserId);
        let of = |(index, phase): (u32, &PhaseKind)| match *phase {
            PhaseKind::MassDisconnect { fraction, .. } => Some(
                users()
                    .map(|user| timeline::is_hit(streams, index, user, fraction))
                    .collect(),
            ),
            PhaseKind::Netsplit { far, fraction, .. } => Some(
                users()
                    .map(|user| timeline::is_behind(scenario, streams, far, fraction, user))
                    .collect(),
            ),
            // Nobody is spared.
            PhaseKind::Restart { .. }
            | PhaseKind::Migrate { .. }
            | PhaseKind::RollBack { .. }
            | PhaseKind::Ramp { .. }
            | PhaseKind::Steady { .. }
            | PhaseKind::Quiet { .. }
            | PhaseKind::NickStorm { .. }
            | PhaseKind::JoinStorm { .. }
            | PhaseKind::ReadBack { .. }
            | PhaseKind::Quit { .. } => None,
        };
        let kinds = scenario.phases.iter().map(|phase| &phase.kind);
        Self {
            by_phase: (0..).zip(kinds).map(of).collect(),
        }
    }

    /// Returns whether a phase's event is meant to spare both users; `false` for what is none.
    pub fn spares(&self, phase: PhaseId, users: [UserId; 2]) -> bool {
        let victims = self.by_phase.get(phase.index()).and_then(Option::as_ref);
        victims.is_some_and(|victims| {
            let is_spared = |user: &UserId| victims.get(user.index()) == Some(&false);
            users.iter().all(is_spared)
        })
    }
}
