//! What differs for the client of a bouncer: it finds itself in its channels, and tells a judge what it reads instead of keeping a ledger.

use crate::irc::session::Closed;
use crate::irc::session::End;
use crate::irc::session::event::Change;
use crate::irc::session::event::Event as Heard;
use crate::irc::session::playback::Replay;
use crate::irc::session::playback::Stamp;
use crate::irc::wire::compose::Line;
use crate::irc::wire::message::Source;
use crate::measure::continuity::backlog::Detached;
use crate::measure::continuity::line::LineId;
use crate::measure::continuity::line::TELLING_BYTES_MIN;
use crate::measure::continuity::line::Verb;
use crate::measure::continuity::told::Deed;
use crate::measure::continuity::told::Said;
use crate::measure::continuity::told::Stream;
use crate::measure::continuity::told::Told;
use crate::measure::operation::Operation;
use crate::plan::Plan;
use crate::scenario::phase::Cut;
use crate::swarm::Shard;
use crate::swarm::hear;
use crate::swarm::pager::PAGE_LINES;
use crate::swarm::pager::Pager;
use crate::swarm::pager::Turn;
use crate::units::id::ChannelId;
use crate::units::id::SeatId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

const DAY_SECS: i64 = 86_400;
/// How far a bouncer's clock may be ahead of ours before a time of day is taken for yesterday's.
const AHEAD_SECS_MAX: i64 = 60;

/// What the clients of one shard tell, and what is known of each, by local index.
#[derive(Debug)]
pub(super) struct Clients {
    told: Vec<Told>,
    rows: Vec<Client>,
    /// The time of day at [`Offset::ZERO`].
    epoch_unix_micros: u64,
}

#[derive(Clone, Debug)]
struct Client {
    seat: SeatId,
    network: u16,
    /// Channels that it is in, in order.
    joined: Vec<ChannelId>,
    /// How many it is to find itself in.
    channel_count: usize,
    is_attached: bool,
    has_all: bool,
    /// How its connection was torn off, if it was.
    cut: Option<Cut>,
    /// Whether it attaches anew to be told all that is kept.
    is_reading: bool,
    /// What it is reading page by page, if it is.
    pager: Option<Pager>,
}

impl Clients {
    /// Returns the clients that a shard drives, if the target is a bouncer.
    pub(super) fn new(plan: &Plan, users: impl Iterator<Item = UserId>) -> Option<Self> {
        let seats = plan.seats.as_ref()?;
        let client = |user| {
            let seat = seats.of_client(user)?;
            let row = seats.seat(seat)?;
            Some(Client {
                seat,
                network: row.network,
                joined: Vec::new(),
                channel_count: row.channels.len(),
                is_attached: false,
                has_all: false,
                cut: None,
                is_reading: false,
                pager: None,
            })
        };
        Some(Self {
            told: Vec::new(),
            rows: users.filter_map(client).collect(),
            epoch_unix_micros: 0,
        })
    }

    fn tell(&mut self, at: Offset, deed: Deed) {
        self.told.push(Told { at, deed });
    }

    /// Returns whether a client is in a channel, as far as it was told.
    pub(super) fn is_in(&self, local: usize, channel: ChannelId) -> bool {
        let client = self.rows.get(local);
        client.is_some_and(|client| client.joined.binary_search(&channel).is_ok())
    }

    /// Returns whether a client is in all of its channels.
    pub(super) fn has_all(&self, local: usize) -> bool {
        self.rows.get(local).is_some_and(|client| client.has_all)
    }

    /// Notes how a client's connection is torn off.
    pub(super) fn note_cut(&mut self, local: usize, cut: Cut) {
        if let Some(client) = self.rows.get_mut(local) {
            client.cut = Some(cut);
        }
    }

    /// Returns a moment that a bouncer tells as one of the run.
    fn moment(&self, stamp: Stamp, now: Offset) -> Offset {
        let epoch = i64::try_from(self.epoch_unix_micros).unwrap_or(i64::MAX);
        let unix_micros = match stamp {
            // A whole second is one that was cut: soju's files keep no more of it.
            Stamp::UnixMicros(micros) if micros % 1_000_000 == 0 => micros + 500_000,
            Stamp::UnixMicros(micros) => micros,
            Stamp::ClockSecs(secs) => {
                let now_secs = (epoch + now.as_micros()).div_euclid(1_000_000);
                let today = now_secs - now_secs.rem_euclid(DAY_SECS) + i64::from(secs);
                let is_ahead = today > now_secs + AHEAD_SECS_MAX;
                // The clock shows whole seconds: what it means is half of one later, give or take as much.
                (today - if is_ahead { DAY_SECS } else { 0 }) * 1_000_000 + 500_000
            }
        };
        Offset::from_nanos(unix_micros.saturating_sub(epoch).saturating_mul(1_000))
    }
}

impl Shard {
    /// Returns whether its users are clients of a bouncer.
    pub fn is_of_bouncer(&self) -> bool {
        self.bouncer.is_some()
    }

    /// Sets the time of day at [`Offset::ZERO`], by which clients of a bouncer read its clock.
    pub fn set_epoch(&mut self, unix_micros: u64) {
        if let Some(clients) = &mut self.bouncer {
            clients.epoch_unix_micros = unix_micros;
        }
    }

    /// Takes what clients of a bouncer did and read since the last call.
    pub fn take_told(&mut self) -> Vec<Told> {
        let clients = self.bouncer.as_mut();
        clients.map_or_else(Vec::new, |clients| std::mem::take(&mut clients.told))
    }

    /// Takes what a client of a bouncer heard.
    pub(super) fn hear_attached(&mut self, local: usize, heard: Heard<'_>, now: Offset) {
        let user = self.users[local].id;
        match heard {
            Heard::Registered => self.hear_welcome(local, now),
            Heard::Joined { channel } => self.hear_in_channel(local, channel, now),
            Heard::Parted { channel } | Heard::Kicked { channel } => {
                self.hear_out_of_channel(local, channel);
            }
            Heard::Other {
                nick,
                change,
                channel,
            } => self.hear_presence(local, nick, change, channel, now),
            Heard::Talk {
                from,
                target,
                text,
                is_own,
                replay,
            } => {
                let talk = Talk {
                    from,
                    target,
                    text,
                    is_own,
                    replay,
                };
                self.read_talk(local, &talk, now);
            }
            Heard::Pong { sent } => {
                self.record_own(user, Operation::Ping, sent, now);
                self.arm(local);
            }
            Heard::Timed { number } => self.hear_timed(user, number, now),
            Heard::JoinRefused { refusal, .. } => {
                self.interval.refused.add(hear::refused(refusal));
            }
            Heard::Refused { refusal, target } => {
                self.interval.refused.add(hear::refused(refusal));
                if let Some(target) = target {
                    self.tell_refused(local, target, now);
                }
            }
            Heard::LoggedIn { since } => self.record_step(Operation::Login, since, now),
            Heard::LookedUp { since } => self.record_step(Operation::ConnectLookup, since, now),
            Heard::ReplayEnded => self.hear_page_end(local, now),
            Heard::TimedOut | Heard::LoginFailed => self.close(local),
            Heard::Nothing
            | Heard::Renamed
            | Heard::KickDone { .. }
            | Heard::ModeDone { .. }
            | Heard::TopicDone { .. }
            | Heard::Proved { .. }
            | Heard::NoSuchNick { .. }
            | Heard::Bouncer { .. }
            | Heard::Upstream { .. } => {}
        }
        self.arm_after(local, &heard);
    }

    fn hear_welcome(&mut self, local: usize, now: Offset) {
        self.note_registered(local, now);
        let user = self.users[local].id;
        let Some(clients) = &mut self.bouncer else {
            return;
        };
        let Some(client) = clients.rows.get_mut(local) else {
            return;
        };
        client.joined.clear();
        client.has_all = client.channel_count == 0;
        client.is_attached = true;
        client.cut = None;
        let (seat, is_whole) = (client.seat, client.has_all);
        clients.tell(now, Deed::Attached { client: user, seat });
        self.begin_chores(local, now);
        if is_whole {
            self.note_attached(local, now);
        }
    }

    fn hear_in_channel(&mut self, local: usize, name: &[u8], now: Offset) {
        let user = self.users[local].id;
        let Some(clients) = &mut self.bouncer else {
            return;
        };
        let (Some(client), Some(seats)) = (clients.rows.get_mut(local), &self.plan.seats) else {
            return;
        };
        let Some(channel) = seats.channel(client.network, name) else {
            return;
        };
        if let Err(place) = client.joined.binary_search(&channel) {
            client.joined.insert(place, channel);
        }
        let is_whole = !client.has_all && client.joined.len() >= client.channel_count;
        client.has_all |= is_whole;
        let seat = client.seat;
        clients.tell(
            now,
            Deed::Joined {
                client: user,
                seat,
                channel,
            },
        );
        if is_whole {
            self.note_attached(local, now);
        }
    }

    fn hear_out_of_channel(&mut self, local: usize, name: &[u8]) {
        let (Some(clients), Some(seats)) = (&mut self.bouncer, &self.plan.seats) else {
            return;
        };
        if let Some(client) = clients.rows.get_mut(local)
            && let Some(channel) = seats.channel(client.network, name)
        {
            client.joined.retain(|&joined| joined != channel);
        }
    }

    /// Notes that a client is in all of its channels again.
    fn note_attached(&mut self, local: usize, now: Offset) {
        let state = &mut self.users[local];
        state.joins_pending = 0;
        let (intended, attempt) = (state.connect_intended, state.connect_attempt);
        let times = self.interval.times_mut(Operation::Attach);
        times.response.record(now.since(intended));
        times.service.record(now.since(attempt));
        if let Some(clients) = &mut self.bouncer
            && let Some(client) = clients.rows.get_mut(local)
            && std::mem::take(&mut client.is_reading)
        {
            clients.tell(now, Deed::ReadingMade);
        }
        self.note_whole(local, now);
    }

    fn hear_presence(
        &mut self,
        local: usize,
        nick: &[u8],
        change: Change,
        channel: Option<&[u8]>,
        now: Offset,
    ) {
        let (verb, text) = match change {
            Change::Join => (Verb::Join, channel),
            Change::Part => (Verb::Part, channel),
            Change::Kick => (Verb::Kick, channel),
            Change::Quit => (Verb::Quit, None),
            Change::Nick => (Verb::Nick, None),
        };
        let line = LineId::of(verb, nick, text.unwrap_or_default());
        let stream = match text {
            Some(name) => self.channel_at_seat(local, name).map(Stream::Channel),
            None => Some(Stream::Presence),
        };
        // Who shares no channel with the seat is told of by a network's own ways, such as MONITOR.
        if stream.is_none() {
            return;
        }
        self.tell_read(local, now, |client, seat| Deed::Read {
            client,
            seat,
            stream,
            line,
            is_own: false,
            is_telling: false,
            is_replayed: false,
            stamp: None,
        });
    }

    fn read_talk(&mut self, local: usize, talk: &Talk<'_>, now: Offset) {
        let nick = talk.from.nick;
        // What a server says it says to the bouncer: ZNC plays it back to whoever comes first. No nick has a dot.
        if talk.from.host.is_none() && nick.contains(&b'.') {
            return;
        }
        let line = LineId::of(Verb::Message, nick, talk.text);
        if self.read_paged(local, talk, line, now) {
            return;
        }
        let is_to_channel = self.isupport.is_channel(talk.target);
        let stream = if is_to_channel {
            self.channel_at_seat(local, talk.target)
                .map(Stream::Channel)
        } else {
            // Its own private talk bears the other's nick as target.
            let peer = if talk.is_own { talk.target } else { nick };
            Some(Stream::of_query(peer))
        };
        let stamp = talk.replay.and_then(|replay| replay.stamp);
        let stamp = stamp.and_then(|stamp| {
            let clients = self.bouncer.as_ref()?;
            Some(clients.moment(stamp, now))
        });
        self.tell_read(local, now, |client, seat| Deed::Read {
            client,
            seat,
            stream,
            line,
            is_own: talk.is_own,
            is_telling: talk.text.len() >= TELLING_BYTES_MIN,
            is_replayed: talk.replay.is_some(),
            stamp,
        });
    }

    /// Notes that a client attaches anew to read all that is kept, if it is attached; it is one reading too few else.
    pub(super) fn begin_reading(&mut self, local: usize, now: Offset) {
        let Some(clients) = &mut self.bouncer else {
            return;
        };
        clients.tell(now, Deed::ReadingDue);
        if let Some(client) = clients.rows.get_mut(local) {
            client.is_reading = client.is_attached;
        }
    }

    /// Begins to read all of its channels page by page, unless the last time is not over yet.
    pub(super) fn read_pages(&mut self, user: UserId, now: Offset) {
        let Some(local) = self.sharding.local(user) else {
            return;
        };
        let Some(clients) = &mut self.bouncer else {
            return;
        };
        let Some(client) = clients.rows.get_mut(local) else {
            return;
        };
        let can = client.is_attached && client.pager.is_none();
        if can {
            client.pager = Pager::new(client.joined.clone());
        }
        clients.tell(now, Deed::ReadingDue);
        if !can {
            return;
        }
        self.begin_channel(local, now);
        self.ask_page(local);
    }

    /// Tells that a channel begins to be read.
    fn begin_channel(&mut self, local: usize, now: Offset) {
        if let Some(channel) = self.paged_channel(local) {
            self.tell_read(local, now, |client, seat| Deed::PagesBegun {
                client,
                seat,
                channel,
            });
        }
    }

    fn paged_channel(&self, local: usize) -> Option<ChannelId> {
        let client = self.bouncer.as_ref()?.rows.get(local)?;
        client.pager.as_ref().map(Pager::channel)
    }

    fn ask_page(&mut self, local: usize) {
        let row = self
            .bouncer
            .as_ref()
            .and_then(|clients| clients.rows.get(local));
        let Some(pager) = row.and_then(|client| client.pager.as_ref()) else {
            return;
        };
        let (subcommand, before) = pager.question();
        let mut name = Vec::new();
        self.plan.names.push_channel(pager.channel(), &mut name);
        Line::with_command(self.users[local].outbox.tail(), b"CHATHISTORY")
            .param(subcommand)
            .param(&name)
            .param(&before)
            .number(u64::from(PAGE_LINES))
            .end();
        self.flush(local);
    }

    /// Takes a line that may be one of a page, and returns whether it was.
    fn read_paged(&mut self, local: usize, talk: &Talk<'_>, line: LineId, now: Offset) -> bool {
        let (Some(replay), Some(channel)) = (talk.replay, self.paged_channel(local)) else {
            return false;
        };
        if self.channel_at_seat(local, talk.target) != Some(channel) {
            return false;
        }
        let micros = match replay.stamp {
            Some(Stamp::UnixMicros(micros)) => Some(micros),
            Some(Stamp::ClockSecs(_)) | None => None,
        };
        let row = self
            .bouncer
            .as_mut()
            .and_then(|clients| clients.rows.get_mut(local));
        if let Some(pager) = row.and_then(|client| client.pager.as_mut()) {
            pager.note(micros);
        }
        self.tell_read(local, now, |client, seat| Deed::Paged {
            client,
            seat,
            channel,
            line,
        });
        true
    }

    fn hear_page_end(&mut self, local: usize, now: Offset) {
        let of = self.users[local].session.replayed();
        let channel = self.channel_at_seat(local, of);
        if channel.is_none() || channel != self.paged_channel(local) {
            return;
        }
        let row = self
            .bouncer
            .as_mut()
            .and_then(|clients| clients.rows.get_mut(local));
        let Some(client) = row else { return };
        let Some((turn, goes_on)) = client.pager.as_mut().map(Pager::turn) else {
            return;
        };
        if !goes_on {
            client.pager = None;
        }
        if let Turn::First(channel) = turn {
            self.tell_read(local, now, |client, seat| Deed::PagesEnded {
                client,
                seat,
                channel,
            });
            self.begin_channel(local, now);
        }
        if !goes_on && let Some(clients) = &mut self.bouncer {
            clients.tell(now, Deed::ReadingMade);
        }
        self.ask_page(local);
    }

    fn tell_refused(&mut self, local: usize, target: &[u8], now: Offset) {
        let stream = match self.channel_at_seat(local, target) {
            Some(channel) => Stream::Channel(channel),
            None => Stream::of_query(target),
        };
        self.tell_read(local, now, |client, seat| Deed::Refused {
            client,
            seat,
            stream,
        });
    }

    fn tell_read(&mut self, local: usize, now: Offset, deed: impl FnOnce(UserId, SeatId) -> Deed) {
        let user = self.users[local].id;
        if let Some(clients) = &mut self.bouncer
            && let Some(seat) = clients.rows.get(local).map(|client| client.seat)
        {
            clients.tell(now, deed(user, seat));
        }
    }

    fn channel_at_seat(&self, local: usize, name: &[u8]) -> Option<ChannelId> {
        let network = self.bouncer.as_ref()?.rows.get(local)?.network;
        self.plan.seats.as_ref()?.channel(network, name)
    }

    /// Tells what a client says: the text lies in its outbox from `start` to `end`.
    pub(super) fn tell_said(&mut self, local: usize, said: Said, peer: Option<&[u8]>, now: Offset) {
        let user = self.users[local].id;
        let Some(clients) = &mut self.bouncer else {
            return;
        };
        let Some(seat) = clients.rows.get(local).map(|client| client.seat) else {
            return;
        };
        let stream = match peer {
            Some(nick) => Stream::of_query(nick),
            None => Stream::Channel(said.key.channel),
        };
        let line = said.line;
        clients.tell(now, Deed::Said(said));
        clients.tell(
            now,
            Deed::Spoke {
                client: user,
                seat,
                stream,
                line,
            },
        );
    }

    /// Tells the end of a client's session, if it had one.
    pub(super) fn tell_detached(&mut self, local: usize, closed: Closed, end: End, now: Offset) {
        let user = self.users[local].id;
        let Some(clients) = &mut self.bouncer else {
            return;
        };
        let Some(client) = clients.rows.get_mut(local) else {
            return;
        };
        if !client.is_attached {
            // It may have been let in and played to, and not known it, unless it was told that it was not.
            let seat = client.seat;
            if !matches!(end, End::ErrorLine(_) | End::LoginRefused) {
                clients.tell(now, Deed::Doubt { seat });
            }
            return;
        }
        client.is_attached = false;
        client.pager = None;
        client.joined.clear();
        client.has_all = false;
        let how = match client.cut.take() {
            Some(Cut::Silent) => Detached::Vanished,
            // Whoever reads the end of our side may throw away what it was about to say.
            None if end == End::Asked && closed == Closed::Eof => Detached::Fenced,
            Some(Cut::Fin | Cut::Rst) | None => Detached::Dropped,
        };
        let seat = client.seat;
        clients.tell(
            now,
            Deed::Detached {
                client: user,
                seat,
                how,
            },
        );
    }
}

/// A PRIVMSG or NOTICE that a client read.
struct Talk<'a> {
    from: Source<'a>,
    target: &'a [u8],
    text: &'a [u8],
    is_own: bool,
    replay: Option<Replay>,
}
