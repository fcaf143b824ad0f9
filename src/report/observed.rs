//! What was observed and judged, as a result.

use std::collections::BTreeMap;
use std::io;
use std::io::Write;

use jiff::Timestamp;

use crate::gate::figure;
use crate::gate::judgement::Judgement;
use crate::gate::judgement::Measured;
use crate::gate::verdict::Judged;
use crate::measure::act::Act;
use crate::measure::distribution::Distribution;
use crate::measure::event::Event as MassEvent;
use crate::measure::exemplar::Exemplar as Evidence;
use crate::measure::interval::Interval;
use crate::measure::ledger::counts::Breach;
use crate::measure::ledger::counts::LedgerCounts;
use crate::measure::likeness::Likeness;
use crate::measure::mark::Mark;
use crate::measure::operation::Operation;
use crate::measure::outcome::Outcome;
use crate::measure::outcome::PhaseOutcome;
use crate::report::bouncer::Bouncer;
use crate::report::event;
use crate::report::facts::ClientFacts;
use crate::report::facts::Naming;
use crate::report::facts::ReplayFacts;
use crate::report::facts::RunFacts;
use crate::report::limits;
use crate::report::migration::Migration;
use crate::report::process::Process;
use crate::report::replay::Replay;
use crate::report::replay::ReplayEvents;
use crate::report::result;
use crate::report::result::RunResult;
use crate::report::result::SCHEMA;
use crate::report::result::Summary;
use crate::units::id::ChannelId;
use crate::units::offset::Offset;
use crate::units::span::micros;

/// The basis of a client's behaviour that nobody recorded.
const ASSUMED: &str = "assumed";
/// Heat beyond which no live channel was ever seen.
const HEAT_SEEN_MAX: f64 = 3.0;

impl RunResult {
    /// Returns the result of a run.
    pub fn new(facts: &RunFacts, outcome: &Outcome, judged: &Judged, naming: &Naming<'_>) -> Self {
        let total = &outcome.total;
        Self {
            schema: SCHEMA,
            tool: result::Tool {
                name: env!("CARGO_PKG_NAME").to_owned(),
                version: facts.tool_version.clone(),
            },
            started: utc(facts.started_unix_ms),
            ended_us: outcome.ended.as_micros(),
            scenario: scenario(facts),
            profile: result::Profile {
                name: facts.profile.name.clone(),
                digest: facts.profile.digest.clone(),
            },
            clients: facts.clients.iter().map(client).collect(),
            seed: facts.seed.0,
            target: result::Target {
                url: without_secrets(&facts.target.url),
                server: facts.target.server.clone(),
                version: facts.target.version.clone(),
                network: facts.target.network.clone(),
                family: facts.target.family.to_owned(),
                process: outcome.process.as_ref().map(Process::of),
            },
            host: result::Host {
                cores: facts.host.core_count,
                kernel: facts.host.kernel.clone(),
                congestion_control: facts.host.congestion_control.clone(),
            },
            verdict: verdict(judged),
            slo: judged.slos.iter().map(slo).collect(),
            integrity: integrity(judged),
            validity: validity(judged),
            ledger: ledger(&outcome.ledger),
            latency: latency(total),
            lateness: summary(&total.lateness),
            blocked: summary(&total.blocked),
            refused: counts(total.refused.iter().map(|(why, count)| (why.name(), count))),
            limits: limits::met(total, facts.target.family),
            disconnects: counts(
                total
                    .disconnects
                    .iter()
                    .map(|(how, count)| (how.name(), count)),
            ),
            lines_sent: counts(outcome.lines_sent.iter()),
            received: result::Received {
                messages: total.delivered,
                lines: total.lines,
                bytes: total.bytes,
                reads: total.reads,
            },
            registered: total.registered,
            acts: acts(total),
            replay: facts.replay.as_ref().map(|facts| replay(facts, total)),
            phases: outcome
                .phases
                .iter()
                .filter(|phase| phase.begins < Offset::NEVER)
                .map(phase)
                .collect(),
            migrations: migrations(outcome),
            bouncer: Bouncer::of(outcome, naming),
            marks: outcome.marks.iter().map(mark).collect(),
            events: outcome
                .events
                .iter()
                .filter(|event| event.struck < Offset::NEVER)
                .map(|event| mass_event(event, &outcome.phases))
                .collect(),
            realism: realism(facts, &outcome.ledger),
            generator: generator(outcome),
            warnings: outcome.warnings.iter().map(ToString::to_string).collect(),
            exemplars: exemplars(outcome, naming),
        }
    }

    /// Writes the result as `result.json`.
    ///
    /// # Errors
    ///
    /// Returns the writer's error.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        out.write_all(b"\n")
    }
}

fn scenario(facts: &RunFacts) -> result::Scenario {
    let scenario = &facts.scenario;
    result::Scenario {
        name: scenario.name.clone(),
        users: scenario.users,
        channels: scenario.channels,
        members_per_channel: scenario.members_per_channel,
        private_share: scenario.private_share,
        starts: scenario.starts.clone(),
        settle_us: micros(scenario.settle),
        lasts_us: micros(scenario.lasts),
    }
}

fn client(facts: &ClientFacts) -> result::Client {
    result::Client {
        name: facts.name.clone(),
        share: facts.share,
        users: facts.users,
        basis: facts.basis.to_owned(),
        source: facts.source.clone(),
    }
}

/// Returns what no capture could tell of the traffic, and the programs whose behaviour nobody recorded.
fn assumed(facts: &RunFacts) -> Vec<String> {
    let clients = facts.clients.iter();
    let clients = clients.filter(|client| client.basis == ASSUMED);
    let mut assumed = facts.profile.assumed.clone();
    assumed.extend(clients.map(|client| format!("client.{}", client.name)));
    assumed
}

fn realism(facts: &RunFacts, ledger: &LedgerCounts) -> result::Realism {
    let heat = facts.scenario.heat;
    result::Realism {
        heat,
        is_extrapolated: heat > HEAT_SEEN_MAX,
        is_profile_short: facts.profile.is_short,
        unspoken_share: figure::ratio(ledger.unspoken, ledger.planned + ledger.unspoken),
        assumed: assumed(facts),
        scores: facts.profile.scores.clone(),
        talk: facts.likeness.as_ref().map(talk),
    }
}

fn talk(likeness: &Likeness) -> result::Talk {
    let figures = likeness.figures.iter();
    result::Talk {
        is_like: likeness.is_like(),
        messages: likeness.message_count,
        draws: likeness.draw_count,
        secs: likeness.secs,
        figures: figures
            .map(|figure| result::TalkFigure {
                key: figure.key.to_owned(),
                name: figure.name.to_owned(),
                sent: figure.sent,
                low: figure.low,
                high: figure.high,
                is_like: figure.is_like,
            })
            .collect(),
    }
}

fn verdict(judged: &Judged) -> result::Verdict {
    let verdict = &judged.verdict;
    result::Verdict {
        outcome: verdict.outcome.name().to_owned(),
        exit_code: verdict.exit_code,
        reasons: verdict
            .reasons
            .iter()
            .map(|reason| result::Reason {
                code: reason.code.clone(),
                text: reason.text.clone(),
            })
            .collect(),
    }
}

fn slo(judgement: &Judgement) -> result::Slo {
    result::Slo {
        check: judgement.slo.check.clone(),
        holds: judgement.holds,
        measured: judgement.measured.map(Measured::text).unwrap_or_default(),
        value: judgement.measured.map(Measured::number),
        unit: judgement
            .measured
            .map(|measured| measured.unit().to_owned()),
        samples: judgement.samples,
        min_samples: judgement.slo.min_samples,
        reason: judgement.reason.clone(),
    }
}

fn integrity(judged: &Judged) -> Vec<result::Integrity> {
    judged
        .integrity
        .iter()
        .map(|check| result::Integrity {
            counter: check.counter.to_owned(),
            count: check.count,
            basis: check.basis,
            tolerated: check.tolerated,
            holds: check.holds,
            reason: check.reason.clone(),
        })
        .collect()
}

fn validity(judged: &Judged) -> Vec<result::Validity> {
    judged
        .validity
        .iter()
        .map(|check| result::Validity {
            name: check.name.to_owned(),
            holds: check.holds,
            reason: check.reason.clone(),
        })
        .collect()
}

fn ledger(counted: &LedgerCounts) -> result::Ledger {
    result::Ledger {
        planned: counted.planned,
        sent: counted.sent,
        unspoken: counted.unspoken,
        not_sent: counts(
            counted
                .not_sent
                .iter()
                .map(|(why, count)| (why.name(), count)),
        ),
        required: counted.required,
        delivered: counted.delivered,
        delivered_optional: counted.delivered_optional,
        echoes: counted.echoes,
        foreign: counted.foreign,
        presence_required: counted.presence_required,
        presence_seen: counted.presence_seen,
        breaches: counts(
            Breach::ALL
                .iter()
                .map(|&breach| (breach.name(), counted.count(breach))),
        ),
    }
}

fn migrations(outcome: &Outcome) -> Vec<Migration> {
    let all = outcome.migrations.all();
    let nexts = all.iter().skip(1).map(Some).chain([None]);
    let pairs = all.iter().zip(nexts);
    pairs
        .map(|(migration, next)| Migration::new(migration, next, &outcome.phases))
        .collect()
}

fn phase(phase: &PhaseOutcome) -> result::Phase {
    let observed = &phase.observed;
    result::Phase {
        name: phase.name.clone(),
        kind: phase.kind.to_owned(),
        begins_us: phase.begins.as_micros(),
        ends_us: phase.ends.as_micros(),
        planned_begins_us: phase.planned_begins.as_micros(),
        planned_ends_us: phase.planned_ends.as_micros(),
        planned: observed.planned,
        sent: observed.sent,
        delivered: observed.delivered,
        registered: observed.registered,
        latency: latency(observed),
        lateness: summary(&observed.lateness),
        blocked: summary(&observed.blocked),
        refused: counts(
            observed
                .refused
                .iter()
                .map(|(why, count)| (why.name(), count)),
        ),
        disconnects: counts(
            observed
                .disconnects
                .iter()
                .map(|(how, count)| (how.name(), count)),
        ),
    }
}

fn acts(total: &Interval) -> BTreeMap<String, result::Acts> {
    let acts = Act::ALL.into_iter().map(|act| {
        let counts = result::Acts {
            planned: total.acts.planned(act),
            sent: total.acts.sent(act),
        };
        (act.name().to_owned(), counts)
    });
    acts.collect()
}

fn replay(facts: &ReplayFacts, total: &Interval) -> Replay {
    let events = facts.kinds.iter().map(|facts| {
        let act = Act::ALL.into_iter().find(|act| act.name() == facts.kind);
        let left_out: u64 = facts.left_out.values().sum();
        let events = ReplayEvents {
            clip: facts.clip,
            planned: facts.clip.saturating_sub(left_out),
            sent: act.map_or(0, |act| total.acts.sent(act)),
            left_out: counts(facts.left_out.iter().map(|(why, count)| (*why, *count))),
        };
        (facts.kind.to_owned(), events)
    });
    Replay {
        from: utc(facts.from_us.div_euclid(1_000)),
        to: utc(facts.to_us.div_euclid(1_000)),
        speed: facts.speed,
        loops: facts.loop_count,
        synthetic_joins: facts.synthetic_joins,
        events: events.collect(),
        lateness: summary(&total.acts.lateness),
    }
}

fn mark(mark: &Mark) -> event::Mark {
    event::Mark {
        at_us: mark.at.as_micros(),
        kind: mark.kind.name().to_owned(),
        text: mark.text.clone(),
    }
}

fn mass_event(event: &MassEvent, phases: &[PhaseOutcome]) -> event::Event {
    let phase = phases.iter().find(|phase| phase.phase == event.phase);
    let recover = event
        .recover()
        .filter(|_| event.last_recovered != Offset::ALWAYS);
    let whole = |share| {
        let whole = event.whole_by(share);
        whole
            .filter(|_| recover.is_some() || !event.is_over())
            .map(micros)
    };
    event::Event {
        phase: phase.map_or_else(|| event.phase.to_string(), |phase| phase.name.clone()),
        kind: phase.map_or_else(String::new, |phase| phase.kind.to_owned()),
        struck_us: event.struck.as_micros(),
        cause_gone_us: event.cause_gone.as_micros(),
        affected: event.affected,
        recovered: event.recovered,
        is_over: event.is_over(),
        recover_us: recover.map(micros),
        times: summary(&event.times),
        planned_us: phase.map_or(0, |phase| phase.planned_begins.as_micros()),
        whole_p50_us: whole(0.5),
        whole_p95_us: whole(0.95),
        whole_p99_us: whole(0.99),
        latency_back_us: event.calm_after().map(micros),
        window_required: event.loss.required,
        window_lost: event.loss.lost,
        bystanders: summary(&event.bystanders),
    }
}

fn generator(outcome: &Outcome) -> result::Generator {
    let health = &outcome.health;
    result::Generator {
        shards: health.shard_count,
        intervals: health.interval_count,
        late: health.late_count,
        busy: health.busy_count,
        lateness_limit_us: health.lateness_limit_micros,
        cpu_us: health.cpu_micros,
        syn_retransmits: health.syn_retransmits,
        listen_overflows: health.listen_overflows,
        saturated: outcome.total.saturated(),
    }
}

fn exemplars(outcome: &Outcome, naming: &Naming<'_>) -> BTreeMap<String, Vec<result::Exemplar>> {
    Breach::ALL
        .iter()
        .filter_map(|&breach| {
            let kept = outcome.exemplars.of(breach);
            let readable: Vec<result::Exemplar> = kept
                .into_iter()
                .map(|evidence| exemplar(evidence, naming))
                .collect();
            (!readable.is_empty()).then(|| (breach.name().to_owned(), readable))
        })
        .collect()
}

fn exemplar(evidence: &Evidence, naming: &Naming<'_>) -> result::Exemplar {
    let moment = |at: Offset| {
        let is_known = at != Offset::NEVER && at != Offset::ALWAYS;
        is_known.then(|| at.as_micros())
    };
    let channel = evidence.key.channel;
    let is_known = channel != ChannelId(u32::MAX);
    let text =
        |bytes: &[u8]| (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).into_owned());
    result::Exemplar {
        channel: is_known.then(|| (naming.channel)(channel)),
        index: (evidence.key.index != u32::MAX).then_some(evidence.key.index),
        sender: naming.person(evidence.sender),
        to: evidence.to.map(|user| naming.person(user)),
        receiver: naming.person(evidence.receiver),
        bytes: evidence.bytes,
        intended_us: moment(evidence.intended),
        attempt_us: moment(evidence.attempt),
        accepted_us: moment(evidence.accepted),
        first_seen_us: moment(evidence.first_seen),
        why: evidence.why.clone(),
        text: text(&evidence.text),
        wire: text(&evidence.wire),
    }
}

fn latency(observed: &Interval) -> BTreeMap<String, result::Latency> {
    Operation::ALL
        .iter()
        .filter_map(|&operation| {
            let times = observed.times(operation);
            let is_timed = times.response.count() + times.service.count() > 0;
            is_timed.then(|| {
                let latency = result::Latency {
                    response: summary(&times.response),
                    service: summary(&times.service),
                };
                (operation.name().to_owned(), latency)
            })
        })
        .collect()
}

fn summary(distribution: &Distribution) -> Summary {
    let quantiles = distribution.quantiles();
    Summary {
        count: quantiles.count,
        min: quantiles.min,
        p50: quantiles.p50,
        p90: quantiles.p90,
        p99: quantiles.p99,
        p999: quantiles.p999,
        max: quantiles.max,
    }
}

fn counts(counts: impl Iterator<Item = (&'static str, u64)>) -> BTreeMap<String, u64> {
    counts
        .map(|(name, count)| (name.to_owned(), count))
        .collect()
}

/// Returns the moment as `2026-01-02T03:04:05Z`; empty for one that no calendar has.
fn utc(unix_ms: i64) -> String {
    Timestamp::from_millisecond(unix_ms).map_or_else(
        |_| String::new(),
        |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}

/// Leaves user and password out of an address.
fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    if scheme.is_empty() {
        format!("{host}{path}")
    } else {
        format!("{scheme}://{host}{path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::catalogue::bounced;
    use crate::report::catalogue::failed;
    use crate::report::catalogue::passed;
    use crate::report::catalogue::replayed;
    use crate::report::read::read;

    #[test]
    fn secrets_in_an_address_never_reach_a_report() {
        for (url, want) in [
            ("irc://127.0.0.1:6667", "irc://127.0.0.1:6667"),
            ("ircs://alder:p@ss@host/#x", "ircs://host/#x"),
            ("alder:secret@host:6697", "host:6697"),
            ("irc://host/@x", "irc://host/@x"),
        ] {
            assert_eq!(without_secrets(url), want);
        }
    }

    #[test]
    fn moments_are_written_in_utc() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(1_767_323_045_678), "2026-01-02T03:04:05Z");
        assert_eq!(utc(i64::MAX), "");
    }

    #[test]
    fn a_result_reads_back_as_it_was_written() {
        for result in [passed(), replayed(), failed(), bounced()] {
            let mut out = Vec::new();
            result.write(&mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert_eq!(read("result.json", &text).unwrap(), result);
        }
    }

    #[test]
    fn a_result_keeps_its_promised_keys() {
        let mut out = Vec::new();
        failed().write(&mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }

    #[test]
    fn a_bouncer_keeps_its_promised_keys() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&bounced().bouncer).unwrap());
    }
}
