//! One user's place on one network: its streams, its clients' sessions, and what of them is still to be proved.

mod receipts;

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::time::Duration;

use crate::measure::continuity::Playbacks;
use crate::measure::continuity::backlog::Backlog;
use crate::measure::continuity::backlog::Detached;
use crate::measure::continuity::backlog::Finding;
use crate::measure::continuity::backlog::Read;
use crate::measure::continuity::backlog::Recognised;
use crate::measure::continuity::backlog::SessionId;
use crate::measure::continuity::backlog::keeping::Keeping;
use crate::measure::continuity::healed::Healed;
use crate::measure::continuity::line::LineId;
use crate::measure::continuity::policy::BufferPolicy;
use crate::measure::continuity::policy::LineKind;
use crate::measure::continuity::policy::Starts;
use crate::measure::continuity::told::Deed;
use crate::measure::continuity::told::Said;
use crate::measure::continuity::told::Stream;
use crate::measure::interval::Interval;
use crate::measure::ledger::counts::Breach;
use crate::measure::operation::Operation;
use crate::units::id::ChannelId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// How long after the last line that was played back no more is taken to come.
const PLAYBACK_OVER: Duration = Duration::from_secs(1);

/// What a seat is told beside a deed.
pub(super) struct Context<'a> {
    /// What clients' sessions are at present.
    pub(super) sessions: &'a HashMap<UserId, SessionId>,
    /// What was said of late.
    pub(super) said: &'a HashMap<LineId, Said>,
    /// Where times go.
    pub(super) interval: &'a mut Interval,
    /// When it was.
    pub(super) at: Offset,
}

/// A line that was not written to the seat.
pub(super) struct Stranger {
    pub(super) client: UserId,
    pub(super) channel: Option<ChannelId>,
    pub(super) line: LineId,
    pub(super) is_telling: bool,
}

/// A stream with its two sides: what others said, and what the user said itself. A bouncer may tell the user's other clients of the
/// latter before it has read what the network wrote before, so the two promise each other no order.
#[derive(Debug)]
struct Lines {
    policy: BufferPolicy,
    others: Backlog,
    own: Backlog,
    /// Lines that the bouncer's buffer was offered.
    turns: u64,
    /// What clients are reading page by page.
    pages: BTreeMap<UserId, Pages>,
}

/// What one client has read page by page.
#[derive(Debug)]
struct Pages {
    since: Offset,
    lines: HashSet<LineId>,
}

/// A message on its way to the network.
#[derive(Clone, Copy, Debug)]
struct Upward {
    line: LineId,
    stream: Stream,
    client: UserId,
    /// When it is given up.
    due: Offset,
    /// The session through which it was said has been torn off since.
    is_excused: bool,
}

/// A session that goes on.
#[derive(Clone, Copy, Debug)]
struct Live {
    session: SessionId,
    since: Offset,
    replayed: u64,
    last_replayed: Offset,
    /// Its playback is over, and counted.
    is_counted: bool,
    /// The bouncer was killed under it: nothing is written down at its end.
    is_orphaned: bool,
}

/// One user's place on one network.
#[derive(Debug)]
pub(super) struct Seat {
    policy: BufferPolicy,
    settle: Duration,
    clients: Vec<UserId>,
    live: Vec<Live>,
    streams: BTreeMap<Stream, Lines>,
    /// Whether the bouncer has a receipt of the user's, so that it keeps what is written to streams that it has none of.
    has_receipts: bool,
    upward: Vec<Upward>,
    /// Whether its network is gone, or has not written anything since it came back.
    is_cut_off: bool,
    lost_upward: Vec<Finding>,
    received: u64,
}

impl Lines {
    fn new(policy: BufferPolicy, settle: Duration) -> Self {
        Self {
            policy,
            others: Backlog::new(policy, settle),
            // What the user said is told to its other clients as it is said; whether it is kept differs too much to be owed.
            own: Backlog::new(
                BufferPolicy {
                    keeps_own: false,
                    ..policy
                },
                settle,
            ),
            turns: 0,
            pages: BTreeMap::new(),
        }
    }

    fn both(&mut self) -> [&mut Backlog; 2] {
        [&mut self.others, &mut self.own]
    }

    /// Offers a line to the buffer, and returns its turn there.
    fn offer(&mut self, kind: LineKind) -> u64 {
        let turn = self.turns;
        self.turns += u64::from(self.policy.keeps(kind));
        turn
    }

    /// Notes that a session is in the stream, if it was not.
    fn attach(&mut self, session: SessionId, at: Offset) {
        let turns = self.turns;
        for backlog in self.both() {
            if !backlog.is_attached(session) {
                backlog.handle_attached(session, turns, at);
            }
        }
    }
}

impl Seat {
    pub(super) fn new(policy: BufferPolicy, settle: Duration) -> Self {
        Self {
            policy,
            settle,
            clients: Vec::new(),
            live: Vec::new(),
            streams: BTreeMap::new(),
            has_receipts: false,
            upward: Vec::new(),
            is_cut_off: false,
            lost_upward: Vec::new(),
            received: 0,
        }
    }

    pub(super) fn add_client(&mut self, client: UserId) {
        self.clients.push(client);
    }

    /// Returns the client under whose name findings of the whole seat stand.
    pub(super) fn first_client(&self) -> UserId {
        self.clients.first().copied().unwrap_or(UserId(u32::MAX))
    }

    /// Returns whether a line that is remembered was written to the seat, wherever.
    pub(super) fn has(&self, line: LineId) -> bool {
        self.streams.values().any(|lines| lines.others.has(line))
    }

    pub(super) fn is_settled(&self) -> bool {
        self.upward.is_empty() && self.streams.values().all(|lines| lines.others.is_settled())
    }

    pub(super) fn handle_attached(&mut self, session: SessionId, at: Offset) {
        self.live.push(Live {
            session,
            since: at,
            replayed: 0,
            last_replayed: at,
            is_counted: false,
            is_orphaned: false,
        });
        // Channels are attached to as their JOINs are read; the rest has none.
        for (stream, lines) in &mut self.streams {
            if !matches!(stream, Stream::Channel(_)) {
                lines.attach(session, at);
            }
        }
    }

    /// Notes the end of a session.
    pub(super) fn handle_detached(
        &mut self,
        client: UserId,
        session: SessionId,
        how: Detached,
        at: Offset,
    ) {
        if self.policy.starts == Starts::WithReceipts {
            self.note_receipts(session, how, at);
        }
        for lines in self.streams.values_mut() {
            for backlog in lines.both() {
                if backlog.is_attached(session) {
                    backlog.handle_detached(session, how, at);
                } else if how != Detached::Fenced {
                    // It may have been played to before it could read that it was there.
                    backlog.doubt();
                }
            }
        }
        if how != Detached::Fenced {
            self.excuse_upward(|upward| upward.client == client);
        }
        for lines in self.streams.values_mut() {
            lines.pages.remove(&client);
        }
        self.live.retain(|live| live.session != session);
    }

    pub(super) fn handle_bouncer_down(&mut self, at: Offset) {
        for lines in self.streams.values_mut() {
            for backlog in lines.both() {
                backlog.handle_bouncer_down(at);
            }
        }
        self.note_killed();
        self.excuse_upward(|_| true);
    }

    /// Excuses messages that are under way to the network: nobody is owed them.
    fn excuse_upward(&mut self, is_lost: impl Fn(&Upward) -> bool) {
        let Self {
            upward, streams, ..
        } = self;
        for upward in upward.iter_mut().filter(|upward| is_lost(upward)) {
            upward.is_excused = true;
            if let Some(lines) = streams.get_mut(&upward.stream) {
                lines.own.excuse(upward.line);
            }
        }
    }

    /// Takes a deed of this seat. Returns a line that was read here and never written here.
    pub(super) fn handle(&mut self, deed: &Deed, context: &mut Context<'_>) -> Option<Stranger> {
        match *deed {
            Deed::Written {
                stream,
                line,
                kind,
                stamped,
                ..
            } => {
                self.is_cut_off &= !matches!(stream, Stream::Channel(_));
                let lines = self.lines(stream);
                let turn = lines.offer(kind);
                lines.others.handle_written(line, kind, context.at, turn);
                lines.others.handle_stamp(stamped);
            }
            Deed::Received { line, .. } => self.handle_received(line, context),
            Deed::Doubt { .. } => {
                for lines in self.streams.values_mut() {
                    lines.others.doubt();
                }
            }
            Deed::UpstreamLost { .. } => {
                self.is_cut_off = true;
                for lines in self.streams.values_mut() {
                    lines.others.handle_upstream_lost(context.at);
                }
                self.excuse_upward(|_| true);
            }
            Deed::Joined {
                client, channel, ..
            } => {
                let session = context.sessions.get(&client).copied()?;
                self.lines(Stream::Channel(channel))
                    .attach(session, context.at);
            }
            Deed::Spoke {
                client,
                stream,
                line,
                ..
            } => {
                let session = context.sessions.get(&client).copied()?;
                self.upward.push(Upward {
                    line,
                    stream,
                    client,
                    due: context.at + self.settle,
                    is_excused: self.is_cut_off,
                });
                let is_cut_off = self.is_cut_off;
                if self.policy.tells_siblings {
                    let (lines, kind) = (self.lines(stream), LineKind::Own(session));
                    let turn = lines.offer(kind);
                    lines.own.handle_written(line, kind, context.at, turn);
                    // Of what is said in private others are told only who asked for it, in ways of each bouncer's own; of what is
                    // said while there is no network to say it to, nobody has to be.
                    if is_cut_off || matches!(stream, Stream::Query(_)) {
                        lines.own.excuse(line);
                    }
                }
            }
            Deed::Refused { client, stream, .. } => {
                let is_it = |upward: &Upward| upward.client == client && upward.stream == stream;
                if let Some(place) = self.upward.iter().rposition(is_it) {
                    let refused = self.upward.remove(place);
                    self.lines(stream).own.excuse(refused.line);
                }
            }
            Deed::Read { .. } => return self.handle_read(deed, context),
            Deed::PagesBegun { .. } | Deed::Paged { .. } | Deed::PagesEnded { .. } => {
                self.handle_pages(deed, context.at);
            }
            Deed::Said(_)
            | Deed::BouncerDown
            | Deed::ReadingDue
            | Deed::ReadingMade
            | Deed::Attached { .. }
            | Deed::Detached { .. } => {}
        }
        None
    }

    /// Takes what a client reads page by page.
    fn handle_pages(&mut self, deed: &Deed, at: Offset) {
        match *deed {
            Deed::PagesBegun {
                client, channel, ..
            } => {
                let pages = Pages {
                    since: at,
                    lines: HashSet::new(),
                };
                let lines = self.lines(Stream::Channel(channel));
                lines.pages.insert(client, pages);
            }
            Deed::Paged {
                client,
                channel,
                line,
                ..
            } => {
                let lines = self.lines(Stream::Channel(channel));
                if let Some(pages) = lines.pages.get_mut(&client) {
                    pages.lines.insert(line);
                }
            }
            Deed::PagesEnded {
                client, channel, ..
            } => {
                let lines = self.lines(Stream::Channel(channel));
                if let Some(pages) = lines.pages.remove(&client) {
                    lines.others.handle_pages(&pages.lines, pages.since, at);
                }
            }
            _ => {}
        }
    }

    /// Notes that the network has a message of this user.
    fn handle_received(&mut self, line: LineId, context: &mut Context<'_>) {
        let place = self.upward.iter().position(|upward| upward.line == line);
        if place.map(|place| self.upward.remove(place)).is_none() {
            return;
        }
        self.received += 1;
        // One that paces its lines has not lost those behind.
        for upward in &mut self.upward {
            upward.due = context.at + self.settle;
        }
        if let Some(said) = context.said.get(&line) {
            let times = context.interval.times_mut(Operation::MessageUp);
            times.response.record(context.at.since(said.intended));
            times.service.record(context.at.since(said.attempt));
        }
    }

    fn handle_read(&mut self, deed: &Deed, context: &mut Context<'_>) -> Option<Stranger> {
        let Deed::Read {
            client,
            stream,
            line,
            is_own,
            is_telling,
            is_replayed,
            stamp,
            ..
        } = *deed
        else {
            return None;
        };
        let session = context.sessions.get(&client).copied()?;
        let stranger = |channel| {
            Some(Stranger {
                client,
                channel,
                line,
                is_telling,
            })
        };
        let Some(stream) = stream else {
            return stranger(None);
        };
        let (at, tells_siblings) = (context.at, self.policy.tells_siblings);
        let lines = self.lines(stream);
        // A query has no JOIN, and a channel's is not always told first.
        lines.attach(session, at);
        let read = Read {
            line,
            at,
            is_replayed,
            stamp,
        };
        if is_own {
            let recognised = lines.own.handle_read(session, read);
            let is_strange = recognised == Recognised::Unknown && tells_siblings;
            return is_strange.then(|| stranger(None)).flatten();
        }
        match lines.others.handle_read(session, read) {
            Recognised::Forgotten => None,
            Recognised::Unknown => stranger(match stream {
                Stream::Channel(channel) => Some(channel),
                Stream::Query(_) | Stream::Presence => None,
            }),
            Recognised::Written {
                at: written,
                is_live,
            } => {
                if is_live {
                    note_took(line, stream, written, context);
                } else if let Some(live) = self.live.iter_mut().find(|live| live.session == session)
                {
                    live.replayed += 1;
                    live.last_replayed = at;
                }
                None
            }
        }
    }

    /// Counts the playbacks that are over by `now`.
    pub(super) fn count_playbacks(
        &mut self,
        now: Offset,
        playbacks: &mut Playbacks,
        interval: &mut Interval,
    ) {
        for live in &mut self.live {
            if live.is_counted || live.replayed == 0 || live.last_replayed + PLAYBACK_OVER > now {
                continue;
            }
            live.is_counted = true;
            let lasted = live.last_replayed.since(live.since);
            playbacks.sessions += 1;
            playbacks.lines += live.replayed;
            playbacks.lasted += lasted;
            let times = interval.times_mut(Operation::Playback);
            times.response.record(lasted);
            times.service.record(lasted);
        }
    }

    /// Gives up what has not come by `now`.
    pub(super) fn settle(&mut self, now: Offset) {
        for lines in self.streams.values_mut() {
            for backlog in lines.both() {
                backlog.settle(now);
            }
        }
        let lost = &mut self.lost_upward;
        self.upward.retain(|upward| {
            if upward.due > now {
                return true;
            }
            lost.push(Finding {
                line: upward.line,
                written: Offset::NEVER,
                breach: if upward.is_excused {
                    Breach::LostInDrop
                } else {
                    Breach::Lost
                },
                why: if upward.is_excused {
                    "under way to the network when a connection was torn off"
                } else {
                    "said through a client, and never read by the network"
                },
            });
            false
        });
    }

    /// Judges what is left at the end of a run.
    pub(super) fn finish(&mut self, now: Offset) {
        self.settle(now);
        // What was said last may be under way.
        self.upward.clear();
        for lines in self.streams.values_mut() {
            for backlog in lines.both() {
                backlog.finish(now);
            }
        }
    }

    /// Takes for how long each line was missing that came when the backlog was read again.
    pub(super) fn take_healed(&mut self, healed: &mut Healed) {
        for lines in self.streams.values_mut() {
            for backlog in lines.both() {
                for after in backlog.take_healed() {
                    healed.add(after);
                }
            }
        }
    }

    /// Hands over what was found, and returns how many owed lines were read: messages, and changes of others.
    pub(super) fn collect(&mut self, mut found: impl FnMut(Finding)) -> (u64, u64) {
        let mut read = (std::mem::take(&mut self.received), 0);
        for lines in self.streams.values_mut() {
            for backlog in lines.both() {
                let (messages, presence) = backlog.take_delivered();
                read.0 += messages;
                read.1 += presence;
                backlog.take_findings().for_each(&mut found);
            }
        }
        self.lost_upward.drain(..).for_each(found);
        read
    }

    fn lines(&mut self, stream: Stream) -> &mut Lines {
        let Self {
            streams,
            policy,
            settle,
            live,
            has_receipts,
            ..
        } = self;
        streams.entry(stream).or_insert_with(|| {
            let mut policy = *policy;
            if matches!(stream, Stream::Query(_)) && !policy.keeps_queries {
                policy.lines_max = 0;
            }
            let mut lines = Lines::new(policy, *settle);
            if *has_receipts {
                lines.others.keep(Keeping::FromNext);
            }
            if !matches!(stream, Stream::Channel(_)) {
                for live in live.iter() {
                    lines.attach(live.session, live.since);
                }
            }
            lines
        })
    }
}

/// Notes how long a live message took: from a member of the network, or from another user's client through bouncer and network.
fn note_took(line: LineId, stream: Stream, written: Offset, context: &mut Context<'_>) {
    let (Some(said), false) = (context.said.get(&line), stream == Stream::Presence) else {
        return;
    };
    let at = context.at;
    let is_through = said.is_by_client;
    let since = if is_through { said.attempt } else { written };
    let direction = if is_through {
        Operation::MessageThrough
    } else {
        Operation::MessageDown
    };
    context.interval.delivered += 1;
    for operation in [Operation::Message, direction] {
        let times = context.interval.times_mut(operation);
        times.response.record(at.since(said.intended));
        times.service.record(at.since(since));
    }
}
