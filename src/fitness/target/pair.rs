//! What two probes of targets differ in: what they offer, what they allow, and in which manner they say no.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::fitness::finding::Finding;
use crate::fitness::finding::Level;
use crate::fitness::need::TargetNeed;
use crate::fitness::target::advice;
use crate::fitness::target::judge;
use crate::fitness::target::probe::Probe;
use crate::fitness::target::probe::Reach;

/// Section of what a server says that it is.
pub const SERVER: &str = "server";
/// Section of capabilities.
pub const CAPABILITY: &str = "capability";
/// Section of tokens of 005.
pub const TOKEN: &str = "005";
/// Section of limits that were reached.
pub const LIMIT: &str = "limit";
/// Section of manners that were seen.
pub const MANNER: &str = "manner";

/// Tokens that tell how many channels a user may join: told with the limit that was reached, since one setting makes both.
const CHANNEL_TOKENS: &[&str] = &["CHANLIMIT", "MAXCHANNELS"];

/// What two targets differ in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its section.
    pub section: &'static str,
    /// Its name within that.
    pub key: String,
    /// What the one has.
    pub one: Option<String>,
    /// What the other has.
    pub other: Option<String>,
    /// Why it matters for the scenario; empty where it does not, or there is none.
    pub matters: String,
}

/// Returns all that differs between two targets, and what of it matters for a scenario if there is one. Names of servers, moments and
/// measured times are not compared: they differ from day to day. Of `one`, which is held against, `other` is what is to be judged.
pub fn compare(one: &Probe, other: &Probe, need: Option<&TargetNeed>) -> Vec<Difference> {
    let (facts_one, facts_other) = (facts(one), facts(other));
    let keys: BTreeSet<&Key> = facts_one.keys().chain(facts_other.keys()).collect();
    let mut differences: Vec<Difference> = keys
        .into_iter()
        .filter(|key| facts_one.get(*key) != facts_other.get(*key))
        .map(|key| Difference {
            section: key.section,
            key: key.name.clone(),
            one: facts_one.get(key).cloned(),
            other: facts_other.get(key).cloned(),
            matters: String::new(),
        })
        .collect();
    differences.extend(reaches(one, other));
    if let Some(need) = need {
        let findings = (judged(one, need), judged(other, need));
        for difference in &mut differences {
            difference.matters = matters(difference, &findings, need);
        }
    }
    differences
}

/// The place of a fact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    section: &'static str,
    name: String,
}

/// Returns what can be compared by being equal. What was not tried is no fact.
fn facts(probe: &Probe) -> BTreeMap<Key, String> {
    let mut facts = BTreeMap::new();
    let mut put = |section, name: &str, value: String| {
        let key = Key {
            section,
            name: name.to_owned(),
        };
        facts.insert(key, value);
    };
    put(SERVER, "version", probe.version.clone());
    if let Some(tls) = &probe.tls {
        put(SERVER, "tls", tls.version.clone());
    }
    for (name, value) in &probe.capabilities {
        put(CAPABILITY, name, value.clone());
    }
    for (name, value) in &probe.tokens {
        if !CHANNEL_TOKENS.contains(&name.as_str()) {
            put(TOKEN, name, value.clone());
        }
    }
    let welcome = probe.registration.welcome().name();
    put(MANNER, judge::REGISTRATION, welcome.to_owned());
    facts
}

/// Returns what differs of what was tried on both.
fn reaches(one: &Probe, other: &Probe) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut put = |section, key: &str, texts: (String, String)| {
        differences.push(Difference {
            section,
            key: key.to_owned(),
            one: Some(texts.0),
            other: Some(texts.1),
            matters: String::new(),
        });
    };
    if let (Some(a), Some(b)) = (&one.connections_per_address, &other.connections_per_address)
        && a.contradicts(b)
    {
        put(LIMIT, advice::CONNECTIONS, (a.text(), b.text()));
    }
    let told = (channel_tokens(one), channel_tokens(other));
    let tried = (&one.channels_per_user, &other.channels_per_user);
    let is_contradicted = matches!(tried, (Some(a), Some(b)) if a.contradicts(b));
    if told.0 != told.1 || is_contradicted {
        let text = |told: String, tried: &Option<Reach>| {
            let tried = tried.as_ref().map(Reach::text);
            let parts = [Some(told).filter(|told| !told.is_empty()), tried];
            parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
        };
        let texts = (text(told.0, tried.0), text(told.1, tried.1));
        put(LIMIT, advice::CHANNELS, texts);
    }
    if let (Some(a), Some(b)) = (&one.connects_in_a_row, &other.connects_in_a_row)
        && a.refused.is_some() != b.refused.is_some()
    {
        let name = |reach: &Reach| match reach.refused {
            Some(_) => "throttled".to_owned(),
            None => "not throttled".to_owned(),
        };
        put(MANNER, advice::CONNECTS, (name(a), name(b)));
    }
    if let (Some(a), Some(b)) = (&one.flood, &other.flood)
        && a.pace() != b.pace()
    {
        let name = |pace: &str| pace.to_owned();
        put(
            MANNER,
            advice::FLOOD,
            (name(a.pace().name()), name(b.pace().name())),
        );
    }
    if let (Some(a), Some(b)) = (&one.long_line, &other.long_line)
        && a.kind() != b.kind()
    {
        put(
            MANNER,
            judge::LONG_LINE,
            (a.kind().to_owned(), b.kind().to_owned()),
        );
    }
    differences
}

fn channel_tokens(probe: &Probe) -> String {
    let tokens = CHANNEL_TOKENS
        .iter()
        .filter_map(|name| Some(format!("{name}={}", probe.tokens.get(*name)?)));
    tokens.collect::<Vec<_>>().join(" ")
}

/// Returns the findings that are not about certificates, which no pair compares.
fn judged(probe: &Probe, need: &TargetNeed) -> Vec<Finding> {
    judge::judge(probe, Some(need), "")
}

fn matters(
    difference: &Difference,
    findings: &(Vec<Finding>, Vec<Finding>),
    need: &TargetNeed,
) -> String {
    let topic = match (difference.section, difference.key.as_str()) {
        (CAPABILITY, name) => {
            let is_asked_for = need.capabilities.iter().any(|asked| asked == name);
            return if is_asked_for {
                "the scenario's clients ask for it".to_owned()
            } else {
                String::new()
            };
        }
        (TOKEN, "NICKLEN" | "MAXNICKLEN") => advice::NICK,
        (TOKEN, "CHANNELLEN") => advice::CHANNEL_NAME,
        (LIMIT | MANNER, key) => key,
        _ => return String::new(),
    };
    let of = |findings: &[Finding]| -> Option<(Level, String)> {
        let finding = findings.iter().find(|finding| finding.topic == topic)?;
        Some((finding.level, finding.means.clone()))
    };
    let (one, other) = (of(&findings.0), of(&findings.1));
    match (one, other) {
        (_, Some((Level::Bad, means))) => format!("the scenario would break: {means}"),
        (Some((Level::Bad, means)), Some((Level::Unknown, _))) => {
            format!("the scenario would break there, and here nobody knows: {means}")
        }
        (Some((Level::Bad, means)), Some(_)) => {
            format!("the scenario would break there, and not here: {means}")
        }
        (Some((one, _)), Some((other, means))) if one != other && !means.is_empty() => means,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fitness::target::probe::Flood;
    use crate::fitness::target::probe::Registration;

    fn probe() -> Probe {
        Probe {
            server: "one.test".to_owned(),
            version: "InspIRCd-3".to_owned(),
            family: "InspIRCd".to_owned(),
            taken_unix_ms: 1,
            capabilities: [("batch".to_owned(), String::new())].into(),
            tokens: [("NICKLEN", "30"), ("CHANLIMIT", "#:20")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            registration: Registration::of(&[(0, 20), (400, 410)]),
            connections_per_address: Some(Reach {
                allowed: 3,
                refused: Some("no".to_owned()),
            }),
            channels_per_user: Some(Reach {
                allowed: 20,
                refused: Some("405".to_owned()),
            }),
            flood: Some(Flood {
                lines: 30,
                carried_out_1s: 10,
                carried_out_10s: 19,
                pong_ms: None,
                idle_ms: Some(2),
                closed: None,
            }),
            ..Probe::default()
        }
    }

    fn keys(one: &Probe, other: &Probe) -> Vec<String> {
        let differences = compare(one, other, None);
        let keys = differences.into_iter();
        keys.map(|difference| format!("{} {}", difference.section, difference.key))
            .collect()
    }

    #[test]
    fn the_same_seen_on_another_day_differs_in_nothing() {
        let one = probe();
        let mut other = probe();
        "two.test".clone_into(&mut other.server);
        other.taken_unix_ms = 99;
        other.registration = Registration::of(&[(0, 120), (400, 410)]);
        other.flood = Some(Flood {
            lines: 30,
            carried_out_1s: 9,
            carried_out_10s: 18,
            pong_ms: Some(11_000),
            idle_ms: Some(40),
            closed: None,
        });
        // Less was tried.
        other.channels_per_user = Some(Reach {
            allowed: 6,
            refused: None,
        });
        other.connects_in_a_row = None;
        assert_eq!(keys(&one, &other), Vec::<String>::new());
    }

    #[test]
    fn a_setting_is_one_difference_and_told_where_it_matters() {
        let one = probe();
        let mut other = probe();
        other
            .capabilities
            .insert("sasl".to_owned(), "PLAIN".to_owned());
        other.tokens.insert("NICKLEN".to_owned(), "8".to_owned());
        other
            .tokens
            .insert("CHANLIMIT".to_owned(), "#:10".to_owned());
        other.channels_per_user = Some(Reach {
            allowed: 10,
            refused: Some("405".to_owned()),
        });
        other.connections_per_address = Some(Reach {
            allowed: 12,
            refused: None,
        });
        other.flood = Some(Flood {
            pong_ms: Some(5),
            idle_ms: Some(5),
            ..Flood::default()
        });
        let want = [
            "005 NICKLEN",
            "capability sasl",
            "limit connections_per_address",
            "limit channels_per_user",
            "manner flood",
        ];
        assert_eq!(keys(&one, &other), want);
        let need = TargetNeed {
            connections_per_address: 10,
            channels_per_user: 15,
            nick_bytes: 9,
            ..TargetNeed::default()
        };
        let differences = compare(&one, &other, Some(&need));
        let matters: Vec<bool> = differences
            .iter()
            .map(|difference| !difference.matters.is_empty())
            .collect();
        assert_eq!(matters, [true, false, true, true, false]);
        assert!(differences[0].matters.contains("would break"));
    }
}
