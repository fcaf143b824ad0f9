//! What happened on the timeline of a run, in `result.json`: mass events and how they were got over, and what a person did.

use serde::Deserialize;
use serde::Serialize;

use crate::report::result::Summary;

/// A mass event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The phase that made it.
    pub phase: String,
    /// The phase's kind.
    pub kind: String,
    /// When it struck.
    pub struck_us: i64,
    /// When its cause was gone.
    pub cause_gone_us: i64,
    /// Users hit; for a split of links, sightings of a returning member that were due.
    pub affected: u64,
    /// Those that were whole again.
    pub recovered: u64,
    /// Whether all were.
    pub is_over: bool,
    /// From the cause's end until the last one was; null while it is not over.
    pub recover_us: Option<u64>,
    /// The time of each.
    pub times: Summary,
    /// When the plan had it strike.
    #[serde(default)]
    pub planned_us: i64,
    /// From the cause's end until half of those hit were whole again.
    #[serde(default)]
    pub whole_p50_us: Option<u64>,
    /// Until 95 % were.
    #[serde(default)]
    pub whole_p95_us: Option<u64>,
    /// Until 99 % were.
    #[serde(default)]
    pub whole_p99_us: Option<u64>,
    /// From the cause's end until the p99 of message responses was back in the band that it had before the event, for good; null
    /// where it was not, or nothing was said before.
    #[serde(default)]
    pub latency_back_us: Option<u64>,
    /// Deliveries required of messages attempted from the event until ten seconds after its cause's end, or until the last victim
    /// was whole again.
    #[serde(default)]
    pub window_required: u64,
    /// Those that were lost.
    #[serde(default)]
    pub window_lost: u64,
    /// Responses of channel messages in that window between users whom the event did not touch.
    #[serde(default)]
    pub bystanders: Summary,
}

/// What a person did while a run went on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// When.
    pub at_us: i64,
    /// What: `mark`, `hold`, `resume`, `roll_back` or `abort`.
    pub kind: String,
    /// What was said about it.
    pub text: String,
}
