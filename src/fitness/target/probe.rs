//! A probe of a target: what it says of itself, and what it was seen to allow. Kept as JSON.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

/// Version of the file's shape.
pub const SCHEMA: u32 = 1;

/// Registrations that end so close to the same part of a second, in milliseconds, end on a tick: they wait for it, whenever they began.
const TICK_SLACK_MS: u64 = 60;
/// Registrations must differ in length by as much before that says anything, in milliseconds.
const TICK_SPREAD_MS: u64 = 150;
/// Length of a tick, in milliseconds.
const TICK_MS: u64 = 1_000;
/// A PONG behind a burst that takes longer than this, in milliseconds, was held back, if an idle connection got its own sooner.
const PROMPT_MS: u64 = 750;
/// A median registration beyond this, in milliseconds, is slow: name look-ups take seconds.
const SLOW_MS: u64 = 1_500;

/// What was found of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Version of this shape.
    pub schema: u32,
    /// Version of the tool.
    pub tool: String,
    /// When it was taken, in milliseconds since 1970 UTC.
    pub taken_unix_ms: u64,
    /// Where.
    pub target: String,
    /// The network's name (005 NETWORK).
    pub network: Option<String>,
    /// The server's name (source of 001).
    pub server: String,
    /// The server's version (004).
    pub version: String,
    /// What the server says that it runs (002).
    pub software: String,
    /// The family of servers that it is of; `unknown` for none that is known.
    pub family: String,
    /// TLS, where it is spoken.
    pub tls: Option<Tls>,
    /// Capabilities with their values; empty where there is none.
    pub capabilities: BTreeMap<String, String>,
    /// Tokens of 005 with their values; empty where there is none.
    pub tokens: BTreeMap<String, String>,
    /// How long registrations took.
    pub registration: Registration,
    /// Connections of one address at once, opened one by one.
    pub connections_per_address: Option<Reach>,
    /// Connects of one address one after the other, each ended before the next.
    pub connects_in_a_row: Option<Reach>,
    /// Many lines of one client at once.
    pub flood: Option<Flood>,
    /// Channels of one client.
    pub channels_per_user: Option<Reach>,
    /// A line longer than IRC's 512 bytes.
    pub long_line: Option<LongLine>,
}

/// What TLS was agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// Its version.
    pub version: String,
    /// When the server's certificate expires, such as `2030-01-31T12:00:00Z`.
    pub expires: Option<String>,
}

/// How long registrations took, from the connect to 001.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Each, in milliseconds.
    pub times_ms: Vec<u64>,
    /// The median, in milliseconds.
    pub median_ms: u64,
    /// Whether they ended on a tick of one second: the server's, or one of their own.
    pub is_on_tick: bool,
}

/// How far something went until it was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// How many were allowed.
    pub allowed: u64,
    /// With what words the next was refused; none if no more were tried.
    pub refused: Option<String>,
}

/// What became of many lines that one client sent at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flood {
    /// Lines sent.
    pub lines: u64,
    /// Of those, how many had been carried out after a second.
    pub carried_out_1s: u64,
    /// Of those, how many had been carried out after ten seconds.
    pub carried_out_10s: u64,
    /// When a PING behind them was answered, in milliseconds; none if it was not while that was waited for.
    pub pong_ms: Option<u64>,
    /// The slowest answer to an idle connection beside it, in milliseconds; none if one was never answered.
    pub idle_ms: Option<u64>,
    /// With what words the connection was closed, if it was.
    pub closed: Option<String>,
}

/// What became of a line that was too long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LongLine {
    /// It was refused with 417.
    Refused,
    /// Its end was cut off; so many bytes of it were carried out, its line ending included.
    Cut(u64),
    /// It was carried out whole.
    Whole,
    /// The connection was closed, with these words.
    Closed(String),
    /// Nothing came of it, and nothing was said.
    Ignored,
}

/// How registrations pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Welcome {
    /// Without a wait worth the name.
    AtOnce,
    /// On a tick of one second.
    OnTick,
    /// After seconds.
    Slow,
}

/// What is done about a client that sends too fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Nothing.
    Free,
    /// Its lines wait, and nobody tells it.
    FakeLag,
    /// Its connection is closed.
    Closed,
    /// Everybody waits: it can't be told.
    Unclear,
}

impl Registration {
    /// Returns what registrations tell that began and ended at these moments, in milliseconds.
    pub fn of(spans: &[(u64, u64)]) -> Self {
        let times_ms: Vec<u64> = spans
            .iter()
            .map(|(began, ended)| ended.saturating_sub(*began))
            .collect();
        let mut sorted = times_ms.clone();
        sorted.sort_unstable();
        let median_ms = sorted.get(sorted.len() / 2).copied().unwrap_or(0);
        let spread = sorted.last().unwrap_or(&0) - sorted.first().unwrap_or(&0);
        let first = spans.first().map_or(0, |(_, ended)| ended % TICK_MS);
        let is_near = |ended: u64| {
            let apart = (ended % TICK_MS).abs_diff(first);
            apart.min(TICK_MS - apart) <= TICK_SLACK_MS
        };
        let is_shared = spread >= TICK_SPREAD_MS && spans.iter().all(|(_, ended)| is_near(*ended));
        // InspIRCd 3.15 looks at each client a second after it came.
        let is_whole = |time: &u64| {
            let over = time % TICK_MS;
            *time >= TICK_MS / 2 && over.min(TICK_MS - over) <= TICK_SLACK_MS
        };
        let is_on_tick = spans.len() > 1 && (is_shared || times_ms.iter().all(is_whole));
        Self {
            times_ms,
            median_ms,
            is_on_tick,
        }
    }

    /// Returns how they pass.
    pub fn welcome(&self) -> Welcome {
        if self.is_on_tick {
            Welcome::OnTick
        } else if self.median_ms >= SLOW_MS {
            Welcome::Slow
        } else {
            Welcome::AtOnce
        }
    }
}

impl Reach {
    /// Returns it for people.
    pub fn text(&self) -> String {
        match &self.refused {
            Some(words) => format!("{}, then “{words}”", self.allowed),
            None => format!("at least {}", self.allowed),
        }
    }

    /// Returns whether what was seen of two can't both be seen of the same limit.
    pub fn contradicts(&self, other: &Self) -> bool {
        match (self.refused.is_some(), other.refused.is_some()) {
            (true, true) => self.allowed != other.allowed,
            (true, false) => self.allowed < other.allowed,
            (false, true) => other.allowed < self.allowed,
            (false, false) => false,
        }
    }
}

impl Flood {
    /// Returns what is done about a client that sends too fast.
    pub fn pace(&self) -> Pace {
        if self.closed.is_some() {
            return Pace::Closed;
        }
        match (self.pong_ms, self.idle_ms) {
            (Some(pong), _) if pong <= PROMPT_MS => Pace::Free,
            (_, Some(idle)) if idle <= PROMPT_MS => Pace::FakeLag,
            _ => Pace::Unclear,
        }
    }
}

impl LongLine {
    /// Returns it for people.
    pub fn text(&self) -> String {
        match self {
            Self::Refused => "refused (417)".to_owned(),
            Self::Cut(bytes) => format!("cut after {bytes} bytes"),
            Self::Whole => "carried out whole".to_owned(),
            Self::Closed(words) => format!("connection closed: “{words}”"),
            Self::Ignored => "nothing came of it".to_owned(),
        }
    }

    /// Returns its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Refused => "refused (417)",
            Self::Cut(_) => "cut",
            Self::Whole => "carried out whole",
            Self::Closed(_) => "connection closed",
            Self::Ignored => "ignored",
        }
    }
}

impl Welcome {
    /// Returns it for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::AtOnce => "at once",
            Self::OnTick => "on a tick of 1 s",
            Self::Slow => "after seconds",
        }
    }
}

impl Pace {
    /// Returns it for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Free => "none",
            Self::FakeLag => "fake lag",
            Self::Closed => "closed",
            Self::Unclear => "unclear",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registrations_on_a_tick_end_at_the_same_part_of_a_second_whenever_they_began() {
        for (spans, want) in [
            // Begun at different parts of a second, ended at the same.
            (&[(0, 980), (1_350, 1_990), (2_330, 3_010)], Welcome::OnTick),
            // The tick lies at the turn of our own second.
            (&[(0, 995), (1_400, 2_005), (2_300, 3_001)], Welcome::OnTick),
            // A second after each began.
            (
                &[(0, 1_001), (1_370, 2_371), (2_710, 3_720)],
                Welcome::OnTick,
            ),
            // All alike: a fixed wait, not a tick.
            (&[(0, 900), (1_370, 2_270), (2_710, 3_610)], Welcome::AtOnce),
            (&[(0, 5), (375, 380), (750, 753)], Welcome::AtOnce),
            (
                &[(0, 4_000), (4_400, 8_500), (9_000, 12_900)],
                Welcome::Slow,
            ),
        ] {
            assert_eq!(Registration::of(spans).welcome(), want, "{spans:?}");
        }
        assert_eq!(Registration::of(&[]).median_ms, 0);
    }

    #[test]
    fn a_late_pong_is_fake_lag_only_beside_a_quick_one() {
        let flood = |pong_ms, idle_ms, closed: Option<&str>| Flood {
            pong_ms,
            idle_ms,
            closed: closed.map(str::to_owned),
            ..Flood::default()
        };
        for (flood, want) in [
            (flood(Some(20), Some(3), None), Pace::Free),
            (flood(Some(9_000), Some(3), None), Pace::FakeLag),
            (flood(None, Some(3), None), Pace::FakeLag),
            (flood(None, None, None), Pace::Unclear),
            (flood(Some(9_000), Some(8_000), None), Pace::Unclear),
            (flood(None, Some(3), Some("Excess Flood")), Pace::Closed),
        ] {
            assert_eq!(flood.pace(), want, "{flood:?}");
        }
    }

    #[test]
    fn what_was_not_tried_contradicts_nothing() {
        let reach = |allowed, is_refused: bool| Reach {
            allowed,
            refused: is_refused.then(|| "no".to_owned()),
        };
        for (one, other, want) in [
            (reach(5, true), reach(5, true), false),
            (reach(5, true), reach(3, true), true),
            (reach(5, true), reach(12, false), true),
            (reach(12, true), reach(5, false), false),
            (reach(5, false), reach(12, false), false),
        ] {
            assert_eq!(one.contradicts(&other), want);
            assert_eq!(other.contradicts(&one), want);
        }
    }
}
