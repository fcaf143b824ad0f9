//! The shards of a run, as whom something is told.

use tokio::sync::mpsc::Sender;

use crate::drive::shard::message::ToShard;
use crate::units::id::ShardId;

/// The ways to all shards, by number.
pub(crate) struct Shards {
    ways: Vec<Sender<ToShard>>,
}

impl Shards {
    pub(crate) fn new(ways: Vec<Sender<ToShard>>) -> Self {
        Self { ways }
    }

    pub(crate) fn count(&self) -> usize {
        self.ways.len()
    }

    /// Tells every shard.
    pub(crate) fn tell_all(&self, message: &ToShard) {
        for way in &self.ways {
            // A shard that has ended has said why.
            let _ = way.blocking_send(message.clone());
        }
    }

    /// Tells every shard what one of them told.
    pub(crate) fn tell_others(&self, teller: ShardId, message: &ToShard) {
        for (index, way) in self.ways.iter().enumerate() {
            if index != teller.index() {
                let _ = way.blocking_send(message.clone());
            }
        }
    }
}
