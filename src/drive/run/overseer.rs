//! The overseer of a run: forecasts, abort rules and the longest a run may take, looked at with every interval that closes.

use crate::gate::abort::Abort;
use crate::gate::abort::AbortRule;
use crate::gate::abort::Monitor;
use crate::gate::abort::Sight;
use crate::gate::figure;
use crate::measure::forecast::Course;
use crate::measure::forecast::Forecast;
use crate::measure::interval::Interval;
use crate::measure::migration::Migrations;
use crate::measure::outcome::PhaseOutcome;
use crate::measure::progress::Progress;
use crate::plan::Plan;
use crate::scenario::phase::PhaseKind;
use crate::units::offset::Offset;
use crate::units::span;

/// Watches over a run.
pub(crate) struct Overseer<'a> {
    plan: &'a Plan,
    monitor: Monitor<'a>,
    /// How each ramp goes, by phase.
    courses: Vec<Option<Course>>,
    forecasts: Vec<Option<Forecast>>,
}

impl<'a> Overseer<'a> {
    pub(crate) fn new(plan: &'a Plan, rules: &'a [AbortRule]) -> Self {
        let is_ramp = |kind: &PhaseKind| matches!(kind, PhaseKind::Ramp { .. });
        let phases = plan.scenario.phases.iter();
        let courses = phases.map(|phase| is_ramp(&phase.kind).then(Course::default));
        Self {
            plan,
            monitor: Monitor::new(rules),
            forecasts: vec![None; plan.scenario.phases.len()],
            courses: courses.collect(),
        }
    }

    /// Returns the forecasts, by phase.
    pub(crate) fn forecasts(&self) -> &[Option<Forecast>] {
        &self.forecasts
    }

    /// Looks at an interval that has closed; returns the end that a rule makes of the run, if one does.
    pub(crate) fn look(
        &mut self,
        begins: Offset,
        phases: &[PhaseOutcome],
        interval: &Interval,
        progress: &Progress,
        migrations: &Migrations,
    ) -> Option<Abort> {
        let ends = begins + Interval::LENGTH;
        let users = u64::from(self.plan.scenario.driven_count());
        let courses = self.courses.iter_mut().zip(&mut self.forecasts);
        for (phase, (course, forecast)) in phases.iter().zip(courses) {
            if let Some(course) = course
                && phase.begins < ends
            {
                course.push(ends.since(phase.begins), progress.online.min(users));
                *forecast = course.forecast(users);
            }
        }
        for migration in migrations.all() {
            let forecast = migration.forecast.filter(|_| !migration.is_over);
            self.forecasts[migration.phase.index()] = forecast;
        }
        let is_playing: Vec<bool> = phases
            .iter()
            .map(|phase| phase.begins <= begins && begins < phase.ends)
            .collect();
        let abort = self.monitor.judge(&Sight {
            begins,
            ends,
            interval,
            progress,
            phases: &self.plan.scenario.phases,
            is_playing: &is_playing,
            forecasts: &self.forecasts,
            migrations,
        });
        abort.or_else(|| self.too_long(ends))
    }

    /// Returns the end of a run that has taken longer than its scenario lets it.
    pub(crate) fn too_long(&self, now: Offset) -> Option<Abort> {
        let length = self.plan.scenario.max_length?;
        (now > Offset::ZERO + length).then(|| Abort {
            text: format!(
                "the run took longer than its `max_length` of {}",
                figure::duration(span::micros(length))
            ),
            is_hard: false,
            then: None,
        })
    }
}
