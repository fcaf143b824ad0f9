//! Everything that learns from live traffic: captures, traces, profiles.

pub mod capture;
pub mod fidelity;
pub mod profile;
pub mod trace;
