//! The networks behind a bouncer: how they are reached, what they ask of a newcomer and refuse, and how bad the links to them are.

use std::fmt::Write;
use std::time::Duration;

use crate::place::Misread;
use crate::place::Place;
use crate::scenario::reader::Table;
use crate::scenario::value;
use crate::scenario::value::duration_text;
use crate::scenario::value::quoted;

/// What a bouncer meets upstream. The default is the mildest: plain text over IPv4, nobody refused, perfect links.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NetworkBehind {
    /// Whether its servers speak TLS, by a certificate made for the run.
    pub is_secure: bool,
    /// Whether they listen at IPv6.
    pub is_ipv6: bool,
    /// Whether each of the bouncer's users has an account there, which the bouncer is to log in to.
    pub has_accounts: bool,
    /// What it looks up about newcomers.
    pub look_ups: LookUps,
    /// What it refuses.
    pub limits: NetworkLimits,
    /// What its links do to bytes.
    pub link: Link,
}

/// What a network looks up about newcomers; none for what it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LookUps {
    /// How long the look-up of a host's name takes, in vain.
    pub host: Option<Duration>,
    /// How long that of a user name takes, or until it is given up.
    pub ident: Option<Duration>,
    /// Whether that is answered: if not, the name gets a `~`.
    pub is_ident_answered: bool,
}

/// What a network refuses, as real ones do; none for what has no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkLimits {
    /// Most sessions of one address.
    pub sessions_per_address: Option<u32>,
    /// Most sessions of one user name (ident) from one address.
    pub sessions_per_ident: Option<u32>,
    /// How many bits of an IPv6 address count as one address; none for the usual 64.
    pub ipv6_bits: Option<u8>,
    /// Most connects of one address within `connects_within`.
    pub connects: Option<u32>,
    /// The time that `connects` is counted over.
    pub connects_within: Duration,
    /// How long an address that connects more often is banned; none for a refusal and no more.
    pub ban: Option<Duration>,
}

/// What the links from a network to a bouncer do to bytes. The default does nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Link {
    /// By how much each byte from the network is late.
    pub delay: Duration,
    /// How many bytes a second a connection carries from the network; `None` for as many as come.
    pub bytes_per_sec: Option<u32>,
    /// The share of connections that are accepted, and then neither read nor answered.
    pub half_open: f64,
}

/// Where keys stand that not every bouncer and every address can follow.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    pub(super) accounts: Option<Place>,
    pub(super) ipv6: Option<Place>,
}

impl NetworkBehind {
    /// Writes the table in its resolved form, if anything is asked for.
    pub(super) fn write(&self, out: &mut String) -> std::fmt::Result {
        if *self == Self::default() {
            return Ok(());
        }
        writeln!(out, "\n[bouncer.network]")?;
        let Self {
            look_ups,
            limits,
            link,
            ..
        } = self;
        for (key, is_on) in [
            ("tls", self.is_secure),
            ("ipv6", self.is_ipv6),
            ("accounts", self.has_accounts),
            ("ident_answers", look_ups.is_ident_answered),
        ] {
            if is_on {
                writeln!(out, "{key} = true")?;
            }
        }
        for (key, number) in [
            ("sessions_per_address", limits.sessions_per_address),
            ("sessions_per_ident", limits.sessions_per_ident),
            ("ipv6_bits", limits.ipv6_bits.map(u32::from)),
            ("connects", limits.connects),
            ("link_bytes_per_sec", link.bytes_per_sec),
        ] {
            if let Some(number) = number {
                writeln!(out, "{key} = {number}")?;
            }
        }
        let delay = Some(link.delay).filter(|delay| !delay.is_zero());
        for (key, time) in [
            ("connects_within", Some(limits.connects_within)),
            ("ban", limits.ban),
            ("look_up_host", look_ups.host),
            ("look_up_ident", look_ups.ident),
            ("link_delay", delay),
        ] {
            if let Some(time) = time {
                writeln!(out, "{key} = {}", quoted(&duration_text(time)))?;
            }
        }
        if link.half_open > 0.0 {
            writeln!(out, "half_open = {:?}", link.half_open)?;
        }
        Ok(())
    }
}

/// Reads the table, and where its keys stand that depend on others.
pub(super) fn network(mut table: Table<'_>) -> Result<(NetworkBehind, Places), Misread> {
    let off = (false, None);
    let mut flag = |key| -> Result<(bool, Option<Place>), Misread> {
        let found = table.optional_placed(key, value::boolean)?;
        Ok(found.map_or(off.clone(), |(is_on, place)| (is_on, Some(place))))
    };
    let (is_secure, _) = flag("tls")?;
    let (is_ipv6, ipv6) = flag("ipv6")?;
    let (has_accounts, accounts) = flag("accounts")?;
    let (is_ident_answered, answers) = flag("ident_answers")?;
    let look_ups = LookUps {
        host: table.optional("look_up_host", value::duration)?,
        ident: table.optional("look_up_ident", value::duration)?,
        is_ident_answered,
    };
    let limits = NetworkLimits {
        sessions_per_address: table.optional("sessions_per_address", value::count)?,
        sessions_per_ident: table.optional("sessions_per_ident", value::count)?,
        ipv6_bits: table.optional("ipv6_bits", value::address_bits)?,
        connects: table.optional("connects", value::count)?,
        connects_within: table.with_default(
            "connects_within",
            Duration::from_secs(10),
            value::duration,
        )?,
        ban: table.optional("ban", value::duration)?,
    };
    let link = Link {
        delay: table.with_default("link_delay", Duration::ZERO, value::duration)?,
        bytes_per_sec: table.optional("link_bytes_per_sec", value::count)?,
        half_open: table.with_default("half_open", 0.0, value::share)?,
    };
    table.finish()?;
    if let Some(place) = answers.filter(|_| is_ident_answered && look_ups.ident.is_none()) {
        let what = "`ident_answers` says how a look-up ends that there is not";
        return Err(
            Misread::new(what, place).with_help("add how long it takes: look_up_ident = \"1s\"")
        );
    }
    let places = Places {
        accounts: accounts.filter(|_| has_accounts),
        ipv6: ipv6.filter(|_| is_ipv6),
    };
    let network = NetworkBehind {
        is_secure,
        is_ipv6,
        has_accounts,
        look_ups,
        limits,
        link,
    };
    Ok((network, places))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::scenario::Scenario;
    use crate::scenario::file::read;

    fn scenario(bouncer: &str, network: &str) -> Result<Scenario, Misread> {
        let text = format!(
            "profile = \"p\"\n[population]\nusers = 10\n[bouncer]\nkind = \"znc\"\nusers = 3\n{bouncer}\
             [bouncer.network]\n{network}[phase.steady]\nkind = \"steady\"\nduration = \"5s\"\n"
        );
        read("x.toml", &text, &BTreeMap::new())
    }

    #[test]
    fn every_key_is_read_and_written_back() {
        let keys = "tls = true\nipv6 = true\naccounts = true\nident_answers = true\nsessions_per_address = 9\n\
            sessions_per_ident = 2\nipv6_bits = 56\nconnects = 5\nlink_bytes_per_sec = 4000\nconnects_within = \"20s\"\n\
            ban = \"60s\"\nlook_up_host = \"1s\"\nlook_up_ident = \"500ms\"\nlink_delay = \"50ms\"\nhalf_open = 0.05\n";
        let once = scenario("", keys).unwrap();
        let behind = once.bouncer.as_ref().unwrap().network;
        assert!(behind.is_secure && behind.is_ipv6 && behind.has_accounts);
        assert_eq!(behind.look_ups.ident, Some(Duration::from_millis(500)));
        assert_eq!(behind.limits.ipv6_bits, Some(56));
        assert_eq!(behind.link.bytes_per_sec, Some(4_000));
        let text = once.to_toml();
        assert!(text.contains("[services]\n"), "{text}");
        for key in keys.lines().filter(|key| !key.starts_with("ban")) {
            assert!(text.contains(key), "{key}: {text}");
        }
        let twice = read("x.toml", &text, &BTreeMap::new()).unwrap();
        assert_eq!(twice.bouncer.as_ref().unwrap().network, behind);
        assert_eq!(twice.to_toml(), text);
    }

    #[test]
    fn what_can_not_be_is_told_at_its_place() {
        for (bouncer, network, want) in [
            ("", "tsl = true\n", "`tsl` is no key of [bouncer.network]"),
            ("", "ipv6_bits = 129\n", "expected a number of bits"),
            ("", "half_open = 2\n", "expected a share"),
            (
                "",
                "ident_answers = true\n",
                "how a look-up ends that there is not",
            ),
            (
                "listen = \"127.0.0.1:7000\"\n",
                "ipv6 = true\n",
                "expected networks at IPv6, and `listen` is 127.0.0.1:7000",
            ),
        ] {
            let error = scenario(bouncer, network).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
    }

    #[test]
    fn bip_logs_in_to_no_accounts() {
        let text = scenario("", "accounts = true\n").unwrap().to_toml();
        let error = read("x.toml", &text.replace("znc", "bip"), &BTreeMap::new()).unwrap_err();
        assert_eq!(error.to_string(), "bip logs in to no accounts");
    }
}
