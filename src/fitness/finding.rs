//! What was found of one property of a host, and what to do about it.

/// How a property is to be taken, from harmless to grave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// Nobody can say.
    Unknown,
    /// It may distort what is measured, or be in the way of more.
    Warn,
    /// A run would fail, or say nothing.
    Bad,
}

impl Level {
    /// Returns the name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// What was found of one property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The property's name for scripts.
    pub topic: &'static str,
    /// How it is to be taken.
    pub level: Level,
    /// The figure, for people.
    pub figure: String,
    /// What it means: a sentence without a full stop.
    pub means: String,
    /// What to do; empty where there is nothing to do.
    pub advice: String,
}

/// Returns the topics of findings of a level.
pub fn topics(findings: &[Finding], level: Level) -> Vec<&'static str> {
    let of_level = findings.iter().filter(|finding| finding.level == level);
    of_level.map(|finding| finding.topic).collect()
}

/// Returns the gravest level among findings.
pub fn worst(findings: &[Finding]) -> Level {
    let levels = findings.iter().map(|finding| finding.level);
    levels.max().unwrap_or(Level::Ok)
}
