//! What of a target a scenario would break on, and the setting to change.

use crate::fitness::finding::Finding;
use crate::fitness::finding::Level;
use crate::fitness::need::TargetNeed;
use crate::fitness::target::advice;
use crate::fitness::target::probe::Flood;
use crate::fitness::target::probe::Pace;
use crate::fitness::target::probe::Probe;
use crate::fitness::target::probe::Reach;
use crate::fitness::target::probe::Welcome;

/// Topic of TLS.
pub const TLS: &str = "tls";
/// Topic of registrations.
pub const REGISTRATION: &str = "registration";
/// Topic of capabilities.
pub const CAPABILITIES: &str = "capabilities";
/// Topic of long lines.
pub const LONG_LINE: &str = "long_line";

/// What is told where an address has one user.
const ONE_EACH: &str = "each user of the scenario has an address of its own";
/// Nicks of RFC 1459, for servers that say nothing.
const NICK_BYTES: u64 = 9;
/// Names of channels of RFC 1459, for servers that say nothing.
const CHANNEL_BYTES: u64 = 200;

/// Returns what is to be thought of a target, held against what a scenario needs if there is one. A certificate that expires before
/// `soon`, a moment such as `2030-01-31T12:00:00Z`, is worth a warning.
pub fn judge(probe: &Probe, need: Option<&TargetNeed>, soon: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(tls(probe, soon));
    findings.extend([
        registration(probe),
        connections(probe, need),
        connects(probe, need),
        flood(probe, need),
        channels(probe, need),
        length(
            probe,
            advice::NICK,
            number(probe, &["NICKLEN", "MAXNICKLEN"]),
            NICK_BYTES,
            need.map(|need| need.nick_bytes),
        ),
        length(
            probe,
            advice::CHANNEL_NAME,
            number(probe, &["CHANNELLEN"]),
            CHANNEL_BYTES,
            need.map(|need| need.channel_bytes),
        ),
        long_line(probe),
        capabilities(probe, need),
    ]);
    findings
}

fn finding(topic: &'static str, level: Level, figure: impl Into<String>) -> Finding {
    Finding {
        topic,
        level,
        figure: figure.into(),
        means: String::new(),
        advice: String::new(),
    }
}

/// Adds what the scenario needs, and what to change where that is not to be had.
fn held(mut finding: Finding, means: String, probe: &Probe) -> Finding {
    finding.means = means;
    if matches!(finding.level, Level::Bad | Level::Warn) {
        finding.advice = advice::of(finding.topic, &probe.family);
    }
    finding
}

/// Returns the first of these tokens of 005 that is a number.
fn number(probe: &Probe, names: &[&str]) -> Option<u64> {
    let mut values = names.iter().filter_map(|name| probe.tokens.get(*name));
    values.find_map(|value| value.parse().ok())
}

fn tls(probe: &Probe, soon: &str) -> Option<Finding> {
    let tls = probe.tls.as_ref()?;
    let expires = tls.expires.as_deref();
    let figure = match expires {
        Some(expires) => format!("{}, certificate valid until {expires}", tls.version),
        None => format!("{}, a certificate whose end can't be read", tls.version),
    };
    // Moments in this form are in the order of their letters.
    let is_soon = expires.is_some_and(|expires| expires < soon);
    let mut finding = finding(TLS, if is_soon { Level::Warn } else { Level::Ok }, figure);
    if is_soon {
        "after that no client that checks it gets in".clone_into(&mut finding.means);
        "renew the certificate".clone_into(&mut finding.advice);
    }
    Some(finding)
}

fn registration(probe: &Probe) -> Finding {
    let registration = &probe.registration;
    let figure = format!("{} ms (median)", registration.median_ms);
    let mut finding = finding(REGISTRATION, Level::Ok, figure);
    finding.means = match registration.welcome() {
        Welcome::AtOnce => String::new(),
        Welcome::OnTick => "completed on a tick of 1 s: such a wait is not load".to_owned(),
        Welcome::Slow => {
            "slow without load: does the target look up each client's name or ident?".to_owned()
        }
    };
    finding
}

fn connections(probe: &Probe, need: Option<&TargetNeed>) -> Finding {
    let topic = advice::CONNECTIONS;
    let reach = probe.connections_per_address.as_ref();
    let needed = need.map(|need| need.connections_per_address);
    let finding = reached(topic, reach, needed);
    let means = match needed {
        None => String::new(),
        Some(1) => ONE_EACH.to_owned(),
        Some(needed) => format!("the scenario needs {needed} at once from one address"),
    };
    held(finding, means, probe)
}

fn channels(probe: &Probe, need: Option<&TargetNeed>) -> Finding {
    let topic = advice::CHANNELS;
    let needed = need.map(|need| need.channels_per_user);
    let finding = reached(topic, probe.channels_per_user.as_ref(), needed);
    let means = needed.map_or_else(String::new, |needed| {
        format!("the scenario needs {needed} for a user")
    });
    held(finding, means, probe)
}

fn reached(topic: &'static str, reach: Option<&Reach>, needed: Option<u64>) -> Finding {
    let Some(reach) = reach else {
        return finding(topic, Level::Unknown, "not tried");
    };
    let level = match needed {
        Some(needed) if reach.allowed >= needed => Level::Ok,
        Some(_) if reach.refused.is_some() => Level::Bad,
        // More was not tried: a scenario needs thousands, and nobody opens those to look.
        Some(_) => Level::Unknown,
        None => Level::Ok,
    };
    finding(topic, level, reach.text())
}

fn connects(probe: &Probe, need: Option<&TargetNeed>) -> Finding {
    let topic = advice::CONNECTS;
    let Some(reach) = &probe.connects_in_a_row else {
        return finding(topic, Level::Unknown, "not tried");
    };
    let needed = need.map(|need| need.connects_per_s_max);
    let is_throttled = reach.refused.is_some();
    let level = match needed {
        Some(needed) if is_throttled && needed > 1 => Level::Bad,
        _ => Level::Ok,
    };
    let figure = if is_throttled {
        format!("throttled: {}", reach.text())
    } else {
        format!("not throttled: {} one after the other", reach.allowed)
    };
    let means = match needed {
        None => String::new(),
        Some(0 | 1) => ONE_EACH.to_owned(),
        Some(needed) => {
            format!("one address of the scenario connects up to {needed} times in a second")
        }
    };
    held(finding(topic, level, figure), means, probe)
}

fn flood(probe: &Probe, need: Option<&TargetNeed>) -> Finding {
    let topic = advice::FLOOD;
    let Some(flood) = &probe.flood else {
        return finding(topic, Level::Unknown, "not tried");
    };
    let needed = need.map(|need| need.lines_in_10s_max);
    let level = match (flood.pace(), needed) {
        (Pace::Unclear, _) => Level::Unknown,
        (Pace::Free, _) | (_, None) => Level::Ok,
        (_, Some(needed)) if needed > flood.carried_out_10s => Level::Bad,
        // Within ten seconds all passes, but not at the pace at which it was sent.
        (_, Some(needed)) if needed > flood.carried_out_1s => Level::Warn,
        _ => Level::Ok,
    };
    let means = match (needed, level) {
        (None, _) => String::new(),
        (Some(needed), Level::Bad) => format!(
            "a user of the scenario sends up to {needed} in ten seconds: latencies would be the throttle's, not the server's"
        ),
        (Some(needed), Level::Warn) => format!(
            "a user of the scenario sends up to {needed} in ten seconds: fewer than pass in that time, but held back if they come at once"
        ),
        (Some(needed), _) => {
            format!("a user of the scenario sends up to {needed} in ten seconds")
        }
    };
    held(finding(topic, level, flood_text(flood)), means, probe)
}

/// Returns what became of many lines, for people.
pub fn flood_text(flood: &Flood) -> String {
    let ms = |ms: Option<u64>| ms.map_or_else(|| "never".to_owned(), |ms| format!("{ms} ms"));
    match flood.pace() {
        Pace::Free => format!("all {} lines at once carried out", flood.lines),
        Pace::Closed => format!(
            "closed, {} of {} lines carried out: “{}”",
            flood.carried_out_10s,
            flood.lines,
            flood.closed.as_deref().unwrap_or_default()
        ),
        Pace::FakeLag => format!(
            "fake lag: of {} lines at once {} carried out in 1 s, {} in 10 s; PONG behind them: {}, beside them: {}",
            flood.lines,
            flood.carried_out_1s,
            flood.carried_out_10s,
            ms(flood.pong_ms),
            ms(flood.idle_ms)
        ),
        Pace::Unclear => "an idle connection was not answered in time either".to_owned(),
    }
}

fn length(
    probe: &Probe,
    topic: &'static str,
    told: Option<u64>,
    default: u64,
    needed: Option<u64>,
) -> Finding {
    let length = told.unwrap_or(default);
    let is_short = needed.is_some_and(|needed| needed > length);
    let level = if is_short { Level::Bad } else { Level::Ok };
    let figure = match told {
        Some(length) => length.to_string(),
        None => format!("not told, so {default}"),
    };
    let means = match needed {
        Some(needed) if is_short => format!("the scenario's are up to {needed} bytes long"),
        _ => String::new(),
    };
    held(finding(topic, level, figure), means, probe)
}

fn long_line(probe: &Probe) -> Finding {
    // Ours keep to the length that holds everywhere.
    match &probe.long_line {
        None => finding(LONG_LINE, Level::Unknown, "not tried"),
        Some(line) => finding(LONG_LINE, Level::Ok, line.text()),
    }
}

fn capabilities(probe: &Probe, need: Option<&TargetNeed>) -> Finding {
    let figure = format!("{}", probe.capabilities.len());
    let lacking: Vec<&str> = need
        .map(|need| need.capabilities.iter())
        .into_iter()
        .flatten()
        .filter(|name| !probe.capabilities.contains_key(*name))
        .map(String::as_str)
        .collect();
    let mut finding = finding(CAPABILITIES, Level::Ok, figure);
    if !lacking.is_empty() {
        finding.level = Level::Warn;
        finding.means = format!(
            "the scenario's clients ask for {} and will do without",
            lacking.join(", ")
        );
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fitness::target::probe::Registration;
    use crate::fitness::target::probe::Tls;

    fn need() -> TargetNeed {
        TargetNeed {
            scenario: "orchard".to_owned(),
            users: 300,
            connections_per_address: 300,
            connects_per_s_max: 20,
            channels_per_user: 12,
            lines_in_10s_max: 15,
            nick_bytes: 9,
            channel_bytes: 9,
            capabilities: vec!["echo-message".to_owned()],
        }
    }

    fn reach(allowed: u64, refused: &str) -> Reach {
        Reach {
            allowed,
            refused: (!refused.is_empty()).then(|| refused.to_owned()),
        }
    }

    fn lag(carried_out_1s: u64, carried_out_10s: u64) -> Flood {
        Flood {
            lines: 30,
            carried_out_1s,
            carried_out_10s,
            pong_ms: None,
            idle_ms: Some(2),
            closed: None,
        }
    }

    #[track_caller]
    fn check(probe: &Probe, need: Option<&TargetNeed>, topic: &str, level: Level, tells: &[&str]) {
        let findings = judge(probe, need, "2030-01-01T00:00:00Z");
        let finding = findings.iter().find(|finding| finding.topic == topic);
        let finding = finding.unwrap_or_else(|| panic!("nothing is told of {topic}"));
        assert_eq!(finding.level, level, "{finding:?}");
        let text = format!("{} {} {}", finding.figure, finding.means, finding.advice);
        for tell in tells {
            assert!(text.contains(tell), "{tell} is not in: {text}");
        }
    }

    #[test]
    fn a_limit_below_the_need_breaks_the_scenario_and_names_the_setting() {
        let mut probe = Probe {
            family: "ngIRCd".to_owned(),
            connections_per_address: Some(reach(5, "too many connections from your IP address")),
            channels_per_user: Some(reach(10, "405 You have joined too many channels")),
            ..Probe::default()
        };
        let need = need();
        check(
            &probe,
            Some(&need),
            advice::CONNECTIONS,
            Level::Bad,
            &["5, then", "needs 300", "MaxConnectionsIP", "ngircd.conf(5)"],
        );
        check(
            &probe,
            Some(&need),
            advice::CHANNELS,
            Level::Bad,
            &["10, then", "needs 12", "MaxJoins"],
        );
        // Without a scenario a limit is only a figure.
        check(&probe, None, advice::CONNECTIONS, Level::Ok, &["5, then"]);
        "bahamut".clone_into(&mut probe.family);
        check(
            &probe,
            Some(&need),
            advice::CONNECTIONS,
            Level::Bad,
            &["unknown"],
        );
    }

    #[test]
    fn what_was_not_tried_far_enough_is_unknown() {
        let probe = Probe {
            connections_per_address: Some(reach(12, "")),
            channels_per_user: Some(reach(13, "")),
            ..Probe::default()
        };
        let need = need();
        check(
            &probe,
            Some(&need),
            advice::CONNECTIONS,
            Level::Unknown,
            &["at least 12"],
        );
        check(&probe, Some(&need), advice::CHANNELS, Level::Ok, &[]);
        check(
            &probe,
            Some(&need),
            advice::FLOOD,
            Level::Unknown,
            &["not tried"],
        );
    }

    #[test]
    fn fake_lag_breaks_what_sends_more_than_passes() {
        for (flood, level) in [
            (lag(10, 12), Level::Bad),
            (lag(10, 19), Level::Warn),
            (lag(15, 25), Level::Ok),
        ] {
            let probe = Probe {
                family: "InspIRCd".to_owned(),
                flood: Some(flood),
                ..Probe::default()
            };
            let tells: &[&str] = if level == Level::Ok {
                &["fake lag"]
            } else {
                &["fake lag", "commandrate"]
            };
            check(&probe, Some(&need()), advice::FLOOD, level, tells);
            check(&probe, None, advice::FLOOD, Level::Ok, &[]);
        }
    }

    #[test]
    fn a_throttle_breaks_only_what_connects_from_one_address() {
        let probe = Probe {
            family: "ircd-hybrid".to_owned(),
            connects_in_a_row: Some(reach(1, "trying to (re)connect too fast")),
            ..Probe::default()
        };
        let mut need = need();
        check(
            &probe,
            Some(&need),
            advice::CONNECTS,
            Level::Bad,
            &["throttle_time"],
        );
        need.connects_per_s_max = 1;
        check(&probe, Some(&need), advice::CONNECTS, Level::Ok, &[]);
    }

    #[test]
    fn lengths_capabilities_ticks_and_certificates_are_told() {
        let probe = Probe {
            tokens: [("NICKLEN".to_owned(), "8".to_owned())].into(),
            registration: Registration {
                times_ms: vec![980, 640, 300],
                median_ms: 640,
                is_on_tick: true,
            },
            tls: Some(Tls {
                version: "TLS 1.3".to_owned(),
                expires: Some("2029-12-31T00:00:00Z".to_owned()),
            }),
            ..Probe::default()
        };
        let need = need();
        let need = Some(&need);
        check(&probe, need, advice::NICK, Level::Bad, &["8", "9 bytes"]);
        check(&probe, need, advice::CHANNEL_NAME, Level::Ok, &["200"]);
        check(&probe, need, CAPABILITIES, Level::Warn, &["echo-message"]);
        check(&probe, need, REGISTRATION, Level::Ok, &["not load"]);
        check(&probe, need, TLS, Level::Warn, &["2029-12-31", "renew"]);
    }
}
