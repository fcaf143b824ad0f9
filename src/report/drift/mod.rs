//! What drift fresh traffic shows, as text and as JSON.

pub mod file;
pub mod text;

mod words;
