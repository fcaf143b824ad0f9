//! The command `profile drift`: whether fresh traffic still resembles the capture of a profile.

use std::io;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use crate::cli::error::Error;
use crate::cli::files;
use crate::cli::inputs;
use crate::cli::profile;
use crate::report::drift::counted as report;
use crate::report::drift::file;
use crate::report::drift::text;
use crate::traffic::fidelity::alarm;
use crate::traffic::fidelity::counted;
use crate::traffic::fidelity::outcome::Outcome;
use crate::traffic::profile::Profile;
use crate::traffic::profile::fit::counters::Counters;

/// Exit code of drift.
const DRIFTED: u8 = 1;

/// Exit code of a check that can tell nothing.
const INCONCLUSIVE: u8 = 6;

/// What the alarm does, told at the end of the help.
pub(crate) const RULE: &str = "\
How it is judged:
  A week has eleven statistics: messages and churn an hour, their ratio, the mix of kinds, burstiness
  in minutes, in ten minutes and within hours, the median gap and the gaps' distribution, speakers,
  lengths. Each is held against the last 8 weeks of the profile's capture, in scales of what it
  differed there from week to week. Drift is the same statistic off by more than 2.5 to the same
  side in two weeks running. Weeks in which the logger was mostly away are none. The table shows the
  two neighbouring weeks in which each statistic lies off most.

  Beside the verdict stands what it is worth for this profile: how often the alarm is false, and how
  often it tells traffic of another mix, twice, half, without bursts or with twice the churn. That
  was measured when the profile was fitted, on its capture: 21 watched weeks or more are needed.

  Counters are judged apart: two weeks running in which a figure differs from the profile's by more
  than a factor of 1.5, or 2 in what is said and joined. These factors are assumed.";

/// Flags of `profile drift`.
#[derive(Debug, Args)]
pub(crate) struct DriftArguments {
    /// The folder of the profile.
    #[arg(value_name = "PROFILE")]
    profile: PathBuf,
    /// The fresh trace, plain or compressed; several are parts of one recording, in their order. What is not after the end of
    /// the profile's capture is left out.
    #[arg(value_name = "FRESH", required_unless_present = "counters")]
    fresh: Vec<PathBuf>,
    /// Fresh counters of the server, as `capture counters` writes them, held against those that the profile was fitted with: two
    /// weeks of them tell without a word of text whether clients behave as they did. With or without a fresh trace.
    #[arg(long, value_name = "FILE")]
    counters: Option<PathBuf>,
    /// Write every statistic of every week and the verdict to a file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Looks for drift. Returns 0 if there is none, 1 if there is, 6 if that can't be told.
pub(crate) fn run(arguments: &DriftArguments) -> Result<u8, Error> {
    let profile = inputs::read_profile(&arguments.profile)?;
    let traffic = if arguments.fresh.is_empty() {
        None
    } else {
        let (meta, events) = profile::read(&arguments.fresh)?;
        Some(alarm::judge(&profile, end_us(&profile), &meta, &events))
    };
    let counted = match &arguments.counters {
        None => None,
        Some(path) => {
            let counters = Counters::read(&files::shown(path), files::open(path)?)?;
            Some(counted::judge(profile.commands(), &counters))
        }
    };
    let (traffic, counted) = (traffic.as_ref(), counted.as_ref());
    if let Some(path) = &arguments.json {
        let json = file::json(profile.name(), traffic, counted).map_err(io::Error::from);
        files::write(path, |output| output.write_all(json?.as_bytes()))?;
    }
    let parts: Vec<String> = traffic
        .map(text::text)
        .into_iter()
        .chain(counted.map(report::text))
        .collect();
    files::print(|output| output.write_all(parts.join("\n").as_bytes()))?;
    Ok(match Outcome::of(traffic, counted) {
        Outcome::NoDrift => 0,
        Outcome::Drift => DRIFTED,
        Outcome::CantTell => INCONCLUSIVE,
    })
}

/// Returns when the profile's capture ended, in microseconds since 1970 UTC; hand-written profiles may not say.
fn end_us(profile: &Profile) -> Option<i64> {
    let last: Timestamp = profile.provenance().last.parse().ok()?;
    Some(last.as_microsecond())
}
