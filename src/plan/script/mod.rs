//! A script: the events of a trace's clip as actions with intended times, to be played as they were.

pub mod clip;
mod jitter;
mod stage;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::plan::action::Planned;
use crate::plan::names::NAME_COUNT_MAX;
use crate::plan::script::clip::Clip;
use crate::plan::script::stage::Staged;
use crate::traffic::trace::event::EventKind;
use crate::units::hex;
use crate::units::id::Seed;
use crate::units::id::UserId;
use crate::units::offset::Offset;
use crate::units::rate::Rate;

/// Most events of a clip, all its repetitions counted: at some hundred bytes each they are held in memory.
pub const EVENT_COUNT_MAX: u64 = 10_000_000;
/// How long before its JOIN is due a user connects, where its own previous leave lets it: registering takes its time.
pub const ARRIVES_AHEAD: Duration = Duration::from_secs(2);
/// Time between the last of those who were there at the start and the clip, for their JOINs to be answered; longer than
/// [`ARRIVES_AHEAD`], so that who joins with the clip's first event connects within it.
pub const LEAD: Duration = Duration::from_secs(5);
/// Time after the last event that still belongs to the plan: what is due at a plan's very end would be cancelled.
const TAIL: Duration = Duration::from_secs(1);

/// How a clip is played.
#[derive(Clone, Copy, Debug)]
pub struct ScriptOptions {
    /// The seed of the places within a clock's tick.
    pub seed: Seed,
    /// How much faster than it was; positive. Beyond 1 it is stress, and no longer what happened.
    pub speed: f64,
    /// How often the clip is played; at least once.
    pub loop_count: u32,
    /// How fast those who were there at the start arrive.
    pub ramp: Rate,
}

/// Why a clip can't be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// The clip ends before it begins, or the trace ends before the clip begins, or nothing is in it.
    #[error("nothing of the trace is in the clip")]
    Empty,
    /// The trace has no such channel.
    #[error("the trace has no channel `{channel}`")]
    UnknownChannel {
        /// The pseudonym asked for.
        channel: String,
    },
    /// The clip does not fit into memory.
    #[error("more than {EVENT_COUNT_MAX} events to play")]
    TooLong,
    /// More users or channels than names can tell apart.
    #[error("{count} {what}, but at most {NAME_COUNT_MAX}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many.
        count: u64,
    },
}

/// Why an event of a clip is not played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeftOut {
    /// What the event is has no line that a client sends: a numeric, a notice of a server, a line of NAMES.
    NoAction,
    /// A server did it.
    Server,
    /// Nobody is named who did it, or nothing to whom it was done.
    Unnamed,
    /// It concerns no channel, such as a user's own modes.
    NoChannel,
    /// It went to somebody who does nothing in the clip: a service, or a stranger.
    Stranger,
    /// It went to somebody who was not online then.
    Absent,
    /// Who joins is in the channel already.
    AlreadyThere,
    /// Who leaves or is kicked is not in the channel.
    NotThere,
    /// Another channel's log told it before.
    Repeated,
}

impl LeftOut {
    /// Returns the name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoAction => "no_action",
            Self::Server => "server",
            Self::Unnamed => "unnamed",
            Self::NoChannel => "no_channel",
            Self::Stranger => "stranger",
            Self::Absent => "absent",
            Self::AlreadyThere => "already_there",
            Self::NotThere => "not_there",
            Self::Repeated => "repeated",
        }
    }
}

/// What became of a clip's events, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptCounts {
    /// Events in the clip, each repetition counted.
    pub clip: BTreeMap<EventKind, u64>,
    /// Those that are not played, and why.
    pub left_out: BTreeMap<(EventKind, LeftOut), u64>,
    /// JOINs that no event tells of: of those who were there at the start, or were seen to act without one.
    pub synthetic_joins: u64,
}

impl ScriptCounts {
    fn leave_out(&mut self, kind: EventKind, why: LeftOut) {
        *self.left_out.entry((kind, why)).or_insert(0) += 1;
    }
}

/// A clip with everything that its shards share.
#[derive(Clone, Debug)]
pub struct Script {
    name: String,
    digest: String,
    options: ScriptOptions,
    span_us: (i64, i64),
    staged: Staged,
}

impl Script {
    /// Makes the script of a clip; `name` is the trace's.
    ///
    /// # Errors
    ///
    /// When there are too many events, users or channels.
    pub fn new(name: &str, clip: Clip, options: ScriptOptions) -> Result<Self, ScriptError> {
        let events = clip.rows.len() as u64 * u64::from(options.loop_count.max(1));
        if events > EVENT_COUNT_MAX {
            return Err(ScriptError::TooLong);
        }
        for (what, count) in [
            ("users", clip.users.len()),
            // One more stands for private messages.
            ("channels", clip.channel_count as usize + 1),
        ] {
            if count > NAME_COUNT_MAX as usize {
                let count = count as u64;
                return Err(ScriptError::TooMany { what, count });
            }
        }
        Ok(Self {
            name: name.to_owned(),
            digest: hex::text(&clip.digest()),
            options,
            span_us: (clip.start_us, clip.end_us),
            staged: Staged::new(clip, &options),
        })
    }

    /// Returns the trace's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the SHA-256 of the clip's events, whatever the seed, the speed and the repetitions, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns how the clip is played.
    pub fn options(&self) -> &ScriptOptions {
        &self.options
    }

    /// Returns when the clip begins and ends in the trace, in microseconds since 1970 UTC.
    pub fn span_us(&self) -> (i64, i64) {
        self.span_us
    }

    /// Returns what becomes of the clip's events.
    pub fn counts(&self) -> &ScriptCounts {
        &self.staged.counts
    }

    /// Returns all actions, in order.
    pub fn actions(&self) -> &[Planned] {
        &self.staged.actions
    }

    /// Returns the number of channels that anybody joins.
    pub fn channel_count(&self) -> u32 {
        self.staged.channel_count
    }

    /// Returns everybody who is ever in a channel, by user, channel by channel. Beyond the channels that anybody joins there may
    /// be one more: the book of private messages, of all who write or get any.
    pub fn members(&self) -> &[Vec<UserId>] {
        &self.staged.members
    }

    /// Returns whether each user is online before the clip begins.
    pub fn online_at_start(&self) -> &[bool] {
        &self.staged.online_at_start
    }

    /// Returns how many users are online before the clip begins.
    pub fn online_count(&self) -> u64 {
        let online = self.staged.online_at_start.iter();
        online.filter(|&&is_online| is_online).count() as u64
    }

    /// Returns when the clip's first repetition begins.
    pub fn begins(&self) -> Offset {
        self.staged.begins
    }

    /// Returns when the plan ends.
    pub fn ends(&self) -> Offset {
        self.staged.ends + TAIL
    }
}

#[cfg(test)]
mod tests;
