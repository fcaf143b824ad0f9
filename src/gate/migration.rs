//! Migrations before the gate: the figures that conditions on `migrate.<phase>` take, and what speaks against a pass by itself.

use std::time::Duration;

use crate::gate::figure;
use crate::gate::judgement::Found;
use crate::gate::judgement::Measured;
use crate::gate::judgement::lacking;
use crate::gate::metric::Moving;
use crate::gate::rules::MoveRule;
use crate::gate::verdict::Reason;
use crate::gate::verdict::ReasonKind;
use crate::measure::mark::Mark;
use crate::measure::mark::MarkKind;
use crate::measure::migration::Migration;
use crate::measure::migration::Migrations;
use crate::measure::outcome::Ending;
use crate::measure::outcome::Outcome;
use crate::measure::outcome::PhaseOutcome;
use crate::units::span::micros;

/// Returns a figure of how a phase moved accounts.
pub(crate) fn find(
    phases: &[PhaseOutcome],
    migrations: &Migrations,
    name: &str,
    moving: Moving,
) -> Found {
    let phase = phases.iter().find(|phase| phase.name == name);
    let Some(migration) = phase.and_then(|phase| migrations.of(phase.phase)) else {
        return lacking(format!("`{name}` has not begun"));
    };
    let measured = match moving {
        Moving::Took => migration.took(),
        Moving::Unavailable => Some(migration.unavailable),
        Moving::LongestWait => Some(migration.longest_wait),
    };
    Found {
        measured: measured.map(|time| Measured::Micros(micros(time))),
        samples: migration.done(),
        lack: standing(name, migration),
    }
}

/// Returns how far a migration has come, as a sentence.
fn standing(name: &str, migration: &Migration) -> String {
    format!(
        "`{name}` has moved {} of {} accounts",
        figure::count(migration.done()),
        figure::count(migration.to_do())
    )
}

/// Returns what speaks against a pass without a condition: moves that failed, accounts left behind, a budget that is spent.
pub(crate) fn reasons(outcome: &Outcome, rules: &[MoveRule]) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut against = |kind, code: &str, text| {
        reasons.push(Reason {
            kind,
            code: code.to_owned(),
            text,
        });
    };
    let all = outcome.migrations.all();
    for (index, migration) in all.iter().enumerate() {
        let phase = outcome.phases.get(migration.phase.index());
        let name = phase.map_or("", |phase| &phase.name);
        let failed = migration.failed();
        if failed > 0 {
            let complaint = outcome.migrations.complaints().first();
            let complaint = complaint.map_or_else(String::new, |text| format!(": {text}"));
            let text = format!(
                "`{name}` could not move {} of {} accounts{complaint}",
                figure::count(failed),
                figure::count(migration.to_do())
            );
            against(ReasonKind::Breach, "moves_failed", text);
        }
        // What is rolled back is not to be finished.
        let is_undone = migration.is_undone(all.get(index + 1));
        let is_over = matches!(outcome.ending, Ending::Complete | Ending::Aborted);
        if migration.took().is_none() && failed == 0 && !is_undone && is_over {
            let text = format!("{} when its time was over", standing(name, migration));
            against(ReasonKind::Unmet, "migration_unfinished", text);
        }
        let rule = rules.iter().find(|rule| rule.phase == migration.phase);
        if let Some(budget) = rule.and_then(|rule| rule.budget) {
            let undoing = all.get(index + 1).filter(|_| is_undone);
            let spent = undoing.map_or(Duration::ZERO, |undoing| undoing.unavailable);
            let spent = migration.unavailable + spent;
            if spent > budget {
                let text = format!(
                    "users were away for {} together while `{name}` moved them, over their budget of {}",
                    figure::duration(micros(spent)),
                    figure::duration(micros(budget))
                );
                against(ReasonKind::Unmet, "downtime_budget", text);
            }
        }
    }
    let is_demanded = |mark: &Mark| mark.kind == MarkKind::RollBack;
    let is_whole = outcome.ending == Ending::Complete && !outcome.marks.iter().any(is_demanded);
    for phase in outcome.phases.iter().filter(|_| is_whole) {
        let moves = rules.iter().any(|rule| rule.phase == phase.phase);
        if moves && phase.begins < outcome.ended && outcome.migrations.of(phase.phase).is_none() {
            reasons.push(Reason {
                kind: ReasonKind::Unmet,
                code: "nothing_moved".to_owned(),
                text: format!("`{}` found nothing to move", phase.name),
            });
        }
    }
    reasons
}
