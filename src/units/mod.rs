//! Quantities and identifiers shared by every room: moments, lengths, rates, seeds, ids.

pub mod hex;
pub mod id;
pub mod offset;
pub mod rate;
pub mod span;
