//! What drift fresh traffic shows, as text and as JSON.

pub mod counted;
pub mod file;
pub mod text;

mod words;
