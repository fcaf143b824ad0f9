//! The shell: sockets, clocks, threads and files. It holds no protocol and no accounting.

pub mod clock;
pub mod control;
pub mod counters;
pub mod doctor;
pub mod host;
pub mod interrupt;
pub mod listen;
pub mod run;
pub mod shard;
pub mod tap;
mod timer;
pub mod transport;
