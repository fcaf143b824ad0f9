//! What was found of a target, as text and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::fitness::finding::Finding;
use crate::fitness::finding::Level;
use crate::fitness::finding::topics;
use crate::fitness::finding::worst;
use crate::fitness::need::TargetNeed;
use crate::fitness::target::probe::Probe;
use crate::report::doctor::host;
use crate::report::doctor::host::FindingFile;
use crate::report::document;
use crate::report::layout;
use crate::report::layout::WIDTH_MAX;
use crate::report::paint::Paint;

/// Version of the file's shape.
pub const SCHEMA: u32 = 1;

/// Width of topics.
const TOPIC_WIDTH: usize = 23;

/// Returns what was found for a terminal.
pub fn text(
    probe: &Probe,
    findings: &[Finding],
    need: Option<&TargetNeed>,
    paint: Paint,
) -> String {
    let mut text = format!(
        "{}: {} ({}), {}",
        layout::printable(&probe.target),
        layout::printable(&probe.server),
        layout::printable(&probe.version),
        match probe.family.as_str() {
            "unknown" => "a family that is unknown".to_owned(),
            family => format!("family {}", layout::printable(family)),
        }
    );
    // Writing to a String cannot fail.
    if let Some(need) = need {
        let _ = write!(
            text,
            "\nas the target of {}: {} users",
            layout::printable(&need.scenario),
            need.users
        );
    }
    text.push_str("\n\n");
    for finding in findings {
        // The words in it are the target's.
        let finding = Finding {
            figure: layout::printable(&finding.figure),
            ..finding.clone()
        };
        host::put(&mut text, &finding, TOPIC_WIDTH, paint);
    }
    for (title, pairs) in [
        ("capabilities", &probe.capabilities),
        ("005", &probe.tokens),
    ] {
        let _ = writeln!(text, "\n{title}");
        for line in layout::wrapped(&layout::printable(&joined(pairs)), WIDTH_MAX - 2) {
            let _ = writeln!(text, "  {line}");
        }
    }
    let _ = writeln!(text, "\n{}", summary(findings, need));
    text
}

fn joined(pairs: &BTreeMap<String, String>) -> String {
    let texts = pairs.iter().map(|(name, value)| {
        if value.is_empty() {
            name.clone()
        } else {
            format!("{name}={value}")
        }
    });
    let texts: Vec<String> = texts.collect();
    if texts.is_empty() {
        "none".to_owned()
    } else {
        texts.join(" ")
    }
}

fn summary(findings: &[Finding], need: Option<&TargetNeed>) -> String {
    let (bad, unknown) = (
        topics(findings, Level::Bad),
        topics(findings, Level::Unknown),
    );
    if need.is_none() {
        return "verdict: none without a scenario".to_owned();
    }
    match (bad.is_empty(), unknown.is_empty()) {
        (false, _) => format!("verdict: THE SCENARIO WOULD BREAK: {}", bad.join(", ")),
        (true, false) => format!(
            "verdict: nothing known would break; unknown: {}",
            unknown.join(", ")
        ),
        (true, true) => "verdict: nothing would break".to_owned(),
    }
}

#[derive(Debug, Serialize)]
struct TargetFile<'a> {
    schema: u32,
    tool: &'static str,
    /// The gravest level.
    verdict: &'static str,
    need: Option<NeedFile<'a>>,
    findings: Vec<FindingFile<'a>>,
    probe: &'a Probe,
}

#[derive(Debug, Serialize)]
struct NeedFile<'a> {
    scenario: &'a str,
    users: u64,
    connections_per_address: u64,
    /// Of one address.
    connects_per_s_max: u64,
    channels_per_user: u64,
    lines_in_10s_max: u64,
    nick_bytes: u64,
    channel_bytes: u64,
    capabilities: &'a [String],
}

/// Returns what was found as JSON.
///
/// # Errors
///
/// When a number has no place in JSON; none of a finding has.
pub fn json(
    probe: &Probe,
    findings: &[Finding],
    need: Option<&TargetNeed>,
) -> Result<String, serde_json::Error> {
    let file = TargetFile {
        schema: SCHEMA,
        tool: env!("CARGO_PKG_VERSION"),
        verdict: worst(findings).name(),
        need: need.map(|need| NeedFile {
            scenario: &need.scenario,
            users: need.users,
            connections_per_address: need.connections_per_address,
            connects_per_s_max: need.connects_per_s_max,
            channels_per_user: need.channels_per_user,
            lines_in_10s_max: need.lines_in_10s_max,
            nick_bytes: need.nick_bytes,
            channel_bytes: need.channel_bytes,
            capabilities: &need.capabilities,
        }),
        findings: findings.iter().map(FindingFile::of).collect(),
        probe,
    };
    document::text(&file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> (Probe, Vec<Finding>, TargetNeed) {
        let probe = Probe {
            target: "irc://127.0.0.1:6667".to_owned(),
            server: "irc.test\x1b[2J".to_owned(),
            version: "ngircd-26.1".to_owned(),
            family: "ngIRCd".to_owned(),
            capabilities: [("sasl".to_owned(), "PLAIN".to_owned())].into(),
            ..Probe::default()
        };
        let finding = Finding {
            topic: "connections_per_address",
            level: Level::Bad,
            figure: "5, then “no”".to_owned(),
            means: "the scenario needs 300 at once from one address".to_owned(),
            advice: "set it to 0".to_owned(),
        };
        let need = TargetNeed {
            scenario: "orchard".to_owned(),
            ..TargetNeed::default()
        };
        (probe, vec![finding], need)
    }

    #[test]
    fn what_would_break_is_told_with_what_to_change() {
        let (probe, findings, need) = found();
        let text = text(&probe, &findings, Some(&need), Paint::Plain);
        for tell in [
            "irc.test\\x1b[2J (ngircd-26.1), family ngIRCd\n",
            "bad      connections_per_address  5, then “no”\n",
            "→ set it to 0\n",
            "capabilities\n  sasl=PLAIN\n",
            "005\n  none\n",
            "verdict: THE SCENARIO WOULD BREAK: connections_per_address\n",
        ] {
            assert!(text.contains(tell), "{tell} is not in:\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH_MAX));
    }

    #[test]
    fn the_file_has_what_scripts_rely_on() {
        let (probe, findings, need) = found();
        let text = json(&probe, &findings, Some(&need)).unwrap();
        let file: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (place, want) in [
            ("/schema", "1"),
            ("/verdict", "\"bad\""),
            ("/need/scenario", "\"orchard\""),
            ("/findings/0/topic", "\"connections_per_address\""),
            ("/probe/capabilities/sasl", "\"PLAIN\""),
        ] {
            let found = file.pointer(place).map(ToString::to_string);
            assert_eq!(found.as_deref(), Some(want), "{place}");
        }
    }
}
