//! The command `profile sample`: a trace of what a profile generates, to look at or to replay.

use std::path::PathBuf;

use clap::Args;
use clap::ValueEnum;
use jiff::Timestamp;

use crate::cli::error;
use crate::cli::error::Error;
use crate::cli::files;
use crate::cli::inputs;
use crate::place::Misread;
use crate::place::Place;
use crate::traffic::profile::DAY_SECS;
use crate::traffic::trace::event::TraceMeta;
use crate::traffic::trace::write::TraceWriter;
use crate::units::id::Seed;

/// Longest sample in days: ten years, so that seconds of it fit 32 bits.
const DAYS_MAX: u32 = 3_650;

/// Flags of `profile sample`.
#[derive(Debug, Args)]
pub(crate) struct SampleArguments {
    /// The folder of the profile.
    #[arg(value_name = "DIR")]
    profile: PathBuf,
    /// The trace to write; compressed if it ends in .zst, `-` for stdout.
    #[arg(short, long, value_name = "TRACE")]
    output: PathBuf,
    /// How many days.
    #[arg(long, value_name = "N", default_value_t = 28, value_parser = clap::value_parser!(u32).range(1..=i64::from(DAYS_MAX)))]
    days: u32,
    /// When it begins, such as 2026-01-05T00:00:00Z [default: where the capture began].
    #[arg(long, value_name = "WHEN")]
    from: Option<Timestamp>,
    /// The generator of the talk.
    #[arg(long, value_enum, default_value_t = TalkWord::Model)]
    generator: TalkWord,
    /// The number from which every draw follows.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// A generator of talk, as typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum TalkWord {
    /// The profile's model.
    Model,
    /// The capture's own talk, block by block: needs a profile of `profile fit --keep-rows`.
    Resample,
}

/// Writes a sample of a profile.
pub(crate) fn run(arguments: &SampleArguments) -> Result<u8, Error> {
    let profile = inputs::read_profile(&arguments.profile)?;
    let from = match arguments.from {
        Some(from) => from,
        None => profile.provenance().first.parse().map_err(|_| {
            let what = format!("expected a moment, found `{}`", profile.provenance().first);
            Misread::new(what, Place::file(files::shown(&arguments.profile)))
                .with_help("name a beginning by --from")
        })?,
    };
    let (seed, start_us) = (Seed(arguments.seed), from.as_microsecond());
    let secs = arguments.days * DAY_SECS;
    let sample = match arguments.generator {
        TalkWord::Model => profile.sample(seed, start_us, secs),
        TalkWord::Resample => profile.resample(seed, start_us, secs).map_err(|error| {
            let place = Place::file(files::shown(&arguments.profile));
            Misread::new(error.to_string(), place).with_help(error.help())
        })?,
    };
    let meta = TraceMeta {
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        zone: "UTC".to_owned(),
        tick_us: 1,
        has_names: false,
        has_text: false,
        overlaps: Vec::new(),
    };
    files::write(&arguments.output, |output| {
        let mut writer = TraceWriter::create(output, &meta)?;
        for event in sample.views() {
            writer.write_view(&event)?;
        }
        writer.finish().map(|_| ())
    })?;
    error::say(&format!(
        "{} events to {}; {} more that nobody was there to say\n",
        sample.event_count(),
        files::shown(&arguments.output),
        sample.unspoken_count()
    ));
    Ok(0)
}
