//! The clip: the part of a trace that is played, and who was there when it began.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use sha2::Digest;
use sha2::Sha256;

use crate::plan::script::EVENT_COUNT_MAX;
use crate::plan::script::LeftOut;
use crate::plan::script::ScriptCounts;
use crate::plan::script::ScriptError;
use crate::traffic::trace::cause::LeaveCause;
use crate::traffic::trace::event::DETAIL_NAMES;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventKind;
use crate::traffic::trace::event::TraceMeta;

/// Stands for no channel, and for no peer.
pub(crate) const NONE: u32 = u32::MAX;

/// A moment of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// In microseconds since 1970 UTC.
    At(i64),
    /// After the trace's first event.
    After(Duration),
}

impl When {
    /// Returns the moment in microseconds since 1970 UTC, in a trace that begins at `first_us`.
    fn us(self, first_us: i64) -> i64 {
        match self {
            Self::At(us) => us,
            Self::After(span) => {
                first_us.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX))
            }
        }
    }
}

/// Which part of a trace is played.
#[derive(Clone, Debug, Default)]
pub struct ClipOptions {
    /// From when on; else from the first event.
    pub from: Option<When>,
    /// Until before when; else to the last event.
    pub to: Option<When>,
    /// The one channel, as the trace names it.
    pub channel: Option<String>,
}

/// An event of the clip.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) at_us: i64,
    pub(crate) kind: EventKind,
    pub(crate) user: u32,
    pub(crate) channel: u32,
    pub(crate) peer: u32,
    pub(crate) bytes: u32,
    /// Whether the connection ended without its user's will.
    pub(crate) is_drop: bool,
}

/// Somebody of the clip as its start finds them.
#[derive(Clone, Debug, Default)]
pub(crate) struct AtStart {
    pub(crate) is_online: bool,
    pub(crate) channels: Vec<u32>,
}

/// A clip, its users and channels numbered in the order in which the trace names them.
#[derive(Clone, Debug)]
pub struct Clip {
    pub(crate) start_us: i64,
    pub(crate) end_us: i64,
    pub(crate) tick_us: u32,
    pub(crate) rows: Vec<Row>,
    pub(crate) users: Vec<AtStart>,
    pub(crate) channel_count: u32,
    /// Events in the clip, and those of them that nobody could play; each once.
    pub(crate) counts: ScriptCounts,
}

/// What follows a trace from its beginning and keeps its clip.
#[derive(Debug)]
pub struct Clipping {
    options: ClipOptions,
    tick_us: u32,
    has_names: bool,
    /// The clip's bounds, known with the first event.
    bounds: Option<(i64, i64)>,
    last_us: i64,
    users: Numbers,
    channels: Numbers,
    /// By user, while the clip has not begun.
    known: Vec<Known>,
    rows: Vec<Row>,
    counts: ScriptCounts,
}

/// Numbers of names, by network.
#[derive(Debug, Default)]
struct Numbers(HashMap<(Arc<str>, Arc<str>), u32>);

impl Numbers {
    fn number(&mut self, network: &Arc<str>, name: &Arc<str>) -> u32 {
        if name.is_empty() {
            return NONE;
        }
        let next = u32::try_from(self.0.len()).unwrap_or(NONE);
        *self
            .0
            .entry((Arc::clone(network), Arc::clone(name)))
            .or_insert(next)
    }
}

/// What the trace has told of a user before the clip.
#[derive(Clone, Debug, Default)]
struct Known {
    is_online: bool,
    /// Seen to leave the network, and not since.
    has_quit: bool,
    channels: Vec<u32>,
}

impl Known {
    fn enter(&mut self, channel: u32) {
        self.is_online = true;
        self.has_quit = false;
        if channel != NONE && !self.channels.contains(&channel) {
            self.channels.push(channel);
        }
    }

    fn leave(&mut self, channel: u32) {
        self.channels.retain(|&known| known != channel);
    }
}

impl Clipping {
    /// Returns the clipping of a trace, before its first event.
    pub fn new(meta: &TraceMeta, options: ClipOptions) -> Self {
        Self {
            options,
            tick_us: meta.tick_us,
            has_names: meta.has_names,
            bounds: None,
            last_us: i64::MIN,
            users: Numbers::default(),
            channels: Numbers::default(),
            known: Vec::new(),
            rows: Vec::new(),
            counts: ScriptCounts::default(),
        }
    }

    /// Takes the next event of the trace. Returns whether later ones can still matter.
    ///
    /// # Errors
    ///
    /// When the clip is too long.
    pub fn push(&mut self, event: &Event) -> Result<bool, ScriptError> {
        let (from, to) = *self.bounds.get_or_insert_with(|| {
            let us = |when: When| when.us(event.at_us);
            (
                self.options.from.map_or(event.at_us, us),
                self.options.to.map_or(i64::MAX, us),
            )
        });
        if event.at_us >= to {
            return Ok(false);
        }
        let channel = self.channels.number(&event.network, &event.channel);
        if let Some(wanted) = &self.options.channel {
            let is_elsewhere = if event.channel.is_empty() {
                // What names no channel may still be of its members: who is, is known at the end.
                !matches!(event.kind, EventKind::Quit | EventKind::Nick)
            } else {
                **wanted != *event.channel
            };
            if is_elsewhere {
                return Ok(true);
            }
        }
        let is_played = event.at_us >= from;
        if is_played {
            self.last_us = event.at_us;
        }
        let is_names = event.kind == EventKind::Other && *event.detail == *DETAIL_NAMES;
        let why = if event.kind == EventKind::Other {
            Some(LeftOut::NoAction)
        } else if event.user.is_empty() {
            Some(LeftOut::Unnamed)
        } else if self.has_names && is_server(&event.user) {
            Some(LeftOut::Server)
        } else {
            None
        };
        if let Some(why) = why.filter(|_| is_played) {
            *self.counts.clip.entry(event.kind).or_insert(0) += 1;
            self.counts.leave_out(event.kind, why);
        }
        if why.is_some() && !is_names || event.user.is_empty() {
            return Ok(true);
        }
        let row = Row {
            at_us: event.at_us,
            kind: event.kind,
            user: self.users.number(&event.network, &event.user),
            channel,
            peer: match event.kind {
                // Whom a channel message answers is in its text alone.
                kind if kind.is_talk() && channel != NONE => NONE,
                EventKind::Mode | EventKind::Topic => NONE,
                _ => self.users.number(&event.network, &event.peer),
            },
            bytes: event.bytes,
            is_drop: event.kind == EventKind::Quit
                && LeaveCause::from_word(&event.detail).is_some_and(LeaveCause::is_involuntary),
        };
        if !is_played {
            self.follow(&row);
            return Ok(true);
        }
        if self.rows.len() as u64 >= EVENT_COUNT_MAX {
            return Err(ScriptError::TooLong);
        }
        self.rows.push(row);
        Ok(true)
    }

    /// Notes who is where before the clip.
    fn follow(&mut self, row: &Row) {
        self.known.resize_with(self.users.0.len(), Known::default);
        match row.kind {
            EventKind::Part => {
                if let Some(user) = self.known.get_mut(row.user as usize) {
                    user.enter(NONE);
                    user.leave(row.channel);
                }
            }
            EventKind::Quit => {
                if let Some(user) = self.known.get_mut(row.user as usize) {
                    *user = Known {
                        has_quit: true,
                        ..Known::default()
                    };
                }
            }
            // A server or a service changes these without being there.
            EventKind::Mode | EventKind::Topic => {}
            EventKind::Kick => {
                if let Some(victim) = self.known.get_mut(row.peer as usize) {
                    victim.leave(row.channel);
                }
            }
            _ => {
                if let Some(user) = self.known.get_mut(row.user as usize) {
                    user.enter(row.channel);
                }
            }
        }
    }

    /// Returns the clip, once every event of the trace was pushed.
    ///
    /// # Errors
    ///
    /// When there is nothing in it.
    pub fn finish(mut self) -> Result<Clip, ScriptError> {
        if let Some(channel) = &self.options.channel
            && !self.channels.0.keys().any(|(_, name)| **name == **channel)
        {
            let channel = channel.clone();
            return Err(ScriptError::UnknownChannel { channel });
        }
        self.known.resize_with(self.users.0.len(), Known::default);
        self.find_those_there();
        if self.options.channel.is_some() {
            self.keep_members();
        }
        self.rows.retain(|row| row.kind != EventKind::Other);
        let Some((from, to)) = self.bounds.filter(|_| !self.rows.is_empty()) else {
            return Err(ScriptError::Empty);
        };
        for row in &self.rows {
            *self.counts.clip.entry(row.kind).or_insert(0) += 1;
        }
        let mut clip = Clip {
            start_us: from,
            end_us: if self.options.to.is_some() {
                to
            } else {
                self.last_us.saturating_add(i64::from(self.tick_us))
            },
            tick_us: self.tick_us,
            rows: self.rows,
            users: Vec::new(),
            channel_count: 0,
            counts: self.counts,
        };
        clip.number(&self.known);
        Ok(clip)
    }

    /// Finds who must have been there at the start: their first event in a channel is not a JOIN.
    fn find_those_there(&mut self) {
        let mut touched: HashSet<(u32, u32)> = HashSet::new();
        let mut has_appeared = vec![false; self.known.len()];
        let mut has_quit: Vec<bool> = self.known.iter().map(|known| known.has_quit).collect();
        for row in &self.rows {
            let parties = match row.kind {
                EventKind::Kick => [row.user, row.peer],
                _ => [row.user, NONE],
            };
            for party in parties {
                let index = party as usize;
                let (Some(known), Some(appeared), Some(quit)) = (
                    self.known.get_mut(index),
                    has_appeared.get_mut(index),
                    has_quit.get_mut(index),
                ) else {
                    continue;
                };
                let is_first = !std::mem::replace(appeared, true);
                let is_first_here = row.channel != NONE && touched.insert((party, row.channel));
                let may_be_there = row.kind != EventKind::Join && !*quit;
                if row.kind == EventKind::Join && is_first_here {
                    // Nobody joins a channel twice: an earlier leave went unseen.
                    known.leave(row.channel);
                    known.is_online &= !is_first || !known.channels.is_empty();
                } else if may_be_there && is_first_here {
                    known.enter(row.channel);
                } else if may_be_there && is_first {
                    known.enter(NONE);
                }
                if row.kind == EventKind::Quit {
                    *quit = true;
                }
            }
        }
    }

    /// Drops the QUITs and NICKs of those who have nothing to do with the one channel.
    fn keep_members(&mut self) {
        for known in &mut self.known {
            known.is_online = !known.channels.is_empty();
        }
        let mut is_concerned: Vec<bool> = self.known.iter().map(|known| known.is_online).collect();
        for row in self.rows.iter().filter(|row| row.channel != NONE) {
            for party in [row.user, row.peer] {
                if let Some(concerned) = is_concerned.get_mut(party as usize) {
                    *concerned = true;
                }
            }
        }
        self.rows
            .retain(|row| is_concerned.get(row.user as usize) == Some(&true));
    }
}

impl Clip {
    /// Numbers users and channels anew, so that those who take no part have no number.
    fn number(&mut self, known: &[Known]) {
        // Who is in no channel and does nothing is nobody's load.
        let is_there = |known: &Known| known.is_online && !known.channels.is_empty();
        let mut takes_part: Vec<bool> = known.iter().map(is_there).collect();
        let mut has_channel: BTreeMap<u32, u32> = BTreeMap::new();
        for known in known.iter().filter(|known| known.is_online) {
            has_channel.extend(known.channels.iter().map(|&channel| (channel, 0)));
        }
        for row in &self.rows {
            if let Some(takes_part) = takes_part.get_mut(row.user as usize) {
                *takes_part = true;
            }
            if row.channel != NONE {
                has_channel.insert(row.channel, 0);
            }
        }
        for (number, slot) in (0..).zip(has_channel.values_mut()) {
            *slot = number;
        }
        let channel_of = |channel: u32| has_channel.get(&channel).copied().unwrap_or(NONE);
        let mut user_of = vec![NONE; known.len()];
        for ((slot, known), _) in user_of
            .iter_mut()
            .zip(known)
            .zip(&takes_part)
            .filter(|(_, takes_part)| **takes_part)
        {
            *slot = u32::try_from(self.users.len()).unwrap_or(NONE);
            self.users.push(AtStart {
                is_online: known.is_online,
                channels: known.channels.iter().copied().map(channel_of).collect(),
            });
        }
        let user_of = |user: u32| user_of.get(user as usize).copied().unwrap_or(NONE);
        for row in &mut self.rows {
            // The new nick of a NICK is nobody.
            row.peer = match row.kind {
                EventKind::Nick => row.peer,
                _ => user_of(row.peer),
            };
            row.user = user_of(row.user);
            row.channel = channel_of(row.channel);
        }
        self.channel_count = u32::try_from(has_channel.len()).unwrap_or(NONE);
    }

    /// Returns the SHA-256 of the events and of who was there at the start.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for user in &self.users {
            hash.update([u8::from(user.is_online)]);
            for channel in &user.channels {
                hash.update(channel.to_le_bytes());
            }
        }
        for row in &self.rows {
            hash.update(row.at_us.to_le_bytes());
            hash.update([row.kind as u8, u8::from(row.is_drop)]);
            for field in [row.user, row.channel, row.peer, row.bytes] {
                hash.update(field.to_le_bytes());
            }
        }
        hash.finalize().into()
    }
}

/// Returns whether a name that was kept is a server's: nicks have no dots, and the dot of a label has digits behind it.
fn is_server(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, last)| {
        !last.is_empty() && !last.bytes().all(|byte| byte.is_ascii_digit())
    })
}
