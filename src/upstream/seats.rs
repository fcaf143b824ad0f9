//! How the bouncer's users stand on one network: who is registered, who has joined, and how those who were lost came back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::irc::network::Network;
use crate::irc::network::client::ClientId;
use crate::measure::bouncer::ReturnSaw;
use crate::plan::Plan;
use crate::units::offset::Offset;
use crate::upstream::Readiness;

/// Losses further apart than this are two events.
const APART: Duration = Duration::from_secs(30);
/// Events kept; later ones count with the last.
const EVENTS_MAX: usize = 64;

/// How the bouncer's users stand.
#[derive(Debug)]
pub(super) struct Standing {
    /// Places on this network by the nick of their user in lower case, with how many channels each is to be in.
    by_nick: HashMap<Vec<u8>, u32>,
    /// Who is registered: a connection each, with its number of channels.
    registered: HashMap<ClientId, (Vec<u8>, u32)>,
    events: Vec<ReturnSaw>,
    /// In which event somebody was lost who has not come back, by nick.
    lost_in: HashMap<Vec<u8>, usize>,
    last_lost: Offset,
}

impl Standing {
    pub(super) fn new(plan: &Arc<Plan>, number: u16) -> Self {
        let seats = plan.seat_rows().iter();
        let here = seats.filter(|seat| seat.network == number);
        let by_nick = here.map(|seat| {
            let channels = u32::try_from(seat.channels.len()).unwrap_or(u32::MAX);
            (seat.user.to_ascii_lowercase().into_bytes(), channels)
        });
        Self {
            by_nick: by_nick.collect(),
            registered: HashMap::new(),
            events: Vec::new(),
            lost_in: HashMap::new(),
            last_lost: Offset::ALWAYS,
        }
    }

    /// Notes that a connection has brought something at `now`: it may have registered.
    pub(super) fn note(&mut self, network: &Network, id: ClientId, now: Offset) {
        if self.registered.contains_key(&id) || !network.is_registered(id) {
            return;
        }
        let names = [network.nick(id), network.user_name(id)];
        let names = names.map(|name| name.unwrap_or_default().to_ascii_lowercase());
        let known = names.into_iter().find_map(|name| {
            let channels = *self.by_nick.get(&name)?;
            Some((name, channels))
        });
        let Some((nick, channels)) = known else {
            return;
        };
        let event = self.lost_in.remove(&nick);
        self.registered.insert(id, (nick, channels));
        if let Some(event) = event.and_then(|place| self.events.get_mut(place)) {
            let took = now.since(Offset::from_micros(event.lost_at_micros));
            if event.returned == 0 {
                event.first_in = took;
            }
            event.returned += 1;
            event.last_in = took;
        }
    }

    /// Notes that a connection ended at `now`.
    pub(super) fn lose(&mut self, id: ClientId, now: Offset) {
        let Some((nick, _)) = self.registered.remove(&id) else {
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
            self.lost_in.insert(nick, self.events.len() - 1);
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
        let ready = self
            .registered
            .iter()
            .filter(|&(&id, &(_, channels))| network.membership_count(id) >= channels as usize);
        Readiness {
            seats: u32::try_from(self.by_nick.len()).unwrap_or(u32::MAX),
            registered: u32::try_from(self.registered.len()).unwrap_or(u32::MAX),
            ready: u32::try_from(ready.count()).unwrap_or(u32::MAX),
        }
    }

    pub(super) fn returns(&self) -> Vec<ReturnSaw> {
        self.events.clone()
    }
}
