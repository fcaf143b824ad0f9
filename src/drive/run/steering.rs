//! A person at a run that goes on: what they ask for is done, noted on its timeline, and answered.

use std::time::Duration;

use crate::drive::control::Control;
use crate::drive::control::wire::Answer;
use crate::drive::control::wire::EventStatus;
use crate::drive::control::wire::ForecastStatus;
use crate::drive::control::wire::MigrationStatus;
use crate::drive::control::wire::Request;
use crate::drive::control::wire::Status;
use crate::drive::run::NOTICE;
use crate::drive::run::overseer::Overseer;
use crate::gate::abort::Abort;
use crate::measure::interval::Interval;
use crate::measure::ledger::counts::Breach;
use crate::measure::mark::Mark;
use crate::measure::mark::MarkKind;
use crate::measure::migration::Migrations;
use crate::measure::operation::Operation;
use crate::measure::outcome::PhaseOutcome;
use crate::measure::progress::Progress;
use crate::units::id::PhaseId;
use crate::units::offset::Offset;
use crate::units::span;

/// Longest note kept.
const NOTE_CHARS_MAX: usize = 400;
/// Most marks kept; a script that writes more has a log of its own.
const MARKS_MAX: usize = 10_000;

/// What a person may do to a run, and has done.
pub(crate) struct Steering<'a> {
    control: Option<&'a Control>,
    held_since: Option<Offset>,
    /// What was done so far.
    pub(crate) marks: Vec<Mark>,
    latest: Latest,
}

/// The state of the run at the end of the last interval.
#[derive(Default)]
struct Latest {
    progress: Progress,
    sent: u64,
    planned: u64,
    message_p99_us: Option<u64>,
    pending_age: Duration,
}

/// What the run is to do.
pub(crate) enum Step {
    /// Nothing plays that is planned later than this.
    Hold(Offset),
    /// What waited since the first moment goes on at the second.
    Resume(Offset, Offset),
    Abort(Abort),
    /// This phase is played, which undoes a migration.
    RollBack(PhaseId),
}

/// What a status is told of.
pub(crate) struct Run<'a> {
    pub(crate) now: Offset,
    pub(crate) ends: Offset,
    pub(crate) is_draining: bool,
    pub(crate) phases: &'a [PhaseOutcome],
    pub(crate) overseer: &'a Overseer<'a>,
    /// The roll-back that may be asked for, or why none may be.
    pub(crate) roll_back: Result<PhaseId, &'static str>,
    pub(crate) migrations: &'a Migrations,
}

impl<'a> Steering<'a> {
    pub(crate) fn new(control: Option<&'a Control>) -> Self {
        Self {
            control,
            held_since: None,
            marks: Vec::new(),
            latest: Latest::default(),
        }
    }

    pub(crate) fn is_held(&self) -> bool {
        self.held_since.is_some()
    }

    /// Takes an interval that has closed, and how far the run had come at its end.
    pub(crate) fn enter(&mut self, interval: &Interval, progress: Progress) {
        let latest = &mut self.latest;
        latest.sent += interval.sent;
        latest.planned += interval.planned;
        let response = &interval.times(Operation::Message).response;
        latest.message_p99_us = response.at_quantile(0.99).or(latest.message_p99_us);
        latest.pending_age = interval.pending.message;
        latest.progress = progress;
    }

    /// Answers what was asked since the last look; returns what the run is to do about it.
    pub(crate) fn look(&mut self, run: &Run<'_>) -> Vec<Step> {
        let mut steps = Vec::new();
        while let Some(asked) = self.control.and_then(Control::poll) {
            let answer = match self.obey(&asked.request, run) {
                Ok(step) => {
                    steps.extend(step);
                    Answer::Done(Box::new(self.status(run)))
                }
                Err(refused) => Answer::refused(refused),
            };
            asked.answer(answer);
        }
        steps
    }

    fn obey(&mut self, request: &Request, run: &Run<'_>) -> Result<Option<Step>, String> {
        if run.is_draining && !matches!(request, Request::Status | Request::Mark { .. }) {
            return Err("the plan has been played; the run waits for what is open".to_owned());
        }
        let soon = run.now + NOTICE;
        match (request, self.held_since) {
            (Request::Status, _) => Ok(None),
            (Request::Hold, Some(_)) => Err("the run is held already".to_owned()),
            (Request::Hold, None) => {
                self.held_since = Some(soon);
                self.mark(soon, MarkKind::Hold, "");
                Ok(Some(Step::Hold(soon)))
            }
            (Request::Resume, None) => Err("the run is not held".to_owned()),
            (Request::Resume, Some(since)) => {
                // A hold that no shard has come to yet has held nothing.
                let at = soon.max(since);
                self.held_since = None;
                self.mark(at, MarkKind::Resume, "");
                Ok(Some(Step::Resume(since, at)))
            }
            (Request::Abort { hard }, _) => {
                self.mark(run.now, MarkKind::Abort, "");
                Ok(Some(Step::Abort(Abort {
                    text: "a person ended the run".to_owned(),
                    is_hard: *hard,
                    then: None,
                })))
            }
            (Request::RollBack, Some(_)) => {
                Err("the run is held: let it go on, and ask again".to_owned())
            }
            (Request::RollBack, None) => {
                let phase = run.roll_back?;
                self.mark(run.now, MarkKind::RollBack, "");
                Ok(Some(Step::RollBack(phase)))
            }
            (Request::Mark { text }, _) => {
                let note: String = text.chars().take(NOTE_CHARS_MAX).collect();
                self.mark(run.now, MarkKind::Mark, &note);
                Ok(None)
            }
        }
    }

    fn mark(&mut self, at: Offset, kind: MarkKind, text: &str) {
        if self.marks.len() < MARKS_MAX {
            self.marks.push(Mark {
                at,
                kind,
                text: text.to_owned(),
            });
        }
    }

    fn status(&self, run: &Run<'_>) -> Status {
        let latest = &self.latest;
        let name = |phase: usize| {
            run.phases
                .get(phase)
                .map_or("", |phase| &phase.name)
                .to_owned()
        };
        let is_playing = |phase: &&PhaseOutcome| phase.begins <= run.now && run.now < phase.ends;
        let stage = match (run.is_draining, self.is_held()) {
            (true, _) => "draining",
            (false, true) => "held",
            (false, false) => "playing",
        };
        let forecasts = (0..).zip(run.overseer.forecasts());
        Status {
            at_s: run.now.as_secs_f64(),
            ends_s: run.ends.as_secs_f64(),
            stage: stage.to_owned(),
            phases: run
                .phases
                .iter()
                .filter(is_playing)
                .map(|phase| phase.name.clone())
                .collect(),
            online: latest.progress.online,
            wanted: latest.progress.wanted,
            sent: latest.sent,
            planned: latest.planned,
            lost: latest.progress.ledger.count(Breach::Lost),
            message_p99_us: latest.message_p99_us,
            pending_age_us: span::micros(latest.pending_age),
            forecasts: forecasts
                .filter_map(|(phase, forecast)| {
                    let forecast = forecast.as_ref()?;
                    Some(ForecastStatus {
                        phase: name(phase),
                        expected_s: forecast.expected.as_secs_f64(),
                        earliest_s: forecast.earliest.as_secs_f64(),
                        latest_s: forecast.latest.as_secs_f64(),
                    })
                })
                .collect(),
            migrations: run
                .migrations
                .all()
                .iter()
                .map(|migration| MigrationStatus {
                    phase: name(migration.phase.index()),
                    moved: migration.standing.moved,
                    total: migration.standing.total,
                    failed: migration.standing.failed,
                    back_s: migration.back.map(|back| back.as_secs_f64()),
                    no_return_moved: migration.no_return.map(|point| point.pieces),
                    unavailable_s: migration.unavailable.as_secs_f64(),
                    longest_wait_s: migration.longest_wait.as_secs_f64(),
                })
                .collect(),
            events: latest
                .progress
                .events
                .iter()
                .map(|event| EventStatus {
                    phase: name(event.phase.index()),
                    affected: event.affected,
                    recovered: event.recovered,
                })
                .collect(),
        }
    }
}
