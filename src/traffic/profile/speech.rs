//! The talk of one channel from whichever generator makes it.

use crate::traffic::profile::Profile;
use crate::traffic::profile::resample::BlockStream;
use crate::traffic::profile::room::Room;
use crate::traffic::profile::stream::TalkSlot;
use crate::traffic::profile::stream::TalkStream;

/// The talk of one channel of a profile.
#[derive(Clone, Debug)]
pub enum Speech {
    /// Of the profile's model.
    Model(Box<TalkStream>),
    /// Of the capture's own blocks.
    Resample(Box<BlockStream>),
}

impl Speech {
    /// Returns the next message of `channel`, for which the speech was begun.
    pub fn next(&mut self, profile: &Profile, channel: u32, room: &mut Room) -> TalkSlot {
        match self {
            Self::Model(stream) => profile
                .talk_of(channel)
                .map_or(TalkSlot::NEVER, |talk| stream.next(talk, room)),
            Self::Resample(stream) => stream.next(profile, room),
        }
    }
}
