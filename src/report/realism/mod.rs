//! A fidelity check as text, as JSON and as a page.

pub mod file;

pub mod text;

mod words;
