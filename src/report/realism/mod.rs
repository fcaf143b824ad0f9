//! A fidelity check as text, as JSON and as a page.

pub mod file;
pub mod page;
pub mod text;

mod chart;
mod words;
