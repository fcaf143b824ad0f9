//! The overseer of a run: forecasts, abort rules and the longest a run may take, looked at with every interval that closes.

use std::time::Duration;

use crate::gate::abort::Abort;
use crate::gate::abort::AbortRule;
use crate::gate::abort::Monitor;
use crate::gate::abort::Sight;
use crate::measure::forecast::Course;
use crate::measure::forecast::Forecast;
use crate::measure::interval::Interval;
use crate::measure::progress::Progress;
use crate::plan::Plan;
use crate::scenario::phase::PhaseKind;
use crate::units::id::PhaseId;
use crate::units::offset::Offset;

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

    /// Looks at an interval that has closed; returns the end that a rule makes of the run, if one does.
    pub(crate) fn look(
        &mut self,
        begins: Offset,
        length: Duration,
        interval: &Interval,
        progress: &Progress,
    ) -> Option<Abort> {
        let ends = begins + length;
        let users = u64::from(self.plan.scenario.population.users);
        let phases = (0u16..).map(PhaseId).zip(&mut self.courses);
        for ((phase, course), forecast) in phases.zip(&mut self.forecasts) {
            let since = self.plan.timeline.span(phase).begins;
            if let Some(course) = course
                && since < ends
            {
                course.push(ends.since(since), progress.online.min(users));
                *forecast = course.forecast(users);
            }
        }
        let is_playing: Vec<bool> = (0u16..)
            .map(PhaseId)
            .take(self.plan.scenario.phases.len())
            .map(|phase| {
                let span = self.plan.timeline.span(phase);
                span.begins <= begins && begins < span.ends
            })
            .collect();
        self.monitor.judge(&Sight {
            begins,
            ends,
            interval,
            progress,
            phases: &self.plan.scenario.phases,
            is_playing: &is_playing,
            forecasts: &self.forecasts,
        })
    }
}
