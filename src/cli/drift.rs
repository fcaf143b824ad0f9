//! The command `profile drift`: whether fresh traffic still resembles the capture of a profile.

use std::io;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use crate::cli::error::Error;
use crate::cli::files;
use crate::cli::inputs;
use crate::cli::profile;
use crate::report::drift::file;
use crate::report::drift::text;
use crate::traffic::fidelity::alarm;
use crate::traffic::fidelity::alarm::Verdict;
use crate::traffic::profile::Profile;

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
  was measured when the profile was fitted, on its capture: 21 watched weeks or more are needed.";

/// Flags of `profile drift`.
#[derive(Debug, Args)]
pub(crate) struct DriftArguments {
    /// The folder of the profile.
    #[arg(value_name = "PROFILE")]
    profile: PathBuf,
    /// The fresh trace, plain or compressed; several are parts of one recording, in their order. What is not after the end of
    /// the profile's capture is left out.
    #[arg(value_name = "FRESH", required = true)]
    fresh: Vec<PathBuf>,
    /// Write every statistic of every week and the verdict to a file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Looks for drift. Returns 0 if there is none, 1 if there is, 6 if that can't be told.
pub(crate) fn run(arguments: &DriftArguments) -> Result<u8, Error> {
    let profile = inputs::read_profile(&arguments.profile)?;
    let (meta, events) = profile::read(&arguments.fresh)?;
    let drift = alarm::judge(&profile, end_us(&profile), &meta, &events);
    if let Some(path) = &arguments.json {
        let json = file::json(&drift).map_err(io::Error::from);
        files::write(path, |output| output.write_all(json?.as_bytes()))?;
    }
    files::print(|output| output.write_all(text::text(&drift).as_bytes()))?;
    Ok(match drift.verdict {
        Verdict::NoDrift => 0,
        Verdict::Drift => DRIFTED,
        Verdict::CantTell(_) => INCONCLUSIVE,
    })
}

/// Returns when the profile's capture ended, in microseconds since 1970 UTC; hand-written profiles may not say.
fn end_us(profile: &Profile) -> Option<i64> {
    let last: Timestamp = profile.provenance().last.parse().ok()?;
    Some(last.as_microsecond())
}
