//! Flags of `network` that make it refuse, ban and look up as public networks do.

use std::time::Duration;

use clap::Args;

use crate::irc::network::config::ConnectBan;
use crate::irc::network::config::ConnectThrottle;
use crate::irc::network::config::Exemption;
use crate::irc::network::config::IdentLookUp;
use crate::irc::network::config::Limits;
use crate::irc::network::config::LookUps;
use crate::irc::network::source::IPV6_SOURCE_BITS;
use crate::irc::network::source::Prefix;
use crate::scenario::value;

/// Most lines kept of a channel: some five megabytes of the longest.
const HISTORY_LINES_MAX: i64 = 10_000;

/// Flags about who is let in, and what is kept.
#[derive(Debug, Args)]
pub(crate) struct LimitArguments {
    /// Most connections from one address at once, registered or not.
    #[arg(long, value_name = "N")]
    clients_per_address: Option<u32>,
    /// Most registered users from one address at once.
    #[arg(long, value_name = "N")]
    users_per_address: Option<u32>,
    /// Most registered users of one user name (ident) from one address at once.
    #[arg(long, value_name = "N")]
    users_per_ident: Option<u32>,
    /// How many bits of an IPv6 address count as one address.
    #[arg(long, value_name = "BITS", default_value_t = IPV6_SOURCE_BITS, value_parser = clap::value_parser!(u8).range(0..=128))]
    ipv6_bits: u8,
    /// Most connects of one address in a window of time that begins with its first, such as 5/10s; further ones are refused.
    #[arg(long, value_name = "N/TIME", value_parser = throttle)]
    connect_throttle: Option<ConnectThrottle>,
    /// As many connects in a window are let be, one more bans the address and closes everybody from it for the second time: 20/10s/1h.
    #[arg(long, value_name = "N/TIME/TIME", value_parser = connect_ban)]
    connect_ban: Option<ConnectBan>,
    /// Grant addresses a number of connections and users of their own, such as 192.0.2.0/29=500 or `2001:db8::/64=any`; with
    /// `,unthrottled` behind it, connects as often as they like. Repeatable; the first that fits counts.
    #[arg(long, value_name = "PREFIX=N", value_parser = exemption)]
    exempt: Vec<Exemption>,
    /// Keep so many lines of each channel, for clients that ask for them (CHATHISTORY).
    #[arg(long, value_name = "LINES", value_parser = clap::value_parser!(u32).range(1..=HISTORY_LINES_MAX))]
    history: Option<u32>,
    /// Ban an address, a prefix or a mask from the start, such as 192.0.2.0/24 or `~*@192.0.2.1`. Repeatable.
    #[arg(long, value_name = "MASK", value_parser = ban_mask)]
    ban: Vec<String>,
    /// Look up the name of newcomers' hosts in vain for so long before they may register, such as 4s.
    #[arg(long, value_name = "TIME", value_parser = time)]
    look_up_host: Option<Duration>,
    /// Ask newcomers' hosts for their user names (ident) in vain for so long, such as 10s; names get a `~`.
    #[arg(long, value_name = "TIME", value_parser = time)]
    look_up_ident: Option<Duration>,
    /// That look-up finds each name as it is given.
    #[arg(long, requires = "look_up_ident")]
    ident_answers: bool,
}

impl LimitArguments {
    /// Returns the limits meant.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            ipv6_source_bits: self.ipv6_bits,
            clients_per_address_max: self.clients_per_address,
            users_per_address_max: self.users_per_address,
            users_per_ident_max: self.users_per_ident,
            connect_throttle: self.connect_throttle,
            connect_ban: self.connect_ban,
            exempt: self.exempt.clone(),
            history_lines_max: self.history,
            ..Limits::default()
        }
    }

    /// Returns what is looked up.
    pub(crate) fn look_ups(&self) -> LookUps {
        LookUps {
            host: self.look_up_host,
            ident: self.look_up_ident.map(|takes| IdentLookUp {
                takes,
                is_answered: self.ident_answers,
            }),
        }
    }

    /// Returns whom to ban.
    pub(crate) fn bans(&self) -> &[String] {
        &self.ban
    }
}

fn time(text: &str) -> Result<Duration, String> {
    value::duration(text)
        .map_err(|expected| format!("expected {}: {}", expected.what, expected.help))
}

fn throttle(text: &str) -> Result<ConnectThrottle, String> {
    let expected = || "expected connects in a time, such as 5/10s".to_owned();
    let (count, window) = text.split_once('/').ok_or_else(expected)?;
    Ok(ConnectThrottle {
        connects_max: count.parse().map_err(|_| expected())?,
        window: time(window)?,
    })
}

fn ban_mask(text: &str) -> Result<String, String> {
    if text.contains('!') {
        let host = text.rsplit('@').next().unwrap_or_default();
        return Err(format!(
            "a ban of a network knows no nicks: write `{host}`, or `user@{host}`"
        ));
    }
    Ok(text.to_owned())
}

fn connect_ban(text: &str) -> Result<ConnectBan, String> {
    let (connects, lasts) = text
        .rsplit_once('/')
        .filter(|(connects, _)| connects.contains('/'))
        .ok_or("expected connects in a time, and for how long they ban, such as 20/10s/1h")?;
    let ConnectThrottle {
        connects_max,
        window,
    } = throttle(connects)?;
    Ok(ConnectBan {
        connects_max,
        window,
        lasts: time(lasts)?,
    })
}

fn exemption(text: &str) -> Result<Exemption, String> {
    let expected = || {
        "expected addresses and a number, such as 192.0.2.0/29=500 or 2001:db8::/64=any,unthrottled"
            .to_owned()
    };
    let (prefix, grant) = text.split_once('=').ok_or_else(expected)?;
    let (number, is_unthrottled) = match grant.strip_suffix(",unthrottled") {
        Some(number) => (number, true),
        None => (grant, false),
    };
    let clients_per_address_max = match number {
        "any" => None,
        number => Some(number.parse().map_err(|_| expected())?),
    };
    Ok(Exemption {
        prefix: Prefix::parse(prefix).ok_or_else(expected)?,
        clients_per_address_max,
        is_unthrottled,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        limits: LimitArguments,
    }

    fn read(line: &str) -> Result<LimitArguments, String> {
        let words = ["network"].into_iter().chain(line.split_whitespace());
        let parsed = Line::try_parse_from(words);
        parsed
            .map(|line| line.limits)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn flags_become_limits() {
        let arguments = read(
            "--clients-per-address 3 --users-per-ident 1 --ipv6-bits 56 --connect-throttle 5/10s --connect-ban 20/10s/1h \
             --exempt 192.0.2.0/29=500 --exempt 2001:db8::/64=any,unthrottled --ban ~*@192.0.2.9 --look-up-ident 10s --history 50",
        )
        .unwrap();
        let limits = arguments.limits();
        assert_eq!(limits.clients_per_address_max, Some(3));
        assert_eq!(limits.users_per_ident_max, Some(1));
        assert_eq!(limits.ipv6_source_bits, 56);
        assert_eq!(limits.history_lines_max, Some(50));
        let second = Duration::from_secs(1);
        assert_eq!(
            limits.connect_throttle,
            Some(ConnectThrottle {
                connects_max: 5,
                window: 10 * second
            })
        );
        assert_eq!(
            limits.connect_ban,
            Some(ConnectBan {
                connects_max: 20,
                window: 10 * second,
                lasts: 3_600 * second
            })
        );
        assert_eq!(
            limits.exempt,
            [
                Exemption {
                    prefix: Prefix::parse("192.0.2.0/29").unwrap(),
                    clients_per_address_max: Some(500),
                    is_unthrottled: false
                },
                Exemption {
                    prefix: Prefix::parse("2001:db8::/64").unwrap(),
                    clients_per_address_max: None,
                    is_unthrottled: true
                }
            ]
        );
        assert_eq!(arguments.bans(), ["~*@192.0.2.9"]);
        let ident = arguments.look_ups().ident.unwrap();
        assert_eq!((ident.takes, ident.is_answered), (10 * second, false));
    }

    #[test]
    fn without_flags_nothing_is_limited_that_is_not_without_them() {
        let limits = read("").unwrap().limits();
        assert_eq!(format!("{limits:?}"), format!("{:?}", Limits::default()));
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (line, want) in [
            (
                "--connect-throttle 5",
                "expected connects in a time, such as 5/10s",
            ),
            (
                "--connect-throttle x/10s",
                "expected connects in a time, such as 5/10s",
            ),
            ("--connect-throttle 5/10", "expected a duration"),
            ("--connect-ban 5/10s", "and for how long they ban"),
            ("--ban *!*@192.0.2.1", "knows no nicks: write `192.0.2.1`"),
            ("--exempt 192.0.2.1", "expected addresses and a number"),
            ("--exempt 192.0.2.1=lots", "expected addresses and a number"),
            ("--exempt 192.0.2.1/40=5", "expected addresses and a number"),
            ("--ipv6-bits 129", "129 is not in 0..=128"),
            ("--history 0", "0 is not in 1..=10000"),
            ("--ident-answers", "--look-up-ident"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(want), "{line}: {error}");
        }
    }
}
