//! The TCP connections of a recording: which segment belongs to which, and when one ends.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::traffic::capture::Seen;
use crate::traffic::capture::dialogue::Dialogues;
use crate::traffic::capture::packet::frame::End;
use crate::traffic::capture::packet::frame::Segment;
use crate::traffic::capture::packet::order::Order;
use crate::traffic::capture::packet::report::PacketReport;
use crate::traffic::capture::packet::text::Both;
use crate::traffic::capture::packet::text::Facts;
use crate::traffic::capture::packet::text::Outlet;
use crate::traffic::capture::packet::text::Side;
use crate::traffic::capture::packet::text::Text;

/// Connections that are held, ended ones included: past them come the ones that have been silent longest.
const CONNECTIONS_MAX: usize = 32_768;

/// Bytes that are held for all connections together: themselves, what waits behind gaps, lines under way, and who is where by
/// what was said. With what the dialogues remember besides (departures and channels, each bounded) it stays below 64 MiB.
pub(super) const HELD_BYTES_MAX: usize = 40 << 20;

/// What is left of them once room was made: a quarter of what is held goes, so that it is not asked for again at once.
const HELD_BYTES_LEFT: usize = HELD_BYTES_MAX / 4 * 3;

/// What a connection costs in the table: itself, its place in a table that is half full, and its allocation.
const CONNECTION_BYTES: usize =
    size_of::<Connection>() + 2 * size_of::<(Ends, Box<Connection>)>() + 16;

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
    /// What is held for all of them.
    held_bytes: usize,
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

    /// Returns what is held for it.
    fn held_bytes(&self) -> usize {
        CONNECTION_BYTES
            + self.orders.low.held_bytes()
            + self.orders.high.held_bytes()
            + self.text.held_bytes()
    }
}

impl<'a> Table<'a> {
    /// Returns a table without connections that hands events to `event`.
    pub(super) fn new(event: &'a mut dyn FnMut(i64, Seen<'_>)) -> Self {
        Self {
            connections: HashMap::new(),
            held_bytes: 0,
            out: Outlet {
                dialogues: Dialogues::new(),
                report: PacketReport::default(),
                event,
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
        let (connection, before) = match self.connections.entry(ends) {
            Entry::Occupied(known) => {
                let connection = known.into_mut();
                let before = connection.held_bytes();
                (connection, before)
            }
            // What is left of a connection from before the recording.
            Entry::Vacant(_) if segment.is_rst => return,
            Entry::Vacant(place) => {
                self.out.report.connection_count += 1;
                (place.insert(Box::new(Connection::new())), 0)
            }
        };
        connection.last = self.now;
        connection.last_us = at_us;
        read_segment(connection, &ends, from, at_us, segment, &mut self.out);
        self.held_bytes += connection.held_bytes();
        self.held_bytes -= before;
        if self.all_held_bytes() > HELD_BYTES_MAX {
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
                end(&mut connection, at_us, &mut self.out);
            } else {
                flush(&mut connection, &mut self.out);
                connection.text.close(None, &mut self.out);
            }
        }
        self.out.report
    }

    /// Returns what is held for connections here and in the dialogues.
    fn all_held_bytes(&self) -> usize {
        self.held_bytes + self.out.dialogues.held_bytes()
    }

    /// Makes room: forgets the connections that are over; if that is not enough, waits for no gap any longer; and if that is not
    /// either, forgets those that have been silent longest, half by half.
    fn make_room(&mut self) {
        let is_ended = |connection: &Connection| connection.is_ended;
        self.forget(is_ended, |_, _| {});
        if self.all_held_bytes() > HELD_BYTES_LEFT {
            for connection in self.connections.values_mut() {
                self.held_bytes -= connection.held_bytes();
                self.out.report.unwaited_count += u64::from(
                    connection.orders.low.is_waiting() || connection.orders.high.is_waiting(),
                );
                flush(connection, &mut self.out);
                self.held_bytes += connection.held_bytes();
            }
        }
        while self.connections.len() > CONNECTIONS_MAX / 4 * 3
            || self.all_held_bytes() > HELD_BYTES_LEFT
        {
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
            self.forget(
                |connection| connection.last <= median,
                |connection, out| {
                    out.report.forgotten_count += 1;
                    flush(connection, out);
                    connection.text.close(None, out);
                },
            );
        }
    }

    /// Forgets connections, each after what is to be done with it.
    fn forget(
        &mut self,
        is_meant: impl Fn(&Connection) -> bool,
        mut before: impl FnMut(&mut Connection, &mut Outlet<'_>),
    ) {
        let (held_bytes, out) = (&mut self.held_bytes, &mut self.out);
        self.connections.retain(|_, connection| {
            if !is_meant(connection) {
                return true;
            }
            *held_bytes -= connection.held_bytes();
            before(connection, out);
            false
        });
    }
}

/// Reads a segment of a connection.
fn read_segment(
    connection: &mut Connection,
    ends: &Ends,
    from: Side,
    at_us: i64,
    segment: &Segment<'_>,
    out: &mut Outlet<'_>,
) {
    // The ends are used again; a client that was refused may ask again with the same number.
    let is_other =
        connection.is_ended || (connection.orders.of(from)).is_other_syn(segment.sequence);
    if segment.is_syn && is_other {
        end(connection, at_us, out);
        *connection = Connection {
            last: connection.last,
            last_us: at_us,
            ..Connection::new()
        };
        out.report.connection_count += 1;
    }
    if connection.is_ended {
        out.report.repeated_bytes += segment.payload.len() as u64;
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
        let text = &mut connection.text;
        let repeated =
            (connection.orders.of(from)).push(sequence, at_us, segment.payload, &mut |piece| {
                text.read(from, piece, facts, out);
            });
        out.report.repeated_bytes += repeated;
        if let Some(acknowledged) = segment.acknowledged {
            let other = connection.orders.of(from.other());
            facts.has_beginning = other.has_beginning();
            other.acknowledge(acknowledged, at_us, &mut |piece| {
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
        end(connection, at_us, out);
    } else if connection.text.is_unread() {
        connection.orders.low.finish(&mut |_| {});
        connection.orders.high.finish(&mut |_| {});
    }
}

/// Ends a connection: what waits is read, and its user has quit.
fn end(connection: &mut Connection, at_us: i64, out: &mut Outlet<'_>) {
    if connection.is_ended {
        return;
    }
    connection.is_ended = true;
    flush(connection, out);
    connection.text.close(Some(at_us), out);
}

/// Reads what waits behind gaps.
fn flush(connection: &mut Connection, out: &mut Outlet<'_>) {
    for side in [Side::Low, Side::High] {
        let order = connection.orders.of(side);
        let facts = Facts {
            opener: connection.opener,
            higher_port: Side::High,
            has_beginning: order.has_beginning(),
        };
        let text = &mut connection.text;
        order.finish(&mut |piece| text.read(side, piece, facts, out));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::capture::packet::forge::ACK;
    use crate::traffic::capture::packet::forge::Talk;
    use crate::traffic::capture::packet::frame;

    /// Link type of bare IP packets.
    const RAW: i32 = 101;

    /// Reads packets made by `packets` for each of so many connections, turn by turn, and checks after each that no more is held
    /// than may be, and that what is said to be held is.
    #[track_caller]
    fn check_bound(
        connection_count: u32,
        turns: u32,
        packets: impl Fn(&mut Talk, u32) -> Vec<Vec<u8>>,
    ) -> PacketReport {
        let mut event = |_: i64, _: Seen<'_>| {};
        let mut table = Table::new(&mut event);
        let mut talks: Vec<Talk> = (0..connection_count)
            .map(|number| {
                let port = u16::try_from(number % 30_000).unwrap();
                Talk::new(30_000 + port).at_port(u16::try_from(number / 30_000).unwrap() + 1)
            })
            .collect();
        for turn in 0..turns {
            for talk in &mut talks {
                for packet in packets(talk, turn) {
                    let link = frame::Link::of(RAW).unwrap();
                    table.read(i64::from(turn), &frame::segment(link, &packet).unwrap());
                    assert!(table.all_held_bytes() <= HELD_BYTES_MAX);
                }
            }
            let held: usize = table
                .connections
                .values()
                .map(|connection| connection.held_bytes())
                .sum();
            assert_eq!(held, table.held_bytes);
        }
        table.finish()
    }

    #[test]
    fn lines_without_an_end_take_no_more_than_there_is() {
        let report = check_bound(30_000, 5, |talk, _| {
            vec![talk.up(&format!("PRIVMSG #w :{}", "x".repeat(500)))]
        });
        assert!(report.forgotten_count > 10_000, "{report:?}");
    }

    #[test]
    fn what_waits_behind_gaps_takes_no_more_than_there_is() {
        let report = check_bound(3_000, 40, |talk, turn| {
            if turn == 0 {
                return vec![talk.up("PING :x\r\n")];
            }
            // The byte before never comes.
            let sequence = talk.up.wrapping_add(1 + turn * 1_000);
            vec![talk.packet(true, sequence, ACK, &[b'x'; 1_000])]
        });
        assert!(report.unwaited_count >= 3_000, "{report:?}");
        assert!(report.missing_bytes > 0);
    }

    #[test]
    fn many_clients_of_irc_are_all_held() {
        let report = check_bound(30_000, 2, |talk, turn| {
            let text = if turn == 0 {
                "NICK alder\r\nUSER a 0 * :A\r\nPRIV"
            } else {
                "MSG #w :hi\r\n"
            };
            vec![talk.up(text)]
        });
        assert_eq!((report.irc_count, report.forgotten_count), (30_000, 0));
    }
}
