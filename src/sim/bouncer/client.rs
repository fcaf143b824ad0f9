//! The clients' side: who they say they are, what they take on, and their lines on the way to the network.

use crate::irc::wire::framer::Framer;
use crate::irc::wire::message::Message;
use crate::irc::wire::numeric::ERR_PASSWDMISMATCH;
use crate::measure::continuity::policy::Forgets;
use crate::sim::bouncer::ConnectionId;
use crate::sim::bouncer::ModelBouncer;
use crate::sim::bouncer::Style;
use crate::sim::bouncer::buffer::ACTION;
use crate::sim::bouncer::buffer::Talk;
use crate::sim::bouncer::ports::Caps;
use crate::sim::bouncer::seat::Stage;
use crate::sim::bouncer::upstream::without_tags;
use crate::units::id::SeatId;

/// A client's connection.
#[derive(Debug, Default)]
pub(super) struct Client {
    pub(super) framer: Framer,
    /// Where it is attached.
    seat: Option<SeatId>,
    pass: Option<Vec<u8>>,
    nick: Vec<u8>,
    has_user: bool,
    is_negotiating: bool,
    is_leaving: bool,
}

impl ModelBouncer {
    pub(super) fn handle_client_line(&mut self, id: ConnectionId, line: &[u8]) {
        let Some(client) = self.clients.get(&id).filter(|client| !client.is_leaving) else {
            return;
        };
        let Ok(message) = Message::parse(line) else {
            return;
        };
        let seat = client.seat;
        match message.command.to_ascii_uppercase().as_slice() {
            b"CAP" => self.cap(id, &message),
            b"PING" => self.pong(id, seat, &message),
            b"PONG" => {}
            b"QUIT" => {
                let line = self.ports.line(id).command(b"ERROR");
                line.trailing(b"Closing link");
                self.dismiss(id);
            }
            b"CHATHISTORY" => {
                if let Some(seat) = seat {
                    self.tell_page(id, seat, &message);
                }
            }
            command => match seat {
                Some(seat) => self.hand_up(id, seat, &message, line),
                None => self.introduce(id, command, &message),
            },
        }
        self.let_in_if_complete(id);
    }

    /// Has a client closed; its user's other clients stay.
    pub(super) fn dismiss(&mut self, id: ConnectionId) {
        self.detach(id);
        if let Some(client) = self.clients.get_mut(&id) {
            client.is_leaving = true;
        }
        self.ports.close(id);
    }

    /// Ends a client's session, if it has one.
    pub(super) fn detach(&mut self, id: ConnectionId) {
        let client = self.clients.get_mut(&id);
        let Some(seat) = client.and_then(|client| client.seat.take()) else {
            return;
        };
        if let Some(row) = self.seats.get_mut(seat.index()) {
            row.attached.retain(|&attached| attached != id);
            for room in row.rooms.values_mut() {
                room.told.retain(|&told| told != id);
            }
        }
    }

    fn cap(&mut self, id: ConnectionId, message: &Message<'_>) {
        if self.style == Style::Bip {
            return;
        }
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let registers = client.seat.is_none();
        let nick = if client.nick.is_empty() {
            b"unknown-nick".to_vec()
        } else {
            client.nick.clone()
        };
        let subcommand = message.params.get(0).unwrap_or_default();
        let (answer, text): (&[u8], _) = match subcommand.to_ascii_uppercase().as_slice() {
            b"LS" => {
                client.is_negotiating = registers;
                (b"LS", Caps::offered().into_bytes())
            }
            b"REQ" => {
                client.is_negotiating = registers;
                let wanted = message.params.get(1).unwrap_or_default();
                match self.ports.caps(id).after(wanted) {
                    Some(caps) => {
                        self.ports.set_caps(id, caps);
                        (b"ACK", wanted.to_vec())
                    }
                    None => (b"NAK", wanted.to_vec()),
                }
            }
            b"END" => {
                client.is_negotiating = false;
                return;
            }
            _ => return,
        };
        self.ports
            .line(id)
            .source(self.style.server().as_bytes())
            .command(b"CAP")
            .param(&nick)
            .param(answer)
            .trailing(&text);
    }

    fn pong(&mut self, id: ConnectionId, seat: Option<SeatId>, message: &Message<'_>) {
        let token = message.params.get(0).unwrap_or_default();
        match self.style {
            Style::Znc => {
                let server = self.style.server().as_bytes();
                let line = self.ports.line(id).source(server).command(b"PONG");
                line.param(server).trailing(token);
            }
            Style::Bip => {
                // It answers in the network's name.
                let row = seat.and_then(|seat| self.seats.get(seat.index()));
                let name = row.map_or("bip", |row| &row.config.network_name);
                let line = self.ports.line(id).source(name.as_bytes());
                line.command(b"PONG").last(token);
            }
        }
    }

    /// Takes what a client says of itself before it is let in.
    fn introduce(&mut self, id: ConnectionId, command: &[u8], message: &Message<'_>) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let word = message.params.get(0).unwrap_or_default();
        match command {
            b"PASS" => client.pass = Some(word.to_vec()),
            b"NICK" => client.nick = word.to_vec(),
            b"USER" => client.has_user = true,
            _ => {}
        }
    }

    fn let_in_if_complete(&mut self, id: ConnectionId) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let is_complete = !client.nick.is_empty() && client.has_user && !client.is_negotiating;
        if !is_complete || client.seat.is_some() || client.is_leaving {
            return;
        }
        let login = client.pass.as_ref().and_then(|pass| self.logins.get(pass));
        if let Some(&seat) = login {
            client.seat = Some(seat);
            return self.attach(id, seat);
        }
        let nick = client.nick.clone();
        let text: &[u8] = if client.pass.is_some() {
            b"Invalid Password"
        } else {
            b"Password required"
        };
        self.ports
            .line(id)
            .source(self.style.server().as_bytes())
            .numeric(ERR_PASSWDMISMATCH)
            .param(&nick)
            .trailing(text);
        self.dismiss(id);
    }

    /// Hands a client's line to the network.
    fn hand_up(&mut self, id: ConnectionId, seat: SeatId, message: &Message<'_>, line: &[u8]) {
        let Some(row) = self.seats.get(seat.index()) else {
            return;
        };
        let is_notice = message.is(b"NOTICE");
        let is_talk = is_notice || message.is(b"PRIVMSG");
        let target = message.params.get(0).unwrap_or_default();
        // Words to the bouncer itself.
        if is_talk && target.first() == Some(&b'*') {
            return;
        }
        if message.is(b"PASS") || message.is(b"USER") {
            return;
        }
        if row.upstream.stage == Stage::Online {
            self.ports.up(seat).rest(without_tags(line));
            if is_talk {
                self.tell_siblings(id, seat, message);
            }
        } else if is_talk {
            let text = message.params.get(1).unwrap_or_default();
            // ZNC says nothing when it loses an ACTION.
            if self.style == Style::Znc && text.starts_with(ACTION) {
                return;
            }
            let kind = match (text.first(), is_notice) {
                (Some(1), _) => "CTCP",
                (_, true) => "notice",
                (_, false) => "message",
            };
            let nick = &row.upstream.nick;
            let style = self.style;
            style.tell_in_vain(&mut self.ports, id, nick, kind, target);
        }
    }

    /// Tells who else is to know what a client said, and keeps it.
    fn tell_siblings(&mut self, id: ConnectionId, seat: SeatId, message: &Message<'_>) {
        let Some(row) = self.seats.get_mut(seat.index()) else {
            return;
        };
        let targets = message.params.get(0).unwrap_or_default();
        let Some(text) = message.params.get(1) else {
            return;
        };
        let policy = self.policy;
        for target in targets.split(|&byte| byte == b',') {
            let talk = Talk {
                unix_micros: self.ports.unix_micros,
                source: row.own_mask(self.style.server()),
                target: target.to_vec(),
                text: text.to_vec(),
                is_notice: message.is(b"NOTICE"),
                is_own: true,
            };
            for &attached in &row.attached {
                let is_told = if attached == id {
                    self.ports.caps(id).has(Caps::ECHO)
                } else {
                    policy.tells_siblings
                };
                if is_told {
                    let line = self.ports.line(attached).source(&talk.source);
                    line.command(talk.command()).param(target).trailing(text);
                }
            }
            // Who forgets on an attach keeps what no client saw, and this one did.
            if policy.keeps_own && policy.forgets == Forgets::Never {
                row.keep(talk, &policy);
            }
        }
    }
}
