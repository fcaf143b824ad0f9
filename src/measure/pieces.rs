//! What a piece of something costs: a plane over how many are done and how many knock meanwhile, fitted by weighted least squares.

use std::time::Duration;

/// Rounds of all workers that are left out: they begin together, and what they work on has to take its load first.
const EARLY_ROUNDS: u32 = 2;
/// Fewest pieces, beside those that make a plane, with which it is told from scatter.
const FREE_MIN: f64 = 30.0;
/// Share of its own scatter that knocks must have beside the pieces done, to be told from them.
const APART_MIN: f64 = 0.02;

/// What each piece took, as workers share the work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pieces {
    workers: u32,
    /// Pieces left out so far: those with which the workers came into their stride.
    early: u32,
    sums: Sums,
}

impl Pieces {
    pub(crate) fn new(workers: u32) -> Self {
        Self {
            workers: workers.max(1),
            early: 0,
            sums: Sums::default(),
        }
    }

    /// Notes a piece: how many were done and how many a second knocked as it began, and what it took.
    pub(crate) fn push(&mut self, [done, knocks]: [f64; 2], took: Duration) {
        if self.early < EARLY_ROUNDS.saturating_mul(self.workers) {
            self.early += 1;
        } else {
            self.sums.push([done, knocks], took.as_secs_f64(), 1.0);
        }
    }

    /// Returns the line along which pieces cost, if with none done `knocks.0` a second knock, and `knocks.1` more with each.
    pub(crate) fn line(&self, knocks: (f64, f64)) -> Option<Line> {
        let freedom = self.sums.weight - 3.0;
        let workers = f64::from(self.workers);
        let line = self.sums.line(freedom, knocks)?;
        (freedom >= FREE_MIN).then(|| line.shared_by(workers))
    }
}

/// Weighted sums of costs over two things that they depend on, around their means.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    weight: f64,
    center: [f64; 2],
    level: f64,
    /// Of the two with themselves and each other, of each with the cost, of the cost with itself.
    squares: [f64; 2],
    cross: f64,
    with_cost: [f64; 2],
    cost_squares: f64,
}

impl Sums {
    /// Adds a cost that was measured over `weight` pieces.
    pub(crate) fn push(&mut self, at: [f64; 2], cost: f64, weight: f64) {
        self.weight += weight;
        let share = weight / self.weight;
        let away = [at[0] - self.center[0], at[1] - self.center[1]];
        let off = cost - self.level;
        for (center, away) in self.center.iter_mut().zip(away) {
            *center += away * share;
        }
        self.level += off * share;
        let left = weight * (1.0 - share);
        for (square, away) in self.squares.iter_mut().zip(away) {
            *square += left * away * away;
        }
        for (with_cost, away) in self.with_cost.iter_mut().zip(away) {
            *with_cost += left * away * off;
        }
        self.cross += left * away[0] * away[1];
        self.cost_squares += left * off * off;
    }

    /// Fits the plane, `freedom` being how many costs there are beyond those that make it, and cuts it where `knocks` lie.
    pub(crate) fn line(&self, freedom: f64, knocks: (f64, f64)) -> Option<Line> {
        let [done, knocking] = self.squares;
        if done <= 0.0 || freedom <= 0.0 {
            return None;
        }
        let determinant = done * knocking - self.cross * self.cross;
        let alone = (
            [self.with_cost[0] / done, 0.0],
            [[1.0 / done, 0.0], [0.0, 0.0]],
        );
        let (slopes, inverse) = if determinant > APART_MIN * done * knocking {
            let inverse = [
                [knocking / determinant, -self.cross / determinant],
                [-self.cross / determinant, done / determinant],
            ];
            let slope = |row: [f64; 2]| row[0] * self.with_cost[0] + row[1] * self.with_cost[1];
            let slopes = [slope(inverse[0]), slope(inverse[1])];
            // Nobody is moved faster because others knock.
            if slopes[1] > 0.0 {
                (slopes, inverse)
            } else {
                alone
            }
        } else {
            alone
        };
        let explained = slopes[0] * self.with_cost[0] + slopes[1] * self.with_cost[1];
        let piece_variance = ((self.cost_squares - explained) / freedom).max(0.0);
        Some(Line {
            weight: self.weight,
            level: self.level,
            center: self.center,
            slopes,
            inverse,
            piece_variance,
            knocks,
        })
    }
}

/// What a piece costs along a line of pieces done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    weight: f64,
    /// Cost at the center.
    level: f64,
    center: [f64; 2],
    slopes: [f64; 2],
    inverse: [[f64; 2]; 2],
    /// Variance of one piece around the plane.
    piece_variance: f64,
    /// Knocks with none done, and what each piece adds.
    knocks: (f64, f64),
}

impl Line {
    fn shared_by(self, workers: f64) -> Self {
        Self {
            level: self.level / workers,
            slopes: self.slopes.map(|slope| slope / workers),
            piece_variance: self.piece_variance / (workers * workers),
            ..self
        }
    }

    /// Returns what the pieces between two numbers of pieces cost together, however far the line is drawn.
    pub(crate) fn sum(&self, to: f64, from: f64) -> f64 {
        let count = (to - from).max(0.0);
        count * self.cost(f64::midpoint(from, to), count).0
    }

    /// Returns what a piece costs on average over `count` pieces around `middle`, and the standard error of it.
    pub(crate) fn cost(&self, middle: f64, count: f64) -> (f64, f64) {
        let knocks = (self.knocks.0 + self.knocks.1 * middle).max(0.0);
        let away = [middle - self.center[0], knocks - self.center[1]];
        let cost = self.level + self.slopes[0] * away[0] + self.slopes[1] * away[1];
        let [[a, b], [_, c]] = self.inverse;
        let leverage = a * away[0] * away[0] + 2.0 * b * away[0] * away[1] + c * away[1] * away[1];
        let share = 1.0 / self.weight + leverage + 1.0 / count.max(1.0);
        // A cost never falls to nothing: a line that says so is the scatter's doing.
        (
            cost.max(self.level / 10.0),
            libm::sqrt(self.piece_variance * share),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_knocks_cost_is_told_from_what_pieces_cost() {
        // Six tenths of a second, five thousandths for each piece done, two for each knock; knocks come and go.
        let cost = |done: f64, knocks: f64| 0.6 + 0.005 * done + 0.002 * knocks;
        let mut pieces = Pieces::new(1);
        for number in 0..60u32 {
            let (done, knocks) = (f64::from(number), f64::from(number * 37 % 200));
            let took = Duration::from_secs_f64(cost(done, knocks));
            pieces.push([done, knocks], took);
        }
        let line = pieces.line((100.0, -0.1)).unwrap();
        let (told, error) = line.cost(500.0, 100.0);
        assert!((told - cost(500.0, 50.0)).abs() < 1e-6, "{told}");
        assert!(error < 1e-6, "{error}");
    }

    #[test]
    fn knocks_that_go_as_pieces_come_are_not_told_from_them() {
        let mut pieces = Pieces::new(2);
        for number in 0..60u32 {
            let done = f64::from(number);
            pieces.push(
                [done, 200.0 - done],
                Duration::from_secs_f64(1.0 + 0.01 * done),
            );
        }
        let line = pieces.line((200.0, -1.0)).unwrap();
        assert!((line.cost(100.0, 1.0).0 - 1.0).abs() < 1e-9);
        assert!(line.slopes[1].abs() < 1e-9);
    }

    #[test]
    fn a_few_pieces_tell_nothing() {
        let mut pieces = Pieces::new(1);
        for number in 0..32u32 {
            pieces.push([f64::from(number), 0.0], Duration::from_secs(1));
        }
        assert!(pieces.line((0.0, 0.0)).is_none());
    }
}
