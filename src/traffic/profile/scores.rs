//! How well a profile's generator did when it was checked against the capture: its scores, kept beside the profile.

/// The scores of one check.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// The generator that was checked.
    pub generator: String,
    /// Samples of each fit.
    pub seed_count: u32,
    /// The day, UTC, as `2026-01-31`.
    pub checked_on: String,
    /// The scores, in the order of reports.
    pub rows: Vec<ScoreRow>,
}

/// One score. Less is better.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreRow {
    /// Its key, as `profile check` has it.
    pub key: String,
    /// Of generated traffic: mean over samples.
    pub generated: f64,
    /// Of live traffic against other live traffic.
    pub live: Option<f64>,
    /// The most that is let pass, where something is demanded.
    pub demanded: Option<f64>,
}

impl ScoreRow {
    /// Returns whether what is demanded is met; `None` where nothing is.
    pub fn is_met(&self) -> Option<bool> {
        self.demanded.map(|demanded| self.generated <= demanded)
    }
}

impl Scores {
    /// Returns how many demands are met, of how many.
    pub fn met(&self) -> (usize, usize) {
        let judged = self.rows.iter().filter_map(ScoreRow::is_met);
        judged.fold((0, 0), |(met, all), is_met| {
            (met + usize::from(is_met), all + 1)
        })
    }

    /// Returns one line for people.
    pub(crate) fn text(&self) -> String {
        let (met, all) = self.met();
        let missed: Vec<String> = self
            .rows
            .iter()
            .filter(|row| row.is_met() == Some(false))
            .map(|row| format!("{} {}", row.key, row.generated))
            .collect();
        let missed = if missed.is_empty() {
            String::new()
        } else {
            format!("; missed: {}", missed.join(", "))
        };
        format!(
            "{met} of {all} demands met by {} in {} samples, checked on {}{missed}",
            self.generator, self.seed_count, self.checked_on
        )
    }
}
