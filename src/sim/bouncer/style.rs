//! What a bouncer says in its own name, and how it shows what it plays back, by whose dialect it speaks.

use crate::irc::wire::compose::Line;
use crate::sim::bouncer::ConnectionId;
use crate::sim::bouncer::SeatConfig;
use crate::sim::bouncer::Style;
use crate::sim::bouncer::buffer::Talk;
use crate::sim::bouncer::ports::Caps;
use crate::sim::bouncer::ports::Ports;

/// What stands before own private talk that bip plays back in the other's name.
const BIP_OWN_QUERY: &[u8] = b"\x02->\x02";

/// A channel or query as it is played back.
pub(super) struct Played<'a> {
    /// The channel, or the other's nick.
    pub(super) name: &'a [u8],
    pub(super) is_channel: bool,
    /// The user's nick.
    pub(super) nick: &'a [u8],
    /// Whether it is marked as played back.
    pub(super) is_marked: bool,
}

impl Style {
    /// Returns the parameter of PASS that lets a client in at a seat.
    pub(super) fn password_line(self, seat: &SeatConfig) -> Vec<u8> {
        let SeatConfig {
            user,
            network_name,
            password,
            ..
        } = seat;
        match self {
            Self::Znc => format!("{user}/{network_name}:{password}"),
            Self::Bip => format!("{user}:{password}:{network_name}"),
        }
        .into_bytes()
    }

    /// Returns the name that the bouncer has as a server.
    pub(super) fn server(self) -> &'static str {
        match self {
            Self::Znc => "irc.znc.in",
            Self::Bip => "irc.bip.net",
        }
    }

    /// Tells a client something about the bouncer itself.
    pub(super) fn tell(self, ports: &mut Ports, id: ConnectionId, nick: &[u8], text: &[u8]) {
        let speaker: &[u8] = match self {
            Self::Znc => b"*status!znc@znc.in",
            Self::Bip => b"-bip!bip@b.i.p",
        };
        private(ports.line(id), speaker, b"PRIVMSG", nick, text);
    }

    /// Tells a client that the network is gone, and what it said at the end.
    pub(super) fn tell_lost<'a>(
        self,
        ports: &mut Ports,
        id: ConnectionId,
        nick: &[u8],
        channels: impl Iterator<Item = &'a [u8]>,
    ) {
        match self {
            Self::Znc => self.tell(ports, id, nick, b"Disconnected from IRC. Reconnecting..."),
            Self::Bip => {
                let text = b"Server disconnected, reconnecting";
                for channel in channels {
                    ports
                        .line(id)
                        .source(b"-bip!bip@b.i.p")
                        .command(b"KICK")
                        .param(channel)
                        .param(nick)
                        .trailing(text);
                }
                self.tell(ports, id, nick, text);
            }
        }
    }

    /// Tells a client what the network said before it closed.
    pub(super) fn tell_error(self, ports: &mut Ports, id: ConnectionId, nick: &[u8], text: &[u8]) {
        match self {
            Self::Znc => {
                let text = [&b"Error from server: "[..], text].concat();
                self.tell(ports, id, nick, &text);
            }
            Self::Bip => ports.line(id).command(b"ERROR").trailing(text),
        }
    }

    /// Tells a client that a message to `target` reached nobody.
    pub(super) fn tell_in_vain(
        self,
        ports: &mut Ports,
        id: ConnectionId,
        nick: &[u8],
        kind: &str,
        target: &[u8],
    ) {
        match self {
            Self::Znc => {
                let text = [
                    b"Your ",
                    kind.as_bytes(),
                    b" to ",
                    target,
                    b" got lost, you are not connected to IRC!",
                ]
                .concat();
                self.tell(ports, id, nick, &text);
            }
            Self::Bip => private(
                ports.line(id),
                self.server().as_bytes(),
                b"NOTICE",
                b"pouet",
                b"ERROR Proxy not connected, please wait before sending commands",
            ),
        }
    }

    /// Returns whose JOIN a client reads when it attaches.
    pub(super) fn joins_from(self, nick: &[u8], mask: &[u8]) -> Vec<u8> {
        match self {
            Self::Znc => mask.to_vec(),
            Self::Bip => [nick, b"!bip@bip.bip.bip"].concat(),
        }
    }

    /// Plays lines back to a client.
    pub(super) fn play(
        self,
        ports: &mut Ports,
        id: ConnectionId,
        played: &Played<'_>,
        lines: &[Talk],
    ) {
        match self {
            Self::Znc => play_as_znc(ports, id, played, lines),
            Self::Bip => play_as_bip(ports, id, played, lines),
        }
    }

    /// Tells lines of a channel that a client asked for, in a batch.
    pub(super) fn tell_page(
        self,
        ports: &mut Ports,
        id: ConnectionId,
        name: &[u8],
        lines: &[Talk],
    ) {
        let batch = [b"page-", name].concat();
        for (sign, line) in [(b"+", true), (b"-", false)] {
            let mark = [&sign[..], &batch].concat();
            let begun = ports.line(id).source(self.server().as_bytes());
            let begun = begun.command(b"BATCH").param(&mark);
            if !line {
                begun.end();
                continue;
            }
            begun.param(b"chathistory").param(name).end();
            for line in lines {
                let begun = ports.line_said(id, line.unix_micros, Some(&batch));
                private(begun, &line.source, line.command(), name, &line.text);
            }
        }
    }
}

fn private(line: Line<'_>, from: &[u8], command: &[u8], to: &[u8], text: &[u8]) {
    line.source(from).command(command).param(to).trailing(text);
}

fn play_as_znc(ports: &mut Ports, id: ConnectionId, played: &Played<'_>, lines: &[Talk]) {
    let Played {
        name,
        is_channel,
        nick,
        is_marked,
    } = *played;
    let (caps, now) = (ports.caps(id), ports.unix_micros);
    let shows_own = is_channel || caps.has(Caps::OWN) || caps.has(Caps::ECHO);
    let lines = lines.iter().filter(|line| shows_own || !line.is_own);
    let batch = (is_marked && caps.has(Caps::BATCH)).then(|| [b"playback-", name].concat());
    let has_markers = is_marked && is_channel && batch.is_none() && !caps.has(Caps::TIME);
    if let Some(batch) = &batch {
        let mark = [b"+", batch.as_slice()].concat();
        ports
            .line(id)
            .source(b"znc.in")
            .command(b"BATCH")
            .param(&mark)
            .param(b"znc.in/playback")
            .param(name)
            .end();
    }
    let marker: &[u8] = b"***!znc@znc.in";
    if has_markers {
        let text = b"Buffer Playback...";
        private(ports.line(id), marker, b"PRIVMSG", name, text);
    }
    for line in lines {
        let text = if is_marked && !caps.has(Caps::TIME) {
            line.text_behind(format!("[{}] ", clock(line.unix_micros)).as_bytes())
        } else {
            line.text.clone()
        };
        let stamp = if is_marked { line.unix_micros } else { now };
        let target = if is_channel || line.is_own {
            &line.target
        } else {
            nick
        };
        let begun = ports.line_said(id, stamp, batch.as_deref());
        private(begun, &line.source, line.command(), target, &text);
    }
    if has_markers {
        let text = b"Playback Complete.";
        private(ports.line(id), marker, b"PRIVMSG", name, text);
    }
    if let Some(batch) = &batch {
        let mark = [b"-", batch.as_slice()].concat();
        ports
            .line(id)
            .source(b"znc.in")
            .command(b"BATCH")
            .param(&mark)
            .end();
    }
}

fn play_as_bip(ports: &mut Ports, id: ConnectionId, played: &Played<'_>, lines: &[Talk]) {
    let Played {
        name,
        is_channel,
        nick,
        is_marked,
    } = *played;
    for line in lines {
        if !is_marked {
            let target = if is_channel || line.is_own {
                &line.target
            } else {
                nick
            };
            private(ports.line(id), &line.source, b"PRIVMSG", target, &line.text);
            continue;
        }
        let prefix = format!("{}> ", clock(line.unix_micros)).into_bytes();
        let (prefix, from, target) = match (is_channel, line.is_own) {
            (true, _) => (prefix, line.nick(), name),
            (false, true) => ([BIP_OWN_QUERY, &prefix].concat(), name, nick),
            (false, false) => (prefix, line.nick(), nick),
        };
        let from = [from, b"!bip@b.i.p"].concat();
        let text = line.text_behind(&prefix);
        // A notice comes as a message.
        private(ports.line(id), &from, b"PRIVMSG", target, &text);
    }
    if is_marked {
        let (from, to): (&[u8], _) = if is_channel {
            (b"-bip!bip@b.i.p", name)
        } else {
            (name, nick)
        };
        private(ports.line(id), from, b"PRIVMSG", to, b"End of backlog");
    }
}

/// Returns the time of day in UTC.
fn clock(unix_micros: i64) -> String {
    let secs = unix_micros.div_euclid(1_000_000).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", secs / 3600, secs / 60 % 60, secs % 60)
}
