//! One user of a profile: when the connection was in which channel, and what it changed.

use crate::traffic::trace::cause::LeaveCause;

/// What one user did over the cycle, without words.
///
/// A user with no stays is a service or a server: it acts though it is never a member.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserTimeline {
    /// Users of the same cohort rotate together: the connections of one person, and people who come and go as one.
    pub cohort: u32,
    /// When the user was in which channel: sorted, and disjoint within a channel.
    pub stays: Vec<StayRow>,
    /// What the user changed, sorted by time.
    pub changes: Vec<ChangeRow>,
}

impl UserTimeline {
    /// Returns the seconds of the cycle in which the user was on the network.
    pub fn present_secs(&self) -> f64 {
        online(&self.stays).iter().map(StayRow::secs).sum()
    }
}

/// Puts stays in order of time, those that begin together by channel.
pub(crate) fn sort(stays: &mut [StayRow]) {
    stays.sort_by(|one, other| {
        let by_time = one.start_secs.total_cmp(&other.start_secs);
        by_time.then(one.channel.cmp(&other.channel))
    });
}

/// Returns when somebody is on the network who is in channels so: where stays, by time, overlap, they are one.
pub fn online(stays: &[StayRow]) -> Vec<StayRow> {
    let mut online: Vec<StayRow> = Vec::new();
    for stay in stays {
        match online.last_mut() {
            Some(last) if stay.start_secs <= last.end_secs => {
                if stay.end_secs > last.end_secs {
                    last.end_secs = stay.end_secs;
                    last.cause = stay.cause;
                    last.has_leave = stay.has_leave;
                }
            }
            _ => online.push(*stay),
        }
    }
    online
}

/// One stay of a user in a channel. Times are seconds of the cycle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StayRow {
    /// The number of the channel.
    pub channel: u32,
    /// When the user came; zero for one who was there when the cycle began.
    pub start_secs: f64,
    /// When the user left; the cycle's length for one who was still there.
    pub end_secs: f64,
    /// Why the user left.
    pub cause: LeaveCause,
    /// Whether others saw the user come.
    pub has_join: bool,
    /// Whether others saw the user leave.
    pub has_leave: bool,
}

impl StayRow {
    /// Returns how long the stay lasts, in seconds.
    pub fn secs(&self) -> f64 {
        self.end_secs - self.start_secs
    }
}

/// One change of state by a user.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChangeRow {
    /// When, in seconds of the cycle.
    pub at_secs: f64,
    /// What.
    pub kind: ChangeKind,
}

/// What a user changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// The user takes another nick.
    Nick,
    /// A channel mode is set. One that follows a JOIN by at most five seconds belongs to the user who joined.
    Mode {
        /// The number of the channel.
        channel: u32,
    },
    /// The user sets the topic.
    Topic {
        /// The number of the channel.
        channel: u32,
    },
    /// The user kicks somebody.
    Kick {
        /// The number of the channel.
        channel: u32,
        /// The index of the kicked user of the tables.
        victim: u32,
    },
}

impl ChangeKind {
    /// Returns the change in a copy of the channels, of which `first` is number 0 of the tables'.
    pub(crate) fn in_channels_from(self, first: u32) -> Self {
        let moved = |channel: u32| first.saturating_add(channel);
        match self {
            Self::Nick => Self::Nick,
            Self::Mode { channel } => Self::Mode {
                channel: moved(channel),
            },
            Self::Topic { channel } => Self::Topic {
                channel: moved(channel),
            },
            Self::Kick { channel, victim } => Self::Kick {
                channel: moved(channel),
                victim,
            },
        }
    }
}
