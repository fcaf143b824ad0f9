//! Named random streams of one key: what is drawn for one purpose never moves what is drawn for another.

use rand::Rng;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::units::id::ChannelId;
use crate::units::id::Seed;
use crate::units::id::UserId;

/// Most users and channels: their identifiers share a stream's number, 28 bits each.
pub const ID_COUNT_MAX: u32 = 1 << 28;

/// What a stream's draws are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// The names of the run.
    Names = 1,
    /// Which cohorts take part, and where their cycles lie.
    Identity = 2,
    /// How large a channel is and who its members are.
    Membership = 3,
    /// When a channel's messages are.
    Talk = 4,
    /// Which messages go to one user.
    Private = 5,
    /// Who a mass event hits and when they return; also on which server a user sits.
    Mass = 6,
    /// Where modes, topics and kicks of a user happen.
    Change = 7,
    /// Delays of returns that are not planned.
    Reconnect = 8,
    /// Faults of a simulated run.
    Fault = 9,
    /// Where in a tick of a trace's clock its events lie; also the one stream of a script's actions.
    Script = 10,
    /// When the profile's own mass events are, and whom they hit in place of those who are away.
    Incident = 11,
    /// Which program a user has.
    Client = 12,
    /// How old a client's answer of its resolver is.
    Resolver = 13,
    /// What moving an account costs, and its turn where that is drawn.
    Migration = 14,
    /// When a model bouncer lies.
    Bouncer = 15,
    /// Which connections of a bouncer to its networks are half-open.
    Link = 16,
}

/// The number that names a stream: purpose (8 bits), channel (28), user (28).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

impl StreamId {
    /// Returns the stream of a purpose that concerns one channel.
    pub fn of_channel(purpose: Purpose, channel: ChannelId) -> Self {
        Self((purpose as u64) << 56 | u64::from(channel.0 & (ID_COUNT_MAX - 1)) << 28)
    }

    /// Returns the stream of a purpose that concerns one user; `event` sets several of a purpose apart.
    pub fn of_user(purpose: Purpose, event: u32, user: UserId) -> Self {
        Self(
            (purpose as u64) << 56
                | u64::from(event & (ID_COUNT_MAX - 1)) << 28
                | u64::from(user.0 & (ID_COUNT_MAX - 1)),
        )
    }
}

/// All random streams of a run.
#[derive(Clone, Debug)]
pub struct Streams {
    key: [u8; 32],
}

impl Streams {
    /// Returns the streams of a seed.
    pub fn new(seed: Seed) -> Self {
        let mut key = [0; 32];
        ChaCha8Rng::seed_from_u64(seed.0).fill_bytes(&mut key);
        Self { key }
    }

    /// Returns the generator of one stream. The stream cipher only seeds it: a draw then costs a nanosecond.
    pub fn rng(&self, stream: StreamId) -> Xoshiro256PlusPlus {
        let mut source = ChaCha8Rng::from_seed(self.key);
        source.set_stream(stream.0);
        let mut seed = [0; 32];
        source.fill_bytes(&mut seed);
        Xoshiro256PlusPlus::from_seed(seed)
    }

    /// Returns the first draw of one stream.
    pub fn draw(&self, stream: StreamId) -> u64 {
        let mut source = ChaCha8Rng::from_seed(self.key);
        source.set_stream(stream.0);
        source.next_u64()
    }
}

/// Returns `draw` as a number below `bound`; its bias is below bound / 2^64.
pub fn below(draw: u64, bound: u32) -> u32 {
    // The product of a 64-bit and a 32-bit number, shifted by 64, is below the latter.
    u32::try_from((u128::from(draw) * u128::from(bound)) >> 64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_other_purposes_ids_and_seeds_differ() {
        let streams = Streams::new(Seed(1));
        let ids = [
            StreamId::of_channel(Purpose::Talk, ChannelId(0)),
            StreamId::of_channel(Purpose::Talk, ChannelId(1)),
            StreamId::of_channel(Purpose::Private, ChannelId(0)),
            StreamId::of_user(Purpose::Mass, 0, UserId(1)),
            StreamId::of_user(Purpose::Mass, 1, UserId(0)),
        ];
        let mut draws: Vec<u64> = ids.iter().map(|&id| streams.draw(id)).collect();
        draws.push(Streams::new(Seed(2)).draw(ids[0]));
        draws.sort_unstable();
        draws.dedup();
        assert_eq!(draws.len(), 6);
    }

    #[test]
    fn the_first_draws_of_a_seed_are_for_ever() {
        let streams = Streams::new(Seed(1));
        let mut rng = streams.rng(StreamId::of_channel(Purpose::Talk, ChannelId(5)));
        // The promise is: same version, same plan. A change of these numbers changes every plan.
        assert_eq!(
            [rng.next_u64(), rng.next_u64()],
            [3_359_803_629_143_899_042, 8_804_166_277_760_858_524]
        );
    }

    #[test]
    fn below_stays_below() {
        assert_eq!(
            (below(u64::MAX, 7), below(0, 7), below(1 << 63, 7)),
            (6, 0, 3)
        );
    }
}
