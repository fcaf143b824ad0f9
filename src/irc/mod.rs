//! Everything that speaks IRC, as pure state machines: bytes and times in, bytes and events out.

pub mod fault;
pub mod network;
pub mod session;
pub mod wire;
