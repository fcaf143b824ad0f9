//! The gate: what a run must hold, judged on what it observed, and the verdict with its exit code.
//!
//! Text becomes rules before the run starts ([`rules::Rules::resolve`]), so that a condition nobody can judge stops the run
//! instead of failing it hours later. Judging is a pure function of the rules and the outcome.

pub mod abort;
pub mod figure;
pub mod identity;
pub mod integrity;
pub mod judgement;
pub mod limit;
pub mod metric;
mod migration;
pub(crate) mod near;
mod recovery;
pub mod rules;
pub mod slo;
pub mod validity;
pub mod verdict;
