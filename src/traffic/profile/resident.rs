//! Who lives in a profile: each user of its tables or, in a scaled profile, copies of them.

use crate::traffic::profile::timeline::UserTimeline;

/// Somebody who lives in a profile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resident {
    /// The index of the user of the tables whose life it is.
    pub user: u32,
    /// Residents of the same cohort rotate together.
    pub cohort: u32,
    /// Which copy of the tables' people; 0 are those of the capture.
    pub copy: u32,
    /// By how much later than in the tables everything happens, in seconds.
    pub jitter_secs: f64,
    /// The number of the channel that is channel 0 of the tables for them.
    pub first_channel: u32,
    /// Whether they only sit in the channels of others: they say nothing, set no topic and are not kicked.
    pub is_listener: bool,
}

/// A channel in which somebody sits as a guest, as long as in a channel of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The number of their own channel in the tables.
    pub home: u32,
    /// The number of the channel that they visit.
    pub channel: u32,
}

/// Returns the residents of a profile that is not scaled: the users of its tables.
pub(crate) fn of_tables(users: &[UserTimeline]) -> Vec<Resident> {
    (0..)
        .zip(users)
        .map(|(user, timeline)| Resident {
            user,
            cohort: timeline.cohort,
            copy: 0,
            jitter_secs: 0.0,
            first_channel: 0,
            is_listener: false,
        })
        .collect()
}
