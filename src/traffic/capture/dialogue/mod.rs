//! Lines of client connections, both directions, told as one sequence of events in which each counts once.
//!
//! What a recorded client says counts where it is sent; its relays do not. What the server decides (JOIN, PART, NICK,
//! KICK, MODE, TOPIC) counts where the one who acts is told, else where the kicked one is. Strangers count at one
//! *observer* of each channel, the recorded connection that is in it longest; a stranger's QUIT or NICK, which names no
//! channel, counts at the first connection that tells it. Connections of one nick are one user, as at a bouncer.
//! All connections of a recording count as of one network.
//!
//! While nothing has told a connection's own nick (NICK, 001, the target of a numeric), what it sends is damaged, and
//! what it is told counts as of strangers: other recorded members of its channels tell its messages in its place.

use crate::irc::wire::casemapping::CaseMapping;
use crate::irc::wire::message::Message;
use crate::traffic::capture::Reading;
use crate::traffic::capture::Seen;
use crate::traffic::capture::dialogue::channels::Channels;
use crate::traffic::capture::dialogue::connections::Connection;
use crate::traffic::capture::dialogue::connections::Connections;
use crate::traffic::capture::dialogue::connections::Stage;
use crate::traffic::capture::dialogue::departures::Departures;
use crate::traffic::capture::dialogue::departures::Manner;
use crate::traffic::capture::dialogue::users::Users;
use crate::traffic::capture::is_nick;
use crate::traffic::capture::message;
use crate::traffic::capture::message::Verb;
use crate::traffic::capture::message::parameter;
use crate::traffic::trace::event::EventKind;

mod channels;
mod connections;
mod departures;
mod hearing;
mod users;

#[cfg(test)]
mod laggards;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

/// How names are folded; what a server that says nothing means.
const CASEMAPPING: CaseMapping = CaseMapping::Rfc1459;

/// The least numeric that answers to a mistake, and so may name a nick that was asked for and not given.
const ERRORS: u16 = 400;

/// Numerics that refuse a nick: none given, erroneous, in use, collision, unavailable, too fast, and not in this channel.
const NICK_REFUSALS: [u16; 8] = [431, 432, 433, 435, 436, 437, 438, 447];

/// A client connection; distinct for each one of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConnectionId(pub(crate) u32);

/// Which way a line passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// The dialogues of a recording: who is recorded, where they are, what was told.
#[derive(Debug, Default)]
pub(crate) struct Dialogues {
    connections: Connections,
    state: State,
    /// The nick of a line's source, in lower case; kept to be used again.
    source: Vec<u8>,
    held_bytes: usize,
}

/// What connections share.
#[derive(Debug, Default)]
struct State {
    users: Users,
    channels: Channels,
    departures: Departures,
    /// A name in lower case; kept to be used again.
    name: Vec<u8>,
    /// A nick and a channel in lower case; kept to be used again.
    place: Vec<u8>,
}

impl Dialogues {
    /// Returns dialogues of which nothing was heard.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Returns what is held for the connections that are open: it grows with them. What is remembered besides, of departures,
    /// channels and what was told, has bounds of its own.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Reads a line, without its end, that passed on a connection, and hands every event that it is the one to tell to
    /// `seen`.
    pub(crate) fn read_line(
        &mut self,
        connection: ConnectionId,
        direction: Direction,
        line: &[u8],
        seen: &mut dyn FnMut(Seen<'_>),
    ) -> Reading {
        if line.iter().all(|&byte| byte == b' ') {
            return Reading::Note;
        }
        let Some(message) = message::parse(line) else {
            return Reading::Damaged("a message: tags, source, command, parameters");
        };
        let since = self.state.departures.count();
        let Some(connection) = self.connections.open(connection, since) else {
            return Reading::Damaged("fewer connections at once");
        };
        let verb = Verb::of(&message);
        let mut has_event = false;
        let mut count = |event: Seen<'_>| {
            has_event = true;
            seen(event);
        };
        let reading = match direction {
            Direction::Up => self.state.read_up(connection, &message, verb, &mut count),
            Direction::Down => {
                let source = &mut self.source;
                self.state
                    .read_down(connection, source, &message, verb, &mut count)
            }
        };
        let held_bytes = connection.held_bytes();
        self.held_bytes += held_bytes;
        self.held_bytes -= std::mem::replace(&mut connection.counted_bytes, held_bytes);
        if has_event { Reading::Events } else { reading }
    }

    /// Ends a connection: its user has quit, unless they said so or are there by another connection.
    pub(crate) fn close(&mut self, connection: ConnectionId, seen: &mut dyn FnMut(Seen<'_>)) {
        if let Some(mut closed) = self.connections.close(connection) {
            self.held_bytes -= closed.counted_bytes;
            self.state.quit(&mut closed, b"", seen);
        }
    }
}

impl State {
    /// Reads what a client sends: what it says, and QUIT. All else is a wish that the server answers.
    fn read_up(
        &mut self,
        connection: &mut Connection,
        message: &Message<'_>,
        verb: Verb,
        seen: &mut dyn FnMut(Seen<'_>),
    ) -> Reading {
        match verb {
            Verb::Nick if connection.stage == Stage::Nameless => {
                let asked = parameter(message, 0);
                if is_nick(asked) {
                    asked.clone_into(&mut connection.asked);
                }
            }
            Verb::Nick if connection.stage == Stage::Registered => {
                // What it sends from here on is relayed under the new nick, if the server gives it.
                CASEMAPPING.fold_into(parameter(message, 0), &mut self.name);
                self.users.expect(&connection.folded, &self.name);
            }
            Verb::Quit => self.quit(connection, parameter(message, 0), seen),
            Verb::Privmsg | Verb::Notice | Verb::Tagmsg => {
                let has_text = verb == Verb::Tagmsg || message.params.len() > 1;
                if !has_text || connection.stage == Stage::Gone {
                    return Reading::Note;
                }
                if connection.stage == Stage::Nameless {
                    // Nobody speaks before they are registered: the welcome is not in the recording.
                    let asked = std::mem::take(&mut connection.asked);
                    if asked.is_empty() {
                        return Reading::Damaged("a sender whose nick a line has told");
                    }
                    self.register(connection, &asked);
                }
                message::events(message, verb, &connection.nick, &mut |event| {
                    if self
                        .users
                        .is_first(&connection.folded, connection.slot, &event)
                    {
                        seen(event);
                    }
                });
            }
            _ => {}
        }
        Reading::Note
    }

    /// Reads what a server sends.
    fn read_down(
        &mut self,
        connection: &mut Connection,
        source: &mut Vec<u8>,
        message: &Message<'_>,
        verb: Verb,
        seen: &mut dyn FnMut(Seen<'_>),
    ) -> Reading {
        if connection.playback.holds(message, verb) {
            return Reading::Note;
        }
        if let Verb::Numeric(numeric) = verb {
            self.learn_nick(connection, numeric, parameter(message, 0));
            if NICK_REFUSALS.contains(&numeric) {
                self.users.give_up(&connection.folded);
            }
        }
        let nick = match (message.source, verb) {
            (Some(source), _) => source.nick,
            (None, Verb::Numeric(_)) => b"",
            // Only what keeps up the connection comes without a source.
            (None, _) => return Reading::Note,
        };
        CASEMAPPING.fold_into(nick, source);
        if verb == Verb::Mode && connection.stage == Stage::Nameless {
            // Only users set modes of themselves.
            let target = parameter(message, 0);
            if CASEMAPPING.eq(target, nick) && is_nick(nick) {
                self.register(connection, nick);
            }
        }
        message::events(message, verb, nick, &mut |event| {
            if self.is_counted(connection, source, message, verb, &event) {
                seen(event);
            }
        });
        if verb == Verb::Nick && connection.is_own(source) && connection.stage == Stage::Registered
        {
            let new = parameter(message, 0);
            if is_nick(new) {
                self.register(connection, new);
            }
        }
        Reading::Note
    }

    /// Learns a connection's nick from a numeric: all name it first.
    ///
    /// A connection that has asked for a nick gets it by 001 or what follows; the answers to mistakes before name a
    /// nick that was not given. One that was never seen to ask began before the recording.
    fn learn_nick(&mut self, connection: &mut Connection, numeric: u16, target: &[u8]) {
        let may_tell = match connection.stage {
            Stage::Nameless => numeric < ERRORS || connection.asked.is_empty(),
            Stage::Registered => numeric < ERRORS,
            Stage::Gone => false,
        };
        if may_tell
            && connection.nick != target
            && target != b"*"
            && is_nick(target)
            && !message::is_channel(target)
        {
            self.register(connection, target);
        }
    }

    /// Gives a connection a nick: its first, or a new one.
    fn register(&mut self, connection: &mut Connection, nick: &[u8]) {
        if connection.stage == Stage::Registered {
            self.users.remove(&connection.folded, connection.slot);
        }
        connection.stage = Stage::Registered;
        nick.clone_into(&mut connection.nick);
        CASEMAPPING.fold_into(nick, &mut connection.folded);
        self.users.add(&connection.folded, connection.slot);
        self.departures.pass(&connection.folded, connection.slot);
    }

    /// Ends the stay of a connection's user on the network.
    fn quit(&mut self, connection: &mut Connection, reason: &[u8], seen: &mut dyn FnMut(Seen<'_>)) {
        let scene = self.channels.scene(&connection.memberships);
        // Others observe from now on: the server says little more.
        self.channels.leave_all(&mut connection.memberships);
        if connection.stage == Stage::Registered
            && self.users.remove(&connection.folded, connection.slot)
        {
            self.departures
                .add_recorded(&connection.folded, Manner::Quit, connection.slot, scene);
            let event = Seen::new(EventKind::Quit, &connection.nick, reason);
            seen(message::in_channel(event, b""));
        }
        connection.stage = Stage::Gone;
    }
}
