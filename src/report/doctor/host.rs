//! Findings about this host, as text and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use crate::fitness::finding::Finding;
use crate::fitness::finding::Level;
use crate::fitness::finding::topics;
use crate::fitness::finding::worst;
use crate::fitness::need::Need;
use crate::report::document;
use crate::report::layout;
use crate::report::layout::WIDTH_MAX;
use crate::report::paint::Paint;
use crate::report::paint::Tone;

/// Version of the file's shape.
pub const SCHEMA: u32 = 1;

/// Width of levels.
const LEVEL_WIDTH: usize = 7;
/// Width of topics.
const TOPIC_WIDTH: usize = 12;

/// Returns the findings for a terminal.
pub fn text(findings: &[Finding], need: Option<&Need>, paint: Paint) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = match need {
        Some(need) => writeln!(
            text,
            "this host as the generator of {}: {} users, up to {} connects in a second\n",
            layout::printable(&need.scenario),
            need.users,
            need.connects_per_s_max
        ),
        None => writeln!(text, "this host as a load generator\n"),
    };
    for finding in findings {
        put(&mut text, finding, TOPIC_WIDTH, paint);
    }
    let _ = writeln!(text, "\n{}", summary(findings));
    text
}

/// Writes a finding: its level, its topic in a column of that width, and behind them figure, meaning and advice.
pub(super) fn put(text: &mut String, finding: &Finding, topic_width: usize, paint: Paint) {
    let indent = LEVEL_WIDTH + 2 + topic_width + 2;
    let width = WIDTH_MAX - indent;
    let tone = tone(finding.level);
    let level = paint.text(tone, &format!("{:LEVEL_WIDTH$}", finding.level.name()));
    let mut lines = layout::wrapped(&finding.figure, width);
    if !finding.means.is_empty() {
        lines.extend(layout::wrapped(&finding.means, width));
    }
    if !finding.advice.is_empty() {
        let advice = format!("→ {}", finding.advice);
        lines.extend(layout::wrapped(&advice, width));
    }
    let mut lines = lines.into_iter();
    let first = lines.next().unwrap_or_default();
    let _ = writeln!(text, "{level}  {:topic_width$}  {first}", finding.topic);
    for line in lines {
        let _ = writeln!(text, "{:indent$}{line}", "");
    }
}

fn tone(level: Level) -> Tone {
    match level {
        Level::Ok => Tone::Good,
        Level::Unknown => Tone::Faint,
        Level::Warn => Tone::Warn,
        Level::Bad => Tone::Bad,
    }
}

fn summary(findings: &[Finding]) -> String {
    let (bad, warn) = (topics(findings, Level::Bad), topics(findings, Level::Warn));
    match (bad.is_empty(), warn.is_empty()) {
        (false, _) => format!("verdict: NOT FIT: {}", bad.join(", ")),
        (true, false) => format!("verdict: fit, with care: {}", warn.join(", ")),
        (true, true) => "verdict: fit".to_owned(),
    }
}

#[derive(Debug, Serialize)]
struct HostFile<'a> {
    schema: u32,
    tool: &'static str,
    /// The gravest level.
    verdict: &'static str,
    need: Option<NeedFile<'a>>,
    findings: Vec<FindingFile<'a>>,
}

#[derive(Debug, Serialize)]
struct NeedFile<'a> {
    scenario: &'a str,
    users: u64,
    connects_per_s_max: u64,
    descriptors: u64,
    descriptors_embedded: u64,
    /// Of one source address; null where every user has one of its own.
    ports: Option<u64>,
    ports_embedded: Option<u64>,
    /// An estimate.
    memory_bytes: u64,
}

/// A finding in a file.
#[derive(Debug, Serialize)]
pub(super) struct FindingFile<'a> {
    topic: &'a str,
    level: &'static str,
    figure: &'a str,
    means: &'a str,
    advice: &'a str,
}

impl<'a> FindingFile<'a> {
    /// Returns a finding as it stands in a file.
    pub(super) fn of(finding: &'a Finding) -> Self {
        Self {
            topic: finding.topic,
            level: finding.level.name(),
            figure: &finding.figure,
            means: &finding.means,
            advice: &finding.advice,
        }
    }
}

/// Returns the findings as JSON.
///
/// # Errors
///
/// When a number has no place in JSON; none of a finding has.
pub fn json(findings: &[Finding], need: Option<&Need>) -> Result<String, serde_json::Error> {
    let file = HostFile {
        schema: SCHEMA,
        tool: env!("CARGO_PKG_VERSION"),
        verdict: worst(findings).name(),
        need: need.map(|need| NeedFile {
            scenario: &need.scenario,
            users: need.users,
            connects_per_s_max: need.connects_per_s_max,
            descriptors: need.elsewhere.descriptors,
            descriptors_embedded: need.embedded.descriptors,
            ports: need.elsewhere.ports,
            ports_embedded: need.embedded.ports,
            memory_bytes: need.memory_bytes(),
        }),
        findings: findings.iter().map(FindingFile::of).collect(),
    };
    document::text(&file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Vec<Finding> {
        let finding = |topic, level, advice: &str| {
            Finding {
            topic,
            level,
            figure: "4096".to_owned(),
            means: "each connection takes one and a word more than fits on the rest of a line of a terminal of this width"
                .to_owned(),
            advice: advice.to_owned(),
        }
        };
        vec![
            finding("descriptors", Level::Ok, ""),
            finding("memory", Level::Warn, "free some"),
        ]
    }

    #[test]
    fn a_finding_tells_figure_meaning_and_advice_in_lines_that_fit() {
        let text = text(&findings(), None, Paint::Plain);
        for tell in [
            "ok       descriptors   4096\n                       each connection",
            "warn     memory        4096\n",
            "→ free some\n\nverdict: fit, with care: memory\n",
        ] {
            assert!(text.contains(tell), "{tell} is not in:\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH_MAX));
    }

    #[test]
    fn the_file_has_what_scripts_rely_on() {
        let text = json(&findings(), None).unwrap();
        let file: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (place, want) in [
            ("/schema", "1"),
            ("/verdict", "\"warn\""),
            ("/need", "null"),
            ("/findings/1/topic", "\"memory\""),
            ("/findings/1/level", "\"warn\""),
        ] {
            let found = file.pointer(place).map(ToString::to_string);
            assert_eq!(found.as_deref(), Some(want), "{place}");
        }
    }
}
