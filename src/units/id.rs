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
