//! How the bouncer's users stand on one network: who is registered, who has joined, and how those who were lost came back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::irc::network::Network;
use crate::irc::network::client::ClientId;
use crate::measure::bouncer::ReturnSaw;
use crate::plan::Plan;
use crate::units::id::SeatId;
use crate::units::offset::Offset;
use crate::upstream::Readiness;

/// Losses further apart than this are two events.
const APART: Duration = Duration::from_secs(30);
/// Events kept; later ones count with the last.
const EVENTS_MAX: usize = 64;

/// How the bouncer's users stand.
#[derive(Debug)]
pub(super) struct Standing {
    plan: Arc<Plan>,
    /// Places on this network by the name of their user in lower case.
    by_name: HashMap<Vec<u8>, SeatId>,
    /// Who is registered, and by which connection.
    registered: HashMap<ClientId, SeatId>,
    events: Vec<ReturnSaw>,
    /// In which event somebody was lost who has not come back.
    lost_in: HashMap<SeatId, usize>,
    last_lost: Offset,
}

impl Standing {
    pub(super) fn new(plan: &Arc<Plan>, number: u16) -> Self {
        let seats = (0u32..).map(SeatId).zip(plan.seat_rows());
        let here = seats.filter(|(_, seat)| seat.network == number);
        let by_name = here.map(|(id, seat)| (seat.user.to_ascii_lowercase().into_bytes(), id));
        Self {
            by_name: by_name.collect(),
            plan: Arc::clone(plan),
            registered: HashMap::new(),
            events: Vec::new(),
            lost_in: HashMap::new(),
            last_lost: Offset::ALWAYS,
        }
    }

    /// Notes that a connection has brought something at `now`, and returns whose it is, once it has registered.
    pub(super) fn note(&mut self, network: &Network, id: ClientId, now: Offset) -> Option<SeatId> {
        if let Some(&seat) = self.registered.get(&id) {
            return Some(seat);
        }
        if !network.is_registered(id) {
            return None;
        }
        // Who comes back before its old connection is gone has another nick for a while; for its user name nobody may vouch.
        let user_name = network.user_name(id)?;
        let user_name = user_name.strip_prefix(b"~").unwrap_or(user_name);
        let names = [network.nick(id)?, user_name];
        let mut known = names
            .into_iter()
            .filter_map(|name| self.by_name.get(&name.to_ascii_lowercase()));
        let &seat = known.next()?;
        self.registered.insert(id, seat);
        let event = self.lost_in.remove(&seat);
        if let Some(event) = event.and_then(|place| self.events.get_mut(place)) {
            let took = now.since(Offset::from_micros(event.lost_at_micros));
            if event.returned == 0 {
                event.first_in = took;
            }
            event.returned += 1;
            event.last_in = took;
        }
        Some(seat)
    }

    /// Notes that a connection ended at `now`.
    pub(super) fn lose(&mut self, id: ClientId, now: Offset) {
        let Some(seat) = self.registered.remove(&id) else {
            return;
        };
        if now <= Offset::ALWAYS {
            return;
        }
        let is_same = self
            .events
            .last()
            .is_some_and(|_| now <= self.last_lost + APART);
        if !is_same && self.events.len() < EVENTS_MAX {
            self.events.push(ReturnSaw {
                lost_at_micros: now.as_micros(),
                ..ReturnSaw::default()
            });
        }
        self.last_lost = now;
        if let Some(event) = self.events.last_mut() {
            event.lost += 1;
            self.lost_in.insert(seat, self.events.len() - 1);
        }
    }

    /// Notes that every connection ended at `now`.
    pub(super) fn lose_all(&mut self, now: Offset) {
        let ids: Vec<ClientId> = self.registered.keys().copied().collect();
        for id in ids {
            self.lose(id, now);
        }
    }

    pub(super) fn readiness(&self, network: &Network) -> Readiness {
        let ready = self.registered.iter().filter(|&(&id, &seat)| {
            let row = self.plan.seat_rows().get(seat.index());
            row.is_some_and(|row| network.membership_count(id) >= row.channels.len())
        });
        Readiness {
            seats: u32::try_from(self.by_name.len()).unwrap_or(u32::MAX),
            registered: u32::try_from(self.registered.len()).unwrap_or(u32::MAX),
            ready: u32::try_from(ready.count()).unwrap_or(u32::MAX),
        }
    }

    pub(super) fn returns(&self) -> Vec<ReturnSaw> {
        self.events.clone()
    }
}
