//! The events of an import, in order of time.

use std::collections::HashMap;

use crate::traffic::capture::naming::Naming;
use crate::traffic::capture::repeats::Repeats;
use crate::traffic::capture::row::NAMELESS;
use crate::traffic::capture::row::NameId;
use crate::traffic::capture::row::Names;
use crate::traffic::capture::row::Row;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventKind;
use crate::traffic::trace::event::TraceMeta;
use crate::traffic::trace::pseudonym::Pseudonyms;

/// The events of an import, in order of time.
#[derive(Debug)]
pub struct Imported {
    meta: TraceMeta,
    repeat_count: u64,
    rows: std::vec::IntoIter<Row>,
    naming: Naming,
}

impl Imported {
    /// Returns the events of `rows`, sorted.
    pub(crate) fn new(
        meta: TraceMeta,
        network: &str,
        mut rows: Vec<Row>,
        names: Names,
        mut pseudonyms: Pseudonyms,
        loggers: &HashMap<NameId, u32>,
    ) -> Self {
        // Stable: events of one tick keep the order of their lines.
        rows.sort_by_key(|row| row.at_us);
        let repeat_count = drop_repeats(&mut rows, meta.tick_us, loggers);
        let mut meta = meta;
        meta.overlaps = loggers
            .iter()
            .filter(|&(&channel, &count)| channel != NAMELESS && count > 1)
            .map(|(&channel, &count)| (pseudonyms.channel(names.name(channel)), count))
            .collect();
        meta.overlaps.sort_unstable();
        Self {
            meta,
            repeat_count,
            rows: rows.into_iter(),
            naming: Naming::new(network, names, pseudonyms),
        }
    }

    /// Returns how many events were told more than once and count once.
    pub fn repeat_count(&self) -> u64 {
        self.repeat_count
    }

    /// Returns what holds for all events.
    pub fn meta(&self) -> &TraceMeta {
        &self.meta
    }
}

/// Drops what another log has told: QUIT and NICK from log to log, all else of a channel from logger to logger.
/// Returns how many events that were.
fn drop_repeats(rows: &mut Vec<Row>, tick_us: u32, loggers: &HashMap<NameId, u32>) -> u64 {
    let told_count = rows.len();
    let mut repeats = Repeats::new(tick_us);
    rows.retain(|row| {
        let is_everywhere = matches!(row.kind, EventKind::Quit | EventKind::Nick);
        let has_loggers = row
            .channel
            .and_then(|channel| loggers.get(&channel))
            .is_some_and(|&count| count > 1);
        !((is_everywhere || has_loggers) && repeats.is_repeat(row))
    });
    (told_count - rows.len()) as u64
}

impl Iterator for Imported {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let row = self.rows.next()?;
        Some(self.naming.event(row))
    }
}
