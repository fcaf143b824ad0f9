//! The operator's side of a migration: the queue that moves accounts from server to server, its order, and what a move costs.
//!
//! Nothing here knows a clock, a command or a server: its owner asks [`operator::Operator::poll`] what to do and tells what came of it.

pub mod cost;
pub mod operator;
pub mod order;
pub mod queue;
