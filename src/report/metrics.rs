//! Every number of a result as CSV, one a row, under the names that conditions use.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;
use std::io::Write;

use crate::report::bouncer::Bouncer;
use crate::report::bouncer::Network;
use crate::report::result::Latency;
use crate::report::result::RunResult;
use crate::report::result::Summary;

/// Writes `scope,metric,value,unit`; the scope is `run` or `phase.<name>`. The first row of a run that was cut short says when.
///
/// # Errors
///
/// Returns the writer's error.
pub fn write(result: &RunResult, out: &mut impl Write) -> io::Result<()> {
    let mut rows = Rows {
        out: csv::Writer::from_writer(out),
        scope: "run".to_owned(),
    };
    rows.out
        .write_record(["scope", "metric", "value", "unit"])
        .map_err(io::Error::other)?;
    // A number that a whole run would have made otherwise must not be taken for one of a whole run.
    if result.is_cut_short() {
        let ended_us = u64::try_from(result.ended_us).unwrap_or(0);
        rows.row("cut_short", ended_us, "us")?;
    }
    rows.latency(&result.latency)?;
    rows.times("lateness", &result.lateness)?;
    rows.times("blocked", &result.blocked)?;
    let ledger = &result.ledger;
    for (name, count) in [
        ("planned", ledger.planned),
        ("sent", ledger.sent),
        ("registered", result.registered),
        ("ledger.unspoken", ledger.unspoken),
        ("ledger.required", ledger.required),
        ("ledger.delivered", ledger.delivered),
        ("ledger.delivered_optional", ledger.delivered_optional),
        ("ledger.echoes", ledger.echoes),
        ("ledger.foreign", ledger.foreign),
        ("ledger.presence_required", ledger.presence_required),
        ("ledger.presence_seen", ledger.presence_seen),
    ] {
        rows.row(name, count, "count")?;
    }
    rows.counts("ledger", &ledger.breaches)?;
    rows.counts("not_sent", &ledger.not_sent)?;
    rows.counts("refused", &result.refused)?;
    rows.counts("disconnects", &result.disconnects)?;
    for event in &result.events {
        let recover = format!("recover.{}", event.phase);
        if let Some(micros) = event.recover_us {
            rows.row(&recover, micros, "us")?;
        }
        for (figure, micros) in [
            ("p50", event.whole_p50_us),
            ("p95", event.whole_p95_us),
            ("p99", event.whole_p99_us),
            ("latency", event.latency_back_us),
        ] {
            if let Some(micros) = micros {
                rows.row(&format!("{recover}.{figure}"), micros, "us")?;
            }
        }
        rows.times(&format!("{recover}.bystanders"), &event.bystanders)?;
        rows.row(&format!("{recover}.lost"), event.window_lost, "count")?;
        rows.row(&format!("{recover}.affected"), event.affected, "count")?;
        rows.row(&format!("{recover}.recovered"), event.recovered, "count")?;
    }
    if let Some(bouncer) = &result.bouncer {
        rows.bouncer(bouncer)?;
    }
    for phase in &result.phases {
        rows.scope = format!("phase.{}", phase.name);
        rows.latency(&phase.latency)?;
        rows.times("lateness", &phase.lateness)?;
        rows.times("blocked", &phase.blocked)?;
        rows.row("planned", phase.planned, "count")?;
        rows.row("sent", phase.sent, "count")?;
        rows.row("registered", phase.registered, "count")?;
        rows.counts("refused", &phase.refused)?;
        rows.counts("disconnects", &phase.disconnects)?;
    }
    rows.out.flush()
}

struct Rows<W: Write> {
    out: csv::Writer<W>,
    scope: String,
}

impl<W: Write> Rows<W> {
    fn row(&mut self, metric: &str, value: impl Display, unit: &str) -> io::Result<()> {
        self.out
            .write_record([&self.scope, metric, &value.to_string(), unit])
            .map_err(io::Error::other)
    }

    fn latency(&mut self, latency: &BTreeMap<String, Latency>) -> io::Result<()> {
        for (operation, times) in latency {
            self.times(&format!("{operation}.response"), &times.response)?;
            self.times(&format!("{operation}.service"), &times.service)?;
        }
        Ok(())
    }

    fn times(&mut self, name: &str, times: &Summary) -> io::Result<()> {
        self.row(&format!("{name}.count"), times.count, "count")?;
        if times.count == 0 {
            // A quantile of nothing is no zero.
            return Ok(());
        }
        for (point, value) in [
            ("min", times.min),
            ("p50", times.p50),
            ("p90", times.p90),
            ("p99", times.p99),
            ("p999", times.p999),
            ("max", times.max),
        ] {
            self.row(&format!("{name}.{point}"), value, "us")?;
        }
        Ok(())
    }

    /// Writes a number that is not always known.
    fn known(&mut self, metric: &str, value: Option<impl Display>, unit: &str) -> io::Result<()> {
        value.map_or(Ok(()), |value| self.row(metric, value, unit))
    }

    fn bouncer(&mut self, bouncer: &Bouncer) -> io::Result<()> {
        let played = &bouncer.playbacks;
        for (name, count) in [
            ("users", bouncer.users),
            ("seats", bouncer.seats),
            ("clients", bouncer.clients),
            ("registered", bouncer.registered),
            ("locked_out", bouncer.locked_out),
            ("leaked", u64::from(bouncer.leak.is_some())),
            ("playbacks.sessions", played.sessions),
            ("playbacks.lines", played.lines),
        ] {
            self.row(&format!("bouncer.{name}"), count, "count")?;
        }
        self.known("bouncer.absent", bouncer.absent, "count")?;
        self.row("bouncer.playbacks.lasted", played.lasted_us, "us")?;
        let rate = played.lines_per_sec;
        self.known("bouncer.playbacks.lines_per_sec", rate, "per_s")?;
        self.known("bouncer.ready_in", bouncer.ready_in_us, "us")?;
        let bytes = bouncer.rss_bytes_per_user;
        self.known("bouncer.rss_bytes_per_user", bytes, "bytes")?;
        let micros = bouncer.cpu_micros_per_1000_lines;
        self.known("bouncer.cpu_micros_per_1000_lines", micros, "us")?;
        for network in &bouncer.networks {
            self.network(network)?;
        }
        Ok(())
    }

    /// Writes what one network saw of a bouncer, all its addresses together.
    fn network(&mut self, network: &Network) -> io::Result<()> {
        let prefix = format!("bouncer.networks.{}", network.network);
        let at_once = network.sources.iter().map(|source| source.connections_max);
        for (name, count) in [
            ("seats", network.seats),
            ("registered", network.registered),
            ("locked_out", network.locked_out),
            ("connects", network.sum(|source| source.connects)),
            ("connects_per_sec_max", network.connects_per_sec_max()),
            ("connections_max", at_once.max().unwrap_or(0)),
            ("refused", network.sum(|source| source.refused)),
            ("floods", network.sum(|source| source.floods)),
            ("half_open", network.half_open),
        ] {
            self.row(&format!("{prefix}.{name}"), count, "count")?;
        }
        let logins = network.logins;
        for (name, count) in [
            ("succeeded", logins.map(|logins| logins.succeeded)),
            ("refused", logins.map(|logins| logins.refused)),
            ("outages", logins.map(|logins| logins.outages)),
        ] {
            self.known(&format!("{prefix}.logins.{name}"), count, "count")?;
        }
        let locked_out = network.locked_out_for_us;
        self.known(&format!("{prefix}.locked_out_for"), locked_out, "us")?;
        let banned = network.sources.iter().filter_map(|source| source.banned_us);
        self.known(&format!("{prefix}.banned"), banned.max(), "us")?;
        for (number, event) in (1..).zip(&network.returns) {
            let prefix = format!("{prefix}.return.{number}");
            self.row(&format!("{prefix}.lost"), event.lost, "count")?;
            self.row(&format!("{prefix}.returned"), event.returned, "count")?;
            self.row(&format!("{prefix}.never"), event.never, "count")?;
            self.known(&format!("{prefix}.first_in"), event.first_in_us, "us")?;
            self.known(&format!("{prefix}.last_in"), event.last_in_us, "us")?;
            let rate = event.returns_per_sec;
            self.known(&format!("{prefix}.returns_per_sec"), rate, "per_s")?;
        }
        Ok(())
    }

    /// Writes the total under `name` where the counts are of one thing by reason, and each of them.
    fn counts(&mut self, name: &str, counts: &BTreeMap<String, u64>) -> io::Result<()> {
        if name != "ledger" {
            self.row(name, counts.values().sum::<u64>(), "count")?;
        }
        for (reason, count) in counts {
            self.row(&format!("{name}.{reason}"), *count, "count")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::catalogue::bounced;
    use crate::report::catalogue::failed;

    #[test]
    fn numbers_stand_under_the_names_that_conditions_use() {
        let mut out = Vec::new();
        write(&failed(), &mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }

    #[test]
    fn a_bouncers_numbers_stand_by_network_and_event() {
        let mut out = Vec::new();
        write(&bounced(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let rows = text.lines().filter(|row| row.contains(",bouncer."));
        insta::assert_snapshot!(rows.collect::<Vec<_>>().join("\n"));
    }
}
