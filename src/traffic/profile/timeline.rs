//! One user of a profile: when the connection was there, what it changed, how much it spoke.

use crate::traffic::profile::talk::TalkKind;
use crate::traffic::trace::cause::LeaveCause;

/// What one user did over the cycle, without words.
///
/// A user with no sessions is a service or a server: it acts though it is never a member.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserTimeline {
    /// Users of the same group rotate together: here the several connections of one person.
    pub group: u32,
    /// When the user was present: sorted and disjoint.
    pub sessions: Vec<SessionRow>,
    /// What the user changed, sorted by time.
    pub changes: Vec<ChangeRow>,
    /// Messages, actions and notices per hour present.
    pub speak_weight: f64,
    /// Share of the user's talk that are actions, 0 to 1.
    pub action_share: f64,
    /// Share of the user's talk that are notices, 0 to 1.
    pub notice_share: f64,
}

impl UserTimeline {
    /// Returns how much the user says of one kind, in messages per hour present.
    pub fn weight(&self, kind: TalkKind) -> f64 {
        let share = match kind {
            TalkKind::Message => 1.0 - self.action_share - self.notice_share,
            TalkKind::Action => self.action_share,
            TalkKind::Notice => self.notice_share,
        };
        self.speak_weight * share.max(0.0)
    }

    /// Returns the seconds of the cycle in which the user was present.
    pub fn present_secs(&self) -> f64 {
        self.sessions
            .iter()
            .map(|session| session.end_secs - session.start_secs)
            .sum()
    }
}

/// One stay of a user. Times are seconds of the cycle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SessionRow {
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
    Mode,
    /// The user sets the topic.
    Topic,
    /// The user kicks somebody.
    Kick {
        /// The index of the kicked user.
        victim: u32,
    },
}
