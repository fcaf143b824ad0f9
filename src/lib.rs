//! Realistic IRC load generation and replay: learns traffic from captures, drives it at a target, judges what arrived.
//!
//! `docs/architecture.md` draws the rooms and the arrows between them; `tests/architecture.rs` holds the code to it.

pub mod cli;
pub mod drive;
pub mod fitness;
pub mod gate;
pub mod irc;
pub mod measure;
pub mod migration;
pub mod place;
pub mod plan;
pub mod provision;
pub mod report;
pub mod roster;
pub mod scenario;
pub mod sim;
pub mod swarm;
pub mod traffic;
pub mod units;
pub mod upstream;
