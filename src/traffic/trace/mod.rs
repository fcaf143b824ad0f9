//! Our normalised sequence of IRC events: what an event is, how a trace lies on disk, how names are hidden.

pub mod cause;
pub mod event;
pub mod pseudonym;
pub mod read;
pub mod silence;
pub mod survey;
pub mod write;

mod head;
