//! Reports: a run's result as a file, and that file as text, Markdown, `JUnit` and CSV.
//!
//! [`observed`] turns an outcome and its judgement into [`result::RunResult`], the shape of `result.json`. Every other report of a
//! whole run is made of that shape alone, so that a result read back years later renders the same. [`series`] and [`hlog`] are
//! appended to while the run goes on.

pub mod bouncer;
#[cfg(test)]
mod catalogue;
pub mod doctor;
mod document;
pub mod drift;
pub mod event;
pub mod explain;
pub mod facts;
pub mod hlog;
pub mod junit;
pub(crate) mod layout;
pub mod limits;
pub mod markdown;
pub mod metrics;
pub mod migration;
pub mod observed;
pub mod paint;
pub mod process;
pub mod read;
pub mod realism;
pub mod replay;
pub mod result;
pub mod roster;
pub mod series;
pub mod text;
