//! What happened on a run's timeline, as tables: mass events, migrations, what a person did.

use std::io;
use std::io::Write;

use crate::gate::figure;
use crate::report::layout::Columns;
use crate::report::layout::elided;
use crate::report::layout::printable;
use crate::report::migration::HEADS;
use crate::report::result::RunResult;
use crate::report::text::PHASE_WIDTH_MAX;
use crate::report::text::Page;
use crate::report::text::moment;

impl<W: Write> Page<'_, W> {
    pub(super) fn events(&mut self, result: &RunResult) -> io::Result<()> {
        if result.events.is_empty() {
            return Ok(());
        }
        let mut columns = Columns::new(1, 11);
        columns.push(
            [
                "event", "struck", "over", "hit", "whole", "half", "95 %", "all", "calm", "lost",
                "others",
            ]
            .map(str::to_owned),
        );
        for event in &result.events {
            let timed = |micros: Option<u64>| micros.map_or("–".to_owned(), figure::duration);
            columns.push([
                elided(&printable(&event.phase), PHASE_WIDTH_MAX),
                moment(event.struck_us),
                moment(event.cause_gone_us),
                figure::count(event.affected),
                figure::count(event.recovered),
                timed(event.whole_p50_us),
                timed(event.whole_p95_us),
                match (event.is_over, event.recover_us) {
                    (true, Some(micros)) => figure::duration(micros),
                    (true, None) => "–".to_owned(),
                    (false, _) => "not over".to_owned(),
                },
                timed(event.latency_back_us),
                figure::count(event.window_lost),
                timed(Some(event.bystanders.p99).filter(|_| event.bystanders.count > 0)),
            ]);
        }
        self.table("Recovery", &columns)
    }

    pub(super) fn migrations(&mut self, result: &RunResult) -> io::Result<()> {
        if result.migrations.is_empty() {
            return Ok(());
        }
        let mut columns = Columns::new(1, 7);
        columns.push(HEADS.map(str::to_owned));
        for migration in &result.migrations {
            columns.push(migration.cells(&elided(&printable(&migration.phase), PHASE_WIDTH_MAX)));
        }
        self.table("Migration", &columns)
    }

    pub(super) fn marks(&mut self, result: &RunResult) -> io::Result<()> {
        if result.marks.is_empty() {
            return Ok(());
        }
        let mut columns = Columns::new(2, 3);
        columns.push(["mark", "", "at"].map(str::to_owned));
        for mark in &result.marks {
            columns.push([
                mark.kind.clone(),
                elided(&printable(&mark.text), PHASE_WIDTH_MAX),
                moment(mark.at_us),
            ]);
        }
        self.table("Steered", &columns)
    }
}
