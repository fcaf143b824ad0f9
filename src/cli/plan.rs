//! The command `plan`: what a run would do, without doing it.

use std::collections::BTreeMap;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::sync::Arc;

use clap::Args;

use crate::cli::error::Error;
use crate::cli::inputs::InputArguments;
use crate::measure::distribution::Distribution;
use crate::plan::Plan;
use crate::plan::action::Action;
use crate::plan::action::Planned;
use crate::plan::digest;
use crate::plan::digest::PlanDigest;
use crate::plan::planner::Planner;
use crate::plan::timeline::PhaseSpan;
use crate::scenario::clients::Basis;
use crate::traffic::profile::Profile;
use crate::units::id::PhaseId;
use crate::units::id::ShardId;
use crate::units::id::Sharding;
use crate::units::offset::Offset;

/// Flags of `plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    inputs: InputArguments,
    /// Write every action as CSV instead of the summary.
    #[arg(long)]
    events: bool,
    /// Make the plan as so many shards would; the digest must not depend on it.
    #[arg(long, value_name = "N", default_value_t = 1)]
    shards: u16,
}

/// Prints a plan; the last line is its digest.
pub(crate) fn run(arguments: &PlanArguments) -> Result<u8, Error> {
    let inputs = arguments.inputs.read()?;
    let plan = inputs.plan(&arguments.inputs.scenario)?;
    print(&plan, arguments.events, arguments.shards)
}

/// Prints a plan as so many shards would make it: every action as CSV, or the summary.
pub(crate) fn print(plan: &Arc<Plan>, has_events: bool, shard_count: u16) -> Result<u8, Error> {
    let count = shard_count.max(1);
    let shardings = (0..count).filter_map(|shard| Sharding::new(ShardId(shard), count));
    let mut planners: Vec<Planner> = shardings
        .map(|sharding| Planner::new(Arc::clone(plan), sharding))
        .collect();
    let mut out = BufWriter::new(io::stdout().lock());
    let written = if has_events {
        events(plan, &mut planners, &mut out)
    } else {
        preview(plan, &mut planners, &mut out)
    };
    match written.and_then(|()| out.flush()) {
        // Whoever reads has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        Err(error) => Err(Error::file("write", "stdout", error)),
        Ok(()) => Ok(0),
    }
}

fn events(plan: &Plan, planners: &mut [Planner], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "at_us,action,user,channel,index,to,bytes,detail")?;
    let mut plan_digest = PlanDigest::default();
    let mut outcome = Ok(());
    digest::for_each(planners, |planned| {
        plan_digest.enter(planned);
        if outcome.is_ok() {
            outcome = event(plan, planned, out);
        }
    });
    outcome?;
    writeln!(out, "# digest {}", plan_digest.finish())
}

fn event(plan: &Plan, planned: &Planned, out: &mut impl Write) -> io::Result<()> {
    write!(out, "{},{},", planned.at.as_micros(), planned.action.name())?;
    if let Some(user) = planned.action.user() {
        write!(out, "{}", plan.names.nick_text(user))?;
    }
    let phase = |phase: PhaseId| plan.scenario.phase(phase).name.as_str();
    match planned.action {
        Action::Say { key, message, .. } => {
            let to = message
                .to
                .map(|to| plan.names.nick_text(to))
                .unwrap_or_default();
            writeln!(
                out,
                ",{},{},{to},{},",
                plan.names.channel_text(key.channel),
                key.index,
                message.bytes
            )
        }
        Action::Mode { channel, .. }
        | Action::Topic { channel, .. }
        | Action::Unspoken { channel } => {
            writeln!(out, ",{},,,,", plan.names.channel_text(channel))
        }
        Action::Kick {
            channel, victim, ..
        } => {
            writeln!(
                out,
                ",{},,{},,",
                plan.names.channel_text(channel),
                plan.names.nick_text(victim)
            )
        }
        Action::Leave { how, event, .. } => {
            writeln!(out, ",,,,,{} {}", how.name(), event.map_or("", phase))
        }
        Action::Lose { cut, event, .. } => {
            writeln!(out, ",,,,,{} {}", cut.name(), phase(event))
        }
        Action::Arrive { event, .. } => writeln!(out, ",,,,,{}", event.map_or("", phase)),
        Action::Upheave { phase: of, .. } => {
            writeln!(out, ",,,,,{}", phase(of))
        }
        Action::Join {
            channel,
            is_synthetic,
            ..
        }
        | Action::Part {
            channel,
            is_synthetic,
            ..
        } => {
            let origin = if is_synthetic { "synthetic" } else { "" };
            writeln!(out, ",{},,,,{origin}", plan.names.channel_text(channel))
        }
        Action::Rename { .. } | Action::ReadBack { .. } => writeln!(out, ",,,,,"),
    }
}

/// Counts of one phase's span.
#[derive(Default)]
struct Counts {
    by_name: BTreeMap<&'static str, u64>,
    private: u64,
}

fn preview(plan: &Plan, planners: &mut [Planner], out: &mut impl Write) -> io::Result<()> {
    let mut plan_digest = PlanDigest::default();
    let mut phases: Vec<Counts> = plan
        .timeline
        .phases
        .iter()
        .map(|_| Counts::default())
        .collect();
    let mut total = Counts::default();
    let mut lengths = Distribution::new();
    digest::for_each(planners, |planned| {
        plan_digest.enter(planned);
        let spans = plan.timeline.phases.iter().zip(&mut phases);
        let covering = spans
            .filter(|(span, _)| span.begins <= planned.at && planned.at < span.ends)
            .map(|(_, counts)| counts);
        for counts in covering.chain([&mut total]) {
            *counts.by_name.entry(planned.action.name()).or_insert(0) += 1;
            if let Action::Say { message, .. } = planned.action {
                counts.private += u64::from(message.to.is_some());
            }
        }
        if let Action::Say { message, .. } = planned.action {
            lengths.record(std::time::Duration::from_micros(u64::from(message.bytes)));
        }
    });
    let population = &plan.population;
    writeln!(out, "scenario  {}", plan.scenario.name)?;
    writeln!(
        out,
        "{:<10}{}{}",
        if plan.script().is_some() {
            "trace"
        } else {
            "profile"
        },
        plan.source_name(),
        if plan.profile().is_some_and(Profile::is_short) {
            " (short)"
        } else {
            ""
        }
    )?;
    writeln!(out, "seed      {}", plan.seed)?;
    let online = population
        .people
        .iter()
        .filter(|person| person.is_online_at_start)
        .count();
    writeln!(
        out,
        "users     {} online at the start, {} in all",
        online,
        population.user_count()
    )?;
    let shares = plan.clients.shares();
    if shares
        .iter()
        .any(|share| share.client.basis != Basis::Stated)
    {
        let counts = plan
            .clients
            .user_counts(population.user_count(), &plan.streams);
        let counted = shares.iter().zip(counts);
        let texts: Vec<String> = counted
            .map(|(share, count)| {
                let client = &share.client;
                format!("{} {count} ({})", client.name, client.basis.name())
            })
            .collect();
        writeln!(out, "clients   {}", texts.join(", "))?;
    }
    writeln!(
        out,
        "channels  {}, {} memberships",
        population.channel_count(),
        population.membership_count()
    )?;
    if plan.scenario.heat > 1.0 {
        writeln!(out, "heated    ×{}", plan.scenario.heat)?;
    }
    writeln!(out, "lasts     {}", plan.timeline.ends)?;
    let quantile = |at| lengths.at_quantile(at).unwrap_or(0);
    writeln!(
        out,
        "lengths   p50 {} B, p90 {} B, p99 {} B",
        quantile(0.5),
        quantile(0.9),
        quantile(0.99)
    )?;
    writeln!(out)?;
    writeln!(
        out,
        "{:<16}{:<16}{:>9}{:>9}{:>10}{:>9}{:>9}{:>9}",
        "phase", "kind", "begins", "ends", "messages", "private", "arrive", "leave"
    )?;
    for ((phase, span), counts) in plan
        .scenario
        .phases
        .iter()
        .zip(&plan.timeline.phases)
        .zip(&phases)
    {
        row(out, &phase.name, phase.kind.name(), *span, counts)?;
    }
    row(
        out,
        "all",
        "",
        PhaseSpan {
            begins: Offset::ZERO,
            ends: plan.timeline.ends,
        },
        &total,
    )?;
    writeln!(out)?;
    for (name, count) in &total.by_name {
        writeln!(out, "{name:<16}{count:>9}")?;
    }
    writeln!(out, "\ndigest {}", plan_digest.finish())
}

fn row(
    out: &mut impl Write,
    name: &str,
    kind: &str,
    span: PhaseSpan,
    counts: &Counts,
) -> io::Result<()> {
    let moment = |at: Offset| format!("{:.1}s", at.as_secs_f64());
    let (begins, ends) = if span.begins == Offset::NEVER {
        ("on".to_owned(), "demand".to_owned())
    } else {
        (moment(span.begins), moment(span.ends))
    };
    let of = |name: &str| counts.by_name.get(name).copied().unwrap_or(0);
    let messages = of("message") + of("action") + of("notice");
    writeln!(
        out,
        "{name:<16}{kind:<16}{begins:>9}{ends:>9}{messages:>10}{:>9}{:>9}{:>9}",
        counts.private,
        of("arrive"),
        of("leave")
    )
}
