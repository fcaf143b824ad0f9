//! The networks' side: the registration, what is learnt of channels, what is kept, and what goes on to clients.

use crate::irc::wire::message::Message;
use crate::irc::wire::message::Source;
use crate::irc::wire::numeric::ERR_NICKNAMEINUSE;
use crate::irc::wire::numeric::ERR_NOMOTD;
use crate::irc::wire::numeric::RPL_ENDOFMOTD;
use crate::irc::wire::numeric::RPL_ISUPPORT;
use crate::irc::wire::numeric::RPL_NAMREPLY;
use crate::irc::wire::numeric::RPL_WELCOME;
use crate::measure::continuity::policy::Forgets;
use crate::sim::bouncer::ConnectionId;
use crate::sim::bouncer::ModelBouncer;
use crate::sim::bouncer::Style;
use crate::sim::bouncer::buffer::Talk;
use crate::sim::bouncer::lie::Lie;
use crate::sim::bouncer::seat::Seat;
use crate::sim::bouncer::seat::Stage;
use crate::sim::bouncer::seat::Upstream;
use crate::units::id::SeatId;

/// Most lines kept of a network's welcome; a message of the day has some hundred.
const GREETING_LINES_MAX: usize = 1024;

impl Upstream {
    /// Returns the name of the server that welcomed the user.
    pub(super) fn server(&self) -> &[u8] {
        let welcome = self.greeting.first();
        let message = welcome.and_then(|body| Message::parse(body).ok());
        message
            .and_then(|message| message.source)
            .map_or(b"irc.znc.in", |source| source.nick)
    }
}

impl ModelBouncer {
    /// Begins the registration on a seat's new connection.
    pub(super) fn register(&mut self, seat: SeatId) {
        let Some(row) = self.seats.get_mut(seat.index()) else {
            return;
        };
        if row.upstream.stage != Stage::Dialling {
            return;
        }
        row.upstream.stage = Stage::Registering;
        row.upstream.nick = row.config.nick.as_bytes().to_vec();
        let nick = &row.upstream.nick;
        self.ports.up(seat).command(b"NICK").param(nick).end();
        let user = row.config.user.as_bytes();
        self.ports
            .up(seat)
            .command(b"USER")
            .param(user)
            .number(0)
            .param(b"*")
            .trailing(user);
    }

    /// Notes that a seat's connection is gone, and returns whether there was one, or the hope of one.
    pub(super) fn lose_upstream(&mut self, seat: SeatId) -> bool {
        let Some(row) = self.seats.get_mut(seat.index()) else {
            return false;
        };
        let before = std::mem::replace(&mut row.upstream.stage, Stage::Waiting);
        self.ports.clear_up(seat);
        if before == Stage::Online {
            let nick = row.upstream.nick.clone();
            for &id in &row.attached {
                let rooms = row.rooms.values().filter(|room| room.is_in);
                let names = rooms.map(|room| room.name.as_slice());
                let style = self.style;
                style.tell_lost(&mut self.ports, id, &nick, names);
            }
        }
        for room in row.rooms.values_mut() {
            room.leave();
        }
        let upstream = &mut row.upstream;
        let greeting = std::mem::take(&mut upstream.greeting);
        *upstream = Upstream {
            nick: std::mem::take(&mut upstream.nick),
            // bip tells who attaches meanwhile what the network said at its last welcome.
            greeting: if self.style == Style::Bip {
                greeting
            } else {
                Vec::new()
            },
            greeted_unix_micros: upstream.greeted_unix_micros,
            ..Upstream::default()
        };
        before != Stage::Waiting
    }

    pub(super) fn handle_upstream_line(&mut self, seat: SeatId, line: &[u8]) {
        let Ok(message) = Message::parse(line) else {
            return;
        };
        let Some(row) = self.seats.get_mut(seat.index()) else {
            return;
        };
        if matches!(row.upstream.stage, Stage::Waiting | Stage::Dialling) {
            return;
        }
        if message.is(b"PING") {
            let token = message.params.get(0).unwrap_or_default();
            self.ports.up(seat).command(b"PONG").last(token);
        } else if message.is(b"PONG") {
            // Nobody asked.
        } else if message.is(b"ERROR") {
            let text = message.params.get(0).unwrap_or_default();
            for &id in &row.attached {
                let (style, nick) = (self.style, &row.upstream.nick);
                style.tell_error(&mut self.ports, id, nick, text);
            }
        } else if row.upstream.stage == Stage::Registering
            && !self.handle_registering(seat, &message)
        {
            // Words before the welcome are for nobody.
        } else {
            self.handle_online(seat, &message, without_tags(line));
        }
    }

    /// Takes a line before the welcome is over, and returns whether it is the welcome.
    fn handle_registering(&mut self, seat: SeatId, message: &Message<'_>) -> bool {
        let Some(row) = self.seats.get_mut(seat.index()) else {
            return false;
        };
        let upstream = &mut row.upstream;
        match message.numeric() {
            Some(ERR_NICKNAMEINUSE) => {
                upstream.nick.push(b'_');
                let nick = &upstream.nick;
                self.ports.up(seat).command(b"NICK").param(nick).end();
                false
            }
            Some(RPL_WELCOME) => {
                if let Some(nick) = message.params.get(0) {
                    upstream.nick = nick.to_vec();
                }
                upstream.stage = Stage::Online;
                upstream.is_greeting = true;
                upstream.greeting.clear();
                upstream.greeted_unix_micros = self.ports.unix_micros;
                for &id in &row.attached {
                    if self.style == Style::Znc {
                        let nick = &row.upstream.nick;
                        self.style.tell(&mut self.ports, id, nick, b"Connected!");
                    }
                }
                true
            }
            _ => false,
        }
    }

    fn handle_online(&mut self, seat: SeatId, message: &Message<'_>, body: &[u8]) {
        let now = self.ports.unix_micros;
        let Some(row) = self.seats.get_mut(seat.index()) else {
            return;
        };
        if let Some(talk) = Talk::heard(message, now) {
            return self.handle_talk(seat, talk, body);
        }
        row.learn(message, body);
        for &id in &row.attached {
            self.ports.relay(id, body, now);
        }
        let is_welcome_over = matches!(message.numeric(), Some(RPL_ENDOFMOTD | ERR_NOMOTD));
        if is_welcome_over && std::mem::take(&mut row.upstream.is_greeting) {
            for channel in &row.config.channels {
                let line = self.ports.up(seat).command(b"JOIN");
                line.param(channel.as_bytes()).end();
            }
        }
        let is_own = message
            .source
            .is_some_and(|source| row.upstream.is_own(source.nick));
        if is_own && message.is(b"JOIN") {
            // Clients that came while the network was gone. ZNC itself would leave it for whoever attaches next, out of its order.
            let name = message.params.get(0).unwrap_or_default().to_vec();
            for id in row.attached.clone() {
                self.play_room(id, seat, &name);
            }
        }
    }

    /// Keeps what a user said, and hands it on.
    fn handle_talk(&mut self, seat: SeatId, talk: Talk, body: &[u8]) {
        let Some(row) = self.seats.get_mut(seat.index()) else {
            return;
        };
        if self.now < row.deaf_until {
            return self
                .liar
                .note(self.now, Lie::DeafAtAttach, seat, &talk.text);
        }
        let copies = if row.attached.is_empty() {
            0
        } else if self.liar.strikes(Lie::DropLive) {
            self.liar.note(self.now, Lie::DropLive, seat, &talk.text);
            0
        } else if self.liar.strikes(Lie::DoubleLive) {
            self.liar.note(self.now, Lie::DoubleLive, seat, &talk.text);
            2
        } else {
            1
        };
        for _ in 0..copies {
            for &id in &row.attached {
                self.ports.relay(id, body, talk.unix_micros);
            }
        }
        self.leak(seat, &talk, body);
        let policy = self.policy;
        let Some(row) = self.seats.get_mut(seat.index()) else {
            return;
        };
        if policy.forgets == Forgets::Never || row.attached.is_empty() {
            row.keep(talk, &policy);
        }
    }

    /// Tells another user's client what is none of its business, if that is the lie and its turn.
    fn leak(&mut self, seat: SeatId, talk: &Talk, body: &[u8]) {
        self.owes_leak |= self.liar.strikes(Lie::Leak);
        let Some(row) = self.seats.get(seat.index()).filter(|_| self.owes_leak) else {
            return;
        };
        let others = self.seats.iter().filter(|other| {
            let may_be_there =
                other.config.network == row.config.network && other.room(&talk.target).is_some();
            other.config.user != row.config.user && !may_be_there
        });
        let receivers: Vec<ConnectionId> = others
            .flat_map(|other| other.attached.iter().copied())
            .collect();
        if receivers.is_empty() {
            return;
        }
        let receiver = receivers[self.liar.draw(receivers.len())];
        self.ports.relay(receiver, body, talk.unix_micros);
        self.liar.note(self.now, Lie::Leak, seat, &talk.text);
        self.owes_leak = false;
    }
}

impl Seat {
    /// Learns from a line of the network that is no talk.
    fn learn(&mut self, message: &Message<'_>, body: &[u8]) {
        if message.numeric().is_some() {
            return self.learn_numeric(message, body);
        }
        let Some(Source { nick, .. }) = message.source else {
            return;
        };
        let is_own = self.upstream.is_own(nick);
        let name = message.params.get(0).unwrap_or_default();
        match message.command {
            b"JOIN" if is_own => {
                let source = body.split(|&byte| byte == b' ').next();
                let mask = source.and_then(|source| source.strip_prefix(b":"));
                self.upstream.mask = mask.unwrap_or_default().to_vec();
                if let Some(room) = self.enter_room(name) {
                    room.enter();
                }
            }
            b"JOIN" => {
                if let Some(room) = self.room_mut(name) {
                    room.add(nick, b"");
                }
            }
            b"PART" | b"KICK" => {
                let who = if message.is(b"KICK") {
                    message.params.get(1).unwrap_or_default()
                } else {
                    nick
                };
                let is_own = self.upstream.is_own(who);
                match self.room_mut(name) {
                    Some(room) if is_own => room.leave(),
                    Some(room) => room.remove(who),
                    None => {}
                }
            }
            b"QUIT" => {
                for room in self.rooms.values_mut() {
                    room.remove(nick);
                }
            }
            b"NICK" => {
                for room in self.rooms.values_mut() {
                    room.rename(nick, name);
                }
                if is_own {
                    let rest = self.upstream.mask.get(nick.len()..).unwrap_or_default();
                    if !rest.is_empty() {
                        self.upstream.mask = [name, rest].concat();
                    }
                    self.upstream.nick = name.to_vec();
                }
            }
            _ => {}
        }
    }

    fn learn_numeric(&mut self, message: &Message<'_>, body: &[u8]) {
        let upstream = &mut self.upstream;
        if upstream.is_greeting && upstream.greeting.len() < GREETING_LINES_MAX {
            upstream.greeting.push(body.to_vec());
        }
        match message.numeric() {
            Some(RPL_ISUPPORT) => upstream.isupport.handle_005(message),
            Some(RPL_NAMREPLY) => {
                let symbols = upstream.isupport.prefix.symbols.clone();
                let name = message.params.get(2).unwrap_or_default();
                let names = message.params.get(3).unwrap_or_default();
                if let Some(room) = self.room_mut(name) {
                    let names = names.split(|&byte| byte == b' ');
                    for shown in names.filter(|shown| !shown.is_empty()) {
                        room.add(shown, &symbols);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Returns a line without its tags.
pub(super) fn without_tags(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii_start();
    if line.first() != Some(&b'@') {
        return line;
    }
    let end = line.iter().position(|&byte| byte == b' ');
    line.get(end.unwrap_or(line.len())..)
        .unwrap_or_default()
        .trim_ascii_start()
}
