//! What is asked of a run that goes on, and what it answers, as lines of JSON.

use serde::Deserialize;
use serde::Serialize;

/// What a person asks of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Tell how it goes.
    Status,
    /// Begin nothing more until told to.
    Hold,
    /// Go on.
    Resume,
    /// End, with a verdict of aborted.
    Abort {
        /// Without waiting for what is open.
        #[serde(default)]
        hard: bool,
    },
    /// Move back the accounts that a migration has moved.
    RollBack,
    /// Put a note onto the timeline.
    Mark {
        /// The note.
        text: String,
    },
}

/// What a run answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// It was done; this is how the run goes.
    Done(Box<Status>),
    /// It was not.
    Refused {
        /// Why.
        refused: String,
    },
}

/// How a run goes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Seconds since it began.
    pub at_s: f64,
    /// Seconds from its beginning until its plan ends, holds so far included.
    pub ends_s: f64,
    /// `playing`, `held` or `draining`.
    pub stage: String,
    /// Phases being played.
    pub phases: Vec<String>,
    /// Users who are registered.
    pub online: u64,
    /// Users whom the plan wants online.
    pub wanted: u64,
    /// Messages sent so far.
    pub sent: u64,
    /// Messages planned so far.
    pub planned: u64,
    /// Deliveries lost so far.
    pub lost: u64,
    /// p99 of message responses in the last interval that had one, in microseconds.
    pub message_p99_us: Option<u64>,
    /// Age of the oldest message that nobody has seen, in microseconds.
    pub pending_age_us: u64,
    /// Forecasts of phases.
    pub forecasts: Vec<ForecastStatus>,
    /// Migrations that have begun.
    pub migrations: Vec<MigrationStatus>,
    /// Mass events that have struck.
    pub events: Vec<EventStatus>,
}

/// When a phase will be done, in seconds from its beginning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForecastStatus {
    /// The phase.
    pub phase: String,
    /// Most likely.
    pub expected_s: f64,
    /// No sooner than this, nineteen times of twenty.
    pub earliest_s: f64,
    /// No later than this.
    pub latest_s: f64,
}

/// How a migration, or what undoes one, goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MigrationStatus {
    /// The phase.
    pub phase: String,
    /// Accounts on the new server.
    pub moved: u64,
    /// Accounts in all.
    pub total: u64,
    /// Moves that failed.
    pub failed: u64,
    /// Seconds that it would take to move everybody back from here.
    pub back_s: Option<f64>,
    /// With how many accounts moved going back takes as long as going on.
    pub no_return_moved: Option<u64>,
    /// Seconds that users were not online though they were to be, all together.
    pub unavailable_s: f64,
    /// The longest that one of them has waited, in seconds.
    pub longest_wait_s: f64,
}

/// How far the victims of a mass event are back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventStatus {
    /// The phase.
    pub phase: String,
    /// Users hit.
    pub affected: u64,
    /// Those that are whole again.
    pub recovered: u64,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with it, in words.
    pub fn read(line: &str) -> Result<Self, String> {
        serde_json::from_str(line).map_err(|error| format!("expected a request: {error}"))
    }

    /// Returns the request as its line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Answer {
    /// Returns a refusal.
    pub fn refused(why: String) -> Self {
        Self::Refused { refused: why }
    }

    /// Reads an answer.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with it, in words.
    pub fn read(line: &str) -> Result<Self, String> {
        serde_json::from_str(line).map_err(|error| format!("expected an answer: {error}"))
    }

    /// Returns the answer as its line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_survive_being_written() {
        for request in [
            Request::Status,
            Request::Hold,
            Request::RollBack,
            Request::Abort { hard: true },
            Request::Mark {
                text: "it's \"on\"\n".to_owned(),
            },
        ] {
            assert_eq!(Request::read(&request.to_json()), Ok(request));
        }
        assert_eq!(
            Request::read("{\"command\":\"abort\"}"),
            Ok(Request::Abort { hard: false })
        );
    }

    #[test]
    fn answers_survive_being_written() {
        for answer in [
            Answer::refused("no".to_owned()),
            Answer::Done(Box::new(Status {
                at_s: 1.5,
                message_p99_us: Some(3),
                ..Status::default()
            })),
        ] {
            assert_eq!(Answer::read(&answer.to_json()), Ok(answer));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_line_reads_or_is_refused_without_panic(line in ".{0,100}") {
            let _ = Request::read(&line);
            let _ = Answer::read(&line);
        }
    }
}
