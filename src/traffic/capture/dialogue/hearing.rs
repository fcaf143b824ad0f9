//! Whether the connection that is told an event is the one at which it counts.

use crate::irc::wire::message::Message;
use crate::traffic::capture::Seen;
use crate::traffic::capture::dialogue::CASEMAPPING;
use crate::traffic::capture::dialogue::State;
use crate::traffic::capture::dialogue::channels::hash;
use crate::traffic::capture::dialogue::connections::Connection;
use crate::traffic::capture::dialogue::connections::Slot;
use crate::traffic::capture::dialogue::connections::Stage;
use crate::traffic::capture::dialogue::departures::Manner;
use crate::traffic::capture::dialogue::departures::Teller;
use crate::traffic::capture::message::NAMES;
use crate::traffic::capture::message::Verb;
use crate::traffic::capture::message::parameter;
use crate::traffic::trace::event::EventKind;

impl State {
    /// Returns whether an event that a server tells on a connection counts there, and remembers what it changes.
    /// `source` is who acts, in lower case.
    pub(super) fn is_counted(
        &mut self,
        connection: &mut Connection,
        source: &[u8],
        message: &Message<'_>,
        verb: Verb,
        event: &Seen<'_>,
    ) -> bool {
        if connection.stage == Stage::Gone {
            return false;
        }
        match event.kind {
            EventKind::Quit => self.counts_quit(connection, source),
            EventKind::Nick => self.counts_nick(connection, source, event),
            _ => match event.channel {
                None | Some(b"") => self.counts_private(connection, source, message, verb, event),
                Some(channel) => {
                    let mut name = std::mem::take(&mut self.name);
                    CASEMAPPING.fold_into(channel, &mut name);
                    let is_counted = match event.kind {
                        EventKind::Join => self.counts_join(connection, source, &name, event),
                        EventKind::Part => self.counts_part(connection, source, &name, event),
                        EventKind::Kick => self.counts_kick(connection, source, &name, event),
                        EventKind::Mode | EventKind::Topic => {
                            self.counts_change(connection, source, &name, event)
                        }
                        _ if verb == Verb::Numeric(NAMES) => {
                            self.counts_member(connection, &name, event)
                        }
                        _ => self.counts_talk(connection, source, &name, verb, event),
                    };
                    self.name = name;
                    is_counted
                }
            },
        }
    }

    fn counts_quit(&mut self, connection: &mut Connection, source: &[u8]) -> bool {
        // A recorded user's own connection tells.
        !connection.is_own(source)
            && !self.users.is_recorded(source)
            && self
                .departures
                .tell(source, Manner::Quit, connection.teller())
    }

    fn counts_nick(
        &mut self,
        connection: &mut Connection,
        source: &[u8],
        event: &Seen<'_>,
    ) -> bool {
        let mut new = std::mem::take(&mut self.name);
        CASEMAPPING.fold_into(event.peer, &mut new);
        let manner = Manner::Nick(hash(event.peer));
        let teller = connection.teller();
        let is_counted = if connection.is_own(source) {
            // Another connection of the same user may have told it.
            let is_repeat = self.departures.is_open(source, manner, teller);
            if is_repeat {
                self.departures.pass(source, connection.slot);
            } else {
                let scene = self.channels.scene(&connection.memberships);
                self.departures
                    .add_recorded(source, manner, connection.slot, scene);
            }
            !is_repeat
        } else if self.users.is_recorded(source) {
            self.users.expect(source, &new);
            false
        } else {
            self.departures.tell(source, manner, teller)
        };
        if new != source {
            self.departures.follow(source, &new, connection.slot);
        }
        self.name = new;
        is_counted
    }

    fn counts_private(
        &mut self,
        connection: &mut Connection,
        source: &[u8],
        message: &Message<'_>,
        verb: Verb,
        event: &Seen<'_>,
    ) -> bool {
        if self.is_recorded(connection, source) {
            return false;
        }
        // What is not said to somebody tells of somebody (AWAY, ACCOUNT) to all who can see them: no event of a channel.
        let is_to_us = CASEMAPPING.eq(parameter(message, 0), &connection.nick);
        (verb.is_talk() || is_to_us)
            && self
                .users
                .is_first(&connection.folded, connection.slot, event)
    }

    fn counts_join(
        &mut self,
        connection: &mut Connection,
        source: &[u8],
        channel: &[u8],
        event: &Seen<'_>,
    ) -> bool {
        let slot = connection.slot;
        let place = self.place(source, channel);
        let entry = self.channels.entry(channel, &connection.memberships);
        self.departures
            .join(source, &place, hash(channel), entry, connection.teller());
        let is_elsewhere =
            connection.is_own(source) && self.is_inside_elsewhere(slot, source, channel, &place);
        self.place = place;
        let is_observer = self
            .channels
            .is_observer(channel, &mut connection.memberships, slot);
        if is_elsewhere {
            // A client that attaches to a bouncer is told a JOIN for each channel where its user is by another.
            self.users.note_repeat(source, slot, event);
            false
        } else if connection.is_own(source) {
            self.users.is_first(source, slot, event)
        } else {
            is_observer && !self.is_recorded(connection, source)
        }
    }

    fn counts_part(
        &mut self,
        connection: &mut Connection,
        source: &[u8],
        channel: &[u8],
        event: &Seen<'_>,
    ) -> bool {
        let is_observer = self.observes(connection, channel);
        let is_counted = if connection.is_own(source) {
            self.users.is_first(source, connection.slot, event)
        } else {
            is_observer && !self.is_recorded(connection, source)
        };
        self.leave(connection, source, channel);
        is_counted
    }

    fn counts_kick(
        &mut self,
        connection: &mut Connection,
        source: &[u8],
        channel: &[u8],
        event: &Seen<'_>,
    ) -> bool {
        let is_observer = self.observes(connection, channel);
        let victim = CASEMAPPING.fold(event.peer);
        let is_counted = if connection.is_own(source) {
            self.users.is_first(source, connection.slot, event)
        } else if connection.is_own(&victim) {
            !self.is_inside(connection, source, channel)
                && self.users.is_first(&victim, connection.slot, event)
        } else {
            is_observer
                && !self.is_recorded(connection, &victim)
                && !self.is_inside(connection, source, channel)
        };
        self.leave(connection, &victim, channel);
        is_counted
    }

    fn counts_change(
        &mut self,
        connection: &mut Connection,
        source: &[u8],
        channel: &[u8],
        event: &Seen<'_>,
    ) -> bool {
        let is_observer = self.observes(connection, channel);
        if connection.is_own(source) {
            self.users.is_first(source, connection.slot, event)
        } else {
            // A recorded user who is not in the channel is not told of the change.
            is_observer && !self.is_inside(connection, source, channel)
        }
    }

    fn counts_member(
        &mut self,
        connection: &mut Connection,
        channel: &[u8],
        event: &Seen<'_>,
    ) -> bool {
        let nick = CASEMAPPING.fold(event.nick);
        self.departures.pass(&nick, connection.slot);
        // A list that holds the own nick tells that the connection is in the channel; who is not may ask for one too.
        let is_in =
            connection.is_own(&nick) || self.channels.is_in(channel, &connection.memberships);
        is_in && self.observes(connection, channel)
    }

    fn counts_talk(
        &mut self,
        connection: &mut Connection,
        source: &[u8],
        channel: &[u8],
        verb: Verb,
        event: &Seen<'_>,
    ) -> bool {
        let is_observer = self.observes(connection, channel);
        if self.is_recorded(connection, source) {
            // Talk counted where it was sent; other commands count where the server tells who gave them.
            !verb.is_talk()
                && connection.is_own(source)
                && self.users.is_first(source, connection.slot, event)
        } else {
            is_observer
        }
    }

    /// Notes that a connection is in a channel, since it is told of it; returns whether it is the channel's observer.
    fn observes(&mut self, connection: &mut Connection, channel: &[u8]) -> bool {
        self.channels
            .is_observer(channel, &mut connection.memberships, connection.slot)
    }

    /// Notes that a connection is told that somebody left a channel.
    fn leave(&mut self, connection: &mut Connection, nick: &[u8], channel: &[u8]) {
        let place = self.place(nick, channel);
        let is_own = connection.is_own(nick);
        let is_told = self
            .departures
            .is_open(&place, Manner::Channel, connection.teller());
        if is_own && !is_told {
            let scene = self.channels.scene(&connection.memberships);
            self.departures
                .add_recorded(&place, Manner::Channel, connection.slot, scene);
        } else {
            self.departures.pass(&place, connection.slot);
        }
        if is_own {
            self.channels.leave(channel, &mut connection.memberships);
        }
        self.place = place;
    }

    /// Returns whether `nick` is a recorded user's, as far as this connection has heard.
    fn is_recorded(&self, connection: &Connection, nick: &[u8]) -> bool {
        connection.is_own(nick)
            || self.users.is_recorded(nick)
            || self.departures.is_recorded(nick, connection.teller())
    }

    /// Returns whether `nick` is a recorded user's who is in the channel, as far as this connection has heard.
    fn is_inside(&mut self, connection: &Connection, nick: &[u8], channel: &[u8]) -> bool {
        let of_nick = self.users.connections(nick);
        let is_there = !of_nick.is_empty()
            && self
                .channels
                .holds_any(channel, |slot| of_nick.contains(&slot));
        if is_there || self.departures.is_recorded(nick, connection.teller()) {
            return true;
        }
        let place = self.place(nick, channel);
        let has_just_left = self.departures.is_recorded(&place, connection.teller());
        self.place = place;
        has_just_left
    }

    /// Returns whether another connection of a user is in a channel, and not just because it lags behind a PART.
    fn is_inside_elsewhere(&self, slot: Slot, nick: &[u8], channel: &[u8], place: &[u8]) -> bool {
        let of_nick = self.users.connections(nick);
        of_nick.len() > 1
            && self.channels.holds_any(channel, |other| {
                let teller = Teller {
                    slot: other,
                    since: 0,
                };
                other != slot
                    && of_nick.contains(&other)
                    && !self.departures.is_open(place, Manner::Channel, teller)
            })
    }

    /// Returns a nick in a channel as departures name it; the caller gives the buffer back.
    fn place(&mut self, nick: &[u8], channel: &[u8]) -> Vec<u8> {
        let mut place = std::mem::take(&mut self.place);
        place.clear();
        place.extend_from_slice(nick);
        place.push(b' ');
        place.extend_from_slice(channel);
        place
    }
}
