//! The summary as Markdown: `summary.md`, and what a pipeline shows beside its run.

use std::fmt::Write as _;
use std::io;
use std::io::Write;

use crate::gate::figure;
use crate::measure::operation::Operation;
use crate::report::layout::printable;
use crate::report::layout::words;
use crate::report::migration::HEADS;
use crate::report::result::RunResult;

/// Writes the summary.
///
/// # Errors
///
/// Returns the writer's error.
pub fn write(result: &RunResult, out: &mut impl Write) -> io::Result<()> {
    verdict(result, out)?;
    realism(result, out)?;
    clients(result, out)?;
    replay(result, out)?;
    slos(result, out)?;
    latency(result, out)?;
    integrity(result, out)?;
    bouncer(result, out)?;
    events(result, out)?;
    migrations(result, out)?;
    marks(result, out)?;
    phases(result, out)?;
    limits(result, out)?;
    warnings(result, out)
}

fn verdict(result: &RunResult, out: &mut impl Write) -> io::Result<()> {
    let verdict = &result.verdict;
    let mark = if verdict.outcome == "pass" {
        "✅"
    } else {
        "❌"
    };
    writeln!(
        out,
        "# {mark} {}: {}\n",
        words(&verdict.outcome),
        inline(&result.scenario.name)
    )?;
    for reason in &verdict.reasons {
        writeln!(out, "- {}", inline(&reason.text))?;
    }
    if !verdict.reasons.is_empty() {
        writeln!(out)?;
    }
    writeln!(
        out,
        "{} {} in {} channels for {} against {}; {} {}, seed {}, started {}, splitstorm {}.",
        figure::count(result.scenario.users.into()),
        if result.bouncer.is_some() {
            "on the networks"
        } else {
            "users"
        },
        figure::count(result.scenario.channels.into()),
        figure::duration(u64::try_from(result.ended_us).unwrap_or(0)),
        code(&result.target.url),
        if result.replay.is_some() {
            "trace"
        } else {
            "profile"
        },
        code(&result.profile.name),
        result.seed,
        result.started,
        result.tool.version
    )
}

fn realism(result: &RunResult, out: &mut impl Write) -> io::Result<()> {
    let Some(talk) = &result.realism.talk else {
        return Ok(());
    };
    writeln!(out, "\nRealism: {}.", inline(&talk.text()))
}

fn clients(result: &RunResult, out: &mut impl Write) -> io::Result<()> {
    if result.clients.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nClients: {}.", inline(&result.clients_text()))
}

fn replay(result: &RunResult, out: &mut impl Write) -> io::Result<()> {
    let Some(replay) = &result.replay else {
        return Ok(());
    };
    head(
        out,
        "Replay",
        "| event | in the clip | planned | sent | left out |",
        "|---|---:|---:|---:|---|",
    )?;
    for (kind, events) in &replay.events {
        let left_out: Vec<String> = events
            .left_out
            .iter()
            .map(|(why, count)| format!("{} {}", figure::count(*count), inline(why)))
            .collect();
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            inline(kind),
            figure::count(events.clip),
            figure::count(events.planned),
            figure::count(events.sent),
            left_out.join(", ")
        )?;
    }
    writeln!(
        out,
        "\n{}; sent late: {}.",
        replay.clip_text(),
        replay.lateness_text()
    )
}

fn slos(result: &RunResult, out: &mut impl Write) -> io::Result<()> {
    if result.slo.is_empty() {
        return Ok(());
    }
    head(
        out,
        "SLOs",
        "| | SLO | measured | samples |",
        "|---|---|---|---:|",
    )?;
    for slo in &result.slo {
        let measured = match (slo.measured.is_empty(), slo.samples) {
            (false, _) => &slo.measured,
            (true, 0) => "no data",
            (true, _) => "not over",
        };
        writeln!(
            out,
            "| {} | {} | {} | {} |",
            mark(slo.holds),
            code(&slo.check),
            inline(measured),
            figure::count(slo.samples)
        )?;
    }
    Ok(())
}

fn latency(result: &RunResult, out: &mut impl Write) -> io::Result<()> {
    head(
        out,
        "Latency",
        "| response | count | p50 | p90 | p99 | p99.9 | max | service p99 |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    )?;
    let operations = Operation::ALL.iter().filter_map(|operation| {
        let latency = result.latency.get(operation.name())?;
        let service = figure::duration(latency.service.p99);
        Some((operation.name(), latency.response, service))
    });
    let ours = [
        ("lateness (generator)", result.lateness, String::new()),
        ("blocked (target)", result.blocked, String::new()),
    ];
    for (name, times, service) in operations.chain(ours) {
        if times.count > 0 {
            writeln!(
                out,
                "| {name} | {} | {} | {} | {} | {} | {} | {service} |",
                figure::count(times.count),
                figure::duration(times.p50),
                figure::duration(times.p90),
                figure::duration(times.p99),
                figure::duration(times.p999),
                figure::duration(times.max)
            )?;
        }
    }
    Ok(())
}

fn integrity(result: &RunResult, out: &mut impl Write) -> io::Result<()> {
    head(
        out,
        "Integrity",
        "| | counter | count | of | tolerated |",
        "|---|---|---:|---:|---:|",
    )?;
    for check in &result.integrity {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            mark(check.holds),
            code(&check.counter),
            figure::count(check.count),
            figure::count(check.basis),
            figure::share(check.tolerated)
        )?;
    }
    Ok(())
}

fn bouncer(result: &RunResult, out: &mut impl Write) -> io::Result<()> {
    let Some(bouncer) = &result.bouncer else {
        return Ok(());
    };
    writeln!(out, "\n## Bouncer\n")?;
    writeln!(out, "- {}", inline(&bouncer.users_text()))?;
    writeln!(out, "- played back: {}", inline(&bouncer.playback_text()))?;
    if let Some(healed) = bouncer.healed_text() {
        writeln!(out, "- {}", inline(&healed))?;
    }
    if let Some(cost) = bouncer.cost_text() {
        writeln!(out, "- {}", inline(&cost))?;
    }
    if let Some(dropped) = result.ledger.dropped_text() {
        writeln!(out, "- {dropped}")?;
    }
    for (kind, fate) in bouncer.fates() {
        writeln!(out, "- {kind} networks {}", inline(&fate))?;
    }
    for network in &bouncer.networks {
        for event in &network.returns {
            let name = inline(&network.network);
            writeln!(out, "- queue on {name}: {}", inline(&event.text()))?;
        }
    }
    for (what, text) in bouncer.befell() {
        writeln!(out, "- {what} on {}", inline(&text))?;
    }
    for locked_out in bouncer.locked_out() {
        writeln!(out, "- ❌ locked out: {}", inline(&locked_out))?;
    }
    if let Some(leak) = &bouncer.leak {
        writeln!(out, "- ❌ leaked: {}", inline(&leak.text()))?;
    }
    writeln!(
        out,
        "\n| network | from | connects | in a second | at once | registered | refused | banned |\n\
         |---|---|---:|---:|---:|---:|---:|---:|"
    )?;
    for network in &bouncer.networks {
        for source in &network.sources {
            writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                inline(&network.network),
                code(&source.address),
                figure::count(source.connects),
                figure::count(source.connects_per_sec_max),
                figure::count(source.connections_max),
                figure::count(source.registered),
                figure::count(source.refused),
                source.banned_text()
            )?;
        }
    }
    Ok(())
}

fn events(result: &RunResult, out: &mut impl Write) -> io::Result<()> {
    if result.events.is_empty() {
        return Ok(());
    }
    head(
        out,
        "Recovery",
        "| event | kind | hit | whole again | half | 95 % | all | latency back | lost | bystanders p99 |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    )?;
    for event in &result.events {
        let timed = |micros: Option<u64>| micros.map_or("–".to_owned(), figure::duration);
        let recover = match (event.is_over, event.recover_us) {
            (true, Some(micros)) => figure::duration(micros),
            (true, None) => "–".to_owned(),
            (false, _) => "not over".to_owned(),
        };
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {recover} | {} | {} | {} |",
            inline(&event.phase),
            event.kind,
            figure::count(event.affected),
            figure::count(event.recovered),
            timed(event.whole_p50_us),
            timed(event.whole_p95_us),
            timed(event.latency_back_us),
            figure::count(event.window_lost),
            timed(Some(event.bystanders.p99).filter(|_| event.bystanders.count > 0)),
        )?;
    }
    Ok(())
}

fn migrations(result: &RunResult, out: &mut impl Write) -> io::Result<()> {
    if result.migrations.is_empty() {
        return Ok(());
    }
    let heads = format!("| {} |", HEADS.join(" | "));
    head(
        out,
        "Migration",
        &heads,
        "|---|---:|---:|---:|---:|---:|---:|",
    )?;
    for migration in &result.migrations {
        let cells = migration.cells(&inline(&migration.phase));
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    Ok(())
}

fn marks(result: &RunResult, out: &mut impl Write) -> io::Result<()> {
    if result.marks.is_empty() {
        return Ok(());
    }
    head(out, "Steered", "| at | what | note |", "|---:|---|---|")?;
    for mark in &result.marks {
        writeln!(
            out,
            "| {} | {} | {} |",
            figure::duration(mark.at_us.unsigned_abs()),
            inline(&mark.kind),
            inline(&mark.text)
        )?;
    }
    Ok(())
}

fn phases(result: &RunResult, out: &mut impl Write) -> io::Result<()> {
    head(
        out,
        "Phases",
        "| phase | kind | planned | sent | registered | message p99 | refused | disconnects |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    )?;
    for phase in &result.phases {
        let message = phase.latency.get(Operation::Message.name()).map_or_else(
            || "–".to_owned(),
            |times| figure::duration(times.response.p99),
        );
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {message} | {} | {} |",
            inline(&phase.name),
            phase.kind,
            figure::count(phase.planned),
            figure::count(phase.sent),
            figure::count(phase.registered),
            figure::count(phase.refused.values().sum()),
            figure::count(phase.disconnects.values().sum())
        )?;
    }
    Ok(())
}

fn limits(result: &RunResult, out: &mut impl Write) -> io::Result<()> {
    if result.limits.is_empty() {
        return Ok(());
    }
    head(
        out,
        "Limits that bit",
        "| reason | times | what lifts it |",
        "|---|---:|---|",
    )?;
    for limit in &result.limits {
        let count = figure::count(limit.count);
        let advice = inline(&limit.advice);
        writeln!(out, "| {} | {count} | {advice} |", inline(&limit.reason))?;
    }
    Ok(())
}

fn warnings(result: &RunResult, out: &mut impl Write) -> io::Result<()> {
    if result.warnings.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Before you trust it\n")?;
    for warning in &result.warnings {
        writeln!(out, "- {}", inline(warning))?;
    }
    Ok(())
}

fn head(out: &mut impl Write, title: &str, columns: &str, rule: &str) -> io::Result<()> {
    writeln!(out, "\n## {title}\n\n{columns}\n{rule}")
}

fn mark(holds: bool) -> &'static str {
    if holds { "✅" } else { "❌" }
}

/// Returns text that Markdown shows as it is: a target's own words must not become markup.
fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '|' | '*' | '_' | '[' | ']' | '\\' | '#' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\{c}");
            }
            // Conditions stand between backquotes already, where nothing else is markup.
            _ => out.push(c),
        }
    }
    if out.matches('`').count() % 2 == 1 {
        out = out.replace('`', "'");
    }
    unescaped_in_code(&out)
}

/// Between backquotes Markdown takes escapes literally: they are undone there.
fn unescaped_in_code(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(index, part)| {
        if index % 2 == 0 {
            part.to_owned()
        } else {
            let plain = part.replace("&lt;", "<").replace("&amp;", "&");
            plain
                .replace("\\_", "_")
                .replace("\\*", "*")
                .replace("\\#", "#")
        }
    });
    parts.collect::<Vec<String>>().join("`")
}

fn code(text: &str) -> String {
    let text = printable(text).replace('`', "'").replace('|', "\\|");
    format!("`{text}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::catalogue::bounced;
    use crate::report::catalogue::failed;
    use crate::report::catalogue::passed;
    use crate::report::catalogue::replayed;

    fn rendered(result: &RunResult) -> String {
        let mut out = Vec::new();
        write(result, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_pass_is_summed_up() {
        insta::assert_snapshot!(rendered(&passed()));
    }

    #[test]
    fn a_replay_tells_what_became_of_its_trace() {
        insta::assert_snapshot!(rendered(&replayed()));
    }

    #[test]
    fn a_bouncer_is_summed_up_with_what_networks_saw_of_it() {
        insta::assert_snapshot!(rendered(&bounced()));
    }

    #[test]
    fn a_failure_is_summed_up_with_its_reasons() {
        insta::assert_snapshot!(rendered(&failed()));
    }

    #[test]
    fn words_of_others_do_not_become_markup() {
        for (text, want) in [
            ("a|b", "a\\|b"),
            ("<img src=x>", "&lt;img src=x>"),
            ("`a < 1_0` is_so", "`a < 1_0` is\\_so"),
            ("odd ` one", "odd ' one"),
        ] {
            assert_eq!(inline(text), want);
        }
    }
}
