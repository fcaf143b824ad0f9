//! Prometheus' text format, as far as counters of commands need it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::traffic::capture::counters::Reading;

/// Labels that name a command.
const COMMAND_LABELS: [&str; 2] = ["command", "cmd"];
/// What the name of a metric contains that counts commands.
const COMMAND_WORD: &str = "command";
/// Labels of the parts of a distribution: what bears one counts no uses.
const PART_LABELS: [&str; 2] = ["le", "quantile"];
/// Most labels of a sample that are read; exporters in use have a handful.
const LABELS_MAX: usize = 32;
/// Most metrics that are named where none or several fit.
const NAMED_MAX: usize = 8;

/// Why a page of metrics tells no counters of commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// None counts commands; these are some of the counters that there are.
    None(Vec<String>),
    /// Several do, so that adding them up would count twice.
    Several(Vec<String>),
}

/// One sample.
#[derive(Clone, Debug, PartialEq)]
struct Sample<'a> {
    name: &'a str,
    labels: Vec<(&'a str, Cow<'a, str>)>,
    value: f64,
}

impl Sample<'_> {
    fn label(&self, names: &[&str]) -> Option<&str> {
        let mut labels = self.labels.iter();
        labels
            .find(|(name, _)| names.contains(name))
            .map(|(_, value)| value.as_ref())
    }
}

/// Reads the counters of commands from a page. With `pick`, only the metric of that name is read, whatever it is.
///
/// Without it a metric counts commands that is declared a counter, or declared as nothing and no part of a distribution, and whose
/// name contains `command` or which has a label `command` or `cmd`. Samples that differ in other labels alone are added up.
///
/// # Errors
///
/// Returns which metrics there are if not exactly one fits.
pub fn read(page: &str, pick: Option<&str>) -> Result<Reading, Unfit> {
    let mut kinds: BTreeMap<&str, &str> = BTreeMap::new();
    let mut reading = Reading::default();
    let mut samples = Vec::new();
    for line in page.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix('#') {
            let mut words = comment.split_ascii_whitespace();
            if let (Some("TYPE"), Some(name), Some(kind)) =
                (words.next(), words.next(), words.next())
            {
                kinds.insert(name, kind);
            }
        } else if let Some(sample) = sample(line) {
            samples.push(sample);
        } else {
            reading.unread += 1;
        }
    }
    let is_counter = |sample: &Sample<'_>| {
        let base = sample.name.strip_suffix("_total").unwrap_or(sample.name);
        if let Some(kind) = kinds.get(sample.name).or_else(|| kinds.get(base)) {
            return *kind == "counter";
        }
        // Parts of a distribution are declared under its name.
        let whole = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|part| sample.name.strip_suffix(part));
        whole.is_none_or(|whole| !kinds.contains_key(whole)) && sample.label(&PART_LABELS).is_none()
    };
    let counts_commands = |sample: &Sample<'_>| match pick {
        Some(pick) => sample.name == pick,
        None => {
            is_counter(sample)
                && (sample.name.contains(COMMAND_WORD) || sample.label(&COMMAND_LABELS).is_some())
        }
    };
    let fitting = names(samples.iter().filter(|sample| counts_commands(sample)));
    match fitting.as_slice() {
        [] => {
            return Err(Unfit::None(names(
                samples.iter().filter(|sample| is_counter(sample)),
            )));
        }
        [_] => {}
        _ => return Err(Unfit::Several(fitting)),
    }
    for sample in samples.iter().filter(|sample| counts_commands(sample)) {
        match count_of(sample.value) {
            Some(count) => {
                let command = sample.label(&COMMAND_LABELS).unwrap_or(sample.name);
                reading.add(command.as_bytes(), count);
            }
            None => reading.unread += 1,
        }
    }
    Ok(reading)
}

/// Returns the names of some samples, each once.
fn names<'a>(samples: impl Iterator<Item = &'a Sample<'a>>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for sample in samples {
        if names.len() < NAMED_MAX && !names.iter().any(|name| name == sample.name) {
            names.push(sample.name.to_owned());
        }
    }
    names
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counters are whole and not negative; beyond 2^64 they stay there"
)]
fn count_of(value: f64) -> Option<u64> {
    (value.is_finite() && value >= 0.0).then(|| libm::round(value) as u64)
}

/// Reads `name{label="value",…} value [timestamp]`.
fn sample(line: &str) -> Option<Sample<'_>> {
    let name_end = line
        .find(|char: char| !char.is_ascii_alphanumeric() && char != '_' && char != ':')
        .filter(|&end| end > 0)?;
    let (name, rest) = line.split_at(name_end);
    let mut labels = Vec::new();
    let rest = match rest.trim_start().strip_prefix('{') {
        Some(inside) => label_set(inside, &mut labels)?,
        None => rest,
    };
    let mut words = rest.split_ascii_whitespace();
    let value = words.next()?.parse().ok()?;
    Some(Sample {
        name,
        labels,
        value,
    })
}

/// Reads labels up to their closing brace; returns what follows it.
fn label_set<'a>(text: &'a str, labels: &mut Vec<(&'a str, Cow<'a, str>)>) -> Option<&'a str> {
    let mut rest = text.trim_start();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some(after);
        }
        if labels.len() == LABELS_MAX {
            return None;
        }
        let (name, quoted) = rest.split_once('=')?;
        let (value, after) = label_value(quoted.trim_start().strip_prefix('"')?)?;
        labels.push((name.trim(), value));
        let after = after.trim_start();
        rest = after.strip_prefix(',').unwrap_or(after).trim_start();
    }
}

/// Reads a value up to its closing quote; returns what follows it.
fn label_value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = text.find(['"', '\\'])?;
    let (plain, rest) = text.split_at(end);
    if let Some(after) = rest.strip_prefix('"') {
        return Some((Cow::Borrowed(plain), after));
    }
    let mut value = plain.to_owned();
    let mut chars = rest.chars();
    loop {
        match chars.next()? {
            '"' => return Some((Cow::Owned(value), chars.as_str())),
            '\\' => value.push(match chars.next()? {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::*;

    const PAGE: &str = r#"
# HELP ircd_commands_total Commands, "by" name.
# TYPE ircd_commands_total counter
ircd_commands_total{command="PRIVMSG",server="a\\b\"c"} 1027 1395066363000
ircd_commands_total{server="b", command="PRIVMSG", } 3
ircd_commands_total{command="JOIN"} 1.5e3
ircd_commands_total{command="no command at all"} 1
# TYPE ircd_command_seconds histogram
ircd_command_seconds_bucket{command="JOIN",le="+Inf"} 9
ircd_command_seconds_count{command="JOIN"} 9
# TYPE ircd_users gauge
ircd_users{command="x"} 12
go_gc_total 7
garbage
"#;

    fn counts(reading: &Reading) -> Vec<(&str, u64)> {
        let commands = reading.commands.iter();
        commands
            .map(|(name, count)| (name.as_str(), *count))
            .collect()
    }

    #[test]
    fn counters_of_commands_are_found_and_added_up() {
        let reading = read(PAGE, None).unwrap();
        assert_eq!(counts(&reading), [("JOIN", 1_500), ("PRIVMSG", 1_030)]);
        assert_eq!(reading.unread, 2);
    }

    #[test]
    fn one_metric_can_be_picked_by_hand() {
        let reading = read(PAGE, Some("go_gc_total")).unwrap();
        assert_eq!(counts(&reading), [("go_gc_total", 7)]);
        assert_eq!(
            read(PAGE, Some("nothing")),
            Err(Unfit::None(vec![
                "ircd_commands_total".to_owned(),
                "go_gc_total".to_owned()
            ]))
        );
    }

    #[test]
    fn several_that_fit_are_not_added_up() {
        let page = "a_commands_total{command=\"A\"} 1\nb_total{cmd=\"A\"} 2\nc 3\nd 1e999\n";
        assert_eq!(
            read(page, None),
            Err(Unfit::Several(vec![
                "a_commands_total".to_owned(),
                "b_total".to_owned()
            ]))
        );
    }

    #[test]
    fn a_count_that_is_none_is_counted_as_unread() {
        let page = "commands 5\ncommands NaN\ncommands{a=\"b\"} -1\ncommands +Inf\n";
        let reading = read(page, None).unwrap();
        assert_eq!(
            (counts(&reading), reading.unread),
            (vec![("commands", 5)], 3)
        );
    }

    proptest! {
        #[test]
        fn no_page_is_too_odd(page in any::<String>(), odd in "[a-z{}\",=\\\\ 0-9\n#]{0,200}") {
            let _ = read(&page, None);
            let _ = read(&odd, Some("a"));
        }

        #[test]
        fn a_label_survives_being_written(value in any::<String>(), count in 0_u32..) {
            let escaped = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
            let line = format!("a{{b=\"{escaped}\",c=\"d\"}} {count}");
            let sample = sample(&line).unwrap();
            prop_assert_eq!(sample.label(&["b"]), Some(value.as_str()));
            prop_assert_eq!(sample.label(&["c"]), Some("d"));
            prop_assert_eq!(count_of(sample.value), Some(u64::from(count)));
        }
    }
}
