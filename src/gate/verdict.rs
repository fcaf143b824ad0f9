//! The verdict: one outcome, one exit code, and every reason, most important first.

use crate::gate::integrity;
use crate::gate::integrity::IntegrityCheck;
use crate::gate::judgement::Judgement;
use crate::gate::migration;
use crate::gate::rules::Rules;
use crate::gate::validity;
use crate::gate::validity::ValidityCheck;
use crate::measure::ledger::counts::Breach;
use crate::measure::outcome::Ending;
use crate::measure::outcome::Outcome;

/// A run as judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// Each SLO, in the order of the scenario.
    pub slos: Vec<Judgement>,
    /// What holds by default.
    pub integrity: Vec<IntegrityCheck>,
    /// The generator.
    pub validity: Vec<ValidityCheck>,
}

/// What is to be thought of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// In a word.
    pub outcome: VerdictOutcome,
    /// The process's exit code.
    pub exit_code: u8,
    /// Every reason, most important first; none for a pass.
    pub reasons: Vec<Reason>,
}

/// A verdict in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerdictOutcome {
    /// Everything held.
    Pass,
    /// Something did not hold.
    Fail,
    /// An abort rule stopped the run.
    Aborted,
    /// The generator or the set-up was at fault: the run says nothing about the target.
    Invalid,
    /// A person or a signal stopped the run.
    Interrupted,
    /// Our own safety rules stopped the run.
    Refused,
    /// The target could not be reached.
    Unreached,
    /// The generator was killed: this is what it had measured by then.
    CutShort,
}

impl VerdictOutcome {
    /// Returns the name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Aborted => "aborted",
            Self::Invalid => "invalid",
            Self::Interrupted => "interrupted",
            Self::Refused => "refused",
            Self::Unreached => "unreached",
            Self::CutShort => "cut_short",
        }
    }
}

/// One reason against a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Its kind, from which outcome and exit code follow.
    pub kind: ReasonKind,
    /// Its name for scripts: a counter such as `lost`, or `slo`, `unproven`, `not_sent`, `no_data`, `generator_late`, ….
    pub code: String,
    /// A plain sentence with figures.
    pub text: String,
}

/// What a reason means for the verdict, in order of precedence for a healthy generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReasonKind {
    /// The run was cut short: what follows holds for as long as it went.
    CutShort,
    /// The run was interrupted.
    Interrupted,
    /// We refused to go on.
    Refused,
    /// Nobody got in.
    Unreached,
    /// An abort rule fired.
    Aborted,
    /// The target did wrong.
    Breach,
    /// Generator or set-up were at fault.
    Invalid,
    /// A condition does not hold, or nothing is proved.
    Unmet,
}

impl ReasonKind {
    fn outcome(self) -> VerdictOutcome {
        match self {
            Self::CutShort => VerdictOutcome::CutShort,
            Self::Interrupted => VerdictOutcome::Interrupted,
            Self::Refused => VerdictOutcome::Refused,
            Self::Unreached => VerdictOutcome::Unreached,
            Self::Aborted => VerdictOutcome::Aborted,
            Self::Breach | Self::Unmet => VerdictOutcome::Fail,
            Self::Invalid => VerdictOutcome::Invalid,
        }
    }

    fn exit_code(self) -> u8 {
        match self {
            Self::Interrupted => 130,
            Self::Refused => 2,
            Self::Unreached => 5,
            Self::Aborted => 3,
            Self::Breach | Self::Unmet => 1,
            Self::CutShort | Self::Invalid => 4,
        }
    }
}

/// How the generator fared, which decides whom a breach speaks against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generator {
    /// It kept its promises.
    Healthy,
    /// It did not: a breach may be its own doing.
    Strained,
}

impl Judged {
    /// Judges a run. `set_up_faults` are what preflight found wrong with host or target and went on with, a sentence each.
    pub fn new(rules: &Rules, outcome: &Outcome, set_up_faults: &[String]) -> Self {
        let slos: Vec<Judgement> = rules
            .slos
            .iter()
            .map(|slo| Judgement::new(slo, outcome))
            .collect();
        let integrity =
            integrity::checks(&outcome.ledger, &rules.tolerances, outcome.bouncer.as_ref());
        let validity = validity::checks(&outcome.health).to_vec();
        let mut reasons: Vec<Reason> = ending(outcome).into_iter().collect();
        let failed = integrity.iter().filter(|check| !check.holds);
        reasons.extend(failed.map(|check| Reason {
            kind: if check.is_breach {
                ReasonKind::Breach
            } else {
                ReasonKind::Unmet
            },
            code: if check.counter == Breach::Uncertain.name() {
                "unproven".to_owned()
            } else {
                check.counter.to_owned()
            },
            text: check.reason.clone(),
        }));
        let unfit = validity.iter().filter(|check| !check.holds);
        reasons.extend(unfit.map(|check| reason(ReasonKind::Invalid, check.name, &check.reason)));
        reasons.extend(
            set_up_faults
                .iter()
                .map(|fault| reason(ReasonKind::Invalid, "set_up", fault)),
        );
        reasons.extend(crashed(outcome));
        reasons.extend(migration::reasons(outcome, &rules.moves));
        let unmet = slos.iter().filter(|judgement| !judgement.holds);
        reasons.extend(unmet.map(|judgement| reason(ReasonKind::Unmet, "slo", &judgement.reason)));
        Self {
            verdict: Verdict::decide(reasons, generator(&validity)),
            slos,
            integrity,
            validity,
        }
    }

    /// Judges again with more reasons, found out by other means than what was observed.
    #[must_use]
    pub fn and(mut self, found: Vec<Reason>) -> Self {
        self.verdict.reasons.extend(found);
        self.verdict = Verdict::decide(self.verdict.reasons, generator(&self.validity));
        self
    }
}

impl Verdict {
    /// Decides by the first of: cut short, interrupted, refused by us, unreached, aborted, a breach while the generator was healthy, invalid,
    /// anything else that does not hold, pass.
    pub fn decide(mut reasons: Vec<Reason>, generator: Generator) -> Self {
        reasons.sort_by_key(|reason| match (reason.kind, generator) {
            // Behind what made the generator suspect, still before mere conditions.
            (ReasonKind::Breach, Generator::Strained) => (ReasonKind::Invalid, 1),
            (kind, _) => (kind, 0),
        });
        let first = reasons.first().map(|reason| reason.kind);
        Self {
            outcome: first.map_or(VerdictOutcome::Pass, ReasonKind::outcome),
            exit_code: first.map_or(0, ReasonKind::exit_code),
            reasons,
        }
    }
}

fn generator(validity: &[ValidityCheck]) -> Generator {
    if validity.iter().all(|check| check.holds) {
        Generator::Healthy
    } else {
        Generator::Strained
    }
}

fn reason(kind: ReasonKind, code: &str, text: &str) -> Reason {
    Reason {
        kind,
        code: code.to_owned(),
        text: text.to_owned(),
    }
}

fn ending(outcome: &Outcome) -> Option<Reason> {
    let (kind, code, otherwise) = match outcome.ending {
        Ending::Complete => return None,
        Ending::CutShort => {
            let text = format!(
                "the run was cut short: this is what had been measured {:.1} s into it",
                outcome.ended.as_secs_f64()
            );
            return Some(reason(ReasonKind::CutShort, "cut_short", &text));
        }
        Ending::Interrupted => (
            ReasonKind::Interrupted,
            "interrupted",
            "the run was interrupted",
        ),
        Ending::Refused => (
            ReasonKind::Refused,
            "refused",
            "our own safety rules stopped the run",
        ),
        Ending::Unreached => (
            ReasonKind::Unreached,
            "unreached",
            "nobody could register at the target",
        ),
        Ending::Aborted => (
            ReasonKind::Aborted,
            "aborted",
            "an abort rule stopped the run",
        ),
    };
    let detail = outcome.ending_detail.trim();
    let text = if detail.is_empty() { otherwise } else { detail };
    Some(reason(
        kind,
        code,
        &format!("{text}, {:.1} s into the run", outcome.ended.as_secs_f64()),
    ))
}

/// Returns the reason of a target whose process came to an end that no phase had announced.
fn crashed(outcome: &Outcome) -> Option<Reason> {
    let process = outcome.process.as_ref()?;
    let death = process.death.as_ref()?;
    let text = format!(
        "the target's process {} ({}) ended {:.1} s into the run: {death}",
        process.name,
        process.pid,
        death.at.as_secs_f64()
    );
    (!death.is_announced).then(|| reason(ReasonKind::Breach, "crashed", &text))
}

/// A small outcome for the gate's tests.
#[cfg(test)]
pub(crate) mod tests_outcome {
    use std::time::Duration;

    use super::*;
    use crate::measure::exemplar::Exemplars;
    use crate::measure::interval::Interval;
    use crate::measure::ledger::counts::LedgerCounts;
    use crate::measure::migration::Migrations;
    use crate::measure::operation::Operation;
    use crate::measure::outcome::GeneratorHealth;
    use crate::measure::outcome::PhaseOutcome;
    use crate::measure::said::SaidLog;
    use crate::measure::sent::LinesSent;
    use crate::units::id::PhaseId;
    use crate::units::offset::Offset;

    fn record(observed: &mut Interval, millis: u64) {
        let times = observed.times_mut(Operation::Message);
        times.response.record(Duration::from_millis(millis));
        times.service.record(Duration::from_millis(millis - 1));
        observed.sent += 1;
    }

    pub(crate) fn outcome() -> Outcome {
        let mut total = Interval::new();
        for millis in [10, 20, 30, 40] {
            record(&mut total, millis);
        }
        total.registered = 4;
        let mut steady = Interval::new();
        record(&mut steady, 10);
        steady.planned = 2;
        let phase = |id, name: &str, observed| PhaseOutcome {
            planned_begins: Offset::ZERO,
            planned_ends: Offset::ZERO,
            phase: PhaseId(id),
            name: name.to_owned(),
            kind: "steady",
            begins: Offset::ZERO,
            ends: Offset::from_secs(30),
            observed,
        };
        let mut ledger = LedgerCounts::default();
        ledger.planned = 6;
        ledger.sent = 4;
        ledger.required = 8;
        ledger.delivered = 7;
        Outcome {
            said: SaidLog::default(),
            ending: Ending::Complete,
            ending_detail: String::new(),
            ended: Offset::from_secs(30),
            total,
            lines_sent: LinesSent::default(),
            phases: vec![
                phase(0, "steady", steady),
                phase(1, "split", Interval::new()),
            ],
            marks: Vec::new(),
            migrations: Migrations::default(),
            events: Vec::new(),
            ledger,
            exemplars: Exemplars::default(),
            health: GeneratorHealth {
                interval_count: 30,
                lateness_limit_micros: 20_000,
                ..GeneratorHealth::default()
            },
            process: None,
            bouncer: None,
            warnings: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::tests_outcome::outcome;
    use super::*;
    use crate::gate::slo::Slo;
    use crate::measure::process::WatchedProcess;
    use crate::place::Place;
    use crate::scenario::Condition;
    use crate::units::offset::Offset;

    const KINDS: [ReasonKind; 8] = [
        ReasonKind::Unmet,
        ReasonKind::Invalid,
        ReasonKind::Breach,
        ReasonKind::Aborted,
        ReasonKind::Unreached,
        ReasonKind::Refused,
        ReasonKind::Interrupted,
        ReasonKind::CutShort,
    ];

    /// The rule as the design has it, written out.
    fn expected(kinds: &[ReasonKind], generator: Generator) -> (u8, VerdictOutcome) {
        let has = |kind| kinds.contains(&kind);
        if has(ReasonKind::CutShort) {
            (4, VerdictOutcome::CutShort)
        } else if has(ReasonKind::Interrupted) {
            (130, VerdictOutcome::Interrupted)
        } else if has(ReasonKind::Refused) {
            (2, VerdictOutcome::Refused)
        } else if has(ReasonKind::Unreached) {
            (5, VerdictOutcome::Unreached)
        } else if has(ReasonKind::Aborted) {
            (3, VerdictOutcome::Aborted)
        } else if has(ReasonKind::Breach) && generator == Generator::Healthy {
            (1, VerdictOutcome::Fail)
        } else if has(ReasonKind::Invalid) {
            (4, VerdictOutcome::Invalid)
        } else if has(ReasonKind::Breach) || has(ReasonKind::Unmet) {
            (1, VerdictOutcome::Fail)
        } else {
            (0, VerdictOutcome::Pass)
        }
    }

    #[test]
    fn the_first_that_holds_decides_and_all_are_listed() {
        for set in 0..1u32 << KINDS.len() {
            let kinds: Vec<ReasonKind> = (0..KINDS.len())
                .filter(|bit| set & 1 << bit != 0)
                .map(|bit| KINDS[bit])
                .collect();
            for generator in [Generator::Healthy, Generator::Strained] {
                let reasons = kinds.iter().map(|&kind| reason(kind, "x", "y")).collect();
                let verdict = Verdict::decide(reasons, generator);
                assert_eq!(
                    (verdict.exit_code, verdict.outcome),
                    expected(&kinds, generator),
                    "{kinds:?} {generator:?}"
                );
                assert_eq!(verdict.reasons.len(), kinds.len());
            }
        }
    }

    fn rules(check: &str) -> Rules {
        let slo = Slo::resolve(&Condition {
            check: check.to_owned(),
            min_samples: 1,
            place: Place::file("a.toml"),
        });
        Rules {
            slos: vec![slo.unwrap()],
            ..Rules::default()
        }
    }

    #[track_caller]
    fn check(
        change: impl Fn(&mut Outcome),
        condition: &str,
        set_up_faults: &[&str],
        want: (u8, &str, &[&str]),
    ) {
        let mut outcome = outcome();
        change(&mut outcome);
        let faults: Vec<String> = set_up_faults
            .iter()
            .map(|&fault| fault.to_owned())
            .collect();
        let verdict = Judged::new(&rules(condition), &outcome, &faults).verdict;
        let codes: Vec<&str> = verdict
            .reasons
            .iter()
            .map(|reason| reason.code.as_str())
            .collect();
        assert_eq!(
            (verdict.exit_code, verdict.outcome.name(), codes.as_slice()),
            want
        );
    }

    const MET: &str = "message.response.p99 < 1s";
    const UNMET: &str = "message.response.p99 < 1ms";

    #[test]
    fn a_run_is_judged_on_everything_that_it_observed() {
        check(|_| {}, MET, &[], (0, "pass", &[]));
        check(|_| {}, UNMET, &[], (1, "fail", &["slo"]));
        check(
            |outcome| outcome.ledger.add(Breach::Lost),
            UNMET,
            &[],
            (1, "fail", &["lost", "slo"]),
        );
        check(
            |outcome| outcome.ledger.add(Breach::Uncertain),
            UNMET,
            &[],
            (1, "fail", &["unproven", "slo"]),
        );
        check(
            |outcome| outcome.health.late_count = 2,
            UNMET,
            &[],
            (4, "invalid", &["generator_late", "slo"]),
        );
        check(
            |outcome| {
                outcome.health.busy_count = 2;
                outcome.ledger.add(Breach::Lost);
            },
            UNMET,
            &[],
            (4, "invalid", &["generator_busy", "lost", "slo"]),
        );
        check(
            |outcome| outcome.ledger.add(Breach::Lost),
            MET,
            &["no descriptors were left"],
            (1, "fail", &["lost", "set_up"]),
        );
        check(
            |outcome| outcome.ledger.required = 0,
            MET,
            &[],
            (1, "fail", &["no_data"]),
        );
        for (ending, code, name) in [
            (Ending::CutShort, 4, "cut_short"),
            (Ending::Interrupted, 130, "interrupted"),
            (Ending::Refused, 2, "refused"),
            (Ending::Unreached, 5, "unreached"),
            (Ending::Aborted, 3, "aborted"),
        ] {
            check(
                |outcome| {
                    outcome.ending = ending;
                    outcome.health.late_count = 30;
                    outcome.ledger.add(Breach::Lost);
                },
                UNMET,
                &[],
                (code, name, &[name, "generator_late", "lost", "slo"]),
            );
        }
    }

    #[test]
    fn an_ending_is_told_with_its_moment() {
        let mut outcome = outcome();
        outcome.ending = Ending::Aborted;
        outcome.ending_detail = "`disconnects < 5` was broken".to_owned();
        let judged = Judged::new(&Rules::default(), &outcome, &[]);
        assert_eq!(
            judged.verdict.reasons[0].text,
            "`disconnects < 5` was broken, 30.0 s into the run"
        );
        outcome.ending = Ending::CutShort;
        let judged = Judged::new(&Rules::default(), &outcome, &[]);
        assert_eq!(
            judged.verdict.reasons[0].text,
            "the run was cut short: this is what had been measured 30.0 s into it"
        );
    }

    #[test]
    fn a_process_that_ends_fails_the_run_unless_that_was_announced() {
        let ended = |is_announced| {
            move |outcome: &mut Outcome| {
                let mut process = WatchedProcess::new(7, "oakd".to_owned());
                process.end(Offset::from_secs(3), None, is_announced);
                outcome.process = Some(process);
            }
        };
        check(ended(true), MET, &[], (0, "pass", &[]));
        check(ended(false), MET, &[], (1, "fail", &["crashed"]));
    }
}
