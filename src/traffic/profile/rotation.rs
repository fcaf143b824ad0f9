//! Rotation: a user's cycle, shifted by whole steps and repeated without end.

use crate::traffic::profile::number;
use crate::traffic::profile::timeline::StayRow;

/// Two moments this close are the same: rows are written in milliseconds.
const SAME_SECS: f64 = 0.001;

/// How the cycle of one group of users lies in time.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotation {
    /// Length of the cycle in seconds.
    pub cycle_secs: f64,
    /// Second of the group's first cycle that lies at the start of time.
    pub phase_secs: f64,
    /// Shift of each cycle in seconds: whole steps, below the length of the cycle.
    pub shifts_secs: Vec<f64>,
}

impl Rotation {
    /// Returns when something that happens at `row_secs` of the cycle happens in cycle number `cycle`.
    pub fn moment(&self, cycle: usize, row_secs: f64) -> f64 {
        self.start_of(cycle) + self.shifted(cycle, row_secs)
    }

    /// Returns the same rotation with everything `secs` later, which is less than a cycle.
    #[must_use]
    pub fn later(&self, secs: f64) -> Self {
        let mut later = self.clone();
        later.phase_secs -= secs;
        if later.phase_secs < 0.0 {
            // What lay at the end of the cycle before is there now; that cycle's shift is as good as any.
            later.phase_secs += self.cycle_secs;
            later
                .shifts_secs
                .splice(0..0, self.shifts_secs.last().copied());
        }
        later
    }

    /// Returns the stays of a user from the start of time until `until_secs`, sorted and disjoint.
    ///
    /// Pieces that meet where a cycle wraps are one stay. A stay that is cut there, because the user is away on the other
    /// side, is seen to end or to begin.
    pub fn stays(&self, rows: &[StayRow], until_secs: f64) -> Vec<StayRow> {
        let mut stays: Vec<StayRow> = Vec::new();
        for cycle in 0..self.shifts_secs.len() {
            let start = self.start_of(cycle);
            if start >= until_secs {
                break;
            }
            for piece in self.pieces(cycle, rows) {
                match stays.last_mut() {
                    Some(last)
                        if !last.has_leave
                            && !piece.has_join
                            && is_same(last.end_secs, piece.start_secs) =>
                    {
                        last.end_secs = piece.end_secs;
                        last.cause = piece.cause;
                        last.has_leave = piece.has_leave;
                    }
                    _ => stays.push(piece),
                }
            }
        }
        let is_wrap = |secs: f64| {
            let cycles = (secs + self.phase_secs) / self.cycle_secs;
            is_same(
                libm::round(cycles) * self.cycle_secs,
                cycles * self.cycle_secs,
            ) || self.is_seam(secs)
        };
        stays.retain(|stay| stay.end_secs > 0.0 && stay.start_secs < until_secs);
        for stay in &mut stays {
            stay.has_join = stay.has_join || is_wrap(stay.start_secs);
            stay.has_leave = stay.has_leave || is_wrap(stay.end_secs);
            if stay.start_secs <= 0.0 {
                stay.start_secs = 0.0;
                stay.has_join = false;
            }
            if stay.end_secs >= until_secs {
                stay.end_secs = until_secs;
                stay.has_leave = false;
            }
        }
        stays
    }

    /// Returns the rows of one cycle where they lie in time, in order; one that wraps is two.
    fn pieces(&self, cycle: usize, rows: &[StayRow]) -> Vec<StayRow> {
        let start = self.start_of(cycle);
        let end = start + self.cycle_secs;
        let mut pieces = Vec::with_capacity(rows.len() + 1);
        for row in rows {
            let mut piece = *row;
            piece.start_secs = self.moment(cycle, row.start_secs);
            piece.end_secs = piece.start_secs + (row.end_secs - row.start_secs);
            if piece.end_secs > end + SAME_SECS {
                let mut rest = piece;
                rest.start_secs = start;
                rest.end_secs = piece.end_secs - self.cycle_secs;
                rest.has_join = false;
                pieces.push(rest);
                piece.end_secs = end;
                piece.has_leave = false;
            }
            pieces.push(piece);
        }
        pieces.sort_by(|one, other| one.start_secs.total_cmp(&other.start_secs));
        pieces
    }

    /// Returns when a cycle starts.
    fn start_of(&self, cycle: usize) -> f64 {
        number::real(cycle) * self.cycle_secs - self.phase_secs
    }

    /// Returns where in its shifted cycle a row lies.
    fn shifted(&self, cycle: usize, row_secs: f64) -> f64 {
        let shift = self.shifts_secs.get(cycle).copied().unwrap_or(0.0);
        let secs = row_secs + shift;
        if secs >= self.cycle_secs {
            secs - self.cycle_secs
        } else {
            secs
        }
    }

    /// Returns whether the captured cycle's end and beginning meet at a moment.
    fn is_seam(&self, secs: f64) -> bool {
        (0..self.shifts_secs.len()).any(|cycle| is_same(secs, self.moment(cycle, 0.0)))
    }
}

/// Returns whether two moments are the same.
fn is_same(one: f64, other: f64) -> bool {
    (one - other).abs() <= SAME_SECS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::trace::cause::LeaveCause;

    fn row(start_secs: f64, end_secs: f64) -> StayRow {
        StayRow {
            channel: 0,
            start_secs,
            end_secs,
            cause: LeaveCause::Quit,
            has_join: start_secs > 0.0,
            has_leave: end_secs < 100.0,
        }
    }

    /// Rotates rows of a cycle of 100 s and shows the stays, `<` and `>` where nobody sees them begin or end.
    #[track_caller]
    fn check(
        rows: &[StayRow],
        phase_secs: f64,
        shifts_secs: &[f64],
        until_secs: f64,
        want: &[&str],
    ) {
        let rotation = Rotation {
            cycle_secs: 100.0,
            phase_secs,
            shifts_secs: shifts_secs.to_vec(),
        };
        let found: Vec<String> = rotation
            .stays(rows, until_secs)
            .iter()
            .map(|stay| {
                let (before, after) = (
                    if stay.has_join { "" } else { "<" },
                    if stay.has_leave { "" } else { ">" },
                );
                format!("{before}{}-{}{after}", stay.start_secs, stay.end_secs)
            })
            .collect();
        assert_eq!(found, want);
    }

    #[test]
    fn cycles_follow_each_other_with_their_own_shifts() {
        let rows = [row(10.0, 20.0), row(50.0, 60.0)];
        check(
            &rows,
            0.0,
            &[0.0, 30.0],
            200.0,
            &["10-20", "50-60", "140-150", "180-190"],
        );
    }

    #[test]
    fn a_stay_that_wraps_is_joined_where_its_pieces_meet() {
        let rows = [row(80.0, 90.0)];
        check(
            &rows,
            0.0,
            &[15.0, 15.0],
            200.0,
            &["<0-5", "95-105", "195-200>"],
        );
    }

    #[test]
    fn a_stay_that_is_cut_at_the_wrap_is_seen_to_end() {
        let rows = [row(80.0, 90.0)];
        check(
            &rows,
            0.0,
            &[15.0, 0.0],
            200.0,
            &["<0-5", "95-100", "180-190"],
        );
    }

    #[test]
    fn what_is_later_is_whole_and_in_order() {
        let rows = [row(10.0, 20.0), row(95.0, 99.0)];
        let rotation = Rotation {
            cycle_secs: 100.0,
            phase_secs: 2.0,
            shifts_secs: vec![0.0, 30.0, 0.0],
        };
        let spans = |rotation: &Rotation| {
            let stays = rotation.stays(&rows, 150.0);
            let spans = stays.iter().map(|stay| (stay.start_secs, stay.end_secs));
            spans.collect::<Vec<(f64, f64)>>()
        };
        let later = rotation.later(8.0);
        for (from, to) in spans(&rotation) {
            // The run's end cuts one, the end of time none.
            let moved = (from + 8.0, (to + 8.0).min(150.0));
            assert!(
                spans(&later).contains(&moved),
                "{moved:?} {:?}",
                spans(&later)
            );
        }
        // What lay before the start of time comes into it: the other way round of the cycle before.
        assert_eq!(spans(&later).first(), Some(&(1.0, 5.0)));
        assert_eq!(rotation.later(0.0), rotation);
    }

    #[test]
    fn the_ends_of_the_capture_meet() {
        let all = [row(0.0, 100.0)];
        check(&all, 20.0, &[30.0, 60.0, 0.0], 200.0, &["<0-200>"]);
        let ends = [row(0.0, 10.0), row(90.0, 100.0)];
        check(&ends, 0.0, &[50.0], 100.0, &["40-60"]);
        let beginning = [row(0.0, 10.0)];
        check(&beginning, 0.0, &[50.0], 100.0, &["50-60"]);
    }
}
