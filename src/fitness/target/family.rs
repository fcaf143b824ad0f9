//! Families of servers, and by what they are known. A table: a new family is a row.

use crate::fitness::target::probe::Probe;

/// The name for a server of no family that is known.
pub const UNKNOWN: &str = "unknown";

/// Signs, lower case, in what a server says that it runs (002), its version (004), its own name, its tokens of 005 and its capabilities; the
/// first row with one of its signs counts. Bouncers stand first: they pass on what is upstream of them.
const FAMILIES: &[(&str, &[&str])] = &[
    ("ZNC", &["irc.znc.in", "znc.in/"]),
    ("soju", &["soju"]),
    ("ngIRCd", &["ngircd"]),
    ("InspIRCd", &["inspircd"]),
    ("ircd-hybrid", &["ircd-hybrid", "hybrid-"]),
    ("UnrealIRCd", &["unrealircd", "unreal3", "unreal4"]),
    ("Solanum", &["solanum"]),
    ("Charybdis", &["charybdis"]),
    ("ergo", &["ergo-", "oragono"]),
    ("ircu", &["u2.10"]),
    ("irc2", &["2.11."]),
    ("miniircd", &["miniircd"]),
    ("splitstorm", &["splitstorm"]),
];

/// Returns the family of a target by what it says.
pub fn of(probe: &Probe) -> &'static str {
    let tokens = probe.tokens.iter().flat_map(|(name, value)| [name, value]);
    let said = [&probe.software, &probe.version, &probe.server];
    let said = said.into_iter().chain(tokens);
    let said: Vec<&str> = said
        .chain(probe.capabilities.keys())
        .map(String::as_str)
        .collect();
    named(&said)
}

/// Returns the family that one of these words is a sign of.
pub fn named(said: &[&str]) -> &'static str {
    let said: Vec<String> = said.iter().map(|text| text.to_ascii_lowercase()).collect();
    let has = |sign: &&str| said.iter().any(|text| text.contains(*sign));
    let family = FAMILIES.iter().find(|(_, signs)| signs.iter().any(has));
    family.map_or(UNKNOWN, |(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_known_by_what_they_say() {
        for (software, version, capability, want) in [
            (
                "Your host is irc.test, running version ngircd-26.1 (x86_64/pc/linux-gnu)",
                "ngircd-26.1",
                "multi-prefix",
                "ngIRCd",
            ),
            (
                "Your host is irc.test, running version InspIRCd-3",
                "InspIRCd-3",
                "inspircd.org/poison",
                "InspIRCd",
            ),
            (
                "Your host is irc.test[127.0.0.1/16003], running version ircd-hybrid-1:8.2.43+dfsg.1-1",
                "ircd-hybrid-1:8.2.43+dfsg.1-1",
                "away-notify",
                "ircd-hybrid",
            ),
            ("", "UnrealIRCd-6.1.0", "sasl", "UnrealIRCd"),
            // An upstream's version, through a bouncer.
            ("", "InspIRCd-3", "znc.in/batch", "ZNC"),
            ("", "", "soju.im/bouncer-networks", "soju"),
            ("", "bahamut-2.2", "", UNKNOWN),
        ] {
            let probe = Probe {
                software: software.to_owned(),
                version: version.to_owned(),
                capabilities: [(capability.to_owned(), String::new())].into(),
                ..Probe::default()
            };
            assert_eq!(of(&probe), want, "{version}");
        }
    }
}
