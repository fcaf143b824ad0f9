//! A host and a process on it at one moment: limits, settings, libraries, hashed configuration; no value of the configuration.

use std::collections::BTreeMap;

/// Limits of the process.
pub const LIMITS: &str = "limits";
/// The control group of the process.
pub const CGROUP: &str = "cgroup";
/// Settings of the kernel.
pub const SYSCTL: &str = "sysctl";
/// The machine.
pub const HOST: &str = "host";
/// The program of the process.
pub const PROGRAM: &str = "program";
/// Shared libraries of the process.
pub const LIBRARIES: &str = "libraries";
/// Keys of its configuration, with hashes of their values.
pub const CONFIG: &str = "config";
/// What is in use at that moment: it differs from second to second and is not compared.
pub const NOW: &str = "now";

/// What stands under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A count, or bytes.
    Number(u64),
    /// No limit.
    Unlimited,
    /// Words, several numbers, or a hash.
    Text(String),
}

impl Value {
    /// Returns what the kernel wrote as a value: a number, `max` and `unlimited` for no limit, else the text.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        match text {
            "max" | "unlimited" => Self::Unlimited,
            _ => text.parse().map_or_else(
                |_| Self::Text(text.split_whitespace().collect::<Vec<_>>().join(" ")),
                Self::Number,
            ),
        }
    }

    /// Returns the value for people.
    pub fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Unlimited => "unlimited".to_owned(),
            Self::Text(text) => text.clone(),
        }
    }

    /// Returns the value as a limit; `None` for words.
    pub fn limit(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Unlimited => Some(u64::MAX),
            Self::Text(_) => None,
        }
    }
}

/// A snapshot: values by section and key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// When it was taken, in milliseconds since 1970 UTC.
    pub taken_unix_ms: u64,
    /// The sections.
    pub sections: BTreeMap<String, BTreeMap<String, Value>>,
}

impl Snapshot {
    /// Enters a value.
    pub fn put(&mut self, section: &str, key: impl Into<String>, value: Value) {
        let section = self.sections.entry(section.to_owned()).or_default();
        section.insert(key.into(), value);
    }

    /// Returns a value.
    pub fn value(&self, section: &str, key: &str) -> Option<&Value> {
        self.sections.get(section)?.get(key)
    }

    /// Returns a value as a limit.
    pub fn limit(&self, section: &str, key: &str) -> Option<u64> {
        self.value(section, key)?.limit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_writes_becomes_a_number_a_freedom_or_words() {
        for (text, want) in [
            ("4096\n", Value::Number(4096)),
            ("max", Value::Unlimited),
            ("unlimited", Value::Unlimited),
            ("32768\t60999\n", Value::Text("32768 60999".to_owned())),
            ("-1", Value::Text("-1".to_owned())),
        ] {
            assert_eq!(Value::parse(text), want);
        }
    }
}
