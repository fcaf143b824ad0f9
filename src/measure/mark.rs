//! What a person did to a run while it went on.

use crate::units::offset::Offset;

/// A moment on a run's timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub at: Offset,
    /// What was done.
    pub kind: MarkKind,
    /// What was said about it.
    pub text: String,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// A note was made.
    Mark,
    /// The plan was held.
    Hold,
    /// The plan went on.
    Resume,
    /// A migration was rolled back.
    RollBack,
    /// The run was ended.
    Abort,
}

impl MarkKind {
    /// Returns the name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mark => "mark",
            Self::Hold => "hold",
            Self::Resume => "resume",
            Self::RollBack => "roll_back",
            Self::Abort => "abort",
        }
    }
}
