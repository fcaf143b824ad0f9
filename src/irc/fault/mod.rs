//! Faults: one vocabulary for what goes wrong on virtual and on real links.

pub mod lie;
pub mod link;
pub mod pace;
