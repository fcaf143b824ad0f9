//! The links between a network and a bouncer: bytes that come late or slowly, and connections on which nothing ever comes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;

use crate::irc::fault::pace::Pace;
use crate::irc::fault::pace::Slowness;
use crate::irc::network::Network;
use crate::irc::network::Output;
use crate::irc::network::client::ClientId;
use crate::plan::streams::Purpose;
use crate::plan::streams::StreamId;
use crate::plan::streams::Streams;
use crate::plan::streams::below;
use crate::scenario::bouncer::network::Link;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// The first id of a connection that the network knows nothing of: its own come nowhere near.
const UNKNOWN_FROM: u32 = 1 << 31;
/// What a share is counted in when it is drawn.
const SHARES: u32 = 1 << 30;

/// The links of one network. Without faults it does nothing, and costs nothing.
#[derive(Debug)]
pub(super) struct Links {
    streams: Streams,
    number: u16,
    slowness: Slowness,
    half_open_share: f64,
    accepted: u32,
    /// Connections that the network knows nothing of: half-open from their first byte on.
    unknown: BTreeSet<ClientId>,
    half_open_count: u64,
    /// Connections with bytes that have not left.
    ways: BTreeMap<ClientId, Way>,
    wakes: BTreeSet<(Offset, ClientId)>,
    /// What the shell is to do.
    outputs: VecDeque<Output>,
}

/// One connection's bytes from the network.
#[derive(Debug)]
struct Way {
    pace: Pace,
    /// Bytes that have left.
    sent: u64,
    /// Bytes of which the shell knows that they may leave.
    told: u64,
    wakes_at: Option<Offset>,
    /// The network ends it once everything has left.
    is_closing: bool,
}

impl Links {
    /// Returns the links of network number `number` of a run.
    pub(super) fn new(link: &Link, streams: &Streams, number: u16) -> Self {
        Self {
            streams: streams.clone(),
            number,
            slowness: Slowness {
                delay: link.delay,
                bytes_per_sec: link.bytes_per_sec,
            },
            half_open_share: link.half_open,
            accepted: 0,
            unknown: BTreeSet::new(),
            half_open_count: 0,
            ways: BTreeMap::new(),
            wakes: BTreeSet::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes a new connection. Returns its id if the network is to know nothing of it.
    pub(super) fn accept(&mut self) -> Option<ClientId> {
        let turn = self.accepted;
        self.accepted += 1;
        let stream = StreamId::of_user(Purpose::Link, self.number.into(), UserId(turn));
        let draw = below(self.streams.draw(stream), SHARES);
        if f64::from(draw) >= self.half_open_share * f64::from(SHARES) {
            return None;
        }
        let id = ClientId(UNKNOWN_FROM | turn);
        self.unknown.insert(id);
        self.half_open_count += 1;
        Some(id)
    }

    /// Returns whether the network knows nothing of a connection.
    pub(super) fn is_unknown(&self, id: ClientId) -> bool {
        self.unknown.contains(&id)
    }

    /// Returns how many connections were accepted and left alone.
    pub(super) fn half_open_count(&self) -> u64 {
        self.half_open_count
    }

    /// Forgets a connection that has ended.
    pub(super) fn forget(&mut self, id: ClientId) {
        self.unknown.remove(&id);
        if let Some(way) = self.ways.remove(&id)
            && let Some(at) = way.wakes_at
        {
            self.wakes.remove(&(at, id));
        }
    }

    /// Forgets every connection: all have ended.
    pub(super) fn forget_all(&mut self) {
        self.unknown.clear();
        self.ways.clear();
        self.wakes.clear();
        self.outputs.clear();
    }

    /// Returns what to do next. What the network has to say is taken note of first.
    pub(super) fn poll(&mut self, network: &mut Network) -> Output {
        if !self.slowness.is_any() {
            return network.poll();
        }
        loop {
            match network.poll() {
                Output::Writable(id) => {
                    let slowness = self.slowness;
                    self.ways.entry(id).or_insert_with(|| Way {
                        pace: Pace::new(slowness),
                        sent: 0,
                        told: 0,
                        wakes_at: None,
                        is_closing: false,
                    });
                }
                Output::Close(id) => match self.ways.get_mut(&id) {
                    Some(way) if !network.outbox(id).is_empty() => way.is_closing = true,
                    _ => self.outputs.push_back(Output::Close(id)),
                },
                Output::Wait => break,
            }
        }
        self.note(network);
        self.outputs.pop_front().unwrap_or(Output::Wait)
    }

    /// Takes note of what the network has added for each connection on which something waits.
    fn note(&mut self, network: &mut Network) {
        let now = network.now();
        let Self { ways, wakes, .. } = self;
        for (&id, way) in ways {
            let waiting = network.outbox(id).len() as u64;
            let more = (way.sent + waiting).saturating_sub(way.pace.given());
            if more > 0 {
                way.pace.give(now, more);
                // What was given before comes before it.
                if way.wakes_at.is_none() {
                    way.rearm(id, now, wakes);
                }
            }
        }
    }

    /// Returns how many of the bytes that wait on a connection may leave at `now`; `None` for all.
    pub(super) fn due(&mut self, now: Offset, id: ClientId) -> Option<usize> {
        let way = self.ways.get_mut(&id)?;
        way.told = way.pace.poll(now);
        way.rearm(id, now, &mut self.wakes);
        Some(usize::try_from(way.told - way.sent).unwrap_or(usize::MAX))
    }

    /// Takes note that `count` bytes have left a connection, and whether any wait still.
    pub(super) fn consume(&mut self, id: ClientId, count: usize, is_empty: bool) {
        let Some(way) = self.ways.get_mut(&id) else {
            return;
        };
        way.sent += count as u64;
        if !is_empty {
            return;
        }
        if way.is_closing {
            self.outputs.push_back(Output::Close(id));
        }
        // The network tells of what it has next.
        self.forget(id);
    }

    /// Tells of what may leave by `now`.
    pub(super) fn handle_timer(&mut self, now: Offset) {
        while let Some(&(at, id)) = self.wakes.first() {
            if at > now {
                return;
            }
            self.wakes.remove(&(at, id));
            let Some(way) = self.ways.get_mut(&id) else {
                continue;
            };
            way.wakes_at = None;
            let due = way.pace.poll(now);
            if due > way.told {
                way.told = due;
                self.outputs.push_back(Output::Writable(id));
            }
            way.rearm(id, now, &mut self.wakes);
        }
    }

    /// Returns when [`Self::handle_timer`] is next to be called.
    pub(super) fn next_timer(&self) -> Option<Offset> {
        self.wakes.first().map(|&(at, _)| at)
    }
}

impl Way {
    /// Has the shell woken when more may leave.
    fn rearm(&mut self, id: ClientId, now: Offset, wakes: &mut BTreeSet<(Offset, ClientId)>) {
        let next = self.pace.next_due(now);
        if next == self.wakes_at {
            return;
        }
        if let Some(at) = self.wakes_at {
            wakes.remove(&(at, id));
        }
        self.wakes_at = next;
        wakes.extend(next.map(|at| (at, id)));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::irc::network::CloseReason;
    use crate::irc::network::config::NetworkConfig;
    use crate::units::id::Seed;
    use crate::units::id::ServerId;

    fn links(link: &Link) -> Links {
        Links::new(link, &Streams::new(Seed(1)), 0)
    }

    fn at(millis: i64) -> Offset {
        Offset::from_millis(millis)
    }

    /// Lets a client register and quit at once, and returns how many bytes had left after each step, and when it was closed.
    fn quit(link: Link) -> (Vec<(Offset, usize)>, Option<Offset>) {
        let mut links = links(&link);
        let mut network = Network::new(NetworkConfig::default(), at(0), 0);
        let id = network.handle_connect(at(0), ServerId(0), "127.0.0.1");
        network.handle_bytes(at(0), id, b"NICK oak\r\nUSER oak 0 * :oak\r\nQUIT\r\n");
        let (mut now, mut left, mut total) = (at(0), Vec::new(), 0);
        loop {
            match links.poll(&mut network) {
                Output::Writable(id) => {
                    let outbox = network.outbox(id);
                    let due = links.due(now, id).unwrap_or(outbox.len()).min(outbox.len());
                    outbox.consume(due);
                    let is_empty = outbox.is_empty();
                    links.consume(id, due, is_empty);
                    total += due;
                    left.push((now, total));
                }
                Output::Close(id) => {
                    network.handle_closed(now, id, CloseReason::Asked);
                    links.forget(id);
                    assert_eq!(links.next_timer(), None);
                    return (left, Some(now));
                }
                Output::Wait => match links.next_timer() {
                    Some(next) => {
                        assert!(next > now);
                        now = next;
                        links.handle_timer(now);
                    }
                    None => return (left, None),
                },
            }
        }
    }

    #[test]
    fn a_late_link_ends_after_its_last_byte() {
        let (left, closed) = quit(Link {
            delay: Duration::from_millis(50),
            ..Link::default()
        });
        assert_eq!(left.len(), 1);
        assert_eq!((left[0].0, closed), (at(50), Some(at(50))));
    }

    #[test]
    fn a_narrow_link_takes_as_long_as_its_bytes() {
        let (left, closed) = quit(Link {
            delay: Duration::from_millis(50),
            bytes_per_sec: Some(2_000),
            ..Link::default()
        });
        let bytes = left.last().unwrap().1 as u64;
        let ends = at(50) + Duration::from_micros(bytes * 500);
        assert_eq!(closed, Some(ends));
        assert!(left.len() > 10, "{left:?}");
        for &(now, total) in &left {
            let due = now.since(at(50)).as_micros() / 500;
            assert_eq!(total as u128, due, "{now}");
        }
    }

    #[test]
    fn a_perfect_link_holds_nothing_back() {
        let (left, closed) = quit(Link::default());
        assert_eq!((left.len(), closed), (1, Some(at(0))));
    }

    #[test]
    fn as_many_connections_as_asked_for_are_half_open_and_always_the_same() {
        let draw = |half_open| {
            let mut links = links(&Link {
                half_open,
                ..Link::default()
            });
            let drawn: Vec<bool> = (0..1_000).map(|_| links.accept().is_some()).collect();
            assert_eq!(
                links.half_open_count(),
                drawn.iter().filter(|&&is_drawn| is_drawn).count() as u64
            );
            drawn
        };
        assert_eq!(draw(0.3), draw(0.3));
        for (share, least, most) in [(0.0, 0, 0), (0.3, 250, 350), (1.0, 1_000, 1_000)] {
            let count = draw(share).into_iter().filter(|&is_drawn| is_drawn).count();
            // Seven standard deviations of the middle one.
            assert!((least..=most).contains(&count), "{share}: {count}");
        }
    }
}
