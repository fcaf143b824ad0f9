//! The command `replay`: a trace played as it was, measured and judged like any run.

use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use jiff::Span;
use jiff::SpanRelativeTo;
use jiff::Timestamp;

use crate::cli::error;
use crate::cli::error::Error;
use crate::cli::inputs;
use crate::cli::plan;
use crate::cli::run;
use crate::cli::run::DriveArguments;
use crate::cli::traces::Traces;
use crate::drive::interrupt::Hangup;
use crate::drive::interrupt::Interrupt;
use crate::gate::rules::Rules;
use crate::place::Place;
use crate::plan::Plan;
use crate::plan::Source;
use crate::plan::script::Script;
use crate::plan::script::ScriptOptions;
use crate::plan::script::clip::ClipOptions;
use crate::plan::script::clip::Clipping;
use crate::plan::script::clip::When;
use crate::scenario::Condition;
use crate::scenario::Scenario;
use crate::scenario::file;
use crate::units::id::Seed;
use crate::units::rate::Rate;

/// How fast those who were there at the start arrive, unless told otherwise: below what servers throttle per host.
const RAMP: &str = "20/s";
/// Slowest and fastest play: beyond them a minute is a week, or an hour less than a server's own patience.
const SPEEDS: std::ops::RangeInclusive<f64> = 0.001..=10_000.0;
/// What the trace decides and no `--set` can.
const TOLD_BY_TRACE: [&str; 6] = ["population", "phase", "profile", "starts", "heat", "slo"];

/// What a replay's scenario has where `--set` says nothing else. Clients send what the trace tells and no more.
const SCENARIO: &str = "profile = \"trace\"\n[population]\nusers = 1\nchannels = 1\n[client]\nmode_on_join = false\n\
    [phase.replay]\nkind = \"steady\"\nduration = \"1s\"\n";

/// What becomes of the trace, told at the end of the help.
const POLICIES: &str = "\
How a trace becomes traffic:
  connections  One for each user of the trace, kept across NICK. It connects up to 2 s before
               it is needed, at once after its own QUIT. Involuntary quits (ping timeout,
               reset, split, no reason) close the connection without a word.
  the start    Whoever was there when the clip begins joins before it, at the rate of --ramp:
               those of whom the trace tells before the clip, and those who do something in a
               channel of the clip without a JOIN. Who acts later without one (after a QUIT,
               PART or KICK) joins just before. These JOINs are counted as synthetic.
  order        That of the trace; equal stamps keep their order, stamps that run back are
               refused. A connection's own lines keep their order at the target; between two
               connections the distance in time alone keeps it.
  clock        Events of one tick of the trace's clock (tick_us, above 1 ms) lie at sorted
               places inside it, drawn from the seed.
  texts        Probes of the trace's length, at least 1 byte and at most what is relayed to
               everybody.
  MODE, TOPIC, KICK
               Sent where they were, with a text of our own; a target refuses them to who is no
               operator, which is counted. Who was kicked stays out until the trace lets it
               join again.
  left out     Counted with a reason: what no client sends (numerics, notices and modes of
               servers), private messages to who does nothing in the clip, what another log
               told before, JOINs of who is there, PARTs of who is not.
  --speed      Divides all distances. Other than 1 is stress and said to be: nobody ever talked
               so.";

/// Flags of `replay`.
#[derive(Debug, Args)]
#[command(after_long_help = POLICIES)]
pub(crate) struct ReplayArguments {
    /// The trace, plain or compressed; several are parts of one recording, such as a tap's files, in their order.
    #[arg(value_name = "TRACE", required = true)]
    traces: Vec<PathBuf>,
    #[command(flatten)]
    drive: DriveArguments,
    /// How much faster than it was; other than 1 is stress.
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// How often the clip is played; between two times everybody is brought back to where they were at its start.
    #[arg(long = "loop", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    loop_count: u32,
    /// Where the clip begins: a time such as 2026-01-02T03:04:05Z, or a span such as 2h30m after the trace's first event.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    from: Option<When>,
    /// Before which the clip ends, written like --from.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    to: Option<When>,
    /// The one channel to play, as the trace names it.
    #[arg(long, value_name = "PSEUDONYM")]
    channel: Option<String>,
    /// How fast those who were there at the start arrive.
    #[arg(long, value_name = "RATE", default_value = RAMP, value_parser = ramp)]
    ramp: Rate,
    /// The number from which every draw follows: same trace, same seed, same plan.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// A value of the scenario, such as settle=20s, reconnect.first=2s or tolerate.lost=1%; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// A condition that the run must meet, such as "message.response.p99 < 250ms"; may be repeated.
    #[arg(long = "slo", value_name = "CHECK")]
    slos: Vec<String>,
    /// Show what would be done, without doing it; the last line is the plan's digest.
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run, write every action as CSV instead of the summary.
    #[arg(long, requires = "dry_run")]
    events: bool,
}

/// Replays a trace. Returns the verdict's exit code.
pub(crate) fn run(arguments: &ReplayArguments) -> Result<u8, Error> {
    // Before any thread: they inherit what is blocked.
    let interrupt = Interrupt::watch(Hangup::IsIgnored).map_err(|source| Error::System {
        what: "watching for Ctrl-C",
        source,
    })?;
    let scenario = scenario(arguments)?;
    let script = script(arguments, &scenario.name)?;
    if arguments.dry_run {
        let plan = Plan::of_script(scenario, script);
        return plan::print(&plan, arguments.events, arguments.drive.shard_count());
    }
    run::drive(
        &arguments.drive,
        scenario,
        Source::Script(Box::new(script)),
        Path::new("."),
        Seed(arguments.seed),
        interrupt,
    )
}

/// Returns what a replay does beside what the trace tells.
fn scenario(arguments: &ReplayArguments) -> Result<Scenario, Error> {
    let overrides = inputs::overrides(&arguments.sets)?;
    for key in overrides.keys() {
        let table = key.split('.').next().unwrap_or_default();
        if TOLD_BY_TRACE.contains(&table) {
            return Err(Error::Usage {
                what: format!("`{key}` is not a replay's to set"),
                help: "who does what when is told by the trace; conditions are given by --slo"
                    .to_owned(),
            });
        }
    }
    let mut scenario = file::read("replay", SCENARIO, &overrides)?;
    scenario.name = arguments
        .traces
        .first()
        .map_or_else(String::new, |path| stem(path));
    scenario.profile.clone_from(&scenario.name);
    let conditions = arguments.slos.iter().map(|check| Condition {
        check: check.clone(),
        min_samples: 1,
        place: Place::file("--slo"),
    });
    scenario.slos = conditions.collect();
    Rules::resolve(&scenario)?;
    Ok(scenario)
}

/// Reads the trace and returns the script of its clip.
fn script(arguments: &ReplayArguments, name: &str) -> Result<Script, Error> {
    let mut reader = Traces::open(&arguments.traces)?;
    let options = ClipOptions {
        from: arguments.from,
        to: arguments.to,
        channel: arguments.channel.clone(),
    };
    let mut clipping = Clipping::new(reader.meta(), options);
    while let Some(event) = reader.next_event()? {
        if !clipping.push(&event)? {
            break;
        }
    }
    for path in reader.cut() {
        error::say(&format!(
            "note: {path} ends before its end; what is whole of it is played\n"
        ));
    }
    let options = ScriptOptions {
        seed: Seed(arguments.seed),
        speed: arguments.speed,
        loop_count: arguments.loop_count,
        ramp: arguments.ramp,
    };
    Ok(Script::new(name, clipping.finish()?, options)?)
}

/// Returns the name of a trace: its file's, without what tells its format.
fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = [".zst", ".gz", ".csv", ".trace"]
        .iter()
        .fold(&*name, |name, end| name.strip_suffix(end).unwrap_or(name));
    if name.is_empty() {
        "replay".to_owned()
    } else {
        name.to_owned()
    }
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.trim_end_matches(['x', '×']).parse::<f64>();
    speed
        .ok()
        .filter(|speed| SPEEDS.contains(speed))
        .ok_or_else(|| {
            format!(
                "expected a number from {} to {}",
                SPEEDS.start(),
                SPEEDS.end()
            )
        })
}

fn ramp(text: &str) -> Result<Rate, String> {
    text.parse()
        .map_err(|()| "expected a rate, such as 20/s".to_owned())
}

fn when(text: &str) -> Result<When, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(When::At(at.as_microsecond()));
    }
    let span = text.parse::<Span>().ok();
    // No zone is known, so that a day is 24 hours.
    span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok())
        .and_then(|duration| duration.try_into().ok())
        .map(When::After)
        .ok_or_else(|| {
            "expected a time with its zone, such as 2026-01-02T03:04:05Z, or a span, such as 2h30m"
                .to_owned()
        })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;

    #[test]
    fn moments_are_times_or_spans() {
        let hours = |hours: u64| When::After(Duration::from_secs(hours * 3_600));
        for (text, want) in [
            ("1970-01-01T00:00:02Z", Some(When::At(2_000_000))),
            ("1970-01-01T01:00:00.5+01:00", Some(When::At(500_000))),
            ("2h", Some(hours(2))),
            ("1d 1h", Some(hours(25))),
            ("2026-01-02 03:04:05", None),
            ("-1h", None),
            ("soon", None),
        ] {
            assert_eq!(when(text).ok(), want, "{text}");
        }
    }

    #[test]
    fn a_trace_is_named_by_its_file() {
        for (path, want) in [
            ("a/wood.trace.csv.zst", "wood"),
            ("wood", "wood"),
            ("2024.csv", "2024"),
            (".csv", "replay"),
        ] {
            assert_eq!(stem(Path::new(path)), want);
        }
    }

    #[test]
    fn speeds_are_positive_numbers() {
        assert_eq!(speed("2.5"), Ok(2.5));
        assert_eq!(speed("10x"), Ok(10.0));
        for text in ["0", "-1", "NaN", "inf", "fast"] {
            assert!(speed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_scenario_of_a_replay_reads() {
        let scenario = file::read("replay", SCENARIO, &BTreeMap::new()).unwrap();
        assert_eq!(scenario.client.mode_on_join, Some(false));
    }
}
