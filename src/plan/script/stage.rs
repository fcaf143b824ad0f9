//! Staging: a clip's events as actions, with the connects and JOINs that they need and no event tells of.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::measure::ledger::MessageKey;
use crate::measure::ledger::PlannedMessage;
use crate::plan::action::Action;
use crate::plan::action::LeaveHow;
use crate::plan::action::Planned;
use crate::plan::planner::TEXT_BYTES_MAX;
use crate::plan::script::ARRIVES_AHEAD;
use crate::plan::script::LEAD;
use crate::plan::script::LeftOut;
use crate::plan::script::ScriptCounts;
use crate::plan::script::ScriptOptions;
use crate::plan::script::clip::AtStart;
use crate::plan::script::clip::Clip;
use crate::plan::script::clip::NONE;
use crate::plan::script::clip::Row;
use crate::plan::script::jitter;
use crate::plan::streams::Purpose;
use crate::plan::streams::StreamId;
use crate::plan::streams::Streams;
use crate::scenario::phase::Cut;
use crate::traffic::profile::talk::TalkKind;
use crate::traffic::trace::event::EventKind;
use crate::units::id::ChannelId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// What a clip's events have become.
#[derive(Clone, Debug)]
pub(crate) struct Staged {
    pub(crate) actions: Vec<Planned>,
    pub(crate) counts: ScriptCounts,
    pub(crate) members: Vec<Vec<UserId>>,
    pub(crate) channel_count: u32,
    pub(crate) online_at_start: Vec<bool>,
    pub(crate) begins: Offset,
    pub(crate) ends: Offset,
}

/// Where a user is as the stage goes on.
#[derive(Clone, Debug)]
struct Actor {
    is_online: bool,
    channels: Vec<u32>,
    /// When it last left the network: it can't be back before.
    left: Offset,
    /// The new nick of its last NICK.
    nick: u32,
}

impl Actor {
    fn at_start(user: &AtStart) -> Self {
        Self {
            is_online: user.is_online,
            channels: user.channels.clone(),
            left: Offset::ZERO,
            nick: NONE,
        }
    }
}

struct Stage<'a> {
    options: &'a ScriptOptions,
    actors: Vec<Actor>,
    actions: Vec<Planned>,
    counts: ScriptCounts,
    /// By channel; the last one's are those who write or get private messages.
    members: Vec<BTreeSet<UserId>>,
    /// Index of each channel's next message.
    next_index: Vec<u32>,
    private: ChannelId,
}

impl Staged {
    /// Stages a clip.
    pub(crate) fn new(clip: Clip, options: &ScriptOptions) -> Self {
        let Clip {
            start_us,
            end_us,
            tick_us,
            rows,
            users,
            channel_count,
            counts,
        } = clip;
        let stamps: Vec<i64> = rows.iter().map(|row| row.at_us).collect();
        let mut rng = Streams::new(options.seed).rng(stream());
        let since_start: Vec<Duration> = jitter::spread(&stamps, tick_us, &mut rng)
            .into_iter()
            .map(|at_us| scaled(at_us.saturating_sub(start_us), options.speed))
            .collect();
        let last = since_start.last().copied().unwrap_or_default();
        let lasts = scaled(end_us.saturating_sub(start_us), options.speed).max(last);
        let book_count = channel_count as usize + 1;
        let mut stage = Stage {
            options,
            actors: Vec::new(),
            actions: Vec::with_capacity(rows.len()),
            counts: ScriptCounts::default(),
            members: vec![BTreeSet::new(); book_count],
            next_index: vec![0; book_count],
            private: ChannelId(channel_count),
        };
        let loop_count = u64::from(options.loop_count.max(1));
        stage.count_unplayable(&counts, loop_count);
        stage.actors = vec![
            Actor {
                is_online: false,
                channels: Vec::new(),
                left: Offset::ZERO,
                nick: NONE
            };
            users.len()
        ];
        let mut begins = Offset::ZERO;
        let mut starts = Offset::ZERO;
        let mut ends = Offset::ZERO;
        for turn in 0..loop_count {
            let begun = stage.gather(&users, starts);
            if turn == 0 {
                begins = begun;
            }
            for (row, since) in rows.iter().zip(&since_start) {
                stage.play(row, begun + *since);
            }
            ends = begun + lasts;
            starts = ends;
        }
        stage.finish(&users, begins, ends)
    }
}

impl Stage<'_> {
    /// Counts, once for each repetition, what the clip held and nobody could play.
    fn count_unplayable(&mut self, counts: &ScriptCounts, loop_count: u64) {
        for (&kind, &count) in &counts.clip {
            self.counts.clip.insert(kind, count * loop_count);
        }
        for (&key, &count) in &counts.left_out {
            self.counts.left_out.insert(key, count * loop_count);
        }
    }

    /// Brings everybody to where they were at the clip's start, from `at` on at the ramp's rate. Returns when the clip begins.
    fn gather(&mut self, users: &[AtStart], at: Offset) -> Offset {
        let mut arrivals = 0;
        for (user, start) in (0u32..).zip(users) {
            let Some(actor) = self.actors.get_mut(user as usize) else {
                continue;
            };
            let before = std::mem::replace(actor, Actor::at_start(start));
            let user = UserId(user);
            if before.is_online && !start.is_online {
                self.push(
                    at,
                    Action::Leave {
                        user,
                        how: LeaveHow::Quit,
                        event: None,
                        is_synthetic: true,
                    },
                );
                continue;
            }
            for &channel in &before.channels {
                if before.is_online && !start.channels.contains(&channel) {
                    self.push(
                        at,
                        Action::Part {
                            user,
                            channel: ChannelId(channel),
                            is_synthetic: true,
                        },
                    );
                }
            }
            let mut joins_at = at;
            if !before.is_online && start.is_online {
                joins_at = at + self.options.ramp.due(arrivals);
                arrivals += 1;
                self.push(joins_at, Action::Arrive { user, event: None });
            }
            for &channel in &start.channels {
                if !before.is_online || !before.channels.contains(&channel) {
                    self.join(joins_at, user, channel, true);
                }
            }
        }
        at + self.options.ramp.due(arrivals) + LEAD
    }

    /// Turns one event into what it needs and itself.
    fn play(&mut self, row: &Row, at: Offset) {
        let user = UserId(row.user);
        let outcome = match row.kind {
            EventKind::Join => self.play_join(row, at),
            EventKind::Part => self.play_part(row, at),
            EventKind::Quit => self.play_quit(row, at),
            EventKind::Nick => self.play_nick(row, at),
            EventKind::Kick => self.play_kick(row, at),
            EventKind::Mode | EventKind::Topic if row.channel == NONE => Err(LeftOut::NoChannel),
            EventKind::Mode | EventKind::Topic => {
                self.be_in(user, row.channel, at);
                let channel = ChannelId(row.channel);
                self.push(
                    at,
                    if row.kind == EventKind::Mode {
                        Action::Mode { user, channel }
                    } else {
                        Action::Topic { user, channel }
                    },
                );
                Ok(())
            }
            EventKind::Message => self.play_talk(row, TalkKind::Message, at),
            EventKind::Action => self.play_talk(row, TalkKind::Action, at),
            EventKind::Notice => self.play_talk(row, TalkKind::Notice, at),
            EventKind::Other => Err(LeftOut::NoAction),
        };
        if let Err(why) = outcome {
            self.counts.leave_out(row.kind, why);
        }
    }

    fn play_join(&mut self, row: &Row, at: Offset) -> Result<(), LeftOut> {
        if row.channel == NONE {
            return Err(LeftOut::NoChannel);
        }
        if self.is_in(row.user, row.channel) {
            return Err(LeftOut::AlreadyThere);
        }
        let user = UserId(row.user);
        self.be_online(user, at);
        self.join(at, user, row.channel, false);
        Ok(())
    }

    fn play_part(&mut self, row: &Row, at: Offset) -> Result<(), LeftOut> {
        if !self.is_in(row.user, row.channel) {
            return Err(LeftOut::NotThere);
        }
        self.push(
            at,
            Action::Part {
                user: UserId(row.user),
                channel: ChannelId(row.channel),
                is_synthetic: false,
            },
        );
        self.leave(row.user, row.channel);
        Ok(())
    }

    fn play_quit(&mut self, row: &Row, at: Offset) -> Result<(), LeftOut> {
        let Some(actor) = self.actors.get_mut(row.user as usize) else {
            return Err(LeftOut::Unnamed);
        };
        if !actor.is_online {
            return Err(LeftOut::Repeated);
        }
        *actor = Actor {
            is_online: false,
            channels: Vec::new(),
            left: at,
            nick: NONE,
        };
        self.push(
            at,
            Action::Leave {
                user: UserId(row.user),
                how: if row.is_drop {
                    LeaveHow::Cut(Cut::Fin)
                } else {
                    LeaveHow::Quit
                },
                event: None,
                is_synthetic: false,
            },
        );
        Ok(())
    }

    fn play_nick(&mut self, row: &Row, at: Offset) -> Result<(), LeftOut> {
        let user = UserId(row.user);
        let Some(actor) = self.actors.get_mut(user.index()) else {
            return Err(LeftOut::Unnamed);
        };
        if actor.nick == row.peer && row.peer != NONE {
            return Err(LeftOut::Repeated);
        }
        actor.nick = row.peer;
        self.be_online(user, at);
        self.push(at, Action::Rename { user });
        Ok(())
    }

    fn play_kick(&mut self, row: &Row, at: Offset) -> Result<(), LeftOut> {
        if !self.is_in(row.peer, row.channel) {
            return Err(LeftOut::NotThere);
        }
        let user = UserId(row.user);
        self.be_in(user, row.channel, at);
        self.push(
            at,
            Action::Kick {
                user,
                channel: ChannelId(row.channel),
                victim: UserId(row.peer),
            },
        );
        self.leave(row.peer, row.channel);
        Ok(())
    }

    fn play_talk(&mut self, row: &Row, kind: TalkKind, at: Offset) -> Result<(), LeftOut> {
        let sender = UserId(row.user);
        let (channel, to) = if row.channel == NONE {
            let Some(peer) = self.actors.get(row.peer as usize) else {
                return Err(LeftOut::Stranger);
            };
            if !peer.is_online {
                return Err(LeftOut::Absent);
            }
            self.be_online(sender, at);
            (self.private, Some(UserId(row.peer)))
        } else {
            self.be_in(sender, row.channel, at);
            (ChannelId(row.channel), None)
        };
        if let Some(members) = self.members.get_mut(channel.index()) {
            members.insert(sender);
            members.extend(to);
        }
        let Some(next_index) = self.next_index.get_mut(channel.index()) else {
            return Err(LeftOut::NoChannel);
        };
        let key = MessageKey {
            channel,
            index: *next_index,
        };
        *next_index += 1;
        let bytes = u16::try_from(row.bytes).unwrap_or(u16::MAX);
        let message = PlannedMessage {
            sender,
            to,
            // Nothing can be sent as nothing: servers refuse a message without text.
            bytes: bytes.clamp(1, TEXT_BYTES_MAX),
            intended: at,
        };
        self.push(at, Action::Say { key, message, kind });
        Ok(())
    }

    fn is_in(&self, user: u32, channel: u32) -> bool {
        channel != NONE
            && self
                .actors
                .get(user as usize)
                .is_some_and(|actor| actor.is_online && actor.channels.contains(&channel))
    }

    fn leave(&mut self, user: u32, channel: u32) {
        if let Some(actor) = self.actors.get_mut(user as usize) {
            actor.channels.retain(|&known| known != channel);
        }
    }

    /// Lets a user connect in time for what it does at `at`. Returns since when it is online or on its way.
    fn be_online(&mut self, user: UserId, at: Offset) -> Offset {
        let Some(actor) = self.actors.get_mut(user.index()) else {
            return at;
        };
        if actor.is_online {
            return at;
        }
        actor.is_online = true;
        let arrives = (at - ARRIVES_AHEAD).max(actor.left);
        self.push(arrives, Action::Arrive { user, event: None });
        arrives
    }

    /// Lets a user be in a channel in time for what it does there at `at`.
    fn be_in(&mut self, user: UserId, channel: u32, at: Offset) {
        if !self.is_in(user.0, channel) {
            let since = self.be_online(user, at);
            self.join(since, user, channel, true);
        }
    }

    fn join(&mut self, at: Offset, user: UserId, channel: u32, is_synthetic: bool) {
        let channel_id = ChannelId(channel);
        if let Some(members) = self.members.get_mut(channel_id.index()) {
            members.insert(user);
        }
        if let Some(actor) = self.actors.get_mut(user.index())
            && !actor.channels.contains(&channel)
        {
            actor.channels.push(channel);
        }
        self.counts.synthetic_joins += u64::from(is_synthetic);
        self.push(
            at,
            Action::Join {
                user,
                channel: channel_id,
                is_synthetic,
            },
        );
    }

    /// Enters an action. Among those of one moment the first entered is the first done.
    fn push(&mut self, at: Offset, action: Action) {
        self.actions.push(Planned {
            at,
            stream: stream(),
            sequence: u32::try_from(self.actions.len()).unwrap_or(u32::MAX),
            action,
        });
    }

    fn finish(mut self, users: &[AtStart], begins: Offset, ends: Offset) -> Staged {
        self.actions.sort_unstable_by_key(Planned::order);
        let channel_count = self.private.0;
        if self.members.last().is_some_and(BTreeSet::is_empty) {
            self.members.pop();
        }
        Staged {
            actions: self.actions,
            counts: self.counts,
            members: self
                .members
                .into_iter()
                .map(|members| members.into_iter().collect())
                .collect(),
            channel_count,
            online_at_start: users.iter().map(|user| user.is_online).collect(),
            begins,
            ends,
        }
    }
}

/// The one stream of a script: its actions are told apart by their number alone.
fn stream() -> StreamId {
    StreamId::of_user(Purpose::Script, 0, UserId(0))
}

/// Returns a span of microseconds played `speed` times as fast.
#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds of a trace: below 2^53 for 285 years"
)]
fn scaled(span_us: i64, speed: f64) -> Duration {
    Duration::try_from_secs_f64(span_us.max(0) as f64 / 1e6 / speed).unwrap_or(Duration::MAX)
}
