//! What the simulated network saw of each address, and what other networks would have said to it, as text.

use std::fmt::Write;
use std::time::Duration;

use crate::irc::network::rules::Hit;
use crate::irc::network::rules::Rules;
use crate::irc::network::sightings::Counts;
use crate::irc::network::sightings::Saw;
use crate::irc::network::sightings::Sighting;
use crate::irc::network::sightings::Within;

/// Addresses told of one by one; the others are counted together.
const SHOWN_MAX: usize = 50;

/// Returns what was seen, the addresses with the most connects first, and which limits of `rules` that would have hit.
pub(crate) fn text(saw: &Saw, rules: &Rules) -> String {
    let mut text = String::new();
    let rows = saw.busiest();
    for row in rows.iter().take(SHOWN_MAX) {
        line(&mut text, row);
    }
    let others = saw.sources().len().saturating_sub(SHOWN_MAX);
    if others > 0 || saw.rest().connects > 0 {
        let connects = saw.rest().connects
            + rows
                .iter()
                .skip(SHOWN_MAX)
                .map(|row| row.counts.connects)
                .sum::<u64>();
        put(&mut text, format_args!("others: {connects} connects\n"));
    }
    let hits = saw.against(rules);
    put(&mut text, format_args!("at a {} network:", rules.name));
    if hits.is_empty() {
        text.push_str(" nothing would have been refused\n");
        return text;
    }
    text.push('\n');
    for hit in hits.iter().take(SHOWN_MAX) {
        tell(&mut text, hit);
    }
    if hits.len() > SHOWN_MAX {
        let more = hits.len() - SHOWN_MAX;
        put(&mut text, format_args!("  and {more} more\n"));
    }
    text
}

fn line(text: &mut String, row: &Sighting) {
    let counts = &row.counts;
    put(
        text,
        format_args!(
            "{}: {} connects (at most {} in 1 s, {} in 10 s), {} registered, {} at once at most",
            row.source,
            counts.connects,
            row.connects_max(Within::Second),
            row.connects_max(Within::TenSeconds),
            counts.registrations,
            row.connections_max(),
        ),
    );
    for (count, what) in happened(counts) {
        if count > 0 {
            put(text, format_args!(", {count} {what}"));
        }
    }
    if let Some(ban) = row.first_ban {
        put(text, format_args!(", banned at {}", ban.at));
        if let Some(lasts) = ban.lasts {
            put(text, format_args!(" for {}", seconds(lasts)));
        }
    }
    text.push('\n');
}

fn happened(counts: &Counts) -> [(u64, &'static str); 10] {
    [
        (counts.refused_throttle, "throttled"),
        (
            counts.refused_clone_limit,
            "refused for too many of the address",
        ),
        (
            counts.refused_ident_limit,
            "refused for too many of the user name",
        ),
        (counts.refused_ban, "refused as banned"),
        (counts.closed_by_ban, "closed by a ban"),
        (counts.lines_held, "lines held back"),
        (counts.closed_by_flood, "closed for flooding"),
        (counts.sendq_exceeded, "closed for reading too slowly"),
        (counts.registrations_timed_out, "not registered in time"),
        (counts.closed_by_peer, "closed by their own end"),
    ]
}

fn tell(text: &mut String, hit: &Hit) {
    let what = hit.limit.what();
    let end = if hit.is_banned { "banned" } else { "refused" };
    put(
        text,
        format_args!(
            "  {}: {} {what}, allowed are {}: {end}",
            hit.source, hit.most, hit.allowed
        ),
    );
    if let Some(first) = hit.first {
        put(text, format_args!(" from {first} on"));
    }
    text.push('\n');
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs())
}

fn put(text: &mut String, words: std::fmt::Arguments<'_>) {
    // A string takes all that is written to it.
    let _ = text.write_fmt(words);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::irc::network::Network;
    use crate::irc::network::config::ConnectBan;
    use crate::irc::network::config::NetworkConfig;
    use crate::units::id::ServerId;
    use crate::units::offset::Offset;

    #[test]
    fn what_was_seen_is_told_address_by_address_and_then_what_it_would_have_hit() {
        let mut config = NetworkConfig::default();
        config.limits.connect_ban = Some(ConnectBan {
            connects_max: 6,
            window: Duration::from_secs(10),
            lasts: Duration::from_mins(2),
        });
        let mut network = Network::new(config, Offset::ZERO, 0);
        network.handle_connect(Offset::ZERO, ServerId(0), "192.0.2.7");
        for second in 0..7 {
            network.handle_connect(Offset::from_secs(second), ServerId(0), "192.0.2.1");
        }
        assert_eq!(
            text(network.saw(), Rules::named("usual").unwrap()),
            "192.0.2.1: 7 connects (at most 1 in 1 s, 7 in 10 s), 0 registered, 6 at once at most, 1 refused as banned, 6 closed by a \
             ban, banned at 6.000 s for 120 s\n\
             192.0.2.7: 1 connects (at most 1 in 1 s, 1 in 10 s), 0 registered, 1 at once at most\n\
             at a usual network:\n  \
             192.0.2.1: 6 sessions, allowed are 5: refused from 5.000 s on\n  \
             192.0.2.1: 7 connects in 10 s, allowed are 5: banned from 5.000 s on\n"
        );
        assert!(
            text(&Saw::default(), Rules::named("strict").unwrap())
                .ends_with("nothing would have been refused\n")
        );
    }
}
