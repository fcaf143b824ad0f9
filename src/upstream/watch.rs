//! The watch on a network's connections to a bouncer: each line that went out to a watched seat, and each message that came from it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::irc::network::Network;
use crate::irc::network::client::ClientId;
use crate::irc::wire::action;
use crate::irc::wire::framer::Framer;
use crate::irc::wire::message::Message;
use crate::irc::wire::server_time;
use crate::measure::continuity::line::LineId;
use crate::measure::continuity::line::Verb;
use crate::measure::continuity::policy::LineKind;
use crate::measure::continuity::told::Deed;
use crate::measure::continuity::told::Stream;
use crate::measure::continuity::told::Told;
use crate::plan::Plan;
use crate::units::id::ChannelId;
use crate::units::id::SeatId;
use crate::units::offset::Offset;

/// The watched connections. Only seats with clients are watched: of the others nobody reads anything.
#[derive(Debug)]
pub(super) struct Watch {
    plan: Arc<Plan>,
    number: u16,
    peers: HashMap<ClientId, Peer>,
}

#[derive(Debug)]
struct Peer {
    seat: SeatId,
    nick: Vec<u8>,
    heard: Framer,
    written: Framer,
}

impl Watch {
    pub(super) fn new(plan: &Arc<Plan>, number: u16) -> Self {
        Self {
            plan: Arc::clone(plan),
            number,
            peers: HashMap::new(),
        }
    }

    /// Watches a connection of which it is known whose it is, if that has clients.
    pub(super) fn note(&mut self, network: &Network, id: ClientId, seat: SeatId) {
        let Some(nick) = network.nick(id) else {
            return;
        };
        if let Some(peer) = self.peers.get_mut(&id) {
            if peer.nick != nick {
                nick.clone_into(&mut peer.nick);
            }
            return;
        }
        let row = self.plan.seat_rows().get(seat.index());
        if row.is_some_and(|row| !row.clients.is_empty()) {
            let peer = Peer {
                seat,
                nick: nick.to_vec(),
                heard: Framer::new(),
                written: Framer::new(),
            };
            self.peers.insert(id, peer);
        }
    }

    /// Ends the watch on a connection, and returns whose it was.
    pub(super) fn forget(&mut self, id: ClientId) -> Option<SeatId> {
        self.peers.remove(&id).map(|peer| peer.seat)
    }

    /// Ends every watch.
    pub(super) fn forget_all(&mut self) -> Vec<SeatId> {
        self.peers.drain().map(|(_, peer)| peer.seat).collect()
    }

    /// Takes bytes that a connection brought.
    pub(super) fn hear(&mut self, id: ClientId, bytes: &[u8], at: Offset, told: &mut Vec<Told>) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        let (seat, nick) = (peer.seat, &peer.nick);
        each_message(&mut peer.heard, bytes, |message| {
            let is_talk = message.command == b"PRIVMSG" || message.command == b"NOTICE";
            if let Some(text) = message.params.get(1).filter(|_| is_talk) {
                let line = LineId::of(Verb::Message, nick, action::unwrapped(text));
                let deed = Deed::Received { seat, line };
                told.push(Told { at, deed });
            }
        });
    }

    /// Takes bytes that went out on a connection. `run_time` makes a moment of the run of one since 1970.
    pub(super) fn write(
        &mut self,
        id: ClientId,
        bytes: &[u8],
        at: Offset,
        run_time: impl Fn(i64) -> Offset,
        told: &mut Vec<Told>,
    ) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        let (seat, nick, plan) = (peer.seat, &peer.nick, &self.plan);
        each_message(&mut peer.written, bytes, |message| {
            if let Some((stream, line, kind)) = written(plan, self.number, nick, message) {
                let time = message.tags.get(b"time").and_then(server_time::parse);
                let deed = Deed::Written {
                    seat,
                    stream,
                    line,
                    kind,
                    stamped: time.map(&run_time),
                };
                told.push(Told { at, deed });
            }
        });
    }
}

/// Calls with each message that bytes complete; what is none says nothing.
fn each_message(framer: &mut Framer, bytes: &[u8], mut on_message: impl FnMut(&Message<'_>)) {
    framer.push(bytes, |line| {
        if let Some(message) = line.ok().and_then(|line| Message::parse(line).ok()) {
            on_message(&message);
        }
    });
}

/// Returns what a line to a seat is to its clients; `None` for what is nobody's business but the bouncer's.
fn written(
    plan: &Plan,
    number: u16,
    nick: &[u8],
    message: &Message<'_>,
) -> Option<(Stream, LineId, LineKind)> {
    // Servers and services talk to the bouncer.
    let source = message.source.filter(|source| source.host.is_some())?;
    if source.nick == nick {
        return None;
    }
    let first = message.params.get(0);
    let in_channel = |verb| {
        let name = first?;
        let channel = channel(plan, number, name)?;
        let line = LineId::of(verb, source.nick, name);
        Some((Stream::Channel(channel), line, LineKind::Presence))
    };
    match message.command {
        command @ (b"PRIVMSG" | b"NOTICE") => {
            let text = action::unwrapped(message.params.get(1)?);
            let line = LineId::of(Verb::Message, source.nick, text);
            let kind = if command == b"NOTICE" {
                LineKind::Notice
            } else {
                LineKind::Message
            };
            let stream = match channel(plan, number, first?) {
                Some(channel) => Stream::Channel(channel),
                None => Stream::of_query(source.nick),
            };
            Some((stream, line, kind))
        }
        b"JOIN" => in_channel(Verb::Join),
        b"PART" => in_channel(Verb::Part),
        b"KICK" => {
            let victim = message.params.get(1)?;
            let channel = channel(plan, number, first?)?;
            let line = LineId::of(Verb::Kick, victim, first?);
            (victim != nick).then_some((Stream::Channel(channel), line, LineKind::Presence))
        }
        b"QUIT" => {
            let line = LineId::of(Verb::Quit, source.nick, b"");
            Some((Stream::Presence, line, LineKind::Presence))
        }
        b"NICK" => {
            let line = LineId::of(Verb::Nick, source.nick, b"");
            Some((Stream::Presence, line, LineKind::Presence))
        }
        _ => None,
    }
}

fn channel(plan: &Plan, number: u16, name: &[u8]) -> Option<ChannelId> {
    plan.seats.as_ref()?.channel(number, name)
}
