//! Results for the tests of reports: one that passed, one that failed in every way at once, one of a bouncer.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::gate::rules::Rules;
use crate::gate::slo::Slo;
use crate::gate::verdict::Judged;
use crate::measure::act::Act;
use crate::measure::bouncer::BouncerOutcome;
use crate::measure::bouncer::Held;
use crate::measure::bouncer::LoginsSaw;
use crate::measure::bouncer::NetworkSaw;
use crate::measure::bouncer::ReturnSaw;
use crate::measure::bouncer::SourceSaw;
use crate::measure::continuity::Leak;
use crate::measure::continuity::Playbacks;
use crate::measure::continuity::Readings;
use crate::measure::continuity::healed::Healed;
use crate::measure::event::Event;
use crate::measure::exemplar::Exemplar;
use crate::measure::exemplar::Exemplars;
use crate::measure::interval::Interval;
use crate::measure::ledger::MessageKey;
use crate::measure::ledger::counts::Breach;
use crate::measure::ledger::counts::LedgerCounts;
use crate::measure::mark::Mark;
use crate::measure::mark::MarkKind;
use crate::measure::migration::Migrations;
use crate::measure::operation::Operation;
use crate::measure::outcome::Ending;
use crate::measure::outcome::GeneratorHealth;
use crate::measure::outcome::Outcome;
use crate::measure::outcome::PhaseOutcome;
use crate::measure::process::ProcessSample;
use crate::measure::process::WatchedProcess;
use crate::measure::reason::Disconnect;
use crate::measure::reason::NotSent;
use crate::measure::reason::Refused;
use crate::measure::said::SaidLog;
use crate::measure::sent::LinesSent;
use crate::measure::warning::Warning;
use crate::place::Place;
use crate::report::facts::HostFacts;
use crate::report::facts::Naming;
use crate::report::facts::ProfileFacts;
use crate::report::facts::ReplayFacts;
use crate::report::facts::ReplayKindFacts;
use crate::report::facts::RunFacts;
use crate::report::facts::ScenarioFacts;
use crate::report::facts::TargetFacts;
use crate::report::result::RunResult;
use crate::units::id::ChannelId;
use crate::units::id::PhaseId;
use crate::units::id::Seed;
use crate::units::id::UserId;
use crate::units::offset::Offset;

const NICKS: [&str; 4] = ["alder", "birch", "cedar", "elder"];

/// Returns an interval with some of everything.
pub(crate) fn interval(messages: u64) -> Interval {
    let mut interval = Interval::new();
    interval.planned = messages;
    interval.sent = messages;
    interval.delivered = messages;
    interval.lines = messages * 5;
    interval.bytes = messages * 400;
    interval.reads = messages * 4;
    for index in 0..messages {
        let micros = 900 + index * 37 % 4_000;
        let times = interval.times_mut(Operation::Message);
        times.response.record(Duration::from_micros(micros));
        times.service.record(Duration::from_micros(micros - 40));
        interval.lateness.record(Duration::from_micros(40));
        interval.blocked.record(Duration::from_micros(9));
    }
    interval
}

fn facts() -> RunFacts {
    RunFacts {
        likeness: None,
        tool_version: "0.1.0".to_owned(),
        scenario: ScenarioFacts {
            name: "netsplit".to_owned(),
            users: 1_000,
            channels: 1_500,
            members_per_channel: 6.0,
            private_share: 0.05,
            starts: "Tue 20:00".to_owned(),
            heat: 1.0,
            settle: Duration::from_secs(10),
            lasts: Duration::from_secs(45),
        },
        profile: ProfileFacts {
            name: "support-channel".to_owned(),
            digest: "3f2a9c1d77b0".to_owned(),
            is_short: false,
            assumed: vec!["members_per_channel".to_owned()],
            scores: BTreeMap::from([("auc_above_floor".to_owned(), 0.0625)]),
        },
        replay: None,
        clients: Vec::new(),
        seed: Seed(42),
        target: TargetFacts {
            url: "irc://127.0.0.1:6667".to_owned(),
            server: Some("irc.example.net".to_owned()),
            version: Some("ngircd-26.1".to_owned()),
            network: None,
            family: "ngIRCd",
        },
        host: HostFacts {
            core_count: 2,
            kernel: "Linux 6.1.0".to_owned(),
            congestion_control: Some("bbr".to_owned()),
        },
        started_unix_ms: 1_767_323_045_678,
    }
}

fn ledger() -> LedgerCounts {
    let mut ledger = LedgerCounts::default();
    ledger.planned = 4_300;
    ledger.sent = 4_300;
    ledger.unspoken = 12;
    ledger.required = 21_480;
    ledger.delivered = 21_480;
    ledger.delivered_optional = 31;
    ledger.presence_required = 6_120;
    ledger.presence_seen = 6_120;
    ledger
}

fn outcome() -> Outcome {
    let mut total = interval(4_300);
    total.registered = 1_000;
    for index in 0..1_000 {
        let micros = 6_000 + index * 53 % 31_000;
        for operation in [Operation::ConnectTcp, Operation::ConnectRegistered] {
            let scale = if operation == Operation::ConnectTcp {
                20
            } else {
                1
            };
            let times = total.times_mut(operation);
            times.response.record(Duration::from_micros(micros / scale));
            times.service.record(Duration::from_micros(micros / scale));
        }
    }
    let mut lines_sent = LinesSent::default();
    for line in [&b"CAP END"[..], b"JOIN #a", b"PRIVMSG #a :b", b"NAMES #a"] {
        lines_sent.add(line);
    }
    let phase = |id, name: &str, kind, begins, ends, observed| PhaseOutcome {
        planned_begins: Offset::from_secs(begins),
        planned_ends: Offset::from_secs(ends),
        phase: PhaseId(id),
        name: name.to_owned(),
        kind,
        begins: Offset::from_secs(begins),
        ends: Offset::from_secs(ends),
        observed,
    };
    let mut ramp = interval(300);
    ramp.registered = 1_000;
    Outcome {
        said: SaidLog::default(),
        ending: Ending::Complete,
        ending_detail: String::new(),
        ended: Offset::from_secs(45),
        total,
        lines_sent,
        phases: vec![
            phase(0, "ramp", "ramp", 0, 5, ramp),
            phase(1, "steady", "steady", 5, 45, interval(4_000)),
            phase(2, "split", "netsplit", 20, 30, interval(900)),
        ],
        marks: vec![Mark {
            at: Offset::from_secs(21),
            kind: MarkKind::Mark,
            text: "the old host is off".to_owned(),
        }],
        migrations: Migrations::default(),
        events: Vec::new(),
        ledger: ledger(),
        exemplars: Exemplars::default(),
        health: GeneratorHealth {
            interval_count: 45,
            late_count: 1,
            busy_count: 0,
            lateness_limit_micros: 25_000,
            cpu_micros: 3_210_000,
            syn_retransmits: 0,
            listen_overflows: 0,
            shard_count: 1,
        },
        process: None,
        bouncer: None,
        warnings: Vec::new(),
    }
}

fn lost() -> Exemplar {
    Exemplar {
        key: MessageKey {
            channel: ChannelId(7),
            index: 17,
        },
        sender: UserId(0),
        to: None,
        receiver: UserId(1),
        bytes: 42,
        intended: Offset::from_micros(12_000_000),
        attempt: Offset::from_micros(12_001_200),
        accepted: Offset::from_micros(12_001_235),
        first_seen: Offset::from_micros(12_042_500),
        why: "joined at 3.210 s, before the attempt at 12.001 s, and never left".to_owned(),
        text: b"AARAAASwk7Q the lantern fell by the river.".to_vec(),
        wire: Vec::new(),
    }
}

fn corrupted() -> Exemplar {
    Exemplar {
        to: Some(UserId(2)),
        receiver: UserId(2),
        why: "the text differs from what was sent".to_owned(),
        wire: b"AbcdEf\x1b[2J\xff tree".to_vec(),
        ..lost()
    }
}

fn presence() -> Exemplar {
    Exemplar {
        key: MessageKey {
            channel: ChannelId(7),
            index: u32::MAX,
        },
        sender: UserId(3),
        bytes: 0,
        text: Vec::new(),
        accepted: Offset::from_micros(12_001_200),
        first_seen: Offset::NEVER,
        why: "Quit of a fellow member, by the split".to_owned(),
        ..lost()
    }
}

fn rules(checks: &[&str]) -> Rules {
    let resolve = |check: &&str| Slo::read(check, 1, Place::file("netsplit.toml")).unwrap();
    Rules {
        slos: checks.iter().map(resolve).collect(),
        ..Rules::default()
    }
}

fn result(outcome: &Outcome, rules: &Rules) -> RunResult {
    result_of(&facts(), outcome, rules)
}

fn result_of(facts: &RunFacts, outcome: &Outcome, rules: &Rules) -> RunResult {
    let naming = Naming {
        user: &|user| NICKS[user.index()].to_owned(),
        channel: &|channel| format!("#grove{channel}"),
    };
    let judged = Judged::new(rules, outcome, &[]);
    RunResult::new(facts, outcome, &judged, &naming)
}

/// Returns the result of a run that passed.
pub(crate) fn passed() -> RunResult {
    let rules = rules(&[
        "message.response.p99 < 250ms",
        "connect.registered.response.p99 < 2s",
    ]);
    result(&outcome(), &rules)
}

/// Returns the result of a replay that passed.
pub(crate) fn replayed() -> RunResult {
    let mut outcome = outcome();
    outcome.warnings.push(Warning::Stress { speed: 2.0 });
    for (act, count) in [(Act::Message, 4_300), (Act::Join, 57), (Act::Quit, 11)] {
        for _ in 0..count {
            outcome.total.acts.add_planned(act);
            outcome.total.acts.add_sent(act, Duration::from_micros(60));
        }
    }
    let kind = |kind, clip, left_out: &[(&'static str, u64)]| ReplayKindFacts {
        kind,
        clip,
        left_out: left_out.iter().copied().collect(),
    };
    let mut facts = facts();
    facts.replay = Some(ReplayFacts {
        from_us: 1_700_000_000_000_000,
        to_us: 1_700_003_600_000_000,
        speed: 2.0,
        loop_count: 3,
        synthetic_joins: 912,
        kinds: vec![
            kind("message", 4_307, &[("stranger", 4), ("absent", 3)]),
            kind("join", 58, &[("already_there", 1)]),
            kind("quit", 11, &[]),
            kind("other", 40, &[("no_action", 40)]),
        ],
    });
    result_of(&facts, &outcome, &rules(&[]))
}

/// Returns the result of a run that failed in every way at once.
pub(crate) fn failed() -> RunResult {
    let mut outcome = outcome();
    outcome.ending = Ending::Interrupted;
    for (breach, count) in [
        (Breach::Lost, 3),
        (Breach::Corrupted, 1),
        (Breach::PresenceMissed, 1),
        (Breach::Uncertain, 400),
    ] {
        for _ in 0..count {
            outcome.ledger.add(breach);
        }
    }
    outcome.ledger.delivered -= 3;
    outcome.ledger.sent = 3_990;
    for (reason, count) in [(NotSent::Disconnected, 200), (NotSent::Registering, 110)] {
        for _ in 0..count {
            outcome.ledger.not_sent.add(reason);
        }
    }
    let at = Offset::from_secs(12);
    outcome.exemplars.offer(Breach::Lost, at, lost);
    outcome.exemplars.offer(Breach::Corrupted, at, corrupted);
    outcome
        .exemplars
        .offer(Breach::PresenceMissed, at, presence);
    let mut split = Event::new(PhaseId(2), Offset::from_secs(20), Offset::from_secs(30));
    split.affected = 310;
    for index in 0..309 {
        split.handle_recovered(
            Offset::from_secs(20),
            Offset::from_millis(30_400 + index * 9),
        );
    }
    outcome.events = vec![split];
    for _ in 0..310 {
        outcome.total.disconnects.add(Disconnect::Eof);
    }
    outcome.total.refused.add(Refused::Throttle);
    outcome.health.late_count = 9;
    outcome.warnings = vec![
        Warning::Heated { heat: 2.0 },
        Warning::GeneratorLate { share: 0.2 },
    ];
    let rules = rules(&[
        "message.response.p99 < 1ms",
        "recover.split < 5s",
        "sent >= 99%",
        "private.response.p99 < 250ms",
    ]);
    result(&outcome, &rules)
}

/// Returns the result of a run against a bouncer that came back too fast for its network, lost lines, and leaked one.
pub(crate) fn bounced() -> RunResult {
    let mut outcome = outcome();
    let mut process = WatchedProcess::new(7, "znc".to_owned());
    for (secs, cpu_millis) in [(1, 80), (45, 2_230)] {
        process.enter(ProcessSample {
            at: Offset::from_secs(secs),
            cpu: Duration::from_millis(cpu_millis),
            rss_bytes: 17_096_000,
            ..ProcessSample::default()
        });
    }
    outcome.process = Some(process);
    for (breach, count) in [
        (Breach::BacklogMissing, 12_345),
        (Breach::Leaked, 1),
        (Breach::LostInDrop, 3),
    ] {
        for _ in 0..count {
            outcome.ledger.add(breach);
        }
    }
    let at = Offset::from_secs(12);
    outcome.exemplars.offer(Breach::BacklogMissing, at, missed);
    let exemplars = &mut outcome.exemplars;
    exemplars.offer(
        Breach::BacklogMissing,
        at + Duration::from_secs(1),
        of_nobody,
    );
    exemplars.offer(Breach::LostInDrop, at, around_an_attach);
    exemplars.offer(Breach::Leaked, at, || Exemplar {
        first_seen: Offset::from_micros(12_502_100),
        why: "the network wrote it to other users of the bouncer, and never to this one".to_owned(),
        ..missed()
    });
    outcome.bouncer = Some(BouncerOutcome {
        kind: "znc",
        version: Some("ZNC 1.8.2".to_owned()),
        users: 12,
        seats: 12,
        clients: 9,
        ready_in: Some(Duration::from_millis(2_104)),
        playbacks: Playbacks {
            sessions: 17,
            lines: 1_204,
            lasted: Duration::from_millis(340),
        },
        absent: Some(0),
        readings: Some(Readings { due: 36, made: 36 }),
        healed: {
            let mut healed = Healed::default();
            healed.add(Duration::from_mins(1));
            healed
        },
        leak: Some(Leak {
            receiver: UserId(1),
            channel: Some(ChannelId(7)),
            at: Offset::from_micros(12_502_100),
        }),
        networks: vec![network_saw()],
    });
    result(&outcome, &rules(&["message.response.p99 < 250ms"]))
}

fn network_saw() -> NetworkSaw {
    let held = |kind, is_banned, why: &str| Held {
        kind,
        is_banned,
        why: why.to_owned(),
    };
    NetworkSaw {
        network: "net1".to_owned(),
        members: 290,
        seats: 12,
        registered: 10,
        half_open: 1,
        logins: Some(LoginsSaw {
            succeeded: 20,
            refused: 3,
            outages: 1,
        }),
        sources: vec![
            SourceSaw {
                address: "127.0.0.1".to_owned(),
                connections_max: 11,
                connects: 31,
                connects_per_sec_max: 11,
                refused: 7,
                registered: 21,
                floods: 0,
                banned: Some(Duration::from_secs(10)),
                held: vec![
                    held("strict", false, "11 sessions at once, 2 allowed"),
                    held("strict", true, "24 connects in 60 s, 4 allowed"),
                    held("usual", false, "11 sessions at once, 5 allowed"),
                    held("usual", true, "13 connects in 10 s, 5 allowed"),
                ],
            },
            SourceSaw {
                address: "2001:db8:77:1200::/64".to_owned(),
                connections_max: 1,
                connects: 1,
                connects_per_sec_max: 1,
                registered: 1,
                ..SourceSaw::default()
            },
        ],
        returns: vec![ReturnSaw {
            lost_at_micros: 20_000_000,
            lost: 12,
            returned: 10,
            first_in: Duration::from_millis(1_200),
            last_in: Duration::from_millis(10_200),
        }],
    }
}

/// A line that a member said, and that was never played back.
fn missed() -> Exemplar {
    Exemplar {
        attempt: Offset::from_micros(12_000_090),
        accepted: Offset::from_micros(12_000_090),
        first_seen: Offset::NEVER,
        why: "written before a client attached, and not played back to it".to_owned(),
        text: Vec::new(),
        ..lost()
    }
}

/// A line of which no more is known than when the network wrote it.
fn of_nobody() -> Exemplar {
    Exemplar {
        key: MessageKey {
            channel: ChannelId(u32::MAX),
            index: u32::MAX,
        },
        sender: UserId(u32::MAX),
        bytes: 0,
        intended: Offset::NEVER,
        attempt: Offset::NEVER,
        accepted: Offset::from_micros(12_700_000),
        ..missed()
    }
}

/// A line of those that are said around attaches.
fn around_an_attach() -> Exemplar {
    Exemplar {
        key: MessageKey {
            channel: ChannelId(7),
            index: (1 << 31) + 4,
        },
        bytes: 40,
        why: "under way when a connection was torn off".to_owned(),
        ..missed()
    }
}
