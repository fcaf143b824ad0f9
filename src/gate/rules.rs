//! The rules of a scenario, resolved before its run: SLOs and what is forgiven.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::gate::abort::AbortRule;
use crate::gate::metric::Quantity;
use crate::gate::near::listed;
use crate::gate::near::near;
use crate::gate::slo::Slo;
use crate::measure::ledger::counts::Breach;
use crate::place::Misread;
use crate::scenario::Scenario;
use crate::scenario::Tolerance;
use crate::scenario::phase::Phase;
use crate::units::id::PhaseId;

/// The name under which holes are tolerated and reported.
pub const NOT_SENT: &str = "not_sent";
/// The counter of a bouncer's users who are not on their networks.
pub const LOCKED_OUT: &str = "locked_out";
/// The counter of a bouncer's clients that are not attached at the end.
pub const ABSENT: &str = "absent";
/// The counter of readings of a bouncer's backlog that were not made.
pub const READINGS: &str = "readings";
/// Share of uncertain deliveries, of those required, beyond which nothing is proved.
pub const UNCERTAIN_SHARE_MAX: f64 = 0.01;
/// Share of planned messages that may go unsent before the run is no longer the one that was planned.
pub const NOT_SENT_SHARE_MAX: f64 = 0.05;

/// What a run must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// The conditions, in the order of the file.
    pub slos: Vec<Slo>,
    /// The conditions that end a run, in the order of the file.
    pub aborts: Vec<AbortRule>,
    /// What is forgiven.
    pub tolerances: Tolerances,
    /// What phases must hold that move accounts.
    pub moves: Vec<MoveRule>,
}

/// What a phase must hold that moves accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoveRule {
    /// Which.
    pub phase: PhaseId,
    /// How long all users together may be away from their accounts meanwhile.
    pub budget: Option<Duration>,
}

/// How much of each counter is forgiven.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tolerances(BTreeMap<&'static str, f64>);

impl Rules {
    /// Resolves a scenario's conditions and tolerances.
    ///
    /// # Errors
    ///
    /// Returns the first that names what is not measured, not a phase or not to be tolerated, or whose limit does not fit.
    pub fn resolve(scenario: &Scenario) -> Result<Self, Misread> {
        let mut slos = Vec::with_capacity(scenario.slos.len());
        for condition in &scenario.slos {
            let slo = Slo::resolve(condition)?;
            slo.check_phase(&scenario.phases)?;
            if let Quantity::Forecast(_) = slo.metric.quantity {
                return Err(Misread::new(
                    format!("`{}` is of a run that goes on", slo.check),
                    slo.place,
                )
                .with_help("a forecast is for abort rules: write it under [[abort]]"));
            }
            slos.push(slo);
        }
        let aborts = scenario.aborts.iter();
        let aborts = aborts.map(|rule| AbortRule::resolve(rule, &scenario.phases));
        Ok(Self {
            slos,
            aborts: aborts.collect::<Result<Vec<_>, _>>()?,
            tolerances: Tolerances::resolve(&scenario.tolerances)?,
            moves: moves(&scenario.phases),
        })
    }
}

fn moves(phases: &[Phase]) -> Vec<MoveRule> {
    let phases = (0u16..).map(PhaseId).zip(phases);
    let moving = phases.filter(|(_, phase)| phase.kind.is_gradual());
    let rules = moving.map(|(id, phase)| MoveRule {
        phase: id,
        budget: phase
            .kind
            .migration()
            .and_then(|migration| migration.downtime_budget),
    });
    rules.collect()
}

impl Tolerances {
    /// Resolves tolerances by the names of their counters.
    ///
    /// # Errors
    ///
    /// Returns the first that names no counter that is judged by default, with the near names.
    pub fn resolve(tolerances: &[Tolerance]) -> Result<Self, Misread> {
        let mut shares = BTreeMap::new();
        for tolerance in tolerances {
            let counter = &tolerance.counter;
            let Some(name) = tolerable().find(|known| known == counter) else {
                let otherwise = format!("those that can be: {}", listed(tolerable()));
                return Err(Misread::new(
                    format!("`{counter}` is no counter that can be tolerated"),
                    tolerance.place.clone(),
                )
                .with_help(near(counter, tolerable(), &otherwise)));
            };
            shares.insert(name, tolerance.share);
        }
        Ok(Self(shares))
    }

    /// Returns the share of `counter` that is forgiven: what the scenario says, or the default.
    pub fn share(&self, counter: &str) -> f64 {
        self.0.get(counter).copied().unwrap_or_else(|| {
            if counter == Breach::Uncertain.name() {
                UNCERTAIN_SHARE_MAX
            } else if counter == NOT_SENT {
                NOT_SENT_SHARE_MAX
            } else {
                0.0
            }
        })
    }
}

fn tolerable() -> impl Iterator<Item = &'static str> {
    let breaches = Breach::INTEGRITY
        .into_iter()
        .chain(Breach::BOUNCER)
        .chain([Breach::Uncertain]);
    breaches
        .map(Breach::name)
        .chain([NOT_SENT, LOCKED_OUT, ABSENT, READINGS])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::file::read;

    #[track_caller]
    fn check(tail: &str, want: &str) {
        let text = format!(
            "profile = \"p\"\n[population]\nusers = 10\nchannels = 5\n[phase.steady]\nkind = \"steady\"\nduration = \"15s\"\n{tail}"
        );
        let scenario = read("a.toml", &text, &BTreeMap::new()).unwrap();
        let got = match Rules::resolve(&scenario) {
            Ok(rules) => format!(
                "{} SLOs, lost {}, uncertain {}, not_sent {}",
                rules.slos.len(),
                rules.tolerances.share("lost"),
                rules.tolerances.share("uncertain"),
                rules.tolerances.share("not_sent")
            ),
            Err(misread) => format!("{misread} @ {} ? {}", misread.place, misread.help),
        };
        assert_eq!(got, want);
    }

    #[test]
    fn nothing_is_forgiven_but_a_little_doubt_and_a_few_holes() {
        check("", "0 SLOs, lost 0, uncertain 0.01, not_sent 0.05");
    }

    #[test]
    fn tolerances_replace_the_defaults() {
        check(
            "[[slo]]\ncheck = \"sent >= 99%\"\n[tolerate]\nlost = \"0.1%\"\nuncertain = 0.5\nnot_sent = 0.0\n",
            "1 SLOs, lost 0.001, uncertain 0.5, not_sent 0",
        );
    }

    #[test]
    fn names_that_nothing_judges_are_refused_where_they_stand() {
        check(
            "[tolerate]\nlosst = 0.1\n",
            "`losst` is no counter that can be tolerated @ a.toml:9:9 ? did you mean `lost`?",
        );
        // Every late delivery is a lost one that came after all.
        check(
            "[tolerate]\nforeign = 0.1\n",
            "`foreign` is no counter that can be tolerated @ a.toml:9:11 ? those that can be: `lost`, `duplicated`, `reordered`, \
             `misdelivered`, `misattributed`, `corrupted`, `truncated`, `presence_missed`, `echo_lost`, `backlog_missing`, `backlog_hidden`, `backlog_duplicated`, \
             `backlog_misordered`, `backlog_wrong_time`, `leaked`, `uncertain`, `not_sent`, `locked_out`, `absent`, `readings`",
        );
        check(
            "[[slo]]\ncheck = \"recover.split < 5s\"\n",
            "the scenario has no phase `split` @ a.toml:9:9 ? phases here: `steady`",
        );
    }
}
