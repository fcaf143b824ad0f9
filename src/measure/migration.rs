//! How a migration goes: accounts moved, what is still to come of it, and what it costs its users.

use std::collections::VecDeque;
use std::time::Duration;

use crate::measure::forecast::Course;
use crate::measure::forecast::Forecast;
use crate::measure::forecast::NoReturn;
use crate::measure::interval::Interval;
use crate::measure::progress::Progress;
use crate::units::id::PhaseId;
use crate::units::offset::Offset;

/// Intervals whose knocks are kept: moves that take longer count those of their end.
const KNOCKS_KEPT: usize = 600;
/// Failed moves whose reason is kept.
const COMPLAINTS_MAX: usize = 20;

/// How far a queue of accounts has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Accounts in all.
    pub total: u64,
    /// Accounts on the new server.
    pub moved: u64,
    /// Accounts under way, either way.
    pub moving: u64,
    /// Moves that failed: their accounts are where they were.
    pub failed: u64,
}

/// Where an account is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the new server.
    Over,
    /// To the old one.
    Back,
}

/// A move that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// Which way it went.
    pub way: Way,
    /// How many accounts had gone that way when it began.
    pub done_before: u64,
    /// When it began.
    pub begun: Offset,
    /// How long it took.
    pub took: Duration,
}

/// What a queue has to tell at the end of an interval.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// How far it has come.
    pub standing: Standing,
    /// The moves that were over since it told last.
    pub moves: Vec<Move>,
}

/// A migration, or what undoes one, up to the end of an interval.
#[derive(Clone, Debug)]
pub struct Migration {
    /// The phase.
    pub phase: PhaseId,
    /// Which way accounts go.
    pub way: Way,
    /// When it began.
    pub begun: Offset,
    /// When its queue was done.
    pub ended: Option<Offset>,
    /// How far it has come.
    pub standing: Standing,
    /// When it will be done, from its beginning.
    pub forecast: Option<Forecast>,
    /// How long it would take from here to move everybody back.
    pub back: Option<Duration>,
    /// Where going back takes as long as going on.
    pub no_return: Option<NoReturn>,
    /// Time that users who were to be online were not, all together, from its beginning until the next one's.
    pub unavailable: Duration,
    /// The longest that one of them has waited.
    pub longest_wait: Duration,
    /// Whether the next one has begun: nothing more will come of it.
    pub is_over: bool,
    /// Moves that had failed when it began.
    failed_before: u64,
    /// Accounts on the new server when it began.
    moved_before: u64,
    course: Course,
    /// How many were turned away in each interval of late, by its end.
    knocks: VecDeque<(Offset, f64)>,
}

impl Migration {
    /// Returns one that begins.
    fn new(
        phase: PhaseId,
        way: Way,
        (begun, standing): (Offset, Standing),
        workers: Option<u32>,
    ) -> Self {
        Self {
            phase,
            way,
            begun,
            ended: None,
            standing,
            forecast: None,
            back: None,
            no_return: None,
            is_over: false,
            unavailable: Duration::ZERO,
            longest_wait: Duration::ZERO,
            failed_before: standing.failed,
            // Those under way arrive before they go back.
            moved_before: match way {
                Way::Over => standing.moved,
                Way::Back => standing.moved + standing.moving,
            },
            knocks: VecDeque::new(),
            course: workers.map_or_else(Course::default, Course::of_workers),
        }
    }

    /// Takes how far the queue has come by the end of an interval, which ended at `now`.
    fn enter(&mut self, now: Offset, news: &News) {
        self.standing = news.standing;
        if self.ended.is_some() {
            return;
        }
        let since = now.since(self.begun);
        for ended in news.moves.iter().filter(|ended| ended.way == self.way) {
            let knocks = self.knocks_at(ended.begun);
            self.course
                .push_piece(ended.done_before, knocks, ended.took);
        }
        self.course.knocks(self.knocks_at(now));
        let (done, total) = (self.done(), self.to_do());
        self.course.push(since, done);
        self.forecast = self.course.forecast(total);
        if self.way == Way::Over {
            self.back = self.course.back();
            self.no_return = self.course.no_return(total);
        }
    }

    /// Takes that its queue is done.
    fn end(&mut self, now: Offset, news: &News) {
        self.enter(now, news);
        self.ended = Some(now);
    }

    /// Returns how many a second were turned away around a moment.
    fn knocks_at(&self, at: Offset) -> f64 {
        let mut after = 0.0;
        for &(ends, knocks) in self.knocks.iter().rev() {
            if ends <= at {
                // As many as in the interval before and the one of that moment, as far as it had gone.
                let share = at.since(ends).div_duration_f64(Interval::LENGTH).min(1.0);
                return knocks * (1.0 - share) + after * share;
            }
            after = knocks;
        }
        after
    }

    /// Takes what an interval cost its users.
    fn enter_absence(&mut self, ends: Offset, interval: &Interval, progress: &Progress) {
        #[expect(clippy::cast_precision_loss, reason = "connections of a second")]
        let knocks = interval.refused.total() as f64;
        self.knocks.push_back((ends, knocks));
        if self.knocks.len() > KNOCKS_KEPT {
            self.knocks.pop_front();
        }
        let away = progress.wanted.saturating_sub(progress.online);
        let away = u32::try_from(away).unwrap_or(u32::MAX);
        self.unavailable += Interval::LENGTH.saturating_mul(away);
        self.longest_wait = self.longest_wait.max(interval.pending.connect);
    }

    /// Returns how many accounts it could not move.
    pub fn failed(&self) -> u64 {
        self.standing.failed.saturating_sub(self.failed_before)
    }

    /// Returns how many accounts it has moved its way.
    pub fn done(&self) -> u64 {
        match self.way {
            Way::Over => self.standing.moved.saturating_sub(self.moved_before),
            Way::Back => self.moved_before.saturating_sub(self.standing.moved),
        }
    }

    /// Returns how many accounts it has to move its way.
    pub fn to_do(&self) -> u64 {
        match self.way {
            Way::Over => self.standing.total.saturating_sub(self.moved_before),
            Way::Back => self.moved_before,
        }
    }

    /// Returns whether every account has been moved its way.
    pub fn is_whole(&self) -> bool {
        self.done() >= self.to_do()
    }

    /// Returns whether the next one undoes it.
    pub fn is_undone(&self, next: Option<&Self>) -> bool {
        self.way == Way::Over && next.is_some_and(|next| next.way == Way::Back)
    }

    /// Returns from its beginning until it was done; `None` while it is not, or if it left accounts behind.
    pub fn took(&self) -> Option<Duration> {
        let ended = self.ended.filter(|_| self.is_whole())?;
        Some(ended.since(self.begun))
    }
}

/// The migrations of a run, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Migrations {
    all: Vec<Migration>,
    /// Why moves failed, a sentence each.
    complaints: Vec<String>,
}

impl Migrations {
    /// Notes that a phase begins to move accounts, when and from where: so many at a time, where each move's own time will be told.
    pub fn begin(
        &mut self,
        phase: PhaseId,
        way: Way,
        begun: (Offset, Standing),
        workers: Option<u32>,
    ) {
        if let Some(last) = self.all.last_mut() {
            last.is_over = true;
        }
        self.all.push(Migration::new(phase, way, begun, workers));
    }

    /// Takes the time out of it for which it was held.
    pub fn delay(&mut self, by: Duration) {
        if let Some(last) = self.all.last_mut().filter(|last| last.ended.is_none()) {
            last.begun += by;
        }
    }

    /// Takes how far the last one had come by the run's end.
    pub fn close(&mut self, standing: Standing) {
        if let Some(last) = self.all.last_mut() {
            last.standing = standing;
        }
    }

    /// Takes an interval that has closed, and how far queue and run had come at its end. While it `is_held` it costs its users time, and
    /// tells nothing of how it goes.
    pub fn enter(
        &mut self,
        ends: Offset,
        news: &News,
        (interval, progress): (&Interval, &Progress),
        is_held: bool,
    ) {
        let Some(last) = self.all.last_mut().filter(|last| last.begun < ends) else {
            return;
        };
        last.enter_absence(ends, interval, progress);
        if !is_held {
            last.enter(ends, news);
        }
    }

    /// Notes that the queue of the last one is done.
    pub fn end(&mut self, now: Offset, news: &News) {
        if let Some(last) = self.all.last_mut() {
            last.end(now, news);
        }
    }

    /// Notes why a move failed.
    pub fn complain(&mut self, why: String) {
        if self.complaints.len() < COMPLAINTS_MAX {
            self.complaints.push(why);
        }
    }

    /// Returns why moves failed: of the first few.
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// Returns them in the order in which they began.
    pub fn all(&self) -> &[Migration] {
        &self.all
    }

    /// Returns that of a phase.
    pub fn of(&self, phase: PhaseId) -> Option<&Migration> {
        self.all.iter().find(|migration| migration.phase == phase)
    }
}
