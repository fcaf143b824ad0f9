//! One run from preflight to outcome.

pub mod conduct;
pub mod safety;
