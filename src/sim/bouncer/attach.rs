//! A client comes: what the network said at first, the channels, and what was kept for it.

use std::time::Duration;

use crate::irc::wire::message::Message;
use crate::irc::wire::numeric::RPL_ENDOFNAMES;
use crate::irc::wire::numeric::RPL_NAMREPLY;
use crate::irc::wire::numeric::RPL_WELCOME;
use crate::irc::wire::server_time;
use crate::measure::continuity::policy::Forgets;
use crate::sim::bouncer::ConnectionId;
use crate::sim::bouncer::ModelBouncer;
use crate::sim::bouncer::Style;
use crate::sim::bouncer::buffer::Talk;
use crate::sim::bouncer::lie::Lie;
use crate::sim::bouncer::seat::Stage;
use crate::sim::bouncer::style::Played;
use crate::units::id::SeatId;

/// Most bytes of nicks in one 353: with all around it the line fits in 512.
const NAMES_BYTES_MAX: usize = 350;
/// How long before and after an attach a bouncer that lies so hears nothing.
const DEAF_FOR: Duration = Duration::from_millis(500);

impl ModelBouncer {
    /// Lets a client in at a seat.
    pub(super) fn attach(&mut self, id: ConnectionId, seat: SeatId) {
        let Some(row) = self.seats.get_mut(seat.index()) else {
            return;
        };
        let upstream = &row.upstream;
        let nick = upstream.nick.clone();
        if self.style == Style::Bip && upstream.greeting.is_empty() {
            let server = self.style.server().as_bytes();
            let line = self.ports.line(id).source(server).command(b"NOTICE");
            line.param(b"pouet")
                .trailing(b"ERROR Proxy not yet connected, try again later");
            return self.dismiss(id);
        }
        row.attached.push(id);
        if self.liar.strikes(Lie::DeafAtAttach) {
            self.turn_deaf(seat);
        }
        self.greet(id, seat, &nick);
        let Some(row) = self.seats.get(seat.index()) else {
            return;
        };
        if row.upstream.stage == Stage::Online {
            let rooms = row.rooms.values().filter(|room| room.is_in);
            let names: Vec<Vec<u8>> = rooms.map(|room| room.name.clone()).collect();
            for name in names {
                self.show_room(id, seat, &name);
                self.play_room(id, seat, &name);
            }
        }
        self.play_queries(id, seat);
    }

    fn greet(&mut self, id: ConnectionId, seat: SeatId, nick: &[u8]) {
        let Some(row) = self.seats.get(seat.index()) else {
            return;
        };
        let upstream = &row.upstream;
        if upstream.greeting.is_empty() {
            self.ports
                .line(id)
                .source(self.style.server().as_bytes())
                .numeric(RPL_WELCOME)
                .param(nick)
                .trailing(b"Welcome to ZNC");
        }
        for body in &upstream.greeting {
            let body = readdressed(body, nick);
            self.ports.relay(id, &body, upstream.greeted_unix_micros);
        }
        if self.style == Style::Bip {
            let line = self.ports.line(id).source(nick);
            line.command(b"NICK").param(nick).end();
        }
    }

    /// Tells a client that it is in a channel, and with whom.
    fn show_room(&mut self, id: ConnectionId, seat: SeatId, name: &[u8]) {
        let Some(row) = self.seats.get(seat.index()) else {
            return;
        };
        let Some(room) = row.room(name) else {
            return;
        };
        let nick = &row.upstream.nick;
        let mask = row.own_mask(self.style.server());
        let from = self.style.joins_from(nick, &mask);
        let line = self.ports.line(id).source(&from).command(b"JOIN");
        match self.style {
            Style::Znc => line.trailing(name),
            Style::Bip => line.param(name).end(),
        }
        let server: &[u8] = match self.style {
            Style::Znc => row.upstream.server(),
            Style::Bip => b"b.i.p",
        };
        for names in room.names(NAMES_BYTES_MAX) {
            self.ports
                .line(id)
                .source(server)
                .numeric(RPL_NAMREPLY)
                .param(nick)
                .param(b"=")
                .param(name)
                .trailing(&names);
        }
        self.ports
            .line(id)
            .source(server)
            .numeric(RPL_ENDOFNAMES)
            .param(nick)
            .param(name)
            .trailing(b"End of /NAMES list.");
    }

    /// Plays back what was kept of a channel to a client that has not been played it.
    pub(super) fn play_room(&mut self, id: ConnectionId, seat: SeatId, name: &[u8]) {
        let forgets = self.policy.forgets;
        let Some(row) = self.seats.get_mut(seat.index()) else {
            return;
        };
        let Some(room) = row.room_mut(name) else {
            return;
        };
        if room.told.contains(&id) {
            return;
        }
        room.told.push(id);
        let lines = room.buffer.lines();
        if forgets == Forgets::OnAttach {
            room.buffer.clear();
        }
        self.play(id, seat, name, true, lines);
    }

    fn play_queries(&mut self, id: ConnectionId, seat: SeatId) {
        let forgets = self.policy.forgets;
        let Some(row) = self.seats.get_mut(seat.index()) else {
            return;
        };
        let queries = row.queries.values();
        let kept: Vec<(Vec<u8>, Vec<Talk>)> = queries
            .map(|query| (query.nick.clone(), query.buffer.lines()))
            .collect();
        if forgets == Forgets::OnAttach {
            row.queries.clear();
        }
        for (nick, lines) in kept {
            self.play(id, seat, &nick, false, lines);
        }
    }

    fn play(
        &mut self,
        id: ConnectionId,
        seat: SeatId,
        name: &[u8],
        is_channel: bool,
        lines: Vec<Talk>,
    ) {
        let lines = self.liar.distort(self.now, seat, is_channel, lines);
        let Some(row) = self.seats.get(seat.index()) else {
            return;
        };
        if lines.is_empty() {
            return;
        }
        let played = Played {
            name,
            is_channel,
            nick: &row.upstream.nick,
            is_marked: self.policy.marks_replay,
        };
        let style = self.style;
        style.play(&mut self.ports, id, &played, &lines);
        let is_any_others = lines.iter().any(|line| !line.is_own);
        if is_any_others && self.liar.strikes(Lie::ReplayTwice) {
            for line in lines.iter().filter(|line| !line.is_own) {
                self.liar.note(self.now, Lie::ReplayTwice, seat, &line.text);
            }
            style.play(&mut self.ports, id, &played, &lines);
        }
    }

    /// Tells a client a page of what is kept of a channel: the latest lines, or those before a moment.
    pub(super) fn tell_page(&mut self, id: ConnectionId, seat: SeatId, message: &Message<'_>) {
        let param = |place| message.params.get(place).unwrap_or_default();
        let (name, before) = (param(1), param(2));
        let before = before
            .strip_prefix(b"timestamp=")
            .and_then(server_time::parse);
        let limit = std::str::from_utf8(param(3))
            .ok()
            .and_then(|limit| limit.parse().ok());
        let room = self
            .seats
            .get_mut(seat.index())
            .and_then(|row| row.room_mut(name));
        let (Some(room), Some(limit)) = (room, limit) else {
            return;
        };
        let lines = room.buffer.lines();
        let mut lines = self.liar.distort(self.now, seat, true, lines);
        lines.retain(|line| before.is_none_or(|before| line.unix_micros < before));
        let past = lines.len().saturating_sub(limit);
        lines.drain(..past);
        self.style.tell_page(&mut self.ports, id, name, &lines);
    }

    /// Forgets what was said just now, and hears nothing for a while.
    fn turn_deaf(&mut self, seat: SeatId) {
        let Some(row) = self.seats.get_mut(seat.index()) else {
            return;
        };
        let micros = i64::try_from(DEAF_FOR.as_micros()).unwrap_or(0);
        for line in row.forget_after(self.ports.unix_micros - micros) {
            self.liar
                .note(self.now, Lie::DeafAtAttach, seat, &line.text);
        }
        row.deaf_until = self.now + DEAF_FOR;
    }
}

/// Returns a numeric with its addressee replaced by the nick that the user has now.
fn readdressed(body: &[u8], nick: &[u8]) -> Vec<u8> {
    let mut words = body.splitn(4, |&byte| byte == b' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(source), Some(numeric), Some(_), Some(rest)) => {
            [source, numeric, nick, rest].join(&b' ')
        }
        _ => body.to_vec(),
    }
}
