//! The verdict as `junit.xml`: one case for the run's end, one per SLO, per integrity counter and per demand on the generator.

use std::io;
use std::io::Write;
use std::time::Duration;

use quick_junit::NonSuccessKind;
use quick_junit::Report;
use quick_junit::TestCase;
use quick_junit::TestCaseStatus;
use quick_junit::TestSuite;

use crate::report::layout::printable;
use crate::report::result::RunResult;

/// Reasons that stand for the run's end rather than for anything measured in it.
const ENDING_CODES: [&str; 5] = [
    "cut_short",
    "interrupted",
    "refused",
    "unreached",
    "aborted",
];
/// The reason for what preflight found wrong.
const SET_UP_CODE: &str = "set_up";

/// Writes the report.
///
/// # Errors
///
/// Returns the writer's error.
pub fn write(result: &RunResult, out: &mut impl Write) -> io::Result<()> {
    let name = &result.scenario.name;
    let mut report = Report::new(format!("splitstorm {name}"));
    let lasted = Duration::from_micros(u64::try_from(result.ended_us).unwrap_or(0));
    report.set_time(lasted);
    let mut ending = suite(result, "run", lasted);
    let reasons = &result.verdict.reasons;
    let ended = reasons
        .iter()
        .find(|reason| ENDING_CODES.contains(&reason.code.as_str()));
    let why = ended.map_or("", |reason| &reason.text);
    ending.add_test_case(case(
        name,
        "the run is played to its end",
        why,
        NonSuccessKind::Error,
    ));
    report.add_test_suite(ending);
    let mut slos = suite(result, "slo", lasted);
    for slo in &result.slo {
        slos.add_test_case(case(name, &slo.check, &slo.reason, NonSuccessKind::Failure));
    }
    report.add_test_suite(slos);
    let mut integrity = suite(result, "integrity", lasted);
    for check in &result.integrity {
        integrity.add_test_case(case(
            name,
            &check.counter,
            &check.reason,
            NonSuccessKind::Failure,
        ));
    }
    report.add_test_suite(integrity);
    let mut validity = suite(result, "validity", lasted);
    for check in &result.validity {
        validity.add_test_case(case(
            name,
            &check.name,
            &check.reason,
            NonSuccessKind::Error,
        ));
    }
    let faults = reasons.iter().filter(|reason| reason.code == SET_UP_CODE);
    let faults: Vec<&str> = faults.map(|reason| reason.text.as_str()).collect();
    validity.add_test_case(case(
        name,
        SET_UP_CODE,
        &faults.join("; "),
        NonSuccessKind::Error,
    ));
    report.add_test_suite(validity);
    report.serialize(out).map_err(io::Error::other)
}

fn suite(result: &RunResult, name: &str, lasted: Duration) -> TestSuite {
    let mut suite = TestSuite::new(name);
    suite.set_time(lasted);
    for (key, value) in [
        ("seed", result.seed.to_string()),
        ("target", printable(&result.target.url)),
        ("profile", result.profile.name.clone()),
        ("started", result.started.clone()),
    ] {
        suite.add_property((key, value.as_str()));
    }
    suite
}

/// Returns a case that succeeds if there is no reason against it.
fn case(scenario: &str, name: &str, reason: &str, kind: NonSuccessKind) -> TestCase {
    let status = if reason.is_empty() {
        TestCaseStatus::success()
    } else {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_message(printable(reason));
        status
    };
    let mut case = TestCase::new(printable(name), status);
    case.set_classname(format!("splitstorm.{scenario}"));
    case
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::catalogue::failed;
    use crate::report::catalogue::passed;

    fn rendered(result: &RunResult) -> String {
        let mut out = Vec::new();
        write(result, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_condition_is_a_case() {
        insta::assert_snapshot!(rendered(&failed()));
    }

    #[test]
    fn a_pass_has_no_failure() {
        let xml = rendered(&passed());
        assert!(xml.contains("failures=\"0\" errors=\"0\""), "{xml}");
        assert!(!xml.contains("<failure"), "{xml}");
    }
}
