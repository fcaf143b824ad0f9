//! The summary that a person reads at a glance: the verdict first, then what it rests on.

mod bouncer;
mod timeline;

use std::io;
use std::io::Write;

use crate::gate::figure;
use crate::measure::operation::Operation;
use crate::report::layout::Columns;
use crate::report::layout::WIDTH_MAX;
use crate::report::layout::counted;
use crate::report::layout::elided;
use crate::report::layout::printable;
use crate::report::layout::words;
use crate::report::layout::wrapped;
use crate::report::limits::Limit;
use crate::report::paint::Paint;
use crate::report::paint::Tone;
use crate::report::result::RunResult;
use crate::report::result::Summary;

/// Width of the labels at the left.
const LABEL_WIDTH: usize = 10;
/// Largest count that tables show in full; a column of longer ones would not fit.
const COUNT_SHOWN_MAX: u64 = 999_999;
/// Digits of a digest that tell one profile from another at a glance.
const DIGEST_CHARS_SHOWN: usize = 8;
/// Width of a phase's name in tables.
const PHASE_WIDTH_MAX: usize = 12;
/// Width of a condition in tables.
const CHECK_WIDTH_MAX: usize = 50;
/// Integrity counters beside each other.
const COUNTERS_PER_LINE: usize = 4;
/// Least width of one of them: a name, a count.
const COUNTER_WIDTH: usize = 21;

/// Writes the summary.
///
/// # Errors
///
/// Returns the writer's error.
pub fn write(result: &RunResult, paint: Paint, out: &mut impl Write) -> io::Result<()> {
    let mut page = Page { paint, out };
    page.verdict(result)?;
    page.run(result)?;
    page.replay(result)?;
    page.phases(result)?;
    page.latency(result)?;
    page.deliveries(result)?;
    page.bouncer(result)?;
    page.events(result)?;
    page.migrations(result)?;
    page.marks(result)?;
    page.slos(result)?;
    page.warnings(result)
}

struct Page<'a, W: Write> {
    paint: Paint,
    out: &'a mut W,
}

impl<W: Write> Page<'_, W> {
    fn verdict(&mut self, result: &RunResult) -> io::Result<()> {
        let verdict = &result.verdict;
        let (mark, tone) = match verdict.outcome.as_str() {
            "pass" => ("✓", Tone::Good),
            "fail" | "aborted" | "unreached" => ("✗", Tone::Bad),
            _ => ("!", Tone::Warn),
        };
        let word = format!("{mark} {}", words(&verdict.outcome).to_uppercase());
        writeln!(
            self.out,
            "{}  {}",
            self.paint.text(tone, &word),
            self.paint
                .text(Tone::Strong, &printable(&result.scenario.name))
        )?;
        for reason in &verdict.reasons {
            self.bullet("•", tone, &reason.text)?;
        }
        Ok(())
    }

    fn run(&mut self, result: &RunResult) -> io::Result<()> {
        let scenario = &result.scenario;
        let digest: String = result
            .profile
            .digest
            .chars()
            .take(DIGEST_CHARS_SHOWN)
            .collect();
        writeln!(self.out)?;
        self.label(
            "run",
            &format!(
                "{} {} ({digest}) · seed {} · splitstorm {}",
                if result.replay.is_some() {
                    "trace"
                } else {
                    "profile"
                },
                result.profile.name,
                result.seed,
                result.tool.version
            ),
        )?;
        let learnt = [
            &result.target.server,
            &result.target.version,
            &result.target.network,
        ];
        let learnt = learnt
            .into_iter()
            .flatten()
            .map(|text| format!(" · {text}"));
        let target: String = std::iter::once(result.target.url.clone())
            .chain(learnt)
            .collect();
        self.label("target", &target)?;
        if let Some(process) = &result.target.process {
            self.label("process", &process.text())?;
        }
        let heat = result.realism.heat;
        let heated = if result.realism.is_heated() {
            format!(" · heated ×{heat}")
        } else {
            String::new()
        };
        self.label(
            "load",
            &format!(
                "{} {} · {} channels of {:.1} members{heated}",
                figure::count(scenario.users.into()),
                if result.bouncer.is_some() {
                    "on the networks"
                } else {
                    "users"
                },
                figure::count(scenario.channels.into()),
                scenario.members_per_channel
            ),
        )?;
        if let Some(talk) = &result.realism.talk {
            self.label("realism", &talk.text())?;
        }
        if !result.clients.is_empty() {
            self.label("clients", &result.clients_text())?;
        }
        self.label(
            "time",
            &format!(
                "{} of {} · started {}",
                moment(result.ended_us),
                moment(i64::try_from(scenario.lasts_us).unwrap_or(i64::MAX)),
                result.started
            ),
        )?;
        let host = &result.host;
        let congestion = host
            .congestion_control
            .as_ref()
            .map_or_else(String::new, |name| format!(" · {name}"));
        self.label(
            "generator",
            &format!(
                "{} of {} cores · {}{congestion} · CPU {} · late {}, busy {} of {} intervals",
                counted(u64::from(result.generator.shards), "thread"),
                host.cores,
                host.kernel,
                figure::duration(result.generator.cpu_us),
                figure::count(result.generator.late),
                figure::count(result.generator.busy),
                figure::count(result.generator.intervals)
            ),
        )
    }

    fn replay(&mut self, result: &RunResult) -> io::Result<()> {
        let Some(replay) = &result.replay else {
            return Ok(());
        };
        let mut columns = Columns::new(1, 5);
        columns.push(["event", "in the clip", "planned", "sent", "left out"].map(str::to_owned));
        for (kind, events) in &replay.events {
            columns.push([
                kind.clone(),
                compact(events.clip),
                compact(events.planned),
                compact(events.sent),
                compact(events.left_out.values().sum()),
            ]);
        }
        self.table("Replay", &columns)?;
        let left_out: Vec<String> = replay
            .events
            .iter()
            .filter(|(_, events)| !events.left_out.is_empty())
            .map(|(kind, events)| {
                let reasons = events.left_out.iter();
                let reasons: Vec<String> = reasons
                    .map(|(why, count)| format!("{} {why}", figure::count(*count)))
                    .collect();
                format!("{kind} {}", reasons.join(", "))
            })
            .collect();
        if !left_out.is_empty() {
            self.label("left out", &left_out.join(" · "))?;
        }
        self.label("clip", &replay.clip_text())?;
        self.label("sent late", &replay.lateness_text())
    }

    fn phases(&mut self, result: &RunResult) -> io::Result<()> {
        let mut columns = Columns::new(2, 9);
        columns.push(
            [
                "phase", "kind", "from", "lasts", "planned", "sent", "share", "joined", "ended",
            ]
            .map(str::to_owned),
        );
        for phase in &result.phases {
            columns.push([
                elided(&printable(&phase.name), PHASE_WIDTH_MAX),
                phase.kind.clone(),
                moment(phase.begins_us),
                moment(phase.ends_us - phase.begins_us),
                compact(phase.planned),
                compact(phase.sent),
                achieved(phase.sent, phase.planned),
                compact(phase.registered),
                compact(phase.disconnects.values().sum()),
            ]);
        }
        columns.push([
            "whole run".to_owned(),
            String::new(),
            moment(0),
            moment(result.ended_us),
            compact(result.ledger.planned),
            compact(result.ledger.sent),
            achieved(result.ledger.sent, result.ledger.planned),
            compact(result.registered),
            compact(result.disconnects.values().sum()),
        ]);
        self.table("Messages and connections", &columns)
    }

    fn latency(&mut self, result: &RunResult) -> io::Result<()> {
        let mut columns = Columns::new(1, 8);
        columns.push(
            [
                "from the intended time",
                "count",
                "p50",
                "p90",
                "p99",
                "p99.9",
                "max",
                "service p99",
            ]
            .map(str::to_owned),
        );
        for operation in Operation::ALL {
            if let Some(latency) = result.latency.get(operation.name()) {
                push_times(
                    &mut columns,
                    operation.name(),
                    &latency.response,
                    &figure::duration(latency.service.p99),
                );
            }
        }
        push_times(&mut columns, "sent late (generator)", &result.lateness, "");
        push_times(&mut columns, "blocked (target)", &result.blocked, "");
        self.table("Latency", &columns)
    }

    fn deliveries(&mut self, result: &RunResult) -> io::Result<()> {
        let ledger = &result.ledger;
        self.heading("Deliveries")?;
        let seen = figure::ratio(ledger.delivered, ledger.required).unwrap_or(0.0);
        self.label(
            "required",
            &format!(
                "{} of {} seen, {} · beside them {} optional, {} of strangers",
                figure::count(ledger.delivered),
                figure::count(ledger.required),
                figure::share(seen),
                figure::count(ledger.delivered_optional),
                figure::count(ledger.foreign)
            ),
        )?;
        self.label(
            "presence",
            &format!(
                "{} of {} changes seen",
                figure::count(ledger.presence_seen),
                figure::count(ledger.presence_required)
            ),
        )?;
        let counters = result.integrity.iter();
        let counters: Vec<(bool, String)> = counters
            .filter(|check| ledger.breaches.contains_key(&check.counter))
            .map(|check| {
                let count = figure::count(check.count);
                (check.holds, format!("{} {count}", check.counter))
            })
            .collect();
        let longest = counters.iter().map(|(_, text)| text.len() + 1).max();
        let width = longest.unwrap_or(0).max(COUNTER_WIDTH);
        for line in counters.chunks(COUNTERS_PER_LINE.min(WIDTH_MAX / (width + 2)).max(1)) {
            let cells = line.iter().map(|(holds, text)| {
                let (mark, tone) = mark(*holds);
                format!("{} {text:width$}", self.paint.text(tone, mark))
            });
            writeln!(self.out, "  {}", cells.collect::<String>().trim_end())?;
        }
        self.reasons("not sent", &ledger.not_sent)?;
        self.reasons("refused", &result.refused)?;
        self.limits(&result.limits)?;
        self.reasons("ended", &result.disconnects)
    }

    fn reasons(
        &mut self,
        label: &str,
        counts: &std::collections::BTreeMap<String, u64>,
    ) -> io::Result<()> {
        let mut named: Vec<(&String, u64)> = counts
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(name, count)| (name, *count))
            .collect();
        if named.is_empty() {
            return Ok(());
        }
        named.sort_by_key(|(name, count)| (u64::MAX - count, *name));
        let named: Vec<String> = named
            .iter()
            .map(|(name, count)| format!("{} {name}", figure::count(*count)))
            .collect();
        self.label(label, &named.join(" · "))
    }

    /// Writes what lifts the limits that bit, each piece of advice once.
    fn limits(&mut self, limits: &[Limit]) -> io::Result<()> {
        let mut told: Vec<(&str, Vec<&str>)> = Vec::new();
        for limit in limits {
            match told.iter_mut().find(|(advice, _)| *advice == limit.advice) {
                Some((_, reasons)) => reasons.push(&limit.reason),
                None => told.push((&limit.advice, vec![&limit.reason])),
            }
        }
        for (advice, reasons) in told {
            self.label("to lift", &format!("{}: {advice}", reasons.join(", ")))?;
        }
        Ok(())
    }

    fn slos(&mut self, result: &RunResult) -> io::Result<()> {
        if result.slo.is_empty() {
            return Ok(());
        }
        self.heading("SLOs")?;
        let mut columns = Columns::new(2, 3);
        for slo in &result.slo {
            columns.push([
                elided(&printable(&slo.check), CHECK_WIDTH_MAX),
                match (slo.measured.is_empty(), slo.samples) {
                    (false, _) => slo.measured.clone(),
                    (true, 0) => "no data".to_owned(),
                    (true, _) => "not over".to_owned(),
                },
                counted(slo.samples, "sample"),
            ]);
        }
        for (line, slo) in columns.lines().iter().zip(&result.slo) {
            let (mark, tone) = mark(slo.holds);
            writeln!(self.out, "  {} {line}", self.paint.text(tone, mark))?;
        }
        Ok(())
    }

    fn warnings(&mut self, result: &RunResult) -> io::Result<()> {
        if result.warnings.is_empty() {
            return Ok(());
        }
        self.heading("Before you trust it")?;
        for warning in &result.warnings {
            self.bullet("!", Tone::Warn, warning)?;
        }
        Ok(())
    }

    fn heading(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "\n{}", self.paint.text(Tone::Strong, text))
    }

    /// Writes a table whose first row is small print and whose cells never wrap.
    fn table(&mut self, title: &str, columns: &Columns) -> io::Result<()> {
        self.heading(title)?;
        self.rows(columns)
    }

    fn rows(&mut self, columns: &Columns) -> io::Result<()> {
        for (index, line) in columns.lines().iter().enumerate() {
            let line = if index == 0 {
                self.paint.text(Tone::Faint, line)
            } else {
                line.clone()
            };
            writeln!(self.out, "  {line}")?;
        }
        Ok(())
    }

    fn label(&mut self, label: &str, text: &str) -> io::Result<()> {
        let indent = LABEL_WIDTH + 2;
        for (index, line) in wrapped(&printable(text), WIDTH_MAX - indent)
            .iter()
            .enumerate()
        {
            let label = if index == 0 { label } else { "" };
            let label = format!("{label:LABEL_WIDTH$}");
            writeln!(self.out, "  {}{line}", self.paint.text(Tone::Faint, &label))?;
        }
        Ok(())
    }

    fn bullet(&mut self, mark: &str, tone: Tone, text: &str) -> io::Result<()> {
        for (index, line) in wrapped(&printable(text), WIDTH_MAX - 4).iter().enumerate() {
            if index == 0 {
                writeln!(self.out, "  {} {line}", self.paint.text(tone, mark))?;
            } else {
                writeln!(self.out, "    {line}")?;
            }
        }
        Ok(())
    }
}

fn push_times(columns: &mut Columns, name: &str, times: &Summary, service: &str) {
    if times.count == 0 {
        return;
    }
    columns.push([
        name.to_owned(),
        compact(times.count),
        figure::duration(times.p50),
        figure::duration(times.p90),
        figure::duration(times.p99),
        figure::duration(times.p999),
        figure::duration(times.max),
        service.to_owned(),
    ]);
}

fn mark(holds: bool) -> (&'static str, Tone) {
    if holds {
        ("✓", Tone::Good)
    } else {
        ("✗", Tone::Bad)
    }
}

/// Returns a count in full up to a million, and at three digits above it.
#[expect(
    clippy::cast_precision_loss,
    reason = "three digits are shown of at most fifty-three bits"
)]
fn compact(count: u64) -> String {
    if count <= COUNT_SHOWN_MAX {
        return figure::count(count);
    }
    let millions = count as f64 / 1e6;
    let (value, unit) = if millions < 999.5 {
        (millions, 'M')
    } else {
        (millions / 1e3, 'G')
    };
    format!("{} {unit}", figure::three_digits(value))
}

fn achieved(sent: u64, planned: u64) -> String {
    figure::ratio(sent, planned).map_or_else(|| "–".to_owned(), figure::share)
}

/// Returns a moment or span of the run in seconds, minutes or hours.
fn moment(micros: i64) -> String {
    match u64::try_from(micros) {
        Ok(0) => "0 s".to_owned(),
        Ok(micros) => figure::duration(micros),
        Err(_) => format!("−{}", figure::duration(micros.unsigned_abs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::catalogue::bounced;
    use crate::report::catalogue::failed;
    use crate::report::catalogue::passed;
    use crate::report::catalogue::replayed;

    fn rendered(result: &RunResult, paint: Paint) -> String {
        let mut out = Vec::new();
        write(result, paint, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_pass_fits_a_screen() {
        insta::assert_snapshot!(rendered(&passed(), Paint::Plain));
    }

    #[test]
    fn a_replay_tells_what_became_of_its_trace() {
        insta::assert_snapshot!(rendered(&replayed(), Paint::Plain));
    }

    #[test]
    fn a_bouncer_is_told_with_what_networks_saw_of_it() {
        insta::assert_snapshot!(rendered(&bounced(), Paint::Plain));
    }

    #[test]
    fn a_failure_says_why_before_anything_else() {
        insta::assert_snapshot!(rendered(&failed(), Paint::Plain));
    }

    #[test]
    fn lines_fit_the_width_whatever_the_target_calls_itself() {
        let mut result = failed();
        result.target.server = Some("a ".repeat(200));
        result.warnings.push("word ".repeat(100));
        result.phases[0].name = "p".repeat(200);
        result.phases[0].kind = "mass_disconnect".to_owned();
        result.events[0].phase = "p".repeat(200);
        result.slo[0].check = "c".repeat(200);
        result.ledger.planned = 1_234_567_890;
        result.ledger.sent = 1_234_567_890;
        result.registered = 1_234_567;
        for line in rendered(&result, Paint::Plain).lines() {
            assert!(line.chars().count() <= WIDTH_MAX, "{line}");
        }
    }

    #[test]
    fn counts_of_tables_stay_short() {
        for (count, want) in [
            (999_999, "999,999"),
            (1_234_567, "1.23 M"),
            (999_499_999, "999 M"),
            (999_500_000, "1.00 G"),
        ] {
            assert_eq!(compact(count), want);
        }
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let mut plain = rendered(&failed(), Paint::Colour);
        for code in ["1", "2", "31", "32", "33", "0"] {
            plain = plain.replace(&format!("\x1b[{code}m"), "");
        }
        let trimmed = |text: &str| -> Vec<String> {
            text.lines()
                .map(|line| line.trim_end().to_owned())
                .collect()
        };
        assert_eq!(trimmed(&plain), trimmed(&rendered(&failed(), Paint::Plain)));
    }

    #[test]
    fn a_target_can_not_steer_the_terminal() {
        let mut result = passed();
        result.target.version = Some("evil\x1b[2J".to_owned());
        assert!(!rendered(&result, Paint::Plain).contains('\x1b'));
    }
}
