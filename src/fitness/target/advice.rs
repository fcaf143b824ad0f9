//! Settings that lift a limit, by family of servers. A table: a new one is a row with where it is written.

use crate::fitness::target::family::UNKNOWN;

/// Connections of one address at once.
pub const CONNECTIONS: &str = "connections_per_address";
/// How fast one address may connect.
pub const CONNECTS: &str = "connects_in_a_row";
/// How fast a client may send.
pub const FLOOD: &str = "flood";
/// Channels of one client.
pub const CHANNELS: &str = "channels_per_user";
/// Bytes that wait for a client that reads slowly.
pub const SENDQ: &str = "send_queue";
/// Look-ups of a client's name and ident before it is let in.
pub const LOOK_UPS: &str = "look_ups";
/// Length of nicks.
pub const NICK: &str = "nick_length";
/// Length of channels' names.
pub const CHANNEL_NAME: &str = "channel_length";

/// One piece of advice.
#[derive(Clone, Copy, Debug)]
pub struct Advice {
    /// What it is about.
    pub topic: &'static str,
    /// Whose it is.
    pub family: &'static str,
    /// What to change.
    pub setting: &'static str,
    /// Where that is written.
    pub source: &'static str,
}

const NGIRCD: &str = "ngircd.conf(5), 26.1";
const INSPIRCD: &str = "inspircd.conf.example, 3.15";
const INSPIRCD_MODULES: &str = "modules.conf.example, 3.15";
const HYBRID: &str = "reference.conf, 8.2.43";

const fn row(
    topic: &'static str,
    family: &'static str,
    source: &'static str,
    setting: &'static str,
) -> Advice {
    Advice {
        topic,
        family,
        setting,
        source,
    }
}

/// The settings. Each was read where its source says; families without a row are ones whose settings nobody looked up.
const TABLE: &[Advice] = &[
    row(
        CONNECTIONS,
        "ngIRCd",
        NGIRCD,
        "[Limits] MaxConnectionsIP is 5 by default; 0 lifts it",
    ),
    row(
        CONNECTIONS,
        "InspIRCd",
        INSPIRCD,
        "<connect localmax globalmax>, 3 in the example: raise both in the class that the clients are in, and its limit",
    ),
    row(
        CONNECTIONS,
        "ircd-hybrid",
        HYBRID,
        "class { number_per_ip_local, number_per_ip_global }: raise both, or let the clients' auth block have flags = exceed_limit",
    ),
    row(
        CONNECTIONS,
        "ZNC",
        "ZNC's changelog",
        "AnonIPLimit bounds the connections of an address that have not logged in",
    ),
    row(
        CONNECTS,
        "InspIRCd",
        INSPIRCD_MODULES,
        "modules connflood (maxconns in period) and connectban (threshold): <connect useconnflood=\"no\" useconnectban=\"no\"> exempts a class",
    ),
    row(
        CONNECTS,
        "ircd-hybrid",
        HYBRID,
        "general { throttle_count, throttle_time }: throttle_time = 0 switches it off",
    ),
    row(
        FLOOD,
        "ngIRCd",
        NGIRCD,
        "[Limits] MaxPenaltyTime = 0 switches penalties off",
    ),
    row(
        FLOOD,
        "InspIRCd",
        INSPIRCD,
        "<connect commandrate threshold recvq fakelag>: raise commandrate (1000 is a line a second), threshold and recvq; fakelag=\"no\" alone \
         closes connections instead",
    ),
    row(
        FLOOD,
        "ircd-hybrid",
        HYBRID,
        "flags = can_flood in the clients' auth block; class { recvq }, at most 8000 bytes",
    ),
    row(
        CHANNELS,
        "ngIRCd",
        NGIRCD,
        "[Limits] MaxJoins is 10 by default; 0 lifts it",
    ),
    row(
        CHANNELS,
        "InspIRCd",
        INSPIRCD,
        "<connect maxchans>, 20 in the example",
    ),
    row(
        CHANNELS,
        "ircd-hybrid",
        HYBRID,
        "class { max_channels }, else channel { max_channels }, 25 in the example",
    ),
    row(
        SENDQ,
        "InspIRCd",
        INSPIRCD,
        "<connect softsendq hardsendq>: raise both in the class that the clients are in",
    ),
    row(SENDQ, "ircd-hybrid", HYBRID, "class { sendq }"),
    row(
        LOOK_UPS,
        "ngIRCd",
        NGIRCD,
        "[Options] DNS = no and Ident = no switch them off",
    ),
    row(
        LOOK_UPS,
        "InspIRCd",
        INSPIRCD,
        "<connect resolvehostnames=\"no\"> and <connect useident=\"no\"> switch them off",
    ),
    row(
        LOOK_UPS,
        "ircd-hybrid",
        HYBRID,
        "general { disable_auth = yes } switches idents off; names are always looked up: give it a resolver that answers at once",
    ),
    row(
        NICK,
        "ngIRCd",
        NGIRCD,
        "[Limits] MaxNickLength is 9 by default, and the same on every server of a network",
    ),
    row(NICK, "InspIRCd", INSPIRCD, "<limits maxnick>"),
    row(
        NICK,
        "ircd-hybrid",
        HYBRID,
        "serverinfo { max_nick_length }, 9 by default, 30 at most",
    ),
    row(CHANNEL_NAME, "InspIRCd", INSPIRCD, "<limits maxchan>"),
];

/// Returns what to change on a server of that family, and where that is written.
pub fn of(topic: &str, family: &str) -> String {
    let row = TABLE
        .iter()
        .find(|row| row.topic == topic && row.family == family);
    match row {
        Some(row) => format!("{family}: {} ({})", row.setting, row.source),
        None if family == UNKNOWN => {
            "the setting is unknown, as is the family of this server".to_owned()
        }
        None => format!("the setting of {family} is unknown here"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_looked_up_is_unknown() {
        let told = of(CONNECTIONS, "ngIRCd");
        assert_eq!(
            told,
            "ngIRCd: [Limits] MaxConnectionsIP is 5 by default; 0 lifts it (ngircd.conf(5), 26.1)"
        );
        assert!(of(CONNECTS, "ngIRCd").contains("unknown"));
        assert!(of(CONNECTIONS, UNKNOWN).contains("unknown"));
    }

    #[test]
    fn a_topic_has_one_piece_of_advice_a_family() {
        for row in TABLE {
            let same = TABLE
                .iter()
                .filter(|other| (other.topic, other.family) == (row.topic, row.family));
            assert_eq!(same.count(), 1, "{row:?}");
        }
    }
}
