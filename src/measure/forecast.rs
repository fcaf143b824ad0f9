//! When something that goes on piece by piece will be done, from how it has gone so far.
//!
//! What a piece costs is taken to be a line in the number of pieces done: a target that gets slower with every user it takes is
//! then told early. The line is fitted by weighted least squares; its uncertainty and the scatter of the pieces make the interval.

use std::time::Duration;

/// Blocks into which the course so far is cut for the fit.
const BLOCK_COUNT: usize = 12;
/// Fewest blocks with which a line is told from scatter.
const BLOCKS_MIN: usize = 4;
/// Half width of the interval in standard errors: 95 % for as few blocks as these.
const WIDTH: f64 = 2.3;
/// Longest forecast: beyond it only "never" is told.
const SECS_MAX: f64 = 1e9;

/// How something has gone so far.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// Seconds since its beginning, and pieces done by then; both only grow. Two for each number of pieces at most.
    samples: Vec<(f64, f64)>,
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

/// A stretch of the course.
#[derive(Clone, Copy, Debug)]
struct Block {
    pieces: f64,
    secs: f64,
    /// Pieces done at its middle.
    middle: f64,
}

impl Course {
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
        let blocks = self.blocks();
        if blocks.len() < BLOCKS_MIN {
            return None;
        }
        let line = Line::fit(&blocks)?;
        let (left, middle) = (total - done, f64::midpoint(total, done));
        let (cost, error) = line.cost(middle, left);
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

/// What a piece costs: a line in the number of pieces done.
struct Line {
    /// Cost at `center`.
    level: f64,
    slope: f64,
    center: f64,
    /// Variance of the level, of the slope, and of one piece around the line.
    level_variance: f64,
    slope_variance: f64,
    piece_variance: f64,
}

impl Line {
    /// Fits costs per piece, each weighing as many pieces as it was measured over.
    fn fit(blocks: &[Block]) -> Option<Self> {
        let pieces: f64 = blocks.iter().map(|block| block.pieces).sum();
        let mean = |of: &dyn Fn(&Block) -> f64| {
            blocks
                .iter()
                .map(|block| block.pieces * of(block))
                .sum::<f64>()
                / pieces
        };
        let cost = |block: &Block| block.secs / block.pieces;
        let (center, level) = (mean(&|block| block.middle), mean(&cost));
        let spread = mean(&|block| (block.middle - center) * (block.middle - center)) * pieces;
        if spread <= 0.0 {
            return None;
        }
        let slope =
            mean(&|block| (block.middle - center) * (cost(block) - level)) * pieces / spread;
        #[expect(clippy::cast_precision_loss, reason = "a dozen")]
        let freedom = blocks.len() as f64 - 2.0;
        let residual = |block: &Block| cost(block) - level - slope * (block.middle - center);
        let piece_variance = mean(&|block| residual(block) * residual(block)) * pieces / freedom;
        Some(Self {
            level,
            slope,
            center,
            level_variance: piece_variance / pieces,
            slope_variance: piece_variance / spread,
            piece_variance,
        })
    }

    /// Returns what a piece costs on average over `count` pieces around `middle`, and the standard error of it.
    fn cost(&self, middle: f64, count: f64) -> (f64, f64) {
        let away = middle - self.center;
        let cost = self.level + self.slope * away;
        let variance = self.level_variance
            + self.slope_variance * away * away
            + self.piece_variance / count.max(1.0);
        // A cost never falls to nothing: a line that says so is the scatter's doing.
        (cost.max(self.level / 10.0), libm::sqrt(variance))
    }
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
