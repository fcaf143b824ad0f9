//! What a scenario asks of the host that generates its load, and of the host of its target.

/// Descriptors that a server needs beside its clients' connections: listeners, logs, databases, resolver, links to other servers.
pub const TARGET_DESCRIPTORS_SPARE: u64 = 32;

/// Memory of a generator without users, in bytes: the program, what was said in a run, distributions of its phases.
const MEMORY_BASE_BYTES: u64 = 64 << 20;
/// Memory of a user, the embedded network's side included. 17 kB were measured, as the difference between runs of 500 and of 2,000 users
/// (quickstart, 2026-11-27); a longer plan has more stays.
const MEMORY_PER_USER_BYTES: u64 = 24 << 10;

/// What one process and its host must have for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Descriptors of the generator's process.
    pub descriptors: u64,
    /// Ports of its busiest source address; `None` where every user has an address of its own.
    pub ports: Option<u64>,
}

/// What a scenario asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The scenario's name.
    pub scenario: String,
    /// Users, those included who come later.
    pub users: u64,
    /// Most connections that the plan opens in one second.
    pub connects_per_s_max: u64,
    /// Against a target elsewhere.
    pub elsewhere: Load,
    /// Against the embedded network, whose ends are in the same process.
    pub embedded: Load,
}

/// What a scenario asks of the target that it is run against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetNeed {
    /// The scenario's name.
    pub scenario: String,
    /// Users, those included who come later.
    pub users: u64,
    /// Most connections at once from one source address.
    pub connections_per_address: u64,
    /// Most connections that one source address opens in one second.
    pub connects_per_s_max: u64,
    /// Most channels of a user.
    pub channels_per_user: u64,
    /// Most lines that one user means to send in ten seconds, without what its program sends by itself.
    pub lines_in_10s_max: u64,
    /// Longest nick, in bytes.
    pub nick_bytes: u64,
    /// Longest name of a channel, in bytes.
    pub channel_bytes: u64,
    /// Capabilities that clients ask for.
    pub capabilities: Vec<String>,
}

impl Need {
    /// Returns the memory that the generator will take, estimated, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        MEMORY_BASE_BYTES.saturating_add(self.users.saturating_mul(MEMORY_PER_USER_BYTES))
    }

    /// Returns the descriptors that a target needs to hold all users.
    pub fn target_descriptors(&self) -> u64 {
        target_descriptors(self.users)
    }
}

/// Returns the descriptors that a target needs to hold so many users.
pub fn target_descriptors(users: u64) -> u64 {
    users.saturating_add(TARGET_DESCRIPTORS_SPARE)
}
