//! Looks at the target, before a run or beside it.

mod client;
pub mod examine;
pub mod probe;
mod talk;
pub mod visit;
