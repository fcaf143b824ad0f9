//! Bytes to messages and back, without copying: framing, tags, sources, casemapping, ISUPPORT, modes, length limits.
//!
//! Reading borrows from the caller's buffer and writing appends to the caller's buffer; nothing here allocates per message,
//! keeps a connection's state beyond an unfinished line, or decides what a message means.

pub mod action;
pub mod casemapping;
pub mod compose;
pub mod framer;
pub mod isupport;
pub mod message;
pub mod modes;
pub mod numeric;
pub mod scram;
pub mod server_time;
pub mod tags;
