//! What the conductor looks at beside its shards: the target's process, and the judge of a bouncer.

use crate::drive::run::aftermath;
use crate::drive::run::bouncer::Bouncer;
use crate::drive::run::bouncer::judging::Judging;
use crate::drive::run::conduct::Conductor;
use crate::gate::identity::Announced;
use crate::measure::interval::Interval;
use crate::measure::outcome::Outcome;
use crate::measure::process::ProcessUse;
use crate::measure::process::WatchedProcess;
use crate::swarm::report::ShardReport;
use crate::units::offset::Offset;

impl Conductor<'_> {
    /// Judges what lies an interval back while the rest comes in.
    pub(super) fn drain(&mut self, now: Offset) {
        if let Some(judging) = &mut self.judging {
            let mut interval = Interval::new();
            judging.drain(now - Interval::LENGTH, &mut interval);
            self.tally.enter_open(&interval);
        }
    }

    /// Samples the target's process, where it is watched, and notes its end.
    pub(super) fn look_at_target(&mut self) -> Option<ProcessUse> {
        let now = self.now();
        if let Some(bouncer) = self.conduct.bouncer {
            return self.look_at_bouncer(bouncer, now);
        }
        let watched = self.conduct.watched?;
        let process = self
            .tally
            .process_mut()
            .get_or_insert_with(|| WatchedProcess::new(watched.pid, watched.name.clone()));
        if process.death.is_some() {
            return None;
        }
        let sample = watched.sample(now);
        if sample.is_none() {
            let is_announced =
                aftermath::announced(&self.conduct.plan.scenario) == Announced::Restart;
            process.end(now, watched.oom_kills(), is_announced);
        }
        sample.map(|sample| process.enter(sample))
    }

    /// Samples the bouncer's process, which may have been started again, and notes an end that nobody made.
    fn look_at_bouncer(&mut self, bouncer: &Bouncer, now: Offset) -> Option<ProcessUse> {
        if self.upheavals.is_down() {
            return None;
        }
        let Some(watched) = bouncer.watch() else {
            if let Some(process) = self.tally.process_mut()
                && bouncer.ended().is_some()
            {
                process.end(now, None, false);
            }
            return None;
        };
        let process = self
            .tally
            .process_mut()
            .get_or_insert_with(|| WatchedProcess::new(watched.pid, watched.name.clone()));
        let sample = watched.sample(now)?;
        Some(process.enter(sample))
    }

    /// Judges what the last reports told, and adds what the judge of a bouncer found.
    pub(super) fn judge_rest(
        judging: Option<Judging<'_>>,
        reports: &mut [ShardReport],
        outcome: &mut Outcome,
    ) {
        let Some(mut judging) = judging else { return };
        for report in reports {
            judging.tell(std::mem::take(&mut report.told));
        }
        judging.finish(outcome.ended, outcome);
    }
}
