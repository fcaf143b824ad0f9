//! Identifiers: small dense numbers that never mix, and the seed of a run.

use std::fmt;

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

/// Which users a shard drives: every `count`-th, so that shards of any number share the load alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sharding {
    shard: ShardId,
    count: u16,
}

impl Sharding {
    /// One shard that drives everybody.
    pub const WHOLE: Self = Self {
        shard: ShardId(0),
        count: 1,
    };

    /// Returns the share of shard `shard` of `count`, or `None` unless `shard < count`.
    pub fn new(shard: ShardId, count: u16) -> Option<Self> {
        (shard.0 < count).then_some(Self { shard, count })
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
        user.0 % u32::from(self.count) == u32::from(self.shard.0)
    }

    /// Returns the dense local index of `user`, or `None` for another shard's.
    pub fn local(self, user: UserId) -> Option<usize> {
        self.drives(user)
            .then_some((user.0 / u32::from(self.count)) as usize)
    }

    /// Returns the user of that local index.
    ///
    /// # Panics
    ///
    /// Panics if there can be no such user because its identifier would not fit 32 bits.
    pub fn user(self, local: usize) -> UserId {
        let id = local as u64 * u64::from(self.count) + u64::from(self.shard.0);
        assert!(
            u32::try_from(id).is_ok(),
            "no user has the local index {local} in a shard of {}",
            self.count
        );
        UserId(u32::try_from(id).unwrap_or(u32::MAX))
    }

    /// Returns how many of `users` users this shard drives.
    pub fn local_count(self, users: u32) -> usize {
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
            for shard in 0..count {
                let sharding = Sharding::new(ShardId(shard), count).unwrap();
                for local in 0..sharding.local_count(100) {
                    assert_eq!(sharding.local(sharding.user(local)), Some(local));
                    driven += 1;
                }
            }
            assert_eq!(driven, 100);
        }
    }
}
