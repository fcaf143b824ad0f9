//! Accounts moved between servers: in `result.json`, and interval by interval in `migration.csv`.

use std::io;
use std::io::Write;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::gate::figure;
use crate::measure::migration as measured;
use crate::measure::migration::Migrations;
use crate::measure::migration::Way;
use crate::measure::outcome::PhaseOutcome;
use crate::units::offset::Offset;
use crate::units::span::micros;

/// Version of the columns.
pub const SCHEMA: u32 = 1;

const COLUMNS: &str = "at_s,phase,moved,total,moving,failed,finish_s,finish_earliest_s,finish_latest_s,back_s,no_return_moved,no_return_s,\
    longest_wait_s,unavailable_s";

/// What tables show of migrations.
pub(crate) const HEADS: [&str; 7] = [
    "migration",
    "moved",
    "failed",
    "took",
    "forecast",
    "users away",
    "longest wait",
];

/// A migration, or what undoes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// The phase.
    pub phase: String,
    /// Whether accounts were moved back.
    pub is_back: bool,
    /// Whether the next one undoes it.
    #[serde(default)]
    pub is_undone: bool,
    /// When it began.
    pub begun_us: i64,
    /// From its beginning until its queue was done; null if it left accounts behind.
    pub took_us: Option<u64>,
    /// Accounts that it was to move.
    pub to_do: u64,
    /// Accounts that it moved.
    pub moved: u64,
    /// Accounts that it could not move.
    pub failed: u64,
    /// Its last forecast of `took_us`; null if there never was one.
    pub forecast_us: Option<u64>,
    /// No sooner than this, nineteen times of twenty.
    pub forecast_earliest_us: Option<u64>,
    /// No later than this.
    pub forecast_latest_us: Option<u64>,
    /// How long it would have taken to move everybody back from where it ended.
    pub back_us: Option<u64>,
    /// With how many accounts moved going back takes as long as going on.
    pub no_return_moved: Option<u64>,
    /// When that was, or would have been, from its beginning.
    pub no_return_us: Option<u64>,
    /// Time that users who were to be online were not, all together.
    pub unavailable_us: u64,
    /// The longest that one of them waited.
    pub longest_wait_us: u64,
}

impl Migration {
    /// Returns a migration as results have it.
    pub(crate) fn new(
        migration: &measured::Migration,
        next: Option<&measured::Migration>,
        phases: &[PhaseOutcome],
    ) -> Self {
        let forecast = migration.forecast;
        Self {
            phase: name(migration, phases).to_owned(),
            is_back: migration.way == Way::Back,
            is_undone: migration.is_undone(next),
            begun_us: migration.begun.as_micros(),
            took_us: migration.took().map(micros),
            to_do: migration.to_do(),
            moved: migration.done(),
            failed: migration.failed(),
            forecast_us: forecast.map(|forecast| micros(forecast.expected)),
            forecast_earliest_us: forecast.map(|forecast| micros(forecast.earliest)),
            forecast_latest_us: forecast.map(|forecast| micros(forecast.latest)),
            back_us: migration.back.map(micros),
            no_return_moved: migration.no_return.map(|point| point.pieces),
            no_return_us: migration.no_return.map(|point| micros(point.at)),
            unavailable_us: micros(migration.unavailable),
            longest_wait_us: micros(migration.longest_wait),
        }
    }

    /// Returns what tables show of it under [`HEADS`], `phase` being its name as shown there.
    pub(crate) fn cells(&self, phase: &str) -> [String; 7] {
        let known = |micros: Option<u64>| micros.map_or("–".to_owned(), figure::duration);
        [
            phase.to_owned(),
            format!(
                "{} of {}",
                figure::count(self.moved),
                figure::count(self.to_do)
            ),
            figure::count(self.failed),
            match (self.took_us, self.is_undone) {
                (Some(took), _) => figure::duration(took),
                (None, true) => "undone".to_owned(),
                (None, false) => "not over".to_owned(),
            },
            known(self.forecast_us.filter(|_| self.took_us.is_none())),
            figure::duration(self.unavailable_us),
            figure::duration(self.longest_wait_us),
        ]
    }
}

fn name<'a>(migration: &measured::Migration, phases: &'a [PhaseOutcome]) -> &'a str {
    let phase = phases.iter().find(|phase| phase.phase == migration.phase);
    phase.map_or("", |phase| &phase.name)
}

/// A series under way. Every row is flushed, so that a killed run leaves all of them.
#[derive(Debug)]
pub struct MigrationWriter<W: Write> {
    out: W,
    /// Of phases, by identifier.
    names: Vec<String>,
}

impl<W: Write> MigrationWriter<W> {
    /// Returns a series that has its head written; `names` are those of the phases, in order.
    ///
    /// # Errors
    ///
    /// Returns the writer's error.
    pub fn new(mut out: W, names: Vec<String>) -> io::Result<Self> {
        writeln!(out, "# splitstorm migration, schema={SCHEMA}\n{COLUMNS}")?;
        out.flush()?;
        Ok(Self { out, names })
    }

    /// Appends how the migration that is under way had come by `ends`; nothing before the first has begun. What is not known is left
    /// empty.
    ///
    /// # Errors
    ///
    /// Returns the writer's error.
    pub fn append(&mut self, ends: Offset, migrations: &Migrations) -> io::Result<()> {
        let Some(migration) = migrations.all().last() else {
            return Ok(());
        };
        let secs = |duration: Option<Duration>| {
            duration.map_or_else(String::new, |duration| {
                format!("{:.3}", duration.as_secs_f64())
            })
        };
        let forecast = migration.forecast;
        let point = migration.no_return;
        let standing = migration.standing;
        let numbers = [
            standing.moved,
            standing.total,
            standing.moving,
            standing.failed,
        ];
        let name = self.names.get(migration.phase.index());
        let mut row = csv::Writer::from_writer(Vec::new());
        let cells = [
            format!("{:.3}", ends.as_secs_f64()),
            name.cloned().unwrap_or_default(),
        ];
        let cells = cells
            .into_iter()
            .chain(numbers.map(|number| number.to_string()))
            .chain([
                secs(forecast.map(|forecast| forecast.expected)),
                secs(forecast.map(|forecast| forecast.earliest)),
                secs(forecast.map(|forecast| forecast.latest)),
                secs(migration.back),
                point.map_or_else(String::new, |point| point.pieces.to_string()),
                secs(point.map(|point| point.at)),
                secs(Some(migration.longest_wait)),
                secs(Some(migration.unavailable)),
            ]);
        row.write_record(cells)?;
        let row = row.into_inner().map_err(csv::IntoInnerError::into_error)?;
        self.out.write_all(&row)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::interval::Interval;
    use crate::measure::migration::News;
    use crate::measure::migration::Standing;
    use crate::measure::progress::Progress;
    use crate::units::id::PhaseId;

    #[test]
    fn every_row_has_every_column_and_nothing_where_nothing_is_known() {
        let mut out = Vec::new();
        let names = vec!["ramp".to_owned(), "move, at last".to_owned()];
        let mut writer = MigrationWriter::new(&mut out, names).unwrap();
        let mut migrations = Migrations::default();
        writer.append(Offset::from_secs(1), &migrations).unwrap();
        let mut standing = Standing {
            total: 100,
            ..Standing::default()
        };
        migrations.begin(
            PhaseId(1),
            Way::Over,
            (Offset::from_secs(1), standing),
            None,
        );
        let progress = Progress {
            wanted: 9,
            online: 5,
            ..Progress::default()
        };
        for secs in 2..=22 {
            standing.moved += 2;
            let ends = Offset::from_secs(secs);
            let news = News {
                standing,
                moves: Vec::new(),
            };
            migrations.enter(ends, &news, (&Interval::new(), &progress), false);
            if [2, 22].contains(&secs) {
                writer.append(ends, &migrations).unwrap();
            }
        }
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
