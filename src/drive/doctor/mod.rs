//! Looks at the target, before a run or beside it.

pub mod probe;
pub mod visit;
