//! A parameter of a profile together with its standing: measured, or a stated guess.

use serde::Deserialize;
use serde::Serialize;

/// A value and whether it was fitted to a capture or assumed.
///
/// In a file it reads `{ fitted = 0.12 }` or `{ assumed = 0.05 }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Parameter<T> {
    /// Measured in the capture.
    Fitted(T),
    /// Not to be seen in the capture: a stated guess.
    Assumed(T),
}

impl<T: Copy> Parameter<T> {
    /// Returns the value, whatever its standing.
    pub fn value(self) -> T {
        match self {
            Self::Fitted(value) | Self::Assumed(value) => value,
        }
    }

    /// Returns whether the value was measured.
    pub fn is_fitted(self) -> bool {
        matches!(self, Self::Fitted(_))
    }
}
