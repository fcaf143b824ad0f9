//! A run that is held: what is planned later waits, and is put off by as long as it waited.

use std::time::Duration;

use crate::swarm::Shard;
use crate::units::offset::Offset;

/// Whether and for how long the plan was held.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hold {
    /// Since when; what is due later waits.
    since: Option<Offset>,
    /// By how much everything that is still to come was put off.
    shift: Duration,
}

impl Hold {
    /// Returns by how much the plan was put off so far.
    pub(crate) fn shift(self) -> Duration {
        self.shift
    }

    /// Returns when something due at `at` may be done: never, while the plan is held.
    pub(crate) fn released(self, at: Offset) -> Offset {
        match self.since {
            Some(since) if at > since => Offset::NEVER,
            _ => at,
        }
    }
}

impl Shard {
    /// Holds the plan from `at` on: whoever is there stays, what was sent is still seen and judged, nothing more is begun. Every
    /// shard is told the same.
    pub fn handle_hold(&mut self, at: Offset) {
        self.hold.since.get_or_insert(at);
    }

    /// Lets the plan go on at `at`, everything that waited put off by the time since the hold. Every shard is told the same.
    pub fn handle_resume(&mut self, at: Offset) {
        let Some(since) = self.hold.since.take() else {
            return;
        };
        let by = at.since(since);
        self.hold.shift += by;
        for planned in &mut self.upcoming {
            if planned.at > since {
                planned.delay(by);
            }
        }
        self.ledger.delay(since, by);
        for event in &mut self.events {
            event.delay(since, by);
        }
    }
}
