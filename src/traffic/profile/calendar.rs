//! Forty-eight hours, of a weekday and of a weekend day, and how a channel talks in each.

use crate::traffic::profile::HOUR_SECS;
use crate::traffic::profile::WEEK_HOURS;
use crate::traffic::profile::number;

/// Cells of a calendar: weekday or weekend, times 24 hours.
pub const CELL_COUNT: usize = 48;

/// Hours of a week that precede Saturday 00:00.
const WORKWEEK_HOURS: u32 = 5 * 24;

/// How a channel talks in one hour of the calendar.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cell {
    /// Episodes that start by themselves in an hour of silence in this cell.
    pub starts_per_hour: f64,
    /// Mean messages of an episode that starts in this cell; at least one.
    pub mean_size: f64,
}

/// The cells by day and hour, UTC: 24 of a weekday, then 24 of a weekend day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calendar {
    cells: [Cell; CELL_COUNT],
}

impl Calendar {
    /// Returns the calendar of these cells.
    pub fn new(cells: [Cell; CELL_COUNT]) -> Self {
        Self { cells }
    }

    /// Returns the cells.
    pub fn cells(&self) -> &[Cell; CELL_COUNT] {
        &self.cells
    }

    /// Returns the cell of an hour of the week, counted from Monday 00:00; hours past the week wrap.
    pub fn cell(&self, week_hour: u32) -> Cell {
        self.cells
            .get(cell_index(week_hour))
            .copied()
            .unwrap_or_default()
    }
}

/// Returns the number of the cell to which an hour of the week belongs.
pub fn cell_index(week_hour: u32) -> usize {
    let hour = week_hour % WEEK_HOURS;
    let weekend = if hour >= WORKWEEK_HOURS { 24 } else { 0 };
    (weekend + hour % 24) as usize
}

/// Returns the hour of the week, counted from Monday 00:00, in which `week_secs` lies; any week will do.
pub fn week_hour(week_secs: f64) -> u32 {
    let hours = libm::floor(week_secs / f64::from(HOUR_SECS));
    let weeks = libm::floor(hours / f64::from(WEEK_HOURS));
    number::whole(hours - weeks * f64::from(WEEK_HOURS)) % WEEK_HOURS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saturday_and_sunday_are_the_weekend() {
        assert_eq!(cell_index(0), 0);
        assert_eq!(cell_index(119), 23);
        assert_eq!(cell_index(120), 24);
        assert_eq!(cell_index(167), 47);
        assert_eq!(cell_index(168), 0);
    }

    #[test]
    fn hours_wrap_at_the_week_on_both_sides() {
        assert_eq!(week_hour(0.0), 0);
        assert_eq!(week_hour(3_599.9), 0);
        assert_eq!(week_hour(-1.0), 167);
        assert_eq!(week_hour(7.0 * 86_400.0), 0);
    }
}
