//! The TCP connections of a recording: which segment belongs to which, and when one ends.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::traffic::capture::Seen;
use crate::traffic::capture::dialogue::Dialogues;
use crate::traffic::capture::packet::frame::End;
use crate::traffic::capture::packet::frame::Segment;
use crate::traffic::capture::packet::order::Order;
use crate::traffic::capture::packet::order::Piece;
use crate::traffic::capture::packet::order::Waiting;
use crate::traffic::capture::packet::report::PacketReport;
use crate::traffic::capture::packet::text::Both;
use crate::traffic::capture::packet::text::Facts;
use crate::traffic::capture::packet::text::Outlet;
use crate::traffic::capture::packet::text::Side;
use crate::traffic::capture::packet::text::Text;

/// Connections that are held, ended ones included: past them come the ones that have been silent longest.
const CONNECTIONS_MAX: usize = 32_768;

/// Bytes of unfinished lines that are held: a quarter of a kilobyte for each connection that may be.
const HELD_BYTES_MAX: usize = 8 << 20;

/// The two ends of a connection, the lower one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Ends {
    low: End,
    high: End,
}

/// The connections of a recording.
pub(super) struct Table<'a> {
    /// Boxed: most connections are ended or silent, and the table grows by doubling.
    connections: HashMap<Ends, Box<Connection>>,
    waiting: Waiting,
    out: Outlet<'a>,
    /// The number of the packet.
    now: u64,
}

#[derive(Debug)]
struct Connection {
    orders: Both<Order>,
    text: Text,
    opener: Option<Side>,
    is_ended: bool,
    /// The number of its last packet, and when that was.
    last: u64,
    last_us: i64,
}

impl Connection {
    fn new() -> Self {
        Self {
            orders: Both::default(),
            text: Text::new(),
            opener: None,
            is_ended: false,
            last: 0,
            last_us: 0,
        }
    }
}

impl<'a> Table<'a> {
    /// Returns a table without connections that hands events to `event`.
    pub(super) fn new(event: &'a mut dyn FnMut(i64, Seen<'_>)) -> Self {
        Self {
            connections: HashMap::new(),
            waiting: Waiting::default(),
            out: Outlet {
                dialogues: Dialogues::new(),
                report: PacketReport::default(),
                event,
                held_bytes: 0,
                spares: Vec::new(),
                last_id: 0,
            },
            now: 0,
        }
    }

    /// Returns the report, to be counted in.
    pub(super) fn report(&mut self) -> &mut PacketReport {
        &mut self.out.report
    }

    /// Reads a segment that was captured at a time.
    pub(super) fn read(&mut self, at_us: i64, segment: &Segment<'_>) {
        self.now += 1;
        let is_low = segment.from <= segment.to;
        let (ends, from) = if is_low {
            (
                Ends {
                    low: segment.from,
                    high: segment.to,
                },
                Side::Low,
            )
        } else {
            (
                Ends {
                    low: segment.to,
                    high: segment.from,
                },
                Side::High,
            )
        };
        if self.connections.len() >= CONNECTIONS_MAX && !self.connections.contains_key(&ends) {
            self.make_room();
        }
        let connection = match self.connections.entry(ends) {
            Entry::Occupied(known) => known.into_mut(),
            // What is left of a connection from before the recording.
            Entry::Vacant(_) if segment.is_rst => return,
            Entry::Vacant(place) => {
                self.out.report.connection_count += 1;
                place.insert(Box::new(Connection::new()))
            }
        };
        // The ends are used again; a client that was refused may ask again with the same number.
        let is_other =
            connection.is_ended || (connection.orders.of(from)).is_other_syn(segment.sequence);
        if segment.is_syn && is_other {
            end(connection, at_us, &mut self.waiting, &mut self.out);
            **connection = Connection::new();
            self.out.report.connection_count += 1;
        }
        connection.last = self.now;
        connection.last_us = at_us;
        if connection.is_ended {
            self.out.report.repeated_bytes += segment.payload.len() as u64;
            return;
        }
        let mut sequence = segment.sequence;
        if segment.is_syn {
            connection.opener = Some(if segment.acknowledged.is_some() {
                from.other()
            } else {
                from
            });
            connection.orders.of(from).begin(sequence);
            sequence = sequence.wrapping_add(1);
        }
        if !connection.text.is_unread() {
            let higher_port = if ends.low.port > ends.high.port {
                Side::Low
            } else {
                Side::High
            };
            let mut facts = Facts {
                opener: connection.opener,
                higher_port,
                has_beginning: connection.orders.of(from).has_beginning(),
            };
            let (text, out) = (&mut connection.text, &mut self.out);
            let repeated = connection.orders.of(from).push(
                sequence,
                at_us,
                segment.payload,
                &mut self.waiting,
                &mut |piece| text.read(from, piece, facts, out),
            );
            out.report.repeated_bytes += repeated;
            if let Some(acknowledged) = segment.acknowledged {
                let other = connection.orders.of(from.other());
                facts.has_beginning = other.has_beginning();
                other.acknowledge(acknowledged, at_us, &mut self.waiting, &mut |piece| {
                    text.read(from.other(), piece, facts, out);
                });
            }
        }
        if segment.is_fin {
            let length = u32::try_from(segment.payload.len()).unwrap_or(u32::MAX);
            connection
                .orders
                .of(from)
                .end(sequence.wrapping_add(length));
        }
        let is_over = segment.is_rst
            || (connection.orders.of(Side::Low).is_complete()
                && connection.orders.of(Side::High).is_complete());
        if is_over {
            end(connection, at_us, &mut self.waiting, &mut self.out);
        } else if connection.text.is_unread() {
            let mut drop_piece = |_: Piece<'_>| {};
            connection
                .orders
                .of(Side::Low)
                .finish(&mut self.waiting, &mut drop_piece);
            connection
                .orders
                .of(Side::High)
                .finish(&mut self.waiting, &mut drop_piece);
        }
        if self.out.held_bytes > HELD_BYTES_MAX {
            self.make_room();
        }
    }

    /// Ends the recording: connections of which one side has ended are over, the others are not.
    pub(super) fn finish(mut self) -> PacketReport {
        let mut rest: Vec<Box<Connection>> = self.connections.into_values().collect();
        rest.sort_by_key(|connection| connection.last);
        for mut connection in rest {
            if connection.is_ended {
                continue;
            }
            if connection.orders.of(Side::Low).has_end()
                || connection.orders.of(Side::High).has_end()
            {
                let at_us = connection.last_us;
                end(&mut connection, at_us, &mut self.waiting, &mut self.out);
            } else {
                flush(&mut connection, &mut self.waiting, &mut self.out);
                connection.text.close(None, &mut self.out);
            }
        }
        self.out.report
    }

    /// Forgets the connections that are over; if that makes little room, also the half that has been silent longest.
    fn make_room(&mut self) {
        self.connections
            .retain(|_, connection| !connection.is_ended);
        if self.connections.len() > CONNECTIONS_MAX / 4 * 3 || self.out.held_bytes > HELD_BYTES_MAX
        {
            self.forget_half();
        }
    }

    fn forget_half(&mut self) {
        let mut times: Vec<u64> = self
            .connections
            .values()
            .map(|connection| connection.last)
            .collect();
        let middle = times.len() / 2;
        if times.is_empty() {
            return;
        }
        let (_, &mut median, _) = times.select_nth_unstable(middle);
        let (waiting, out) = (&mut self.waiting, &mut self.out);
        self.connections.retain(|_, connection| {
            let is_kept = connection.last > median;
            if !is_kept {
                out.report.forgotten_count += 1;
                flush(connection, waiting, out);
                connection.text.close(None, out);
            }
            is_kept
        });
    }
}

/// Ends a connection: what waits is read, and its user has quit.
fn end(connection: &mut Connection, at_us: i64, waiting: &mut Waiting, out: &mut Outlet<'_>) {
    if connection.is_ended {
        return;
    }
    connection.is_ended = true;
    flush(connection, waiting, out);
    connection.text.close(Some(at_us), out);
}

/// Reads what waits behind gaps.
fn flush(connection: &mut Connection, waiting: &mut Waiting, out: &mut Outlet<'_>) {
    for side in [Side::Low, Side::High] {
        let order = connection.orders.of(side);
        let facts = Facts {
            opener: connection.opener,
            higher_port: Side::High,
            has_beginning: order.has_beginning(),
        };
        let text = &mut connection.text;
        order.finish(waiting, &mut |piece| text.read(side, piece, facts, out));
    }
}
