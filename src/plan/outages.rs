//! How long those were away whom the mass events of a profile's capture hit: the real curve of returns.

use std::time::Duration;

use crate::plan::PlanError;
use crate::scenario::Scenario;
use crate::scenario::phase::Heal;
use crate::scenario::phase::PhaseKind;
use crate::scenario::phase::Returns;
use crate::scenario::phase::SplitBy;
use crate::traffic::profile::Profile;

/// Times away, the shortest first; `None` at the end for those who did not come back within a day.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outages {
    away_secs: Vec<Option<f64>>,
}

impl Outages {
    /// Returns the times away of everybody whom an incident of the profile hit.
    pub(crate) fn of(profile: &Profile) -> Self {
        let victims = profile
            .incidents()
            .iter()
            .flat_map(|incident| &incident.victims);
        let mut away_secs: Vec<Option<f64>> = victims
            .map(|victim| {
                victim
                    .back_secs
                    .map(|back| (back - victim.quit_secs).max(0.0))
            })
            .collect();
        away_secs.sort_by(|a, b| {
            let secs = |away: &Option<f64>| away.unwrap_or(f64::INFINITY);
            secs(a).total_cmp(&secs(b))
        });
        Self { away_secs }
    }

    /// Checks that there is a curve where a scenario asks for one.
    pub(crate) fn check(&self, scenario: &Scenario, profile: &Profile) -> Result<(), PlanError> {
        let asks = |kind: &PhaseKind| {
            matches!(
                kind,
                PhaseKind::MassDisconnect {
                    returns: Returns::Outage { .. },
                    ..
                } | PhaseKind::Netsplit {
                    by: SplitBy::Clients,
                    heal: Heal::Paced,
                    ..
                }
            )
        };
        let asking = scenario.phases.iter().find(|phase| asks(&phase.kind));
        match asking {
            Some(phase) if self.away_secs.is_empty() => Err(PlanError::NoOutages {
                profile: profile.name().to_owned(),
                phase: phase.name.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Returns how long somebody is away, by a draw from 0..1; `None` for one who does not come back.
    pub(crate) fn away(&self, draw: f64) -> Option<Duration> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index below a length"
        )]
        let index = (draw * self.away_secs.len() as f64) as usize;
        let secs = self.away_secs.get(index).copied().flatten()?;
        Duration::try_from_secs_f64(secs).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_is_a_place_in_the_curve() {
        let outages = Outages {
            away_secs: vec![Some(1.0), Some(60.0), Some(600.0), None],
        };
        let away = |draw| outages.away(draw).map(|away| away.as_secs());
        assert_eq!(
            [0.0, 0.3, 0.7, 0.99].map(away),
            [Some(1), Some(60), Some(600), None]
        );
    }
}
