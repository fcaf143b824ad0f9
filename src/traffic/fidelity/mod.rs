//! How well generated traffic resembles live traffic: two event streams to scores, and what is demanded of them; drift.

pub mod alarm;
pub mod check;
pub mod classifier;
pub mod counted;
pub(crate) mod distances;
pub mod drift;
pub mod features;
pub mod findings;
pub mod outcome;
pub mod score;
pub mod span;

mod boosted;
mod changes;
mod judge;
mod measures;
mod poisson;
mod stream;
mod weeks;
mod windows;
