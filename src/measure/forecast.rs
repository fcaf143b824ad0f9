//! When something that goes on piece by piece will be done, from how it has gone so far.
//!
//! What a piece costs is taken to be a line in the number of pieces done: a target that gets slower with every user it takes is
//! then told early. The line is fitted by weighted least squares; its uncertainty and the scatter of the pieces make the interval.
//! Where each piece's own time is known, the line is fitted to those: what is only counted comes in the bursts of its workers.

use std::time::Duration;

use crate::measure::pieces::Line;
use crate::measure::pieces::Pieces;
use crate::measure::pieces::Sums;

/// Blocks into which the course so far is cut for the fit.
const BLOCK_COUNT: usize = 12;
/// Fewest blocks with which a line is told from scatter.
const BLOCKS_MIN: usize = 4;
/// Half width of the interval in standard errors: 95 % for as few blocks as these.
const WIDTH: f64 = 2.3;
/// How far a cost may lie off its line, as a share of it, though nothing scatters: no line is quite straight.
const BEND: f64 = 0.02;
/// Largest standard error with which a forecast is told, as a share of what it says is left.
const DOUBT_MAX: f64 = 0.6;
/// Longest forecast: beyond it only "never" is told.
const SECS_MAX: f64 = 1e9;

/// How something has gone so far.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// Seconds since its beginning, and pieces done by then; both only grow. Two for each number of pieces at most.
    samples: Vec<(f64, f64)>,
    /// How many a second are turned away of late.
    knocks: f64,
    /// What each piece took by itself, if that is known.
    pieces: Option<Pieces>,
}

/// When it will be done, from its beginning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// Most likely.
    pub expected: Duration,
    /// No sooner than this, nineteen times of twenty.
    pub earliest: Duration,
    /// No later than this.
    pub latest: Duration,
}

/// The point of a course beyond which it takes longer to go back than to go on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoReturn {
    /// Pieces done there.
    pub pieces: u64,
    /// When it is reached, or was, from the course's beginning.
    pub at: Duration,
}

/// A stretch of the course.
#[derive(Clone, Copy, Debug)]
struct Block {
    pieces: f64,
    secs: f64,
    /// Pieces done at its middle.
    middle: f64,
}

impl Course {
    /// Returns one of whose pieces each one's own time will be told, `workers` of them being under way at a time.
    pub fn of_workers(workers: u32) -> Self {
        Self {
            samples: Vec::new(),
            knocks: 0.0,
            pieces: Some(Pieces::new(workers)),
        }
    }

    /// Notes what a piece took that began when so many were done, and so many a second were turned away.
    #[expect(clippy::cast_precision_loss, reason = "pieces are users of a run")]
    pub fn push_piece(&mut self, done: u64, knocks: f64, took: Duration) {
        if let Some(pieces) = &mut self.pieces {
            pieces.push([done as f64, knocks], took);
        }
    }

    /// Notes how many a second are turned away of late.
    pub fn knocks(&mut self, knocks: f64) {
        self.knocks = knocks;
    }

    /// Notes how many pieces are done a time after the beginning.
    #[expect(clippy::cast_precision_loss, reason = "pieces are users of a run")]
    pub fn push(&mut self, since: Duration, done: u64) {
        let sample = (since.as_secs_f64(), done as f64);
        let is_onward = self
            .samples
            .last()
            .is_none_or(|&(secs, done)| secs < sample.0 && done <= sample.1);
        if !is_onward {
            return;
        }
        // Of a stretch in which nothing gets done, only its ends matter: once all is done it lasts as long as the run.
        if let [.., (_, before), (secs, last)] = &mut self.samples[..]
            && (*before, *last) == (sample.1, sample.1)
        {
            *secs = sample.0;
        } else {
            self.samples.push(sample);
        }
    }

    /// Returns when `total` pieces will be done; `None` before there is enough to tell.
    #[expect(clippy::cast_precision_loss, reason = "pieces are users of a run")]
    pub fn forecast(&self, total: u64) -> Option<Forecast> {
        let &(now, done) = self.samples.last()?;
        let total = total as f64;
        if done >= total {
            let at = self.samples.iter().find(|&&(_, done)| done >= total);
            let at = Duration::from_secs_f64(at.map_or(now, |&(secs, _)| secs));
            return Some(Forecast {
                expected: at,
                earliest: at,
                latest: at,
            });
        }
        let line = self.line(self.knocks_until(total))?;
        let (left, middle) = (total - done, f64::midpoint(total, done));
        let (cost, scatter) = line.cost(middle, left);
        let error = libm::hypot(scatter, BEND * cost);
        if error > DOUBT_MAX * cost {
            return None;
        }
        // Time since the last piece has passed already.
        let at = |cost: f64| {
            let secs = (now + (left * cost).max(0.0)).min(SECS_MAX);
            Duration::from_secs_f64(secs)
        };
        Some(Forecast {
            expected: at(cost),
            earliest: at(cost - WIDTH * error),
            latest: at(cost + WIDTH * error),
        })
    }

    /// Returns how long it takes to undo all that has been done, each piece at what it costs with as many done as then, nobody knocking.
    pub fn back(&self) -> Option<Duration> {
        let &(_, done) = self.samples.last()?;
        let secs = self.line((0.0, 0.0))?.sum(done, 0.0).min(SECS_MAX);
        Some(Duration::from_secs_f64(secs))
    }

    /// Returns where going back takes as long as going on to `total`.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "pieces are users of a run"
    )]
    pub fn no_return(&self, total: u64) -> Option<NoReturn> {
        let &(now, done) = self.samples.last()?;
        let total = total as f64;
        let line = self.line(self.knocks_until(total))?;
        let back = self.line((0.0, 0.0))?;
        // What is done costs more and more of the whole, so that halving finds it.
        let (mut low, mut high) = (0.0, total);
        while high - low > 0.5 {
            let middle = f64::midpoint(low, high);
            if back.sum(middle, 0.0) < line.sum(total, middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        let at = if high <= done {
            let passed = self.samples.iter().find(|&&(_, done)| done >= high);
            passed.map_or(now, |&(secs, _)| secs)
        } else {
            (now + line.sum(high, done)).min(SECS_MAX)
        };
        Some(NoReturn {
            pieces: libm::round(high) as u64,
            at: Duration::from_secs_f64(at),
        })
    }

    /// Returns how many a second knock with none done, and how many more with each: they are those who are still to be moved.
    fn knocks_until(&self, total: f64) -> (f64, f64) {
        let done = self.samples.last().map_or(0.0, |&(_, done)| done);
        let each = self.knocks / (total - done).max(1.0);
        (each * total, -each)
    }

    fn line(&self, knocks: (f64, f64)) -> Option<Line> {
        if let Some(pieces) = &self.pieces {
            return pieces.line(knocks);
        }
        let blocks = self.blocks();
        (blocks.len() >= BLOCKS_MIN).then(|| of_blocks(&blocks))?
    }

    /// Cuts the course into stretches of about as many pieces each.
    fn blocks(&self) -> Vec<Block> {
        let (Some(&(_, first)), Some(&(_, last))) = (self.samples.first(), self.samples.last())
        else {
            return Vec::new();
        };
        #[expect(clippy::cast_precision_loss, reason = "a dozen")]
        let size = ((last - first) / BLOCK_COUNT as f64).max(1.0);
        let mut blocks = Vec::new();
        let Some(&(mut from_secs, mut from_done)) = self.samples.first() else {
            return blocks;
        };
        for &(secs, done) in &self.samples {
            if done - from_done >= size {
                blocks.push(Block {
                    pieces: done - from_done,
                    secs: secs - from_secs,
                    middle: f64::midpoint(from_done, done),
                });
                (from_secs, from_done) = (secs, done);
            }
        }
        blocks
    }
}

/// Fits costs per piece, each weighing as many pieces as it was measured over.
fn of_blocks(blocks: &[Block]) -> Option<Line> {
    let mut sums = Sums::default();
    for block in blocks {
        sums.push([block.middle, 0.0], block.secs / block.pieces, block.pieces);
    }
    #[expect(clippy::cast_precision_loss, reason = "a dozen")]
    let freedom = blocks.len() as f64 - 2.0;
    sums.line(freedom, (0.0, 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a course sampled once a second whose piece number n costs `cost(n)` seconds.
    fn course(cost: impl Fn(f64) -> f64, until_secs: f64) -> Course {
        let mut course = Course::default();
        let (mut done, mut at) = (0u32, 0.0);
        for second in 0.. {
            let second = f64::from(second);
            if second > until_secs {
                break;
            }
            while at + cost(f64::from(done)) <= second {
                at += cost(f64::from(done));
                done += 1;
            }
            course.push(Duration::from_secs_f64(second), u64::from(done));
        }
        course
    }

    #[test]
    fn an_even_pace_goes_on() {
        let forecast = course(|_| 0.1, 60.0).forecast(6_000).unwrap();
        let truth = Duration::from_mins(10);
        let is_near = forecast.expected.abs_diff(truth) < truth / 30;
        let is_within = forecast.earliest <= truth && truth <= forecast.latest;
        assert!(is_near && is_within, "{forecast:?}");
    }

    #[test]
    fn a_target_that_gets_slower_is_told_early() {
        // A thousand users at a second each, and a hundredth of a second more for everyone there already.
        let truth: f64 = (0..1_000).map(|n| 1.0 + 0.01 * f64::from(n)).sum();
        let tenth = course(|n| 1.0 + 0.01 * n, truth / 20.0);
        let forecast = tenth.forecast(1_000).unwrap();
        let expected = forecast.expected.as_secs_f64();
        assert!((expected / truth - 1.0).abs() < 0.1, "{forecast:?} {truth}");
    }

    #[test]
    fn there_is_a_point_beyond_which_going_on_is_shorter() {
        let even = course(|_| 1.0, 100.0);
        let point = even.no_return(400).unwrap();
        assert_eq!(point.pieces, 200);
        assert!(point.at.abs_diff(Duration::from_secs(200)) < Duration::from_secs(5));
        let back = even.back().unwrap();
        assert!(back.abs_diff(Duration::from_secs(100)) < Duration::from_secs(5));
        // What gets slower is half done late: of a cost that grows from nothing, at the square root of a half.
        let slower = course(|n| 0.01 + 0.01 * n, 100.0).no_return(400).unwrap();
        assert!(slower.pieces.abs_diff(283) < 8, "{slower:?}");
        // Those who knock are in the way of going on alone: a second for a piece, and as much for all who knock on average.
        let mut course = Course::of_workers(1);
        for number in 0..200u32 {
            let knocks = f64::from((400 - number) * 5 % 700);
            let took = Duration::from_secs_f64(1.0 + knocks / 200.0);
            course.push_piece(u64::from(number), knocks, took);
        }
        course.push(Duration::from_secs(400), 200);
        course.knocks(200.0);
        let point = course.no_return(400).unwrap();
        assert_eq!(course.back().unwrap().as_secs(), 200);
        // Two hundred are left, and on average half of them knock: n = (400 - n) * (1 + (400 - n) / 400).
        assert!(point.pieces.abs_diff(234) < 3, "{point:?}");
        // Where it has passed, it is told when.
        let passed = even.no_return(150).unwrap();
        assert_eq!((passed.pieces, passed.at.as_secs()), (75, 75));
    }

    #[test]
    fn nothing_is_told_of_nothing() {
        assert_eq!(Course::default().forecast(10), None);
        assert_eq!(course(|_| 30.0, 60.0).forecast(10), None);
        let done = course(|_| 1.0, 60.0).forecast(20).unwrap();
        assert_eq!(done.expected, Duration::from_secs(20));
    }

    #[test]
    fn what_is_long_done_takes_no_more_room() {
        let mut course = Course::default();
        for secs in 0..100_000 {
            course.push(Duration::from_secs(secs), secs.min(50));
        }
        assert_eq!(course.samples.len(), 52);
        let done = course.forecast(50).unwrap();
        assert_eq!(done.expected, Duration::from_secs(50));
    }
}
