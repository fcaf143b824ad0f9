//! Who left, and which connections have told it: a QUIT reaches every connection, and counts once.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::traffic::capture::dialogue::connections::Slot;

/// Departures that are remembered: the largest netsplits tell some ten thousand in one go, to one connection after the
/// other.
const DEPARTURES_MAX: usize = 16_384;

/// Longest name that is remembered: a nick, a space and a channel.
const NAME_BYTES_MAX: usize = 64 + 1 + 200;

/// Bytes of marks of who has told what and was where: a thousand departures told to thirty-two thousand connections each.
const MARK_BYTES_MAX: usize = 4 << 20;

/// How somebody left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// The network.
    Quit,
    /// A nick, for the one with this hash.
    Nick(u64),
    /// A channel, by PART or KICK.
    Channel,
}

/// A connection as departures know it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Teller {
    pub(super) slot: Slot,
    /// The count of departures when the connection began: it never tells what was before.
    pub(super) since: u64,
}

/// What a recorded user left behind.
#[derive(Clone, Debug, Default)]
pub(super) struct Scene {
    /// Hashes of the channels that they were in.
    pub(super) inside: Vec<u64>,
    /// The count of entries of recorded connections into channels by then.
    pub(super) entry_count: u64,
}

/// The last departure of each name, a nick or a nick in a channel, and which connections have told it or are past it.
///
/// A connection is past a departure once the name appears to it again. So a connection that is behind another by more
/// than one departure and return of the same name is misjudged; nothing on the wire would tell better.
#[derive(Debug, Default)]
pub(super) struct Departures {
    last: HashMap<Arc<[u8]>, Departure>,
    order: VecDeque<(Arc<[u8]>, u64)>,
    count: u64,
    mark_bytes: usize,
}

#[derive(Debug)]
struct Departure {
    number: u64,
    manner: Manner,
    is_recorded: bool,
    scene: Scene,
    /// One bit for each slot.
    told: Vec<u64>,
}

impl Departure {
    /// Returns whether a connection may still tell this departure.
    fn is_open(&self, teller: Teller) -> bool {
        let word = self.told.get(teller.slot.0 / 64).copied().unwrap_or(0);
        self.number >= teller.since && word & (1 << (teller.slot.0 % 64)) == 0
    }

    fn mark_bytes(&self) -> usize {
        (self.told.len() + self.scene.inside.len()) * 8
    }
}

impl Departures {
    /// Returns how many departures there were.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Notes that a connection tells a departure of somebody who is not recorded; returns whether it is the first.
    pub(super) fn tell(&mut self, name: &[u8], manner: Manner, teller: Teller) -> bool {
        let is_repeat = self
            .last
            .get(name)
            .is_some_and(|known| known.manner == manner && known.is_open(teller));
        if is_repeat {
            self.pass(name, teller.slot);
        } else {
            self.add(name, manner, teller.slot, None);
        }
        !is_repeat
    }

    /// Notes the departure of a recorded user, which their own connection tells.
    pub(super) fn add_recorded(&mut self, name: &[u8], manner: Manner, slot: Slot, scene: Scene) {
        self.add(name, manner, slot, Some(scene));
    }

    /// Notes that a connection is told that a name is somebody's again, by the departure of the name `old`: it is past
    /// earlier departures of it.
    pub(super) fn follow(&mut self, old: &[u8], name: &[u8], slot: Slot) {
        let number = |name: &[u8]| self.last.get(name).map(|known| known.number);
        if number(name) < number(old) {
            self.pass(name, slot);
        }
    }

    /// Notes that a connection, itself in the channel since `entry`, is told that somebody joins: it is past earlier
    /// departures, unless it lags behind a recorded user who joined and left meanwhile. For if they were in the channel
    /// together it would be told of the leave first.
    pub(super) fn join(
        &mut self,
        nick: &[u8],
        place: &[u8],
        channel: u64,
        entry: Option<u64>,
        teller: Teller,
    ) {
        if self.last.is_empty() {
            return;
        }
        let was_with = |name: &[u8]| {
            self.is_recorded(name, teller)
                && self.last.get(name).is_some_and(|known| {
                    known.scene.inside.contains(&channel)
                        && entry.is_some_and(|entry| entry < known.scene.entry_count)
                })
        };
        if !was_with(place) && !was_with(nick) {
            self.pass(nick, teller.slot);
            self.pass(place, teller.slot);
        }
    }

    /// Notes that a connection is past the departure of `name`: it has told it, or sees the name again.
    pub(super) fn pass(&mut self, name: &[u8], slot: Slot) {
        if self.last.is_empty() {
            return;
        }
        if let Some(departure) = self.last.get_mut(name) {
            self.mark_bytes += mark(&mut departure.told, slot);
        }
    }

    /// Returns whether what this connection still tells of `name` is of a recorded user who has left meanwhile.
    pub(super) fn is_recorded(&self, name: &[u8], teller: Teller) -> bool {
        !self.last.is_empty()
            && self
                .last
                .get(name)
                .is_some_and(|known| known.is_recorded && known.is_open(teller))
    }

    /// Returns whether this connection may still tell that departure of `name`.
    pub(super) fn is_open(&self, name: &[u8], manner: Manner, teller: Teller) -> bool {
        self.last
            .get(name)
            .is_some_and(|known| known.manner == manner && known.is_open(teller))
    }

    fn add(&mut self, name: &[u8], manner: Manner, slot: Slot, scene: Option<Scene>) {
        if name.len() > NAME_BYTES_MAX {
            return;
        }
        let name: Arc<[u8]> = name.into();
        let number = self.count;
        self.count += 1;
        let mut told = Vec::new();
        self.mark_bytes += mark(&mut told, slot);
        let departure = Departure {
            number,
            manner,
            is_recorded: scene.is_some(),
            scene: scene.unwrap_or_default(),
            told,
        };
        self.mark_bytes += departure.scene.inside.len() * 8;
        if let Some(before) = self.last.insert(Arc::clone(&name), departure) {
            self.mark_bytes -= before.mark_bytes();
        }
        self.order.push_back((name, number));
        while self.order.len() > DEPARTURES_MAX || self.mark_bytes > MARK_BYTES_MAX {
            let Some((name, number)) = self.order.pop_front() else {
                break;
            };
            let is_last = |known: &Departure| known.number == number;
            if self.last.get(&name).is_some_and(is_last)
                && let Some(forgotten) = self.last.remove(&name)
            {
                self.mark_bytes -= forgotten.mark_bytes();
            }
        }
    }
}

/// Sets the mark of a slot; returns by how many bytes the marks grew.
fn mark(told: &mut Vec<u64>, slot: Slot) -> usize {
    let (index, before) = (slot.0 / 64, told.len());
    if index >= before {
        told.resize(index + 1, 0);
    }
    if let Some(word) = told.get_mut(index) {
        *word |= 1 << (slot.0 % 64);
    }
    (told.len() - before) * 8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn teller(slot: usize) -> Teller {
        Teller {
            slot: Slot(slot),
            since: 0,
        }
    }

    #[test]
    fn a_departure_is_first_once() {
        let mut departures = Departures::default();
        assert!(departures.tell(b"oak", Manner::Quit, teller(0)));
        assert!(!departures.tell(b"oak", Manner::Quit, teller(70)));
        assert!(departures.tell(b"elm", Manner::Quit, teller(70)));
        // The same connection tells it again: the nick was back meanwhile.
        assert!(departures.tell(b"oak", Manner::Quit, teller(0)));
        assert!(!departures.tell(b"oak", Manner::Quit, teller(70)));
    }

    #[test]
    fn who_sees_the_name_again_is_past_its_departure() {
        let mut departures = Departures::default();
        assert!(departures.tell(b"oak", Manner::Quit, teller(0)));
        departures.pass(b"oak", Slot(1));
        assert!(departures.tell(b"oak", Manner::Quit, teller(1)));
    }

    #[test]
    fn a_connection_tells_nothing_from_before_its_time() {
        let mut departures = Departures::default();
        departures.add_recorded(b"oak", Manner::Quit, Slot(0), Scene::default());
        assert!(departures.is_recorded(b"oak", teller(1)));
        let late = Teller {
            slot: Slot(1),
            since: departures.count(),
        };
        assert!(!departures.is_recorded(b"oak", late));
        assert!(departures.tell(b"oak", Manner::Quit, late));
    }

    #[test]
    fn the_oldest_departures_are_forgotten() {
        let mut departures = Departures::default();
        for number in 0..2 * DEPARTURES_MAX {
            departures.add_recorded(
                number.to_string().as_bytes(),
                Manner::Quit,
                Slot(64),
                Scene::default(),
            );
        }
        assert_eq!(departures.last.len(), DEPARTURES_MAX);
        assert_eq!(departures.mark_bytes, DEPARTURES_MAX * 16);
        let far = Slot(64 * 1_024 * 8);
        for number in 0..1_000 {
            departures.add_recorded(
                format!("far{number}").as_bytes(),
                Manner::Quit,
                far,
                Scene::default(),
            );
        }
        assert!(departures.mark_bytes <= MARK_BYTES_MAX);
        assert!(departures.order.len() < 200);
    }
}
