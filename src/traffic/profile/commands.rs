//! What clients send, per JOIN and per hour, beside what channels show: a server's counters alone can tell.

use std::fmt::Write as _;

use serde::Deserialize;
use toml::Spanned;

use crate::traffic::profile::parameter::Parameter;

/// Most uses of a command per JOIN, or PINGs in an hour, that a file may hold: a thousand is already no client's way.
pub(crate) const RATE_MAX: f64 = 1e6;

/// What clients send. Where nothing was measured it is what a run's clients do: they ask for the modes of a channel that they
/// join. How often they join and speak is known from a channel's log; a server's own figures are kept to be compared with later ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Commands {
    /// PRIVMSGs and NOTICEs per JOIN, on the whole server; zero and assumed where nothing was counted.
    pub said_per_join: Parameter<f64>,
    /// JOINs in an hour of a connection, on the whole server; zero and assumed where nothing was counted.
    pub joins_per_connection_hour: Parameter<f64>,
    /// MODEs per JOIN: questions for a channel's modes, and changes of modes.
    pub mode_per_join: Parameter<f64>,
    /// WHOs per JOIN.
    pub who_per_join: Parameter<f64>,
    /// NAMES per JOIN.
    pub names_per_join: Parameter<f64>,
    /// PINGs that a client sends of itself in an hour of its connection.
    pub pings_per_connection_hour: Parameter<f64>,
}

impl Default for Commands {
    fn default() -> Self {
        Self {
            said_per_join: Parameter::Assumed(0.0),
            joins_per_connection_hour: Parameter::Assumed(0.0),
            mode_per_join: Parameter::Assumed(1.0),
            who_per_join: Parameter::Assumed(0.0),
            names_per_join: Parameter::Assumed(0.0),
            pings_per_connection_hour: Parameter::Assumed(0.0),
        }
    }
}

impl Commands {
    /// Returns each parameter with its name in `profile.toml`.
    pub fn parameters(&self) -> [(&'static str, Parameter<f64>); 6] {
        [
            ("said_per_join", self.said_per_join),
            ("joins_per_connection_hour", self.joins_per_connection_hour),
            ("mode_per_join", self.mode_per_join),
            ("who_per_join", self.who_per_join),
            ("names_per_join", self.names_per_join),
            ("pings_per_connection_hour", self.pings_per_connection_hour),
        ]
    }

    /// Returns whether anything was measured. A profile without counters says nothing of commands in its file.
    pub fn is_measured(&self) -> bool {
        let parameters = self.parameters();
        parameters
            .iter()
            .any(|(_, parameter)| parameter.is_fitted())
    }

    /// Returns one line for people, where anything was measured.
    pub(crate) fn text(&self) -> Option<String> {
        if !self.is_measured() {
            return None;
        }
        let mut text = String::new();
        for (name, parameter) in self.parameters() {
            let mark = if parameter.is_fitted() {
                ""
            } else {
                " (assumed)"
            };
            let comma = if text.is_empty() { "" } else { ", " };
            // Writing into a String does not fail.
            let _ = write!(text, "{comma}{name} {}{mark}", parameter.value());
        }
        Some(text)
    }
}

/// Shape of `[commands]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandsShape {
    pub(crate) said_per_join: Spanned<Parameter<f64>>,
    pub(crate) joins_per_connection_hour: Spanned<Parameter<f64>>,
    pub(crate) mode_per_join: Spanned<Parameter<f64>>,
    pub(crate) who_per_join: Spanned<Parameter<f64>>,
    pub(crate) names_per_join: Spanned<Parameter<f64>>,
    pub(crate) pings_per_connection_hour: Spanned<Parameter<f64>>,
}
