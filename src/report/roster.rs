//! What a roster asks of networks, as text and as JSON, with the words for their operators.

use std::fmt::Write;

use serde::Serialize;

use crate::gate::figure;
use crate::report::document;
use crate::report::layout::Columns;
use crate::report::layout::WIDTH_MAX;
use crate::report::layout::wrapped;
use crate::roster::limits::Need;
use crate::roster::limits::Needs;
use crate::units::span::micros;

/// Version of the JSON's shape.
pub const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct NeedsFile<'a> {
    schema: u32,
    tool: &'static str,
    restart_in_s: f64,
    overlap: bool,
    users: u64,
    sessions: u64,
    sessions_max: u64,
    connects_per_s: f64,
    znc_at_best_s: f64,
    znc_as_shipped_s: f64,
    /// Whether one ZNC takes longer than `restart_in_s`.
    too_fast_for_znc: bool,
    networks: Vec<NetworkFile<'a>>,
}

#[derive(Serialize)]
struct NetworkFile<'a> {
    network: &'a str,
    addresses: Vec<AddressFile>,
    letter: String,
}

#[derive(Serialize)]
struct AddressFile {
    /// Null for the default one.
    egress: Option<String>,
    sessions: u64,
    sessions_max: u64,
    connects_per_s: f64,
    ident: bool,
}

/// Returns the needs as JSON.
///
/// # Errors
///
/// When a number has no place in JSON: a rate, if everybody is to be back in no time.
pub fn json(needs: &Needs) -> Result<String, serde_json::Error> {
    let address = |need: &Need| AddressFile {
        egress: need.egress.map(|address| address.to_string()),
        sessions: need.sessions,
        sessions_max: need.sessions_max,
        connects_per_s: need.connects_per_s,
        ident: need.needs_ident,
    };
    document::text(&NeedsFile {
        schema: SCHEMA,
        tool: env!("CARGO_PKG_VERSION"),
        restart_in_s: needs.moved.restart_in.as_secs_f64(),
        overlap: needs.moved.is_overlapping,
        users: needs.users,
        sessions: needs.sessions,
        sessions_max: needs.sessions_max,
        connects_per_s: needs.connects_per_s,
        znc_at_best_s: needs.znc_at_best.as_secs_f64(),
        znc_as_shipped_s: needs.znc_as_shipped.as_secs_f64(),
        too_fast_for_znc: needs.is_too_fast_for_znc(),
        networks: needs
            .networks()
            .filter_map(|of| {
                Some(NetworkFile {
                    network: of.first()?.network.as_str(),
                    addresses: of.iter().map(address).collect(),
                    letter: letter(needs, of),
                })
            })
            .collect(),
    })
}

/// Returns the needs as text: a table, what is to be said of ZNC, and a paragraph for each network's operators.
pub fn text(needs: &Needs) -> String {
    let mut columns = Columns::new(2, 6);
    columns.push(
        [
            "network",
            "from",
            "sessions",
            "at most",
            "connects/s",
            "ident",
        ]
        .map(str::to_owned),
    );
    for need in &needs.each {
        let ident = if need.needs_ident { "needed" } else { "–" };
        columns.push([
            need.network.to_string(),
            from(need),
            figure::count(need.sessions),
            figure::count(need.sessions_max),
            rate(need.connects_per_s),
            ident.to_owned(),
        ]);
    }
    columns.push([
        "all".to_owned(),
        format!("{} users", figure::count(needs.users)),
        figure::count(needs.sessions),
        figure::count(needs.sessions_max),
        rate(needs.connects_per_s),
        String::new(),
    ]);
    let mut paragraphs = vec![of_znc(needs)];
    if needs.moved.is_overlapping {
        paragraphs.push("at most: the old and the new bouncer hold everybody's sessions side by side. Two sessions of one user need two nicks: the second is refused the first one's.".to_owned());
    }
    let mut out = columns.lines().join("\n");
    out.push('\n');
    for paragraph in paragraphs {
        push(&mut out, &paragraph);
    }
    for of in needs.networks() {
        let network = of.first().map_or("", |need| need.network.as_str());
        let _ = write!(out, "\nTo the operators of {network}:\n");
        push(&mut out, &letter(needs, of));
    }
    out
}

fn push(out: &mut String, paragraph: &str) {
    out.push('\n');
    out.push_str(&wrapped(paragraph, WIDTH_MAX).join("\n"));
    out.push('\n');
}

fn of_znc(needs: &Needs) -> String {
    let duration = |duration| figure::duration(micros(duration));
    let verdict = if needs.is_too_fast_for_znc() {
        "longer than asked for, whatever the networks allow: use several, or take the time"
    } else {
        "within the time asked for"
    };
    format!(
        "Everybody back within {}. One ZNC dials one network a second at best: {} for all, {verdict}. As shipped (one dial of a server in 30 s) it takes {}.",
        duration(needs.moved.restart_in),
        duration(needs.znc_at_best),
        duration(needs.znc_as_shipped),
    )
}

/// Returns the paragraph for the operators of the network that these needs are of.
fn letter(needs: &Needs, of: &[Need]) -> String {
    let sum = |number: fn(&Need) -> u64| of.iter().map(number).sum::<u64>();
    let (sessions, most) = (sum(|need| need.sessions), sum(|need| need.sessions_max));
    let network = of.first().map_or("", |need| need.network.as_str());
    let mut text = format!(
        "Hello, we run an IRC bouncer, and {} of its users {} on {network}. {} to you from {}.",
        figure::count(sessions),
        if sessions == 1 { "is" } else { "are" },
        connections(sessions),
        addresses(of),
    );
    if needs.moved.is_overlapping {
        let _ = write!(
            text,
            " While we move them to a new host there may be twice as many for a time, {} in all.",
            figure::count(most)
        );
    }
    let _ = write!(
        text,
        " After a restart of ours all of them come back, and we would like to bring them back within {}: {} connects a second.",
        figure::duration(micros(needs.moved.restart_in)),
        rate(of.iter().map(|need| need.connects_per_s).sum()),
    );
    if of.iter().any(|need| need.needs_ident) {
        text.push_str(" An ident server answers there and names our user of each connection, so that you can act on one without the others.");
    }
    text.push_str(" Could you allow that many connections, at that rate, or tell us what would suit you better? We keep to what you say, and answer to complaints. Thank you!");
    text
}

fn connections(sessions: u64) -> String {
    if sessions == 1 {
        "One connection comes".to_owned()
    } else {
        format!("{} connections come", figure::count(sessions))
    }
}

fn addresses(of: &[Need]) -> String {
    match of {
        [one] => named(one),
        several => {
            let each = several
                .iter()
                .map(|need| format!("{} ({})", named(need), figure::count(need.sessions)));
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

fn named(need: &Need) -> String {
    need.egress
        .map_or_else(|| "[our address]".to_owned(), |address| address.to_string())
}

fn from(need: &Need) -> String {
    need.egress
        .map_or_else(|| "default".to_owned(), |address| address.to_string())
}

fn rate(per_s: f64) -> String {
    if per_s > 0.0 && per_s < 0.005 {
        "under 0.01".to_owned()
    } else if per_s < 100.0 {
        figure::three_digits(per_s)
    } else {
        format!("{per_s:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::limits::tests::needs;

    #[test]
    fn a_table_and_a_letter_to_each_network() {
        insta::assert_snapshot!(text(&needs(2, true)));
    }

    #[test]
    fn scripts_find_the_same_under_keys() {
        insta::assert_snapshot!(json(&needs(2, false)).unwrap());
    }

    #[test]
    fn a_rate_that_is_small_is_not_none() {
        for (per_s, want) in [
            (0.0, "0.00"),
            (0.001, "under 0.01"),
            (1.234, "1.23"),
            (1e4, "10000"),
        ] {
            assert_eq!(rate(per_s), want);
        }
    }
}
