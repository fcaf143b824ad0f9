//! Identifiers: small dense numbers that never mix, and the seed of a run.

use std::fmt;
use std::ops::Range;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl $name {
            /// Returns the number as an index into a dense table.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A virtual user of a run; dense from zero.
    UserId(u32)
}
id! {
    /// A channel of a run; dense from zero.
    ChannelId(u32)
}
id! {
    /// A phase of a scenario, in the order in which it is written; dense from zero.
    PhaseId(u16)
}
id! {
    /// A shard of the swarm; dense from zero.
    ShardId(u16)
}
id! {
    /// An account that a migration moves: a user's, or that of a bouncer's user with all of its places; dense from zero.
    AccountId(u32)
}
id! {
    /// One bouncer user's place on one network; dense from zero.
    SeatId(u32)
}
id! {
    /// A server of a (simulated or linked) network; dense from zero.
    ServerId(u16)
}

/// The number from which every draw of a run follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seed(pub u64);

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which users a shard drives: every `count`-th of a range, so that shards of any number share the load alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sharding {
    shard: ShardId,
    count: u16,
    /// The first user of the range.
    first: u32,
    /// The first user beyond it.
    end: u32,
}

impl Sharding {
    /// One shard that drives everybody.
    pub const WHOLE: Self = Self {
        shard: ShardId(0),
        count: 1,
        first: 0,
        end: u32::MAX,
    };

    /// Returns the share of shard `shard` of `count`, or `None` unless `shard < count`.
    pub fn new(shard: ShardId, count: u16) -> Option<Self> {
        (shard.0 < count).then_some(Self {
            shard,
            count,
            ..Self::WHOLE
        })
    }

    /// Returns the same share of the users of a range alone.
    #[must_use]
    pub fn within(self, users: Range<u32>) -> Self {
        Self {
            first: users.start,
            end: users.end.max(users.start),
            ..self
        }
    }

    /// Returns which shard this is.
    pub fn shard(self) -> ShardId {
        self.shard
    }

    /// Returns how many shards there are.
    pub fn count(self) -> u16 {
        self.count
    }

    /// Returns whether this shard drives `user`.
    pub fn drives(self, user: UserId) -> bool {
        (self.first..self.end).contains(&user.0)
            && (user.0 - self.first) % u32::from(self.count) == u32::from(self.shard.0)
    }

    /// Returns the dense local index of `user`, or `None` for another shard's.
    pub fn local(self, user: UserId) -> Option<usize> {
        self.drives(user)
            .then(|| ((user.0 - self.first) / u32::from(self.count)) as usize)
    }

    /// Returns the user of that local index.
    ///
    /// # Panics
    ///
    /// Panics if there can be no such user because its identifier would not fit 32 bits.
    pub fn user(self, local: usize) -> UserId {
        let place = local as u64 * u64::from(self.count) + u64::from(self.shard.0);
        let id = u64::from(self.first) + place;
        assert!(
            u32::try_from(id).is_ok(),
            "no user has the local index {local} in a shard of {}",
            self.count
        );
        UserId(u32::try_from(id).unwrap_or(u32::MAX))
    }

    /// Returns how many of a run's `users` users this shard drives.
    pub fn local_count(self, users: u32) -> usize {
        let users = users.min(self.end).saturating_sub(self.first);
        let (count, shard) = (u32::from(self.count), u32::from(self.shard.0));
        (users / count + u32::from(users % count > shard)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_user_is_driven_by_one_shard_under_its_own_local_index() {
        for count in [1, 2, 7] {
            let mut driven = 0;
            for (shard, range) in
                (0..count).flat_map(|shard| [(shard, 0..30), (shard, 30..u32::MAX)])
            {
                let sharding = Sharding::new(ShardId(shard), count).unwrap().within(range);
                for local in 0..sharding.local_count(100) {
                    assert_eq!(sharding.local(sharding.user(local)), Some(local));
                    driven += 1;
                }
            }
            assert_eq!(driven, 100);
        }
    }
}
