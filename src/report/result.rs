//! The shape of `result.json`. Every key is a promise to scripts; `schema` counts the times one was broken.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::gate::figure;
use crate::measure::ledger::counts::Breach;
use crate::measure::likeness::MESSAGES_MIN;
use crate::report::bouncer::Bouncer;
use crate::report::event::Event;
use crate::report::event::Mark;
use crate::report::layout;
use crate::report::limits::Limit;
use crate::report::migration::Migration;
use crate::report::process::Process;
use crate::report::replay::Replay;

/// Version of this shape.
pub const SCHEMA: u32 = 1;

/// A run's result. Moments and durations are in microseconds; moments count from the run's start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// Version of the shape.
    pub schema: u32,
    /// What wrote it.
    pub tool: Tool,
    /// When the run started, in UTC.
    pub started: String,
    /// When its last interval closed.
    pub ended_us: i64,
    /// What was asked for.
    pub scenario: Scenario,
    /// The traffic.
    pub profile: Profile,
    /// The programs that the users had; absent unless the scenario mixes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<Client>,
    /// The seed.
    pub seed: u64,
    /// Whom it was driven at.
    pub target: Target,
    /// Where it was driven from.
    pub host: Host,
    /// What is to be thought of it.
    pub verdict: Verdict,
    /// Each SLO.
    pub slo: Vec<Slo>,
    /// What holds by default.
    pub integrity: Vec<Integrity>,
    /// Whether the generator was fit.
    pub validity: Vec<Validity>,
    /// Deliveries and presence.
    pub ledger: Ledger,
    /// Times by operation; only operations that occurred.
    pub latency: BTreeMap<String, Latency>,
    /// Attempt − intended: the generator's.
    pub lateness: Summary,
    /// Accepted − attempt: the target's.
    pub blocked: Summary,
    /// Refusals by reason.
    pub refused: BTreeMap<String, u64>,
    /// The target's limits that bit, with what lifts each; absent where none did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// Ends of connections that were not meant to end, by reason.
    pub disconnects: BTreeMap<String, u64>,
    /// Lines sent by command, those of the login before the run included: `other` has what is none of the others.
    #[serde(default)]
    pub lines_sent: BTreeMap<String, u64>,
    /// What the target sent.
    pub received: Received,
    /// Connections that completed registration.
    pub registered: u64,
    /// What users did, by kind; empty in results of versions that did not count it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub acts: BTreeMap<String, Acts>,
    /// What was played of a trace; absent unless the run was a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
    /// Each phase.
    pub phases: Vec<Phase>,
    /// Each mass event.
    pub events: Vec<Event>,
    /// Accounts moved between servers; absent unless some were to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub migrations: Vec<Migration>,
    /// The bouncer that was under test; absent unless the target was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bouncer: Option<Bouncer>,
    /// What a person did while the run went on.
    #[serde(default)]
    pub marks: Vec<Mark>,
    /// How like live traffic it was.
    pub realism: Realism,
    /// How the generator fared.
    pub generator: Generator,
    /// What a reader must know.
    pub warnings: Vec<String>,
    /// Evidence by class of breach.
    pub exemplars: BTreeMap<String, Vec<Exemplar>>,
}

impl RunResult {
    /// Returns whether the generator came to its end before the run: nothing after `ended_us` was measured.
    pub fn is_cut_short(&self) -> bool {
        self.verdict.outcome == "cut_short"
    }

    /// Returns the programs of the users with their shares; behind those of each kind, how it is known what they do.
    pub fn clients_text(&self) -> String {
        let mut bases: Vec<&str> = self.clients.iter().map(|client| &*client.basis).collect();
        bases.sort_unstable();
        bases.dedup();
        bases.reverse();
        let texts = bases.into_iter().map(|basis| {
            let of_basis = self.clients.iter().filter(|client| client.basis == basis);
            let names: Vec<String> = of_basis
                .map(|client| format!("{} {:.0} %", client.name, client.share * 100.0))
                .collect();
            format!("{} ({basis})", names.join(", "))
        });
        texts.collect::<Vec<_>>().join(" · ")
    }
}

/// What wrote a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// `splitstorm`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// The scenario's name.
    pub name: String,
    /// Users.
    pub users: u32,
    /// Channels.
    pub channels: u32,
    /// Mean members of a channel.
    pub members_per_channel: f64,
    /// Share of private messages.
    pub private_share: f64,
    /// The profile's hour at which it started; empty for the busiest.
    pub starts: String,
    /// How long an unseen delivery waits before it is lost.
    pub settle_us: u64,
    /// How long the phases last.
    pub lasts_us: u64,
}

/// The traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The profile's name.
    pub name: String,
    /// Digest of its files.
    pub digest: String,
}

/// A program that some of the users had.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Client {
    /// Its name.
    pub name: String,
    /// The share asked for.
    pub share: f64,
    /// Users who had it.
    pub users: u32,
    /// How it is known what it does: `recorded` or `assumed`.
    pub basis: String,
    /// Version, date and what was seen; or why it is assumed.
    pub source: String,
}

/// Whom a run was driven at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Its address.
    pub url: String,
    /// Its own name.
    pub server: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Its network.
    pub network: Option<String>,
    /// The family of its software, by what it says; `unknown` for one that is not known.
    #[serde(default)]
    pub family: String,
    /// Its process; absent unless it was watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
}

/// Where a run was driven from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Cores.
    pub cores: u32,
    /// Kernel and version.
    pub kernel: String,
    /// TCP congestion control.
    pub congestion_control: Option<String>,
}

/// What is to be thought of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// `pass`, `fail`, `aborted`, `invalid`, `interrupted`, `refused` or `unreached`.
    pub outcome: String,
    /// The process's exit code.
    pub exit_code: u8,
    /// Every reason against a pass, most important first.
    pub reasons: Vec<Reason>,
}

/// A reason against a pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Its name.
    pub code: String,
    /// A sentence with figures.
    pub text: String,
}

/// An SLO and what was measured for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slo {
    /// The condition as written.
    pub check: String,
    /// Whether it held.
    pub holds: bool,
    /// What was measured, for people; empty without data.
    pub measured: String,
    /// The same as a number in `unit`; null without data.
    pub value: Option<f64>,
    /// `us`, `count` or `share`; null without data.
    pub unit: Option<String>,
    /// Samples behind it.
    pub samples: u64,
    /// Fewest samples with which it could hold.
    pub min_samples: u64,
    /// Why it did not hold; empty if it did.
    pub reason: String,
}

/// Something that holds by default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Integrity {
    /// The counter.
    pub counter: String,
    /// What was counted.
    pub count: u64,
    /// The number that shares are of.
    pub basis: u64,
    /// The share forgiven.
    pub tolerated: f64,
    /// Whether it held.
    pub holds: bool,
    /// Why not; empty if it held.
    pub reason: String,
}

/// A way in which the generator must be fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// Its name.
    pub name: String,
    /// Whether it held.
    pub holds: bool,
    /// Why not; empty if it held.
    pub reason: String,
}

/// Deliveries and presence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Messages planned with a speaker.
    pub planned: u64,
    /// Messages sent.
    pub sent: u64,
    /// Messages that found nobody present to speak.
    pub unspoken: u64,
    /// Planned messages not sent, by reason.
    pub not_sent: BTreeMap<String, u64>,
    /// Required deliveries.
    pub required: u64,
    /// Required deliveries seen.
    pub delivered: u64,
    /// Optional deliveries seen.
    pub delivered_optional: u64,
    /// Own echoes seen.
    pub echoes: u64,
    /// Messages of strangers.
    pub foreign: u64,
    /// Presence changes that had to be seen.
    pub presence_required: u64,
    /// Those that were.
    pub presence_seen: u64,
    /// Every breach under its own name.
    #[serde(flatten)]
    pub breaches: BTreeMap<String, u64>,
}

impl Ledger {
    /// Returns what went down with connections, by nobody's fault, if anything did.
    pub(crate) fn dropped_text(&self) -> Option<String> {
        let count = self.breaches.get(Breach::LostInDrop.name());
        let count = count.copied().filter(|count| *count > 0)?;
        let lines = layout::counted(count, "line");
        Some(format!(
            "{lines} went down with connections that were torn off"
        ))
    }
}

/// The times of an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// From the intended time.
    pub response: Summary,
    /// From the attempt.
    pub service: Summary,
}

/// A distribution in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of values.
    pub count: u64,
    /// Smallest value.
    pub min: u64,
    /// Median.
    pub p50: u64,
    /// 90th percentile.
    pub p90: u64,
    /// 99th percentile.
    pub p99: u64,
    /// 99.9th percentile.
    pub p999: u64,
    /// Largest value.
    pub max: u64,
}

/// What the target sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// Messages of the plan seen for the first time.
    pub messages: u64,
    /// Lines.
    pub lines: u64,
    /// Bytes.
    pub bytes: u64,
    /// Reads that brought at least a byte.
    pub reads: u64,
}

/// What users did of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acts {
    /// How many were due.
    pub planned: u64,
    /// How many were sent.
    pub sent: u64,
}

/// A phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// When it began.
    pub begins_us: i64,
    /// When it ended.
    pub ends_us: i64,
    /// When it was to begin by the plan; holds put it off.
    #[serde(default)]
    pub planned_begins_us: i64,
    /// When it was to end by the plan.
    #[serde(default)]
    pub planned_ends_us: i64,
    /// Messages planned.
    pub planned: u64,
    /// Messages sent.
    pub sent: u64,
    /// Messages seen for the first time.
    pub delivered: u64,
    /// Registrations completed.
    pub registered: u64,
    /// Times by operation; only operations that occurred.
    pub latency: BTreeMap<String, Latency>,
    /// Attempt − intended.
    pub lateness: Summary,
    /// Accepted − attempt.
    pub blocked: Summary,
    /// Refusals by reason.
    pub refused: BTreeMap<String, u64>,
    /// Ends of connections that were not meant to end, by reason.
    pub disconnects: BTreeMap<String, u64>,
}

/// How like live traffic a run was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Realism {
    /// How much hotter than the profile every channel talked.
    pub heat: f64,
    /// Whether that is beyond what was ever seen live.
    pub is_extrapolated: bool,
    /// Whether the profile was fitted from too short a capture.
    pub is_profile_short: bool,
    /// Share of the turns to speak that found nobody present; null without any.
    pub unspoken_share: Option<f64>,
    /// Parameters that no capture could tell.
    pub assumed: Vec<String>,
    /// The profile's fidelity scores.
    pub scores: BTreeMap<String, f64>,
    /// How like the profile what was said was; absent for a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub talk: Option<Talk>,
}

/// What was said in channels, beside draws of the profile undisturbed and at its own heat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Talk {
    /// Whether every figure is as the profile's; null if too little was said to tell.
    pub is_like: Option<bool>,
    /// Messages compared.
    pub messages: u64,
    /// Draws of the profile.
    pub draws: usize,
    /// Seconds of the run that were compared.
    pub secs: f64,
    /// The figures.
    pub figures: Vec<TalkFigure>,
}

/// One figure of what was said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TalkFigure {
    /// Its key.
    pub key: String,
    /// Its name, with its unit.
    pub name: String,
    /// Of what was said.
    pub sent: f64,
    /// The lowest of the draws.
    pub low: f64,
    /// The highest.
    pub high: f64,
    /// Whether the first is as the profile's.
    pub is_like: bool,
}

impl Talk {
    /// Returns one sentence for people.
    pub fn text(&self) -> String {
        let unlike: Vec<String> = self
            .figures
            .iter()
            .filter(|figure| !figure.is_like)
            .map(|figure| {
                format!(
                    "{} {} ({} to {})",
                    figure.name,
                    layout::number(figure.sent),
                    layout::number(figure.low),
                    layout::number(figure.high)
                )
            })
            .collect();
        match self.is_like {
            None => format!(
                "can't tell: {} messages in channels, {MESSAGES_MIN} are needed",
                figure::count(self.messages)
            ),
            Some(true) => format!(
                "talk as the profile's: {} figures of {} messages, beside {} draws of it",
                self.figures.len(),
                figure::count(self.messages),
                self.draws
            ),
            Some(false) => format!("talk UNLIKE the profile's: {}", unlike.join(", ")),
        }
    }
}

impl Realism {
    /// Returns whether channels talked hotter or cooler than live ones.
    pub fn is_heated(&self) -> bool {
        (self.heat - 1.0).abs() > f64::EPSILON
    }
}

/// How the generator fared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generator {
    /// Shards.
    pub shards: u16,
    /// Intervals closed.
    pub intervals: u64,
    /// Intervals in which it was late.
    pub late: u64,
    /// Intervals in which a thread was busy.
    pub busy: u64,
    /// The lateness limit.
    pub lateness_limit_us: u64,
    /// CPU time.
    pub cpu_us: u64,
    /// SYNs sent again.
    pub syn_retransmits: u64,
    /// Connections for which a listen queue of its machine had no room.
    #[serde(default)]
    pub listen_overflows: u64,
    /// Durations longer than can be told apart.
    pub saturated: u64,
}

/// One breach in full. Moments are null where unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exemplar {
    /// The channel; null where it can't be told.
    pub channel: Option<String>,
    /// The message's index in the channel's stream; null for a presence change, and where it can't be told.
    pub index: Option<u32>,
    /// Who was to send it, or whose change it is.
    pub sender: String,
    /// The one user it went to; null for the channel.
    pub to: Option<String>,
    /// At whom the breach was seen.
    pub receiver: String,
    /// Planned length of the text.
    pub bytes: u16,
    /// When it was meant to be sent.
    pub intended_us: Option<i64>,
    /// When it was handed to its connection.
    pub attempt_us: Option<i64>,
    /// When the kernel took its last byte.
    pub accepted_us: Option<i64>,
    /// When it was first seen: by anybody for what is missing, by this receiver for what arrived.
    pub first_seen_us: Option<i64>,
    /// Why it counts as it does.
    pub why: String,
    /// The text as it was sent; null where it was not, or can't be told.
    #[serde(default)]
    pub text: Option<String>,
    /// The text as it arrived, bytes that are no UTF-8 replaced; null where nothing did.
    pub wire: Option<String>,
}
