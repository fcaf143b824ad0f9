//! What shards tell each other at the edges of intervals.

use crate::swarm::Peer;
use crate::swarm::Shard;
use crate::swarm::io::PeerFact;
use crate::swarm::io::ShardFacts;

impl Shard {
    pub(super) fn tell_peers(&mut self, local: usize, is_online: bool) {
        let state = &self.users[local];
        let fact = PeerFact {
            user: state.id,
            generation: state.session.generation(),
            is_online,
        };
        self.outgoing_peers.push(fact);
    }

    /// Takes what the other shards have to know, at the edge of an interval.
    pub fn take_facts(&mut self) -> ShardFacts {
        let facts = ShardFacts {
            ledger: self.ledger.take_facts(),
            peers: std::mem::take(&mut self.outgoing_peers),
            suspects: self.throttles.take_suspects(),
            paces: self.throttles.take_paces(),
        };
        // Its own users' changes too count from the edge on, so that any number of shards acts alike.
        self.enter_peers(&facts.peers);
        facts
    }

    /// Enters what another shard told.
    pub fn handle_facts(&mut self, facts: &ShardFacts) {
        self.ledger.handle_facts(&facts.ledger);
        self.enter_peers(&facts.peers);
        for &suspect in &facts.suspects {
            if self.sharding.drives(suspect.user) {
                self.throttles.suspect(suspect);
            }
        }
        for &fact in &facts.paces {
            self.enter_pace(fact);
        }
    }

    fn enter_peers(&mut self, facts: &[PeerFact]) {
        for fact in facts {
            self.peers[fact.user.index()] = Peer {
                generation: fact.generation,
                is_online: fact.is_online,
            };
        }
    }
}
