//! The events of an import, in order of time.

use std::sync::Arc;

use crate::traffic::capture::connections::Connections;
use crate::traffic::capture::row::Names;
use crate::traffic::capture::row::Row;
use crate::traffic::trace::event::DETAIL_REPLY;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::TraceMeta;
use crate::traffic::trace::pseudonym::Pseudonyms;

/// The events of an import, in order of time.
#[derive(Debug)]
pub struct Imported {
    meta: TraceMeta,
    network: Arc<str>,
    rows: std::vec::IntoIter<Row>,
    names: Names,
    pseudonyms: Pseudonyms,
    connections: Connections,
}

impl Imported {
    /// Returns the events of `rows`, sorted.
    pub(crate) fn new(
        meta: TraceMeta,
        network: &str,
        mut rows: Vec<Row>,
        names: Names,
        pseudonyms: Pseudonyms,
    ) -> Self {
        // Stable: events of one tick keep the order of their lines.
        rows.sort_by_key(|row| row.at_us);
        Self {
            meta,
            network: Arc::from(network),
            rows: rows.into_iter(),
            names,
            pseudonyms,
            connections: Connections::default(),
        }
    }

    /// Returns what holds for all events.
    pub fn meta(&self) -> &TraceMeta {
        &self.meta
    }
}

impl Iterator for Imported {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let row = self.rows.next()?;
        let (names, pseudonyms) = (&self.names, &mut self.pseudonyms);
        let parties = self
            .connections
            .handle(&row, &mut |id| pseudonyms.user(names.name(id)));
        let is_reply = row.kind.is_talk() && row.channel.is_some() && !parties.peer.is_empty();
        let detail = if is_reply {
            Arc::from(DETAIL_REPLY)
        } else {
            Arc::from(names.name(row.detail))
        };
        Some(Event {
            at_us: row.at_us,
            kind: row.kind,
            network: Arc::clone(&self.network),
            channel: row.channel.map_or_else(
                || Arc::from(""),
                |channel| pseudonyms.channel(names.name(channel)),
            ),
            user: parties.user,
            peer: parties.peer,
            bytes: row.bytes,
            detail,
            text: row.text.unwrap_or_default(),
        })
    }
}
