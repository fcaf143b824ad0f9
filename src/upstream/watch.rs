//! The watch on a network's connections to a bouncer: each line that went out to a watched seat, and each message that came from it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::irc::network::Network;
use crate::irc::network::client::ClientId;
use crate::irc::wire::action;
use crate::irc::wire::framer::Framer;
use crate::irc::wire::message::Message;
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
    /// The watched seats by the nick of their user, in lower case.
    by_nick: HashMap<Vec<u8>, SeatId>,
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
        let seats = plan.seat_rows().iter();
        let watched = (0u32..).map(SeatId).zip(seats);
        let by_nick = watched
            .filter(|(_, seat)| seat.network == number && !seat.clients.is_empty())
            .map(|(id, seat)| (seat.user.to_ascii_lowercase().into_bytes(), id));
        Self {
            by_nick: by_nick.collect(),
            plan: Arc::clone(plan),
            number,
            peers: HashMap::new(),
        }
    }

    /// Begins to watch a connection once it is known whose it is.
    pub(super) fn note_seat(&mut self, network: &Network, id: ClientId) {
        let Some(nick) = network.nick(id) else {
            return;
        };
        if let Some(peer) = self.peers.get_mut(&id) {
            if peer.nick != nick {
                nick.clone_into(&mut peer.nick);
            }
            return;
        }
        if !network.is_registered(id) {
            return;
        }
        // Who comes back before its old connection is gone has another nick for a while.
        let user = network.user_name(id).unwrap_or_default();
        let names = [nick, user].map(<[u8]>::to_ascii_lowercase);
        let mut known = names.iter().filter_map(|name| self.by_nick.get(name));
        if let Some(&seat) = known.next() {
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
        let Self {
            plan,
            number,
            peers,
            ..
        } = self;
        let Some(peer) = peers.get_mut(&id) else {
            return;
        };
        let (seat, nick) = (peer.seat, &peer.nick);
        peer.heard.push(bytes, |line| {
            let Some(message) = line.ok().and_then(|line| Message::parse(line).ok()) else {
                return;
            };
            if message.command != b"PRIVMSG" && message.command != b"NOTICE" {
                return;
            }
            let (Some(target), Some(text)) = (message.params.get(0), message.params.get(1)) else {
                return;
            };
            let stream = match channel(plan, *number, target) {
                Some(channel) => Stream::Channel(channel),
                None => Stream::of_query(target),
            };
            let line = LineId::of(Verb::Message, nick, action::unwrapped(text));
            let deed = Deed::Received { seat, stream, line };
            told.push(Told { at, deed });
        });
    }

    /// Takes bytes that went out on a connection.
    pub(super) fn write(&mut self, id: ClientId, bytes: &[u8], at: Offset, told: &mut Vec<Told>) {
        let Self {
            plan,
            number,
            peers,
            ..
        } = self;
        let Some(peer) = peers.get_mut(&id) else {
            return;
        };
        let (seat, nick) = (peer.seat, &peer.nick);
        peer.written.push(bytes, |line| {
            let message = line.ok().and_then(|line| Message::parse(line).ok());
            let written = message.and_then(|message| written(plan, *number, nick, &message));
            if let Some((stream, line, kind)) = written {
                let deed = Deed::Written {
                    seat,
                    stream,
                    line,
                    kind,
                };
                told.push(Told { at, deed });
            }
        });
    }
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
