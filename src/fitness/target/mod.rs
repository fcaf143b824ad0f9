//! What a target is found to allow: probes, what of it a scenario would break on, and what two targets differ in.

pub mod advice;
pub mod certificate;
pub mod family;
pub mod judge;
pub mod pair;
pub mod probe;
