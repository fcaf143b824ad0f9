//! Integrity: what every run must hold unless its scenario says otherwise.

use crate::gate::figure;
use crate::gate::rules::ABSENT;
use crate::gate::rules::LOCKED_OUT;
use crate::gate::rules::NOT_SENT;
use crate::gate::rules::READINGS;
use crate::gate::rules::Tolerances;
use crate::measure::bouncer::BouncerOutcome;
use crate::measure::continuity::Readings;
use crate::measure::ledger::counts::Breach;
use crate::measure::ledger::counts::LedgerCounts;
use crate::measure::reason::NotSent;

/// The check that anything was to be delivered at all.
pub const NO_DATA: &str = "no_data";
/// Reasons for holes that are named; the rest are small by then.
const HOLE_REASONS_SHOWN: usize = 3;

/// One thing that holds by default, and whether it did.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegrityCheck {
    /// The counter's name in results.
    pub counter: &'static str,
    /// What was counted.
    pub count: u64,
    /// The number that shares are taken of.
    pub basis: u64,
    /// The share forgiven; 0..=1.
    pub tolerated: f64,
    /// Whether a failure proves that the target did wrong, rather than that nothing is proved.
    pub is_breach: bool,
    /// Whether it held.
    pub holds: bool,
    /// Why not, as a sentence; empty if it held.
    pub reason: String,
}

impl IntegrityCheck {
    /// Says why it does not hold, if it does not; `reason` is given how many of how many are wrong.
    fn because(mut self, reason: impl FnOnce(&str) -> String) -> Self {
        if !self.holds {
            let of = format!(
                "{} of {}",
                figure::count(self.count),
                figure::count(self.basis)
            );
            self.reason = reason(&of) + &tolerated_text(self.tolerated);
        }
        self
    }
}

/// Returns every check in the order of reports.
pub fn checks(
    ledger: &LedgerCounts,
    tolerances: &Tolerances,
    bouncer: Option<&BouncerOutcome>,
) -> Vec<IntegrityCheck> {
    let of_bouncers = Breach::BOUNCER.into_iter().filter(|_| bouncer.is_some());
    let mut checks: Vec<IntegrityCheck> = Breach::INTEGRITY
        .into_iter()
        .chain(of_bouncers)
        .map(|breach| breach_check(ledger, breach, tolerances))
        .collect();
    checks.push(uncertain_check(ledger, tolerances));
    checks.push(holes_check(ledger, tolerances));
    checks.push(data_check(ledger));
    checks.extend(bouncer.map(|bouncer| locked_out_check(bouncer, tolerances)));
    checks.extend(bouncer.and_then(|bouncer| absent_check(bouncer, tolerances)));
    checks.extend(bouncer.and_then(|bouncer| readings_check(bouncer, tolerances)));
    checks
}

/// Checks that every client is attached at the end that should be.
fn absent_check(bouncer: &BouncerOutcome, tolerances: &Tolerances) -> Option<IntegrityCheck> {
    let mut check = counted(ABSENT, bouncer.absent?, bouncer.clients, tolerances);
    check.is_breach = true;
    Some(check.because(|of| {
        format!("absent: {of} clients were not attached at the end and should have been")
    }))
}

/// Checks that clients read back what they were to.
fn readings_check(bouncer: &BouncerOutcome, tolerances: &Tolerances) -> Option<IntegrityCheck> {
    let Readings { due, made } = bouncer.readings?;
    let mut check = counted(READINGS, due.saturating_sub(made), due, tolerances);
    check.holds &= due > 0;
    let (due, made) = (figure::count(due), figure::count(made));
    Some(check.because(|_| {
        format!("unproven: of {due} readings of what the bouncer keeps {made} were made")
    }))
}

/// Checks that a bouncer holds its users' places on all networks at the end.
fn locked_out_check(bouncer: &BouncerOutcome, tolerances: &Tolerances) -> IntegrityCheck {
    let seats = bouncer.networks.iter().map(|network| network.seats).sum();
    let held: u64 = bouncer
        .networks
        .iter()
        .map(|network| network.registered)
        .sum();
    let count = u64::saturating_sub(seats, held);
    let mut check = counted(LOCKED_OUT, count, seats, tolerances);
    check.is_breach = true;
    check.because(|of| {
        format!(
            "locked out: {of} places of the bouncer's users were empty at the end, refused by a network or never dialled"
        )
    })
}

fn counted(
    counter: &'static str,
    count: u64,
    basis: u64,
    tolerances: &Tolerances,
) -> IntegrityCheck {
    let tolerated = tolerances.share(counter);
    IntegrityCheck {
        counter,
        count,
        basis,
        tolerated,
        is_breach: false,
        holds: count == 0 || figure::ratio(count, basis).is_some_and(|share| share <= tolerated),
        reason: String::new(),
    }
}

fn breach_check(ledger: &LedgerCounts, breach: Breach, tolerances: &Tolerances) -> IntegrityCheck {
    let (count, basis) = (ledger.count(breach), ledger.basis(breach));
    let mut check = counted(breach.name(), count, basis, tolerances);
    check.is_breach = true;
    if !check.holds {
        let of = match breach {
            Breach::PresenceMissed => "due",
            Breach::EchoLost => "agreed",
            _ => "required",
        };
        check.reason = format!(
            "{} {}{}{}",
            figure::count(count),
            happened(breach, count),
            of_basis(count, basis, of),
            tolerated_text(check.tolerated)
        );
    }
    check
}

fn uncertain_check(ledger: &LedgerCounts, tolerances: &Tolerances) -> IntegrityCheck {
    let breach = Breach::Uncertain;
    let (count, basis) = (ledger.count(breach), ledger.basis(breach));
    let mut check = counted(breach.name(), count, basis, tolerances);
    if !check.holds {
        check.reason = format!(
            "unproven: {} unseen deliveries may or may not have been owed{}; at most {} may be",
            figure::count(count),
            of_basis(count, basis, "required"),
            figure::share(check.tolerated)
        );
    }
    check
}

fn holes_check(ledger: &LedgerCounts, tolerances: &Tolerances) -> IntegrityCheck {
    let count = holes(ledger);
    let mut check = counted(NOT_SENT, count, ledger.planned, tolerances);
    if !check.holds {
        check.reason = format!(
            "{} planned messages were not sent{}; at most {} may be: {}",
            figure::count(count),
            of_basis(count, ledger.planned, "planned"),
            figure::share(check.tolerated),
            biggest_holes(ledger)
        );
    }
    check
}

fn data_check(ledger: &LedgerCounts) -> IntegrityCheck {
    let holds = ledger.required > 0;
    let reason = if holds {
        String::new()
    } else {
        format!(
            "no data: nothing was to be delivered, of {} messages planned and {} sent",
            figure::count(ledger.planned),
            figure::count(ledger.sent)
        )
    };
    IntegrityCheck {
        counter: NO_DATA,
        count: u64::from(!holds),
        basis: ledger.required,
        tolerated: 0.0,
        is_breach: false,
        holds,
        reason,
    }
}

/// Returns how many planned messages were not sent though the run was still on.
pub fn holes(ledger: &LedgerCounts) -> u64 {
    ledger
        .not_sent
        .total()
        .saturating_sub(ledger.not_sent.count(NotSent::Cancelled))
}

fn biggest_holes(ledger: &LedgerCounts) -> String {
    let mut reasons: Vec<(NotSent, u64)> = ledger
        .not_sent
        .iter()
        .filter(|(reason, count)| *reason != NotSent::Cancelled && *count > 0)
        .collect();
    reasons.sort_by_key(|(reason, count)| (u64::MAX - count, *reason));
    let shown: Vec<String> = reasons
        .iter()
        .take(HOLE_REASONS_SHOWN)
        .map(|(reason, count)| format!("{} {}", figure::count(*count), reason.name()))
        .collect();
    shown.join(", ")
}

/// Returns ` (0.1 % of 1,000 required)`; nothing where there is no basis.
fn of_basis(count: u64, basis: u64, what: &str) -> String {
    figure::ratio(count, basis).map_or_else(String::new, |share| {
        format!(
            " ({} of {} {what})",
            figure::share(share),
            figure::count(basis)
        )
    })
}

fn tolerated_text(share: f64) -> String {
    if share > 0.0 {
        format!("; {} is tolerated", figure::share(share))
    } else {
        String::new()
    }
}

fn happened(breach: Breach, count: u64) -> &'static str {
    let is_one = count == 1;
    match breach {
        Breach::Lost | Breach::Uncertain if is_one => "delivery was lost",
        Breach::Lost | Breach::Uncertain => "deliveries were lost",
        Breach::Duplicated if is_one => "delivery arrived again",
        Breach::Duplicated => "deliveries arrived again",
        Breach::Reordered if is_one => "delivery arrived after a later one of its sender",
        Breach::Reordered => "deliveries arrived after later ones of their sender",
        Breach::Misdelivered if is_one => "delivery arrived where it was not to",
        Breach::Misdelivered => "deliveries arrived where they were not to",
        Breach::Misattributed if is_one => "delivery arrived under another's name",
        Breach::Misattributed => "deliveries arrived under another's name",
        Breach::Corrupted if is_one => "delivery arrived with another text",
        Breach::Corrupted => "deliveries arrived with another text",
        Breach::Truncated if is_one => "delivery arrived cut short",
        Breach::Truncated => "deliveries arrived cut short",
        Breach::PresenceMissed if is_one => "presence change was missed",
        Breach::PresenceMissed => "presence changes were missed",
        Breach::Late if is_one => "delivery arrived after it was called lost",
        Breach::Late => "deliveries arrived after they were called lost",
        Breach::EchoLost if is_one => "echo was lost",
        Breach::EchoLost => "echoes were lost",
        Breach::BacklogMissing if is_one => "missed line was not played back",
        Breach::BacklogMissing => "missed lines were not played back",
        Breach::BacklogHidden if is_one => {
            "line was missing from a playback and came in a later one"
        }
        Breach::BacklogHidden => "lines were missing from a playback and came in a later one",
        Breach::BacklogDuplicated if is_one => "line was played back though it had been read",
        Breach::BacklogDuplicated => "lines were played back though they had been read",
        Breach::BacklogMisordered if is_one => "line was played back after a later one",
        Breach::BacklogMisordered => "lines were played back after later ones",
        Breach::BacklogWrongTime if is_one => {
            "line was played back with a time that is not its own"
        }
        Breach::BacklogWrongTime => "lines were played back with times that are not their own",
        Breach::Leaked if is_one => "line came to a user whom the network never wrote it to",
        Breach::Leaked => "lines came to users whom the network never wrote them to",
        Breach::LostInDrop if is_one => "line went down with a connection",
        Breach::LostInDrop => "lines went down with a connection",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Place;
    use crate::scenario::Tolerance;

    fn ledger() -> LedgerCounts {
        let mut ledger = LedgerCounts::default();
        ledger.planned = 1_000;
        ledger.sent = 990;
        ledger.required = 2_000;
        ledger.presence_required = 50;
        ledger.echoes = 9;
        ledger
    }

    #[track_caller]
    fn check(ledger: &LedgerCounts, tolerated: &[(&str, f64)], want: &[&str]) {
        let tolerances: Vec<Tolerance> = tolerated
            .iter()
            .map(|(counter, share)| Tolerance {
                counter: (*counter).to_owned(),
                share: *share,
                place: Place::file("a.toml"),
            })
            .collect();
        let checks = checks(ledger, &Tolerances::resolve(&tolerances).unwrap(), None);
        let failed: Vec<String> = checks
            .into_iter()
            .filter(|check| !check.holds)
            .map(|check| {
                let kind = if check.is_breach { "breach" } else { "doubt" };
                format!("{kind} {}: {}", check.counter, check.reason)
            })
            .collect();
        assert_eq!(failed, want);
    }

    fn with(breaches: &[(Breach, u64)]) -> LedgerCounts {
        let mut ledger = ledger();
        for &(breach, count) in breaches {
            for _ in 0..count {
                ledger.add(breach);
            }
        }
        ledger
    }

    #[test]
    fn a_clean_ledger_holds() {
        check(&ledger(), &[], &[]);
    }

    #[test]
    fn every_integrity_counter_must_be_zero() {
        for breach in Breach::INTEGRITY {
            let checks = checks(&with(&[(breach, 1)]), &Tolerances::default(), None);
            let failed: Vec<&str> = checks
                .iter()
                .filter(|check| !check.holds)
                .map(|check| check.counter)
                .collect();
            assert_eq!(failed, [breach.name()]);
        }
    }

    #[test]
    fn a_breach_is_told_with_its_figures() {
        check(
            &with(&[
                (Breach::Lost, 3),
                (Breach::PresenceMissed, 1),
                (Breach::EchoLost, 1),
            ]),
            &[],
            &[
                "breach lost: 3 deliveries were lost (0.15 % of 2,000 required)",
                "breach presence_missed: 1 presence change was missed (2.00 % of 50 due)",
                "breach echo_lost: 1 echo was lost (10.0 % of 10 agreed)",
            ],
        );
    }

    #[test]
    fn clients_that_stay_away_and_readings_that_are_not_made_are_no_pass() {
        let failed = |bouncer: BouncerOutcome| {
            let ledger = with(&[]);
            let checks = checks(&ledger, &Tolerances::default(), Some(&bouncer));
            let told = checks.into_iter().filter(|check| !check.holds);
            told.map(|check| check.reason).collect::<Vec<_>>()
        };
        let bouncer = |absent, due, made| BouncerOutcome {
            clients: 22,
            absent: Some(absent),
            readings: Some(Readings { due, made }),
            ..BouncerOutcome::default()
        };
        assert_eq!(failed(bouncer(0, 60, 60)), Vec::<String>::new());
        assert_eq!(
            failed(bouncer(3, 60, 12)),
            [
                "absent: 3 of 22 clients were not attached at the end and should have been",
                "unproven: of 60 readings of what the bouncer keeps 12 were made",
            ]
        );
        assert_eq!(
            failed(bouncer(0, 0, 0)),
            ["unproven: of 0 readings of what the bouncer keeps 0 were made"]
        );
        assert_eq!(failed(BouncerOutcome::default()), Vec::<String>::new());
    }

    #[test]
    fn what_a_bouncer_did_to_lines_is_told() {
        let ledger = with(&[
            (Breach::BacklogMissing, 2),
            (Breach::BacklogDuplicated, 1),
            (Breach::BacklogMisordered, 2),
            (Breach::BacklogWrongTime, 1),
            (Breach::Leaked, 1),
            (Breach::LostInDrop, 5),
        ]);
        let bouncer = BouncerOutcome::default();
        let checks = checks(&ledger, &Tolerances::default(), Some(&bouncer));
        let told = checks.iter().filter(|check| !check.holds);
        let told: Vec<&str> = told.map(|check| &*check.reason).collect();
        assert_eq!(
            told,
            [
                "2 missed lines were not played back (0.10 % of 2,000 required)",
                "1 line was played back though it had been read (0.050 % of 2,000 required)",
                "2 lines were played back after later ones (0.10 % of 2,000 required)",
                "1 line was played back with a time that is not its own (0.050 % of 2,000 required)",
                "1 line came to a user whom the network never wrote it to (0.050 % of 2,000 required)",
            ]
        );
    }

    #[test]
    fn a_tolerance_forgives_its_share_and_no_more() {
        let lost = with(&[(Breach::Lost, 4)]);
        check(&lost, &[("lost", 0.002)], &[]);
        check(
            &lost,
            &[("lost", 0.001)],
            &[
                "breach lost: 4 deliveries were lost (0.20 % of 2,000 required); 0.10 % is tolerated",
            ],
        );
    }

    #[test]
    fn a_breach_without_a_basis_can_not_be_tolerated() {
        let mut ledger = with(&[(Breach::Duplicated, 2)]);
        ledger.required = 0;
        check(
            &ledger,
            &[("duplicated", 1.0)],
            &[
                "breach duplicated: 2 deliveries arrived again; 100 % is tolerated",
                "doubt no_data: no data: nothing was to be delivered, of 1,000 messages planned and 990 sent",
            ],
        );
    }

    #[test]
    fn too_much_doubt_proves_nothing() {
        check(&with(&[(Breach::Uncertain, 20)]), &[], &[]);
        let uncertain = with(&[(Breach::Uncertain, 21)]);
        check(
            &uncertain,
            &[],
            &[
                "doubt uncertain: unproven: 21 unseen deliveries may or may not have been owed (1.05 % of 2,000 required); at most 1.00 % may be",
            ],
        );
        check(&uncertain, &[("uncertain", 0.02)], &[]);
    }

    #[test]
    fn too_many_holes_are_told_with_their_biggest_reasons() {
        let mut ledger = ledger();
        for (reason, count) in [
            (NotSent::Cancelled, 900),
            (NotSent::QueueFull, 30),
            (NotSent::Disconnected, 15),
            (NotSent::NotJoined, 5),
        ] {
            for _ in 0..count {
                ledger.not_sent.add(reason);
            }
        }
        check(&ledger, &[], &[]);
        ledger.not_sent.add(NotSent::Registering);
        check(
            &ledger,
            &[],
            &[
                "doubt not_sent: 51 planned messages were not sent (5.10 % of 1,000 planned); at most 5.00 % may be: 30 queue_full, 15 disconnected, 5 not_joined",
            ],
        );
        check(&ledger, &[("not_sent", 0.1)], &[]);
    }
}
